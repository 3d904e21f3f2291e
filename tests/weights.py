"""Writes model files (GGUF) that have every header of real ones and next to no weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import gguf

Extra = Mapping[str, object]

CHATML = "{% for m in messages %}{{'<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>'}}{% endfor %}"
LLAMA_3 = "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
LLAMA_3_KEYS: dict[str, Any] = {"tokenizer__ggml__pre": "llama-bpe"}
MISTRAL_KEYS: dict[str, Any] = {"words": [f"w{n}" for n in range(32_000)], "ARCH__feed_forward_length": 14_336}
VICUNA_KEYS: dict[str, Any] = {"words": [f"w{n}" for n in range(32_000)], "ARCH__feed_forward_length": 11_008}
"""What tells the base of a model of architecture ``llama``: arguments of ``model``."""
GRIDS = [336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008]
"""Widths and heights of the any-resolution grids of LLaVA 1.6."""
DEEPSTACK_TENSORS = {f"v.deepstack.{layer}.fc1.weight": (2, 2) for layer in (5, 11, 17)}


def model(
    path: Path,
    architecture: str = "llama",
    width: int | None = 4096,
    *,
    words: Iterable[str] = ("a", "b"),
    template: str = "",
    tensors: int = 2,
    parts: int = 1,
    **extra: object,
) -> Path:
    """Write a language model. Keys of *extra* have ``__`` for dots; ``ARCH__`` stands for the architecture.

    With several *parts* llama.cpp's own names are used; the path of the first one is returned.
    """
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=-(-tensors // parts) if parts > 1 else 0)
    if width is not None:
        writer.add_uint32(f"{architecture}.embedding_length", width)
    writer.add_uint32("general.file_type", gguf.LlamaFileType.MOSTLY_Q4_K_M)
    writer.add_token_list([word.encode() for word in words])
    if template:
        writer.add_chat_template(template)
    keys = {"ARCH__context_length": 32768, **extra}
    _extra(writer, {key.replace("ARCH__", f"{architecture}__"): value for key, value in keys.items()})
    for number in range(tensors):
        writer.add_tensor(f"blk.{number}.attn_norm.weight", np.ones(8, np.float32))
    _close(writer)
    return path if parts == 1 else path.with_name(f"{path.stem}-00001-of-{parts:05}.gguf")


def projector(
    path: Path,
    kind: str | None = "mlp",
    tensors: Mapping[str, tuple[int, ...]] | None = None,
    **extra: object,
) -> Path:
    """Write a projector. *tensors* have their shapes as a file has them, the innermost dimension first."""
    writer = gguf.GGUFWriter(path, "clip")
    keys: dict[str, object] = {
        "clip__has_vision_encoder": True,
        "clip__vision__image_size": 336,
        "clip__vision__patch_size": 14,
        **({"clip__projector_type": kind} if kind else {}),
        **extra,
    }
    _extra(writer, {key: value for key, value in keys.items() if value is not None})
    for name, shape in {"v.patch_embd.weight": (2, 2), **(tensors or {})}.items():
        writer.add_tensor(name, np.ones(shape[::-1], np.float16 if len(shape) > 1 else np.float32))
    _close(writer)
    return path


def mlp(path: Path, width: int = 4096, **extra: object) -> Path:
    """A projector of the LLaVA kind."""
    return projector(path, "mlp", {"mm.2.weight": (1, width)}, **extra)


def _extra(writer: gguf.GGUFWriter, keys: Mapping[str, object]) -> None:
    for key, value in keys.items():
        name = key.replace("__", ".")
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, list):
            writer.add_array(name, value)
        else:
            writer.add_string(name, str(value))


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

"""Writes a tiny vision model with random weights, in two GGUF files, for tests of the real llama.cpp.

It speaks word salad, and other salad for another picture: that its greedy answers to two pictures differ proves that
pictures reach it. One dimension of the residual stream is held constant, so that each token can be given a bias of its
own: bytes and control tokens are held down, whole words are not, and the end comes when it is given a chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gguf

WIDTH = 64
"""Dimensions of the text model, and of what a projector that fits it makes."""
IMAGE_TOKENS = 16
"""Of each picture: 56 pixels in patches of 14."""
CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>'"
    " + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_LAYERS, _HEADS, _FORWARD = 2, 4, 128
_CONSTANT = 4.0
"""What stands in dimension 0; normalised it is about 2.6."""
_NORMALISED = 2.6
_NEVER = -40.0
_END = 2
"""Number of the end-of-sequence token."""
_KIND = gguf.TokenType
_WORDS = re.findall(
    r"\w+",
    """the of and to in a is that for it was on are as with his they at be this from have or by one had not but
what all were when we there can an your which their said if do will each about how up out them then she many some so
these would other into has more her two like him see time could no make than first been its who now people my made over
did down only way find use may water long little very after words called just where most know get through back much good
invoice total date amount receipt image shows caption text table column row header footer figure tree red blue green
black window door street sign""",
)

Rand = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Pair:
    """A text model and a projector."""

    model: Path
    projector: Path


def write_pair(folder: Path) -> Pair:
    """A pair that fits; together under 1.5 MB."""
    pair = Pair(folder / "tiny-llama.gguf", folder / "tiny-mmproj.gguf")
    write_model(pair.model)
    write_projector(pair.projector)
    return pair


def write_model(path: Path, *, trained_context: int = 8192, endless: bool = False, space_prefix: bool = True) -> None:
    """A llama-architecture model with the marks of ChatML; *endless*: it stops at its limit only.

    *space_prefix*: its tokenizer puts a blank before every text, as those of Llama 2 and its kin do.
    """
    rand = _random(20240101)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny random llama")
    writer.add_context_length(trained_context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // _HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    texts, kinds = _vocabulary()
    _add_tokenizer(writer, texts, kinds)
    writer.add_add_space_prefix(space_prefix)
    _add_text_tensors(writer, rand, _biases(texts, kinds, endless))
    _finish(writer)


def _vocabulary() -> tuple[list[str], list[Any]]:
    """The tokens and their kinds: bytes, ChatML's marks, characters, words with all their beginnings."""
    texts = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "<|im_start|>", "<|im_end|>"]
    kinds = [_KIND.UNKNOWN, _KIND.CONTROL, _KIND.CONTROL, *[_KIND.BYTE] * 256, _KIND.CONTROL, _KIND.CONTROL]
    pieces = {f"\u2581{word[:length]}" for word in _WORDS for length in range(1, len(word) + 1)}
    normal = ["\u2581", *map(chr, range(33, 127)), *"äöüßéè€–…", *sorted(pieces, key=lambda piece: (len(piece), piece))]
    return [*texts, *normal], [*kinds, *[_KIND.NORMAL] * len(normal)]


def _add_tokenizer(writer: Any, texts: list[str], kinds: list[Any]) -> None:
    special = len(texts) - kinds.count(_KIND.NORMAL)
    writer.add_vocab_size(len(texts))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text in texts])
    writer.add_token_scores([0.0] * special + [-float(rank) for rank in range(len(texts) - special)])
    writer.add_token_types([int(kind) for kind in kinds])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(_END)
    writer.add_eot_token_id(texts.index("<|im_end|>"))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHATML)


def _biases(texts: list[str], kinds: list[Any], endless: bool) -> Any:
    spoken = {f"\u2581{word}" for word in _WORDS} | {".", ","}
    bias = np.full(len(texts), _NEVER)
    for index, (text, kind) in enumerate(zip(texts, kinds, strict=True)):
        if kind == _KIND.NORMAL and text in spoken:
            bias[index] = 0.0
    bias[_END] = _NEVER if endless else 2.2
    return bias


def _add_text_tensors(writer: Any, rand: Rand, bias: Any) -> None:
    embedding, out = rand(len(bias), WIDTH, scale=1.0), rand(len(bias), WIDTH, scale=0.2)
    embedding[:, 0] = _CONSTANT
    out[:, 0] = bias / _NORMALISED
    ones = np.ones(WIDTH, np.float32)
    writer.add_tensor("token_embd.weight", embedding)
    for layer in range(_LAYERS):
        output, down = rand(WIDTH, WIDTH, scale=0.15), rand(WIDTH, _FORWARD, scale=0.1)
        output[0] = down[0] = 0  # nothing is added to the constant
        tensors = {
            "attn_norm": ones,
            "attn_q": rand(WIDTH, WIDTH, scale=0.3),
            "attn_k": rand(WIDTH, WIDTH, scale=0.3),
            "attn_v": rand(WIDTH, WIDTH, scale=0.15),
            "attn_output": output,
            "ffn_norm": ones,
            "ffn_gate": rand(_FORWARD, WIDTH, scale=0.12),
            "ffn_up": rand(_FORWARD, WIDTH, scale=0.12),
            "ffn_down": down,
        }
        for name, tensor in tensors.items():
            writer.add_tensor(f"blk.{layer}.{name}.weight", tensor)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", out)


def write_projector(path: Path, *, width: int = WIDTH, image: int = 56, patch: int = 14) -> None:
    """A CLIP encoder with a projector of LLaVA 1.5's kind that makes vectors of *width* dimensions."""
    hidden, forward, layers = 32, 64, 3
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_name("tiny random clip")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    for name, switch in {"has_text_encoder": False, "has_vision_encoder": True, "has_llava_projector": True}.items():
        writer.add_bool(f"clip.{name}", switch)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", False)
    sizes = {
        "image_size": image,
        "patch_size": patch,
        "embedding_length": hidden,
        "feed_forward_length": forward,
        "block_count": layers,
        "attention.head_count": 2,
        "projection_dim": width,
    }
    for name, size in sizes.items():
        writer.add_uint32(f"clip.vision.{name}", size)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.48145466, 0.4578275, 0.40821073])
    writer.add_array("clip.vision.image_std", [0.26862954, 0.26130258, 0.27577711])
    _add_vision_tensors(writer, hidden, forward, layers, width, image, patch)
    _finish(writer)


def _add_vision_tensors(
    writer: Any, hidden: int, forward: int, layers: int, width: int, image: int, patch: int
) -> None:
    rand = _random(7)

    def add(name: str, weight: Any, bias: Any | None = None) -> None:
        writer.add_tensor(f"{name}.weight", weight)
        writer.add_tensor(f"{name}.bias", np.zeros(len(weight), np.float32) if bias is None else bias)

    ones = np.ones(hidden, np.float32)
    writer.add_tensor("v.class_embd", rand(hidden, scale=0.5))
    writer.add_tensor("v.patch_embd.weight", rand(hidden, 3, patch, patch, scale=0.05).astype(np.float16))
    writer.add_tensor("v.position_embd.weight", rand((image // patch) ** 2 + 1, hidden, scale=0.3))
    add("v.pre_ln", ones)
    add("v.post_ln", ones)
    for layer in range(layers):
        block = f"v.blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
            add(f"{block}.{name}", rand(hidden, hidden, scale=0.2))
        add(f"{block}.ln1", ones)
        add(f"{block}.ln2", ones)
        # LLaVA's converters name the widening matrix "down" and the narrowing one "up"
        add(f"{block}.ffn_down", rand(forward, hidden, scale=0.15))
        add(f"{block}.ffn_up", rand(hidden, forward, scale=0.15))
    add("mm.0", rand(width, hidden, scale=0.5))
    last, bias = rand(width, width, scale=0.3), np.zeros(width, np.float32)
    last[0], bias[0] = 0, _CONSTANT
    add("mm.2", last, bias)


def _random(seed: int) -> Rand:
    generator = np.random.default_rng(seed)
    return lambda *shape, scale: (generator.standard_normal(shape) * scale).astype(np.float32)


def _finish(writer: Any) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

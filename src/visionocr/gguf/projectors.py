"""The kinds of projectors: how wide their output is, and which language models they are made for.

Source: llama.cpp, tools/mtmd/clip.cpp (``clip_n_mmproj_embd``) for the widths, its converters for the architectures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visionocr.gguf.header import Header, Tensor


@dataclass(frozen=True, slots=True)
class Kind:
    """One projector type."""

    tensor: str = ""
    """The tensor whose shape tells the width; empty: not known."""
    dimension: int = 0
    """Which number of its shape, the innermost being 0."""
    architectures: tuple[str, ...] = ()
    """Of the language models; empty: its own, whatever that is."""


LEGACY = "mlp"
"""The type of projectors from before types were written into files."""
RESAMPLER = "resampler"
DEEPSTACK = "qwen3vl_merger"
"""The type whose deepstack layers each add their width."""
_STACKED = "granite4_vision"
"""The type whose output is that of several blocks, one for each feature layer."""
_GENERIC = ("llama", "phi2", "phi3", "granite", "qwen2")

KINDS: dict[str, Kind] = {
    "mlp": Kind("mm.2.weight", 1, _GENERIC),
    "ldp": Kind("mm.model.mb_block.1.block.2.1.bias", 0, ("llama",)),
    "ldpv2": Kind("mm.model.peg.0.bias", 0, ("llama",)),
    "resampler": Kind("resampler.proj.weight", 0, ("llama", "qwen2", "qwen3", "minicpm")),
    "minicpmv4_6": Kind("mm.down.weight", 1, ("qwen35",)),
    "adapter": Kind("adapter.linear.dense_4h_to_h.weight", 1, ("chatglm",)),
    "qwen2vl_merger": Kind("mm.2.bias", 0, ("qwen2vl",)),
    "qwen2.5vl_merger": Kind("mm.2.bias", 0, ("qwen2vl",)),
    "qwen3vl_merger": Kind("mm.2.bias", 0, ("qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe")),
    "gemma3": Kind("mm.input_projection.weight", 0, ("gemma3",)),
    "gemma3nv": Kind("mm.input_projection.weight", 0, ("gemma3n",)),
    "gemma4v": Kind("mm.input_projection.weight", 1, ("gemma4",)),
    "gemma4uv": Kind("mm.input_projection.weight", 1, ("gemma4",)),
    "idefics3": Kind("mm.model.fc.weight", 1, ("llama",)),
    "pixtral": Kind("mm.2.weight", 1, ("llama", "mistral3")),
    "internvl": Kind("mm.model.mlp.3.weight", 1, ("qwen2", "internlm2", "qwen3", "qwen3moe", "llama")),
    "llama4": Kind("mm.model.fc.weight", 1, ("llama4",)),
    "glm4v": Kind("mm.down.weight", 1, ("glm4", "glm4moe")),
    "glm5v": Kind("mm.down.weight", 1),
    "kimivl": Kind("mm.2.weight", 1, ("deepseek2",)),
    "kimik25": Kind("mm.2.weight", 1, ("deepseek2",)),
    "paddleocr": Kind("mm.2.weight", 1, ("paddleocr",)),
    "lightonocr": Kind("mm.2.weight", 1, ("qwen3",)),
    "dots_ocr": Kind("mm.2.weight", 1, ("qwen2",)),
    "deepseekocr": Kind("mm.model.fc.weight", 1, ("deepseek2-ocr",)),
    "deepseekocr2": Kind("mm.model.fc.weight", 1, ("deepseek2-ocr",)),
    "hunyuanvl": Kind("mm.model.fc.weight", 1, ("hunyuan_vl",)),
    "hunyuanocr": Kind("mm.model.fc.weight", 1, ("hunyuan_vl",)),  # KoboldCpp 1.111.2 called it so
    "granite4_vision": Kind("", 0, ("granite",)),
    "phi4": Kind("mm.2.weight", 1, ("phi3",)),
    "lfm2": Kind("mm.2.weight", 1, ("lfm2", "lfm2moe")),
    "janus_pro": Kind("mm.1.bias", 0),
    "step3vl": Kind("mm.model.fc.weight", 1),
    **dict.fromkeys(
        (
            *("cogvlm", "youtuvl", "mimovl", "nemotron_v2_vl", "exaone4_5", "minimax_m3"),
            *("yasa2", "ling3vl", "deepseek4v", "dots3note_v", "muse-glimmer"),
        ),
        Kind(),
    ),
}
"""The types that turn pictures into tokens, by the name in the file."""

AUDIO = frozenset(
    {
        *("ultravox", "voxtral", "qwen2a", "qwen3a", "glma", "gemma3na", "gemma4a", "gemma4ua", "lfm2a", "meralion"),
        *("musicflamingo", "granite_speech", "parakeet", "mimo_audio", "dots3note_a"),
    }
)
"""The types that turn sound into tokens."""

MINICPMV_ARCHITECTURES = {
    2: ("llama",),
    3: ("qwen2",),
    4: ("qwen2",),
    5: ("minicpm", "llama"),
    6: ("qwen3",),
    100045: ("qwen3",),
}
"""Language models of the resampler, by ``clip.minicpmv_version``."""
MINICPMV_OLDEST = 2
"""The version of files that name none: MiniCPM-V 2.5."""

SHARED_ARCHITECTURES = frozenset(
    {
        *("llama", "qwen2", "qwen3", "qwen3moe", "phi2", "phi3", "granite", "internlm2", "minicpm", "mistral3"),
        *("deepseek2", "glm4", "glm4moe", "chatglm"),
    }
)
"""Architectures of models that cannot see as well as of some that can; all others here belong to vision models."""


def hears_only(projector_type: str) -> bool:
    """Whether a type is for sound."""
    return projector_type in AUDIO or "tts" in projector_type


def output_width(projector_type: str, header: Header, deepstack_layers: int) -> int | None:
    """Numbers per token that a projector puts out; ``None`` where type or tensor are not known."""
    kind = KINDS.get(projector_type)
    if kind is None:
        return None
    if projector_type == _STACKED:
        blocks, width = header.lengths.get("clip.vision.feature_layer", 0), header.number("clip.vision.projection_dim")
        return blocks * width if blocks and width else None
    if projector_type == LEGACY and "mm.3.weight" in header.tensors:  # the variant with a norm
        return _dimension(header.tensors, "mm.3.bias", 0)
    width = _dimension(header.tensors, kind.tensor, kind.dimension)
    if width and projector_type == DEEPSTACK:
        width *= 1 + deepstack_layers
    return width


def _dimension(tensors: Mapping[str, Tensor], name: str, dimension: int) -> int | None:
    shape = tensors[name].shape if name in tensors else ()
    return shape[dimension] if dimension < len(shape) else None

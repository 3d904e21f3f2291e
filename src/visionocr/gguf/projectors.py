"""The kinds of projectors: how wide their output is, and which language models they are made for.

The table, with its source, is ``prompts/gguf/projectors.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from visionocr.gguf.header import Header


@dataclass(frozen=True, slots=True)
class Kind:
    """One projector type, with the fields of the table."""

    tensor: str = ""
    """The tensor whose shape gives the width; empty: not known."""
    dimension: int = 0
    """Which number of its shape, the innermost being 0."""
    architectures: Sequence[str] = ()
    """Of the language models; empty: not known."""
    patches_per_token: int = 0
    """Patches of an encoder whose input has a fixed size; 0: not known."""
    fixed: bool = False
    """Every picture becomes the same number of tokens, unless the file has a list of grids."""
    merge: int = 0
    """Patches a side that become one token, where the file does not say; 0: tokens do not follow the picture's size."""


_TABLE = tomllib.loads(resources.files("visionocr.prompts").joinpath("gguf/projectors.toml").read_text("utf-8"))
KINDS: dict[str, Kind] = {name: Kind(**fields) for name, fields in _TABLE["kinds"].items()}
"""The types that turn pictures into tokens, by the name in the file."""
MINICPMV_ARCHITECTURES: dict[int, Sequence[str]] = {int(k): v for k, v in _TABLE["minicpmv_architectures"].items()}
"""Language models of the resampler, by ``clip.minicpmv_version``."""
SHARED_ARCHITECTURES = frozenset(_TABLE["shared_architectures"])
"""Architectures of models that cannot see as well as of some that can; all others here belong to vision models."""

LEGACY = "mlp"
"""The type of projectors from before types were written into files."""
RESAMPLER = "resampler"
MINICPMV_OLDEST = 2
"""The version of files that name none: MiniCPM-V 2.5."""


def is_for_sound(projector_type: str) -> bool:
    """Whether a type turns sound into tokens."""
    return projector_type in _TABLE["audio_types"] or "tts" in projector_type


def output_width(projector_type: str, header: Header, deepstack_layers: int) -> int | None:
    """Numbers per token that a projector puts out; ``None`` where type or tensor are not known."""
    kind = KINDS.get(projector_type, Kind())
    tensor, dimension = kind.tensor, kind.dimension
    if projector_type == "granite4_vision":  # puts out several blocks, one for each feature layer
        blocks, width = header.lengths.get("clip.vision.feature_layer"), header.number("clip.vision.projection_dim")
        return blocks * width if blocks and width else None
    if projector_type == LEGACY and "mm.3.weight" in header.tensors:  # the variant with a norm
        tensor, dimension = "mm.3.bias", 0
    shape = header.tensors[tensor].shape if tensor in header.tensors else ()
    if dimension >= len(shape):
        return None
    each_layer = projector_type == "qwen3vl_merger"  # whose deepstack layers each add their width
    return shape[dimension] * (1 + deepstack_layers if each_layer else 1)

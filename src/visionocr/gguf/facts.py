"""What the headers of a language model and of a projector say, in our words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf import projectors, templates
from visionocr.gguf.header import VOCABULARY, Header
from visionocr.gguf.quantization import quantization
from visionocr.text import printable

_NAME_MOST = 120
"""Characters of a name that are shown."""
_DEEPSTACK = re.compile(r"v\.deepstack\.(\d+)\.")
_NO_MODEL = {"adapter": "a LoRA adapter", "imatrix": "an importance matrix", "vocab": "only a vocabulary"}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A language model."""

    path: Path
    size: int
    """Bytes, of all parts."""
    name: str
    names: tuple[str, ...]
    """Everything that may tell its family: file name, name, base models."""
    architecture: str
    context_length: int | None
    """Tokens that it was trained for."""
    embedding_length: int | None
    deepstack_layers: int
    """Layers besides the first that take picture tokens; each asks for the width once more."""
    quantization: str
    template: str
    """Family of its chat template; empty when it has none."""
    base: str
    """Family that its vocabulary speaks of, where the architecture does not tell; empty when not known."""
    vocabulary: int
    """Words."""
    words: frozenset[str] = field(repr=False)
    """Those of the words asked for that are in its vocabulary."""

    @property
    def width(self) -> int | None:
        """Numbers per token that it takes."""
        return self.embedding_length * (1 + self.deepstack_layers) if self.embedding_length else None


@dataclass(frozen=True, slots=True)
class ProjectorFacts:
    """A projector: image encoder and the layers that make tokens of its output."""

    path: Path
    size: int
    name: str
    names: tuple[str, ...]
    type: str
    """``clip.projector_type``; of old files what their other keys mean."""
    sees: bool
    """Whether it is for pictures."""
    width: int | None
    """Numbers per token that it puts out; ``None``: cannot be told."""
    deepstack_layers: int
    image_size: int | None
    """Pixels of a side of the encoder's input, or of one tile."""
    patch_size: int | None
    merge: int | None
    """Patches of a side that become one token, where the file says so."""
    tiles: int
    """Tiles that a picture is cut into at the most, besides the overview; 0: none, or not said."""
    max_pixels: int | None
    minicpmv_version: int | None
    query_tokens: int | None
    """Tokens of one slice, in the resampler."""
    quantization: str


def is_projector(header: Header) -> bool:
    """Whether a file is a projector."""
    return header.text("general.architecture") == "clip"


def model_facts(header: Header) -> ModelFacts:
    """The facts of a language model. Raises ``ConfigurationError`` when the file holds something else."""
    path = printable(str(header.path))
    architecture = header.text("general.architecture")
    if is_projector(header):
        raise ConfigurationError(
            f"{path} is a projector, not a language model", "Give the language model first, then its projector."
        )
    kind = header.text("general.type")
    if kind in _NO_MODEL:
        raise ConfigurationError(f"{path} is {_NO_MODEL[kind]}, not a language model", "Give the model itself.")
    if not architecture:
        raise ConfigurationError(f"{path} does not say its architecture", "Download it again, or convert it again.")
    return ModelFacts(
        path=header.path,
        size=header.size,
        name=_bounded(header.text("general.name")),
        names=_names(header),
        architecture=_bounded(architecture),
        context_length=header.number(f"{architecture}.context_length"),
        embedding_length=header.number(f"{architecture}.embedding_length"),
        deepstack_layers=header.number(f"{architecture}.n_deepstack_layers") or 0,
        quantization=_quantization(header),
        template=templates.family(header.text("tokenizer.chat_template")),
        base=_base(header, architecture),
        vocabulary=header.lengths.get(VOCABULARY, 0),
        words=header.words,
    )


def projector_facts(header: Header) -> ProjectorFacts:
    """The facts of a projector. Raises ``ConfigurationError`` when the file is none."""
    if not is_projector(header):
        raise ConfigurationError(
            f"{printable(str(header.path))} is not a projector",
            "A projector's file name usually has mmproj in it; it is published beside its model.",
        )
    projector_type = _projector_type(header)
    deepstack = len({found[1] for name in header.tensors if (found := _DEEPSTACK.match(name))})
    side = header.number("clip.vision.image_size")
    version = header.number("clip.minicpmv_version") or projectors.MINICPMV_OLDEST
    return ProjectorFacts(
        path=header.path,
        size=header.size,
        name=_bounded(header.text("general.name") or header.text("general.description")),
        names=_names(header),
        type=_bounded(projector_type),
        sees=_sees(header, projector_type),
        width=projectors.output_width(projector_type, header, deepstack),
        deepstack_layers=deepstack,
        image_size=side or None,
        patch_size=header.number("clip.vision.patch_size") or None,
        merge=header.number("clip.vision.spatial_merge_size") or header.number("clip.vision.projector.scale_factor"),
        tiles=_tiles(header, side or 0) or header.number("clip.vision.preproc_max_tiles") or 0,
        max_pixels=header.number("clip.vision.image_max_pixels"),
        minicpmv_version=version if projector_type == projectors.RESAMPLER else None,
        query_tokens=header.number("clip.minicpmv_query_num"),
        quantization=_quantization(header),
    )


def _tiles(header: Header, side: int) -> int:
    """Tiles of the largest grid of an any-resolution encoder; 0 for encoders that squeeze all into one."""
    pins = [pin for pin in header.numbers("clip.vision.image_grid_pinpoints") if isinstance(pin, int)]
    grids = zip(pins[::2], pins[1::2], strict=False)
    return max((width * height // side**2 for width, height in grids), default=0) if side else 0


def _projector_type(header: Header) -> str:
    said = header.text("clip.projector_type") or header.text("clip.vision.projector_type")
    if said:
        return said
    if header.flag("clip.has_minicpmv_projector"):
        return projectors.RESAMPLER
    return header.text("clip.audio.projector_type") or projectors.LEGACY


def _sees(header: Header, projector_type: str) -> bool:
    if header.values.get("clip.has_vision_encoder") is False:
        return False
    return not projectors.hears_only(projector_type)


def _base(header: Header, architecture: str) -> str:
    """The family of a model of architecture ``llama``, by its vocabulary and the shape of its layers.

    Source: the published configurations of the families, remembered.
    """
    count, pre = header.lengths.get(VOCABULARY, 0), header.text("tokenizer.ggml.pre")
    if architecture not in {"llama", "mistral3"}:
        return ""
    if pre in {"llama-bpe", "llama3", "llama-v3"} or 128_256 <= count <= 128_600:
        return "llama-3"
    if pre == "tekken" or count == 131_072:
        return "mistral-tekken"
    if count == 64_000:
        return "yi"
    if 32_000 <= count <= 32_100:  # tunes add a few words
        return "mistral" if header.number(f"{architecture}.feed_forward_length") == 14_336 else "llama-2"
    return "mistral" if count == 32_768 else ""


def _names(header: Header) -> tuple[str, ...]:
    keys = ("general.name", "general.basename", "general.finetune", "general.base_model.0.name")
    stem = header.path.name.removesuffix(".gguf")
    return tuple(dict.fromkeys(_bounded(name) for name in (stem, *map(header.text, keys)) if name))


def _quantization(header: Header) -> str:
    return quantization(header.number("general.file_type"), (tensor.type for tensor in header.tensors.values()))


def _bounded(text: str) -> str:
    """A text of a file that nobody vouches for, as one harmless line."""
    line = printable(text[:_NAME_MOST])
    return line if len(text) <= _NAME_MOST and len(line) <= _NAME_MOST else line[:_NAME_MOST] + "…"

"""What the headers of a language model and of a projector say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf import projectors, templates
from visionocr.gguf.header import FILE_TYPES, TENSOR_TYPES, VOCABULARY, Header, read_header
from visionocr.text import printable
from visionocr.types import Preset

_MAX_NAME = 120
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
    """Everything that may show its family: file name, name, base models."""
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
    """Family that its vocabulary shows, where the architecture does not; empty when not known."""
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


def load_facts(path: Path, presets: Sequence[Preset] = ()) -> ModelFacts | ProjectorFacts:
    """The facts of a model file, whichever it is; *presets* as for ``load_model``.

    Raises ``ConfigurationError`` when the file is missing, broken, cut off, or neither model nor projector.
    """
    header = read_header(path, _picture_words(presets))
    return _projector_facts(header) if _is_projector(header) else _model_facts(header)


def load_model(path: Path, presets: Sequence[Preset] = ()) -> ModelFacts:
    """The facts of a language model; its vocabulary is searched for what any of the *presets* puts around pictures.

    Raises ``ConfigurationError`` as ``load_facts`` does, and for a projector.
    """
    return _model_facts(read_header(path, _picture_words(presets)))


def load_projector(path: Path) -> ProjectorFacts:
    """The facts of a projector. Raises ``ConfigurationError`` as ``load_facts`` does, and for a language model."""
    return _projector_facts(read_header(path))


def name_quantization(header: Header) -> str:
    """The name of a file's quantization: what it says itself, else the type most of its tensors have."""
    file_type = header.number("general.file_type")
    if file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    types = [TENSOR_TYPES[tensor.type][0] for tensor in header.tensors.values() if tensor.type in TENSOR_TYPES]
    weights = [name for name in types if name != "F32"]  # norms are always F32
    return f"mostly {Counter(weights or types).most_common(1)[0][0]}" if types else ""


def _picture_words(presets: Sequence[Preset]) -> frozenset[str]:
    return frozenset(word for preset in presets for word in preset.image.markup)


def _is_projector(header: Header) -> bool:
    return header.text("general.architecture") == "clip"


def _model_facts(header: Header) -> ModelFacts:
    path = printable(str(header.path))
    if _is_projector(header):
        raise ConfigurationError(
            f"{path} is a projector, not a language model", "Give the language model first, then its projector."
        )
    kind = header.text("general.type")
    if kind in _NO_MODEL:
        raise ConfigurationError(f"{path} is {_NO_MODEL[kind]}, not a language model", "Give the model itself.")
    architecture = header.text("general.architecture")
    if not architecture:
        raise ConfigurationError(f"{path} does not say its architecture", "Download it again, or convert it again.")
    return ModelFacts(
        path=header.path,
        size=header.size,
        name=_shorten(header.text("general.name")),
        names=_names(header),
        architecture=_shorten(architecture),
        context_length=header.number(f"{architecture}.context_length"),
        embedding_length=header.number(f"{architecture}.embedding_length"),
        deepstack_layers=header.number(f"{architecture}.n_deepstack_layers") or 0,
        quantization=name_quantization(header),
        template=templates.family(header.text("tokenizer.chat_template")),
        base=_base(header, architecture),
        vocabulary=header.lengths.get(VOCABULARY, 0),
        words=header.words,
    )


def _projector_facts(header: Header) -> ProjectorFacts:
    if not _is_projector(header):
        raise ConfigurationError(
            f"{printable(str(header.path))} is not a projector",
            "A projector's file name usually has mmproj in it; it is published beside its model.",
        )
    kind = _projector_type(header)
    deepstack = len({found[1] for name in header.tensors if (found := _DEEPSTACK.match(name))})
    image_size = header.number("clip.vision.image_size") or None
    version = header.number("clip.minicpmv_version") or projectors.MINICPMV_OLDEST
    return ProjectorFacts(
        path=header.path,
        size=header.size,
        name=_shorten(header.text("general.name") or header.text("general.description")),
        names=_names(header),
        type=_shorten(kind),
        sees=header.values.get("clip.has_vision_encoder") is not False and not projectors.is_for_sound(kind),
        width=projectors.output_width(kind, header, deepstack),
        deepstack_layers=deepstack,
        image_size=image_size,
        patch_size=header.number("clip.vision.patch_size") or None,
        merge=header.number("clip.vision.spatial_merge_size") or header.number("clip.vision.projector.scale_factor"),
        tiles=_count_tiles(header, image_size) or header.number("clip.vision.preproc_max_tiles") or 0,
        max_pixels=header.number("clip.vision.image_max_pixels"),
        minicpmv_version=version if kind == projectors.RESAMPLER else None,
        query_tokens=header.number("clip.minicpmv_query_num"),
        quantization=name_quantization(header),
    )


def _projector_type(header: Header) -> str:
    """What the file says, or what its keys mean that are older than types."""
    minicpmv = header.values.get("clip.has_minicpmv_projector") is True
    return (
        header.text("clip.projector_type")
        or header.text("clip.vision.projector_type")
        or (projectors.RESAMPLER if minicpmv else header.text("clip.audio.projector_type") or projectors.LEGACY)
    )


def _count_tiles(header: Header, side: int | None) -> int:
    """Tiles of the largest grid of an any-resolution encoder; 0 for encoders that squeeze all into one."""
    pins = header.values.get("clip.vision.image_grid_pinpoints")
    if not side or not isinstance(pins, tuple):
        return 0
    sides = [pin for pin in pins if isinstance(pin, int)]
    return max((width * height // side**2 for width, height in zip(sides[::2], sides[1::2], strict=False)), default=0)


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
    """The file's name, which may be empty, and the others that the header has."""
    keys = ("general.name", "general.basename", "general.finetune", "general.base_model.0.name")
    stem = header.path.name.removesuffix(".gguf")
    return tuple(dict.fromkeys(_shorten(name) for name in (stem, *filter(None, map(header.text, keys)))))


def _shorten(text: str) -> str:
    """A text from the file as one harmless line."""
    line = printable(text[:_MAX_NAME])
    return line if len(text) <= _MAX_NAME and len(line) <= _MAX_NAME else line[:_MAX_NAME] + "…"

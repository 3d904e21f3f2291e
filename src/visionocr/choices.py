"""What settings choose from."""

from __future__ import annotations

from enum import StrEnum


class Format(StrEnum):
    """Output formats."""

    MD = "md"
    TXT = "txt"
    JSON = "json"
    JSONL = "jsonl"
    HOCR = "hocr"
    ALTO = "alto"
    PAGE = "page"
    PDF = "pdf"


PLACED = frozenset({Format.HOCR, Format.ALTO, Format.PAGE, Format.PDF})
"""Formats that say where each word stands."""


class PageBreaks(StrEnum):
    """How page breaks are marked in Markdown and text."""

    COMMENT = "comment"
    RULE = "rule"
    HEADING = "heading"
    FORMFEED = "formfeed"
    NONE = "none"


class Wire(StrEnum):
    """Server APIs."""

    AUTO = "auto"
    KOBOLDCPP = "koboldcpp"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    TEXTGEN = "textgen"
    OPENAI = "openai"


class LocalModel(StrEnum):
    """Models of the embedded engine."""

    AUTO = "auto"
    TINY = "tiny"
    SMALL = "small"
    LITE = "lite"


class TextLayer(StrEnum):
    """What the text layer of a PDF page is used for."""

    AUTO = "auto"
    USE = "use"
    CHECK = "check"
    IGNORE = "ignore"


class Rotate(StrEnum):
    """How pages are turned before they are read."""

    AUTO = "auto"
    """Upright, where the direction of their lines is known."""
    OFF = "off"
    QUARTER = "90"
    """All of them, by so many degrees clockwise."""
    HALF = "180"
    THREE_QUARTERS = "270"


class CrossCheck(StrEnum):
    """When a second reader reads beside the model."""

    AUTO = "auto"
    OFF = "off"
    ON = "on"


class Existing(StrEnum):
    """What becomes of a caption that is there already."""

    KEEP = "keep"
    REPLACE = "replace"
    APPEND = "append"


class MetadataPlace(StrEnum):
    """Where captions are written as metadata."""

    XMP = "xmp"
    """Into the picture file itself."""
    SIDECAR = "sidecar"
    """To an XMP file beside it."""


class DataSet(StrEnum):
    """Who reads captions for training."""

    KOHYA = "kohya"
    """Kohya's sd-scripts and programs around them: a text file of tags beside each picture."""
    IMAGEFOLDER = "imagefolder"
    """The loader of that name in Hugging Face's datasets: ``metadata.jsonl`` beside or above the pictures."""

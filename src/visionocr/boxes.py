"""Where things stand on a page: boxes, words and lines of text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as it is displayed: fractions (0 to 1) of its width and height, from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place."""

    text: str
    box: Box
    confidence: float | None = None
    """0 to 1, where it is another than the line's."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text, or a cell of a table, as a text layer or an OCR engine gives it."""

    text: str
    box: Box
    confidence: float = 1.0
    """0 to 1: how sure the engine is; 1 for a text layer."""
    words: tuple[Word, ...] = ()
    """The words of the line, where their boxes are known."""


def place_box(box: Box, region: Box) -> Box:
    """A box in fractions of a part of the page, as one in fractions of the page."""
    width, height = region.right - region.left, region.bottom - region.top
    return Box(
        region.left + box.left * width,
        region.top + box.top * height,
        region.left + box.right * width,
        region.top + box.bottom * height,
    )

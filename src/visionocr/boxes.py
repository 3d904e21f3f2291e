"""Where things stand on a page: boxes, words and lines of text."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as it is displayed: fractions (0 to 1) of its width and height, from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PageSize:
    """The size of a page as it is displayed."""

    width: float
    height: float
    dpi: float = 0.0
    """Units of these an inch: 72 for a PDF page, whose size is in points; 0 for a picture in pixels."""


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


def turn_box(box: Box, turn: int) -> Box:
    """A box in fractions of a picture, as one in fractions of the picture turned by so many degrees clockwise."""
    match turn % 360:
        case 90:
            return Box(1 - box.bottom, box.left, 1 - box.top, box.right)
        case 180:
            return Box(1 - box.right, 1 - box.bottom, 1 - box.left, 1 - box.top)
        case 270:
            return Box(box.top, 1 - box.right, box.bottom, 1 - box.left)
        case _:
            return box


def turn_line(line: TextLine, turn: int) -> TextLine:
    """A line with its words, placed as ``turn_box`` does."""
    words = tuple(replace(word, box=turn_box(word.box, turn)) for word in line.words)
    return replace(line, box=turn_box(line.box, turn), words=words)


def place_box(box: Box, region: Box, turn: int = 0) -> Box:
    """A box in fractions of a picture, as one in fractions of the page.

    The picture shows *region* of the page, turned by *turn* degrees clockwise.
    """
    box = turn_box(box, -turn)
    width, height = region.right - region.left, region.bottom - region.top
    return Box(
        region.left + box.left * width,
        region.top + box.top * height,
        region.left + box.right * width,
        region.top + box.bottom * height,
    )

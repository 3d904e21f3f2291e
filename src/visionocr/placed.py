"""A page whose words have places: what searchable PDF, hOCR, ALTO and PAGE XML are written from."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine, Word

_TALL = 2.0
"""Height / width from which on a line of three letters or more runs down the page: three narrow letters, the tallest
line that is written across, are about 1.5 times as high as they are wide (``ill`` in Helvetica)."""


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """A part of a page with its lines, in reading order."""

    kind: BlockKind
    box: Box
    lines: tuple[TextLine, ...] = ()
    """None of a picture without text."""


@dataclass(frozen=True, slots=True)
class PlacedPage:
    """The text of one page and where it stands."""

    number: int
    """1-based, in its document."""
    width: int
    """Pixels of the page's image as it is displayed, upright: the unit of places in hOCR, ALTO and PAGE XML."""
    height: int
    blocks: tuple[PlacedBlock, ...] = ()
    """In reading order; none of a blank page."""
    dpi: float = 0.0
    """Pixels an inch of that image; 0 where the page has no size on paper."""
    image: str = ""
    """Name of the file with that image, or of the document. Programs that open the XML look for it."""
    language: str = ""
    """A BCP 47 tag, such as ``en`` or ``de-CH``; empty where it is not known."""
    model: str = ""
    """What read the page."""


def is_right_to_left(text: str) -> bool:
    """Whether a text is written from right to left: whether its first letter is."""
    for char in text:
        match unicodedata.bidirectional(char):
            case "R" | "AL":
                return True
            case "L":
                return False
    return False


def is_tall(line: TextLine, width: float, height: float) -> bool:
    """Whether a line runs down the page. *width* and *height* are the page's, in any unit."""
    across = (line.box.right - line.box.left) * width
    down = (line.box.bottom - line.box.top) * height
    return len(line.text.strip()) > 2 and down >= _TALL * across


def place_words(line: TextLine, width: float, height: float) -> tuple[Word, ...]:
    """The words of a line with their places, none of them empty.

    Where the line has none, or runs up or down the page and they do not, its text is split at white space, and its box
    is shared out by the number of letters. *width* and *height* are the page's, in any unit.
    """
    down = is_tall(line, width, height)
    if line.words and (not down or line.words[0].box.bottom != line.words[-1].box.bottom):
        return tuple(word for word in line.words if word.text.strip())
    texts = line.text.split()
    share = 1 / max(1, len(" ".join(texts)))
    backwards = not down and is_right_to_left(line.text)
    words, start = [], 0.0
    for text in texts:
        end = start + len(text) * share
        words.append(Word(text, _cut(line.box, *((1 - end, 1 - start) if backwards else (start, end)), down=down)))
        start = end + share
    return tuple(words)


def split_columns(blocks: Iterable[PlacedBlock]) -> Iterator[PlacedBlock]:
    """The blocks, those that run over several columns cut where a line stands wholly above the one before it.

    Boxes of blocks must not cover other blocks, which the box round two columns may.
    """
    for block in blocks:
        starts = [at for at in range(1, len(block.lines)) if block.lines[at].box.bottom <= block.lines[at - 1].box.top]
        if not starts:
            yield block
            continue
        for start, end in zip((0, *starts), (*starts, len(block.lines)), strict=True):
            lines = block.lines[start:end]
            yield replace(block, box=_enclose([line.box for line in lines]), lines=lines)


def to_pixels(box: Box, page: PlacedPage) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels of the page's image: within it, and at least one pixel wide and high."""
    left = min(max(0, round(box.left * page.width)), page.width - 1)
    top = min(max(0, round(box.top * page.height)), page.height - 1)
    right = min(max(left + 1, round(box.right * page.width)), page.width)
    bottom = min(max(top + 1, round(box.bottom * page.height)), page.height)
    return left, top, right, bottom


def _cut(box: Box, start: float, end: float, *, down: bool) -> Box:
    """The part of a box from one fraction of its width, or *down* of its height, to another."""
    if down:
        height = box.bottom - box.top
        return replace(box, top=box.top + start * height, bottom=box.top + end * height)
    width = box.right - box.left
    return replace(box, left=box.left + start * width, right=box.left + end * width)


def _enclose(boxes: list[Box]) -> Box:
    """The smallest box round all of them."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )

"""Lines with boxes, as an OCR engine or a text layer gives them, and what they tell of a page by themselves."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from visionocr.boxes import Box, TextLine

SIDEWAYS = 0.5
"""Share of a page's characters in tall boxes from which it lies on its side: at least 0.96 on pages that were turned
by a quarter, at most 0.03 on all others."""
TALL = 1.5
"""Height over width of a box from which its text runs up or down."""
FARTHEST = 1e7
"""Pixels: no page is as large, and arithmetic with such numbers is safe."""
_NEIGHBOURS = 20
"""Rows above and below that are looked at for a line's row: enough for any print, and it bounds the time."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, or a cell of a table, as the engine found it. Pixels; the origin is the top left corner."""

    left: float
    top: float
    right: float
    bottom: float
    text: str
    confidence: float = 1.0
    """0 to 1."""

    @property
    def width(self) -> float:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels."""
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The vertical centre, which wanders less than the edges: a line without descenders has a lower box."""
        return (self.top + self.bottom) / 2

    @property
    def center(self) -> float:
        """The horizontal centre."""
        return (self.left + self.right) / 2

    @property
    def upright(self) -> bool:
        """Whether the line runs from side to side, and not up or down a margin."""
        return len(self.text) < 3 or self.height < 2 * self.width


Row = tuple[Line, ...]
"""Lines beside each other, left to right: one in running text, several in a table."""


def from_text_lines(lines: Iterable[TextLine], width: float, height: float) -> list[Line]:
    """The lines of a text layer as lines here; *width* and *height* of the page give the unit."""
    return [
        Line(
            line.box.left * width,
            line.box.top * height,
            line.box.right * width,
            line.box.bottom * height,
            line.text,
            line.confidence,
        )
        for line in lines
    ]


def to_text_line(line: Line, width: float, height: float) -> TextLine:
    """The line with its box in fractions of the page's *width* and *height*."""
    return TextLine(line.text, box_around([line], width, height), line.confidence)


def box_around(lines: Iterable[Line], width: float, height: float) -> Box:
    """The box around lines, in fractions of the page's *width* and *height*, cut off at its edges."""
    lines = list(lines)

    def fraction(edge: float, whole: float) -> float:
        return min(1.0, max(0.0, edge / whole)) if whole > 0 else 0.0

    return Box(
        fraction(min(line.left for line in lines), width),
        fraction(min(line.top for line in lines), height),
        fraction(max(line.right for line in lines), width),
        fraction(max(line.bottom for line in lines), height),
    )


def usable(lines: Iterable[Line]) -> list[Line]:
    """Leave out lines without text; mend boxes whose edges are exchanged, without bounds or no numbers."""
    return [_mended(line) for line in lines if line.text.strip()]


def _mended(line: Line) -> Line:
    edges = (line.left, line.top, line.right, line.bottom)
    if all(abs(edge) <= FARTHEST for edge in edges) and line.left <= line.right and line.top <= line.bottom:
        return line
    left, top, right, bottom = (max(-FARTHEST, min(FARTHEST, edge)) if isfinite(edge) else 0.0 for edge in edges)
    return replace(line, left=min(left, right), top=min(top, bottom), right=max(left, right), bottom=max(top, bottom))


def merge(row: Sequence[Line]) -> Line:
    """Lines that stand beside each other as one."""
    return Line(
        min(line.left for line in row),
        min(line.top for line in row),
        max(line.right for line in row),
        max(line.bottom for line in row),
        " ".join(line.text for line in row),
        min(line.confidence for line in row),
    )


def is_sideways(lines: Iterable[Line]) -> bool:
    """Whether the page lies on its side: most of its characters stand in boxes much taller than wide."""
    tall = total = 0
    for line in lines:
        total += len(line.text)
        tall += len(line.text) if line.height > TALL * line.width else 0
    return tall > SIDEWAYS * total


def body_height(lines: Sequence[Line]) -> float:
    """The height of the line in which the page's middle character stands: long lines weigh more than headings."""
    upright = [line for line in lines if line.upright] or list(lines)
    heights = sorted((line.height, len(line.text)) for line in upright)
    half = sum(length for _, length in heights) / 2
    for height, length in heights:
        half -= length
        if half <= 0:
            return height or 1.0
    return 1.0


def rows(lines: Iterable[Line]) -> list[Row]:
    """Group lines that stand beside each other, top to bottom.

    A line is compared with its neighbour on the left, not with the whole row, so that a slight tilt of the page
    does not tear long rows.
    """
    found: list[list[Line]] = []
    ends: list[tuple[float, int]] = []  # of each row the middle of its last line, in order, and its place in *found*
    for line in sorted(lines, key=lambda line: (line.left, line.top)):
        best: int | None = None
        distance = 0.5
        at = bisect_left(ends, (line.middle, -1))
        for place in range(max(0, at - _NEIGHBOURS), min(len(ends), at + _NEIGHBOURS)):
            last = found[ends[place][1]][-1]
            height = min(last.height, line.height) or 1.0
            apart = abs(last.middle - line.middle) / height
            if apart < distance and last.right - line.left < 0.5 * height:
                best, distance = place, apart
        if best is None:
            number = len(found)
            found.append([line])
        else:
            _, number = ends.pop(best)
            found[number].append(line)
        end = (line.middle, number)
        ends.insert(bisect_left(ends, end), end)
    return [tuple(row) for row in sorted(found, key=lambda row: sum(line.middle for line in row) / len(row))]

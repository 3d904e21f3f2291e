"""The reading order of a page from the boxes of its lines: pure geometry, no pictures, no engine.

The page is cut recursively. Where white gutters run through a stretch of the page and what stands on both sides of them
looks like running text, the stretch is columns, read one after the other; the rest is read row by row. A table has
gutters too, but short cells beside them, and must be read by rows; therefore both sides must look like running text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SHRINK = 0.12
"""Share of a line height taken off both ends of a box to find gutters: boxes are a little too large."""
GUTTER = 0.5
"""Narrowest gutter, in line heights. Gutters of newspapers are not much wider than this."""
MIN_LINES = 3
MIN_CHARACTERS = 12
"""Median characters a line of a column has at least: table cells are shorter."""
MIN_FILL = 0.45
"""Median line length over column width, at least: cells leave more of their column empty."""
TABLE_FILL = 0.75
"""Where every line has a partner beside it, running text fills its column at least so far; cells do not."""
MIN_SHARE = 0.15
"""Narrowest column, as a share of the width of what is cut."""


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
    def upright(self) -> bool:
        """Whether the line runs from side to side, and not up or down a margin."""
        return len(self.text) < 3 or self.height < 2 * self.width


Row = tuple[Line, ...]
"""Lines beside each other, left to right: one in running text, several in a table."""


def blocks(lines: Sequence[Line]) -> list[list[Row]]:
    """Cut a page into blocks in reading order, each made of rows from top to bottom.

    Every line comes back exactly once. Lines that run up or down a margin come last, each as a block.
    """
    upright = [line for line in lines if line.upright]
    turned = sorted((line for line in lines if not line.upright), key=lambda line: (line.left, line.top))
    found: list[list[Row]] = []
    if upright:
        unit = median(line.height for line in upright) or 1.0
        found = [rows(part) for part in _cut(upright, unit)]
    return found + [[(line,)] for line in turned]


def rows(lines: Sequence[Line]) -> list[Row]:
    """Group lines that stand beside each other, top to bottom.

    A line is compared with its neighbour on the left, not with the whole row, so that a slight tilt of the page
    does not tear long rows.
    """
    found: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.left, line.top)):
        best: list[Line] | None = None
        distance = 0.5
        for row in found:
            last = row[-1]
            height = min(last.height, line.height) or 1.0
            apart = abs(last.middle - line.middle) / height
            if apart < distance and last.right - line.left < 0.5 * height:
                best, distance = row, apart
        if best is None:
            found.append([line])
        else:
            best.append(line)
    return [tuple(row) for row in sorted(found, key=lambda row: sum(line.middle for line in row) / len(row))]


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


def _cut(lines: list[Line], unit: float) -> list[list[Line]]:
    """Cut into parts in reading order; *unit* is the usual line height in pixels."""
    stretch = _best_stretch(lines, unit)
    if stretch is None:
        return [lines]
    above, columns, below = stretch
    parts = _cut(above, unit) if above else []
    for column in columns:
        parts += _cut(column, unit)
    return parts + (_cut(below, unit) if below else [])


def _best_stretch(lines: list[Line], unit: float) -> tuple[list[Line], list[list[Line]], list[Line]] | None:
    """Find the two horizontal cuts between which columns hold most lines: what is above, the columns, below."""
    bands = _bands(lines)
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    best: tuple[int, int, list[list[Line]]] = (0, 0, [])
    most = 0
    for first in range(len(bands)):
        gaps = [(left, right)]
        for stop in range(first + 1, len(bands) + 1):
            narrowed, closed = _narrow(gaps, bands[stop - 1], unit)
            # A stretch that can grow without closing a gap is no better than the grown one: look only at the ends.
            for end, free in ((stop - 1, gaps), (stop, narrowed)):
                if not (closed if end < stop else stop == len(bands)):
                    continue
                inside = _flat(bands[first:end])
                if len(inside) > most and (columns := _columns(inside, free)):
                    best, most = (first, end, columns), len(inside)
            gaps = narrowed
            if not gaps:
                break
    first, end, columns = best
    return (_flat(bands[:first]), columns, _flat(bands[end:])) if columns else None


def _bands(lines: Sequence[Line]) -> list[list[Line]]:
    """Group lines that no horizontal cut may part: those that overlap vertically by more than a little."""
    found: list[list[Line]] = []
    bottom = 0.0
    for line in sorted(lines, key=lambda line: line.middle):
        inset = 0.3 * line.height
        if found and line.top + inset < bottom:
            found[-1].append(line)
            bottom = max(bottom, line.bottom - inset)
        else:
            found.append([line])
            bottom = line.bottom - inset
    return found


def _narrow(gaps: list[tuple[float, float]], band: list[Line], unit: float) -> tuple[list[tuple[float, float]], bool]:
    """What a band leaves of the vertical gaps, and whether it closed one altogether."""
    closed = False
    for line in band:
        left, right = line.left + SHRINK * unit, line.right - SHRINK * unit
        found = []
        for start, end in gaps:
            pieces = [(start, min(end, left)), (max(start, right), end)] if right > left else [(start, end)]
            wide = [piece for piece in pieces if piece[1] - piece[0] >= GUTTER * unit]
            closed = closed or not wide
            found += wide
        gaps = found
    return gaps, closed


def _columns(lines: list[Line], gaps: list[tuple[float, float]]) -> list[list[Line]]:
    """Split a stretch at the gaps that have running text on both sides; empty when no gap has."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    share = MIN_SHARE * (right - left)
    gutters = sorted((start + end) / 2 for start, end in gaps if start > left and end < right)
    good = []
    for at, gutter in enumerate(gutters):
        before = gutters[at - 1] if at else left
        after = gutters[at + 1] if at + 1 < len(gutters) else right
        # The text right beside the gap, or, where one side has gaps of its own, everything on that side.
        for start, end in ((before, after), (left, right)):
            near = [line for line in lines if start <= (line.left + line.right) / 2 <= end]
            sides = _split(near, [gutter])
            if len(sides) == 2 and all(_is_column(side, share) for side in sides) and not _is_table(*sides):
                good.append(gutter)
                break
    return _split(lines, good) if good else []


def _is_column(lines: list[Line], narrowest: float) -> bool:
    """Whether these lines look like a column of running text."""
    width = _width(lines)
    return (
        len(lines) >= MIN_LINES
        and width >= narrowest
        and median(len(line.text) for line in lines) >= MIN_CHARACTERS
        and median(line.width for line in lines) >= MIN_FILL * width
    )


def _is_table(left: list[Line], right: list[Line]) -> bool:
    """Whether two sides are the cells of rows: each line has its partner, and many leave their column unfilled."""
    pairs = rows([*left, *right])
    if len(left) != len(right) or any(len(pair) != 2 for pair in pairs):
        return False
    return any(median(line.width for line in side) < TABLE_FILL * _width(side) for side in (left, right))


def _width(lines: list[Line]) -> float:
    return max(line.right for line in lines) - min(line.left for line in lines)


def _split(lines: list[Line], gutters: list[float]) -> list[list[Line]]:
    """Deal lines out between vertical gutters, left to right; empty parts are left out."""
    parts: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    for line in lines:
        parts[bisect_right(gutters, (line.left + line.right) / 2)].append(line)
    return [part for part in parts if part]


def _flat(groups: Sequence[Sequence[Line]]) -> list[Line]:
    return [line for group in groups for line in group]

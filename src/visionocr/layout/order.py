"""The reading order of a page from the boxes of its lines: pure geometry, no pictures, no engine.

The page is cut recursively. Where white gutters run through a stretch of the page and part columns of text
(``columns.py``), the columns are read one after the other; the rest is read row by row.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median

from visionocr.layout.columns import GUTTER, Gap, is_filled, middle, split, split_columns
from visionocr.layout.lines import Line, Row, rows, usable
from visionocr.layout.skew import find_skew, straighten

SHRINK = 0.12
"""Share of a line height taken off both ends of a box to find gutters: boxes are a little too large."""
TABLE_ROWS = 3
"""Rows across a gutter, each of several cells that leave their columns unfilled, that make a table."""
EFFORT = 400_000
"""Comparisons of a gap with a line that a page may cost: some 20 times what a full newspaper page needs. What is not
cut by then is read by rows."""
DEEPEST = 100
"""Most cuts within each other."""

Band = list[Line]
"""Lines that no horizontal cut may part."""
Stretch = tuple[list[Line], list[list[Line]], list[Line]]
"""What is above, the columns, what is below."""


def blocks(lines: Sequence[Line]) -> list[list[Row]]:
    """Cut a page into blocks in reading order, each made of rows from top to bottom.

    Every line with text comes back exactly once. Lines that run up or down a margin come last, each as a block.
    """
    lines = usable(lines)
    upright = [line for line in lines if line.upright]
    turned = sorted((line for line in lines if not line.upright), key=lambda line: (line.left, line.top))
    found: list[list[Row]] = []
    if upright:
        unit = median(line.height for line in upright) or 1.0
        found = [rows(part) for part in _Cutter(unit).cut(upright)]
    return found + [[(line,)] for line in turned]


def read_order(lines: Sequence[Line], width: float, height: float) -> list[list[Line]]:
    """The lines of a page of this size, itself straight or skewed, in reading order, those of each block together."""
    lines = usable(lines)
    straight = straighten(lines, find_skew(lines), width, height)
    before = dict(zip(map(id, straight), lines, strict=True))
    return [[before[id(line)] for row in rows for line in row if id(line) in before] for rows in blocks(straight)]


class _Cutter:
    """Cuts a page whose usual line height is *unit* pixels, with bounded effort."""

    def __init__(self, unit: float) -> None:
        self._unit = unit
        self._effort = EFFORT

    def cut(self, lines: list[Line], depth: int = 0) -> Iterator[list[Line]]:
        """Cut into parts in reading order."""
        stretch = self._find_stretch(lines) if depth < DEEPEST else None
        if stretch is None:
            yield lines
            return
        above, columns, below = stretch
        for part in (above, *columns, below):
            if part:
                yield from self.cut(part, depth + 1)

    def _find_stretch(self, lines: list[Line]) -> Stretch | None:
        """Find the two horizontal cuts between which columns hold most lines."""
        bands = _bands(lines)
        sums = [0, *accumulate(len(band) for band in bands)]
        edges = (min(line.left for line in lines), max(line.right for line in lines))
        candidates: list[tuple[int, int, int, list[Gap]]] = []
        for first in range(len(bands)):
            for stop, gaps in self._stretches(bands, first, edges):
                for start, end in self._without_tables(bands, first, stop, gaps):
                    candidates.append((sums[end] - sums[start], start, end, gaps))
            if self._effort < 0:
                break
        rejected: list[tuple[int, int, float]] = []
        for count, start, end, gaps in sorted(candidates, key=lambda found: (-found[0], found[1])):
            self._effort -= count
            if self._effort < 0:
                break
            # Of a table of many rows, a few may look like columns.
            inside = [gutter for first, stop, gutter in rejected if first <= start and end <= stop]
            free = [gap for gap in gaps if not any(gap[0] < gutter < gap[1] for gutter in inside)]
            if not free:
                continue
            columns, tables = split_columns(_flat(bands[start:end]), free)
            if columns:
                return _flat(bands[:start]), columns, _flat(bands[end:])
            rejected += [(start, end, gutter) for gutter in tables]
        return None

    def _stretches(self, bands: list[Band], first: int, edges: Gap) -> Iterator[tuple[int, list[Gap]]]:
        """The longest stretches from a band on that leave certain gaps open: the end of each, and the gaps.

        A stretch that can grow up or down without closing a gap is no better than the grown one.
        """
        gaps = [edges]
        for at in range(first, len(bands)):
            narrowed, closed = self._narrow(gaps, bands[at])
            if closed and (inner := _inner(gaps, edges)):
                yield at, inner
            gaps = narrowed
            if not gaps or self._effort < 0 or (first and not self._is_blocked(gaps, bands[first - 1])):
                return
        if inner := _inner(gaps, edges):
            yield len(bands), inner

    def _is_blocked(self, gaps: list[Gap], band: Band) -> bool:
        """Whether a band stands where there was room for a gutter."""
        left, _ = self._narrow(gaps, band)
        return _add_up(gaps) - _add_up(left) >= GUTTER * self._unit

    def _without_tables(self, bands: list[Band], first: int, stop: int, gaps: list[Gap]) -> Iterator[tuple[int, int]]:
        """The parts of a stretch between the tables that reach across its gaps."""
        gutters = [middle(gap) for gap in gaps]
        start = at = first
        while at < stop:
            end = at
            while end < stop and _is_table_row(bands[end], gutters):
                end += 1
            if end - at >= TABLE_ROWS and self._is_table(bands[at:end]):
                if at > start:
                    yield start, at
                start = end
            at = max(end, at + 1)
        if start < stop:
            yield start, stop

    def _is_table(self, bands: list[Band]) -> bool:
        """Whether rows of several cells are a table: none of the columns between their gaps is filled by its lines."""
        lines = _flat(bands)
        edges = (min(line.left for line in lines), max(line.right for line in lines))
        gaps = [edges]
        for band in bands:
            gaps, _ = self._narrow(gaps, band)
        columns = split(lines, [middle(gap) for gap in _inner(gaps, edges)])
        return len(columns) > 2 and not any(is_filled(column) for column in columns)

    def _narrow(self, gaps: list[Gap], band: Band) -> tuple[list[Gap], bool]:
        """What a band leaves of the vertical gaps, and whether it closed one altogether."""
        closed = False
        for line in band:
            self._effort -= len(gaps)
            left, right = line.left + SHRINK * self._unit, line.right - SHRINK * self._unit
            found = []
            for start, end in gaps:
                pieces = [(start, min(end, left)), (max(start, right), end)] if right > left else [(start, end)]
                wide = [piece for piece in pieces if piece[1] - piece[0] >= GUTTER * self._unit]
                closed = closed or not wide
                found += wide
            gaps = found
        return gaps, closed


def _bands(lines: Sequence[Line]) -> list[Band]:
    """Group lines that no horizontal cut may part: those that overlap vertically by more than a little."""
    found: list[Band] = []
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


def _inner(gaps: Sequence[Gap], edges: Gap) -> list[Gap]:
    """The gaps that are no margins."""
    return [gap for gap in gaps if gap[0] > edges[0] and gap[1] < edges[1]]


def _add_up(gaps: Sequence[Gap]) -> float:
    return sum(end - start for start, end in gaps)


def _is_table_row(band: Band, gutters: list[float]) -> bool:
    """Whether a band is one row, on both sides of a gutter, of more cells than the gutters part."""
    if len(band) < len(gutters) + 2:
        return False
    height = max(line.height for line in band)
    middles = [line.middle for line in band]
    cells = sorted(band, key=lambda line: line.left)
    white = sum(after.left - before.right > GUTTER * height for before, after in pairwise(cells))
    aligned = max(middles) - min(middles) <= 0.3 * height
    return aligned and white > len(gutters) and len({bisect_right(gutters, line.center) for line in band}) > 1


def _flat(groups: Sequence[Sequence[Line]]) -> list[Line]:
    return [line for group in groups for line in group]

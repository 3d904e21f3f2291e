"""Whether a white gutter parts columns of text, or only the cells of a table.

A table has gutters, too, but must be read by rows. Text that runs tells the one from the other: its lines fill their
column, and they do not stand beside the lines on the other side of the gutter but where their own leading puts them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from visionocr.layout.lines import Line, rows

MIN_LINES = 3
MIN_CHARACTERS = 12
"""Median characters a line of a column has at least: table cells are shorter."""
MIN_FILL = 0.45
"""Median line length over column width, at least: cells leave more of their column empty."""
TABLE_FILL = 0.75
"""Where every line has a partner beside it, running text fills its column at least so far; cells do not."""
MIN_SHARE = 0.15
"""Narrowest column, as a share of the width of what is cut."""
SOLID = (5, 22, 0.8)
"""Lines, median characters and median fill of text that no cells can be, whatever stands beside it."""
ALIGNED = 0.2
"""Line heights between the middles of two lines on one row, at most."""
LOOSE = 0.5
"""Share of the lines with a partner on the other side up to which two sides are independent: by chance it is a third."""
NUMBERING = 6
"""Most characters of the median line of a margin that numbers or prices the lines beside it."""


def split_columns(lines: Sequence[Line], gutters: Sequence[float]) -> list[list[Line]]:
    """Split a stretch at those of the *gutters* (x) that part columns, left to right; empty when none does."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    share = MIN_SHARE * (right - left)
    gutters = [gutter for gutter in gutters if left < gutter < right]
    parts = split(lines, gutters)
    if len(parts) != len(gutters) + 1:  # a gap between empty parts
        return []
    good = []
    for at, gutter in enumerate(gutters):
        # The text right beside the gap, or, where one side has gaps of its own, everything on that side.
        near = parts[at], parts[at + 1]
        if _parts_text(*near, share) or (len(gutters) > 1 and _parts_columns(*split(lines, [gutter]), share)):
            good.append(gutter)
    return split(lines, good) if good else []


def split(lines: Sequence[Line], gutters: Sequence[float]) -> list[list[Line]]:
    """Deal lines out between vertical gutters, left to right; empty parts are left out."""
    parts: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    for line in lines:
        parts[bisect_right(gutters, line.center)].append(line)
    return [part for part in parts if part]


def _parts_text(left: list[Line], right: list[Line], share: float) -> bool:
    """Whether a gutter between these two sides parts columns."""
    if _parts_columns(left, right, share):
        return True
    for side, other in ((left, right), (right, left)):
        if _is_solid(side, share) and not _belong_to_rows(other, side):
            return True
        if _is_column(side, share) and len(other) >= MIN_LINES and _are_independent(side, other):
            return True
    return False


def _parts_columns(left: list[Line], right: list[Line], share: float) -> bool:
    """Whether there is running text on both sides."""
    return (
        _is_column(left, share)
        and _is_column(right, share)
        and not _is_table(left, right)
        and not any(_is_solid(a, share) and _belong_to_rows(b, a) for a, b in ((left, right), (right, left)))
    )


def _is_column(lines: list[Line], narrowest: float) -> bool:
    """Whether these lines look like a column of running text."""
    return _looks_like_text(lines, narrowest, MIN_LINES, MIN_CHARACTERS, MIN_FILL)


def _is_solid(lines: list[Line], narrowest: float) -> bool:
    """Whether these lines can be nothing but running text."""
    return _looks_like_text(lines, narrowest, *SOLID)


def _looks_like_text(lines: list[Line], narrowest: float, least: int, characters: int, fill: float) -> bool:
    width = _width(lines)
    return (
        len(lines) >= least
        and width >= narrowest
        and median(len(line.text) for line in lines) >= characters
        and median(line.width for line in lines) >= fill * width
    )


def _is_table(left: list[Line], right: list[Line]) -> bool:
    """Whether two sides are the cells of rows: each line has its partner, and many leave their column unfilled."""
    if len(left) != len(right) or any(len(pair) != 2 for pair in rows([*left, *right])):
        return False
    return any(median(line.width for line in side) < TABLE_FILL * _width(side) for side in (left, right))


def is_filled(lines: list[Line]) -> bool:
    """Whether most of these lines fill their column as running text does."""
    long = median(len(line.text) for line in lines) >= MIN_CHARACTERS
    return long and median(line.width for line in lines) >= TABLE_FILL * _width(lines)


def _partners(lines: Sequence[Line], others: Sequence[Line]) -> list[Line | None]:
    """For each line the one of the *others* on the same row, if there is one."""
    others = sorted(others, key=lambda line: line.middle)
    middles = [line.middle for line in others]
    found: list[Line | None] = []
    for line in lines:
        at = bisect_left(middles, line.middle)
        near = min(others[max(0, at - 1) : at + 1], key=lambda other: abs(other.middle - line.middle))
        aligned = abs(near.middle - line.middle) <= ALIGNED * min(near.height, line.height)
        found.append(near if aligned else None)
    return found


def _are_independent(one: list[Line], other: list[Line]) -> bool:
    """Whether the lines of two sides do not stand beside each other."""
    fewer, more = sorted((one, other), key=len)
    partners = _partners(fewer, more)
    return sum(partner is not None for partner in partners) <= LOOSE * len(partners)


def _belong_to_rows(cells: list[Line], text: list[Line]) -> bool:
    """Whether lines stand beside the rows of a text as numbers, labels or further cells of a table do.

    Then nearly all have a line of the text beside them, and are numbers, or stand where the text starts anew: below
    a line with room to spare, or a gap.
    """
    partners = [partner for partner in _partners(cells, text) if partner]
    if len(partners) < 0.8 * len(cells):
        return False
    if median(len(cell.text) for cell in cells) <= NUMBERING:
        return True
    starts = _starts(text)
    heads = sum(id(partner) in starts for partner in partners)
    return heads >= 0.7 * len(partners) and heads * len(text) > 1.5 * len(starts) * len(partners)


def _starts(text: Sequence[Line]) -> set[int]:
    """The identities of the lines that start anew: below a gap, or a line that had room for their first word."""
    text = sorted(text, key=lambda line: line.middle)
    pitch = median([below.middle - above.middle for above, below in pairwise(text)] or [0.0])
    edge = max(line.right for line in text)
    found = {id(text[0])}
    for above, below in pairwise(text):
        word = below.width * (len(below.text.split()[0]) + 1) / len(below.text)
        if below.middle - above.middle > 1.15 * pitch or above.right + word + below.height < edge:
            found.add(id(below))
    return found


def _width(lines: Sequence[Line]) -> float:
    return max(line.right for line in lines) - min(line.left for line in lines)

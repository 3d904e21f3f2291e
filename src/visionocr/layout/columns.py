"""Whether a white gutter parts columns of text, or only the cells of a table.

A table has gutters, too, but must be read by rows. Text that runs tells the one from the other: its lines fill their
column, and they do not stand beside the lines on the other side of the gutter but where their own leading puts them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from visionocr.layout.lines import Line, merge, rows

Gap = tuple[float, float]
"""White from top to bottom of a stretch: its left and right edge."""

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
SOLID = (5, 22, 0.8)
"""Lines, median characters and median fill of text that no cells can be, whatever stands beside it."""
ALIGNED = 0.2
"""Line heights between the middles of two lines on one row, at most."""
LOOSE = 0.5
"""Share of the lines with a partner up to which two sides are independent: by chance it is a third."""
PAIRED = 0.8
"""Share of the lines with a partner on the other side from which two sides are rows."""
BALANCED = 0.6
"""Lines of one side over those of the other from which two sides are about as long."""
BULLETS = tuple("•●▪■◦‣∙·")
"""What the items of lists start with: two lists beside each other are columns however their rows stand."""
NUMBERING = 6
"""Most characters of the median line of a margin that numbers or prices the lines beside it."""


def split_columns(lines: Sequence[Line], gaps: Sequence[Gap]) -> tuple[list[list[Line]], list[float]]:
    """Split a stretch at those of its *gaps* that part columns, left to right; no parts when none does.

    Also returns the middles of the gaps that part the cells of rows.
    """
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    share = MIN_SHARE * (right - left)
    gaps = [gap for gap in gaps if left < middle(gap) < right]
    parts = split(lines, [middle(gap) for gap in gaps])
    if len(parts) != len(gaps) + 1:  # a gap between empty parts
        return [], []
    sizes = [sum(len(line.text) for line in part) for part in parts]
    good, tables = [], []
    for at, gap in enumerate(gaps):
        # The text right beside the gap, or, where cells or numbers stand there, the longest text on each side.
        before = max(range(at + 1), key=sizes.__getitem__)
        after = max(range(at + 1, len(parts)), key=sizes.__getitem__)
        widest = max(gaps[before:after], key=lambda gap: gap[1] - gap[0])
        if _parts_text(parts[at], parts[at + 1], share) or (
            after - before > 1 and gap == widest and _parts_columns(parts[before], parts[after], share)
        ):
            good.append(middle(gap))
        elif _share_paired(parts[at], parts[at + 1]) >= PAIRED:
            tables.append(middle(gap))
    return split(lines, good) if good else [], tables


def middle(gap: Gap) -> float:
    """Where a gap is cut."""
    return (gap[0] + gap[1]) / 2


def split(lines: Sequence[Line], gutters: Sequence[float]) -> list[list[Line]]:
    """Deal lines out between vertical gutters, left to right; empty parts are left out."""
    parts: list[list[Line]] = [[] for _ in range(len(gutters) + 1)]
    for line in lines:
        parts[bisect_right(gutters, line.center)].append(line)
    return [part for part in parts if part]


def _parts_text(left: list[Line], right: list[Line], share: float) -> bool:
    """Whether a gutter between these two sides parts columns."""
    if not _are_beside(left, right):
        return False
    if all(sum(line.text.startswith(BULLETS) for line in side) > 1 for side in (left, right)):
        return True  # lists
    if _parts_columns(left, right, share):
        return True
    if _is_solid(left, share) or _is_solid(right, share):
        return not _belong_together(left, right)
    text = _is_column(left, share) or _is_column(right, share)
    return text and min(len(left), len(right)) >= MIN_LINES and _share_paired(left, right) <= LOOSE


def _parts_columns(left: list[Line], right: list[Line], share: float) -> bool:
    """Whether there is running text on both sides, and not the cells of rows."""
    if not _is_column(left, share) or not _is_column(right, share) or _is_table(left, right):
        return False
    return not _belong_together(left, right)


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
    """Whether two sides are the cells of rows: nearly all have a partner, and many leave their column unfilled."""
    return _share_paired(left, right) >= PAIRED and any(
        median(line.width for line in side) < TABLE_FILL * _width(side) for side in (left, right)
    )


def _are_beside(left: list[Line], right: list[Line]) -> bool:
    """Whether half of the lines of the shorter side have some line of the other one about as high on the page."""
    fewer, more = sorted((left, right), key=len)
    middles = sorted(line.middle for line in more)
    near = 0
    for line in fewer:
        at = bisect_left(middles, line.middle)
        near += min(abs(middle - line.middle) for middle in middles[max(0, at - 1) : at + 1]) <= 2 * line.height
    return 2 * near >= len(fewer)


def is_filled(lines: list[Line]) -> bool:
    """Whether most of these lines are long and fill their column as running text does."""
    long = median(len(line.text) for line in lines) >= SOLID[1]
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


def _share_paired(one: list[Line], other: list[Line]) -> float:
    """The share of the lines of the shorter side that have a partner."""
    fewer, more = sorted((one, other), key=len)
    return sum(partner is not None for partner in _partners(fewer, more)) / len(fewer)


def _belong_together(left: list[Line], right: list[Line]) -> bool:
    """Whether one of two sides belongs to the rows of the other; of two long texts, each to those of the other."""
    found = [_belong_to_rows(left, right), _belong_to_rows(right, left)]
    are_texts = all(median(len(line.text) for line in side) >= SOLID[1] for side in (left, right))
    is_balanced = min(len(left), len(right)) >= BALANCED * max(len(left), len(right))
    return all(found) if are_texts and is_balanced else any(found)


def _belong_to_rows(cells: list[Line], text: list[Line]) -> bool:
    """Whether lines stand beside the rows of a text as numbers, labels or further cells of a table do.

    Then nearly all have a line of the text beside them, and they are numbers, or start anew only where the text does.
    """
    text = [merge(row) for row in rows(text)]
    cells = [merge(row) for row in rows(cells) if text[0].top <= row[0].middle <= text[-1].bottom]
    if not cells:
        return False
    partners = _partners(cells, text)
    if sum(partner is not None for partner in partners) < PAIRED * len(cells):
        return False
    if median(len(cell.text) for cell in cells) <= NUMBERING:
        return True
    starts, heads = _starts(text), _starts(cells)
    heads.discard(id(min(cells, key=lambda line: line.middle)))  # every column starts at its top
    together = sum(
        id(partner) in starts for cell, partner in zip(cells, partners, strict=True) if partner and id(cell) in heads
    )
    return together >= max(2, PAIRED * len(heads)) and together * len(text) > 1.5 * len(starts) * len(heads)


def _starts(text: Sequence[Line]) -> set[int]:
    """The identities of the lines that start anew: below a gap, or a line that had room for their first word."""
    text = sorted(text, key=lambda line: line.middle)
    apart = sorted(below.middle - above.middle for above, below in pairwise(text))
    pitch = apart[len(apart) // 4] if apart else 0.0
    edge = max(line.right for line in text)
    found = {id(text[0])}
    for above, below in pairwise(text):
        word = below.width * (len(below.text.split()[0]) + 1) / len(below.text)
        if below.middle - above.middle > 1.15 * pitch or above.right + word + below.height < edge:
            found.add(id(below))
    return found


def _width(lines: Sequence[Line]) -> float:
    return max(line.right for line in lines) - min(line.left for line in lines)

"""Rows of cells become tables: which rows belong together, which lines are one cell, and what spans columns."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from visionocr.blocks import Cell
from visionocr.layout.columns import GUTTER
from visionocr.layout.lines import Line, Row, merge
from visionocr.layout.paragraphs import join

CELL_GAP = 1.2
"""White between two cells of a table row, in line heights, at least: justified text has gaps below one."""
WRAPPED = 1.1
"""White between a line of a cell and the next one, in line heights, at most."""
APART = 2.2
"""White between two tables that stand above each other, in line heights, at least."""
TIGHTER = 0.15
"""By how many line heights the white within a row is less than between rows."""
FILLED = 0.75
"""Share of a grid's places that hold a text, at least: below it the rows are no table."""

_LONE_MARKER = re.compile(r"^(?:[•●▪■◦‣∙·*–—-]|\(?(?:\d{1,3}|[A-Za-z])[.)])$")
_FIGURE = re.compile(r"^[(+\-−–]?[$€£]?\d[\d.,:/%'’]*\)?[%*†]?$|^[-–—]$")

Grid = list[list[Cell]]
"""The cells of the rows; a cell that spans columns stands once."""


def split_cells(rows: Sequence[Row]) -> list[Row]:
    """Join what the engine parted within a cell: words with a wide space between them, a bullet and its text.

    White that is neither wide nor narrow parts cells where it ends, or the text behind it ends, in line with others.
    """
    sure = [after for row in rows for before, after in pairwise(row) if _white(before, after) >= CELL_GAP]
    starts, ends = sorted(line.left for line in sure), sorted(line.right for line in sure)
    return [tuple(_join_pieces(row, starts, ends)) for row in rows]


def _join_pieces(row: Row, starts: list[float], ends: list[float]) -> Iterator[Line]:
    pending = row[0]
    is_first = True
    for line in row[1:]:
        white = _white(pending, line)
        reach = 0.4 * line.height
        others = max(_count_near(starts, line.left, reach), _count_near(ends, line.right, reach))
        aligned = white >= GUTTER and others > 1
        if (white < CELL_GAP and not aligned) or (is_first and white < 5 and _LONE_MARKER.match(pending.text)):
            pending = merge((pending, line))
        else:
            yield pending
            pending, is_first = line, False
    yield pending


def _white(before: Line, after: Line) -> float:
    """The white between two lines on a row, in line heights."""
    return (after.left - before.right) / (min(before.height, after.height) or 1.0)


def _count_near(edges: list[float], edge: float, reach: float) -> int:
    return bisect_right(edges, edge + reach) - bisect_left(edges, edge - reach)


def runs(rows: Sequence[Row]) -> Iterator[tuple[bool, list[Row]]]:
    """Part rows into runs of table rows (true) and of lines (false).

    A single line belongs to a table when it goes on with a cell above it.
    """
    run: list[Row] = []
    table = False
    above: Row = ()
    """The last row with most cells."""
    for at, row in enumerate(rows):
        several = len(row) > 1
        if table and not several:
            several = _goes_on(above, run[-1], row[0], followed=at + 1 < len(rows) and len(rows[at + 1]) > 1)
        white = row[0].top - run[-1][0].bottom if run else 0.0
        if run and (several != table or (table and white > APART * row[0].height)):
            yield table, run
            run, above = [], ()
        table = several
        above = row if len(row) >= len(above) else above
        run.append(row)
    if run:
        yield table, run


def _goes_on(above: Row, last: Row, line: Line, *, followed: bool) -> bool:
    """Whether a line stands in a cell of a table row, *above*, or in its first column with more rows to follow."""
    white = line.top - max(cell.bottom for cell in last)
    if white > 1.5 * line.height:
        return False
    for cell, after in zip(above, (*above[1:], None), strict=True):
        starts = abs(line.left - cell.left) < 0.7 * line.height
        ends = after is None or line.right < after.left
        if starts and ends and cell is not above[0] and white < WRAPPED * line.height:
            return True
    under = any(line.left < cell.right and cell.left < line.right for cell in above)
    return followed and under and line.width < 0.6 * (above[-1].right - above[0].left)


def read_grid(rows: Sequence[Row]) -> Grid | None:
    """The cells by row and column; ``None`` where the rows have no common columns."""
    spans = _column_spans(rows)
    if spans is None:
        return None
    places = [_place(row, spans) for row in rows]
    whites = [0.0, *(_white_between(above, below) for above, below in pairwise(rows))]
    # The white above rows that start with a first cell: within a row there is less.
    usual = min((white for white, row in zip(whites[1:], places[1:], strict=True) if row and 0 in row), default=0.0)
    grid: list[dict[int, Cell]] = []
    for at, row in enumerate(places):
        if row is None:
            return None
        close = whites[at] < usual - TIGHTER * rows[at][0].height
        if grid and _is_wrapped(row, rows[at], grid[-1], rows[at - 1], spans, whites[at], close=close):
            for column, cell in row.items():
                grid[-1][column] = Cell(join(grid[-1][column].text, cell.text), grid[-1][column].columns)
        else:
            grid.append(row)
    return [_with_empty(row, len(spans)) for row in grid]


def is_table(grid: Grid, rows: int) -> bool:
    """Whether a grid made of so many *rows* of print is a table: large and regular enough.

    Two columns are a form or a receipt unless the first row is a header: words above a column of figures.
    """
    width = sum(cell.columns for cell in grid[0])
    filled = sum(cell.columns for row in grid for cell in row if cell.text)
    regular = rows >= 3 and len(grid) >= 3 and filled >= FILLED * width * len(grid)
    return regular and (width > 2 or _has_header(grid))


def with_header(grid: Grid) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a table whose first row, with all rows that span columns before it, is the header."""
    header = next((at for at, row in enumerate(grid) if all(cell.columns == 1 for cell in row)), 0) + 1
    return tuple(
        tuple(Cell(cell.text, cell.columns, cell.rows, is_header=at < header) for cell in row)
        for at, row in enumerate(grid)
    )


def is_figure(text: str) -> bool:
    """Whether a cell holds a number or an amount."""
    return bool(_FIGURE.match(text))


def _column_spans(rows: Sequence[Row]) -> list[tuple[float, float]] | None:
    """Left and right edge of each column, from the rows with the usual number of cells."""
    counts = Counter(len(row) for row in rows if len(row) > 1)
    usual = max((count for count, times in counts.items() if 3 * times >= max(counts.values())), default=0)
    full = [row for row in rows if len(row) == usual]
    if usual < 2:
        return None
    spans = [(min(row[at].left for row in full), max(row[at].right for row in full)) for at in range(usual)]
    if all(after[0] > before[1] for before, after in pairwise(spans)):
        return spans
    return None


def _place(row: Row, spans: Sequence[tuple[float, float]]) -> dict[int, Cell] | None:
    """The cells of a row by their first column; ``None`` when two would share one."""
    found: dict[int, Cell] = {}
    taken: set[int] = set()
    for line in row:
        inside = 0.3 * line.height
        over = [at for at, span in enumerate(spans) if min(line.right, span[1]) - max(line.left, span[0]) > inside]
        over = over or [min(range(len(spans)), key=lambda at: abs(sum(spans[at]) / 2 - line.center))]
        words = line.text.split()
        if taken.intersection(over):
            return None
        taken.update(over)
        if len(over) == len(words) > 1 and all(map(is_figure, words)):  # figures that were found as one line
            found.update({at: Cell(word) for at, word in zip(over, words, strict=True)})
        else:
            found[over[0]] = Cell(line.text.strip(), over[-1] - over[0] + 1)
    return found


def _white_between(above: Row, below: Row) -> float:
    return min(line.top for line in below) - max(line.bottom for line in above)


def _is_wrapped(
    places: dict[int, Cell],
    row: Row,
    above: dict[int, Cell],
    over: Row,
    spans: Sequence[tuple[float, float]],
    white: float,
    *,
    close: bool,
) -> bool:
    """Whether a row goes on with the cells of the one above: only texts, each below a text of the same column.

    Its first column is empty, or holds all there is of it below a line with no room for its first word.
    *white* is above it; *close*: less than between rows.
    """
    texts = all(at in above and not is_figure(cell.text) for at, cell in places.items())
    if not texts or white > WRAPPED * row[0].height:
        return False
    if 0 not in places:
        return close or len(spans) == 2 or len(places) < len(spans) - 1
    word = row[0].width * (len(row[0].text.split()[0]) + 1) / len(row[0].text)
    return len(places) == 1 and over[0].right + word > spans[0][1] and not is_figure(over[0].text)


def _with_empty(places: dict[int, Cell], width: int) -> list[Cell]:
    row: list[Cell] = []
    at = 0
    while at < width:
        row.append(places.get(at, Cell("")))
        at += row[-1].columns
    return row


def _has_header(grid: Grid) -> bool:
    header, *rest = grid
    if len(header) != 2:
        return False
    texts = [[row[-1 if at else 0].text for row in rest] for at in range(2)]
    figures = [sum(text[:1].isdigit() or text[-1:].isdigit() for text in column) for column in texts]
    return not any(char.isdigit() for cell in header for char in cell.text) and max(figures) >= 0.8 * len(rest)

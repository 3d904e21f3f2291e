"""OTSL, the table language of DocTags, PaddleOCR-VL and MinerU: one mark for each place of the grid, text behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.escaping import escape

CELLS = frozenset(["fcel", "ecel", "lcel", "ucel", "xcel", "ched", "rhed", "srow"])
"""The marks of grid places: with text, empty, part of the cell on the left, above, or both; headers of a column, a row
and a section."""
ROW_END = "nl"
_MARK = re.compile(rf"<({'|'.join(sorted(CELLS))}|{ROW_END})>|</?otsl>")
_CUT_MARK = re.compile(
    r"<(?:/?o?|/?ot|/?ots|/?otsl|[flexu]|[flux]c|[flexu]ce?|[flexu]cel|ec|n|nl|[cr]h?e?d?|s|sr|sro|srow)\Z"
)
_COVERED = {"lcel", "ucel", "xcel"}

Place = tuple[str, str]
"""A mark, without brackets, and the text behind it."""


def parse_otsl(text: str) -> tuple[Block, ...]:
    """The tables of an answer in OTSL; text in front of the first mark is kept as a paragraph."""
    text = _CUT_MARK.sub("", text)
    first = _MARK.search(text)
    if first is None:
        return ()
    places: list[Place] = []
    mark, end = first[1] or ROW_END, first.end()
    for found in [*_MARK.finditer(text, end), None]:
        until = len(text) if found is None else found.start()
        places.append((mark, text[end:until]))
        if found is not None:
            mark, end = found[1] or ROW_END, found.end()
    before = text[: first.start()].strip()
    rows = otsl_rows(places)
    paragraph = (Block(BlockKind.TEXT, escape(before)),) if before else ()
    return (*paragraph, Block(BlockKind.TABLE, rows=rows)) if rows else paragraph


def is_otsl(text: str) -> bool:
    """Whether *text* is a table in OTSL: it begins with a mark, and has two or more of them and the end of a row."""
    marks = [found[1] for found in _MARK.finditer(text[:20_000])]
    return _MARK.match(text) is not None and ROW_END in marks and len(marks) > 2


def otsl_rows(places: Sequence[Place]) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a table. Text that stands where there should be none gets a cell of its own."""
    grid: list[list[Place]] = [[]]
    for mark, text in places:
        text = text.strip()
        if mark == ROW_END:
            grid.append([])
            if text:
                grid[-1].append(("fcel", text))
        else:
            grid[-1].append(("fcel" if text and (mark in _COVERED or mark == "ecel") else mark, text))
    grid = [row for row in grid if row]
    return tuple(tuple(_cells(grid, number)) for number in range(len(grid)))


def _cells(grid: Sequence[Sequence[Place]], number: int) -> list[Cell]:
    cells: list[Cell] = []
    row = grid[number]
    for column, (mark, text) in enumerate(row):
        if mark in _COVERED:
            if not _is_covered(grid, number, column, mark):
                cells.append(Cell(""))
            continue
        columns, rows = _spans(grid, number, column)
        cells.append(Cell(" ".join(escape(text).split()), columns, rows, mark in {"ched", "rhed", "srow"}))
    return cells


def _spans(grid: Sequence[Sequence[Place]], number: int, column: int) -> tuple[int, int]:
    """How many columns and rows a cell spans."""
    columns = rows = 1
    while _mark(grid, number, column + columns) == "lcel":
        columns += 1
    while _mark(grid, number + rows, column) == "ucel":
        rows += 1
    if columns > 1 and rows > 1:
        for below in range(1, rows):
            if any(_mark(grid, number + below, column + right) not in _COVERED for right in range(1, columns)):
                return columns, below
    return columns, rows


def _is_covered(grid: Sequence[Sequence[Place]], number: int, column: int, mark: str) -> bool:
    """Whether the neighbour that a mark points to exists."""
    if mark == "ucel":
        return number > 0 and _mark(grid, number - 1, column) != ""
    return column > 0 and (mark == "lcel" or number > 0)


def _mark(grid: Sequence[Sequence[Place]], number: int, column: int) -> str:
    """The mark at a place of the grid; empty outside it."""
    return grid[number][column][0] if number < len(grid) and column < len(grid[number]) else ""

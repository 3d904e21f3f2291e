"""Tables as Markdown: a pipe table where one can hold it, else clean HTML with one row a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.blocks import Cell
from visionocr.formats.inline import to_html, to_plain
from visionocr.types import Tables

Rows = Sequence[Sequence[Cell]]
_BLOCK_IN_CELL = re.compile(r"<(?:ul|ol|table)\b|\$\$")
_PIPE = re.compile(r"(?<!\\)\|")


def table_markdown(rows: Rows, tables: Tables = Tables.AUTO) -> str:
    """A table: a pipe table with ``auto`` where it fits, else HTML; ``html``: always HTML."""
    if not any(rows):
        return ""
    return _pipe_table(rows) if tables is Tables.AUTO and _fits_pipes(rows) else table_html(rows)


def table_html(rows: Rows, as_cell: bool = False) -> str:
    """A table in HTML, one row a line. *as_cell*: on one line, for a cell whose inline marks are still Markdown."""
    lines = [f"<tr>{''.join(_cell_html(cell, as_cell) for cell in row)}</tr>" for row in rows]
    return ("" if as_cell else "\n").join(["<table>", *lines, "</table>"])


def table_plain(rows: Rows) -> str:
    """A table as lines of cells parted by tabs."""
    return "\n".join("\t".join(" ".join(to_plain(cell.text).split()) for cell in row) for row in rows)


def _fits_pipes(rows: Rows) -> bool:
    """Whether a pipe table can hold it: no spans, rows of one length (some last cells may be missing), no blocks."""
    cells = [cell for row in rows for cell in row]
    if any(cell.columns > 1 or cell.rows > 1 or _BLOCK_IN_CELL.search(cell.text) for cell in cells):
        return False
    if not any(cell.text for cell in cells) or any(_is_header(row) for row in rows[1:]):
        return False
    return len(rows) * max(map(len, rows)) - len(cells) <= len(cells) // 2


def _is_header(row: Sequence[Cell]) -> bool:
    return bool(row) and all(cell.is_header for cell in row)


def _pipe_table(rows: Rows) -> str:
    width = max(map(len, rows))
    lines = [_pipe_row([cell.text for cell in row], width) for row in rows]
    return "\n".join([lines[0], _pipe_row(["---"] * width, width), *lines[1:]])


def _pipe_row(cells: Sequence[str], width: int) -> str:
    texts = [_PIPE.sub(r"\\|", " ".join(cell.split())) for cell in cells]
    return "| " + " | ".join([*texts, *[""] * (width - len(texts))]) + " |"


def _cell_html(cell: Cell, as_cell: bool) -> str:
    name = "th" if cell.is_header else "td"
    spans = (f' colspan="{cell.columns}"' if cell.columns > 1 else "") + (
        f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
    )
    text = " ".join(cell.text.split())
    return f"<{name}{spans}>{text if as_cell else to_html(text)}</{name}>"

"""The tables of HTML answers: rows of cells with spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.boxes import Box
from visionocr.formats.html_inline import Words, inline_text
from visionocr.formats.html_tree import INLINE, Element
from visionocr.formats.table import table_html

_BREAKS = re.compile(r"<br>(?=<(?:ul|ol|table)>)|(?<=</ul>)<br>|(?<=</ol>)<br>|(?<=</table>)<br>")
"""Line ends beside lists and tables, which stand on lines of their own anyway."""
MAX_SPAN = 1000
"""HTML's own limit of ``colspan``."""


def table_blocks(table: Element, words: Words, box: Box | None = None) -> Iterator[Block]:
    """The caption of a table, where it has one, and the table."""
    rows: list[tuple[Cell, ...]] = []
    for child in _parts(table):
        if isinstance(child, Element) and child.name == "caption":
            if text := inline_text(child.children, words):
                yield Block(BlockKind.CAPTION, text, box=box)
        elif isinstance(child, Element) and child.name == "tr":
            rows.append(tuple(_cells(child, words)))
        elif text := _cell_text([child], words):  # outside any row: its mark is missing
            rows.append((Cell(text),))
    if any(rows):
        yield Block(BlockKind.TABLE, rows=tuple(row for row in rows if row), box=box)


def _parts(table: Element) -> Iterator[Element | str]:
    for child in table.children:
        if isinstance(child, Element) and child.name in {"thead", "tbody", "tfoot"}:
            yield from child.children
        else:
            yield child


def _cells(row: Element, words: Words) -> Iterator[Cell]:
    for child in row.children:
        if isinstance(child, Element) and child.name in {"td", "th"}:
            columns, rows = (_span(child.attributes.get(name, "")) for name in ("colspan", "rowspan"))
            yield Cell(_cell_text(child.children, words), columns, rows, child.name == "th")
        elif text := _cell_text([child], words):
            yield Cell(text)


def _span(value: str) -> int:
    return min(MAX_SPAN, max(1, int(value))) if value.isdecimal() and len(value) < 5 else 1


def _cell_text(children: Sequence[Element | str], words: Words) -> str:
    """The text of a cell: paragraphs parted by ``<br>``, lists and tables as HTML."""
    parts: list[str] = []
    run: list[Element | str] = []
    for child in children:
        if isinstance(child, str) or child.name in INLINE:
            run.append(child)
            continue
        parts.append(inline_text(run, words, "<br>"))
        run = []
        if child.name in {"ul", "ol"}:
            items = "".join(
                f"<li>{_cell_text(_inside(item), words)}</li>" for item in child.children if _has_text(item)
            )
            parts.append(f"<{child.name}>{items}</{child.name}>" if items else "")
        elif child.name == "table":
            parts += [block.text or table_html(block.rows, as_cell=True) for block in table_blocks(child, words)]
        else:
            parts.append(_cell_text(child.children, words))
    parts.append(inline_text(run, words, "<br>"))
    return _BREAKS.sub("", "<br>".join(filter(None, parts)))


def _inside(item: Element | str) -> Sequence[Element | str]:
    return [item] if isinstance(item, str) else item.children


def _has_text(item: Element | str) -> bool:
    return bool(item.strip()) if isinstance(item, str) else True

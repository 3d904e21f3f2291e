"""The text of a page from the boxes of its lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.blocks import Block, BlockKind
from visionocr.layout.lines import Line
from visionocr.layout.structure import read_page

_ESCAPE = re.compile(r"^\\(?=[#>`~=_*+-])", re.MULTILINE)


def page_text(lines: Sequence[Line], markdown: bool = True) -> str:
    """The text of a page in reading order, as Markdown or plain; paragraphs are parted by an empty line.

    Plain text has the same paragraphs and rows, without marks of any kind.
    """
    height = max((line.bottom for line in lines), default=0.0)
    width = max((line.right for line in lines), default=0.0)
    text = ""
    before: Block | None = None
    for block in read_page(lines, width, height):
        items = before is not None and before.kind is block.kind is BlockKind.LIST_ITEM
        text += ("\n" if items else "\n\n") + (_markdown(block) if markdown else _plain(block))
        before = block
    return text.lstrip("\n")


def _markdown(block: Block) -> str:
    if block.kind is BlockKind.HEADING:
        return "#" * block.level + " " + block.text
    if block.kind is BlockKind.LIST_ITEM:
        return f"{block.marker} {block.text}"
    if block.kind is not BlockKind.TABLE:
        return block.text
    lines = []
    for row in block.rows:
        texts = [text for cell in row for text in (cell.text.replace("|", "\\|"), *[""] * (cell.columns - 1))]
        lines.append("| " + " | ".join(texts) + " |")
    lines.insert(1, "|" + " --- |" * sum(cell.columns for cell in block.rows[0]))
    return "\n".join(lines)


def _plain(block: Block) -> str:
    if block.kind is BlockKind.TABLE:
        return "\n".join("  ".join(cell.text for cell in row if cell.text) for row in block.rows)
    text = _ESCAPE.sub("", block.text)
    return f"{block.marker} {text}" if block.kind is BlockKind.LIST_ITEM else text

"""The blocks of a page: what an answer is made of, whatever format it came in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from visionocr.boxes import Box


class BlockKind(StrEnum):
    """What a block is. The values are part of the JSON output."""

    TEXT = "text"
    """A paragraph."""
    HEADING = "heading"
    LIST_ITEM = "list-item"
    TABLE = "table"
    FORMULA = "formula"
    """LaTeX, without delimiters."""
    CODE = "code"
    PICTURE = "picture"
    """A figure, photo or chart; its text is what the model says about it."""
    CAPTION = "caption"
    FOOTNOTE = "footnote"
    HEADER = "header"
    FOOTER = "footer"
    PAGE_NUMBER = "page-number"


EDGES = frozenset({BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER})
"""What stands at the edges of a page and is no part of its running text."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    """With Markdown's inline marks; line ends are ``<br>``, lists and tables in it are HTML."""
    columns: int = 1
    """Columns that it spans."""
    rows: int = 1
    """Rows that it spans."""
    is_header: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a page, in reading order."""

    kind: BlockKind
    text: str = ""
    """Its text, with Markdown's inline marks (emphasis, ``$…$``, links) and no others."""
    level: int = 0
    """Of a heading, 1 to 6; of a list item, its depth, 0 for the outermost."""
    box: Box | None = None
    """Where it stands on the page, where that is known."""
    rows: tuple[tuple[Cell, ...], ...] = ()
    """The rows of a table."""
    marker: str = ""
    """Of a list item: its bullet or number as it stands in Markdown, such as ``-`` or ``3.``."""
    is_open: bool | None = None
    """Of a paragraph or list item: whether its last line is full, so that it may go on in the next column or page;
    ``None``: unknown."""
    language: str = ""
    """Of code, where the answer names it, such as ``python`` or ``mermaid``."""
    path: str = ""
    """Of a picture that was cut out of the page: the name of its file, in an output the path to it."""
    is_cut: bool = False
    """The answer ended, or was damaged, inside this block."""

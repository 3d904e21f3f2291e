"""Markdown as blocks, for outputs that need the parts of a page, such as hOCR."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.formats.code_regions import regions
from visionocr.formats.html import parse_html

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FORMULA = re.compile(r"^\$\$((?:[^\n$]|\$(?!\$)|\n(?![ \t]*\n))+?)\$\$[ \t]*$", re.MULTILINE)
_PICTURE = re.compile(r"!\[((?:[^\[\]]|\\[\[\]])*)\]\([^()\n]*\)")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_PIPE = re.compile(r"(?<!\\)\|")


def parse_markdown(text: str) -> tuple[Block, ...]:
    """The blocks of Markdown *text*; inline marks stay in their texts. Comments are left out."""
    blocks: list[Block] = []
    for is_formula, part in _formulas(text):
        blocks += [Block(BlockKind.FORMULA, part)] if is_formula else _Reader(part).blocks()
    return tuple(blocks)


def _formulas(text: str) -> Iterator[tuple[bool, str]]:
    """Display formulas, which Markdown does not know: a line of one that begins with ``+`` is no list."""
    run = ""
    for is_code, part in regions(text):
        end = 0
        for formula in () if is_code or "$$" not in part else _FORMULA.finditer(part):
            yield False, run + part[end : formula.start()]
            yield True, formula[1].strip()
            run, end = "", formula.end()
        run += part[end:]
    yield False, run


@cache
def _parser() -> MarkdownIt:
    """CommonMark with pipe tables. Inline marks are not parsed: they stay, and that is where parsers are slow.

    Indented lines are no listings: on a page they are indented text. Definitions of links stay as text.
    """
    from markdown_it import MarkdownIt  # imported here: most runs need no blocks

    parser = MarkdownIt("commonmark", {"maxNesting": 200}).enable("table")
    return parser.disable(["code", "reference", "inline", "text_join"])


class _Reader:
    """Walks over the tokens of a page."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._tokens = _parser().parse(text)
        self._depth = -1
        """Of the lists that are open."""
        self._marker = ""
        """Of the list item that has begun, until its first paragraph has taken it."""

    def blocks(self) -> Iterator[Block]:
        """The blocks in order."""
        heading = 0
        is_table = False
        for token in self._tokens:
            kind = token.type
            if kind in {"heading_open", "heading_close"}:
                heading = int(token.tag[1:]) if kind == "heading_open" else 0
            elif kind in {"bullet_list_open", "ordered_list_open"}:
                self._depth += 1
            elif kind in {"bullet_list_close", "ordered_list_close"}:
                self._depth -= 1
            elif kind == "list_item_open":
                self._marker = f"{token.info}{token.markup}"
            elif kind in {"table_open", "table_close"}:
                is_table = kind == "table_open"
                if is_table and token.map:
                    yield Block(BlockKind.TABLE, rows=tuple(_rows(self._lines[token.map[0] : token.map[1]])))
            elif kind == "inline" and not is_table:
                yield from self._text(token.content, heading)
            elif kind == "fence":
                yield Block(BlockKind.CODE, token.content.rstrip("\n"), language=token.info.strip().partition(" ")[0])
            elif kind == "html_block":
                yield from parse_html(_COMMENT.sub("", token.content), in_markdown=True)

    def _text(self, text: str, heading: int) -> Iterator[Block]:
        """The block of a heading, a list item's first paragraph, a picture alone on its lines, or a paragraph."""
        text = text.strip()
        picture = _PICTURE.fullmatch(text)
        if heading:
            yield Block(BlockKind.HEADING, text, heading)
        elif self._marker:
            yield Block(BlockKind.LIST_ITEM, text, max(0, self._depth), marker=self._marker)
            self._marker = ""
        elif picture:
            yield Block(BlockKind.PICTURE, picture[1])
        elif text:
            yield Block(BlockKind.TEXT, text)


def _rows(lines: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    """The rows of a pipe table, with all cells: a parser drops those that its header has no column for."""
    for number, line in enumerate(lines):
        if number == 1:
            continue  # the rule below the header
        line = line.strip("> \t").removeprefix("|")
        line = line[:-1] if line.endswith("|") and not line.endswith("\\|") else line
        yield tuple(Cell(cell.strip().replace("\\|", "|"), is_header=number == 0) for cell in _PIPE.split(line))

"""Lines with boxes become the blocks of a page: headings, paragraphs, list items, tables, notes and page numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from visionocr.blocks import Block, BlockKind
from visionocr.escaping import escape
from visionocr.layout import order
from visionocr.layout.edges import is_page_number
from visionocr.layout.lines import Line, Row, body_height, box_around, usable
from visionocr.layout.paragraphs import Paragraph, join, paragraphs
from visionocr.layout.skew import find_skew, skew_box, straighten
from visionocr.layout.tables import is_table, read_grid, runs, split_cells, with_header

HEADINGS = ((1.75, 1), (1.4, 2), (1.3, 3))
"""Line height over the body's, at least, and the level."""
MARGIN = 0.08
"""Share of the page's height at its top and bottom in which page numbers stand."""
NOTE = 0.9
"""Height of a foot note over the body's, at most."""

_BULLET = re.compile(r"^(?:[•●▪■◦‣∙·]\s*|[-*–]\s+)(?=\S)")
_NUMBER = re.compile(r"^(\d{1,3}[.)])\s+(?=\S)")
_SPECIAL = re.compile(r"^(?=#{1,6}(?:\s|$)|[-*+]\s|>|`{3}|~{3}|(?:[-=_*][ \t]*){3,}$)", re.MULTILINE)
_CAPTION = re.compile(r"^(?:fig(?:ure|\.)?|table|tab\.|abb(?:ildung|\.)|tabelle|figura|tabla|tableau)\s*\d+[.:]", re.I)
_NOTE = re.compile(r"^(?:\d{1,3}|[*†‡§¹²³⁴-⁹])[.)]?\s*\w")
ENDS = tuple('.!?:;"”»)]…')
"""What a paragraph ends with that does not go on."""
PARAGRAPHS = frozenset({BlockKind.TEXT, BlockKind.LIST_ITEM})
"""What goes on in the next column or page."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A block, with the lines it was made of and whether its last one is full."""

    block: Block
    lines: tuple[Line, ...]
    is_open: bool = False


def read_page(lines: Sequence[Line], width: float, height: float) -> tuple[Block, ...]:
    """The blocks of a page in reading order, from its lines in any order.

    *width* and *height* of the page, in the unit of the lines, give the blocks their boxes. Text is as Markdown needs
    it: what would be a heading, a quotation or a rule at the start of a line has a backslash before it.
    """
    lines = usable(lines)
    if not lines:
        return ()
    skew = find_skew(lines)
    lines = straighten(lines, skew, width, height)
    body = body_height(lines)
    parts: list[_Part] = []
    for rows in order.blocks(lines):
        for part in _read_rows(rows, body, height):
            if part.block.kind is BlockKind.TEXT and (at := _find_start(parts, part)) is not None:
                parts[at] = _join(parts[at], part)
            else:
                parts.append(part)
    return tuple(_finish(part, skew, width, height) for part in parts)


def _finish(part: _Part, skew: float, width: float, height: float) -> Block:
    """The block of a part, with its box on the page as it is: skewed by *skew* degrees."""
    goes_on = part.is_open if part.block.kind in PARAGRAPHS else None
    box = skew_box(box_around(part.lines, width, height), skew, width, height)
    return replace(part.block, box=box, is_open=goes_on)


def _read_rows(rows: Sequence[Row], body: float, height: float) -> Iterator[_Part]:
    """The blocks of a column or of a stretch over all columns."""
    right = _right_edge(rows)
    for several, run in runs(split_cells(rows)):
        if several:
            yield _read_cells(run)
        else:
            yield from _read_lines(paragraphs([row[0] for row in run], body, right), body, height)


def _right_edge(rows: Sequence[Row]) -> float:
    """Where full lines end; one line in ten may stick out, as listings do."""
    ends = sorted(row[-1].right for row in rows)
    return ends[min(len(ends) - 1, len(ends) * 9 // 10)]


def _read_cells(rows: list[Row]) -> _Part:
    """A table, or, where rows are too few or too irregular for one, a text with a line for each row."""
    lines = tuple(line for row in rows for line in row)
    grid = read_grid(rows)
    if grid is not None and is_table(grid, len(rows)):
        return _Part(Block(BlockKind.TABLE, rows=with_header(grid)), lines)
    texts = [[line.text.strip() for line in row] for row in rows]
    if grid is not None:
        texts = [[cell.text for cell in row if cell.text] for row in grid]
    text = "\n".join("  ".join(row) for row in texts)
    return _Part(Block(BlockKind.TEXT, _escape(text)), lines)


def _read_lines(found: Sequence[Paragraph], body: float, height: float) -> Iterator[_Part]:
    """A block for each paragraph; short lines that follow each other closely are one."""
    # Foot notes stand below all text of the usual size.
    notes = 1 + max((at for at, paragraph in enumerate(found) if not _is_small(paragraph, body)), default=-1)
    pending: _Part | None = None
    for at, paragraph in enumerate(found):
        part = _Part(_name(paragraph, body, height, is_low=at >= notes), paragraph.lines, paragraph.is_open)
        plain = part.block.kind is BlockKind.TEXT
        if pending and plain and paragraph.is_tight:
            text = f"{pending.block.text}\n{part.block.text}"
            pending = _Part(replace(pending.block, text=text), (*pending.lines, *part.lines), part.is_open)
            continue
        if pending:
            yield pending
            pending = None
        if plain:
            pending = part
        else:
            yield part
    if pending:
        yield pending


def _is_small(paragraph: Paragraph, body: float) -> bool:
    return paragraph.height <= NOTE * body or is_page_number(paragraph.text)


def _name(paragraph: Paragraph, body: float, height: float, *, is_low: bool) -> Block:
    """What a paragraph is. *is_low*: there is only small print below it in its column."""
    text = paragraph.text
    scale = paragraph.height / body
    first = paragraph.lines[0]
    if level := _heading_level(paragraph, text, scale):
        return Block(BlockKind.HEADING, text, level)
    edge = first.bottom < MARGIN * height or first.top > (1 - MARGIN) * height
    if edge and len(paragraph.lines) == 1 and is_page_number(text):
        return Block(BlockKind.PAGE_NUMBER, text)
    if _CAPTION.match(text):
        return Block(BlockKind.CAPTION, text)
    if is_low and scale <= NOTE and first.top > height / 2 and _NOTE.match(text):
        return Block(BlockKind.FOOTNOTE, _escape(text))
    for pattern, marker in ((_BULLET, "-"), (_NUMBER, "")):
        if match := pattern.match(text):
            return Block(BlockKind.LIST_ITEM, _escape(text[match.end() :]), marker=marker or match[1])
    return Block(BlockKind.TEXT, _escape(text))


def _heading_level(paragraph: Paragraph, text: str, scale: float) -> int:
    """The level of a heading, or 0: large, short, with letters in it and not broken off."""
    level = next((level for ratio, level in HEADINGS if scale >= ratio), 0)
    upright = all(line.upright for line in paragraph.lines)
    wordy = sum(char.isalpha() for char in text) >= 3 and text[-1] not in ",;"
    return level if upright and wordy and len(paragraph.lines) <= 4 and len(text) <= 150 else 0


def _escape(text: str) -> str:
    """Text as Markdown: what would be a mark, also at the start of a line, gets a backslash."""
    return _SPECIAL.sub(r"\\", escape(text))


def _find_start(parts: Sequence[_Part], part: _Part) -> int | None:
    """The place of the paragraph with which *part* goes on: at the end of the column before.

    Its last line must be full and end within a sentence, and *part* go on in lower case above or beside that end.
    Foot notes, captions and numbers may stand between.
    """
    between = {BlockKind.FOOTNOTE, BlockKind.CAPTION, BlockKind.PAGE_NUMBER}
    at = next((at for at in reversed(range(len(parts))) if parts[at].block.kind not in between), None)
    if at is None or parts[at].block.kind not in PARAGRAPHS or not part.lines[0].text[:1].islower():
        return None
    last, first = parts[at].lines[-1], part.lines[0]
    elsewhere = first.left > last.right or first.bottom < last.top
    alike = max(last.height, first.height) < 1.3 * min(last.height, first.height)
    whole = "\n" not in part.block.text and not parts[at].block.text.endswith(ENDS)
    return at if parts[at].is_open and elsewhere and alike and whole else None


def _join(first: _Part, second: _Part) -> _Part:
    block = replace(first.block, text=join(first.block.text, second.block.text))
    return _Part(block, (*first.lines, *second.lines), second.is_open)

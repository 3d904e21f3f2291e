"""The text of a page from lines in reading order: paragraphs, headings, lists and tables as far as geometry tells.

Where geometry does not tell, lines stay as they stand on the page: a list of short lines that was no paragraph is
easier to read, and to mend, than a paragraph that was no list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from visionocr.layout import order
from visionocr.layout.lines import Line, Row, body_height

HEADINGS = ((1.75, "# "), (1.4, "## "), (1.3, "### "))
"""Line height over the body's, at least. Boxes of one and the same size differ by a fifth, so none is lower."""
CELL_GAP = 1.2
"""White between two cells of a table row, in line heights, at least: justified text has gaps below one."""
PARAGRAPH_GAP = 1.4
"""Distance between the middles of two lines over the usual distance, from which a paragraph ends."""

_BULLET = re.compile(r"^(?:[•●▪■◦‣∙·]\s*|[-*]\s+)(?=\S)")
_MARKER = re.compile(r"^(?:[•●▪■◦‣∙·]|[-*–—](?=\s|$)|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)](?=\s|$))")
_LONE_MARKER = re.compile(r"^(?:[•●▪■◦‣∙·*–—-]|\(?(?:\d{1,3}|[A-Za-z])[.)])$")
_SPECIAL = re.compile(r"^(?=#{1,6}(?:\s|$)|>|`{3}|~{3}|(?:[-=_*]\s*){3,}$)")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_HYPHENS = "-\u2010\u00ad"
_SUSPENDED = {"and", "or", "und", "oder", "bzw."}
"""What follows the first half of "pre- and postwar": that hyphen stays."""


def page_text(lines: Sequence[Line], markdown: bool = True) -> str:
    """The text of a page in reading order, as Markdown or plain; paragraphs are parted by an empty line.

    Plain text has the same paragraphs and rows, without marks of any kind.
    """
    lines = [line for line in lines if line.text.strip()]
    if not lines:
        return ""
    body = body_height(lines)
    found: list[str] = []
    for block in order.blocks(lines):
        right = _right_edge(block)
        for cells, run in _runs([_cells(row) for row in block]):
            found += [_table(run, markdown)] if cells else _paragraphs([row[0] for row in run], body, right, markdown)
    return "\n\n".join(found)


def join(first: str, second: str) -> str:
    """Join two lines of a paragraph; a word that was parted at the line's end is put together again."""
    if len(first) > 1 and first[-1] in _HYPHENS and first[-2].isalnum() and second:
        if second.split()[0].lower() in _SUSPENDED:
            return f"{first} {second}"
        parted = first[-1] == "\u00ad" or (first[-2].isalpha() and second[0].islower())
        return (first[:-1] if parted else first) + second
    if first and second and _CJK.match(first[-1]) and _CJK.match(second[0]):
        return first + second
    return f"{first} {second}" if first and second else first or second


def _right_edge(block: Sequence[Row]) -> float:
    """Where full lines of a block end; one line in ten may stick out, as listings do."""
    ends = sorted(row[-1].right for row in block)
    return ends[min(len(ends) - 1, len(ends) * 9 // 10)]


def _cells(row: Row) -> Row:
    """Join what the engine parted within a cell: words with a wide space between them, a bullet and its text."""
    cells: list[Line] = []
    for line in row:
        if cells:
            last = cells[-1]
            height = min(last.height, line.height)
            gap = line.left - last.right
            if gap < CELL_GAP * height or (_LONE_MARKER.match(last.text) and len(cells) == 1 and gap < 5 * height):
                cells[-1] = _merged(last, line)
                continue
        cells.append(line)
    return tuple(cells)


def _merged(first: Line, second: Line) -> Line:
    return Line(
        min(first.left, second.left),
        min(first.top, second.top),
        max(first.right, second.right),
        max(first.bottom, second.bottom),
        f"{first.text} {second.text}",
    )


def _runs(rows: Sequence[Row]) -> Iterator[tuple[bool, list[Row]]]:
    """Part rows into runs of table rows (true) and of lines (false).

    A line between table rows belongs to the table when it stands under or beside one of their cells.
    """
    run: list[Row] = []
    table = False
    for at, row in enumerate(rows):
        several = len(row) > 1
        if table and not several and at + 1 < len(rows) and len(rows[at + 1]) > 1:
            above = rows[at - 1]
            close = row[0].top - above[0].bottom < 1.5 * row[0].height
            several = close and any(_overlap(row[0], cell) for cell in above) and len(above) > 1
            several = several and row[0].width < 0.6 * (above[-1].right - above[0].left)
        if run and several != table:
            yield table, run
            run = []
        table = several
        run.append(row)
    if run:
        yield table, run


def _overlap(first: Line, second: Line) -> bool:
    return first.left < second.right and second.left < first.right


# --- tables --------------------------------------------------------------------------------------------


def _table(rows: Sequence[Row], markdown: bool) -> str:
    """A Markdown table where rows and columns are regular, else one line a row with its cells two spaces apart."""
    grid = _grid(rows) if markdown else None
    if grid is None:
        return "\n".join("  ".join(cell.text for cell in row) for row in rows)
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in grid]
    lines.insert(1, "|" + " --- |" * len(grid[0]))
    return "\n".join(lines)


def _grid(rows: Sequence[Row]) -> list[list[str]] | None:
    """The cells by row and column; ``None`` when the block is too small or too irregular to call it a table."""
    spans: list[list[float]] = []
    for cell in sorted((cell for row in rows for cell in row), key=lambda cell: cell.left):
        if spans and cell.left < spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], cell.right)
        else:
            spans.append([cell.left, cell.right])
    if len(rows) < 3 or len(spans) < 2:
        return None
    grid: list[list[str]] = []
    filled = 0
    for row in rows:
        texts = [""] * len(spans)
        for cell in row:
            column = next(at for at, span in enumerate(spans) if span[0] <= cell.left < span[1] or span[0] == cell.left)
            if texts[column]:
                return None
            texts[column] = cell.text
        filled += len(row)
        if grid and len(row) == 1 and not texts[0]:  # the second line of a cell
            grid[-1] = [join(above, text) for above, text in zip(grid[-1], texts, strict=True)]
            filled += len(spans) - 1
        else:
            grid.append(texts)
    regular = filled >= 0.75 * len(spans) * len(rows) and len(grid) >= 3
    # Two columns are a form or a receipt unless the first row is a header: words above a column of figures.
    return grid if regular and (len(spans) > 2 or _has_header(grid)) else None


def _has_header(grid: Sequence[Sequence[str]]) -> bool:
    header, *rest = grid
    figures = [sum(row[at][:1].isdigit() or row[at][-1:].isdigit() for row in rest) for at in range(len(header))]
    return not any(char.isdigit() for cell in header for char in cell) and max(figures) >= 0.8 * len(rest)


# --- running text --------------------------------------------------------------------------------------


def _paragraphs(lines: Sequence[Line], body: float, right: float, markdown: bool) -> list[str]:
    """The paragraphs of a run of lines whose column ends at *right*."""
    pitch = _pitch(lines, body)
    found: list[list[Line]] = []
    tight = [False]  # whether paragraph n follows the one before without an empty line
    for line in lines:
        if found and not (broken := _break(found[-1], line, pitch, right)):
            found[-1].append(line)
            continue
        if found:
            tight.append(broken == "line")
        found.append([line])
    texts: list[str] = []
    for group, close in zip(found, tight, strict=False):
        text = _heading(group, body) if markdown else ""
        close = close and not text and not (texts and texts[-1].startswith("#") and markdown)
        text = text or _joined(group, markdown)
        if close and texts:
            texts[-1] += "\n" + text
        else:
            texts.append(text)
    return texts


def _pitch(lines: Sequence[Line], body: float) -> float:
    """The usual distance between two lines: the median, but of few lines never more than generous leading."""
    apart = [b.middle - a.middle for a, b in pairwise(lines) if b.middle > a.middle]
    usual = median(apart) if apart else 1.3 * body
    return min(usual, (2.6 if len(apart) > 5 else 1.7) * body)


def _break(group: Sequence[Line], line: Line, pitch: float, right: float) -> str:
    """Whether *line* starts anew after the lines of *group*: ``paragraph``, ``line`` or nothing."""
    last = group[-1]
    height = min(last.height, line.height) or 1.0
    indent = (line.left - last.left) / height
    item = bool(_MARKER.match(group[0].text))
    new_item = bool(_MARKER.match(line.text))
    # What the first word of the next line would have needed: a writer who had that much room meant to stop.
    word = line.width * (len(line.text.split()[0]) + 1) / len(line.text)
    short = last.right + word + height < right
    if line.middle - last.middle > PARAGRAPH_GAP * pitch or max(last.height, line.height) > 1.3 * height:
        return "paragraph"
    if new_item and (item or short or abs(indent) > 0.8 or len(group) == 1):
        return "line" if item else "paragraph"
    if item:
        return "paragraph" if short or (indent < -0.8 and len(group) > 1) else ""
    if short:
        return "paragraph" if len(group) > 1 else "line"
    if len(group) > 1:
        # A first line further in; or, with hanging indents, a first line further out.
        return "paragraph" if 0.8 < indent < 5 or (-5 < indent < -0.8 and group[0].left < last.left) else ""
    return ""


def _heading(group: Sequence[Line], body: float) -> str:
    """The lines as a heading, or nothing: large, short, with letters in it and not broken off."""
    text = ""
    for line in group:
        text = join(text, line.text.strip())
    scale = median(line.height for line in group) / body
    level = next((mark for ratio, mark in HEADINGS if scale >= ratio), "")
    upright = all(line.upright for line in group)
    wordy = sum(char.isalpha() for char in text) >= 3 and text[-1] not in ",;"
    return level + text if level and upright and wordy and len(group) <= 3 and len(text) <= 150 else ""


def _joined(group: Sequence[Line], markdown: bool) -> str:
    text = ""
    for line in group:
        text = join(text, line.text.strip())
    if not markdown:
        return text
    return _BULLET.sub("- ", text) if _BULLET.match(text) else _SPECIAL.sub(r"\\", text)

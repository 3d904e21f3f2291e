"""Pages that follow each other: paragraphs and tables that go on, and headers and footers between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from visionocr.blocks import EDGES, Block, BlockKind, Cell
from visionocr.layout.edges import Page, mark_edges
from visionocr.layout.paragraphs import MARKER, join
from visionocr.layout.structure import ENDS, PARAGRAPHS
from visionocr.layout.tables import is_figure

LONG = 80
"""Characters of a paragraph, at least, whose end may be unfinished where nothing is known of its last line."""
ALIGNED = 0.03
"""Share of the page's width by which the edges of a table may differ from page to page."""
MOST_HELD = 50
"""Pages that are held back, at most, while one paragraph or table goes on over all of them."""

_BESIDE = EDGES | {BlockKind.FOOTNOTE}


def find_edges(pages: Iterable[Page]) -> Iterator[Page]:
    """The pages with their headers, footers and page numbers named.

    Each page is compared with the next one and the two before, and given out once the next one is known.
    """
    before: deque[Page] = deque(maxlen=2)
    current: Page | None = None
    for page in pages:
        if current is not None:
            yield _mark(current, before, [(1, page)])
            before.append(current)
        current = page
    if current is not None:
        yield _mark(current, before, [])


def _mark(page: Page, before: Sequence[Page], after: list[tuple[int, Page]]) -> Page:
    return mark_edges(page, [*after, *((-distance, other) for distance, other in enumerate(reversed(before), start=1))])


def join_pages(pages: Iterable[Page]) -> Iterator[Page]:
    """The pages with what goes on over their ends joined, on the page where it starts.

    There are as many pages as before. A page is given out once the next one is known; when all of that belongs to a
    paragraph or table of this one, once the one after it is. Headers, footers and page numbers have to be named
    before (``find_edges``). Paragraphs are joined when the first part does not end as a sentence does and the second
    does not start as a paragraph or list item does; tables when they have the same columns and the second repeats the
    header, or starts with figures below figures.
    """
    held: deque[Page] = deque()
    for page in pages:
        if held and (joined := _join(held[0], page)):
            held[0], page = joined
            held.append(page)
            if _body(page) or len(held) > MOST_HELD:
                yield from _release(held)
        else:
            yield from held
            held = deque([page])
    yield from held


def _release(held: deque[Page]) -> Iterator[Page]:
    """Give out all pages but the last, which may go on."""
    while len(held) > 1:
        yield held.popleft()


def _body(page: Page) -> list[int]:
    """The places of the blocks that are neither at the edges of the page nor foot notes."""
    return [at for at, block in enumerate(page) if block.kind not in _BESIDE]


def _join(page: Page, following: Page) -> tuple[Page, Page] | None:
    """Both pages, when the last block of the one goes on with the first of the other."""
    last, first = _body(page)[-1:], _body(following)[:1]
    if not last or not first:
        return None
    start, end = page[last[0]], following[first[0]]
    joined: Block | None = None
    if start.kind is end.kind is BlockKind.TABLE:
        joined = _join_tables(start, end)
    elif start.kind in PARAGRAPHS and end.kind is BlockKind.TEXT and _goes_on(start, end):
        joined = replace(start, text=join(start.text, end.text), is_open=end.is_open, is_cut=end.is_cut)
    if joined is None:
        return None
    return (*page[: last[0]], joined, *page[last[0] + 1 :]), (*following[: first[0]], *following[first[0] + 1 :])


def _goes_on(start: Block, end: Block) -> bool:
    """Whether a paragraph goes on with another one."""
    before, after = start.text.rstrip(), end.text.lstrip()
    if not before or not after or before.endswith(ENDS) or start.is_open is False or MARKER.match(after):
        return False
    if after[0].islower():
        return True
    # A name or a noun: then the first part must be known, or long enough, to be more than a line by itself.
    return after[0].isalnum() and (start.is_open is True or len(before) >= LONG)


def _join_tables(start: Block, end: Block) -> Block | None:
    """Both tables as one; ``None`` when they only look alike."""
    if not start.rows or not end.rows or _count_columns(start.rows) != _count_columns(end.rows):
        return None
    if start.box and end.box:
        edges = zip((start.box.left, start.box.right), (end.box.left, end.box.right), strict=True)
        if any(abs(one - other) > ALIGNED for one, other in edges):
            return None
    header = next((at for at, row in enumerate(start.rows) if not all(cell.is_header for cell in row)), 0)
    if header and [_texts(row) for row in end.rows[:header]] == [_texts(row) for row in start.rows[:header]]:
        rows = end.rows[header:]
    elif _fits(end.rows[0], start.rows[header:]):
        rows = end.rows
    else:
        return None
    plain = tuple(tuple(replace(cell, is_header=False) for cell in row) for row in rows)
    return replace(start, rows=(*start.rows, *plain), is_cut=end.is_cut)


def _count_columns(rows: Sequence[Sequence[Cell]]) -> int:
    return max(sum(cell.columns for cell in row) for row in rows)


def _texts(row: Sequence[Cell]) -> list[str]:
    return [" ".join(cell.text.split()).casefold() for cell in row]


def _fits(row: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether a row has figures in the columns that hold figures in *rows*, of which there is at least one."""
    alike = [other for other in rows if len(other) == len(row)]
    columns = [
        at for at in range(len(row)) if alike and sum(is_figure(other[at].text) for other in alike) >= 0.8 * len(alike)
    ]
    return bool(columns) and all(is_figure(row[at].text) for at in columns)

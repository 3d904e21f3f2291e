"""Headers and footers by repetition, and what goes on over the ends of pages."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import pytest

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.boxes import Box
from visionocr.layout.edges import Page
from visionocr.layout.lines import Line
from visionocr.layout.pages import MOST_HELD, find_edges, join_pages
from visionocr.layout.structure import read_page

TEXT, NUMBER = BlockKind.TEXT, BlockKind.PAGE_NUMBER
SIZE, PITCH, LETTER = 20.0, 26.0, 10.0
COLUMN = 60
"""Letters of a line."""
FIRST = (
    "The committee met on the third of May to examine the accounts of the previous year, and it was agreed that the "
    "costs of the new building had risen more quickly than anyone expected, so that a further report would be needed "
    "before the autumn, when several members would ask whether the estimate included the price of the land."
)
SECOND = (
    "Nobody could say it, as the secretary had left the papers at his house in Lower Thames Street, and the "
    "chairman therefore asked those present to postpone the question until Monday, 14 October, which they did with "
    "some relief, although Mr Hawkins, who had come from Whitby for nothing else, was heard to object."
)
PROSE = (FIRST, SECOND)


def set_lines(texts: Sequence[str]) -> list[str]:
    """Paragraphs as lines, with a word parted by a hyphen where one stands at the end of a line."""
    lines: list[str] = []
    for text in texts:
        wrapped = textwrap.wrap(text, COLUMN, break_on_hyphens=False)
        for at in range(len(wrapped) - 1):
            word, _, rest = wrapped[at + 1].partition(" ")
            room = COLUMN - len(wrapped[at]) - 1
            if len(word) > 7 and word.isalpha() and room > 4:
                wrapped[at] += f" {word[: room - 1][:4]}-"
                wrapped[at + 1] = f"{word[4:] if room > 4 else word} {rest}"
        lines += wrapped
    return lines


def page_of(lines: Sequence[str]) -> Page:
    """The blocks of a page with these lines; full lines end at the right edge, as justified print does."""
    boxes = [
        Line(
            100,
            200 + at * PITCH,
            100 + LETTER * (len(text) if len(text) < COLUMN - 12 else COLUMN),
            200 + at * PITCH + SIZE,
            text,
        )
        for at, text in enumerate(lines)
    ]
    return read_page(boxes, 1000, 1400)


def texts(pages: Sequence[Page]) -> list[str]:
    """The texts of all blocks of all pages."""
    return [block.text for page in pages for block in page]


LINES = set_lines(PROSE)


@pytest.mark.parametrize("cut", range(1, len(LINES)))
def test_a_document_cut_at_any_line_is_put_together_again(cut: int) -> None:
    """Wherever the page ends, the paragraphs are those of the source; those that end with the page stay two."""
    assert any(line.endswith("-") for line in LINES)
    pages = list(join_pages([page_of(LINES[:cut]), page_of(LINES[cut:])]))
    assert len(pages) == 2
    assert texts(pages) == list(PROSE)


def block(text: str, kind: BlockKind = TEXT, top: float = 0.4, **more: bool | None) -> Block:
    """A block of one line's height."""
    return Block(kind, text, box=Box(0.1, top, 0.9, top + 0.02), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (block("It was agreed.", is_open=True), block("the next day nobody came")),
        (block("a short line of an address", is_open=False), block("lower case but not its end")),
        (block("Yours sincerely"), block("Dear Sir or Madam, we have")),
        (block("and he asked for the following", is_open=True), block("1. a list of all the members")),
        (block("Introduction to the", BlockKind.HEADING), block("subject of this book")),
        (block("a word", is_open=True), block("figure", BlockKind.CAPTION)),
    ],
)
def test_what_only_looks_alike_is_not_joined(start: Block, end: Block) -> None:
    """A finished sentence, a short line, a list, a heading and a caption stay by themselves."""
    assert list(join_pages([(start,), (end,)])) == [(start,), (end,)]


def test_a_paragraph_goes_on_around_notes_and_headers() -> None:
    """Foot notes below the first part, and a header and a number above the second, stay where they are."""
    note, head, number = block("1 See there.", BlockKind.FOOTNOTE), block("Title", BlockKind.HEADER), block("7", NUMBER)
    first, second = (block("it was a long and", is_open=True), note), (head, number, block("cold winter."), block("X"))
    one, two = join_pages([first, second])
    assert [item.text for item in one] == ["it was a long and cold winter.", "1 See there."]
    assert two == (head, number, second[3])


def test_a_word_parted_by_the_end_of_the_page_is_whole_again() -> None:
    """The hyphen at the end of a page is taken out as at the end of a line."""
    assert texts(list(join_pages([(block("an exam-"),), (block("ple of it."),)]))) == ["an example of it."]


def test_a_paragraph_over_three_pages_is_one() -> None:
    """Pages that hold nothing but a part of it become empty."""
    parts = ["it began and", "went on and", "came to an end."]
    pages = list(join_pages([(block(part, is_open=True),) for part in parts]))
    assert [len(page) for page in pages] == [1, 0, 0]
    assert pages[0][0].text == " ".join(parts)


def rows(*lines: str, header: bool = True) -> tuple[tuple[Cell, ...], ...]:
    """The rows of a table, cells parted by bars; the first one is a header."""
    return tuple(
        tuple(Cell(text, is_header=header and at == 0) for text in line.split("|")) for at, line in enumerate(lines)
    )


TABLE = ["Name|Amount", "Milk|1.15", "Bread|0.98", "Tea|3.20", "Salt|0.40"]


@pytest.mark.parametrize("cut", range(2, len(TABLE)))
@pytest.mark.parametrize("is_repeated", [True, False])
def test_a_table_cut_at_any_row_is_put_together_again(cut: int, is_repeated: bool) -> None:
    """The rows are those of the source, whether the next page repeats the header or not."""
    first = Block(BlockKind.TABLE, rows=rows(*TABLE[:cut]))
    second = Block(BlockKind.TABLE, rows=rows(*(TABLE[:1] if is_repeated else []), *TABLE[cut:]))
    (joined,), rest = join_pages([(first,), (second,)])
    assert joined.rows == rows(*TABLE)
    assert rest == ()


@pytest.mark.parametrize(
    "second",
    [
        Block(BlockKind.TABLE, rows=rows("City|Founded", "Rome|753")),
        Block(BlockKind.TABLE, rows=rows("Name|Amount|Tax", "Oil|2.00|0.20")),
        Block(BlockKind.TABLE, rows=rows("Oil|2.00", header=False), box=Box(0.3, 0.1, 0.9, 0.2)),
    ],
)
def test_another_table_is_not_joined(second: Block) -> None:
    """Another header, another number of columns and another place make it another table."""
    first = Block(BlockKind.TABLE, rows=rows(*TABLE), box=Box(0.1, 0.5, 0.9, 0.8))
    assert list(join_pages([(first,), (second,)])) == [(first,), (second,)]


def edge_pages(head: Sequence[str], foot: Sequence[str]) -> list[Page]:
    """Pages with a text at the top, a text that differs from page to page, and a text at the bottom."""
    return [
        (block(above, top=0.04), block(f"text number {at} of all"), block(below, top=0.95))
        for at, (above, below) in enumerate(zip(head, foot, strict=True))
    ]


def kinds(pages: Sequence[Page]) -> list[list[str]]:
    """The kinds of the blocks of pages."""
    return [[item.kind.value for item in page] for page in pages]


def test_what_pages_repeat_at_their_edges_is_header_and_footer() -> None:
    """Headers may differ by a letter read wrong, numbers must grow with the page."""
    pages = edge_pages(
        ["Annual Report 1994", "Annua1 Report 1994", "Annual Report 1994"], ["Page 7", "Page 8", "Page 9"]
    )
    assert kinds(list(find_edges(pages))) == [["header", "text", "page-number"]] * 3


def test_headers_may_take_turns() -> None:
    """Left and right pages have headers of their own: they are known by the page before last."""
    found = kinds(list(find_edges(edge_pages(["Left", "Right"] * 2, ["x", "y", "z", "w"]))))
    assert [page[0] for page in found] == ["text", "text", "header", "header"]


def test_a_series_is_no_header() -> None:
    """Numbered headings at the top of each page, and numbers that do not grow with the pages, are text."""
    headings = [(block(f"Exercise {at}", BlockKind.HEADING, 0.04),) for at in (1, 2, 3)]
    assert kinds(list(find_edges(headings))) == [["heading"]] * 3
    assert kinds(list(find_edges(edge_pages(["12 items", "95 items"], ["a", "b"])))) == [["text"] * 3] * 2


def test_the_middle_of_a_page_is_no_edge() -> None:
    """A text that all pages have in their middle is none of the edges."""
    pages: list[Page] = [(block("Annual Report"),)] * 3
    assert kinds(list(find_edges(pages))) == [["text"]] * 3


def test_a_page_comes_once_the_next_one_is_known() -> None:
    """No page is held back longer than that, and of an endless table no more than so many."""
    taken = 0

    def pages(page: Page) -> Iterator[Page]:
        nonlocal taken
        while True:
            taken += 1
            yield page

    stream = join_pages(find_edges(pages((block("It ends."),))))
    next(stream)
    assert taken <= 3
    taken = 0
    endless = join_pages(pages((block("it goes on and", is_open=True),)))
    next(endless)
    assert taken <= MOST_HELD + 2

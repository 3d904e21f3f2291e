"""Pages arranged for their output: headers, tables, and what goes on over the end of a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from visionocr.blocks import Block, BlockKind, Cell
from visionocr.boxes import Box
from visionocr.output.arrange import arrange
from visionocr.settings import Settings
from visionocr.types import Finding, FindingKind, Headers, PageRef, PageResult, Severity, Status, Tables

BODY = "The lessee keeps the roof and the chimney in repair at his own cost, and pays the rent on the first day of"


def page(number: int, *blocks: Block, text: str = "", document: str = "a.pdf") -> PageResult:
    """A page that was read."""
    return PageResult(PageRef(document, number, 9, document), text, Status.OK, blocks=blocks)


def paragraph(text: str, top: float = 0.3, kind: BlockKind = BlockKind.TEXT, *, is_open: bool | None = None) -> Block:
    """A paragraph at a height of the page."""
    return Block(kind, text, box=Box(0.1, top, 0.9, top + 0.05), is_open=is_open)


def headed(number: int) -> PageResult:
    """A page with a header and a number."""
    blocks = (
        paragraph("ANNALS OF A PARISH", 0.03),
        paragraph(f"{number} is what this page says.", 0.3),
        paragraph(str(40 + number), 0.95),
    )
    return page(number, *blocks, text="\n\n".join(block.text for block in blocks))


def texts(results: Iterator[PageResult]) -> list[str]:
    """Their texts."""
    return [result.text for result in results]


def test_without_wishes_nothing_is_touched() -> None:
    """The texts stay letter for letter, and are given out at once."""
    pages = iter([page(1, text="# a\n* b  \n"), page(2, text="x")])
    arranged = arrange(pages, Settings(), markdown=True)
    assert next(arranged).text == "# a\n* b  \n"
    assert next(pages).text == "x"


def test_headers_can_be_dropped() -> None:
    """What repeats at the edges of pages leaves the text, and is still among the blocks."""
    results = list(arrange(map(headed, range(1, 6)), Settings(headers=Headers.DROP), markdown=True))
    assert texts(iter(results)) == [f"{number} is what this page says." for number in range(1, 6)]
    kinds = [block.kind for block in results[2].blocks]
    assert kinds == [BlockKind.HEADER, BlockKind.TEXT, BlockKind.PAGE_NUMBER]


def test_headers_can_become_comments() -> None:
    """They can still be found in the file, but are not displayed."""
    results = arrange(map(headed, range(1, 6)), Settings(headers=Headers.COMMENT), markdown=True)
    assert texts(results)[1].startswith("<!-- header: ANNALS OF A PARISH -->")


def test_pages_of_different_documents_have_nothing_in_common() -> None:
    """A line that stands on one page of each of many documents is no header."""
    pages = [page(1, paragraph("Invoice", 0.03), text="Invoice", document=f"{at}.pdf") for at in range(5)]
    assert texts(arrange(pages, Settings(headers=Headers.DROP), markdown=True)) == ["Invoice"] * 5


def test_paragraphs_are_joined_over_pages() -> None:
    """The text stands on the page where it starts; there are as many pages as before."""
    pages = [page(1, paragraph(BODY, 0.8, is_open=True)), page(2, paragraph("every month.", 0.1), paragraph("New."))]
    results = list(arrange(pages, Settings(join_pages=True), markdown=True))
    assert texts(iter(results)) == [f"{BODY} every month.", "New."]
    assert [result.page.number for result in results] == [1, 2]


def test_nothing_is_joined_over_a_page_that_failed() -> None:
    """It may have held anything."""
    failed = PageResult(
        PageRef("a.pdf", 2, 9, "a.pdf"), "", Status.FAILED, (Finding(FindingKind.SERVER, "gone", Severity.FAILED),)
    )
    first, last = page(1, paragraph(BODY, 0.8, is_open=True), text=BODY), page(3, paragraph("every month."), text="x")
    results = list(arrange([first, failed, last], Settings(join_pages=True), markdown=True))
    assert texts(iter(results)) == [BODY, "", "x"]
    assert results[1] is failed or results[1].findings == failed.findings


@pytest.mark.parametrize(("tables", "start"), [(Tables.AUTO, "| a"), (Tables.HTML, "<table>")])
def test_tables_are_pipes_or_html(tables: Tables, start: str) -> None:
    """As wanted, also those that came as the other kind."""
    table = Block(
        BlockKind.TABLE, rows=((Cell("a", is_header=True), Cell("b", is_header=True)), (Cell("1"), Cell("2")))
    )
    written = "| a | b |\n| --- | --- |\n| 1 | 2 |"
    for result in (page(1, table, text=written), page(1, text=written)):
        assert texts(arrange([result], Settings(tables=tables), markdown=True))[0].startswith(start)

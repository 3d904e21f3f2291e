"""The blocks of a page: what each is, where it stands, and what goes on in the next column."""

from __future__ import annotations

import pytest

from layout_text import page_text
from visionocr.blocks import BlockKind, Cell
from visionocr.boxes import Box, TextLine
from visionocr.layout.lines import Line, from_text_lines, to_text_line
from visionocr.layout.structure import read_page

WIDTH, HEIGHT = 1240, 1754
PITCH = 28.0
WORDS = "that fill the line from its one end to the other one"


def column(name: str, count: int, left: float = 100, width: float = 500, top: float = 200) -> list[Line]:
    """Full lines of running text, in lower case."""
    return [
        Line(left, top + at * PITCH, left + width, top + at * PITCH + 20, f"{name}{at} {WORDS}") for at in range(count)
    ]


def cells(*rows: str, top: float = 200, step: float = 200, pitch: float = 40) -> list[Line]:
    """Rows of cells parted by bars, in columns; an empty cell has no box."""
    return [
        Line(100 + c * step, top + r * pitch, 100 + c * step + 11 * len(text), top + r * pitch + 20, text)
        for r, row in enumerate(rows)
        for c, text in enumerate(row.split("|"))
        if text
    ]


def texts(lines: list[Line]) -> list[list[str]]:
    """The texts of the only table of a page."""
    (table,) = (block for block in read_page(lines, WIDTH, HEIGHT) if block.kind is BlockKind.TABLE)
    return [[cell.text for cell in row] for row in table.rows]


def test_blocks_say_what_they_are_and_where() -> None:
    """A heading, text, a list item, a caption, a foot note and a page number, with boxes as shares of the page."""
    lines = [
        Line(100, 100, 600, 140, "A heading"),
        *column("w", 4),
        Line(100, 340, 400, 360, "1. An item"),
        Line(100, 420, 400, 440, "Figure 3. What is seen"),
        Line(100, 1500, 400, 1516, "2 See there."),
        Line(600, 1700, 640, 1720, "17"),
    ]
    found = read_page(list(reversed(lines)), WIDTH, HEIGHT)
    assert [block.kind.value for block in found] == [
        *("heading", "text", "list-item", "caption", "footnote", "page-number")
    ]
    assert found[0].level == 1
    assert (found[2].marker, found[2].text) == ("1.", "An item")
    assert found[0].box == Box(100 / WIDTH, 100 / HEIGHT, 600 / WIDTH, 140 / HEIGHT)


def test_a_paragraph_goes_on_in_the_next_column() -> None:
    """Across the gutter, and around a foot note, a sentence and a word that was parted are whole again."""
    left, right = column("left", 8), column("right", 8, left=640)
    left[-1] = Line(left[-1].left, left[-1].top, left[-1].right, left[-1].bottom, f"last {WORDS} exam-")
    right[0] = Line(right[0].left, right[0].top, right[0].right, right[0].bottom, f"ple {WORDS}")
    note = Line(100, 900, 500, 916, "1 See there.")
    (text, foot) = read_page([*right, note, *left], WIDTH, HEIGHT)
    assert f"exam{right[0].text}" in text.text
    assert foot.kind is BlockKind.FOOTNOTE


def test_a_new_paragraph_starts_the_next_column() -> None:
    """What ends as a sentence, or starts with a capital, is not joined."""
    left, right = column("left", 8), column("Right", 8, left=640)
    assert len(read_page([*left, *right], WIDTH, HEIGHT)) == 2


def test_a_heading_of_several_lines_is_one() -> None:
    """However short its first line is."""
    heading = [Line(100, 100, 300, 140, "On the"), Line(100, 148, 700, 188, "Origin of Long Headings")]
    assert read_page([*heading, *column("w", 6, top=260)], WIDTH, HEIGHT)[0].text == "On the Origin of Long Headings"


def test_figures_in_one_box_are_cells() -> None:
    """An engine that takes the figures of three columns for one line does not cost the table its columns."""
    rows = ["Name|1990|1991|1992", "alpha|1.50|2.50|3.50", "beta|4.50|5.50|6.50", "gamma|7.50|8.50|9.50"]
    lines = cells(*rows)
    joined = [line for line in lines if line.top == 280 and line.left >= 300]
    lines = [line for line in lines if line not in joined]
    lines.append(Line(300, 280, joined[-1].right, 300, "4.50 5.50 6.50"))
    assert texts(lines) == [row.split("|") for row in rows]


def test_a_header_may_span_columns() -> None:
    """A cell over two columns says so, and both rows of the header are one."""
    lines = cells("||1990", "Name|Sold|Left", "alpha|1.5|2.5", "beta|3.5|4.5", "gamma|5.5|6.5")
    lines[0] = Line(300, 200, 540, 220, "Year of the count")
    lines.append(Line(100, 200, 180, 220, "Goods"))
    (table,) = read_page(lines, WIDTH, HEIGHT)
    assert table.rows[0] == (Cell("Goods", is_header=True), Cell("Year of the count", columns=2, is_header=True))
    assert [row[0].is_header for row in table.rows] == [True, True, False, False, False]


def test_cells_of_several_lines_are_whole() -> None:
    """Lines of two cells of a row that go on below each other are each joined to its own cell."""
    rows = ["No|Task|Note", "1|first half|early in"]
    lines = cells(*rows) + cells("|second half|the day", top=264) + cells("2|short|late", "3|last|never", top=310)
    assert texts(lines) == [
        ["No", "Task", "Note"],
        ["1", "first half second half", "early in the day"],
        ["2", "short", "late"],
        ["3", "last", "never"],
    ]


def test_a_first_cell_makes_no_heading() -> None:
    """A row that starts with a number sign is no heading, as a table or as lines."""
    assert page_text(cells("#|Name", "1|alpha")).startswith("\\#  Name\n")


@pytest.mark.parametrize("text", ["# a", "> b", "-----", "+ c"])
def test_plain_text_has_no_backslashes(text: str) -> None:
    """What is escaped for Markdown is as it was in plain text."""
    line = Line(100, 100, 400, 120, text)
    assert page_text([line]) == f"\\{text}"
    assert page_text([line], markdown=False) == text


def test_lines_of_a_text_layer_are_taken_and_given() -> None:
    """Boxes in fractions become points and come back."""
    line = TextLine("a line", Box(0.25, 0.125, 0.75, 0.25), 0.5)
    (found,) = from_text_lines([line], 800, 1600)
    assert found == Line(200, 200, 600, 400, "a line", 0.5)
    assert to_text_line(found, 800, 1600) == line


def test_no_lines_are_no_blocks() -> None:
    """No lines, and lines of blanks, have no blocks; a page without extent harms nobody."""
    assert read_page([Line(0, 0, 1, 1, " ")], WIDTH, HEIGHT) == ()
    assert len(read_page([Line(0, 0, 9, 9, "word")], 0, 0)) == 1

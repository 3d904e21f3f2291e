"""Reading order and Markdown from the boxes of lines alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layout_text import page_text
from visionocr.layout.lines import Line, rows
from visionocr.layout.order import blocks
from visionocr.layout.paragraphs import join

T = TypeVar("T")
HEIGHT, PITCH, WIDTH = 20.0, 28.0, 480.0
FULL = "words that fill the line from its one end to the other"


def text_lines(
    texts: Sequence[str], left: float = 100, top: float = 100, width: float = WIDTH, height: float = HEIGHT
) -> list[Line]:
    """Lines below each other; those as long as ``FULL`` reach over the whole width, shorter ones less far."""
    return [
        Line(left, top + n * PITCH, left + width * min(1, len(text) / len(FULL)), top + n * PITCH + height, text)
        for n, text in enumerate(texts)
    ]


def full(word: str) -> str:
    """A line of full length that starts with *word*."""
    return f"{word} {FULL}"[: len(FULL)]


def table(cells: Sequence[Sequence[str]], top: float = 100, step: float = 200, pitch: float = 36) -> list[Line]:
    """Cells in rows and columns; an empty cell has no box."""
    return [
        Line(100 + c * step, top + r * pitch, 100 + c * step + 12 * len(cell), top + r * pitch + HEIGHT, cell)
        for r, row in enumerate(cells)
        for c, cell in enumerate(row)
        if cell
    ]


def flatten(groups: Iterable[Iterable[T]]) -> list[T]:
    """All members of all groups."""
    return [member for group in groups for member in group]


def order(lines: Sequence[Line]) -> list[str]:
    """The first words of all lines in reading order."""
    return [line.text.split()[0] for block in blocks(lines) for row in block for line in row]


def test_two_columns_are_read_one_after_the_other() -> None:
    """Columns under a title and above a footer are read left to right, each from top to bottom."""
    left = text_lines([full(f"L{n}") for n in range(12)], top=200)
    right = text_lines([full(f"R{n}") for n in range(12)], left=610, top=200)
    title = Line(100, 100, 1090, 140, "Title over both columns of the page")
    foot = Line(300, 700, 900, 720, "Foot under both columns of the page")
    mixed = sorted([*left, *right, title, foot], key=lambda line: (line.top, line.left))
    expected = ["Title", *(f"L{n}" for n in range(12)), *(f"R{n}" for n in range(12)), "Foot"]
    assert order(mixed) == expected


def test_three_columns_and_a_heading_between() -> None:
    """A line over all columns parts the page: the columns above it come first, then those below."""
    top = [
        text_lines([full(f"{name}{n}") for n in range(5)], left=x, width=300)
        for name, x in zip("abc", (100, 425, 750), strict=True)
    ]
    low = [
        text_lines([full(f"{name}{n}") for n in range(5)], left=x, top=400, width=300)
        for name, x in zip("def", (100, 425, 750), strict=True)
    ]
    middle = Line(100, 320, 1050, 345, "Between the two halves")
    expected = [f"{n}{i}" for n in "abc" for i in range(5)] + ["Between"] + [f"{n}{i}" for n in "def" for i in range(5)]
    assert order([*flatten(low), middle, *flatten(top)]) == expected


def test_a_narrow_gutter_is_enough() -> None:
    """Columns twelve pixels apart, little more than half a line, are still two."""
    left = text_lines([full(f"L{n}") for n in range(6)])
    right = text_lines([full(f"R{n}") for n in range(6)], left=100 + WIDTH + 12)
    assert order([*right, *left]) == [f"L{n}" for n in range(6)] + [f"R{n}" for n in range(6)]


def test_a_table_is_read_by_rows() -> None:
    """Short cells are no columns of text, however clear the gutters are."""
    cells = [[f"r{r}c{c}" for c in range(4)] for r in range(6)]
    assert order(table(cells)) == flatten(cells)


def test_a_tilted_row_stays_a_row() -> None:
    """Cells that sink by a third of a line from one to the next are one row, not four."""
    tilted = [
        Line(100 + 150 * c, 100 + 7 * c + 36 * r, 200 + 150 * c, 120 + 7 * c + 36 * r, f"{r}{c}")
        for r in range(3)
        for c in range(4)
    ]
    assert [[line.text for line in row] for row in rows(tilted)] == [[f"{r}{c}" for c in range(4)] for r in range(3)]


def test_a_margin_line_comes_last_and_is_no_heading() -> None:
    """A stamp that runs up the margin disturbs neither the order nor the body's height."""
    signature = Line(20, 100, 40, 600, "preprint of the third of May")
    text = page_text([signature, *text_lines([full(f"w{n}") for n in range(4)])])
    assert text.endswith("\n\npreprint of the third of May")
    assert "#" not in text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("an exam-", "ple of it", "an example of it"),
        ("an exam\u00ad", "ple of it", "an example of it"),
        ("the Anglo-", "Saxon kings", "the Anglo-Saxon kings"),
        ("from 1990-", "1995 on", "from 1990-1995 on"),
        ("pre-", "and postwar", "pre- and postwar"),
        ("it was -", "or seemed", "it was - or seemed"),
        ("end", "begin", "end begin"),
        ("日本", "語の", "日本語の"),
        ("", "begin", "begin"),
    ],
)
def test_lines_are_joined(first: str, second: str, expected: str) -> None:
    """A word that was parted is whole again; a hyphen that belongs to the text stays."""
    assert join(first, second) == expected


def test_lines_of_a_paragraph_are_joined() -> None:
    """Full lines and the short last one make a single line of text."""
    assert page_text(text_lines([full("one"), full("two"), "and three."])) == f"{full('one')} {full('two')} and three."


def test_paragraphs_end_at_a_gap_an_indent_and_a_short_line() -> None:
    """White space, an indented first line, and a last line with room to spare each end a paragraph."""
    gap = [*text_lines([full("a"), full("b")]), *text_lines([full("c"), full("d")], top=100 + 3.6 * PITCH)]
    indent = text_lines([full("a"), full("b"), full("c"), full("d")])
    indent[2] = Line(130, *(getattr(indent[2], name) for name in ("top", "right", "bottom", "text")))
    short = text_lines([full("a"), "b is short.", full("c"), full("d")])
    for lines, starts in ((gap, "ac"), (indent, "ac"), (short, "ac")):
        assert [paragraph[0] for paragraph in page_text(lines).split("\n\n")] == list(starts)


def test_short_lines_stay_lines() -> None:
    """An address is not run together."""
    page = [*text_lines(["Jane Doe", "12 High Street", "Springfield"]), *text_lines([full("Dear")] * 3, top=300)]
    assert page_text(page).startswith("Jane Doe\n12 High Street\nSpringfield\n\nDear")


def test_headings_follow_the_height_of_the_letters() -> None:
    """Large short lines are headings by size; lines a fifth larger, numbers and long texts are none."""
    body = text_lines([full(f"w{n}") for n in range(6)], top=500)
    sizes = {"Large title": 42, "Middle title": 30, "Small title": 26.5, "Nearly body": 24, "1234567": 42}
    lines = [Line(100, 80 * n, 300, 80 * n + height, text) for n, (text, height) in enumerate(sizes.items())]
    found = page_text([*lines, *body]).split("\n\n")
    assert found[:5] == ["# Large title", "## Middle title", "### Small title", "Nearly body", "1234567"]
    assert page_text([*lines, *body], markdown=False).split("\n\n")[:5] == list(sizes)


def test_list_items_keep_their_lines() -> None:
    """Every item starts a line, bullets become Markdown, and what hangs under an item belongs to it."""
    items = text_lines(["• First item which is so long that it needs the next line", "• Second", "3. Third"])
    hanging = Line(120, items[0].top + PITCH, 300, items[0].bottom + PITCH, "under it")
    moved = [Line(i.left, i.top + PITCH, i.right, i.bottom + PITCH, i.text) for i in items[1:]]
    text = page_text([items[0], hanging, *moved])
    assert text.split("\n") == [
        "- First item which is so long that it needs the next line under it",
        "- Second",
        "3. Third",
    ]
    assert page_text([items[0], hanging, *moved], markdown=False).startswith("- First")


def test_a_bullet_in_a_box_of_its_own_belongs_to_its_line() -> None:
    """The engine may part a bullet from its text; that is no table."""
    lines = [Line(100, 100 + n * PITCH, 112, 120 + n * PITCH, "•") for n in range(3)]
    lines += [Line(150, 100 + n * PITCH, 350, 120 + n * PITCH, f"item {n}") for n in range(3)]
    assert page_text(lines) == "- item 0\n- item 1\n- item 2"


def test_a_regular_table_becomes_markdown() -> None:
    """Rows and columns are kept, an empty cell and a second line of a cell too; bars are escaped."""
    cells = [
        ["Name", "Size", "Note"],
        ["alpha", "1", "a|b"],
        ["beta", "", "first"],
        ["", "", "second"],
        ["gamma", "3", "c"],
    ]
    assert page_text(table(cells)).split("\n") == [
        "| Name | Size | Note |",
        "| --- | --- | --- |",
        "| alpha | 1 | a\\|b |",
        "| beta |  | first second |",
        "| gamma | 3 | c |",
    ]


def test_a_receipt_keeps_its_rows() -> None:
    """Two columns without a header are lines, not a table: there is nothing to be its head."""
    cells = [["Milk", "1.15"], ["Bread", "0.98"], ["TOTAL", "2.13"]]
    assert page_text(table(cells)) == "Milk  1.15\nBread  0.98\nTOTAL  2.13"
    assert page_text(table([["Item", "Price"], *cells])).startswith("| Item | Price |\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# define x", "\\# define x"),
        ("#1118", "#1118"),
        ("> quoted", "\\> quoted"),
        ("-----", "\\-----"),
        ("```", "\\`\\`\\`"),
        ("12. May it was", "12. May it was"),
        ("5 * 3 = 15", "5 * 3 = 15"),
    ],
)
def test_only_what_would_change_meaning_is_escaped(line: str, expected: str) -> None:
    """A line that Markdown would take for something else is escaped; nothing is in plain text."""
    assert page_text(text_lines([line])) == expected
    assert page_text(text_lines([line]), markdown=False) == line


def test_no_lines_give_an_empty_page() -> None:
    """No lines, or only blank ones, give an empty page."""
    assert page_text([]) == ""
    assert page_text([Line(0, 0, 10, 10, " ")]) == ""


def test_boxes_without_extent_do_no_harm() -> None:
    """Boxes of no height or width are odd, not fatal."""
    assert sorted(page_text([Line(5, 5, 5, 5, "a b"), Line(5, 5, 5, 5, "c")]).split()) == ["a", "b", "c"]


WORDS = st.text("abcdefgh", min_size=1, max_size=8)
NUMBERS = st.integers(0, 1500)
LINES = st.builds(
    lambda left, top, width, height, words: Line(left, top, left + width, top + height, " ".join(words)),
    NUMBERS,
    NUMBERS,
    st.integers(0, 900),
    st.integers(0, 60),
    st.lists(WORDS, min_size=1, max_size=6),
)


@given(st.lists(LINES, max_size=40), st.booleans())
def test_no_word_is_lost_or_invented(lines: list[Line], markdown: bool) -> None:
    """Whatever the boxes are, the page's words are the lines' words, each as often, but for marks."""
    marks = {"#", "##", "###", "|", "---"}
    assert Counter(line for block in blocks(lines) for row in block for line in row) == Counter(lines)
    words = Counter(word for line in lines for word in line.text.split())
    assert Counter(word for word in page_text(lines, markdown).split() if word not in marks) == words


def test_rows_whose_cells_are_long_stay_rows() -> None:
    """Two columns of text-like cells, each with its partner beside it, are a table and not two columns of text."""
    cells = [("Leave Whitby", "9:30 to-night"), ("Due at King's Cross", "4:30 to-morrow afternoon")]
    cells.append(("Enclosed notes", "Invoice, keys, diagram, cheque for ten pounds"))
    lines = [
        Line(left, 40.0 * row, left + 10 * len(text), 40.0 * row + 20, text)
        for row, pair in enumerate(cells)
        for left, text in zip((0.0, 300.0), pair, strict=True)
    ]
    assert [[line.text for line in row] for block in blocks(lines) for row in block] == [list(pair) for pair in cells]

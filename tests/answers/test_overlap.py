"""Answers to parts of a page that overlap become one text in which nothing stands twice and nothing is lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionocr.answers.overlap import find_limits, is_within, join_overlapping
from visionocr.boxes import Box
from visionocr.types import PageImage, PageRef

WORDS = [f"{name}{end}" for name in ("empir", "front", "monarch", "ren", "val", "law", "rom") for end in ("ia", "os")]


def lines(start: int, stop: int, name: str = "line") -> list[str]:
    """Lines that are all different."""
    return [f"{name} {at} {WORDS[at % 14]} {WORDS[(at // 14 + 3) % 14]} {at * 37 % 101}" for at in range(start, stop)]


def text(*parts: list[str]) -> str:
    """Lines as a text."""
    return "\n".join(line for part in parts for line in part)


@given(st.integers(1, 8), st.integers(3, 30), st.integers(3, 30), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_doubled_lines_stand_once(overlap: int, above: int, below: int, cut_above: bool, cut_below: bool) -> None:
    """However many lines are doubled, the joined text is the page's; a cut line is taken from where it is whole."""
    first, second = lines(0, above + overlap), lines(above, above + overlap + below)
    whole = text(lines(0, above + overlap + below))
    seen_above = [*first, "lixe gl vbn"] if cut_above else first
    seen_below = ["nnc ixq", *second] if cut_below else second
    assert join_overlapping(text(seen_above), text(seen_below), markdown=True) == [whole]


def test_paragraphs_without_line_ends() -> None:
    """Models write a paragraph as one line: the doubled words are found in it all the same."""
    words = [f"{WORDS[at % 14]}{at}" for at in range(120)]
    first, second = " ".join(words[:70]), " ".join(words[50:])
    assert join_overlapping(f"# Title\n\n{first}", second, markdown=True) == ["# Title\n\n" + " ".join(words)]


def test_columns() -> None:
    """Where a page has columns, each column's end is doubled, in the middle of the texts: it is left out once."""
    left, right = lines(0, 40, "left"), lines(0, 40, "right")
    first = text(left[:22], right[:22])
    second = text(left[18:], right[18:])
    joined = join_overlapping(first, second, markdown=False)
    assert [each.split("\n") for each in joined] == [[*left[:22], *right[:22]], [*left[22:], *right[22:]]]


def test_tables_are_joined_at_the_end_of_a_row() -> None:
    """A row that stands in both parts of a table stands once, and the rows after it follow it."""
    rows = [f"| {WORDS[at % 14]} article {at} | {at * 7}.50 |" for at in range(30)]
    head = ["| name | price |", "| --- | --- |"]
    joined = join_overlapping(text(head, rows[:18]), text(rows[15:]), markdown=True)
    assert joined == [text(head, rows)]


@pytest.mark.parametrize("markdown", [True, False])
def test_what_is_not_doubled_stays(markdown: bool) -> None:
    """Parts without common lines are not joined here, and rows that only look alike are no overlap."""
    parts = ((text(lines(0, 20)), text(lines(20, 40, "other"))), ("total 12.00", "total 12.00 and more"))
    for first, second in parts:
        assert join_overlapping(first, second, markdown=markdown) == [first, second]


def test_hostile_texts_take_linear_time() -> None:
    """A text that says the same for ever is joined within seconds."""
    start = time.process_time()
    join_overlapping("again and again " * 10_000, "and again again " * 10_000, markdown=True)
    assert time.process_time() - start < 10


def part(top: float, bottom: float, number: int, *, overlaps: bool = False, turn: int = 0) -> PageImage:
    """The image of a strip."""
    region = Box(0, top, 1, bottom)
    return PageImage(PageRef("a", 1), "", b"", 10, 10, number, 3, region=region, overlaps=overlaps, turn=turn)


def test_each_line_belongs_to_one_part() -> None:
    """Every place of a page lies within the limits of just one of its overlapping parts."""
    images = [part(0, 0.4, 1), part(0.34, 0.7, 2, overlaps=True), part(0.7, 1, 3)]
    limits = find_limits(images)
    for at in range(100):
        box = Box(0.1, at / 100, 0.2, at / 100 + 0.01)
        owners = [image.part for image, each in zip(images[:2], limits, strict=False) if is_within(box, image, each)]
        assert owners == ([1] if at / 100 + 0.005 < 0.37 else [2])

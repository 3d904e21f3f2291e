"""Skewed pages: what their boxes tell, and that their order is that of straight ones."""

from __future__ import annotations

import math
import random
import time
from dataclasses import replace

import pytest

from visionocr.formats.plain import write_plain
from visionocr.layout.lines import Line, box_around
from visionocr.layout.skew import find_skew, skew_box, straighten
from visionocr.layout.structure import read_page

WIDTH, HEIGHT = 1400.0, 1800.0


def two_columns() -> list[Line]:
    """Paragraphs in two columns under a title, with the uneven heights that engines give."""
    chance = random.Random(1)
    lines = [Line(300, 200, 1000, 240, "A title over both of the columns")]
    for column, left in enumerate((200, 720)):
        for number in range(40):
            width = 200 if number % 5 == 4 else 470 + chance.uniform(-6, 6)
            top = 300 + 30 * number + chance.uniform(-1, 1)
            words = f"column {column} line {number} has some words in it" if width > 200 else f"end {column} {number}."
            lines.append(Line(left, top, left + width, top + 20 + chance.uniform(-2, 2), words))
    return lines


def price_list() -> list[Line]:
    """Names and prices far apart, which only their heights on the page bring together."""
    rows = range(30)
    names = [Line(200, 200 + 40 * row, 330 + 60 * (row % 7), 222 + 40 * row, f"item number {row}") for row in rows]
    return names + [Line(1100, 200 + 40 * row, 1200, 222 + 40 * row, f"{row}.50") for row in rows]


def skew(lines: list[Line], degrees: float) -> list[Line]:
    """The boxes around the lines on a page turned clockwise around its middle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found = []
    for line in lines:
        corners = [(x - WIDTH / 2, y - HEIGHT / 2) for x in (line.left, line.right) for y in (line.top, line.bottom)]
        across = [x * cos - y * sin + WIDTH / 2 for x, y in corners]
        down = [x * sin + y * cos + HEIGHT / 2 for x, y in corners]
        found.append(replace(line, left=min(across), right=max(across), top=min(down), bottom=max(down)))
    return found


def text(lines: list[Line]) -> str:
    """The page as plain text."""
    return write_plain(read_page(lines, WIDTH, HEIGHT))


@pytest.mark.parametrize("degrees", [0.6, -1, 2, -3.5, 6, -10])
@pytest.mark.parametrize("page", [two_columns(), price_list()], ids=["columns", "list"])
def test_a_skewed_page_is_read_as_a_straight_one(page: list[Line], degrees: float) -> None:
    """Columns stay apart and rows together, whichever way the page is skewed."""
    skewed = skew(page, degrees)
    assert find_skew(skewed) == pytest.approx(degrees, abs=0.6)
    assert text(skewed) == text(page)


@pytest.mark.parametrize("page", [two_columns(), price_list()], ids=["columns", "list"])
def test_a_straight_page_stays_as_it_is(page: list[Line]) -> None:
    """Uneven heights are no skew."""
    assert find_skew(page) == 0
    assert straighten(page, 0, WIDTH, HEIGHT) == page


def test_lines_get_their_own_boxes_back() -> None:
    """Straightened, a line is where it was, and as high."""
    page = two_columns()
    for line, found in zip(page, straighten(skew(page, 4), 4, WIDTH, HEIGHT), strict=True):
        assert (found.left, found.top, found.right, found.bottom) == pytest.approx(
            (line.left, line.top, line.right, line.bottom), abs=0.01
        )


def test_blocks_stand_where_the_page_shows_them() -> None:
    """The boxes of blocks hold those of their lines on the page as it is."""
    skewed = skew(two_columns(), -5)
    blocks = read_page(skewed, WIDTH, HEIGHT)
    for line in skewed:
        box = box_around([line], WIDTH, HEIGHT)
        block = next(block for block in blocks if line.text in " ".join(block.text.split()))
        assert block.box is not None
        assert block.box.left <= box.left + 0.01
        assert block.box.right >= box.right - 0.01
        assert block.box.top <= box.top + 0.01
        assert block.box.bottom >= box.bottom - 0.01
    straight = box_around(two_columns()[:1], WIDTH, HEIGHT)
    assert skew_box(straight, 0, WIDTH, HEIGHT) == pytest.approx(straight)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line(0, 0, 0, 0, "x")] * 50,
        [Line(0, 0, 1e7, 1e7, "wide")] * 30 + [Line(0, 0, 1, 0, "narrow")] * 30,
        [Line(0, 30 * at, 500, 30 * at + 20, "even lines all alike") for at in range(20)],
        [Line(random.Random(at).uniform(0, 900), 9 * at, 1000, 9 * at + 40, "no order") for at in range(30_000)],
    ],
    ids=["none", "points", "huge", "even", "many"],
)
def test_nothing_strange_costs_much(lines: list[Line]) -> None:
    """Whatever the boxes are, the answer comes soon and is an angle."""
    begun = time.process_time()
    assert abs(find_skew(lines)) <= 16
    assert time.process_time() - begun < 2

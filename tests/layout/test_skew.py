"""Skewed pages: what their boxes tell, and that their order is that of straight ones."""

from __future__ import annotations

import random
import time

import pytest

from skewed_pages import HEIGHT, WIDTH, price_list, skew, two_columns
from visionocr.formats.plain import write_plain
from visionocr.layout.lines import Line, box_around
from visionocr.layout.order import read_order
from visionocr.layout.skew import find_skew, skew_box, straighten
from visionocr.layout.structure import read_page


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


@pytest.mark.parametrize("degrees", [0, 0.6, -4])
def test_columns_of_a_skewed_page_are_read_one_after_the_other(degrees: float) -> None:
    """Each line of the page comes back once, as it was given."""
    page = skew(two_columns(), degrees)
    assert [line for block in read_order(page[::-1], WIDTH, HEIGHT) for line in block] == page


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

"""Pages whose words have places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine, Word
from visionocr.placed import (
    PlacedBlock,
    PlacedPage,
    is_right_to_left,
    is_tall,
    place_words,
    split_columns,
    to_pixels,
)

_PAGE = PlacedPage(1, 1000, 2000)
_NUMBERS = st.floats(-2, 3)


def _edges(words: tuple[Word, ...]) -> list[tuple[str, float, float]]:
    return [(word.text, round(word.box.left, 6), round(word.box.right, 6)) for word in words]


def test_known_words_stay_where_they_are() -> None:
    """Only words without text are left out."""
    words = (Word("a", Box(0, 0, 0.1, 0.1)), Word(" ", Box(0.1, 0, 0.2, 0.1)), Word("b", Box(0.2, 0, 0.3, 0.1), 0.5))
    assert place_words(TextLine("a b", Box(0, 0, 0.3, 0.1), words=words), 100, 100) == (words[0], words[2])


def test_a_line_is_shared_out_by_letters() -> None:
    """Spaces count as letters, several as one."""
    line = TextLine(" ab  cdefg ", Box(0.1, 0.5, 0.9, 0.51))
    assert _edges(place_words(line, 100, 100)) == [("ab", 0.1, 0.3), ("cdefg", 0.4, 0.9)]


def test_a_line_from_right_to_left_begins_on_the_right() -> None:
    """Words in the order of reading."""
    line = TextLine("אב גדהוז", Box(0.1, 0.5, 0.9, 0.51))
    assert _edges(place_words(line, 100, 100)) == [("אב", 0.7, 0.9), ("גדהוז", 0.1, 0.6)]


def test_known_words_of_a_line_down_the_page() -> None:
    """They are used where they stand below each other."""
    words = (Word("ab", Box(0, 0, 0.02, 0.5)), Word("cdefg", Box(0, 0.6, 0.02, 0.8)))
    assert place_words(TextLine("ab cdefg", Box(0, 0, 0.02, 0.8), words=words), 100, 100) == words


def test_a_line_down_the_page_is_shared_out_downwards() -> None:
    """Boxes of words that were cut as if it ran across are not used."""
    words = (Word("ab", Box(0, 0, 0.01, 1)), Word("cdefg", Box(0.01, 0, 0.02, 1)))
    first, second = place_words(TextLine("ab cdefg", Box(0, 0, 0.02, 0.8), words=words), 100, 100)
    assert (first.box.left, first.box.right) == (second.box.left, second.box.right) == (0, 0.02)
    edges = first.box.top, first.box.bottom, second.box.top, second.box.bottom
    assert edges == pytest.approx((0, 0.2, 0.3, 0.8))


@pytest.mark.parametrize(
    ("text", "box", "expected"),
    [
        ("ill", Box(0, 0, 0.66, 1), False),  # three narrow letters
        ("1", Box(0, 0, 0.2, 1), False),
        ("down", Box(0, 0, 0.2, 1), True),
        ("across", Box(0, 0, 1, 0.2), False),
    ],
)
def test_lines_that_run_down(text: str, box: Box, expected: bool) -> None:
    """A line of several letters that is much higher than wide."""
    assert is_tall(TextLine(text, box), 100, 100) == expected


def test_an_empty_line_has_no_words() -> None:
    """And is nothing to fail for."""
    assert place_words(TextLine("  ", Box(0, 0, 1, 1)), 100, 100) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", False), ("אבג", True), ("3. عام", True), ("12 (abc) אבג", False), ("123", False), ("", False)],
)
def test_direction(text: str, expected: bool) -> None:
    """The first letter decides; digits and signs have no direction."""
    assert is_right_to_left(text) == expected


def test_blocks_over_columns_are_cut() -> None:
    """Where a line stands above the one before it; cells of one row are not cut."""
    lines = tuple(
        TextLine(text, Box(left, top, left + 0.25, top + 0.125))
        for text, left, top in (
            ("a", 0.0, 0.5),
            ("b", 0.0, 0.75),
            ("c", 0.5, 0.25),
            ("d", 0.5, 0.26),
            ("e", 0.0, 0.375),
        )
    )
    block = PlacedBlock(BlockKind.TEXT, Box(0, 0, 1, 1), lines)
    first, second = split_columns([block])
    assert (first.box, first.lines) == (Box(0.0, 0.5, 0.25, 0.875), lines[:2])
    assert (second.box, second.lines) == (Box(0.0, 0.25, 0.75, 0.5), lines[2:])
    assert list(split_columns([first])) == [first]


@given(left=_NUMBERS, top=_NUMBERS, right=_NUMBERS, bottom=_NUMBERS)
def test_pixels_are_on_the_page(left: float, top: float, right: float, bottom: float) -> None:
    """Whatever the box: within the page, and never empty."""
    x0, y0, x1, y1 = to_pixels(Box(left, top, right, bottom), _PAGE)
    assert 0 <= x0 < x1 <= 1000
    assert 0 <= y0 < y1 <= 2000

"""Places on a page, and on a picture of it that was turned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.boxes import Box, TextLine, Word, place_box, turn_box, turn_line

TURNS = (0, 90, 180, 270)
EDGES = st.integers(-8, 24).map(lambda number: number / 16)
"""Exact in binary, so that boxes can be compared."""
BOXES = st.builds(Box, EDGES, EDGES, EDGES, EDGES)


@pytest.mark.parametrize(
    ("turn", "corner"),
    [
        (0, Box(0.0, 0.0, 0.25, 0.125)),
        (90, Box(0.875, 0.0, 1.0, 0.25)),
        (180, Box(0.75, 0.875, 1.0, 1.0)),
        (270, Box(0.0, 0.75, 0.125, 1.0)),
    ],
)
def test_the_upper_left_corner_goes_clockwise(turn: int, corner: Box) -> None:
    """A quarter turn to the right brings what is at the upper left to the upper right."""
    assert turn_box(Box(0.0, 0.0, 0.25, 0.125), turn) == corner


@given(BOXES, st.sampled_from(TURNS), st.sampled_from(TURNS))
def test_turns_add_up(box: Box, first: int, second: int) -> None:
    """Two turns one after the other are one, and a turn back undoes one."""
    assert turn_box(turn_box(box, first), second) == turn_box(box, first + second)
    assert turn_box(turn_box(box, first), -first) == box


def test_a_box_of_a_turned_part_is_placed_on_the_page() -> None:
    """The picture shows the lower half of the page, turned to the right: its left edge is the half's lower edge."""
    left_edge = Box(0.0, 0.0, 0.25, 1.0)
    assert place_box(left_edge, Box(0.0, 0.5, 1.0, 1.0), 90) == Box(0.0, 0.875, 1.0, 1.0)


def test_the_words_of_a_line_are_turned_with_it() -> None:
    """The first word of a line that is turned to the right stands above the others."""
    words = (Word("first", Box(0.0, 0.0, 0.5, 0.25)), Word("second", Box(0.5, 0.0, 1.0, 0.25)))
    turned = turn_line(TextLine("first second", Box(0.0, 0.0, 1.0, 0.25), words=words), 90)
    assert turned.box == Box(0.75, 0.0, 1.0, 1.0)
    assert [word.box for word in turned.words] == [Box(0.75, 0.0, 1.0, 0.5), Box(0.75, 0.5, 1.0, 1.0)]

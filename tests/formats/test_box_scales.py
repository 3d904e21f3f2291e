"""The numbers of boxes become fractions of the picture."""

from __future__ import annotations

import pytest

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.formats.places import Scale, make_scale, smart_resize, trust
from visionocr.types import BoxScale

HUNDRED = Scale(100, 100)


@pytest.mark.parametrize("numbers", ["10 20 30 40", "10,20,30,40", "[[10, 20, 30, 40]]", "(30,40),(10,20)"])
def test_whatever_stands_between_them(numbers: str) -> None:
    """Four numbers are a box, also with its corners swapped."""
    assert HUNDRED.box(numbers) == Box(0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize("numbers", ["10 20 30", "1 2 3 4 5", "10 20 10 40", "", "a b c d"])
def test_what_is_no_box(numbers: str) -> None:
    """Another count of numbers, or a box without an area."""
    assert HUNDRED.box(numbers) is None


def test_other_shapes() -> None:
    """The corners of a quadrilateral, and boxes with the vertical number first."""
    assert HUNDRED.box("(10,20),(30,22),(31,40),(9,38)") == Box(0.09, 0.2, 0.31, 0.4)
    assert Scale(100, 100, is_y_first=True).box("20 10 40 30") == Box(0.1, 0.2, 0.3, 0.4)


def test_smart_resize() -> None:
    """Multiples of 28 within the limits, as the encoder makes them: values of ``qwen_vl_utils``."""
    assert smart_resize(1000, 1000, 28, 3136, 11289600) == (1008, 1008)
    assert smart_resize(10, 10, 28, 3136, 11289600) == (56, 56)
    assert smart_resize(8000, 4000, 28, 3136, 11289600) == (4732, 2352)


def test_scales() -> None:
    """Pixels need the size of the picture; without it, or without a scale, there are no boxes."""
    assert make_scale(None, 100, 100) is None
    assert make_scale(BoxScale(1000), 0, 0) == Scale(1000, 1000)
    assert make_scale(BoxScale(multiple=28), 0, 0) is None
    assert make_scale(BoxScale(), 640, 480) == Scale(640, 480)


def test_boxes_are_cut_to_the_picture() -> None:
    """A box that sticks out a little is cut."""
    assert trust([Block(BlockKind.TEXT, "a", box=Box(-0.01, 0.5, 1.01, 0.6))])[0].box == Box(0.0, 0.5, 1.0, 0.6)

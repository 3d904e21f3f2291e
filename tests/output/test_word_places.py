"""Words are put in the places of the page's lines."""

from __future__ import annotations

from dataclasses import astuple, replace

import pytest

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box, PageSize, TextLine, turn_box, turn_line
from visionocr.output.places import place_page
from visionocr.placed import place_words
from visionocr.types import PageRef, PageResult, Status

TEXT = "The lessee keeps the roof\nand the chimney in repair\n\nat his own cost"
LINES = tuple(
    TextLine(text, Box(0.1, top, 0.1 + len(text) / 50, top + 0.03))
    for text, top in (
        ("The lessee keeps the rooof", 0.1),
        ("and the chimney in repair", 0.14),
        ("at his own cost", 0.4),
    )
)
WIDTH, HEIGHT = 600, 800


def result(turn: int, *, has_lines: bool) -> PageResult:
    """A page that reads upright only when it is turned, with all boxes as it is displayed."""
    width, height = (HEIGHT, WIDTH) if turn in {90, 270} else (WIDTH, HEIGHT)
    page = PageResult(PageRef("a.pdf", 1), TEXT, Status.OK, size=PageSize(width, height), turn=turn)
    if has_lines:
        return replace(page, lines=tuple(turn_line(line, -turn) for line in LINES))
    return replace(page, blocks=(Block(BlockKind.TEXT, TEXT, box=turn_box(Box(0.1, 0.1, 0.6, 0.4), -turn)),))


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("has_lines", [True, False])
def test_a_turned_page_has_the_same_words_in_turned_places(turn: int, has_lines: bool) -> None:
    """Blocks, lines and words come in reading order, whichever way the page lies, and stand where they are seen."""
    upright, turned = (place_page(result(degrees, has_lines=has_lines)) for degrees in (0, turn))
    assert (turned.width < turned.height) == (turn == 180)
    assert upright.blocks
    for block, other in zip(turned.blocks, upright.blocks, strict=True):
        for line, straight in zip(block.lines, other.lines, strict=True):
            assert line.text == straight.text
            assert astuple(line.box) == pytest.approx(astuple(turn_box(straight.box, -turn)))
            if has_lines:
                words = place_words(line, turned.width, turned.height)
                expected = place_words(straight, upright.width, upright.height)
                assert [word.text for word in words] == [word.text for word in expected]
                for word, seen in zip(words, expected, strict=True):
                    assert astuple(word.box) == pytest.approx(astuple(turn_box(seen.box, -turn)))

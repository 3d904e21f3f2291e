"""Where figures stand among the blocks of a page."""

from __future__ import annotations

import pytest

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.layout.figures import insert_figures

LEFT, RIGHT = (0.1, 0.48), (0.52, 0.9)


def block(name: str, column: tuple[float, float], top: float, bottom: float) -> Block:
    """A paragraph in a column."""
    return Block(BlockKind.TEXT, name, box=Box(column[0], top, column[1], bottom))


PAGE = [
    Block(BlockKind.HEADER, "header", box=Box(0.1, 0.02, 0.9, 0.04)),
    block("title", (0.1, 0.9), 0.05, 0.1),
    block("left 1", LEFT, 0.15, 0.4),
    block("left 2", LEFT, 0.6, 0.85),
    block("right 1", RIGHT, 0.35, 0.5),
    block("right 2", RIGHT, 0.5, 0.6),
    block("notes", (0.1, 0.9), 0.9, 0.95),
]


@pytest.mark.parametrize(
    ("column", "top", "bottom", "before"),
    [
        (LEFT, 0.42, 0.58, "left 2"),
        (RIGHT, 0.15, 0.33, "right 1"),
        (RIGHT, 0.62, 0.85, "notes"),
        ((0.2, 0.4), 0.42, 0.58, "left 2"),
        ((0.1, 0.9), 0.1, 0.14, "left 1"),
        ((0.1, 0.9), 0.96, 0.99, ""),
    ],
)
def test_a_figure_stands_next_to_its_column(
    column: tuple[float, float], top: float, bottom: float, before: str
) -> None:
    """Between what is above and below it; where a column begins or ends, within the column."""
    figure = Block(BlockKind.PICTURE, box=Box(column[0], top, column[1], bottom))
    found = insert_figures(PAGE, [figure])
    assert [one for one in found if one is not figure] == PAGE
    following = found[found.index(figure) + 1 :]
    assert (following[0].text if following else "") == before


def test_figures_beside_text_and_without_it() -> None:
    """Beside all text a figure comes before what begins lower; on a page without places they come last, in order."""
    beside = Block(BlockKind.PICTURE, box=Box(0.92, 0.3, 0.99, 0.32))
    assert insert_figures(PAGE, [beside])[3] is beside
    unplaced = [Block(BlockKind.TEXT, "one"), Block(BlockKind.TEXT, "two")]
    low, high = (Block(BlockKind.PICTURE, box=Box(0.1, top, 0.9, top + 0.1)) for top in (0.7, 0.2))
    assert insert_figures(unplaced, [low, high]) == [*unplaced, high, low]

"""Finds the place of figures among the blocks of a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from visionocr.blocks import EDGES, Block
from visionocr.boxes import Box

_BESIDE = 0.3
"""Share of the narrower of two boxes that lies above or below the other, from which on they stand in one column."""


def insert_figures(blocks: Sequence[Block], figures: Iterable[Block]) -> list[Block]:
    """The blocks with *figures*, which have boxes, in between: each next to the block above or below it.

    Where no block has a box, and nothing stands above, below or after them, they come last.
    """
    placed = list(blocks)
    for figure in sorted(figures, key=lambda figure: (figure.box.top, figure.box.left) if figure.box else (0.0, 0.0)):
        placed.insert(len(placed) if figure.box is None else _find_place(placed, figure.box), figure)
    return placed


def _find_place(blocks: Sequence[Block], box: Box) -> int:
    """The number of the block before which a figure belongs."""
    known = [(at, block.box) for at, block in enumerate(blocks) if block.box is not None and block.kind not in EDGES]
    column = [(at, other) for at, other in known if _share_column(other, box)]
    above = max((place for place in column if _middle(place[1]) <= _middle(box)), key=_bottom, default=None)
    below = min((place for place in column if _middle(place[1]) > _middle(box)), key=_top, default=None)
    if above is not None and below is not None:
        # Where columns meet a title, a table or a foot note over their whole width: the one that is as wide counts.
        return below[0] if _likeness(below[1], box) > _likeness(above[1], box) else above[0] + 1
    if above is not None:
        return above[0] + 1
    if below is not None:
        return below[0]
    return next((at for at, other in known if _middle(other) > _middle(box)), len(blocks))


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2


def _bottom(place: tuple[int, Box]) -> float:
    return place[1].bottom


def _top(place: tuple[int, Box]) -> float:
    return place[1].top


def _common(one: Box, other: Box) -> float:
    """The width that two boxes have in common."""
    return max(0.0, min(one.right, other.right) - max(one.left, other.left))


def _share_column(one: Box, other: Box) -> bool:
    return _common(one, other) > _BESIDE * min(one.right - one.left, other.right - other.left)


def _likeness(one: Box, other: Box) -> float:
    """How alike the left and right edges of two boxes are, 0 to 1."""
    width = max(one.right, other.right) - min(one.left, other.left)
    return _common(one, other) / width if width else 0.0

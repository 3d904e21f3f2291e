"""Straightens the lines of a skewed page: their boxes tell by how much it is skewed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from visionocr.boxes import Box
from visionocr.layout.lines import Line

LEAST = 0.3
"""Degrees up to which a page counts as straight."""
MOST = 15.0
"""Degrees from which on it does not count as skewed."""
_SAMPLE = 60
"""Lines whose boxes are compared."""
_FEWEST = 20
"""Pairs of lines that tell a skew."""
_REACH, _STEP = 0.8, 0.1
"""Degrees around what the boxes tell in which the skew is looked for, and how finely."""
_NEAR = 0.25
"""Heights of a line up to which edges count as aligned."""
_LEAST_HEIGHT = 0.5
"""Share of the usual height that a straightened line has at least."""
_BETTER = 1.02
"""How much better the edges must be aligned on the straightened page."""


def find_skew(lines: Sequence[Line]) -> float:
    """Degrees clockwise by which the lines of a page are skewed; 0 where they are straight, or nothing tells.

    A box around a skewed line is the higher the longer the line is. The direction, and what is left of the angle, come
    from the edges of columns and rows: of the angles around that one, they are aligned best at the right one.
    """
    about = _estimate(lines)
    if not LEAST <= about <= MOST:
        return 0.0
    steps = round(_REACH / _STEP)
    near = [about + step * _STEP for step in range(-steps, steps + 1)]
    upright = [line for line in lines if line.upright]
    unit = _NEAR * 2 * median(half for *_, half in _turn_back(upright, about))
    best = max(
        (sign * angle for angle in near if angle > 0 for sign in (1, -1)),
        key=lambda angle: _count_aligned(upright, angle, unit),
    )
    is_better = _count_aligned(upright, best, unit) > _BETTER * _count_aligned(upright, 0.0, unit)
    return best if abs(best) >= LEAST and is_better else 0.0


def straighten(lines: Sequence[Line], skew: float, width: float, height: float) -> list[Line]:
    """The lines as they would be on a page of this size turned back by so many degrees around its middle.

    Each gets the box that it has by itself: the one around it is larger by what the skew makes of its length.
    """
    return [
        replace(line, left=x - reach, right=x + reach, top=y - half, bottom=y + half)
        for line, (x, y, reach, half) in zip(lines, _turn_back(lines, skew, width / 2, height / 2), strict=True)
    ]


def skew_box(box: Box, skew: float, width: float, height: float) -> Box:
    """The box around a box of a straightened page, on the page as it was."""
    cos, sin = math.cos(math.radians(skew)), math.sin(math.radians(skew))
    corners = [((x - 0.5) * width, (y - 0.5) * height) for x in (box.left, box.right) for y in (box.top, box.bottom)]
    across = [(x * cos - y * sin) / width + 0.5 for x, y in corners]
    down = [(x * sin + y * cos) / height + 0.5 for x, y in corners]
    return Box(max(0.0, min(across)), max(0.0, min(down)), min(1.0, max(across)), min(1.0, max(down)))


def _estimate(lines: Sequence[Line]) -> float:
    """About how many degrees the lines are skewed, in whatever direction."""
    upright = sorted((line for line in lines if line.upright), key=lambda line: line.width)
    chosen = upright[:: max(1, len(upright) // _SAMPLE)]
    slopes = [
        (wide.height - narrow.height) / (wide.width - narrow.width)
        for at, wide in enumerate(chosen)
        for narrow in chosen[:at]
        if wide.width > 2 * narrow.width
    ]
    return math.degrees(math.atan(median(slopes))) if len(slopes) >= _FEWEST else 0.0


def _turn_back(
    lines: Sequence[Line], skew: float, middle_x: float = 0.0, middle_y: float = 0.0
) -> list[tuple[float, float, float, float]]:
    """The middle (x and y) of each line, and half of its width and height, turned around a place."""
    angle = math.radians(skew)
    cos, sin, steep, both = math.cos(angle), math.sin(angle), abs(math.sin(angle)), math.cos(2 * angle)
    heights = [(line.height * cos - line.width * steep) / both for line in lines]
    least = _LEAST_HEIGHT * median(heights)
    turned = []
    for line, own in zip(lines, heights, strict=True):
        across, down = line.center - middle_x, line.middle - middle_y
        reach = max(line.width / 2, (line.width * cos - line.height * steep) / both) / 2
        # What the height of a long line is found to be may be off by much.
        half = min(line.height, max(own, least)) / 2
        turned.append((across * cos + down * sin + middle_x, down * cos - across * sin + middle_y, reach, half))
    return turned


def _count_aligned(lines: Sequence[Line], skew: float, unit: float) -> float:
    """How many edges and middles of lines are aligned with the next, on the page turned back by so many degrees."""
    turned = _turn_back(lines, skew)
    edges = (
        sorted(x - reach for x, _, reach, _ in turned),
        sorted(x + reach for x, _, reach, _ in turned),
        sorted(y for _, y, _, _ in turned),
    )
    return sum(1 / (1 + ((other - one) / unit) ** 2) for row in edges for one, other in pairwise(row))

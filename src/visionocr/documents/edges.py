"""The edge pixels of a page, and what on paper makes them though it is neither print nor dust: folds, holes, staples.

An *edge pixel* is one from which the next one differs sharply. Folds, rules and the edges of sheets have them in one
direction, in a straight line; punched holes in a circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from visionocr.documents.components import Component, find_runs, join_runs

_PAGE_LENGTH = 297.0
"""Millimetres of the long side of a page. Its true size is not known; A4 is near enough."""
_RULE = 8.0
"""Millimetres from which on a straight line is a fold, a rule or an edge, and not a stroke of a letter."""
_RULE_GAP = 2.0
"""Millimetres for which such a line may be too faint to see."""
_RULE_SPREAD = 0.75
"""Millimetres: standard deviation of a line's pixels from its middle. A fold has a bright and a dark side."""
_ONE_WAY = 0.15
"""Share of edge pixels in the other direction that noise may bring into a straight line."""
_SHADOW = 4.0
"""Millimetres: how deep the steep part of a shadow at the edge of the page is."""
_STAPLE = 16.0
"""Millimetres: its length."""
_SLANT = 0.35
"""The shorter side of a slanting staple's box, as a share of the longer one, at least."""
_STAPLE_PLACE = 35.0
"""Millimetres: how far from two edges a slanting stroke is taken for a staple."""
_HOLE = 2.0, 5.0
"""Millimetres: radius of punched holes, torn ones among them; print has smaller rings."""
_HOLE_PLACE = 25.0
"""Millimetres from an edge, at most."""


@dataclass(frozen=True, slots=True)
class EdgePixels:
    """The edge pixels of a page: masks of one byte a pixel, row by row. The last column of each row is empty."""

    width: int
    height: int
    mask: bytes
    """All of them."""
    right: bytes
    """Those with a step to the right."""
    down: bytes
    """Those with a step down; some have both."""
    horizontal: bytes
    """Those with the larger step down, as on a horizontal line."""
    vertical_transposed: bytes
    """Those with the larger step to the right, with rows and columns exchanged."""
    down_transposed: bytes
    """``down`` with rows and columns exchanged."""
    certain: bytes
    """Those that noise does not make."""
    steps: bytes
    """How large the steps are, in levels of grey."""

    @property
    def scale(self) -> float:
        """Pixels per millimetre."""
        return max(self.width, self.height) / _PAGE_LENGTH


def _find_rules(mask: bytes, other: bytes, width: int, scale: float) -> list[Component]:
    """The lines along the rows of *mask*: long, thin and straight, with hardly a pixel of the *other* direction."""
    gap = max(4, round(_RULE_GAP * scale))
    return [
        line
        for line in join_runs(find_runs(mask, width), gap, 2)
        if line.extent >= _RULE * scale
        and line.axes[1] <= max(1.5, _RULE_SPREAD * scale)
        and line.count_in(other, width, wider=2) <= _ONE_WAY * line.count
    ]


def erase_rules(edges: EdgePixels) -> bytes:
    """All edge pixels but those of folds, rules, borders and edges nearly parallel to a side of the page."""
    width, height = edges.width, edges.height
    left = bytearray(edges.mask)
    # A pixel more on each side: edges are rough.
    for line in _find_rules(edges.horizontal, edges.right, width, edges.scale):
        for start, stop in line.slices(width, wider=2):
            for row in (-width, 0, width):
                first, last = max(0, start + row), max(0, stop + row)
                left[first:last] = bytes(last - first)
    for line in _find_rules(edges.vertical_transposed, edges.down_transposed, height, edges.scale):
        for x, start, stop in line.runs:
            first, last = max(0, start - 2), min(height, stop + 2)
            for column in range(max(0, x - 1), min(width, x + 2)):
                left[first * width + column : last * width : width] = bytes(last - first)
    # Below the last row, erasing has made the mask longer.
    del left[width * height :]
    return bytes(left)


def touches_border(component: Component, edges: EdgePixels) -> bool:
    """Whether it lies at the border of the picture, where scanners show the edge of the sheet and their lid."""
    left, top, right, bottom = component.box
    return min(left, top, edges.width - right, edges.height - bottom) <= 2


def is_stroke(component: Component, edges: EdgePixels) -> bool:
    """Whether it is one straight stroke: a piece of a fold or rule, a scratch, an edge's shadow, a corner's staple."""
    along, across = component.axes
    left, top, right, bottom = component.box
    fewer = min(component.count_in(mask, edges.width) for mask in (edges.right, edges.down))
    is_one_way = fewer <= _ONE_WAY * component.count
    if is_one_way and touches_border(component, edges):
        return min(right - left, bottom - top) <= _SHADOW * edges.scale
    if across > max(1.3, 0.5 * edges.scale):
        return False
    if is_one_way:
        return along >= 2 * across
    place = _STAPLE_PLACE * edges.scale
    # With less slant it would go one way, or is a line of small print.
    if min(right - left, bottom - top) < _SLANT * component.extent:
        return False
    corner = min(right, edges.width - left) <= place and min(bottom, edges.height - top) <= place
    return corner and component.extent <= _STAPLE * edges.scale and along >= 4 * max(across, 0.5)


def is_hole(component: Component, edges: EdgePixels) -> bool:
    """Whether it is the rim of something round and empty near an edge (a circle is fitted as Kåsa does it)."""
    points = [(x, y) for y, start, stop in component.runs for x in range(start, stop)]
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    uu = vv = uv = up = vp = 0.0
    for x, y in points:
        u, v = x - mx, y - my
        p = u * u + v * v
        uu, vv, uv, up, vp = uu + u * u, vv + v * v, uv + u * v, up + u * p, vp + v * p
    determinant = 2 * (uu * vv - uv * uv)
    if determinant < 1e-6:
        return False
    cx, cy = mx + (up * vv - vp * uv) / determinant, my + (vp * uu - up * uv) / determinant
    distances = [math.hypot(x - cx, y - cy) for x, y in points]
    radius = sum(distances) / n
    edge = min(cx, cy, edges.width - cx, edges.height - cy)
    if not _HOLE[0] * edges.scale <= radius <= _HOLE[1] * edges.scale or edge > _HOLE_PLACE * edges.scale:
        return False
    spread = math.sqrt(sum((distance - radius) ** 2 for distance in distances) / n)
    # Sixteenths of the circle. A hole that is torn, or has a shadow on one side, lacks some.
    parts = {round(math.atan2(y - cy, x - cx) * 8 / math.pi) % 16 for x, y in points}
    if len(parts) < 10:
        return len(parts) >= 5 and spread <= max(0.8, 0.1 * radius)
    return spread <= max(1.0, 0.13 * radius) and min(distances) >= 0.45 * radius

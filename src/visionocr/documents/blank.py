"""Whether marks on a page could be read. Masks of bytes in, the evidence out; no pictures here.

A *mark* is a pixel from which the next one differs sharply. Writing has such steps in both directions, close together
and at the scale of letters. Folds, rules and the edges of sheets have them in one direction, in a straight line;
dust and noise have them in spots that lie scattered; punched holes in a circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from visionocr.documents.components import MARK, Blob, blobs, runs_of

_SHEET = 297.0
"""Millimetres of the long side of a page. Its true size is not known; A4 is near enough."""
_CROWDED = 0.05
"""Share of marked pixels that is too much for a blank page, and for us to look at each."""
_SPECK = 1.25
"""Millimetres: a grain of dust. The figures of a footnote are 1.5 high."""
_BLOCK = 10
"""Pixels: what a bad JPEG makes of a grain of dust or noise covers one of its blocks."""
_OUTSTANDING = 2.5
"""How much more a spot must weigh than what there is of its kind on the page, to be no dust."""
_RULE = 8.0
"""Millimetres from which on a straight line is a fold, a rule or an edge, and not a stroke of a letter."""
_RULE_GAP = 2.0
"""Millimetres for which such a line may be too faint to see."""
_RULE_SPREAD = 0.75
"""Millimetres: standard deviation of a line's pixels from its middle. A fold has a bright and a dark side."""
_ONE_WAY = 0.15
"""Share of marks in the other direction that noise may bring into a straight line."""
_SHADOW = 4.0
"""Millimetres: how deep the steep part of a shadow at the edge of the page is."""
_STAPLE = 16.0
"""Millimetres: its length."""
_SLANT = 0.35
"""The least breadth of its box, in lengths, where it slants."""
_STAPLE_PLACE = 35.0
"""Millimetres: how far from two edges a slanting stroke is taken for one."""
_HOLE = 2.0, 5.0
"""Millimetres: radius of punched holes, torn ones among them; print has smaller rings."""
_HOLE_PLACE = 25.0
"""Millimetres from an edge, at the most."""
_LINK = 0.7
"""Millimetres between the letters of a word, at the most."""
_DUSTY = 40
"""Spots from which on those within two blocks of a JPEG are no word."""
_CHANCE = 0.01
"""How often, per page, scattered spots may happen to lie as they do before it is taken for no accident."""


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a page: masks of one byte a pixel, row by row. The last column of each row is empty."""

    width: int
    height: int
    every: bytes
    """All of them."""
    across: bytes
    """Those with a step to the right."""
    down: bytes
    """Those with a step down; some have both."""
    level: bytes
    """Those with the larger step down."""
    upright_turned: bytes
    """Those with the larger step to the right, with rows and columns exchanged."""
    down_turned: bytes
    """``down`` with rows and columns exchanged."""
    sure: bytes
    """Marks that noise does not make."""
    steps: bytes
    """How large the steps are, in levels of grey."""

    @property
    def unit(self) -> float:
        """Pixels per millimetre."""
        return max(self.width, self.height) / _SHEET


# --- what is not writing --------------------------------------------------------------------------------


def _rules(mask: bytes, other: bytes, width: int, unit: float) -> list[Blob]:
    """The lines along the rows of *mask*: long, thin and straight, with next to nothing of the *other* direction."""
    gap = max(4, round(_RULE_GAP * unit))
    return [
        blob
        for blob in blobs(runs_of(mask, width), gap, 2)
        if blob.extent >= _RULE * unit
        and blob.axes[1] <= max(1.5, _RULE_SPREAD * unit)
        and blob.within(other, width, wider=2) <= _ONE_WAY * blob.count
    ]


def _without_rules(marks: Marks) -> bytes:
    """All marks but those of folds, rules, borders and edges, which lie along the sides of the page or nearly so."""
    width, height, unit = marks.width, marks.height, marks.unit
    left = bytearray(marks.every)
    # A pixel more on each side: edges are rough.
    for blob in _rules(marks.level, marks.across, width, unit):
        for start, stop in blob.slices(width, wider=2):
            for row in (-width, 0, width):
                left[max(0, start + row) : max(0, stop + row)] = bytes(max(0, stop + row) - max(0, start + row))
    for blob in _rules(marks.upright_turned, marks.down_turned, height, unit):
        for x, start, stop in blob.runs:
            first, last = max(0, start - 2), min(height, stop + 2)
            for column in range(max(0, x - 1), min(width, x + 2)):
                left[first * width + column : last * width : width] = bytes(last - first)
    # What was erased must not make the mask longer.
    del left[width * height :]
    return bytes(left)


def _is_stroke(blob: Blob, marks: Marks) -> bool:
    """Whether it is one straight stroke: a piece of a fold or rule, a scratch, an edge's shadow, a corner's staple."""
    along, across = blob.axes
    left, top, right, bottom = blob.box
    one_way = min(blob.within(marks.across, marks.width), blob.within(marks.down, marks.width)) <= _ONE_WAY * blob.count
    if one_way and min(left, top, marks.width - right, marks.height - bottom) <= 2:
        return min(right - left, bottom - top) <= _SHADOW * marks.unit
    if across > max(1.3, 0.5 * marks.unit):
        return False
    if one_way:
        return along >= 2 * across
    place = _STAPLE_PLACE * marks.unit
    # Less slanting than that it would be of one way, or it is a line of small print.
    if min(right - left, bottom - top) < _SLANT * blob.extent:
        return False
    corner = min(right, marks.width - left) <= place and min(bottom, marks.height - top) <= place
    return corner and blob.extent <= _STAPLE * marks.unit and along >= 4 * max(across, 0.5)


def _is_hole(blob: Blob, marks: Marks) -> bool:
    """Whether it is the rim of something round and empty near an edge (a circle is fitted as Kåsa does it)."""
    points = [(x, y) for y, start, stop in blob.runs for x in range(start, stop)]
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
    edge = min(cx, cy, marks.width - cx, marks.height - cy)
    if not _HOLE[0] * marks.unit <= radius <= _HOLE[1] * marks.unit or edge > _HOLE_PLACE * marks.unit:
        return False
    spread = math.sqrt(sum((distance - radius) ** 2 for distance in distances) / n)
    # Of sixteen parts of the circle. A hole that is torn, or has a shadow on one side, lacks some.
    parts = {round(math.atan2(y - cy, x - cx) * 8 / math.pi) % 16 for x, y in points}
    if len(parts) < 10:
        return len(parts) >= 5 and spread <= max(0.8, 0.1 * radius)
    return spread <= max(1.0, 0.13 * radius) and min(distances) >= 0.45 * radius


# --- the verdict ----------------------------------------------------------------------------------------


def evidence(marks: Marks) -> Blob | None:
    """Something that could be writing or drawing; ``None`` when all marks have another explanation."""
    if marks.every.count(MARK) > _CROWDED * marks.width * marks.height:
        return Blob(runs_of(marks.every, marks.width))
    rest = blobs(runs_of(_without_rules(marks), marks.width))
    spots, shapes = _sorted_out(rest, marks)
    doubtful = []
    for shape in shapes:
        if shape.within(marks.sure, marks.width) >= 2 and not (_is_stroke(shape, marks) or _is_hole(shape, marks)):
            if not _is_heap(shape, spots, marks):
                return shape
            doubtful.append(shape)
    spots += doubtful
    heavy = [spot for spot in spots if spot.within(marks.sure, marks.width) >= 2]
    return _chain(spots, marks) or _chain(heavy, marks)


def _speck(marks: Marks) -> float:
    """Pixels of the largest grain of dust. Its edges are marks on both sides, and half a pixel of blur is common."""
    return _SPECK * marks.unit + 2.0


def _sorted_out(rest: list[Blob], marks: Marks) -> tuple[list[Blob], list[Blob]]:
    """Spots, which alone are nothing, and shapes, which may be something.

    A shape that is hardly larger than dust has to stand out from what else is on the page.
    """
    small = [blob for blob in rest if blob.extent <= max(_speck(marks), _BLOCK)]
    weights = {id(blob): sum(sum(marks.steps[a:b]) for a, b in blob.slices(marks.width)) for blob in small}
    order = sorted(weights.values())
    # A number of three figures may stand among a few grains, and should not be measured against itself.
    usual = order[min(len(order) * 9 // 10, len(order) - 4)] if len(order) > 4 else 0
    spots: list[Blob] = []
    shapes: list[Blob] = []
    for blob in rest:
        spot = blob.extent <= _speck(marks) or weights.get(id(blob), math.inf) < _OUTSTANDING * usual
        (spots if spot else shapes).append(blob)
    return spots, shapes


def _is_heap(shape: Blob, spots: list[Blob], marks: Marks) -> bool:
    """Whether a page with so many spots may have, by accident, as many of them in one place as make up the shape."""
    if not spots:
        return False
    count = sum(spot.count for spot in spots) / len(spots)
    breadth = sum(spot.extent for spot in spots) / len(spots)
    return _accidents(len(spots), shape.count / count, 2 * breadth + 1, marks) > _CHANCE


def _chain(spots: list[Blob], marks: Marks) -> Blob | None:
    """Spots that lie too close together for an accident, like the letters of a faint word."""
    if len(spots) < 2:
        return None
    reach = max(3, 1 + round(_LINK * marks.unit))
    side = 2 * (sum(spot.extent for spot in spots) / len(spots) + reach)
    least = 2 * (_BLOCK if len(spots) > _DUSTY else _speck(marks))
    if _accidents(len(spots), len(spots), side, marks) > _CHANCE:
        return None
    for chain in blobs(sorted(run for spot in spots for run in spot.runs), reach, reach):
        if chain.extent >= least and not _is_stroke(chain, marks):
            links = len(blobs(sorted(chain.runs)))
            if links >= 2 and _accidents(len(spots), links, side, marks) <= _CHANCE:
                return chain
    return None


def _accidents(spots: int, together: float, side: float, marks: Marks) -> float:
    """How many heaps of so many spots *together* to expect if they fall anywhere.

    Two are together when one lies within a square of so many pixels a *side* around the other.
    """
    neighbours = 2 * spots * side * side / (marks.width * marks.height)
    return math.inf if neighbours >= 1 else spots * float(neighbours ** (together - 1))

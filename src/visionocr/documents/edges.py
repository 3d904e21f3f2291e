"""Distinguishes print and drawings from folds, dust, holes and staples by the edge pixels of a page.

An *edge pixel* is one from which the next one differs sharply. Writing has such steps in both directions, close
together and at the scale of letters. Folds, rules and the edges of sheets have them in one direction, in a straight
line; dust and noise have them in scattered spots; punched holes in a circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from visionocr.documents.components import SET, Component, find_runs, join_runs

_PAGE_LENGTH = 297.0
"""Millimetres of the long side of a page. Its true size is not known; A4 is near enough."""
_CROWDED = 0.05
"""Share of edge pixels that is too much for a blank page, and for looking at each component."""
_SPECK = 1.25
"""Millimetres: a grain of dust. The digits of a footnote are 1.5 high."""
_BLOCK = 10
"""Pixels: what a bad JPEG makes of a grain of dust or noise covers one of its blocks."""
_LETTERS = (1.0, 1), (0.8, 4)
"""How large (in largest grains) how many spots must be to be letters: grains of a millimetre are rare."""
_STRONG_STEP = 60
"""Levels of the strongest step of a letter of dark print; what JPEG makes of a scanner's noise stays below."""
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
_LETTER_GAP = 0.7
"""Millimetres between the letters of a word, at most."""
_ROW_SPREAD = 2
"""Pixels by which the boxes of like signs in a row may differ."""
_DUSTY = 40
"""Number of spots from which on those within two blocks of a JPEG are no word."""
_CHANCE = 0.01
"""Expected number of random clusters on a page above which a cluster is taken for chance."""


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


def find_print(edges: EdgePixels) -> Component | None:
    """Something that could be writing or drawing; ``None`` when all edge pixels have another explanation."""
    if edges.mask.count(SET) > _CROWDED * edges.width * edges.height:
        return Component(find_runs(edges.mask, edges.width))
    spots: list[Component] = []
    shapes: list[Component] = []
    for component in join_runs(find_runs(_erase_rules(edges), edges.width)):
        (spots if _is_spot(component, edges) else shapes).append(component)
    doubtful = []
    for shape in shapes:
        if _is_certain(shape, edges) and not (_is_stroke(shape, edges) or _is_hole(shape, edges)):
            if not _may_be_spots(shape, spots, edges):
                return shape
            doubtful.append(shape)
    spots += doubtful
    certain = [spot for spot in spots if _is_certain(spot, edges)]
    return (
        _find_letters(certain, edges)
        or _find_row(certain, edges)
        or _find_cluster(spots, edges)
        or _find_cluster(certain, edges)
    )


def _is_certain(component: Component, edges: EdgePixels) -> bool:
    """Whether it is more than noise."""
    return component.count_in(edges.certain, edges.width) >= 2


# --- what is no print -------------------------------------------------------------------------------------


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


def _erase_rules(edges: EdgePixels) -> bytes:
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


def _is_stroke(component: Component, edges: EdgePixels) -> bool:
    """Whether it is one straight stroke: a piece of a fold or rule, a scratch, an edge's shadow, a corner's staple."""
    along, across = component.axes
    left, top, right, bottom = component.box
    fewer = min(component.count_in(mask, edges.width) for mask in (edges.right, edges.down))
    is_one_way = fewer <= _ONE_WAY * component.count
    if is_one_way and min(left, top, edges.width - right, edges.height - bottom) <= 2:
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


def _is_hole(component: Component, edges: EdgePixels) -> bool:
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


# --- spots ------------------------------------------------------------------------------------------------


def _speck_size(edges: EdgePixels) -> float:
    """Pixels of the largest grain of dust. It has edge pixels on both sides, and half a pixel of blur is common."""
    return _SPECK * edges.scale + 2.0


def _is_spot(component: Component, edges: EdgePixels) -> bool:
    """Whether it may be dust: it is small, and most of it weak where JPEG has spread it over a block."""
    speck = _speck_size(edges)
    if component.extent <= max(speck, _BLOCK):
        return component.extent <= speck or _measure_core(component, edges) <= speck
    return False


def _measure_core(component: Component, edges: EdgePixels) -> int:
    """Pixels over which it is about as strong as at its strongest, as letters are from top to foot; 0 if it is faint.

    What JPEG makes of a grain is strong only where the grain is, and what it makes of noise is weak everywhere.
    """
    width = edges.width
    pieces = [(y, start, edges.steps[y * width + start : y * width + stop]) for y, start, stop in component.runs]
    peak = max(max(steps) for _, _, steps in pieces)
    if peak < _STRONG_STEP:
        return 0
    core = [(y, x) for y, start, steps in pieces for x, step in enumerate(steps, start) if 2 * step >= peak]
    rows, columns = [y for y, _ in core], [x for _, x in core]
    return max(max(rows) - min(rows), max(columns) - min(columns)) + 1


def _may_be_spots(shape: Component, spots: list[Component], edges: EdgePixels) -> bool:
    """Whether on a page with so many spots a cluster of that size may occur by chance."""
    if not spots:
        return False
    count = sum(spot.count for spot in spots) / len(spots)
    breadth = sum(spot.extent for spot in spots) / len(spots)
    return _expect_clusters(len(spots), shape.count / count, 2 * breadth + 1, edges) > _CHANCE


def _find_letters(spots: list[Component], edges: EdgePixels) -> Component | None:
    """One of several spots as large and strong as small letters, where so many grains of that size cannot be chance.

    Grains that lie side by side look like a larger one. The more of the others there are, the more such pairs.
    """
    cores = [_measure_core(spot, edges) / _speck_size(edges) for spot in spots]
    for size, least in _LETTERS:
        letters = [spot for spot, core in zip(spots, cores, strict=True) if core > size]
        if len(letters) >= least:
            grains = [spot for spot, core in zip(spots, cores, strict=True) if core <= size]
            side = 2 * sum(grain.extent for grain in grains) / max(1, len(grains)) + 1
            pairs = _expect_clusters(len(grains), 2, side, edges) if grains else 0.0
            if pairs ** len(letters) / math.factorial(min(len(letters), 100)) <= _CHANCE:
                return letters[0]
    return None


def _find_cluster(spots: list[Component], edges: EdgePixels) -> Component | None:
    """Spots that are too close together to be so by chance, like the letters of a faint word."""
    if len(spots) < 2:
        return None
    reach = max(3, 1 + round(_LETTER_GAP * edges.scale))
    side = 2 * (sum(spot.extent for spot in spots) / len(spots) + reach)
    least = 2 * (_BLOCK if len(spots) > _DUSTY else _speck_size(edges))
    if _expect_clusters(len(spots), len(spots), side, edges) > _CHANCE:
        return None
    for cluster in join_runs(sorted(run for spot in spots for run in spot.runs), reach, reach):
        if cluster.extent >= least and not _is_stroke(cluster, edges):
            members = len(join_runs(sorted(cluster.runs)))
            if members >= 2 and _expect_clusters(len(spots), members, side, edges) <= _CHANCE:
                return cluster
    return None


def _find_row(spots: list[Component], edges: EdgePixels) -> Component | None:
    """Three or more spots of one size on a line, like asterisks or dashes, where chance would not put them there."""
    tops = sorted(spots, key=lambda spot: spot.box[1])
    for first, spot in enumerate(tops):
        left, top, right, bottom = spot.box
        row = [
            other
            for other in tops[first:]
            if other.box[1] - top <= _ROW_SPREAD
            and abs(other.box[3] - bottom) <= _ROW_SPREAD
            and abs(other.box[2] - other.box[0] - right + left) <= _ROW_SPREAD
        ]
        if len(row) >= 3:
            share = (2 * _ROW_SPREAD + 1) / edges.height
            if math.comb(len(spots), len(row)) * len(row) * share ** (len(row) - 1) <= _CHANCE:
                return spot
    return None


def _expect_clusters(spots: int, members: float, side: float, edges: EdgePixels) -> float:
    """How many clusters of so many *members* to expect if the spots fall anywhere on the page.

    Two are together when one lies within a square of so many pixels a *side* around the other.
    """
    neighbours = 2 * spots * side * side / (edges.width * edges.height)
    return math.inf if neighbours >= 1 else spots * float(neighbours ** (members - 1))

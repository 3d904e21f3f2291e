"""Distinguishes print and drawings from dust by the edge pixels of a page.

Writing has steps in both directions, close together and at the scale of letters; dust and noise have them in scattered
spots. Single letters are larger or stronger than grains, or stand in lines.
"""

from __future__ import annotations

import math
from itertools import takewhile

from visionocr.documents.components import SET, Component, find_runs, join_runs
from visionocr.documents.edges import EdgePixels, erase_rules, is_hole, is_stroke, touches_border

_CROWDED = 0.05
"""Share of edge pixels that is too much for a blank page, and for looking at each component."""
_SPECK = 1.25
"""Millimetres: a grain of dust. The digits of a footnote are 1.5 high."""
_BLOCK = 10
"""Pixels: what a bad JPEG makes of a grain of dust or noise covers one of its blocks."""
_CERTAIN = 0.25
"""Share of its pixels that noise does not make, at least; of the print on 96 sample pages it was 0.56 or more."""
_LETTERS = (1.0, 1), (0.8, 4)
"""How large (in largest grains) how many spots must be to be letters: grains of a millimetre are rare."""
_STRONG_STEP = 60
"""Levels of the strongest step of a letter of dark print; what JPEG makes of a scanner's noise stays below."""
_LETTER_GAP = 0.7
"""Millimetres between the letters of a word, at most."""
_PART_GAP = 3
"""Pixels between two parts of a letter, at most."""
_ROW_SPREAD = 2
"""Pixels by which the boxes of like signs in a row may differ."""
_DUSTY = 40
"""Number of spots from which on those within two blocks of a JPEG are no word."""
_CHANCE = 0.01
"""Expected number of random clusters on a page above which a cluster is taken for chance."""


def find_print(edges: EdgePixels) -> Component | None:
    """Something that could be writing or drawing; ``None`` when all edge pixels have another explanation."""
    if edges.mask.count(SET) > _CROWDED * edges.width * edges.height:
        return Component(find_runs(edges.mask, edges.width))
    spots: list[Component] = []
    shapes: list[Component] = []
    for component in join_runs(find_runs(erase_rules(edges), edges.width)):
        (spots if _is_spot(component, edges) else shapes).append(component)
    doubtful = []
    for shape in shapes:
        if _is_certain(shape, edges) and not (is_stroke(shape, edges) or is_hole(shape, edges)):
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
    return component.count_in(edges.certain, edges.width) >= max(2.0, _CERTAIN * component.count)


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
    """Spots as large and strong as small letters, where so many grains of that size cannot be chance.

    Parts of a letter may be apart from each other, and grains that lie side by side look like a larger one: the more
    spots there are, the more such pairs.
    """
    if not spots:
        return None
    side = 2 * (sum(spot.extent for spot in spots) / len(spots) + _PART_GAP) + 1
    pairs = _expect_clusters(len(spots), 2, side, edges)
    joined = join_runs(sorted(run for spot in spots for run in spot.runs), _PART_GAP, _PART_GAP)
    cores = [_measure_core(component, edges) / _speck_size(edges) for component in joined]
    for size, least in _LETTERS:
        letters = [component for component, core in zip(joined, cores, strict=True) if core > size]
        if len(letters) >= least and _is_no_chance(math.log(pairs) * len(letters) - math.lgamma(len(letters) + 1)):
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
        if cluster.extent >= least and _is_certain(cluster, edges) and not is_stroke(cluster, edges):
            members = len(join_runs(sorted(cluster.runs)))
            if members >= 2 and _expect_clusters(len(spots), members, side, edges) <= _CHANCE:
                return cluster
    return None


def _find_row(spots: list[Component], edges: EdgePixels) -> Component | None:
    """Three or more spots of one size beside or below each other, where chance would not put them in a line.

    Asterisks between two parts of a text are such spots, and the dashes in a column of a table.
    """
    spots = [spot for spot in spots if not touches_border(spot, edges)]
    for start, length in ((1, edges.height), (0, edges.width)):
        share = (2 * _ROW_SPREAD + 1) / length
        ordered = sorted(spots, key=lambda spot: spot.box[start])
        for first, spot in enumerate(ordered):
            place, size = spot.box[start], _size(spot)
            beside = takewhile(lambda other: other.box[start] - place <= _ROW_SPREAD, ordered[first:])  # noqa: B023
            count = sum(
                all(abs(a - b) <= _ROW_SPREAD for a, b in zip(_size(other), size, strict=True)) for other in beside
            )
            if count >= 3 and _is_no_chance(
                _log_choices(len(spots), count) + math.log(count) + (count - 1) * math.log(share)
            ):
                return spot
    return None


def _log_choices(many: int, few: int) -> float:
    """Logarithm of the number of ways to choose a *few* of *many*."""
    return math.lgamma(many + 1) - math.lgamma(few + 1) - math.lgamma(many - few + 1)


def _is_no_chance(log_expected: float) -> bool:
    """Whether something is there that chance would hardly put there, by the logarithm of how often it would."""
    return log_expected <= math.log(_CHANCE)


def _size(component: Component) -> tuple[int, int]:
    left, top, right, bottom = component.box
    return right - left, bottom - top


def _expect_clusters(spots: int, members: float, side: float, edges: EdgePixels) -> float:
    """How many clusters of so many *members* to expect if the spots fall anywhere on the page.

    Two are together when one lies within a square of so many pixels a *side* around the other.
    """
    neighbours = 2 * spots * side * side / (edges.width * edges.height)
    return math.inf if neighbours >= 1 else spots * float(neighbours ** (members - 1))

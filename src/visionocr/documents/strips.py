"""Cuts pages with small print into strips of full width: between lines, or else so that the strips overlap."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from visionocr.boxes import Box
from visionocr.documents import images
from visionocr.documents.images import Picture

_FREEDOM = 0.2
"""How far a cut may be from its even position, as a share of a strip's height."""
_PITCH = 2.7
"""Distance of lines in x-heights: 1.2 times the type size."""
_LINES = 75
"""Lines of a page whose print was not measured."""
_OVERLAP = 2.0
"""Lines by which strips reach over a cut that goes through print: at each side one of them is whole, whatever the
skew of a scan."""
_STROKE = 2
"""Steps between dark and light in a row of pixels that crosses a stroke."""


class Piece(NamedTuple):
    """A part of a page's picture."""

    picture: Picture
    region: Box
    """The part of the page that it shows."""
    overlaps: bool = False
    """It begins with lines with which the piece before it ends."""


def cut_strips(picture: Picture, count: int, x_height: float | None) -> list[Piece]:
    """A page in so many strips, from top to bottom. *x_height*: of its small print, in pixels, where it is known."""
    height = picture.height
    pitch = _PITCH * x_height if x_height is not None else height / _LINES
    cuts = [(0, 0), *(_find_cut(picture, at * height / count, height / count, pitch) for at in range(1, count))]
    cuts.append((height, height))
    return [
        Piece(
            images.crop_lines(picture, start, stop, down=True),
            Box(0.0, start / height, 1.0, stop / height),
            overlaps=start < before,
        )
        for (start, before), (_, stop) in itertools.pairwise(cuts)
        if stop > start
    ]


def _find_cut(picture: Picture, at: float, strip: float, pitch: float) -> tuple[int, int]:
    """Where the strip below a cut near *at* begins, and where the one above it ends."""
    cut, is_white = _find_emptiest_row(picture, at, max(1.0, _FREEDOM * strip))
    if is_white:
        return cut, cut
    reach = min(_OVERLAP * pitch, strip / 4)
    start, _ = _find_emptiest_row(picture, cut - reach, pitch / 2)
    stop, _ = _find_emptiest_row(picture, cut + reach, pitch / 2)
    return start, stop


def _find_emptiest_row(picture: Picture, middle: float, reach: float) -> tuple[int, bool]:
    """The row to cut at, so far from the *middle* at most, and whether no print crosses it."""
    first, last = max(0, round(middle - reach)), min(picture.height - 1, math.ceil(middle + reach))
    rows = images.measure_lines(picture, first, last + 1, down=True, without_rules=True)
    best = find_emptiest(rows)
    return first + best, rows[best] / 255 * picture.width < _STROKE


def find_emptiest(lines: Sequence[float]) -> int:
    """The index of the line to cut at, given how much each line holds.

    The emptiest lines win. Of several gaps the wider ones do (between paragraphs or words, not between lines or
    letters), and the nearer ones to the middle.
    """
    least = min(lines)
    middle = len(lines) // 2
    wide = max(1.0, len(lines) / 4)
    best, best_score, start = middle, -math.inf, 0
    for is_empty, gap in itertools.groupby(lines, lambda amount: amount <= least):
        length = sum(1 for _ in gap)
        if is_empty:
            # A little inside the gap: what looks empty at its edge may be the faint rim of a letter.
            margin = min(4, length // 2)
            last = start + length - 1 - margin
            place = min(max(middle, start + margin), last) if length > 2 * margin else start + margin
            score = min(length, wide) / wide - abs(place - middle) / len(lines)
            if score > best_score:
                best, best_score = place, score
        start += length
    return best

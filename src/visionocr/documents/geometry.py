"""Sizes: how large a picture may be, how a strip is cut. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from visionocr.types import RasterSpec

FINEST = 300.0
"""Dots per inch beyond which a page on paper shows nothing more."""
MIN_SIDE = 28
"""Smallest side in pixels: encoders reject or garble less than one of their patches."""
PIECE_ASPECT = 1.4
"""A strip is cut into pieces of the shape that models know best, a page's."""
_LONG_PIECE = 2.8
"""The shape of a piece of a thin strip cut across its lines: with room for whole words."""
MAX_PARTS = 64
_FREEDOM = 0.2
"""How far a cut may move from its even place, in lengths of a piece."""

Size = tuple[int, int]


def fit(size: Size, max_side: int, max_pixels: int | None = None) -> Size:
    """The largest size of the same shape within the limits; never larger than *size*."""
    long, short = max(size), min(size)

    def across(side: int) -> int:
        return max(1, round(short * side / long))

    side = min(long, max(max_side, MIN_SIDE))
    if max_pixels is not None:
        most = max(max_pixels, MIN_SIDE * MIN_SIDE)
        side = min(side, max(1, math.isqrt(most * long // short)))
        while side > 1 and side * across(side) > most:
            side -= 1
    return (side, across(side)) if size[0] >= size[1] else (across(side), side)


def padded(size: Size, max_aspect: float) -> Size:
    """The size of the canvas that keeps *size* from being too small or too long."""
    least = max(MIN_SIDE, math.ceil(max(size) / max(max_aspect, 1.0)))
    return max(size[0], least), max(size[1], least)


def layout(size: Size, spec: RasterSpec) -> tuple[Size, Size]:
    """The size to which a picture is shrunk, and that of the white canvas around it (the same if none is needed)."""
    canvas = padded(size, spec.max_aspect)
    side = max(fit(canvas, spec.max_side, spec.max_pixels))
    most = math.inf if spec.max_pixels is None else max(spec.max_pixels, MIN_SIDE * MIN_SIDE)
    while True:
        outer = padded(fit(canvas, side), spec.max_aspect)
        if side <= MIN_SIDE or math.prod(outer) <= most:
            break
        side -= 1  # rounding up to the aspect went a line over the limit
    scale = min(1.0, side / max(canvas))
    inner = (min(outer[0], max(1, round(size[0] * scale))), min(outer[1], max(1, round(size[1] * scale))))
    # A picture that fills the canvas but for a line of rounding is scaled to fill it.
    filled = (outer[0] if outer[0] - inner[0] < 2 else inner[0], outer[1] if outer[1] - inner[1] < 2 else inner[1])
    return (filled if filled[0] <= size[0] and filled[1] <= size[1] else inner), outer


def is_strip(size: Size, spec: RasterSpec) -> bool:
    """Whether one side is too long for the other."""
    return max(size) > spec.max_aspect * min(size)


def wants_split(size: Size, spec: RasterSpec) -> bool:
    """Whether a picture is a strip that would have to be shrunk, so that its pieces show more than the whole."""
    canvas = padded(size, spec.max_aspect)
    return spec.split and is_strip(size, spec) and fit(canvas, spec.max_side, spec.max_pixels) != canvas


def useful_scale(size: Size, spec: RasterSpec) -> float:
    """The scale at which a picture (or its pieces) will be sent at the most: finer detail is lost anyway."""
    if wants_split(size, spec):
        breadth = min(size)
        return fit((breadth, breadth), spec.max_side, spec.max_pixels)[0] / breadth
    canvas = padded(size, spec.max_aspect)
    return max(fit(canvas, spec.max_side, spec.max_pixels)) / max(canvas)


def parts_of(size: Size, spec: RasterSpec) -> int:
    """Into how many pieces a strip is cut."""
    breadth = min(size)
    long_piece = math.ceil(_LONG_PIECE * breadth), breadth
    # Only where nothing is lost by it: a piece that would have to be shrunk had better be short.
    thin = size[0] > size[1] and fit(long_piece, spec.max_side, spec.max_pixels) == long_piece
    aspect = min(_LONG_PIECE if thin else PIECE_ASPECT, max(spec.max_aspect, 1.0))
    return max(2, min(MAX_PARTS, math.ceil(max(size) / (aspect * breadth))))


def windows(length: int, parts: int) -> list[Size]:
    """For each cut of a strip, the first and the last place where it may fall."""
    piece = length / parts
    reach = _FREEDOM * piece
    return [(max(1, round(i * piece - reach)), min(length - 1, round(i * piece + reach))) for i in range(1, parts)]


def emptiest(ink: Sequence[float]) -> int:
    """Where to cut within lines of which each holds so much *ink*: the index of the line to cut at.

    The emptiest lines win. Of several gaps the wider ones do (between paragraphs or words, not between lines or
    letters), and the nearer ones to the middle.
    """
    least = min(ink)
    middle = len(ink) // 2
    wide = max(1.0, len(ink) / 4)
    best, best_score = middle, -math.inf
    for start, stop in _runs(ink, least):
        # A little inside the gap: what looks empty at its edge may be the faint rim of a letter.
        margin = min(4, (stop - start) // 2)
        place = min(max(middle, start + margin), stop - 1 - margin) if stop - start > 2 * margin else start + margin
        score = min(stop - start, wide) / wide - abs(place - middle) / len(ink)
        if score > best_score:
            best, best_score = place, score
    return best


def _runs(ink: Sequence[float], least: float) -> list[Size]:
    """The stretches of lines that hold no more ink than *least*."""
    runs: list[Size] = []
    start: int | None = None
    for at, amount in enumerate([*ink, math.inf]):
        if amount <= least:
            start = at if start is None else start
        elif start is not None:
            runs.append((start, at))
            start = None
    return runs

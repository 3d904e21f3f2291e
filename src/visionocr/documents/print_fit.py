"""How many pixels the print of a page needs: fewer where it is large, several pictures where it is small."""

from __future__ import annotations

from collections.abc import Callable

from visionocr.types import RasterSpec

ENOUGH = 8.0
"""x-height in pixels to which larger print is shrunk.

Measured with the embedded engine on 12 drawn pages (columns, tables, forms, receipts, letters): recall of words 99.9 %
or more at 12, 10, 8, 7, 6 and 5 pixels, 99.5 at 4.5, 98.5 at 4, 95.8 at 3.5, 78 at 3. The rest is for models, some of
which see less, for print that is smaller than most of its page, and for scans, whose print is measured with an error of
a pixel."""
LEAST = 4.0
"""x-height in pixels below which a page is cut into strips: the same measurement. Not higher, because strips cost more,
and cut the columns of a page in two."""
READABLE = 5.0
"""x-height in pixels that strips are to have: the same measurement."""
USELESS = 3.0
"""x-height in pixels below which strips do not help either: the same measurement."""
TOLERANCE = 1.05
"""How many times as large as enough print is at least, before a page is shrunk: less saves nothing worth a loss of
sharpness."""
LEAST_SIDE = 800
"""Pixels: no page is sent smaller than that because its print is large. The notes under slides are half as large as
the rest, and a few words of a page may be any size."""
MOST_STRIPS = 4
"""Strips of a page that is cut for its small print."""
GAIN = 1.15
"""How much larger strips must show the print than the whole page does."""
SMALL_TYPE = 6.0
"""Points of the smallest type that is expected where nothing is known of a page's print."""
X_HEIGHT = 0.45
"""Height of small letters as a share of the size of type: 0.45 in Times, 0.52 in Helvetica."""


def limit_side(spec: RasterSpec, long_side: int, x_height: float | None) -> int:
    """The long side that the print of a picture needs, which would else be sent with *long_side* pixels.

    *x_height*: of its small print, in pixels of that picture; ``None``: not known.
    """
    if not spec.fit_print or x_height is None or x_height <= TOLERANCE * ENOUGH:
        return long_side
    return min(long_side, max(LEAST_SIDE, round(long_side * ENOUGH / x_height)))


def count_strips(spec: RasterSpec, x_height: float | None, measure_scale: Callable[[int], float]) -> int:
    """Into how many strips a page is cut; 1: it is not cut.

    *x_height*: of its small print, in pixels of the page's picture; ``None``: not known. *measure_scale*: the scale at
    which the picture is sent in so many strips.

    As few as make the print readable, else as few as show it as large as any number does.
    """
    if spec.strips is not None:
        return spec.strips
    whole = measure_scale(1)
    if x_height is None or x_height * whole >= LEAST:
        return 1
    counts = range(2, MOST_STRIPS + 1)
    best = max(measure_scale(count) for count in counts)
    if best < GAIN * whole or x_height * best < USELESS:
        return 1
    wanted = min(best, READABLE / x_height)
    return next(count for count in counts if measure_scale(count) >= wanted)

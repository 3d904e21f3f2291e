"""How large a PDF page is drawn: the factor from points to pixels."""

from __future__ import annotations

import math

from visionocr.documents.fit import MAX_DPI, MAX_PARTS, PIECE_ASPECT, adjustment, compute_finest_scale, fit_size
from visionocr.documents.print_fit import GAIN, LEAST, READABLE, SMALL_TYPE, X_HEIGHT, limit_side
from visionocr.types import Finding, RasterSpec

MAX_RASTER = 64_000_000
"""Pixels of a raster, whatever is asked for: 256 MB."""
_POSTER = 2400.0
"""Points; a page with a longer side is larger than A1."""
_LEGIBLE_DPI = 72.0
"""Dots per inch at which small print is ten pixels high, the least that can be read."""


def compute_zoom(
    width: float, height: float, spec: RasterSpec, small_print: float | None = None
) -> tuple[float, tuple[Finding, ...]]:
    """The factor from points to pixels at which the raster's long side is exactly as long as it may be.

    A page that may be cut into strips is drawn as they need it, one with large print as it will be sent. *small_print*:
    the x-height of its small print as a share of its longer side, where it is known.
    """
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError("its size is invalid")
    wanted = spec.dpi or MAX_DPI
    long, short = max(width, height), min(width, height)
    # Measured in pixels at the wanted resolution, and limited as a picture of that size is.
    full = max(1, round(long * wanted / 72))
    size = full, max(1, min(full, math.ceil(short * wanted / 72 - 0.001)))
    max_side, max_pixels = _compute_limits(size, spec)
    side = max(fit_size(size, max_side, max_pixels))
    is_whole = small_print is not None and side * small_print >= LEAST
    if spec.split and max_side == spec.max_side and not (spec.strips == 1 or (spec.strips is None and is_whole)):
        strips = _find_strips_side(width, height, full, spec, small_print)
        if strips >= GAIN * side:
            side, max_pixels = strips, MAX_RASTER
    if max_side == spec.max_side and small_print is not None:
        side = limit_side(spec, side, side * small_print)
    while side > 1 and side * math.ceil(side * short / long - 0.001) > max_pixels:
        side -= 1  # the renderer rounds up
    zoom = side / long
    remarks = []
    sheet = short * PIECE_ASPECT if max_side > spec.max_side else long
    if spec.dpi and side < full:
        remarks.append(f"rendered at {zoom * 72:.0f} dpi instead of {spec.dpi:g}, to fit {spec.max_side} pixels")
    elif sheet > _POSTER and zoom * 72 < _LEGIBLE_DPI and side < full:
        remarks.append(f"the page is {width / 72:.0f} x {height / 72:.0f} inches; rendered at {zoom * 72:.2g} dpi")
    return zoom, tuple(adjustment(remark) for remark in remarks)


def _compute_limits(size: tuple[int, int], spec: RasterSpec) -> tuple[int, int]:
    """The longest side and the most pixels of a raster. A strip to be cut gets them for each of its pieces."""
    most = MAX_RASTER if spec.max_pixels is None else min(MAX_RASTER, spec.max_pixels)
    aspect = size[0] / size[1]
    if not spec.split or aspect <= spec.max_aspect:
        return spec.max_side, most
    piece = max(PIECE_ASPECT, aspect / MAX_PARTS)
    pixels = MAX_RASTER if spec.max_pixels is None else min(MAX_RASTER, int(spec.max_pixels * aspect / piece))
    return math.floor(spec.max_side * aspect / piece), pixels


def _find_strips_side(width: float, height: float, full: int, spec: RasterSpec, small_print: float | None) -> int:
    """The long side in pixels of a page that may be cut into strips; *full*: at the finest useful resolution."""
    long = max(width, height)
    size = max(1, round(width * full / long)), max(1, round(height * full / long))
    side = math.floor(full * compute_finest_scale(size, spec))
    if spec.strips is not None:
        return side
    # No finer than small print needs: most pages are sent as a whole.
    return min(side, math.ceil(READABLE / (small_print or SMALL_TYPE * X_HEIGHT / long)))

"""Finds blank pages: whether the pixels of a page show anything that could be read. Uses Pillow."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from visionocr.documents.edges import EdgePixels
from visionocr.documents.images import Picture, Size
from visionocr.documents.marks import find_print

_LONG_SIDE = 1100
"""Pixels: about the size at which a page is looked at."""
_MIN_SIDE = 600
"""Pixels of the long side below which small print is lost, and no page is called blank."""
_TILE = 128
"""Pixels: noise is measured in squares of this side."""
_CELL = 8
"""Pixels: a few letters, and a block of JPEG."""
_MIN_STEP = 8.0
"""Levels: print that shows through from the back has smaller steps between pixels, light grey print larger ones."""
_CERTAIN_STEP = 13.0
"""Levels of at least two steps in anything that is taken for print."""
_SIGMAS, _CERTAIN_SIGMAS = 4.7, 7.0
"""The same in standard deviations of the noise: it makes a few such steps in a million pixels, and no certain one."""
_RINGING = 0.3
"""Share of a strong step that smaller ones around it must have: JPEG makes ripples at black edges."""
_MAX_NOISE = 20.0
"""Levels: noise stronger than that does not come from a scanner."""
_PRINT_STEP = 40.0
"""Levels: the least step of the print by which a page is recognised as full at first sight."""
_FULL_CELL = 48
"""Of 255: share of a cell's pixels that are steps, in each of the directions, where there is print."""
_FULL_PAGE = 0.012
"""Share of such cells on a page that is full."""
_SOFT_CELL = 16
"""Pixels: large shapes without sharp edges are looked for in squares of this side."""
_SOFT_STEP, _SOFT_RANGE = 24, 120
"""Levels between neighbouring squares, and over the page: light falls more evenly on bare paper."""
_HUES = 24
"""Levels by which the colours of a page may differ while it is taken for grey or of a single tint."""
_EVEN = 2
"""Levels by which JPEG may make the pixels of one colour differ."""
_IS_SET = [0] + [255] * 255


def is_blank(picture: Picture) -> bool:
    """Whether a picture of a page shows nothing that could be read. In doubt, a page is not blank.

    Noise, dust, folds, edges of the sheet, shadows, punched holes, staples, and what shines through do not count.
    """
    if max(picture.size) < _MIN_SIDE or min(picture.size) < 4 * _CELL or has_much_print(picture):
        return False
    factor = max(1, round(max(picture.size) / _LONG_SIDE))
    small = picture.reduce(factor) if factor > 1 else picture
    if min(small.size) < 4 * _CELL:
        return False  # of a long strip, too little is left to be looked at
    if _has_content(small.convert("L")):
        return False
    if small.mode == "L":
        return True
    # What differs in colour alone has the same grey; two more channels are enough to see it.
    red, green, blue = map(small.getchannel, range(3))
    if all(_span(_subtract(c, green)) + _span(_subtract(green, c)) <= _HUES for c in (red, blue)):
        return True
    return not (_has_content(red) or _has_content(blue))


def is_even(picture: Picture) -> bool:
    """Whether a picture is of a single colour."""
    bands = (picture,) if picture.mode == "L" else map(picture.getchannel, range(3))
    return all(_span(band) <= _EVEN for band in bands)


def has_much_print(picture: Any) -> bool:
    """Whether much of a picture is print, at half of the size at which ``is_blank`` looks at it.

    Where there is enough for the whole page in its upper middle, the rest is not looked at.
    """
    factor = max(1, round(2 * max(picture.size) / _LONG_SIDE))
    third = max(1, picture.height // 3)
    upper = 0, third // 2, picture.width, third // 2 + third
    for box, parts in ((upper, 3), (None, 1)):
        coarse = picture.reduce(factor, box)
        if min(coarse.size) >= 4 * _CELL and _is_full(coarse.convert("L"), parts):
            return True
    return False


def _subtract(one: Picture, other: Picture) -> Picture:
    """One minus the other, but not less than 0 (Pillow has a function for that, but it is ten times slower)."""
    return ImageChops.difference(ImageChops.lighter(one, other), other)


def _span(band: Picture) -> int:
    """Levels between the darkest and the lightest pixel."""
    low, high = _find_extrema(band)
    return high - low


def _find_extrema(band: Picture) -> tuple[int, int]:
    extrema: Any = band.getextrema()
    return extrema[0], extrema[1]


def _has_content(band: Picture) -> bool:
    """Whether a picture of one channel shows anything."""
    if _is_full(band):  # finer than at a glance
        return True
    if _span(band) <= _MIN_STEP:
        return False
    if _has_soft_shapes(band):
        return True
    width, height = band.width - 1, band.height - 1
    # Halves, so that the sum of two is their mean.
    band = band.point([value // 2 for value in range(256)])
    a, b, c, d = (band.crop((x, y, x + width, y + height)) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)))
    # Each step is taken between pairs of pixels: that halves noise and JPEG's chequers, but not the edge of a stroke.
    right = ImageChops.difference(ImageChops.add_modulo(a, c), ImageChops.add_modulo(b, d))
    down = ImageChops.difference(ImageChops.add_modulo(a, b), ImageChops.add_modulo(c, d))
    noise = _measure_noise(right)
    if max(noise.values()) > _MAX_NOISE:
        return True
    return find_print(_find_edges(right, down, noise)) is not None


def _compute_steps(band: Picture) -> tuple[Picture, Picture]:
    """How much each pixel differs from the one to the right, and from the one below."""
    width, height = band.width - 1, band.height - 1
    here, right, below = (band.crop((x, y, x + width, y + height)) for x, y in ((0, 0), (1, 0), (0, 1)))
    return ImageChops.difference(here, right), ImageChops.difference(here, below)


def _quantile(histogram: list[int], share: float) -> float:
    """The value below which a *share* of the pixels lies, between whole numbers where it falls there."""
    wanted, seen = share * sum(histogram), 0
    for value, count in enumerate(histogram):
        if count and seen + count >= wanted:
            return max(0.0, value - 0.5 + (wanted - seen) / count)
        seen += count
    return 255.0


def _is_full(band: Picture, parts: int = 1) -> bool:
    """Whether much of the page, away from its edges, is covered with strong steps in both directions.

    *band* is one of so many equal *parts* of the page, and must hold enough for the whole.
    """
    # Every second row will do: most pages are full of print, and should not have to wait.
    right, down = _compute_steps(band.resize((band.width, band.height // 2), Image.Resampling.NEAREST))
    noise = _quantile(right.histogram(), 0.5) / 0.67
    strong = [255 if step > max(_PRINT_STEP, 6 * noise) else 0 for step in range(256)]
    cell = _CELL, _CELL // 2
    both = ImageChops.darker(right.point(strong).reduce(cell), down.point(strong).reduce(cell))
    width, height = both.size
    inner = both.crop((width // 12, height // 12, width - width // 12, height - height // 12))
    return sum(inner.histogram()[_FULL_CELL:]) > _FULL_PAGE * parts * width * height


def _has_soft_shapes(band: Picture) -> bool:
    """Whether there are large shapes without sharp edges, as in a picture out of focus, away from the page's edges."""
    coarse = band.reduce(_SOFT_CELL)
    width, height = coarse.size
    inner = coarse.crop((width // 8, height // 8, width - width // 8, height - height // 8))
    width, height = inner.size
    if width < 2 or height < 2:
        return False
    return _span(inner) > _SOFT_RANGE or max(_find_extrema(step)[1] for step in _compute_steps(inner)) > _SOFT_STEP


def _measure_noise(steps: Picture) -> dict[tuple[int, int], float]:
    """Standard deviation of the steps that noise makes, by row and column of the tiles.

    A tile takes the middle one of what its neighbours and it have: print in one of them must not count as noise.
    """
    # A quarter of the pixels tells enough.
    width, height = steps.width // 2, steps.height // 2
    steps = steps.resize((width, height), Image.Resampling.NEAREST)
    rows, columns = (max(1, round(2 * length / _TILE)) for length in (height, width))
    own = {}
    for y in range(rows):
        for x in range(columns):
            box = (x * width // columns, y * height // rows, (x + 1) * width // columns, (y + 1) * height // rows)
            # Nine of ten pixels lie within 1.645 standard deviations.
            own[y, x] = _quantile(steps.crop(box).histogram(), 0.9) / 1.645
    result = {}
    for y, x in own:
        near = sorted(own[at] for at in ((y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)) if at in own)
        result[y, x] = near[len(near) // 2]
    return result


def _find_edges(right: Picture, down: Picture, noise: dict[tuple[int, int], float]) -> EdgePixels:
    """The steps that are larger than noise and than the ripples around stronger ones."""
    width, height = size = right.size
    steps = ImageChops.lighter(right, down)
    ripples = _find_peaks(steps).filter(ImageFilter.MaxFilter(3)).point([round(_RINGING * step) for step in range(256)])
    least, certain = (
        _expand(ImageChops.lighter(ripples, _compute_levels(noise, sigmas, floor, ripples.size)), size)
        for sigmas, floor in ((_SIGMAS, _MIN_STEP), (_CERTAIN_SIGMAS, _CERTAIN_STEP))
    )
    is_right, is_down = (_subtract(each, least).point(_IS_SET) for each in (right, down))
    mask = ImageChops.lighter(is_right, is_down)
    vertical = ImageChops.darker(mask, _subtract(right, down).point(_IS_SET))
    horizontal = _subtract(mask, vertical)
    for each in (mask, is_right, is_down, vertical, horizontal):
        each.paste(0, (width - 1, 0, width, height))
        each.paste(0, (0, height - 1, width, height))
    return EdgePixels(
        width,
        height,
        mask=mask.tobytes(),
        right=is_right.tobytes(),
        down=is_down.tobytes(),
        horizontal=horizontal.tobytes(),
        vertical_transposed=vertical.transpose(Image.Transpose.TRANSPOSE).tobytes(),
        down_transposed=is_down.transpose(Image.Transpose.TRANSPOSE).tobytes(),
        certain=_subtract(steps, certain).point(_IS_SET).tobytes(),
        steps=steps.tobytes(),
    )


def _find_peaks(steps: Picture) -> Picture:
    """The largest step of each cell."""
    columns, rows = math.ceil(steps.width / _CELL), math.ceil(steps.height / _CELL)
    # Resizing to nearest takes one pixel of each cell; moved eight times, it takes all, first of rows, then of columns.
    for size, dx, dy in (((columns, steps.height), 1, 0), ((columns, rows), 0, 1)):
        width, height = size[0] * (_CELL if dx else 1), size[1] * (_CELL if dy else 1)
        boxes = ((at * dx, at * dy, at * dx + width, at * dy + height) for at in range(-_CELL // 2, _CELL // 2))
        steps = reduce(ImageChops.lighter, [steps.crop(box).resize(size, Image.Resampling.NEAREST) for box in boxes])
    return steps


def _compute_levels(noise: dict[tuple[int, int], float], times: float, floor: float, cells: Size) -> Picture:
    """A multiple of the noise, no less than *floor*, for each cell."""
    rows, columns = (1 + max(at[i] for at in noise) for i in (0, 1))
    levels = bytes(min(255, round(max(floor, times * noise[y, x]))) for y in range(rows) for x in range(columns))
    return Image.frombytes("L", (columns, rows), levels).resize(cells, Image.Resampling.NEAREST)


def _expand(cells: Picture, size: Size) -> Picture:
    """Cells as pixels."""
    wide = cells.resize((cells.width * _CELL, cells.height * _CELL), Image.Resampling.NEAREST)
    return wide.crop((0, 0, *size))

"""Measures pixels, as one of the few places that know Pillow: how much ink a line holds, what a page shows."""

from __future__ import annotations

import array
import math
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from visionocr.documents.blank import Marks, evidence
from visionocr.documents.images import Picture, across, channels

_FAINT = 24
"""Differences between neighbouring pixels up to this are noise of scanning or compression, not ink."""
_LONG_SIDE = 1100
"""Pixels: about the size at which a page is looked at."""
_SMALLEST = 600
"""Pixels of the long side below which small print is lost, and nothing can be said."""
_TILE = 128
"""Pixels: noise is measured in squares of this side."""
_CELL = 8
"""Pixels: a few letters, and a block of JPEG."""
_FLOOR = 8.0
"""Levels: what shines through from the other side has smaller steps from pixel to pixel, light grey print larger."""
_SURE_FLOOR = 13.0
"""Levels of at least two steps in anything that is taken for print."""
_MARK, _SURE = 4.7, 7.0
"""The same in standard deviations of the noise: of a million pixels it makes a few marks, and none that is sure."""
_RINGING = 0.3
"""Share of a strong step that smaller ones around it must have: JPEG makes ripples at black edges."""
_ROUGH = 20.0
"""Levels: noise stronger than that is no noise of a scanner."""
_PLAIN = 40.0
"""Levels: the least step of the print by which a page is recognised at first sight."""
_FULL_CELL = 48
"""Of 255: share of a cell's pixels that are steps, in each of the directions, where there is print."""
_FULL_PAGE = 0.012
"""Share of such cells."""
_SOFT_CELL = 16
"""Pixels: large shapes without sharp edges are looked for in squares of this side."""
_SOFT_STEP, _SOFT_RANGE = 24, 120
"""Levels between neighbouring squares, and over the page: light falls more evenly on bare paper."""
_HUES = 24
"""Levels by which the colours of a page may differ while it is taken for grey or of a single tint."""
_MARKED = [0] + [255] * 255


def ink(picture: Picture, start: int, stop: int, *, down: bool) -> list[float]:
    """For each row (*down*) or column of a stretch, how much of it differs from its neighbours, 0 to 255.

    Differences, not darkness: an empty line on black, on a colour or on a gradient is as empty as one on white.
    """
    band = across(picture, start, stop, down=down).convert("L")
    if not down:
        band = band.transpose(Image.Transpose.TRANSPOSE)
    width, height = band.size
    if width < 2:
        return [0.0] * height
    edges = ImageChops.difference(band.crop((0, 0, width - 1, height)), band.crop((1, 0, width, height)))
    marks = edges.point([0 if difference <= _FAINT else 255 for difference in range(256)])
    # As fractions: a single letter in a wide row must not be rounded away.
    amounts = array.array("f", marks.convert("F").resize((1, height), Image.Resampling.BOX).tobytes())
    return amounts.tolist()


def is_blank(picture: Picture) -> bool:
    """Whether a picture of a page shows nothing that could be read. In doubt it is not blank.

    Noise, dust, folds, edges of the sheet, shadows, punched holes, staples, and what shines through are nothing.
    """
    if max(picture.size) < _SMALLEST or min(picture.size) < 4 * _CELL:
        return False
    if is_full(picture):
        return False
    factor = max(1, round(max(picture.size) / _LONG_SIDE))
    small = picture.reduce(factor) if factor > 1 else picture
    if _shows(small.convert("L")):
        return False
    if small.mode == "L":
        return True
    # What differs in colour alone has the same grey; two more channels are enough to see it.
    red, green, blue = channels(small)
    if (
        _span(_less(red, green)) + _span(_less(green, red)) <= _HUES
        and _span(_less(blue, green)) + _span(_less(green, blue)) <= _HUES
    ):
        return True
    return not (_shows(red) or _shows(blue))


def is_full(picture: Any) -> bool:
    """Whether much of a picture is print, seen at a glance: half of the size that ``is_blank`` looks at will do.

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


def _less(one: Picture, other: Picture) -> Picture:
    """One less the other, but not less than 0 (Pillow has a function for that, but it is ten times slower)."""
    return ImageChops.difference(ImageChops.lighter(one, other), other)


def _span(band: Picture) -> int:
    """Levels between the darkest and the lightest pixel."""
    low, high = _extrema(band)
    return high - low


def _extrema(band: Picture) -> tuple[int, int]:
    extrema: Any = band.getextrema()
    return extrema[0], extrema[1]


def _shows(band: Picture) -> bool:
    """Whether there is anything in a picture of one channel."""
    if _is_full(band):  # finer than at a glance
        return True
    if _span(band) <= _FLOOR:
        return False
    if _has_soft_shapes(band):
        return True
    width, height = band.width - 1, band.height - 1
    # Halves, so that the sum of two is their mean.
    band = band.point([value // 2 for value in range(256)])
    here, right, below, beyond = (band.crop((x, y, x + width, y + height)) for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)))
    # Each step is taken between pairs of pixels: that halves noise and JPEG's chequers, but not the edge of a stroke.
    rightwards = ImageChops.difference(ImageChops.add_modulo(here, below), ImageChops.add_modulo(right, beyond))
    down = ImageChops.difference(ImageChops.add_modulo(here, right), ImageChops.add_modulo(below, beyond))
    noise = _noise(rightwards)
    if max(noise.values()) > _ROUGH:
        return True
    return evidence(_marks(rightwards, down, noise)) is not None


def _steps(band: Picture) -> tuple[Picture, Picture]:
    """How much each pixel differs from the one to the right, and from the one below."""
    width, height = band.width - 1, band.height - 1
    here = band.crop((0, 0, width, height))
    right, below = band.crop((1, 0, width + 1, height)), band.crop((0, 1, width, height + 1))
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

    *band* is one of so many equal *parts* of it, and has to show what is asked of the whole.
    """
    # Every second row will do: most pages are full of print, and should not have to wait.
    across, down = _steps(band.resize((band.width, band.height // 2), Image.Resampling.NEAREST))
    noise = _quantile(across.histogram(), 0.5) / 0.67
    strong = [255 if step > max(_PLAIN, 6 * noise) else 0 for step in range(256)]
    cell = _CELL, _CELL // 2
    both = ImageChops.darker(across.point(strong).reduce(cell), down.point(strong).reduce(cell))
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
    return _span(inner) > _SOFT_RANGE or max(_extrema(step)[1] for step in _steps(inner)) > _SOFT_STEP


def _noise(across: Picture) -> dict[tuple[int, int], float]:
    """Standard deviation of the steps that noise makes, by row and column of the tiles.

    A tile takes the middle one of what its neighbours and it have: print in one of them must not count as noise.
    """
    # A quarter of the pixels tells enough.
    width, height = across.width // 2, across.height // 2
    across = across.resize((width, height), Image.Resampling.NEAREST)
    rows, columns = (max(1, round(2 * length / _TILE)) for length in (height, width))
    own = {}
    for y in range(rows):
        for x in range(columns):
            box = (x * width // columns, y * height // rows, (x + 1) * width // columns, (y + 1) * height // rows)
            # Nine of ten pixels lie within 1.645 standard deviations.
            own[y, x] = _quantile(across.crop(box).histogram(), 0.9) / 1.645
    result = {}
    for y, x in own:
        near = sorted(own[at] for at in ((y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)) if at in own)
        result[y, x] = near[len(near) // 2]
    return result


def _marks(across: Picture, down: Picture, noise: dict[tuple[int, int], float]) -> Marks:
    """The steps that are larger than noise and than the ripples around stronger ones."""
    width, height = across.size
    steps = ImageChops.lighter(across, down)
    peaks = _peaks(steps).filter(ImageFilter.MaxFilter(3)).point([round(_RINGING * value) for value in range(256)])
    least = _spread(ImageChops.lighter(peaks, _levels(noise, _MARK, _FLOOR, peaks.size)), steps.size)
    surely = _spread(ImageChops.lighter(peaks, _levels(noise, _SURE, _SURE_FLOOR, peaks.size)), steps.size)
    right, below = _less(across, least).point(_MARKED), _less(down, least).point(_MARKED)
    every = ImageChops.lighter(right, below)
    upright = ImageChops.darker(every, _less(across, down).point(_MARKED))
    level = _less(every, upright)
    for mask in (every, right, below, upright, level):
        mask.paste(0, (width - 1, 0, width, height))
        mask.paste(0, (0, height - 1, width, height))
    turn = Image.Transpose.TRANSPOSE
    return Marks(
        width,
        height,
        every=every.tobytes(),
        across=right.tobytes(),
        down=below.tobytes(),
        level=level.tobytes(),
        upright_turned=upright.transpose(turn).tobytes(),
        down_turned=below.transpose(turn).tobytes(),
        sure=_less(steps, surely).point(_MARKED).tobytes(),
        steps=steps.tobytes(),
    )


def _peaks(steps: Picture) -> Picture:
    """The largest step of each cell."""
    width, height = math.ceil(steps.width / _CELL), math.ceil(steps.height / _CELL)
    # Resizing to nearest takes one pixel of each cell; moved eight times, it takes all, first of rows, then of columns.
    for size, wide in (((width, steps.height), True), ((width, height), False)):
        full = (width * _CELL, steps.height) if wide else (width, height * _CELL)
        best: Picture | None = None
        for at in range(-_CELL // 2, _CELL // 2):
            left, top = (at, 0) if wide else (0, at)
            picked = steps.crop((left, top, left + full[0], top + full[1])).resize(size, Image.Resampling.NEAREST)
            best = picked if best is None else ImageChops.lighter(best, picked)
        assert best is not None
        steps = best
    return steps


def _levels(noise: dict[tuple[int, int], float], times: float, floor: float, cells: tuple[int, int]) -> Picture:
    """A multiple of the noise, no less than *floor*, for each cell."""
    rows, columns = (1 + max(at[i] for at in noise) for i in (0, 1))
    levels = bytes(min(255, round(max(floor, times * noise[y, x]))) for y in range(rows) for x in range(columns))
    return Image.frombytes("L", (columns, rows), levels).resize(cells, Image.Resampling.NEAREST)


def _spread(cells: Picture, size: tuple[int, int]) -> Picture:
    """Cells as pixels."""
    wide = cells.resize((cells.width * _CELL, cells.height * _CELL), Image.Resampling.NEAREST)
    return wide.crop((0, 0, *size))

"""Finds where the strips of a page cross lines of print, by the steps from dark to light in their rows. Uses Pillow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

from PIL import Image, ImageChops

from visionocr.boxes import Box
from visionocr.documents.images import Picture

_STEP = 24
"""Levels between neighbouring pixels from which on there may be the edge of a stroke."""
_SIGMAS = 6
"""The same in standard deviations of the noise."""
_LOW = 14
"""Of 255: share of steps in a row of a strip from which on the row belongs to a run."""
_LEAST_PEAK = 46
"""The same for its fullest row."""
_LEAST_HEIGHT = 3
"""Pixels: what is lower cannot be read."""
_MOST_HEIGHT = 0.06
"""Of a run, as a share of the page's height."""
_ASCENT = 3.4
"""How many times its height a run is high with ascenders and descenders, at most."""
_GUTTER = 1.5
"""Width of a gap between columns, in heights of small letters, at least."""
_BAND = 8
"""Over how many such heights it must be empty."""
_CELL = 2
"""Pixels: how exactly gaps between columns are found."""
_IS_EMPTY = bytes(share == 0 for share in range(256))
_IS_RUN = bytes(share >= _LOW for share in range(256))


class Run(NamedTuple):
    """Rows of a strip that hold print."""

    strip: int
    top: int
    """Of small letters."""
    bottom: int
    upper: int
    """With ascenders and descenders."""
    lower: int
    peak: int
    """Of 255: share of steps in its fullest row."""

    @property
    def height(self) -> int:
        """Rows of small letters."""
        return self.bottom - self.top


def find_steps(grey: Picture, without: Iterable[Box]) -> Picture:
    """A mask of the pixels from which the one to the right differs by more than noise."""
    width, height = max(1, grey.width - 1), grey.height
    steps = ImageChops.difference(grey.crop((0, 0, width, height)), grey.crop((1, 0, width + 1, height)))
    histogram = steps.histogram()
    middle, seen = 0, histogram[0]
    while 2 * seen < width * height:
        middle += 1
        seen += histogram[middle]
    least = max(_STEP, _SIGMAS * middle / 0.67)
    steps = steps.point([255 if step > least else 0 for step in range(256)])
    for box in without:
        # A pixel more on each side, for the rims of letters.
        left, top = round(box.left * width) - 1, round(box.top * height) - 1
        steps.paste(0, (left, top, round(box.right * width) + 1, round(box.bottom * height) + 1))
    return steps


def find_runs(steps: Picture, strip: int) -> tuple[list[Run], int]:
    """The runs of all strips of a width, and how many more there may be that are no print."""
    rows = steps.reduce((strip, 1)).transpose(Image.Transpose.TRANSPOSE)
    data, length = rows.tobytes(), rows.width
    runs: list[Run] = []
    strays = 0
    for number in range(rows.height):
        strip_rows = data[number * length : (number + 1) * length]
        for start, stop in _find_stretches(strip_rows.translate(_IS_RUN)):
            strays += _add_runs(runs, number, strip_rows, start, stop)
    return runs, strays


def _find_stretches(mask: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the stretches of ones."""
    start = mask.find(1)
    while start >= 0:
        stop = mask.find(0, start)
        stop = len(mask) if stop < 0 else stop
        yield start, stop
        start = mask.find(1, stop)


def _add_runs(runs: list[Run], strip: int, rows: bytes, start: int, stop: int, *, whole: bool = True) -> int:
    """Add what is print of a stretch of rows; the result is how many runs it may be that are none.

    *whole*: it has not been cut yet. Vertical rules tie lines together: what they have in all rows is left out then.
    """
    stretch = rows[start:stop]
    peak = max(stretch)
    if peak < _LEAST_PEAK:
        return 0
    is_full = stretch.translate(_above(peak // 2))
    first, last = is_full.find(1), is_full.rfind(1) + 1
    height = last - first
    if height < _LEAST_HEIGHT:
        return 0
    is_even = 2 * is_full.count(1) >= height and len(stretch) <= _ASCENT * height + 2
    if is_even and height <= max(12, _MOST_HEIGHT * len(rows)):
        runs.append(Run(strip, start + first, start + last, start, stop, peak))
        return 0
    base = sorted(stretch)[len(stretch) // 3]
    if not whole or base > 0.4 * peak:
        return max(1, len(stretch) // 12)
    inner = stretch.translate(_above(round(base + 0.25 * (peak - base))))
    return sum(_add_runs(runs, strip, rows, start + a, start + b, whole=False) for a, b in _find_stretches(inner))


@cache
def _above(level: int) -> bytes:
    """A table that makes ones of values above a *level*."""
    return bytes(value > level for value in range(256))


class Gutters:
    """The gaps between columns of a page whose small letters have a *height*."""

    def __init__(self, steps: Picture, strip: int, height: int) -> None:
        self._rows = _BAND * height
        cells = steps.reduce((_CELL, self._rows))
        data = cells.tobytes().translate(_IS_EMPTY)
        least = _GUTTER * height / _CELL
        self._bands = [
            {
                round((a + b) * _CELL / 2 / strip)
                for a, b in _find_stretches(data[start : start + cells.width])
                if b - a >= least
            }
            for start in range(0, len(data), cells.width)
        ]
        """For each band of rows, the strips that are parted from the one before."""

    def part(self, run: Run, back: int) -> bool:
        """Whether there is one between a run and the strip so many before."""
        band = self._bands[run.top // self._rows]
        return any(run.strip - i in band for i in range(back))

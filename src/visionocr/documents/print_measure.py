"""Measures about how many lines and letters of print the pixels of a page hold, whatever they say. Uses no words.

A page is looked at in vertical strips a few letters wide. Where a strip crosses a line of print, its rows have many
steps from dark to light; between lines they have none. The height of such a *run* of rows tells the size of the
letters, and size and width tell how many there are. Runs side by side make a line, or a cell of a table. Pictures
have runs, too, but of every height.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, median_high

from visionocr.boxes import Box
from visionocr.documents.images import Picture
from visionocr.documents.print_runs import Gutters, Run, find_runs, find_steps

_PIXELS = 900_000
"""About as many of a page are looked at: small print on A4 is four pixels high then, without its ascenders."""
_LARGE = 16
"""Pixels: letters of this height have so few steps in a row that they are looked at smaller."""
_STRIPS = 32
"""Into how many strips a page is cut first."""
_STRIP = 3.0
"""How wide a strip is at least, in heights of small letters: its rows must cross more than one letter."""
_PRINT_PEAK = 80
"""Of 255: share of steps in the fullest row of a line of print."""
_EVEN = 0.7
"""Share of a line's runs that must be about equally high."""
_LONG = 3
"""Runs of a line from which on it proves itself by its even height."""
_SUPPORT = 10
"""Runs in long lines whose height lets a short piece of a like height count as print."""
_MAJORITY = 0.6
"""The same where there are no long lines: share of all runs."""
_PICTURE = 0.4
"""Share of all runs that are print, below which the page is taken for a picture or a chart."""
_CERTAIN = 5
"""Runs of a line that is print even there."""
_LETTER = 1.04
"""Width of a letter with its share of the spaces, in heights of small letters: 1.0 to 1.1 in Latin, Greek and Cyrillic
type, 1.6 on a typewriter."""
_FINE_PIXELS = 4_500_000
"""The same for small print, of which 3 pixels can still be measured: a page of 2,048 pixels as it is."""
_SMALL_SHARE = 0.1
"""Share of the print that may be smaller than what is taken for the small print: specks pass for print, too."""
_TALL, _TALL_RANGE = 1.4, 0.1
"""Runs are higher with their ascenders than without, by this factor at least where letters have some. Where all are
equally high, as in Chinese, in capitals and among figures, a letter is as wide as it is high; between, a mixture."""


@dataclass(frozen=True, slots=True)
class Print:
    """How much print there is."""

    lines: int = 0
    letters: int = 0


def measure_print(picture: Picture, without: Iterable[Box] = ()) -> Print:
    """How much print a picture of a page holds, leaving out what lies in the boxes *without*.

    Measured on 184 rasters of 700 to 2,500 pixels, drawn and scanned at 100 to 300 dpi (pages in ten scripts, columns,
    tables, receipts, slides, white on dark): letters within a factor of 1.5 on 167 of them, half between 0.80 and 1.02
    of the truth; most of the others have less than 80 letters, or letters of three pixels. Photographs have 0 to 160.
    """
    lines, _, strip = _find_print(picture, without, _PIXELS)
    return _sum_up(lines, strip)


def measure_small_print(picture: Picture) -> float | None:
    """The height of small letters that nearly all print of a picture has, as a share of its longer side.

    ``None`` where no print was found. Print of which the letters are less than 3 pixels high is not seen.
    """
    lines, steps, _ = _find_print(picture, (), _FINE_PIXELS)
    heights = sorted(run.height for line in lines for run in line)
    return heights[int(_SMALL_SHARE * len(heights))] / max(steps.size) if heights else None


def _find_print(picture: Picture, without: Iterable[Box], pixels: int) -> tuple[list[list[Run]], Picture, int]:
    """The lines of print of a picture, looked at with about so many *pixels*; its steps; the width of its strips."""
    boxes = tuple(without)
    grey = picture if picture.mode == "L" else picture.convert("L")
    factor = max(1, round(math.sqrt(math.prod(grey.size) / pixels)))
    while True:
        grey = grey.reduce(factor) if factor > 1 else grey
        steps = find_steps(grey, boxes)
        strip = max(8, round(steps.width / _STRIPS))
        runs, strays = find_runs(steps, strip)
        height = sorted(run.height for run in runs)[len(runs) * 3 // 4] if runs else _LARGE
        if height < _LARGE or min(grey.size) < 2 * _LARGE:
            break
        factor = max(2, height // (_LARGE // 2))
    if not runs:
        return [], steps, strip
    if strip < _STRIP * height:
        strip = min(steps.width, round(_STRIP * height))
        runs, strays = find_runs(steps, strip)
    return _select(_join(runs, Gutters(steps, strip, height)), len(runs) + strays), steps, strip


# --- lines ------------------------------------------------------------------------------------------------


def _join(runs: list[Run], gutters: Gutters) -> list[list[Run]]:
    """Runs side by side as lines."""
    lines: list[list[Run]] = []
    strips: dict[int, list[tuple[Run, list[Run]]]] = {}
    """The runs of each strip, with their lines."""
    for run in runs:
        line = None
        for back in (1, 2):  # there may be nothing in between, as between words far apart
            if line is None and not gutters.part(run, back):
                line = _find_line(run, strips.get(run.strip - back, []))
        if line is None:
            line = []
            lines.append(line)
        line.append(run)
        strips.setdefault(run.strip, []).append((run, line))
    return lines


def _find_line(run: Run, before: list[tuple[Run, list[Run]]]) -> list[Run] | None:
    """The line that a run continues: at the same height, and not continued yet."""
    first = bisect_right(before, run.upper, key=lambda other: other[0].lower)
    for other, line in before[first : first + 3]:
        common = min(run.lower, other.lower) - max(run.upper, other.upper)
        is_level = 2 * common >= min(run.lower - run.upper, other.lower - other.upper)
        if is_level and min(run.bottom, other.bottom) > max(run.top, other.top) and line[-1] is other:
            return line
    return None


def _select(lines: list[list[Run]], runs: int) -> list[list[Run]]:
    """The lines that are print, as far as their shape tells, given the number of all *runs* on the page.

    A long line proves itself by its runs, which are equally high; a short one needs others of its height.
    """
    shaped = [line for line in lines if max(run.peak for run in line) >= _PRINT_PEAK and _is_even(line)]
    long, short = Counter[int](), Counter[int]()
    for line in shaped:
        (long if len(line) >= _LONG else short)[_measure_height(line)] += len(line)
    both = long + short
    good = [
        line
        for line, height in zip(shaped, map(_measure_height, shaped), strict=True)
        if len(line) >= _LONG or _count_near(long, height) >= _SUPPORT or _count_near(both, height) >= _MAJORITY * runs
    ]
    if sum(map(len, good)) < _PICTURE * runs:
        return [line for line in good if len(line) >= _CERTAIN]
    return good


def _is_even(line: list[Run]) -> bool:
    height = _measure_height(line)
    alike = sum(height <= 1.5 * run.height + 1 and run.height <= 1.5 * height + 1 for run in line)
    return alike >= _EVEN * len(line)


def _measure_height(line: list[Run]) -> int:
    return median_high(run.height for run in line)


def _count_near(heights: Counter[int], height: int) -> int:
    return sum(count for other, count in heights.items() if height <= 1.4 * other and other <= 1.4 * height)


def _sum_up(lines: list[list[Run]], strip: int) -> Print:
    """What *lines* of strips of this width hold."""
    runs = [run for line in lines for run in line]
    if not runs:
        return Print()
    ascent = sum(run.lower - run.upper for run in runs) / sum(run.height for run in runs)
    tall = min(1.0, max(0.0, (_TALL - ascent) / _TALL_RANGE))
    letters = 0.0
    for line in lines:
        height, whole = _measure_height(line), median(run.lower - run.upper for run in line)
        peak = max(run.peak for run in line)
        # A strip at the end of a line is not full.
        strips = sum(min(1.0, run.peak / (0.6 * peak)) for run in line)
        letters += strips * strip / (_LETTER * (height + tall * (whole - height)))
    return Print(len(lines), round(letters))

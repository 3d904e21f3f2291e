"""Connected components of masks, which have one byte a pixel."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

Run = tuple[int, int, int]
"""Pixels of a mask side by side: their row, the first column, and the column after the last."""
SET = 255
"""The byte of a pixel that belongs to a mask; the others are 0."""


class Component:
    """Pixels of a mask that are connected."""

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs

    @cached_property
    def count(self) -> int:
        """Number of pixels."""
        return sum(stop - start for _, start, stop in self.runs)

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels; the last two are outside."""
        rows = [row for row, _, _ in self.runs]
        return min(run[1] for run in self.runs), min(rows), max(run[2] for run in self.runs), max(rows) + 1

    @cached_property
    def extent(self) -> int:
        """Its longer side in pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @cached_property
    def axes(self) -> tuple[float, float]:
        """Standard deviations, in pixels, along the direction in which it is longest, and across it."""
        n = self.count
        sx = sy = sxx = syy = sxy = 0.0
        for y, start, stop in self.runs:
            k, x = stop - start, (start + stop - 1) / 2
            sx += k * x
            sy += k * y
            sxx += k * (x * x + (k * k - 1) / 12)
            syy += k * y * y
            sxy += k * x * y
        xx, yy, xy = sxx / n - (sx / n) ** 2, syy / n - (sy / n) ** 2, sxy / n - sx * sy / n / n
        middle, difference = (xx + yy) / 2, math.hypot((xx - yy) / 2, xy)
        return math.sqrt(max(0.0, middle + difference)), math.sqrt(max(0.0, middle - difference))

    def slices(self, width: int, wider: int = 0) -> Iterator[tuple[int, int]]:
        """Start and end of its runs in a mask of a *width*, each *wider* on both sides but not longer than its row."""
        for y, start, stop in self.runs:
            yield y * width + max(0, start - wider), y * width + min(width, stop + wider)

    def count_in(self, mask: bytes, width: int, wider: int = 0) -> int:
        """How many pixels of *mask* lie on it."""
        return sum(mask.count(SET, start, stop) for start, stop in self.slices(width, wider))


def find_runs(mask: bytes, width: int) -> list[Run]:
    """The runs of a mask with an empty last column, in order."""
    runs: list[Run] = []
    # Searching for a byte is many times faster than a regular expression.
    start = mask.find(SET)
    while start >= 0:
        stop = mask.find(0, start)
        row, column = divmod(start, width)
        runs.append((row, column, column + stop - start))
        start = mask.find(SET, stop)
    return runs


def join_runs(runs: list[Run], across: int = 1, down: int = 1) -> list[Component]:
    """The components of sorted runs, which are joined where they are at most so many pixels apart.

    1 joins what touches, corners included.
    """
    parent = list(range(len(runs)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    rows: dict[int, tuple[int, list[int]]] = {}
    """The first run and the ends of all runs, by row."""
    for i, (y, start, stop) in enumerate(runs):
        rows.setdefault(y, (i, []))[1].append(stop)
        for near in range(y - down, y + 1):
            if near not in rows:
                continue
            first, stops = rows[near]
            for j in range(first + bisect_left(stops, start - across + 1), first + len(stops)):
                if j >= i or runs[j][1] > stop + across - 1:
                    break
                parent[root(j)] = root(i)
    joined: dict[int, list[Run]] = {}
    for i, run in enumerate(runs):
        joined.setdefault(root(i), []).append(run)
    return [Component(members) for members in joined.values()]

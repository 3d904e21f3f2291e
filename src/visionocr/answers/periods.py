"""Finds runs: stretches of a text that repeat themselves back to back. ``repetition.py`` decides which are loops.

A run with period *p* is a stretch in which every character equals the one *p* places further on. Runs are found
from anchors: if the few characters at an anchor come again at a distance, that distance may be a period, and two
comparisons of slices tell how far it holds. The work between anchors is done by ``str.find`` and ``==``, so a
text costs little more than reading it: the number of anchors is linear, and so is what one anchor may cost.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

PROBE = 32
"""Characters at an anchor that must come again."""
STEP = 400
"""Distance of anchors in the body of a text: shorter runs may be overlooked there."""
LONGEST_PERIOD = 6000
MOST_CANDIDATES = 80
"""Distances tried at one anchor. Rows of equal cells give about one for each cell."""


@dataclass(frozen=True, slots=True)
class Run:
    """``text[start:end]`` consists of copies of its first ``period`` characters; the last copy may be cut."""

    start: int
    end: int
    period: int

    @property
    def repeats(self) -> int:
        """Whole copies."""
        return (self.end - self.start) // self.period


def tail_runs(text: str) -> Iterator[Run]:
    """The runs that reach the very end of the text, shortest period first."""
    for period, length in _runs_at(text[::-1], 0):
        yield Run(len(text) - length, len(text), period)


def body_runs(text: str) -> Iterator[Run]:
    """The long runs anywhere in the text, front to back."""
    backwards = text[::-1]
    size, anchor = len(text), 0
    while anchor + PROBE < size:
        beyond = anchor + STEP
        for period, end in _runs_at(text, anchor):
            before = _agreement(backwards, size - anchor - period, size - anchor)
            yield Run(anchor - before, end, period)
            beyond = max(beyond, end)
        anchor = beyond


def _runs_at(text: str, anchor: int) -> Iterator[tuple[int, int]]:
    """``(period, end)`` of the runs that hold from *anchor* for two periods, each longer than the one before."""
    probe = text[anchor : anchor + PROBE]
    if len(probe) < PROBE:
        return
    place = anchor
    for _ in range(MOST_CANDIDATES):
        place = text.find(probe, place + 1, anchor + LONGEST_PERIOD + PROBE)
        if place < 0:
            return
        if text.startswith(text[anchor:place], place):
            end = place + _agreement(text, anchor, place)
            yield place - anchor, end
            # Every copy of the probe inside this run only gives a multiple of the period.
            place = max(place, end - PROBE)


def _agreement(text: str, here: int, there: int) -> int:
    """How many characters from *here* on equal those from *there* on (``here < there``)."""
    size, done, step, growing = len(text), 0, PROBE, True
    while step:
        fits = there + done + step <= size
        if fits and text[here + done : here + done + step] == text[there + done : there + done + step]:
            done += step
            step *= 2 if growing else 1
        else:
            growing = False
            step //= 2
    return done


_NUMBER_OR_RULE = re.compile(r"\d{2,}|([^\w\s])\1{3,}")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text with every number written as ``0`` and every ruled line as three characters, and the way back."""

    text: str
    places: list[int]
    """Where in ``text`` a shortened piece ends."""
    lost: list[int]
    """Characters lost up to there."""

    def original(self, offset: int) -> int:
        """The offset in the original text."""
        index = bisect_right(self.places, offset)
        return offset + (self.lost[index - 1] if index else 0)


def mask(text: str) -> Masked:
    """Make texts equal that differ only in numbers and in the length of ruled lines."""
    places: list[int] = []
    lost: list[int] = []

    def shorten(found: re.Match[str]) -> str:
        short = found[1] * 3 if found[1] else "0"
        lost.append((lost[-1] if lost else 0) + len(found[0]) - len(short))
        places.append(found.end() - lost[-1])
        return short

    return Masked(_DIGIT.sub("0", _NUMBER_OR_RULE.sub(shorten, text)), places, lost)

"""Joins the answers to parts of a page that overlap: what stands in both is kept once."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from visionocr.answers.align import Alignment, align
from visionocr.answers.plain import hide_marks
from visionocr.boxes import Box, TextLine, turn_box
from visionocr.types import PageImage

_SLACK, _SLACK_LINES = 20, 2
"""Words and lines that may stand between the end of a part, or its beginning, and the words that it shares with the
other: what a reader makes of a line that is cut."""
_WINDOW = 150
"""Words in which the end of one part and the beginning of the other are looked for: more than overlap."""
_STEP = 4
"""Words from one that stands in both parts to the next: two readings of the same lines differ in a few."""
_WORD = re.compile(r"\S+")
_FEWEST, _SHORTEST, _DENSITY = 3, 12, 0.8
"""Words and letters of a run, at least, and their share of what lies between its ends, before it is taken for the same
print: rows of a table have many words in common."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """A word that stands in both parts: its offsets in both, and its numbers among their words."""

    first_end: int
    second_start: int
    second_end: int
    first_at: int
    second_at: int
    letters: int


def join_overlapping(first: str, second: str, *, markdown: bool) -> list[str]:
    """The texts of two parts of a page, of which the second begins with lines with which the first ends, as one.

    A line that the edge of a part cuts is whole in the other one, from which it is taken. Where the page has columns,
    the end of the first part and the beginning of the second are different columns: then they stay two texts, without
    what is repeated in the second.
    """
    tail = _find_tail(first)
    head = second[: _find_head(second)]
    runs = _find_runs(first[tail:], head, markdown=markdown)
    shared = [run for run in runs if _is_at_end(run, first[tail:]) and _is_at_start(run, head)]
    if shared:
        pair = _choose_joint(max(shared, key=_count_letters), first[tail:], head)
        return [first[: tail + pair.first_end] + second[pair.second_end :]]
    runs = _find_runs(first, second, markdown=markdown)
    at_start = [run for run in runs if _is_at_start(run, second)][:1]
    at_end = [run for run in runs if _is_at_end(run, first) and run not in at_start][-1:]
    for run in (*at_end, *at_start):  # from the end, so that offsets stay true
        if run[-1].second_at - run[0].second_at <= _WINDOW:
            before, after = second[: run[0].second_start], second[run[-1].second_end :]
            second = before + after.lstrip(" \n" if before.endswith("\n") else " ")
    return [first, second.strip()]


def _find_head(text: str) -> int:
    """Where the words end in which what is repeated is looked for."""
    return max((found.end() for found in islice(_WORD.finditer(text), _WINDOW)), default=0)


def _find_tail(text: str) -> int:
    """Where the words begin in which what is repeated is looked for."""
    return min((found.start() for found in deque(_WORD.finditer(text), _WINDOW)), default=0)


def _find_runs(first: str, second: str, *, markdown: bool) -> list[list[_Pair]]:
    """Runs of words that stand in both texts in the same order, in the order of the second."""
    starts, lines, offset = [], [], 0
    for line in hide_marks(first, markdown=markdown).text.split("\n"):
        starts.append(offset)
        lines.append(TextLine(line, Box(0.0, 0.0, 1.0, 1.0)))
        offset += len(line) + 1
    alignment = align(second, lines, markdown=markdown)
    runs: list[list[_Pair]] = []
    last = None
    for pair in _find_pairs(alignment, starts):
        if last and 0 < pair.first_at - last.first_at <= _STEP and pair.second_at - last.second_at <= _STEP:
            runs[-1].append(pair)
        else:
            runs.append([pair])
        last = pair
    return [run for run in runs if _is_same_print(run)]


def _find_pairs(alignment: Alignment, starts: Sequence[int]) -> Iterator[_Pair]:
    """The words that stand in both; *starts*: where the lines of the first text begin in it."""
    for at, word in enumerate(alignment.words):
        if not word.is_same:
            continue
        end = alignment.page_words[word.places[-1]]
        yield _Pair(
            first_end=starts[end.line] + end.end,
            second_start=word.start,
            second_end=word.end,
            first_at=word.places[0],
            second_at=at,
            letters=len(word.letters),
        )


def _is_same_print(run: Sequence[_Pair]) -> bool:
    span = 1 + max(run[-1].first_at - run[0].first_at, run[-1].second_at - run[0].second_at)
    return len(run) >= max(_FEWEST, _DENSITY * span) and _count_letters(run) >= _SHORTEST


def _count_letters(run: Sequence[_Pair]) -> int:
    return sum(pair.letters for pair in run)


def _is_at_end(run: Sequence[_Pair], first: str) -> bool:
    """Whether the first text ends with a run, but for a cut line."""
    return _is_cut_line(first[run[-1].first_end :].split("\n")[::-1])


def _is_at_start(run: Sequence[_Pair], second: str) -> bool:
    """Whether the second text begins with a run, but for a cut line."""
    return _is_cut_line(second[: run[0].second_start].split("\n"))


def _is_cut_line(rest: Sequence[str]) -> bool:
    """Whether the lines at the edge of a text, of which the last belongs to a run, may be what a cut line gave."""
    return sum(bool(line.strip()) for line in rest[:-1]) <= _SLACK_LINES and len(" ".join(rest).split()) <= _SLACK


def _choose_joint(run: Sequence[_Pair], first: str, second: str) -> _Pair:
    """The word behind which one text goes over into the other: in the middle, at the end of a line where there is one.

    Both cut lines are then taken from the part in which they are whole.
    """
    middle = len(run) // 2

    def rate(at: int) -> tuple[bool, int]:
        pair = run[at]
        ends = (first[pair.first_end : pair.first_end + 1], second[pair.second_end : pair.second_end + 1])
        return ends != ("\n", "\n"), abs(at - middle)

    return run[min(range(len(run)), key=rate)]


# --- places -----------------------------------------------------------------------------------------------


def find_limits(images: Sequence[PageImage]) -> list[tuple[float, float]]:
    """For each part of a page, between which heights, on the page as its images show it, it is believed.

    Where two parts overlap, the limit is in the middle: a line there is whole in the part in which its middle lies.
    """
    regions = [turn_box(image.region, image.turn) for image in images]
    middles = [
        (above.bottom + below.top) / 2 if image.overlaps else None
        for above, below, image in zip(regions, regions[1:], images[1:], strict=False)
    ]
    return [
        (-1.0 if above is None else above, 2.0 if below is None else below)
        for above, below in zip([None, *middles], [*middles, None], strict=True)
    ]


def is_within(box: Box, image: PageImage, limits: tuple[float, float]) -> bool:
    """Whether the middle of a *box* on the page lies between the limits of the part that *image* shows."""
    turned = turn_box(box, image.turn)
    return limits[0] <= (turned.top + turned.bottom) / 2 < limits[1]

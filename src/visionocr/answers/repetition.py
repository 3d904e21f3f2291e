"""Finds repetition loops, the most frequent failure of vision models.

Real pages repeat themselves too: empty rows of a form, columns of zeros, dot leaders, sheets of labels. A loop goes on
longer than a page can. The tables below say how many copies of a piece of text real pages hold, by the length of the
piece and the variety of its words; what exceeds them is a loop. While the end of the answer is open (it is still
growing, or was cut by its limit) the lower numbers count at its end. Everywhere else the model stopped repeating by
itself, which makes a loop unlikely: there the higher numbers count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from visionocr.answers.periods import Masked, Run, body_runs, mask, tail_runs

Unit = Literal["characters", "words", "lines", "rows"]


@dataclass(frozen=True, slots=True)
class Loop:
    """A stretch of an answer in which one piece of text is repeated."""

    start: int
    """Offset of the first copy."""
    end: int
    """Offset behind the last copy, which may be incomplete. The length of the text, when it ends in the loop."""
    period: str
    """The first copy, as it stands in the text. In a counting loop the others differ in their numbers."""
    repeats: int
    """Whole copies."""
    unit: Unit
    """What kind of thing is repeated."""


_Content = Literal["wordy lines", "wordy", "poor lines", "poor", "signs"]
"""What a piece holds. Wordy: different words that say something; poor: cells, "N/A", zeros; signs: not even letters."""
_Limits = tuple[tuple[int, int, int], ...]
"""(piece length from which the entry holds, copies at an open end, copies elsewhere), longest first."""

_WORDY = 5
"""Different words of a piece that counts as wordy."""
_LIMITS: dict[_Content, _Limits] = {
    "wordy lines": ((1500, 4, 5), (600, 9, 12), (250, 16, 24), (100, 40, 60), (0, 45, 90)),
    "wordy": ((1500, 3, 4), (250, 8, 12), (0, 16, 30)),
    # A page of five columns can hold three hundred zeros.
    "poor lines": ((24, 72, 200), (8, 100, 300), (0, 300, 600)),
    "poor": ((8, 72, 200), (0, 100, 300)),
    "signs": ((8, 72, 200), (0, 200, 600)),
}
_COUNTING_LIMITS: dict[_Content, _Limits] = {
    "wordy lines": ((1000, 6, 10), (250, 20, 40), (0, 100, 200)),
    "wordy": ((250, 12, 24), (0, 30, 60)),
    "poor lines": ((8, 220, 440), (0, 400, 800)),
    "poor": ((0, 120, 300),),
    "signs": ((0, 400, 800),),
}
"""Of pieces that differ in numbers which count up: answer sheets and inventories do so legitimately."""
_SAME_LETTER = (120, 360)
"""Copies of one letter or digit, at an open end and elsewhere."""
_SAME_SIGN = (400, 1200)
"""Of any other character."""

_TAG = re.compile(r"<[^<>\n]*>|&#?\w+;")
_LINE_TAG = re.compile(r"</?(?:tr|br|p|li|div|nl)\b", re.IGNORECASE)
_ROW = re.compile(r"\s*\||.*<(?:t[rdh]|[fel]cel|nl)\b", re.IGNORECASE | re.DOTALL)
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힣]|[^\W\d_]{2,}|\d+")
_NUMBER = re.compile(r"\d+")
_SAME_CHARACTER = re.compile(r"(.)\1{31,}", re.DOTALL)


def find_loop(text: str, *, ended: bool) -> Loop | None:
    """Find the loop that spoils *text*, if there is one.

    ``ended`` says that the model ended the answer by itself; then the higher numbers count everywhere. Search a growing
    answer with ``ended=False``: the text to come cannot turn what is found into a table.
    """
    return _find_same_character(text, ended) or _find_exact_loop(text, ended) or _find_counting_loop(text, ended)


def cut_loop(text: str, loop: Loop) -> str:
    """Keep one copy of what *loop* repeats, and all that stands before and behind."""
    return text[: loop.start] + loop.period + text[loop.end :]


def _find_same_character(text: str, ended: bool) -> Loop | None:
    for found in _SAME_CHARACTER.finditer(text):
        strict = ended or found.end() < len(text)
        limits = _SAME_LETTER if found[1].isalnum() else _SAME_SIGN
        if len(found[0]) >= limits[strict]:
            return Loop(found.start(), found.end(), found[1], len(found[0]), "characters")
    return None


def _runs(text: str, ended: bool) -> Iterator[tuple[Run, bool]]:
    """Runs worth judging, each with whether the strict limits hold."""
    yield from ((run, ended) for run in tail_runs(text))
    yield from ((run, True) for run in body_runs(text))


def _find_exact_loop(text: str, ended: bool) -> Loop | None:
    for run, strict in _runs(text, ended):
        piece = text[run.start : run.start + run.period]
        if run.period > 1 and run.repeats >= _count_allowed(_LIMITS[_classify(piece)], run.period, strict):
            return _make_loop(text, run, Masked(text, [], []))
    return None


def _find_counting_loop(text: str, ended: bool) -> Loop | None:
    """Copies that differ in nothing but numbers, which go up by the same step each time."""
    masked = mask(text)
    for run, strict in _runs(masked.text, ended):
        piece = masked.text[run.start : run.start + run.period]
        allowed = _count_allowed(_COUNTING_LIMITS[_classify(piece, counting=True)], run.period, strict)
        if run.repeats < allowed or "0" not in piece:
            continue
        width = piece.count("0")
        stretch = text[masked.original(run.start) : masked.original(run.end)]
        numbers = [int(number[-15:]) for number in _NUMBER.findall(stretch)]
        steady = _count_steady(numbers[: width * run.repeats], width)
        if steady >= allowed:
            first = run.start + (run.repeats - steady) * run.period
            return _make_loop(text, Run(first, run.end, run.period), masked)
    return None


def _count_steady(numbers: list[int], width: int) -> int:
    """How many of the last copies, of *width* numbers each, go up steadily; a few may be out of step (months)."""
    copies = [numbers[i : i + width] for i in range(0, len(numbers) - width + 1, width)]
    steps = [tuple(b - a for a, b in zip(before, after, strict=True)) for before, after in pairwise(copies)]
    if not steps:
        return 0
    usual = Counter(steps[-9:]).most_common(1)[0][0]
    misses = steady = 0
    for count, step in enumerate(reversed(steps), start=1):
        misses += step != usual
        if misses > 1 + count // 10:
            break
        if step == usual:
            steady = count
    return steady + 1


def _classify(piece: str, *, counting: bool = False) -> _Content:
    """What *piece* holds; of a *counting* one without its numbers, which are all ``0``."""
    plain = _TAG.sub(" ", piece).casefold()
    words = set(_WORD.findall(plain))
    if counting:
        says_something = words - {"0"}
        wordy = len(says_something) >= _WORDY - 1
    else:
        says_something = set(filter(str.isalpha, plain))
        # Scripts without blanks make one word of a sentence: their letters count as well.
        wordy = max(len(words), len(says_something) // 3) >= _WORDY
    if "\n" in piece or _LINE_TAG.search(piece):
        return "wordy lines" if wordy else "poor lines"
    return "wordy" if wordy else "poor" if says_something else "signs"


def _count_allowed(limits: _Limits, period: int, strict: bool) -> int:
    """Copies from which a piece of *period* characters is a loop."""
    return next(elsewhere if strict else at_end for length, at_end, elsewhere in limits if period >= length)


def _make_loop(text: str, run: Run, masked: Masked) -> Loop:
    """Turn a run over the masked text into a loop of the text that begins where a reader sees it begin."""
    start = _find_visible_start(masked.text, run)
    first, second = masked.original(start), masked.original(start + run.period)
    period = text[first:second]
    return Loop(first, masked.original(run.end), period, (run.end - start) // run.period, _name_unit(period))


def _find_visible_start(text: str, run: Run) -> int:
    """The first line start or word start in the run: what stands before it often looks like a copy's end."""
    start, period = run.start, text[run.start : run.start + run.period]
    if start == 0:
        return start
    if "\n" in period:
        if text[start - 1] == "\n" != text[start]:
            return start
        doubled = period + period
        return start + next((i for i in range(1, len(period) + 1) if doubled[i - 1] == "\n" != doubled[i]), 0)
    if not text[start - 1].isspace() and " " in period.strip():
        return start + (period + period).index(" ") + 1
    return start


def _name_unit(period: str) -> Unit:
    if _ROW.match(period):
        return "rows"
    if "\n" in period or _LINE_TAG.search(period):
        return "lines"
    return "words" if " " in period.strip() or len(period) > 4 else "characters"

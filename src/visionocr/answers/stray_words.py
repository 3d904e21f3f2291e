"""Finds places for the words of an answer that alignment by letters left without any."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import pairwise

from visionocr.answers.numbers import is_read_alike
from visionocr.answers.placing import LENGTHS, MOST_PAIRS, NOWHERE, SHORT, Placing

ALIKE = 0.55
"""Ratio of difflib from which longer runs hold the same words, altered. Without this test an invented paragraph was
laid over a missing one of its length: 45 % of its words were not noticed. Unrelated English text has 0.3 to 0.45."""
LONGEST_CELL = 80
"""Letters of a line that is looked for as a whole: longer ones have runs of letters that stand nowhere else."""
WORD_LENGTHS = (0.15, 6.0)
"""Lengths, as ``LENGTHS``, of short runs of as many words as the gap that they fill: a word may be any other now."""


def place_stray_words(placing: Placing) -> None:
    """Let words without a place claim free letters of the page.

    Free lines that have exactly their letters come first. What is then free between their neighbours' places may be the
    same words, altered.
    """
    _release_chance_letters(placing)
    free: dict[str, list[int]] = {}
    for line, (begin, end) in enumerate(placing.lines):
        if end - begin <= LONGEST_CELL and all(owner == NOWHERE for owner in placing.owner[begin:end]):
            free.setdefault(placing.page.text[begin:end], []).append(line)
    lengths: dict[str, list[int]] = {}
    for length, letter in sorted({(len(text), text[0]) for text in free}):
        lengths.setdefault(letter, []).append(length)
    for first, stop in _find_stray_runs(placing):
        word = first
        while word < stop:
            word = _place_line(placing, word, stop, free, lengths)
    for first, stop in _find_stray_runs(placing):
        _place_altered(placing, first, stop)


def _release_chance_letters(placing: Placing) -> None:
    """Take away the places of letters whose words have hardly any: they agree by chance."""
    for begin, end in pairwise(placing.answer.starts):
        if 2 * placing.home[begin:end].count(NOWHERE) > end - begin:
            for place in range(begin, end):
                if placing.home[place] != NOWHERE:
                    placing.owner[placing.home[place]] = NOWHERE
                    placing.home[place] = NOWHERE


def _find_stray_runs(placing: Placing) -> list[tuple[int, int]]:
    """Stretches of words none of whose letters has a place: the first and the one behind the last."""
    runs: list[tuple[int, int]] = []
    for word, (begin, end) in enumerate(pairwise(placing.answer.starts)):
        if placing.home[begin:end].count(NOWHERE) < end - begin:
            continue
        if runs and runs[-1][1] == word:
            runs[-1] = runs[-1][0], word + 1
        else:
            runs.append((word, word + 1))
    return runs


def _place_line(
    placing: Placing, first: int, stop: int, free: dict[str, list[int]], lengths: dict[str, list[int]]
) -> int:
    """Place the words from *first* on in a free line, if one has their letters: a cell, a page number.

    Of equal lines the next one behind the word before is taken. *lengths*: of free lines, by their first letters. Gives
    the first word behind those that were placed.
    """
    answer = placing.answer
    start, last = answer.starts[first], answer.starts[stop]
    for length in lengths.get(answer.text[start], ()):
        end = start + length
        lines = free.get(answer.text[start:end]) if end <= last and answer.is_boundary(end) else None
        if lines:
            before = placing.home[start - 1] if start else NOWHERE
            at = bisect_right(lines, before, key=lambda line: placing.lines[line][0])
            placing.claim(start, placing.lines[lines.pop(at if at < len(lines) else 0)][0], length)
            return stop if end == last else answer.words[end]
    return first + 1


# --- altered words -----------------------------------------------------------------------------------------


def _place_altered(placing: Placing, first: int, stop: int) -> None:
    """Let a run of words claim the free letters between its neighbours' places, if it may stand for them.

    Where the neighbours do not follow each other on the page, as many free words in the line of either are tried.
    """
    start, end = placing.answer.starts[first], placing.answer.starts[stop]
    left = 0 if not start else _find_end(placing, first - 1)
    right = len(placing.page.text) if end == len(placing.home) else _find_start(placing, stop)
    if NOWHERE not in (left, right):
        limit = round(WORD_LENGTHS[1] * (end - start)) + 1
        if placing.free_after(left, min(right - left, limit)) == right:
            page = placing.page
            is_one_by_one = left < right and page.words[right - 1] - page.words[left] == stop - first - 1
            lengths = WORD_LENGTHS if end - start <= SHORT and is_one_by_one else LENGTHS
            if _may_stand_for(placing, (start, end), (left, right), lengths):
                _share(placing, first, stop, left, right)
            return
    for begin, close in _find_words_beside(placing, left, right, stop - first):
        if _may_stand_for(placing, (start, end), (begin, close), LENGTHS):
            _share(placing, first, stop, begin, close)
            return


def _find_end(placing: Placing, word: int) -> int:
    """Where on the page a word of the answer ends; ``NOWHERE`` where it has no place.

    Where its last letters have none, because they were misread, the word of the page that it stands for tells.
    """
    for place in reversed(placing.answer.span(word)):
        there = placing.home[place]
        if there != NOWHERE:
            is_last = place + 1 == placing.answer.starts[word + 1]
            return there + 1 if is_last else placing.page.starts[placing.page.words[there] + 1]
    return NOWHERE


def _find_start(placing: Placing, word: int) -> int:
    """Where it begins there, in the same way."""
    for place in placing.answer.span(word):
        there = placing.home[place]
        if there != NOWHERE:
            is_first = place == placing.answer.starts[word]
            return there if is_first else placing.page.starts[placing.page.words[there]]
    return NOWHERE


def _find_words_beside(placing: Placing, left: int, right: int, count: int) -> Iterator[tuple[int, int]]:
    """The free words after *left*, and those before *right*, in the same lines."""
    page, lines = placing.page, placing.lines
    if 0 < left < len(page.text) and page.is_boundary(left):
        stop = min(page.words[left] + count, len(page.starts) - 1)
        close = min(page.starts[stop], lines[placing.line_at(left - 1)][1])
        if placing.free_after(left, close - left) == close:
            yield left, close
    if 0 < right < len(page.text) and page.is_boundary(right):
        first = max(page.words[right] - count, 0)
        begin = max(page.starts[first], lines[placing.line_at(right)][0])
        if placing.free_before(right, right - begin) == begin:
            yield begin, right


def _may_stand_for(
    placing: Placing, answer: tuple[int, int], page: tuple[int, int], lengths: tuple[float, float]
) -> bool:
    """Whether letters of the answer may be those of the page, altered: the lengths fit, and long ones look alike."""
    one, other = placing.answer.text[slice(*answer)], placing.page.text[slice(*page)]
    if not other or not lengths[0] <= len(other) / len(one) <= lengths[1]:
        return False
    if (one.isdigit() and other.isalpha()) or (one.isalpha() and other.isdigit()):
        return is_read_alike(one, other)  # else one is a word, the other the number of a page or a note
    if len(one) <= SHORT:
        return True
    if len(one) * len(other) > MOST_PAIRS:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _share(placing: Placing, first: int, stop: int, begin: int, close: int) -> None:
    """Share letters of the page among words: one by one where there are as many, else by their lengths."""
    starts = placing.answer.starts[first : stop + 1]
    length = starts[-1] - starts[0]
    cuts = [begin + (place - starts[0]) * (close - begin) // length for place in starts]
    theirs = placing.page.words[begin], placing.page.words[close - 1] + 1
    if theirs[1] - theirs[0] == stop - first:
        cuts = [begin, *placing.page.starts[theirs[0] + 1 : theirs[1]], close]
    for word, (left, right) in enumerate(pairwise(cuts), first):
        placing.owner[left:right] = [word] * (right - left)

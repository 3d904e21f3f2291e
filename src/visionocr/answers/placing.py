"""Finds for the letters of an answer the letters of the page that they are, whatever the order of either.

First come anchors: runs of letters that stand exactly once on either side. Their order is not looked at, so that
columns read in another order cost nothing. The gaps between two of them are then aligned letter by letter. Letters and
not words are compared, because OCR engines lose blanks and lines part words by hyphens.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate

from visionocr.answers.letters import Letters

NOWHERE = -1
ANCHOR = 10
"""Letters of a run that stands once on either side and is believed wherever it stands."""
SHORT_ANCHOR = 6
"""Letters of a run, among those left over, that is believed near its neighbours or as a whole line."""
NEAR = 150
"""Letters between where a short anchor stands and where its neighbour lets expect it."""
SHORT = 24
"""Letters up to which a gap need not look alike: an altered amount has no digit in common with the right one."""
LENGTHS = (0.4, 2.5)
"""An altered run of words is this many times as long as what it stands for."""
FEW = 60
"""Letters of a gap in which a word is believed to be the same among others that are not."""
MOST_PAIRS = 360_000
"""Letters of one side times letters of the other that are compared one by one, or words where there are more; bounds
the time of hostile answers."""


class Placing:
    """Which letter of the page each letter of the answer is, and which words share letters of the page."""

    def __init__(self, answer: Letters, page: Letters, lines: Sequence[tuple[int, int]]) -> None:
        """*lines*: where the letters of each line of the page begin and end."""
        self.answer = answer
        self.page = page
        self.lines = lines
        self.home = [NOWHERE] * len(answer.text)
        """Of each letter of the answer: the same letter of the page."""
        self.owner = [NOWHERE] * len(page.text)
        """Of each letter of the page: the word of the answer that claims it."""
        for size in (ANCHOR, SHORT_ANCHOR):
            self._place_anchors(size)
            self._fill_gaps()

    # --- anchors ---------------------------------------------------------------------------------------

    def _place_anchors(self, size: int) -> None:
        one, other = self.answer.text, self.page.text
        theirs = _unique_runs(other, [owner != NOWHERE for owner in self.owner], size)
        runs: list[tuple[int, int, int]] = []
        reached: dict[int, int] = {}  # by the difference of both places: where the last run found there ends
        for text, place in _unique_runs(one, [home != NOWHERE for home in self.home], size).items():
            there = theirs.get(text, NOWHERE)
            if place == NOWHERE or there == NOWHERE or reached.get(place - there, 0) > place:
                continue
            start, end = place, place + size
            shift = there - place
            while start > 0 and start + shift > 0 and self._agree(start - 1, start - 1 + shift):
                start -= 1
            while end < len(one) and end + shift < len(other) and self._agree(end, end + shift):
                end += 1
            reached[-shift] = end
            start, end = self._trim(start, end)
            runs.append((start, start + shift, end - start))
        runs.sort(key=lambda run: -run[2])
        near = self._expected() if size < ANCHOR and runs else None
        for start, there, length in runs:
            if near is None or length >= ANCHOR or self._is_line(there, length) or _is_near(near[start], there):
                self.claim(start, there, length)

    def _agree(self, place: int, there: int) -> bool:
        """Whether two letters are equal and both free."""
        return (
            self.answer.text[place] == self.page.text[there]
            and self.home[place] == NOWHERE
            and self.owner[there] == NOWHERE
        )

    def _trim(self, start: int, end: int) -> tuple[int, int]:
        """Leave out one or two letters of a further word at either end, which agree by chance where the order jumps."""
        starts, words = self.answer.starts, self.answer.words
        if 0 < end - starts[words[end - 1]] < 3 and starts[words[end - 1] + 1] > end:
            end = starts[words[end - 1]]
        if starts[words[start]] < start and starts[words[start] + 1] - start < 3:
            start = starts[words[start] + 1]
        return start, end

    def claim(self, start: int, there: int, length: int) -> None:
        """Place those letters of a run that nothing else has taken."""
        for place in range(start, start + length):
            if self.home[place] == NOWHERE and self.owner[there + place - start] == NOWHERE:
                self.home[place] = there + place - start
                self.owner[there + place - start] = self.answer.words[place]

    def _is_line(self, there: int, length: int) -> bool:
        begin, end = self.lines[self.line_at(there)]
        return begin == there and end == there + length

    def line_at(self, there: int) -> int:
        """The line in which a letter of the page stands."""
        return bisect_right(self.lines, there, key=lambda line: line[1])

    def _expected(self) -> list[tuple[int, int]]:
        """Of each letter of the answer: where on the page its placed neighbours before and behind let expect it."""
        before = _follow(enumerate(self.home))
        behind = _follow((place, self.home[place]) for place in reversed(range(len(self.home))))
        return list(zip(before, reversed(behind), strict=True))

    # --- gaps --------------------------------------------------------------------------------------------

    def _fill_gaps(self) -> None:
        """Align what stands between two neighbours with what stands between them on the page."""
        for start, end, left, right in self._gaps():
            limit = 2 * (end - start) + 40
            behind = self.free_after(left, limit)
            if behind == right:
                self._align(start, end, left, right)
                continue
            self._align(start, end, left, behind)
            while end > start and self.home[end - 1] != NOWHERE:
                end -= 1
            self._align(start, end, self.free_before(right, limit), right)

    def _gaps(self) -> list[tuple[int, int, int, int]]:
        """The free stretches of the answer: begin, end, and between which letters of the page they should stand."""
        gaps = []
        start, left = 0, 0
        for place, there in enumerate([*self.home, len(self.page.text)]):
            if there != NOWHERE:
                if place > start:
                    gaps.append((start, place, left, there))
                start, left = place + 1, there + 1
        return gaps

    def free_after(self, there: int, limit: int) -> int:
        """Where the free letters of the page that begin at a place end, *limit* letters behind it at the most."""
        end = there
        while end < len(self.owner) and end - there < limit and self.owner[end] == NOWHERE:
            end += 1
        return end

    def free_before(self, there: int, limit: int) -> int:
        """Where the free letters of the page that end at a place begin, *limit* letters before it at the most."""
        start = there
        while start > 0 and there - start < limit and self.owner[start - 1] == NOWHERE:
            start -= 1
        return start

    def _align(self, start: int, end: int, left: int, right: int) -> None:
        """Place the letters of a gap of the answer in one of the page, if half of the shorter one agrees."""
        one, other = self.answer.text[start:end], self.page.text[left:right]
        if not one or not other or len(one) > 2 * len(other) + 40:
            return
        if len(one) * len(other) <= MOST_PAIRS:
            blocks = _find_blocks(one, other)
        else:
            before, behind = _common_ends(one, other)
            blocks = [(0, 0, before), (len(one) - behind, len(other) - behind, behind)]
            found = self._find_word_blocks(start + before, end - behind, left + before, right - behind)
            blocks += [(at + before, to + before, size) for at, to, size in found]
        shorter = min(len(one), len(other))
        # Single letters agree by chance in long gaps.
        least = 1 if shorter <= SHORT and max(len(one), len(other)) <= LENGTHS[1] * shorter else 3
        is_alike = 2 * sum(size for _, _, size in blocks if size >= least) >= shorter
        for at, to, size in blocks:
            if is_alike or (len(one) <= FEW >= len(other) and self._are_words(start + at, left + to, size)):
                self.claim(start + at, left + to, size)

    def _find_word_blocks(self, start: int, end: int, left: int, right: int) -> list[tuple[int, int, int]]:
        """Equal runs of words in the same order: of long gaps, where everything stands more than once."""
        one, other = self.answer, self.page
        if start >= end or left >= right:
            return []
        first, there = one.first_word(start), other.first_word(left)
        words, theirs = one.spell(first, one.words[end - 1]), other.spell(there, other.words[right - 1])
        if len(words) * len(theirs) > MOST_PAIRS:
            return []
        blocks = SequenceMatcher(None, words, theirs, autojunk=False).get_matching_blocks()
        return [
            (
                one.starts[first + block.a] - start,
                other.starts[there + block.b] - left,
                one.starts[first + block.a + block.size] - one.starts[first + block.a],
            )
            for block in blocks
        ]

    def _are_words(self, start: int, there: int, length: int) -> bool:
        """Whether a run is made of whole words on either side."""
        return length > 1 and all(
            side.is_boundary(place) and side.is_boundary(place + length)
            for side, place in ((self.answer, start), (self.page, there))
        )


def _unique_runs(text: str, taken: Sequence[bool], size: int) -> dict[str, int]:
    """Every run of *size* free letters and where it stands; ``NOWHERE`` for those that stand more than once."""
    used = [0, *accumulate(taken)]
    free = [at for at, (before, behind) in enumerate(zip(used, used[size:], strict=False)) if before == behind]
    runs = [text[at : at + size] for at in free]
    places = dict(zip(runs, free, strict=True))
    if len(places) < len(runs):
        places.update((run, NOWHERE) for run, count in Counter(runs).items() if count > 1)
    return places


def _follow(homes: Iterable[tuple[int, int]]) -> list[int]:
    """Of each letter: where it stands if it stands as far from the last placed one as it does in the answer."""
    expected = []
    shift = None
    for place, there in homes:
        shift = shift if there == NOWHERE else there - place
        expected.append(NOWHERE if shift is None else place + shift)
    return expected


def _is_near(expected: tuple[int, int], there: int) -> bool:
    return any(place != NOWHERE and abs(place - there) <= NEAR for place in expected)


def _common_ends(one: str, other: str) -> tuple[int, int]:
    """How many letters at the beginning and, of the rest, at the end are the same."""
    most = min(len(one), len(other))
    before = next((at for at in range(most) if one[at] != other[at]), most)
    rest = most - before
    behind = next((at for at in range(rest) if one[-1 - at] != other[-1 - at]), rest)
    return before, behind


def _find_blocks(one: str, other: str) -> list[tuple[int, int, int]]:
    """Equal runs in the same order, letter by letter; none of long texts that share few trigrams."""
    theirs = _trigrams(one), _trigrams(other)
    if min(len(one), len(other)) > FEW and 6 * len(theirs[0] & theirs[1]) < min(map(len, theirs)):
        return []
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return [(block.a, block.b, block.size) for block in blocks]


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}

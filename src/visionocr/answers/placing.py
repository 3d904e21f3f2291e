"""Finds for the letters of an answer the letters of the page that they are, whatever the order of either.

First come anchors: runs of letters that stand exactly once on either side. Their order is not looked at, so that
columns read in another order cost nothing. The gaps between two of them are then aligned letter by letter. Letters and
not words are compared, because OCR engines lose blanks and lines part words by hyphens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, pairwise

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
ALIKE = 0.55
"""Ratio of difflib from which longer gaps hold the same words, altered. Without this test an invented paragraph was laid
over a missing one of its length: 45 % of its words were not noticed. Unrelated English text has 0.3 to 0.45."""
LENGTHS = (0.4, 2.5)
"""An altered run of words is this many times as long as what it stands for."""
MOST_PAIRS = 360_000
"""Letters of one side times letters of the other that are compared one by one; bounds the time of hostile answers."""


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
        self._place_whole_lines()
        self._place_altered_words()

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
        near = self._expected() if size < ANCHOR else None
        for start, there, length in runs:
            if near is None or length >= ANCHOR or self._is_line(there, length) or _is_near(near[start], there):
                self._claim(start, there, length)

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

    def _claim(self, start: int, there: int, length: int) -> None:
        """Place those letters of a run that nothing else has taken."""
        for place in range(start, start + length):
            if self.home[place] == NOWHERE and self.owner[there + place - start] == NOWHERE:
                self.home[place] = there + place - start
                self.owner[there + place - start] = self.answer.words[place]

    def _is_line(self, there: int, length: int) -> bool:
        begin, end = self.lines[self._line_at(there)]
        return begin == there and end == there + length

    def _line_at(self, there: int) -> int:
        low, high = 0, len(self.lines) - 1
        while low < high:
            middle = (low + high) // 2
            if self.lines[middle][1] <= there:
                low = middle + 1
            else:
                high = middle
        return low

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
            behind = self._free_after(left, limit)
            if behind == right:
                self._align(start, end, left, right)
                continue
            self._align(start, end, left, behind)
            while end > start and self.home[end - 1] != NOWHERE:
                end -= 1
            self._align(start, end, self._free_before(right, limit), right)

    def _gaps(self) -> list[tuple[int, int, int, int]]:
        """The free stretches of the answer: begin, end, and which letters of the page follow and are their neighbours."""
        gaps = []
        start, left = 0, 0
        for place, there in enumerate([*self.home, len(self.page.text)]):
            if there != NOWHERE:
                if place > start:
                    gaps.append((start, place, left, there))
                start, left = place + 1, there + 1
        return gaps

    def _free_after(self, there: int, limit: int) -> int:
        end = there
        while end < len(self.owner) and end - there < limit and self.owner[end] == NOWHERE:
            end += 1
        return end

    def _free_before(self, there: int, limit: int) -> int:
        start = there
        while start > 0 and there - start < limit and self.owner[start - 1] == NOWHERE:
            start -= 1
        return start

    def _align(self, start: int, end: int, left: int, right: int) -> None:
        """Place the letters of a gap of the answer in one of the page, if half of the shorter one agrees."""
        one, other = self.answer.text[start:end], self.page.text[left:right]
        if not one or not other or len(one) > 2 * len(other) + 40:
            return
        before, behind = _common_ends(one, other)
        inner = one[before : len(one) - behind], other[before : len(other) - behind]
        blocks = [(0, 0, before), (len(one) - behind, len(other) - behind, behind)]
        blocks += [(at + before, to + before, size) for at, to, size in self._blocks(*inner, start + before)]
        shorter = min(len(one), len(other))
        # Single letters agree by chance in long gaps.
        least = 1 if shorter <= SHORT and max(len(one), len(other)) <= LENGTHS[1] * shorter else 3
        if 2 * sum(size for _, _, size in blocks if size >= least) >= shorter:
            for at, to, size in blocks:
                if size >= least or shorter > SHORT:
                    self._claim(start + at, left + to, size)

    def _blocks(self, one: str, other: str, start: int) -> list[tuple[int, int, int]]:
        """Equal runs in order, letter by letter; of long gaps word by word. *start*: of *one* within the answer."""
        if len(one) * len(other) <= MOST_PAIRS:
            shorter, longer = sorted((one, other), key=len)
            if len(shorter) > 60 and len(_trigrams(shorter) & _trigrams(longer)) * 6 < len(_trigrams(shorter)):
                return []
            matcher = SequenceMatcher(None, one, other, autojunk=False)
            return [(block.a, block.b, block.size) for block in matcher.get_matching_blocks()]
        return []

    # --- what has no anchor --------------------------------------------------------------------------

    def _place_whole_lines(self) -> None:
        """Give lines that nobody claimed to words without a place that have their letters: cells, page numbers."""
        free: dict[str, list[int]] = {}
        for line, (begin, end) in enumerate(self.lines):
            if begin < end and all(owner == NOWHERE for owner in self.owner[begin:end]):
                free.setdefault(self.page.text[begin:end], []).append(line)
        longest = max(map(len, free), default=0)
        for first, stop in self._homeless_runs():
            word = first
            while word < stop and free:
                word = self._place_line(word, stop, longest, free)

    def _place_line(self, first: int, stop: int, longest: int, free: dict[str, list[int]]) -> int:
        """Place the words from *first* on in a free line, if one has their letters; the first word behind them."""
        start = self.answer.starts[first]
        for word in range(first, stop):
            end = self.answer.starts[word + 1]
            if end - start > longest:
                break
            letters = self.answer.text[start:end]
            if letters in free:
                lines = free[letters]
                before = self.home[start - 1] if start else NOWHERE
                line = next((line for line in lines if self.lines[line][0] > before), lines[0])
                lines.remove(line)
                if not lines:
                    del free[letters]
                self._claim(start, self.lines[line][0], end - start)
                return word + 1
        return first + 1

    def _homeless_runs(self) -> list[tuple[int, int]]:
        """Stretches of words none of whose letters has a place: the first and the one behind the last."""
        runs: list[tuple[int, int]] = []
        for word in range(len(self.answer.starts) - 1):
            if any(self.home[place] != NOWHERE for place in self.answer.span(word)):
                continue
            if runs and runs[-1][1] == word:
                runs[-1] = runs[-1][0], word + 1
            else:
                runs.append((word, word + 1))
        return runs

    def _place_altered_words(self) -> None:
        """Let words without a place claim the free letters between their neighbours' places, if they may stand for them.

        Where the neighbours do not follow each other on the page, what is free in the line of either is tried.
        """
        for first, stop in self._homeless_runs():
            start, end = self.answer.starts[first], self.answer.starts[stop]
            left = self.home[start - 1] + 1 if start and self.home[start - 1] != NOWHERE else 0
            right = self.home[end] if end < len(self.home) and self.home[end] != NOWHERE else len(self.page.text)
            limit = round(LENGTHS[1] * (end - start)) + 1
            behind = self._free_after(left, limit)
            stretches = [(left, behind)]
            if behind != right:
                stretches = []
                if start and left:
                    stretches.append((left, min(behind, self.lines[self._line_at(left - 1)][1])))
                if right < len(self.page.text):
                    begin = self.lines[self._line_at(right)][0]
                    stretches.append((max(begin, self._free_before(right, limit)), right))
            for begin, close in stretches:
                if self._may_stand_for(start, end, begin, close):
                    self._share(first, stop, begin, close)
                    break

    def _may_stand_for(self, start: int, end: int, begin: int, close: int) -> bool:
        length = end - start
        if close <= begin or not LENGTHS[0] <= (close - begin) / length <= LENGTHS[1]:
            return False
        if length <= SHORT:
            return True
        if length * (close - begin) > MOST_PAIRS:
            return False
        matcher = SequenceMatcher(None, self.answer.text[start:end], self.page.text[begin:close], autojunk=False)
        return matcher.quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE

    def _share(self, first: int, stop: int, begin: int, close: int) -> None:
        """Share letters of the page among words by their lengths."""
        start, end = self.answer.starts[first], self.answer.starts[stop]
        cuts = [
            begin + (place - start) * (close - begin) // (end - start) for place in self.answer.starts[first : stop + 1]
        ]
        for word, (left, right) in enumerate(pairwise(cuts), first):
            self.owner[left:right] = [word] * (right - left)


def _unique_runs(text: str, taken: Sequence[bool], size: int) -> dict[str, int]:
    """Every run of *size* free letters and where it stands; ``NOWHERE`` for those that stand more than once."""
    places: dict[str, int] = {}
    used = [0, *accumulate(taken)]
    for place in range(len(text) - size + 1):
        if used[place] == used[place + size]:
            run = text[place : place + size]
            places[run] = NOWHERE if run in places else place
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


def _trigrams(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(len(text) - 2)}

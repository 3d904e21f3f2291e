"""Where the values of a record stand on the pages of their document, or that they stand nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any

from visionocr.answers.letters import Letters, find_words
from visionocr.boxes import Box, TextLine
from visionocr.extraction.amounts import numbers_in
from visionocr.extraction.dates import dates_in
from visionocr.extraction.kinds import Choice, Field, Number, Record, Text, leaves

MOST_SIMILAR = 20
"""Values for which something similar is looked for on a page: each takes about 35 ms on one of 18,000 letters."""
LEAST_SIMILAR = 8
"""Letters of a text from which something similar can be no chance."""
_LONGEST_SIMILAR = 400
_MOST_TRIES = 1000
"""Places inside of words that are passed over in search of a text."""
_ALIKE = str.maketrans("oil", "011")
"""What OCR engines take for each other."""


class Seen(StrEnum):
    """Whether a value stands on a page."""

    YES = "yes"
    SIMILAR = "similar"
    """Its words stand apart, no more than one of them with digits. Where an OCR engine read the page, also: up to an
    eighth of its letters differ, if it has no digits; or it has what such engines take for each other (O and 0)."""
    ABSENT = "absent"
    UNCHECKED = "unchecked"
    """There is nothing to compare it with, or it need not stand on the page."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands."""

    seen: Seen
    page: int | None = None
    box: Box | None = None
    text: str = ""
    """The line."""


@dataclass(eq=False)
class PageText:
    """The lines of a page, prepared to be searched."""

    number: int
    lines: Sequence[TextLine]
    is_exact: bool = True
    """The lines are a text layer; else an OCR engine read them."""
    similar_left: int = field(default=MOST_SIMILAR)

    @cached_property
    def _words(self) -> list[tuple[str, int]]:
        return [(letters, at) for at, line in enumerate(self.lines) for _, _, letters in find_words(line.text)]

    @cached_property
    def _letters(self) -> Letters:
        return Letters.of(word for word, _ in self._words)

    @cached_property
    def _own_words(self) -> set[str]:
        return {word for word, _ in self._words}

    @cached_property
    def _borders(self) -> set[int]:
        return set(self._letters.starts)

    @cached_property
    def _numbers(self) -> dict[Decimal, int]:
        found: dict[Decimal, int] = {}
        for at, line in enumerate(self.lines):
            for values, may_be_negative in numbers_in(line.text):
                for value in values:
                    found.setdefault(value, at)
                    if may_be_negative:
                        found.setdefault(-value, at)
        return found

    @cached_property
    def _dates(self) -> dict[date, int]:
        found: dict[date, int] = {}
        for at, line in enumerate(self.lines):
            for _, days in dates_in(line.text):
                for day in days:
                    found.setdefault(day, at)
        return found

    def find_number(self, value: float) -> Place | None:
        """The line of a number; a negative one has a sign or brackets there."""
        return self._place(self._numbers.get(Decimal(str(value))))

    def find_date(self, value: date) -> Place | None:
        """The line of a date, in any spelling."""
        return self._place(self._dates.get(value))

    def find_text(self, words: Sequence[str]) -> Place | None:
        """The lines of a text, which may go on from one to the next."""
        return self._search("".join(words), self._letters.text, Seen.YES)

    def find_signs(self, signs: str) -> Place | None:
        """The line of a text without letters and digits."""
        return self._place(next((at for at, line in enumerate(self.lines) if signs in line.text), None))

    def find_similar(self, words: Sequence[str]) -> Place | None:
        """Where the words of a text stand apart, or what an OCR engine may have made of it."""
        wanted, text = "".join(words), self._letters.text
        has_digit = [any(char.isdigit() for char in word) for word in words]
        if len(words) > 1 and sum(has_digit) <= 1 and self._own_words.issuperset(words):
            return self._place(next(at for word, at in self._words if word == words[0]), Seen.SIMILAR)
        if self.is_exact:
            return None
        if place := self._search(wanted.translate(_ALIKE), self._alike, Seen.SIMILAR):
            return place
        if not LEAST_SIMILAR <= len(wanted) <= _LONGEST_SIMILAR or any(has_digit) or self.similar_left <= 0:
            return None
        self.similar_left -= 1
        end = find_almost(wanted, text, len(wanted) // 8)
        return None if end is None else self._place_letters(Seen.SIMILAR, max(0, end - len(wanted)), end)

    @cached_property
    def _alike(self) -> str:
        return self._letters.text.translate(_ALIKE)

    def _search(self, wanted: str, text: str, seen: Seen) -> Place | None:
        """The first place of *wanted* that begins and ends with a word, or with a number inside of one."""
        at = -1
        for _ in range(_MOST_TRIES):
            at = text.find(wanted, at + 1)
            if at < 0:
                break
            end = at + len(wanted)
            if all(one in self._borders or text[one - 1].isdigit() != text[one].isdigit() for one in (at, end)):
                return self._place_letters(seen, at, end)
        return None

    def _place(self, line: int | None, seen: Seen = Seen.YES) -> Place | None:
        if line is None:
            return None
        return Place(seen, self.number, self.lines[line].box, self.lines[line].text)

    def _place_letters(self, seen: Seen, begin: int, end: int) -> Place:
        owners = [self._words[self._letters.words[at]][1] for at in (begin, end - 1)]
        lines = self.lines[owners[0] : owners[1] + 1]
        boxes = [line.box for line in lines]
        box = Box(
            min(one.left for one in boxes),
            min(one.top for one in boxes),
            max(one.right for one in boxes),
            max(one.bottom for one in boxes),
        )
        return Place(seen, self.number, box, " ".join(line.text for line in lines)[:400])


def locate(record: Record, value: Any, pages: Iterable[Callable[[], Iterator[PageText]]]) -> dict[str, Place]:
    """The place of each value of a record, by path.

    Each of *pages* gives what is known of one page, the best first; what comes after that costs time, and is only asked
    for where something is not on any page. What is found nowhere is ``unchecked`` where nothing is known of a page.
    """
    every = list(leaves(record, value))
    found = {path: Place(Seen.UNCHECKED) for path, one, leaf in every if isinstance(leaf, bool) or not one.is_on_page}
    similar: dict[str, Place] = {}
    sources = [page() for page in pages]
    unknown = set(range(len(sources)))
    for is_first in (True, False):
        for number, source in enumerate(sources):
            for text in islice(source, 1) if is_first else source:
                if text.lines:
                    unknown.discard(number)
                _find_all(text, every, found, similar)
        if all(path in found or (path in similar and similar[path].seen is not Seen.ABSENT) for path, _, _ in every):
            break
    nowhere = Place(Seen.UNCHECKED if unknown else Seen.ABSENT)
    return {path: found.get(path) or similar.get(path) or nowhere for path, _, _ in every}


def _find_all(
    text: PageText, every: Sequence[tuple[str, Field, Any]], found: dict[str, Place], similar: dict[str, Place]
) -> None:
    """Look for what is not found yet, and note where it stands, or something similar."""
    for path, one, leaf in every:
        if path in found:
            continue
        place = _find(text, one, leaf)
        if place is not None and place.seen is Seen.YES:
            found[path] = place
        elif place is not None and (place.seen is Seen.ABSENT or path not in similar):
            similar[path] = place


def _find(text: PageText, one: Field, value: Any) -> Place | None:
    words = [letters for _, _, letters in find_words(str(value))]
    match one.kind:
        case Choice(values):
            return _find_choice(text, words, values)
        case Number():
            return text.find_number(value)
        case Text(format="date") if (day := _parse_day(value)) is not None:
            return text.find_date(day)
        case Text(format="time"):
            # Hardly any page has seconds.
            return text.find_text(words) or text.find_text([value.removesuffix(":00").replace(":", "")])
    if not words:
        return text.find_signs(str(value).strip())
    return text.find_text(words) or text.find_similar(words)


def _find_choice(text: PageText, words: Sequence[str], values: Sequence[Any]) -> Place:
    """The place of one of some values. The page may say it in other words, such as € for EUR, unless it has another."""
    if words and (place := text.find_text(words)) is not None:
        return place
    others = [[letters for _, _, letters in find_words(str(value))] for value in values]
    has_other = any(other and other != words and text.find_text(other) is not None for other in others)
    return Place(Seen.ABSENT if has_other else Seen.UNCHECKED)


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:  # of another kind that the schema allows there
        return None


def find_almost(wanted: str, text: str, most: int) -> int | None:
    """Where the part of *text* ends that is like *wanted* but for at most *most* edits; ``None``: there is none.

    Myers' bit-vector algorithm (1999): a few operations on whole numbers for each letter of *text*.
    """
    bits: dict[str, int] = {}
    for at, char in enumerate(wanted):
        bits[char] = bits.get(char, 0) | 1 << at
    last, full = 1 << (len(wanted) - 1), (1 << len(wanted)) - 1
    plus, minus, distance = full, 0, len(wanted)
    best, where = most + 1, None
    for at, char in enumerate(text, 1):
        equal = bits.get(char, 0)
        across = (((equal & plus) + plus) ^ plus) | equal | minus
        up, down = (minus | ~(across | plus)) & full, plus & across
        distance += 1 if up & last else -1 if down & last else 0
        if distance < best:
            best, where = distance, at
        up = up << 1 & full
        plus, minus = ((down << 1) | ~(equal | minus | up)) & full, up & (equal | minus)
    return where

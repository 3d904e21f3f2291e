"""Finds where an answer and the lines of its page disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby

from visionocr.answers.align import Alignment, AnswerWord, PageWord, Role
from visionocr.answers.numbers import differ_in_decimals, has_digit, is_read_alike
from visionocr.answers.word_boxes import cover, word_boxes
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, DoubtKind

MARGIN = 0.1
"""Share of the page's height at its top and bottom where headers, footers and page numbers stand."""
LONGEST_MARGINAL = 90
"""Letters of a header or footer line, at most."""
LONGEST_LABEL = 25
"""Letters of a line in a picture, such as the label of an axis, at most."""
LONG_RUN = 15
"""Letters of words that stand nowhere from which an OCR engine cannot have missed them; of fewer its certainty about
their neighbours decides. Where it was sure of the page as a whole it missed single words only, of 120 pages."""
LEAST_DIGITS = 3
"""Digits from which a number is none that a model adds, such as that of a page or a list."""
LEAST_WORD = 4
"""Letters of a word that a formula does not consist of."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A disagreement, and how much it says."""

    doubt: Doubt
    sure: float
    """Confidence of the line that contradicts, or of the least certain neighbour of words that stand nowhere."""
    letters: int
    """How many letters it concerns."""
    words: int
    is_optional: bool = False
    """A header, footer, page number or label in a picture, which models leave out on purpose."""


def find_disagreements(alignment: Alignment, *, is_exact: bool) -> list[Observation]:
    """Every disagreement: those of the answer's words in its order, then lines of the page that nobody claimed.

    *is_exact*: the lines are a text layer; an OCR engine takes O for 0 and l for 1, which is no disagreement.
    """
    return [*_of_words(alignment, is_exact), *_of_lines(alignment, is_exact)]


# --- the answer's words ----------------------------------------------------------------------------------


def _of_words(alignment: Alignment, is_exact: bool) -> Iterator[Observation]:
    kinds = [kind_of(alignment, word, is_exact=is_exact) for word in alignment.words]
    doubted = [number for number, kind in enumerate(kinds) if kind is not None]
    found = word_boxes(replace(alignment, words=tuple(alignment.words[number] for number in doubted)))
    boxes = dict(zip(doubted, found, strict=True))
    for kind, group in groupby(range(len(kinds)), lambda number: kinds[number]):
        if kind is None:
            continue
        run = list(group)
        if kind is DoubtKind.ADDED and is_exact and all(_is_number(alignment.words[number].letters) for number in run):
            kind = DoubtKind.NUMBER  # wherever the right one stands
        # Every number is a place of its own; other words are told together.
        for numbers in [[number] for number in run] if kind is DoubtKind.NUMBER else [run]:
            yield _observe(alignment, boxes, kind, numbers, is_exact)


def kind_of(alignment: Alignment, word: AnswerWord, *, is_exact: bool) -> DoubtKind | None:
    """In which way a word of the answer disagrees; ``None``: in none that counts."""
    if word.role is not Role.TEXT:
        return None
    if word.line is None:
        return DoubtKind.ADDED
    there = alignment.page_text(word)
    letters = "".join(alignment.page_words[place].letters for place in word.places)
    if letters == word.letters:
        return DoubtKind.NUMBER if differ_in_decimals(word.text, there) else None
    if word.is_same or _is_note_mark(word.letters, letters):
        return None
    if not is_exact and is_read_alike(word.text, there):
        return None
    is_number = has_digit(word.letters) and has_digit(letters)
    # Engines join what stands close together, such as the ends of a word and of an amount.
    if not is_exact and _drop_digits(word.letters) != _drop_digits(letters):
        is_number = False
    return DoubtKind.NUMBER if is_number else DoubtKind.DIFFERENT


def _drop_digits(letters: str) -> str:
    return "".join(char for char in letters if not char.isdigit())


def _is_number(letters: str) -> bool:
    return sum(map(str.isdigit, letters)) >= LEAST_DIGITS


def _is_note_mark(one: str, other: str) -> bool:
    """Whether two words differ only in the number of a note behind one of them."""
    shorter, longer = sorted((one, other), key=len)
    rest = longer.removeprefix(shorter)
    return len(shorter) > 1 and shorter.isalpha() and rest != longer and rest.isdigit() and len(rest) < 3


def _observe(
    alignment: Alignment, boxes: dict[int, Box | None], kind: DoubtKind, numbers: list[int], is_exact: bool
) -> Observation:
    words = [alignment.words[number] for number in numbers]
    places = dict.fromkeys(place for word in words for place in word.places)
    letters = sum(len(word.letters) for word in words)
    lines = {word.line for word in words if word.line is not None}
    if not lines and letters < LONG_RUN:
        around = alignment.words[max(0, numbers[0] - 1) : numbers[-1] + 2]
        lines = {word.line for word in around if word.line is not None}
    there = "".join(alignment.page_words[place].letters for place in places)
    if kind is DoubtKind.DIFFERENT and not is_exact and len(there) < 2 * letters:
        # An engine's slips differ in a letter or two.
        letters -= round(letters * SequenceMatcher(None, "".join(word.letters for word in words), there).ratio())
    found = [box for number in numbers if (box := boxes[number]) is not None]
    doubt = Doubt(
        kind,
        " ".join(word.text for word in words),
        " ".join(alignment.page_words[place].text for place in places),
        cover(found) if found else None,
    )
    return Observation(
        doubt,
        sure=min((alignment.lines[line].confidence for line in lines), default=1.0),
        letters=letters,
        words=len(words),
    )


# --- the page's lines ------------------------------------------------------------------------------------


def _of_lines(alignment: Alignment, is_exact: bool) -> Iterator[Observation]:
    has_formulas = any(word.role is Role.FORMULA for word in alignment.words)
    unclaimed = set(alignment.unclaimed_lines())
    for number, group in groupby(alignment.page_words, lambda word: word.line):
        line, words = alignment.lines[number], list(group)
        free = [word for word in words if not word.is_claimed]
        if has_formulas and all(map(_fits_formula, words)):
            continue  # the answer has it as LaTeX
        if number in unclaimed:
            letters = sum(len(word.letters) for word in free)
            is_optional = _is_marginal(line, letters) or (alignment.has_pictures and letters <= LONGEST_LABEL)
            doubt = Doubt(DoubtKind.MISSING, "", line.text.strip(), line.box)
            yield Observation(doubt, line.confidence, letters, len(free), is_optional=is_optional)
        elif is_exact and not has_formulas:
            for word in free:
                if _is_number(word.letters):
                    doubt = Doubt(DoubtKind.NUMBER, "", word.text, line.box)
                    yield Observation(doubt, line.confidence, len(word.letters), 1)


def _fits_formula(word: PageWord) -> bool:
    return not (_is_number(word.letters) or (word.letters.isalpha() and len(word.letters) >= LEAST_WORD))


def _is_marginal(line: TextLine, letters: int) -> bool:
    middle = (line.box.top + line.box.bottom) / 2
    return letters <= LONGEST_MARGINAL and not MARGIN < middle < 1 - MARGIN

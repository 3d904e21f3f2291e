"""Finds where an answer and the lines of its page disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from visionocr.answers.align import Alignment, AnswerWord, Role
from visionocr.answers.numbers import differ_in_decimals, has_digit, is_read_alike
from visionocr.answers.word_boxes import cover, word_boxes
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, DoubtKind

MARGIN = 0.1
"""Share of the page's height at its top and bottom where headers, footers and page numbers stand."""
LONGEST_MARGINAL = 90
"""Letters of a header or footer line, at most."""
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
    is_marginal: bool = False
    """A header, footer or page number, which models leave out on purpose."""


def find_disagreements(alignment: Alignment, *, is_exact: bool) -> list[Observation]:
    """Every disagreement: those of the answer's words in its order, then lines of the page that nobody claimed.

    *is_exact*: the lines are a text layer; an OCR engine takes O for 0 and l for 1, which is no disagreement.
    """
    boxes = word_boxes(alignment)
    return [*_of_words(alignment, boxes, is_exact), *_of_lines(alignment)]


# --- the answer's words ----------------------------------------------------------------------------------


def _of_words(alignment: Alignment, boxes: list[Box | None], is_exact: bool) -> Iterator[Observation]:
    kinds = [_kind_of(alignment, word, is_exact) for word in alignment.words]
    for kind, group in groupby(range(len(kinds)), lambda number: kinds[number]):
        if kind is None:
            continue
        run = list(group)
        # Every number is a place of its own; other words are told together.
        for numbers in [[number] for number in run] if kind is DoubtKind.NUMBER else [run]:
            yield _observe(alignment, boxes, kind, numbers)


def _kind_of(alignment: Alignment, word: AnswerWord, is_exact: bool) -> DoubtKind | None:
    """In which way a word of the answer disagrees; ``None``: in none that counts."""
    if word.role is not Role.TEXT:
        return None
    if word.line is None:
        return DoubtKind.ADDED
    there = alignment.page_text(word)
    letters = "".join(alignment.page_words[place].letters for place in word.places)
    if letters == word.letters:
        return DoubtKind.NUMBER if is_exact and differ_in_decimals(word.text, there) else None
    if word.is_same or _is_note_mark(word.letters, letters):
        return None
    if not is_exact and is_read_alike(word.letters, letters):
        return None
    return DoubtKind.NUMBER if has_digit(word.text) or has_digit(there) else DoubtKind.DIFFERENT


def _is_note_mark(one: str, other: str) -> bool:
    """Whether two words differ only in the number of a note behind one of them."""
    shorter, longer = sorted((one, other), key=len)
    rest = longer.removeprefix(shorter)
    return len(shorter) > 1 and shorter.isalpha() and rest != longer and rest.isdigit() and len(rest) < 3


def _observe(alignment: Alignment, boxes: list[Box | None], kind: DoubtKind, numbers: list[int]) -> Observation:
    words = [alignment.words[number] for number in numbers]
    places = dict.fromkeys(place for word in words for place in word.places)
    lines = {word.line for word in words if word.line is not None}
    if not lines:  # judged by the neighbours: near print that the engine is unsure of it may have missed words
        around = alignment.words[max(0, numbers[0] - 1) : numbers[-1] + 2]
        lines = {word.line for word in around if word.line is not None}
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
        letters=sum(len(word.letters) for word in words),
        words=len(words),
    )


# --- the page's lines ------------------------------------------------------------------------------------


def _of_lines(alignment: Alignment) -> Iterator[Observation]:
    has_formulas = any(word.role is Role.FORMULA for word in alignment.words)
    by_line = {line: list(group) for line, group in groupby(alignment.page_words, lambda word: word.line)}
    for number in alignment.unclaimed_lines():
        line, words = alignment.lines[number], by_line[number]
        if has_formulas and not any(len(word.letters) >= LEAST_WORD and word.letters.isalpha() for word in words):
            continue  # the answer has it as LaTeX
        free = [word for word in words if not word.is_claimed]
        letters = sum(len(word.letters) for word in free)
        doubt = Doubt(DoubtKind.MISSING, "", line.text.strip(), line.box)
        yield Observation(doubt, line.confidence, letters, len(free), is_marginal=_is_marginal(line, letters))


def _is_marginal(line: TextLine, letters: int) -> bool:
    middle = (line.box.top + line.box.bottom) / 2
    return letters <= LONGEST_MARGINAL and not MARGIN < middle < 1 - MARGIN

"""Sets right the numbers of an answer that a text layer contradicts."""

from __future__ import annotations

import re
from collections import Counter

from visionocr.answers.align import Alignment, AnswerWord, align
from visionocr.answers.compare import lines_inside
from visionocr.answers.doubts import kind_of
from visionocr.boxes import Box
from visionocr.evidence import DoubtKind, Reference, Source
from visionocr.types import Finding, FindingKind, Severity

_NUMBER = re.compile(r"\d(?:[\d.,'’]*\d)?")


def repair_numbers(text: str, reference: Reference, *, markdown: bool, region: Box) -> tuple[str, Finding | None]:
    """Put the page's number in the place of each other one of an answer, and say so.

    Only where a text layer leaves no choice: one word stands in the place of one word, both have a single number and
    else the same letters, the words beside it in the page's line are the answer's, and the answer's number is none that
    is missing elsewhere.
    """
    if reference.source is not Source.TEXT_LAYER:
        return text, None
    alignment = align(text, lines_inside(reference, region), markdown=markdown)
    claims = Counter(place for word in alignment.words for place in word.places)
    missing = {word.letters for word in alignment.page_words if not word.is_claimed}
    changes: list[tuple[str, str]] = []
    parts: list[str] = []
    done = 0
    for at, word in enumerate(alignment.words):
        is_other = kind_of(alignment, word, is_exact=True) is DoubtKind.NUMBER and word.letters not in missing
        if not is_other or not _is_certain(alignment, claims, at):
            continue
        here, there = _find_number(text[word.start : word.end]), _find_number(alignment.page_text(word))
        if here and there and _agree_around(here, there):
            parts += [text[done : word.start + here.start()], there[0]]
            done = word.start + here.end()
            changes.append((here[0], there[0]))
    if not changes:
        return text, None
    noun, verb = ("number", "was") if len(changes) == 1 else ("numbers", "were")
    message = (
        f"{len(changes)} {noun} {verb} set right by the page's text layer, first: “{changes[0][0]}” "
        f"became “{changes[0][1]}”."
    )
    return "".join([*parts, text[done:]]), Finding(FindingKind.NUMBERS_DIFFER, message, Severity.INFO)


def _is_certain(alignment: Alignment, claims: Counter[int], at: int) -> bool:
    """Whether one word stands for one, between the words that stand beside it on the page."""
    word = alignment.words[at]
    if len(word.places) != 1 or claims[word.places[0]] != 1:
        return False
    place = word.places[0]
    around = alignment.words[max(0, at - 1) : at] + alignment.words[at + 1 : at + 2]
    return any(other.is_same for other in around) and all(
        _is_beside(alignment, at + step, place + step, word) for step in (-1, 1)
    )


def _is_beside(alignment: Alignment, at: int, place: int, word: AnswerWord) -> bool:
    """Whether the word *at* is the page's at *place*, if the line of *word* goes on so far."""
    if not 0 <= place < len(alignment.page_words) or alignment.page_words[place].line != word.line:
        return True
    return 0 <= at < len(alignment.words) and alignment.words[at].is_same and place in alignment.words[at].places


def _find_number(text: str) -> re.Match[str] | None:
    """The only number in *text*; ``None`` when there are more, or none."""
    found = list(_NUMBER.finditer(text))
    return found[0] if len(found) == 1 else None


def _agree_around(here: re.Match[str], there: re.Match[str]) -> bool:
    """Whether two words have the same letters before and behind their numbers."""

    def letters(found: re.Match[str]) -> str:
        rest = found.string[: found.start()] + "|" + found.string[found.end() :]
        return "".join(char for char in rest if char.isalpha() or char == "|").casefold()

    return letters(here) == letters(there)

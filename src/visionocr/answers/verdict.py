"""What the disagreements between an answer and its page amount to: findings, and the doubts that are worth a look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from visionocr.answers.align import Alignment
from visionocr.answers.doubts import Observation, find_disagreements
from visionocr.evidence import Doubt, DoubtKind, Source
from visionocr.text import write_count
from visionocr.types import Finding, FindingKind, Severity

SURE = 0.98
"""Confidence of a line from which a difference is a doubt. Of known good words, compared with what the embedded engine
read on degraded renders, it would have accused 0.04 % in lines from 0.99 on, 0.75 % from 0.98, 1.9 % from 0.97, 6.8 %
from 0.95, 16 % from 0.90."""
SURE_OF_NUMBERS = 0.975
"""The same for numbers: of 1,738 right ones in such lines, on 100 drawn and scanned pages, none was contradicted, and
88 % of single altered amounts were found (80 % with 0.98)."""
LEGIBLE = 0.9
"""Confidence of a line from which it is text, so that it must have words in the answer."""
HINT = 0.97
"""Confidence of a line from which a difference is worth a remark."""
PLENTY = 80
"""Letters of a page with which a transcription certainly shares words."""
UNLIKE = 0.4
"""Share of the letters of both answer and page that have a place in the other, below which it is no transcription."""
LEAST = {Source.TEXT_LAYER: (8, 0.02), Source.SECOND_READER: (8, 0.03)}
"""Letters, and share of the letters, that must be missing, or added and different, before an answer is suspect."""
OPTIONAL = 0.15
"""Share of a page's letters that headers, footers and labels in pictures have at the most."""
_LEAST_SURE = {DoubtKind.MISSING: LEGIBLE, DoubtKind.NUMBER: SURE_OF_NUMBERS}
_NAMES = {Source.TEXT_LAYER: "the page's text layer", Source.SECOND_READER: "the second reader"}


def weigh(
    alignment: Alignment, source: Source, *, is_partial: bool = False
) -> tuple[tuple[Finding, ...], tuple[Doubt, ...]]:
    """The findings and the doubts. *is_partial*: the lines are not all of the page, so that nothing is added."""
    every = find_disagreements(alignment, is_exact=source is Source.TEXT_LAYER)
    if is_partial:
        every = [each for each in every if each.doubt.kind is not DoubtKind.ADDED]
    doubts = [each for each in every if each.sure >= _LEAST_SURE.get(each.doubt.kind, SURE)]
    hints = [each for each in every if HINT <= each.sure < _LEAST_SURE.get(each.doubt.kind, SURE)]
    if _is_other_text(alignment) and not is_partial:
        message = f"The answer is not the text of this page: it shares hardly any words with {_NAMES[source]}."
        findings = [Finding(FindingKind.NOT_A_TRANSCRIPTION, message)]
    else:
        findings = [
            finding
            for finding in (
                _find_missing(doubts, alignment, source),
                _find_added(doubts, alignment, source),
                _find_numbers(doubts, source),
                _find_hints(hints),
            )
            if finding
        ]
    return tuple(findings), tuple(each.doubt for each in doubts)


def _is_other_text(alignment: Alignment) -> bool:
    """Whether answer and page have hardly any words in common, although both have words."""
    answer = sum(len(word.letters) for word in alignment.words)
    page = sum(len(word.letters) for word in alignment.page_words)
    placed = sum(len(word.letters) for word in alignment.words if word.line is not None)
    claimed = sum(len(word.letters) for word in alignment.page_words if word.is_claimed)
    return page >= PLENTY and placed < UNLIKE * answer and claimed < UNLIKE * page


def _find_missing(doubts: Iterable[Observation], alignment: Alignment, source: Source) -> Finding | None:
    missing = [each for each in doubts if each.doubt.kind is DoubtKind.MISSING]
    if not missing:
        return None
    page = sum(len(word.letters) for word in alignment.page_words)
    optional = sum(each.letters for each in missing if each.is_optional)
    body = [each for each in missing if not each.is_optional or optional > OPTIONAL * page]
    severity = Severity.SUSPECT if _is_much(body, page, source) else Severity.INFO
    shown = body or missing
    where = "" if body else " at its top or bottom, or in a picture,"
    verb = "is" if len(shown) == 1 else "are"
    message = (
        f"{write_count(len(shown), 'line')} of {_NAMES[source]}{where} {verb} not in the answer, "
        f"first: {_quote(shown[0].doubt.instead)}."
    )
    return Finding(FindingKind.MISSING_TEXT, message, severity)


def _find_added(doubts: Iterable[Observation], alignment: Alignment, source: Source) -> Finding | None:
    others = [each for each in doubts if each.doubt.kind in (DoubtKind.ADDED, DoubtKind.DIFFERENT)]
    if not others:
        return None
    answer = sum(len(word.letters) for word in alignment.words)
    severity = Severity.SUSPECT if _is_much(others, answer, source) else Severity.INFO
    first = others[0].doubt
    instead = f" where it has {_quote(first.instead)}" if first.instead else ""
    words = sum(each.words for each in others)
    verb = "is" if words == 1 else "are"
    where = f"not in {_NAMES[source]}, first: {_quote(first.text)}{instead}"
    message = f"{write_count(words, 'word')} of the answer {verb} {where}."
    return Finding(FindingKind.ADDED_TEXT, message, severity)


def _find_numbers(doubts: Iterable[Observation], source: Source) -> Finding | None:
    numbers = [each.doubt for each in doubts if each.doubt.kind is DoubtKind.NUMBER]
    if not numbers:
        return None
    first = numbers[0]
    verb = "differs" if len(numbers) == 1 else "differ"
    where = f" where it has {_quote(first.instead)}" if first.instead else ", which it does not have"
    example = f"{_quote(first.text)}{where}" if first.text else f"{_quote(first.instead)} is missing"
    return Finding(
        FindingKind.NUMBERS_DIFFER,
        f"{write_count(len(numbers), 'number')} {verb} from {_NAMES[source]}, first: {example}.",
    )


def _find_hints(hints: Sequence[Observation]) -> Finding | None:
    differing = [each.doubt for each in hints if each.doubt.kind in (DoubtKind.NUMBER, DoubtKind.DIFFERENT)]
    if not differing:
        return None
    first = differing[0]
    message = (
        f"The second reader, which is not quite sure, reads {_quote(first.instead)} where the answer has "
        f"{_quote(first.text)}."
    )
    kind = FindingKind.NUMBERS_DIFFER if first.kind is DoubtKind.NUMBER else FindingKind.ADDED_TEXT
    return Finding(kind, message, Severity.INFO)


def _is_much(found: Iterable[Observation], whole: int, source: Source) -> bool:
    """Whether what disagrees is too much to be explained by the page's oddities."""
    letters, share = LEAST[source]
    return sum(each.letters for each in found) >= max(letters, share * whole)


def _quote(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text if len(text) <= 60 else text[:57] + '…'}”"

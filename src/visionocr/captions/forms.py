"""What the answers about a picture must be: captions, keywords and alternative texts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from visionocr.captions.keywords import RECORD, choose_keywords, parse_keywords
from visionocr.captions.order import LONGEST_ALT
from visionocr.captions.word_rules import WordRules
from visionocr.extraction.grammar import write_grammar
from visionocr.extraction.schema import strict_schema
from visionocr.types import Finding, FindingKind, Severity, Shape

_DOUBLES = 2
"""How many times more often than once keywords are said, on average, in an answer that goes round in circles."""
_LABEL = re.compile(r"\A(?:alt(?:ernative)?[ -]?text|alt)\s*:\s*", re.IGNORECASE)

KEYWORDS_SHAPE = Shape(write_grammar(RECORD), json.dumps(strict_schema(RECORD)))


@dataclass(frozen=True, slots=True)
class CaptionForm:
    """A caption: its words, and that it differs from *others* of the same picture."""

    words: WordRules = WordRules()
    others: tuple[str, ...] = ()
    shape: Shape | None = None

    def judge(self, text: str, *, is_cut: bool) -> tuple[str, tuple[Finding, ...]]:  # noqa: ARG002
        """See ``AnswerForm.judge``."""
        return text, (*_check_words(text, self.words, "the caption"), *_check_others(text, self.others))


@dataclass(frozen=True, slots=True)
class KeywordsForm:
    """A list of keywords; becomes a text with one of them on each line. Banned ones are left out."""

    words: WordRules = WordRules()
    others: tuple[str, ...] = ()
    shape: Shape | None = KEYWORDS_SHAPE

    def judge(self, text: str, *, is_cut: bool) -> tuple[str, tuple[Finding, ...]]:
        """See ``AnswerForm.judge``."""
        said = parse_keywords(text, is_cut=is_cut)
        keywords = choose_keywords(item for item in said if not self.words.find_banned(item))
        if not keywords:
            return "", (Finding(FindingKind.CAPTION, "the answer holds no list of keywords", Severity.FAILED),)
        joined = "\n".join(keywords)
        findings = [*_check_words(joined, self.words, "the list of keywords"), *_check_others(joined, self.others)]
        if len(said) > _DOUBLES * len({item.casefold() for item in said}):
            findings.append(Finding(FindingKind.REPETITION, "the list of keywords repeats itself"))
        return joined, tuple(findings)


@dataclass(frozen=True, slots=True)
class AltForm:
    """An alternative text: one line that is not too long."""

    words: WordRules = WordRules()
    shape: Shape | None = None

    def judge(self, text: str, *, is_cut: bool) -> tuple[str, tuple[Finding, ...]]:  # noqa: ARG002
        """See ``AnswerForm.judge``."""
        line = _LABEL.sub("", " ".join(text.split()))
        if line[:1] + line[-1:] in {'""', "“”"} and '"' not in line[1:-1]:
            line = line[1:-1]
        if len(line) > LONGEST_ALT:
            message = f"it has {len(line)} characters, {LONGEST_ALT} are allowed"
            return line, (Finding(FindingKind.CAPTION, message, Severity.FAILED),)
        return line, _check_words(line, self.words, "it")


def _check_words(text: str, words: WordRules, what: str) -> tuple[Finding, ...]:
    """The findings about banned words in *text*, and about required ones that it lacks. *what* names it."""
    messages = []
    if banned := words.find_banned(text):
        messages.append(f"{what} has the banned word “{banned}”")
    if missing := words.find_missing(text):
        messages.append(f"{what} lacks the required word {' or '.join(f'“{word}”' for word in missing)}")
    return tuple(Finding(FindingKind.CAPTION, message) for message in messages)


def _check_others(text: str, others: tuple[str, ...]) -> tuple[Finding, ...]:
    if not is_among(text, others):
        return ()
    return (Finding(FindingKind.CAPTION, "it is the same as another caption of the picture"),)


def is_among(text: str, others: tuple[str, ...]) -> bool:
    """Whether *text* says the same, word for word, as one of *others*."""
    plain = {" ".join(other.casefold().split()) for other in others}
    return " ".join(text.casefold().split()) in plain

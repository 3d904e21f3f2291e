"""What chat models say around the text that they were asked for, or instead of it.

The phrases of each language stand in ``prompts/phrases.toml``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_LONGEST_LINE = 240
"""Characters of a line of the model's own. Longer lines are text."""
_LONGEST_REFUSAL = 400
"""Characters. Longer answers that begin like a refusal are letters, or do the work after all."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The phrases of all languages by kind, each kind as one pattern."""

    preamble: re.Pattern[str]
    announcement: re.Pattern[str]
    closing: re.Pattern[str]
    about_work: re.Pattern[str]
    refusal: re.Pattern[str]
    nothing_there: re.Pattern[str]


def preamble_length(text: str) -> int:
    """How many characters at the start are the model's own words before the text; 0 when none."""
    done = 0
    while found := _load_patterns().preamble.match(text, done, done + _LONGEST_LINE):
        # The match may have ended because the window did: a preamble ends with its line.
        if found.end() < len(text) and text[found.end() - 1] != "\n":
            break
        done = found.end()
    return done


def closing_start(text: str, *, chatty: bool) -> int:
    """Where the model's own words after the text begin; ``len(text)`` when there are none.

    Letters end with "Let me know if you need anything else" too. So this counts only when the sentence speaks
    of the transcription or the image, or when the model is known to chat (``chatty``).
    """
    patterns = _load_patterns()
    start = end = len(text)
    while end > 0:
        line = text.rfind("\n", 0, end) + 1
        last, end = text[line:end].rstrip(), line - 1
        if not last:
            continue
        last = last.strip("*_ ")
        is_closing = len(last) <= _LONGEST_LINE and all(map(patterns.closing.match, _SENTENCE_END.split(last)))
        if not is_closing or not (chatty or patterns.about_work.search(last)):
            return start
        start = line
    return 0


def is_chatter(text: str) -> bool:
    """Whether *text* is nothing but a model's announcement of what it is going to write."""
    rest = text[preamble_length(text) :].strip()
    return not rest or _load_patterns().announcement.fullmatch(rest) is not None


def is_refusal(text: str) -> bool:
    """Whether a short answer begins like a refusal."""
    return len(text) < _LONGEST_REFUSAL and _load_patterns().refusal.match(text) is not None


def says_nothing_there(text: str) -> bool:
    """Whether a short answer says that there is no text, in place of being empty."""
    return len(text) < _LONGEST_REFUSAL and _load_patterns().nothing_there.match(text) is not None


@cache
def _load_patterns() -> _Patterns:
    file = resources.files("visionocr.prompts").joinpath("phrases.toml")
    languages = tomllib.loads(file.read_text("utf-8")).values()

    def any_of(kind: str) -> str:
        return f"(?:{'|'.join(_fill(phrase, table) for table in languages for phrase in table.get(kind, ()))})"

    def compiled(pattern: str) -> re.Pattern[str]:
        return re.compile(pattern, re.IGNORECASE)

    return _Patterns(
        preamble=compiled(
            rf"[\s*_#>]*{any_of('openers')}?[\s*_]*{any_of('preambles')}\s?[*_]*[:：][*_]*[ \t]*(?:\n|\Z)"
        ),
        announcement=compiled(any_of("announcements")),
        closing=compiled(any_of("closings")),
        about_work=compiled(any_of("about_work")),
        refusal=compiled(rf"[\W_]*{any_of('refusals')}"),
        nothing_there=compiled(rf"[\W_]*{any_of('nothing_there')}"),
    )


def _fill(phrase: str, language: dict[str, Any]) -> str:
    """*phrase* with the language's words in place of their names; they may hold further names."""
    while _WORD.search(phrase):
        phrase = _WORD.sub(lambda name: str(language["words"][name[1]]), phrase)
    return phrase

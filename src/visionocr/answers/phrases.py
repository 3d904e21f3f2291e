"""What chat models say around the text that they were asked for, or instead of it.

The phrases of each language stand in ``prompts/phrases.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

_LONGEST_LINE = 240
"""Characters of a line of the model's own. Longer lines are text."""
_LONGEST_REMARK = 600
"""Characters of a paragraph of the model's own. Longer paragraphs are text."""
_LONGEST_REFUSAL = 400
"""Characters. Longer answers that begin like a refusal may be letters, or do the work after all."""
_LONGEST_SPEECH = 4000
"""Characters. A model that speaks of a page in place of giving its text does so in a few paragraphs."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")
_ITEM_MARK = re.compile(r"[\s#>*_•+-]*(?:\d{1,2}[.)]\s+)?[\s*_]*")
"""What may stand before the words of a sentence: marks of headings, lists and emphasis."""
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_WORD = re.compile(r"\{\{(\w+)\}\}")


_PREAMBLE = r"[\s*_#>]*<openers>?[\s*_]*<preambles>\s?[*_]*[:：][*_]*[ \t]*(?:\n|\Z)"
_REFUSAL = r"[\W_]*<refusals>"
_NOTHING_THERE = r"[\W_]*<nothing_there>"
_KIND = re.compile(r"<(\w+)>")


def preamble_length(text: str) -> int:
    """How many characters at the start are the model's own words before the text; 0 when none."""
    done = 0
    while end := _preamble_end(text, done) or _remark_end(text, done):
        done = end
    return done


def _preamble_end(text: str, start: int) -> int:
    """Where the preamble that begins at *start* ends; 0 when there is none."""
    found = _pattern(_PREAMBLE).match(text, start, start + _LONGEST_LINE)
    # The match may have ended because the window did: a preamble ends with its line.
    return found.end() if found and (found.end() == len(text) or text[found.end() - 1] == "\n") else 0


def _remark_end(text: str, start: int) -> int:
    """Where the paragraph that begins at *start* ends if it is a remark; 0 otherwise."""
    while start < len(text) and text[start].isspace():
        start += 1
    limit = _PARAGRAPH_END.search(text, start, start + _LONGEST_REMARK + 2)
    end = limit.end() if limit else len(text)
    return end if is_remark(text[start : min(end, start + _LONGEST_REMARK + 1)]) else 0


def is_remark(paragraph: str) -> bool:
    """Whether a paragraph speaks of the work on the page: "Note: I have transcribed the page as it is"."""
    return len(paragraph) <= _LONGEST_REMARK and _pattern("<remarks>").match(paragraph) is not None


def closing_start(text: str, *, chatty: bool) -> int:
    """Where the model's own words after the text begin; ``len(text)`` when there are none.

    Letters end with "Let me know if you need anything else" too. So this counts only when the sentence speaks
    of the transcription or the image, or when the model is known to chat (``chatty``).
    """
    start = end = len(text)
    while end > 0:
        while end > 0 and text[end - 1].isspace():
            end -= 1
        begin = _last_remark_start(text, end)
        if begin < 0:
            begin = _last_closing_start(text, end, chatty=chatty)
        if begin < 0:
            return start
        start = end = begin
    return 0


def _last_remark_start(text: str, end: int) -> int:
    """Where the last paragraph before *end* begins if it is a remark; -1 otherwise."""
    begin = text.rfind("\n\n", max(0, end - _LONGEST_REMARK - 2), end)
    return begin + 2 if begin >= 0 and is_remark(text[begin:end].strip()) else -1


def _last_closing_start(text: str, end: int, *, chatty: bool) -> int:
    """Where the last line before *end* begins if it is the model's own; -1 otherwise."""
    begin = text.rfind("\n", 0, end) + 1
    last = text[begin:end].strip("*_ \t")
    if not last or len(last) > _LONGEST_LINE or not all(map(_pattern("<closings>").match, _SENTENCE_END.split(last))):
        return -1
    return begin if chatty or _pattern("<about_work>").search(last) else -1


def is_chatter(text: str) -> bool:
    """Whether *text* is nothing but a model's announcement of what it is going to write."""
    rest = text[preamble_length(text) :].strip()
    return not rest or _pattern("<announcements>").fullmatch(rest) is not None


def is_refusal(text: str) -> bool:
    """Whether an answer begins like a refusal and is short, or goes on to speak of the picture or the work."""
    if len(text) > _LONGEST_SPEECH or not _pattern(_REFUSAL).match(text):
        return False

    def is_of_the_model(sentence: str) -> bool:
        found = _pattern(_REFUSAL).match(sentence) or _pattern("<closings>").match(sentence)
        return bool(found or _pattern("<about_work>").search(sentence))

    return len(text) < _LONGEST_REFUSAL or _are_mostly(is_of_the_model, _split_sentences(text))


def says_nothing_there(text: str) -> bool:
    """Whether a short answer says that there is no text, in place of being empty."""
    return len(text) < _LONGEST_REFUSAL and _pattern(_NOTHING_THERE).match(text) is not None


def is_description(text: str) -> bool:
    """Whether an answer says what the page looks like: it begins so, and most of its sentences go on so.

    A page may begin with such a sentence too (a caption, a report about a document), but then goes on otherwise.
    """
    if len(text) > _LONGEST_SPEECH:
        return False
    opener = _pattern("<openers>").match(text)
    sentences = _split_sentences(text[opener.end() :] if opener else text)
    if not sentences or not _pattern("<descriptions>").match(sentences[0]):
        return False
    return _are_mostly(_pattern("<about_page>").match, sentences[1:])


def _split_sentences(text: str) -> list[str]:
    return [_ITEM_MARK.sub("", part, count=1) for part in _SENTENCE_END.split(text) if part and not part.isspace()]


def _are_mostly(is_such: Callable[[str], object], sentences: list[str]) -> bool:
    """Whether at least half of *sentences* are such."""
    return 2 * sum(bool(is_such(sentence)) for sentence in sentences) >= len(sentences)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    """*form*, in which ``<kind>`` stands for the phrases of that kind in all languages."""

    def any_of(kind: re.Match[str]) -> str:
        return f"(?:{'|'.join(_fill(phrase, table) for table in _load_phrases() for phrase in table.get(kind[1], ()))})"

    return re.compile(_KIND.sub(any_of, form), re.IGNORECASE | re.DOTALL)


@cache
def _load_phrases() -> tuple[dict[str, Any], ...]:
    """The table of each language."""
    file = resources.files("visionocr.prompts").joinpath("phrases.toml")
    return tuple(tomllib.loads(file.read_text("utf-8")).values())


def _fill(phrase: str, language: dict[str, Any]) -> str:
    """*phrase* with the language's words in place of their names; they may hold further names."""
    while _WORD.search(phrase):
        phrase = _WORD.sub(lambda name: str(language["words"][name[1]]), phrase)
    return phrase

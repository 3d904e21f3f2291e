"""The keywords in an answer: those of a list in JSON, else what stands between commas or on lines of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from visionocr.answers.clean import neutralise
from visionocr.extraction.kinds import Field, ListOf, Record, Text

MOST = 20
"""Keywords of a picture."""
LONGEST = 64
"""Bytes of a keyword: IPTC has no room for more."""
_MOST_WORDS = 6
"""Words of a keyword: what has more is a sentence."""
RECORD = Record((Field("keywords", ListOf(Text(1, LONGEST + 1), 1, MOST)),))
"""The answer where a server enforces its form: the list is an object's, for some servers enforce objects only. What the
form cuts off is too long, and is left out."""

_LIST = re.compile(r'\[\s*(?=")')
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*,?')
_LABEL = re.compile(r"\A[^,:;\n]{1,40}:\s+")
"""Such as ``Here are the keywords:``."""
_MARKER = re.compile(r"\A\s*(?:[-*•·–]|\d{1,3}[.)])\s+")
_SEPARATOR = re.compile(r"[,;，；、\n]")
_QUOTES = "\"'`“”„‘’«»*_ \t"
_CODE = re.compile(r'[\[\]{}<>"\\]')
"""Characters of an answer in a form that is not understood."""


def parse_keywords(text: str, *, is_cut: bool = False) -> tuple[str, ...]:
    """The keywords in an answer as the model said them, doubles included; none where it is no list of keywords.

    *is_cut*: the answer was cut off, and what it ends with may be half a word.
    """
    opening = _LIST.search(text)
    if opening is not None:
        said = tuple(_read_strings(text, opening.end()))
        if len(said) == 1 and _SEPARATOR.search(said[0]):  # the whole list in one string
            return parse_keywords(said[0], is_cut=len(said[0]) > LONGEST)
        return tuple(filter(None, map(_trim, said)))
    parts = _SEPARATOR.split(_LABEL.sub("", text.strip()))
    items = [item for part in parts[: -1 if is_cut else None] if (item := _trim(_MARKER.sub("", part)))]
    is_list = len(parts) > 1 and not any(_CODE.search(item) or len(item.split()) > _MOST_WORDS for item in items)
    return tuple(items) if is_list else ()


def choose_keywords(items: Iterable[str]) -> tuple[str, ...]:
    """Each keyword once, in its first spelling, in the order in which they came; at most ``MOST``, none too long."""
    short = (item for item in items if len(item.encode()) <= LONGEST and len(item.split()) <= _MOST_WORDS)
    return drop_repeated(short)[:MOST]


def drop_repeated(words: Iterable[str]) -> tuple[str, ...]:
    """Each word once, in its first spelling: capital letters make no other word."""
    unique: dict[str, str] = {}
    for word in words:
        unique.setdefault(word.casefold(), word)
    return tuple(unique.values())


def _read_strings(text: str, at: int) -> Iterator[str]:
    """The strings of a JSON list from *at* on, as far as they are complete."""
    while match := _ITEM.match(text, at):
        at = match.end()
        try:
            yield json.loads(match[1], strict=False)
        except ValueError:  # an escape that JSON does not have
            continue


def _trim(item: str) -> str:
    """A keyword without what stands around it; empty where nothing of it can be read."""
    plain = neutralise(item).encode("utf-8", "ignore").decode()  # JSON may hold halves of characters
    plain = " ".join(plain.split()).strip(_QUOTES).lstrip("#")
    if plain.count(".") == 1:  # the end of a sentence, not that of an abbreviation
        plain = plain.removesuffix(".")
    return plain if any(map(str.isalnum, plain)) else ""

"""Tells whether a reader would see anything in an answer: many strings that are not empty show nothing."""

from __future__ import annotations

import html
import re
import unicodedata

_UNSHOWN = re.compile(
    r"<!--.*?(?:-->|\Z)"  # comments
    r"|<(script|style|template|title)\b[^<>]*>.*?(?:</\1\s*>|\Z)",  # elements whose content is not shown
    re.DOTALL | re.IGNORECASE,
)
_IMAGE = re.compile(r"<img\b[^<>]*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>|<[|｜][^<>]*>", re.IGNORECASE)
_LINK = re.compile(r"\[([^\[\]\n]*)\]\([^()\n]*\)")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[^`\n]*$", re.MULTILINE)
_SPACES_OF_TEX = re.compile(r"\\(?:q?quad\b|[hv]space\*?\s*\{[^{}]*\})")
_ENTITY = re.compile(r"&#?\w{1,32};?")
_EMPTY_LETTERS = "\u115f\u1160\u2800\u3164\uffa0\ufffc\ufffd"
"""Letters and symbols that show nothing, or stand for what is missing: Hangul fillers, the empty braille pattern, the
replacement characters."""
_LINES = range(0x2500, 0x2600)
"""Characters that draw lines, frames and boxes."""
_NO_VALUES = frozenset({"null", "none", "nil", "undefined", "nan", "[pad]", "[unk]", "\\n"})
"""What programs and models write for nothing."""


def is_visible(text: str) -> bool:
    """Whether a reader of *text*, as Markdown, would see a letter, a digit or a symbol.

    Nothing is seen of comments, tags, images without words, the lines of tables, empty code fences, invisible
    characters, and words such as ``null``. Punctuation alone is no text either.
    """
    text = _UNSHOWN.sub(" ", text)
    text = _IMAGE.sub(_words_of, text)
    text = _FENCE.sub(" ", _TAG.sub(" ", text))
    text = _SPACES_OF_TEX.sub(" ", _LINK.sub(r"\1", text))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    if text.strip(" \n\t.*_`\"'").casefold() in _NO_VALUES:
        return False
    return any(map(_is_shown, text))


def _words_of(image: re.Match[str]) -> str:
    """The words that stand for an image."""
    alt = _ALT.search(image[0])
    return f" {alt[1] or alt[2] or ''} " if alt else " "


def _is_shown(char: str) -> bool:
    category = unicodedata.category(char)
    if (category[0] not in "LN" and category not in {"Sc", "Sm", "So"}) or char in _EMPTY_LETTERS:
        return False
    # The symbols of ASCII are Markdown's and TeX's marks.
    return category[0] in "LN" or not (char.isascii() or ord(char) in _LINES)

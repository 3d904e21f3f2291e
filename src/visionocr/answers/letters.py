"""Words as letters that can be compared: without case, accents, punctuation, ligatures and other ways of writing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

# Thai, Lao, Burmese, Khmer, Chinese, Japanese: scripts without blanks between words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u30fa\u30fc-\u312f"
    r"\u31a0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}][^\w\s{_UNSPACED}]*|[^\s{_UNSPACED}]+")
_VOICED = "\u3099\u309a"
"""Japanese marks that make another letter."""
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())
"""Of ASCII."""
_TATWEEL = "\u0640"
"""Arabic lengthening of a word, for its looks."""


def find_words(text: str) -> list[tuple[int, int, str]]:
    """The words of *text*: begin, end and letters of each, in order.

    Words are parted at blanks; of scripts without blanks every character is one. What has no letters is no word.
    """
    return [(*found.span(), letters) for found in _WORD.finditer(text) if (letters := normalise(found[0]))]


def join_letters(text: str) -> str:
    """The letters of all words of *text*, one after the other."""
    if text.isascii():
        return text.lower().encode().translate(None, _NO_LETTERS).decode()
    return "".join(letters for _, _, letters in find_words(text))


@lru_cache(maxsize=16384)
def normalise(word: str) -> str:
    """The letters and digits of *word* in the one form that is compared.

    Compatibility forms (ligatures, full width, superscripts) and accents are taken apart, case is folded, digits of
    other scripts become ASCII's.
    """
    if word.isascii():
        return "".join(filter(str.isalnum, word)).lower()
    parts = unicodedata.normalize("NFKD", word).casefold()
    return "".join(_digit(char) if char.isdecimal() else char for char in parts if _is_letter(char))


@lru_cache(maxsize=4096)
def script_of(char: str) -> str:
    """The script of a letter, such as ``LATIN``, ``CYRILLIC`` or ``CJK``; empty for digits."""
    return unicodedata.name(char, "").split(" ", 1)[0] if char.isalpha() else ""


def _digit(char: str) -> str:
    return str(unicodedata.decimal(char))


def _is_letter(char: str) -> bool:
    if char.isalnum():
        return char != _TATWEEL
    # The vowel signs of the scripts of South and South-East Asia are marks, but no accents.
    return char in _VOICED or ("\u0900" <= char < "\u1900" and unicodedata.category(char) in ("Mc", "Mn"))


@dataclass(frozen=True, slots=True)
class Letters:
    """The letters of many words in one string, with the word of each letter."""

    text: str
    words: tuple[int, ...]
    """Of each letter: the number of its word."""
    starts: tuple[int, ...]
    """Of each word: where it starts in ``text``; and the end of the last one."""

    @classmethod
    def of(cls, words: Iterable[str]) -> Letters:
        """Put the letters of *words* together."""
        owners: list[int] = []
        starts = [0]
        parts: Sequence[str] = list(words)
        for number, word in enumerate(parts):
            owners += [number] * len(word)
            starts.append(len(owners))
        return cls("".join(parts), tuple(owners), tuple(starts))

    def is_boundary(self, place: int) -> bool:
        """Whether a word starts at a place, or the last one ends."""
        return place == len(self.words) or self.starts[self.words[place]] == place

    def first_word(self, place: int) -> int:
        """The first word that starts at a place or behind it."""
        return self.words[place] + (not self.is_boundary(place))

    def spell(self, first: int, stop: int) -> list[str]:
        """The letters of the words from *first* on, without *stop*."""
        return [self.text[self.starts[word] : self.starts[word + 1]] for word in range(first, stop)]

    def span(self, word: int) -> range:
        """The places of a word's letters."""
        return range(self.starts[word], self.starts[word + 1])

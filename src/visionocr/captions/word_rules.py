"""Words that captions must have, and words that they must not have."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts whose words are not told apart by blanks, or carry endings: Thai, Lao, Japanese, Chinese, Korean.
There a word is found within others."""
_SPACED = rf"[^\W{_UNSPACED}]"


@dataclass(frozen=True, slots=True)
class WordRules:
    """What the words of captions must be. Words are compared as a whole, without regard to case."""

    banned: tuple[str, ...] = ()
    required: tuple[tuple[str, ...], ...] = ()
    """Of each group one."""

    def find_banned(self, text: str) -> str:
        """The first banned word that *text* has; empty where it has none."""
        plain = _plain(text)
        return next((word for word in self.banned if _has_word(plain, word)), "")

    def find_missing(self, text: str) -> tuple[str, ...]:
        """The first group of required words of which *text* has none."""
        plain = _plain(text)
        return next((group for group in self.required if not any(_has_word(plain, word) for word in group)), ())


def parse_words(text: str) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(word for part in text.split(",") if (word := " ".join(part.split())))


def parse_groups(text: str) -> tuple[tuple[str, ...], ...]:
    """The groups of a list with commas; ``|`` stands between the words of a group."""
    groups = (parse_words(part.replace("|", ",")) for part in text.split(","))
    return tuple(group for group in groups if group)


def _has_word(plain: str, word: str) -> bool:
    wanted = _plain(word)
    before = rf"(?<!{_SPACED})" if re.match(_SPACED, wanted) else ""
    after = rf"(?!{_SPACED})" if re.match(_SPACED, wanted[-1:]) else ""
    return re.search(before + re.escape(wanted) + after, plain) is not None


def _plain(text: str) -> str:
    """For comparing: one way of writing each letter, one blank between words."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).split())

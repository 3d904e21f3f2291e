"""Text as a PDF holds it becomes text as people write it: accents on their letters, ligatures as letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for what is no letter: control characters, and what PyMuPDF could not find out."""
_SPACING_ACCENTS = {
    "`": "\u0300",
    "\u00b4": "\u0301",
    "^": "\u0302",
    "\u02c6": "\u0302",
    "~": "\u0303",
    "\u02dc": "\u0303",
    "\u00af": "\u0304",
    "\u02c9": "\u0304",
    "\u02d8": "\u0306",
    "\u02d9": "\u0307",
    "\u00a8": "\u0308",
    "\u02da": "\u030a",
    "\u02dd": "\u030b",
    "\u02c7": "\u030c",
    "\u00b8": "\u0327",
    "\u02db": "\u0328",
}
"""Accents with a width of their own, as the fonts of TeX have them, and the combining ones that mean the same."""
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
_LOOSE = re.compile("[\u0300-\u036f" + re.escape("".join(_SPACING_ACCENTS)) + "]")
_PRESENTATION = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]")
"""Ligatures of Latin, Armenian and Hebrew, and the shapes that Arabic letters take within words."""
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
"""Soft hyphens, and spaces without width."""
_NO_LETTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Glyph:
    """A letter where it is painted, or an accent."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def is_plain(text: str) -> bool:
    """Whether there is nothing but printable ASCII, which ``clean_text`` leaves as it is."""
    return text.isascii() and text.isprintable()


def has_loose_accents(text: str) -> bool:
    """Whether there are accents that may belong to a letter beside them."""
    return _LOOSE.search(text) is not None


def compose_accents(glyphs: Sequence[Glyph]) -> str:
    """The text of a line, in which an accent that is painted over a letter is one with it.

    TeX paints an accent, goes back and paints its letter: a file then has "caf´e". An accent that stands beside its
    neighbours, as in "`quoted'", is left alone, and so is one that no letter of Unicode has.
    """
    result: list[str] = []
    waiting: list[Glyph] = []
    """Accents to go with the letter that comes next."""
    for at, glyph in enumerate(glyphs):
        if not has_loose_accents(glyph.text):
            result.append(_put_on(glyph.text, waiting))
            waiting = []
        elif glyph.text not in _SPACING_ACCENTS:  # a combining one: it follows its letter, unless it is misplaced
            if not (at and _belongs(glyph, glyphs[at - 1])) and _find_bearer(glyph, glyphs, at):
                waiting.append(glyph)
            else:
                result.append(glyph.text)
        elif _find_bearer(glyph, glyphs, at):
            waiting.append(glyph)
        elif at and _belongs(glyph, glyphs[at - 1]):
            result.append(_put_on(result.pop(), [glyph]))
        else:
            result.append(glyph.text)
    return unicodedata.normalize("NFC", "".join(result))


def clean_text(text: str) -> str:
    """The text without ligatures, shapes of letters, soft hyphens and control characters, in composed form (NFC)."""
    text = _NO_LETTER.sub(UNKNOWN, _INVISIBLE.sub("", text))
    text = _PRESENTATION.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return unicodedata.normalize("NFC", text)


def _find_bearer(accent: Glyph, glyphs: Sequence[Glyph], at: int) -> bool:
    """Whether the accent at the place *at* belongs to the next letter; another accent may stand between."""
    following = next((other for other in glyphs[at + 1 : at + 3] if not has_loose_accents(other.text)), None)
    return following is not None and _belongs(accent, following)


def _belongs(accent: Glyph, letter: Glyph) -> bool:
    """Whether the middle of the accent lies over the letter, and Unicode has a letter that is both."""
    across, down = (accent.left + accent.right) / 2, (accent.top + accent.bottom) / 2
    is_over = letter.left <= across <= letter.right and letter.top <= down <= letter.bottom
    return is_over and _put_on(letter.text, [accent]) != letter.text + accent.text


def _put_on(letter: str, accents: Sequence[Glyph]) -> str:
    """The letter with its accents, as one character for each that Unicode has such a letter for."""
    for accent in accents:
        mark = _SPACING_ACCENTS.get(accent.text, accent.text)
        composed = unicodedata.normalize("NFC", _DOTLESS.get(letter, letter) + mark)
        letter = composed if len(composed) == 1 else letter + accent.text
    return letter

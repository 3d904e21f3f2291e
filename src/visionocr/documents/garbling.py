"""Whether the letters of a text layer can be those of a language, or come from a font whose encoding is broken.

Such a font maps its shapes to other letters, to none, or to private ones: the page looks well and its text is cipher.
Only how often letters occur is looked at, no words.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache, lru_cache

from visionocr.documents.written_letters import UNKNOWN

_USUAL = {
    "LATIN": "a123e110i86n75o63s60r59t57l47d39u37m32k28c23g23p21h20v17b16y15j12f10z10w9x2q2",
    "CYRILLIC": "а106о94и93н77е76т61р57с51в42к40л37д32м26п26у23і20г19з17я14б13ч10ц9ь8х7ж6ф6ј5ш5ю4ы4ъ4щ3є1",
    "GREEK": "α114ο111ι96τ81ε73ν61η55ρ46υ44κ43σ41ς40π34μ34λ30ω20γ18δ16χ11θ10φ8β8ζ3ξ3ψ1",
    "HEBREW": "י120ו114ה85ר63ל61ב57ת56מ55א51ש42נ38ד26ק25ע24ם24פ23ס22ח21כ18ט17ג17ן13צ13ז9ך3ף2ץ1",
    "ARABIC": "ا153ي101ر68و58ل57م57ن55ت43د40س38ب35ک33ه30ش20ع20ف18ہ18ے16ج15ق15ة13ز12ح11خ7ص7ط7ں7ك7پ7گ6"
    "ھ4غ3ض3ث3چ2ذ2ى2ظ2ء2ٹ2",
    "DEVANAGARI": "र110क92न68त66स61य54म53ह49ल48प48व41द30ज25ग21च19श19ट17ब16भ16अ13ए13ण12ध12ष11थ11आ10ड10ख7"
    "उ7इ6छ6ठ4फ4ई3ळ3घ3औ2",
}
"""Letters of 1,000, without their accents: the mean over the languages of a script (31 of them Latin), from the
profiles of langdetect 1.0.9 (Apache-2.0), which were counted in Wikipedia."""
_LEAST_LETTERS = 80
_LEAST_LIKENESS = 0.72
"""Cosine between the letters of a text and the usual ones. Of 100 letters drawn by the frequencies of 41 languages 2 in
1,000 samples are below (the least, 0.67, are Welsh; English 0.81), of exchanged alphabets 94 to 98 in 100."""
_MOST_OF_ONE = 0.4
"""Share of a single letter: a has 0.2 in Somali and Malay."""
_LEAST_IDEOGRAPHS = 25
_LEAST_COMMON = 0.8
"""Share of ideographs or Korean syllables that are in everyday use: 0.98 to 1.0 in Wikipedia's Chinese, Japanese and
Korean, 0.5 to 0.6 with each exchanged for the next one of Unicode, 0.2 to 0.35 of those that Unicode has."""
_COMMON_IDEOGRAPHS = (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("shift_jis", 0x88, 0x97))
"""Encodings that order ideographs by use, and the first bytes of those in everyday use."""
_ENOUGH = 1_000
"""Letters of a font that are looked at."""
_MOST_GARBLED = 0.1
"""Share of a page's letters."""
_MOST_UNKNOWN = 0.05
"""Share of letters that are unknown or private."""
_LEAST_VISIBLE = 20
"""Letters and signs below which nothing is said."""
_MOST_SIGNS = 0.4
"""Share of signs that are none of everyday writing, among letters, digits and them. Formulas have up to 0.3."""
_LEAST_WORDS = 10
_MOST_MIXED = 0.2
"""Share of words that are made of the letters of several alphabets."""
_WORD = re.compile(r"[^\W\d_]{3,}")
_SIGNS = '!"#$%&*+/<=>@[\\]^`{|}~'
_MIXABLE = frozenset({"LATIN", "CYRILLIC", "GREEK", "HEBREW", "ARABIC", "ARMENIAN", "GEORGIAN", "THAI", "DEVANAGARI"})


def find_garbling(texts: Iterable[str]) -> str:
    """Why a page's texts, each of a font of its own, are no writing of any language, in a few words; empty if they are.

    Fonts that show little of the page may hold anything: bullets, ticks, icons.
    """
    total, reasons = 0, Counter[str]()
    for text in texts:
        total += len(text)
        reasons[_judge(text[:_ENOUGH])] += len(text)
    good = reasons.pop("", 0)
    return max(reasons, key=reasons.__getitem__) if total - good > _MOST_GARBLED * total else ""


def _judge(text: str) -> str:
    counts = Counter(text)
    visible = len(text) - counts[" "]
    if visible < _LEAST_VISIBLE:
        return ""
    if _count_unknown(text, counts) > _MOST_UNKNOWN * visible:
        return "its font does not tell which letters it shows"
    signs = sum(counts[sign] for sign in _SIGNS)
    plain = sum(count for letter, count in counts.items() if letter.isalnum())
    if signs > _MOST_SIGNS * (signs + plain):
        return "it is made of signs instead of letters"
    words = _WORD.findall(text)
    # Each word once: forms and tables say the same again and again.
    if _mixes_alphabets(words) or _is_monotonous(words) or not _has_usual_letters(Counter("".join(set(words)).lower())):
        return "its letters are those of no language: the encoding of its font is broken"
    return ""


def _count_unknown(text: str, counts: Counter[str]) -> int:
    """Letters that are unknown, private or not assigned.

    Private ones that stand alone are bullets, ticks and icons, which a symbol font may show.
    """
    odd = {letter for letter in counts if letter > "\x7f" and _is_unknown(letter)}
    alone = sum(sign in odd and sign != UNKNOWN for sign in text.split()) if odd - {UNKNOWN} else 0
    return sum(counts[letter] for letter in odd) - alone


@lru_cache(4096)
def _is_unknown(letter: str) -> bool:
    return letter == UNKNOWN or unicodedata.category(letter) in {"Co", "Cn", "Cc"}


def _is_monotonous(words: list[str]) -> bool:
    """Whether one letter stands for many."""
    letters = Counter("".join(words).lower())
    return letters.total() >= _LEAST_LETTERS and max(letters.values()) > _MOST_OF_ONE * letters.total()


def _mixes_alphabets(words: list[str]) -> bool:
    if len(words) < _LEAST_WORDS or all(map(str.isascii, words)):
        return False
    mixed = sum(len({find_script(letter) for letter in word[:20]} & _MIXABLE) > 1 for word in words)
    return mixed > _MOST_MIXED * len(words)


@lru_cache(4096)
def find_script(letter: str) -> str:
    """The first word of a letter's name in Unicode, such as ``LATIN``; empty for what has none."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _has_usual_letters(counts: Counter[str]) -> bool:
    """Whether the letters of each script occur about as often as they usually do."""
    scripts: dict[str, Counter[str]] = {}
    for letter, count in counts.items():
        base = unicodedata.normalize("NFD", letter)[0]
        base = letter if "\uac00" <= letter <= "\ud7a3" else base
        scripts.setdefault(find_script(base), Counter())[base] += count
    for script, letters in scripts.items():
        total = letters.total()
        if script in _USUAL:
            if total >= _LEAST_LETTERS and _compare(letters, _usual(script)) < _LEAST_LIKENESS:
                return False
        elif script in ("CJK", "HANGUL") and total >= _LEAST_IDEOGRAPHS:
            common = sum(count for letter, count in letters.items() if _is_common(letter))
            if common < _LEAST_COMMON * total:
                return False
    return True


@cache
def _usual(script: str) -> dict[str, int]:
    return {letter: int(number) for letter, number in re.findall(r"(\D)(\d+)", _USUAL[script])}


def _compare(letters: Counter[str], usual: dict[str, int]) -> float:
    """The cosine between two vectors of letters: 1 where they occur equally often, 0 where they have none in common."""
    product = sum(count * usual.get(letter, 0) for letter, count in letters.items())
    return product / math.hypot(*letters.values()) / math.hypot(*usual.values())


@lru_cache(4096)
def _is_common(letter: str) -> bool:
    """Whether an ideograph or a Korean syllable is in everyday use somewhere."""
    if "\uac00" <= letter <= "\ud7a3":
        return _encode(letter, "euc_kr", 0xB0, 0xC8)
    return any(_encode(letter, *encoding) for encoding in _COMMON_IDEOGRAPHS)


def _encode(letter: str, encoding: str, first: int, last: int) -> bool:
    try:
        encoded = letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return len(encoded) == 2 and first <= encoded[0] <= last

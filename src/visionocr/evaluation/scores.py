"""Scores of one page against its known text: wrong characters and words, order, numbers, table cells.

Marks of Markdown count for nothing, and neither do kinds of quotation marks, dashes, bullets, ligatures, white space.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import LCSseq, Levenshtein

from visionocr.answers.plain import JOINT, hide_marks

_SAME = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′`´", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("•●▪■◦‣∙·\u00ad", ""),
        "…": "...",
    }
)
_NUMBER = re.compile(r"\d(?:[\d.,:/-]*\d)?")
_RULE = re.compile(r"[|\s:-]*-[|\s:-]*")
_ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.MULTILINE)
_HTML_CELL = re.compile(r"<t[dh]\b[^<>]*>((?:(?!<t[dh]\b).)*?)</t[dh]>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scores:
    """How a text differs from the known one. Shares are 0 to 1; error rates can be greater."""

    letters: int
    """Characters of the known text, the weight of the page in an average."""
    cer: float
    """Character error rate: insertions, deletions and substitutions over the known text's length."""
    wer: float
    """Word error rate."""
    recall: float
    """Share of the known words that are there, in whatever order."""
    precision: float
    """Share of the words there that are known, in whatever order."""
    order: float
    """Share of the common words that are in the right order: their longest common subsequence."""
    numbers: float | None
    """F-score of the numbers; ``None`` where neither text has any."""
    cells: float | None
    """F-score of the table cells; ``None`` where the known text has no table."""


def score(truth: str, text: str) -> Scores:
    """Compare *text* with the known text *truth*, both Markdown or plain."""
    known, found = normalise(truth), normalise(text)
    known_words, found_words = _split_words(known), _split_words(found)
    common = (Counter(known_words) & Counter(found_words)).total()
    known_cells = _find_cells(truth)
    return Scores(
        letters=len(known),
        cer=_rate(Levenshtein.distance(known, found), len(known)),
        wer=_rate(Levenshtein.distance(known_words, found_words), len(known_words)),
        recall=_share(common, len(known_words)),
        precision=_share(common, len(found_words)),
        order=_share(LCSseq.similarity(known_words, found_words), common),
        numbers=_compare_bags(_NUMBER.findall(known), _NUMBER.findall(found)),
        cells=_compare_bags(known_cells, _find_cells(text)) if known_cells else None,
    )


def average(scores: Sequence[Scores]) -> Scores:
    """The scores of all pages together, each weighed by its length."""
    letters = sum(each.letters for each in scores)

    def mean(values: Iterable[tuple[float | None, int]]) -> float | None:
        known = [(value, weight) for value, weight in values if value is not None]
        whole = sum(weight for _, weight in known)
        if not known:
            return None
        return (
            sum(value * weight for value, weight in known) / whole if whole else sum(v for v, _ in known) / len(known)
        )

    def of(name: str) -> float:
        return mean((getattr(each, name), each.letters) for each in scores) or 0.0

    return Scores(
        letters=letters,
        cer=of("cer"),
        wer=of("wer"),
        recall=of("recall"),
        precision=of("precision"),
        order=of("order"),
        numbers=mean((each.numbers, each.letters) for each in scores),
        cells=mean((each.cells, each.letters) for each in scores),
    )


def normalise(text: str) -> str:
    """*text* without marks, with one form for what looks alike, and single blanks."""
    text = "\n".join(line for line in text.split("\n") if not _RULE.fullmatch(line))
    plain = hide_marks(text, markdown=True).text.replace(JOINT, "")
    plain = re.sub(r"^\s{0,3}(?:#{1,6}|>|[-+*])(?=\s)", "", plain, flags=re.MULTILINE)
    return " ".join(unicodedata.normalize("NFKC", html.unescape(plain)).translate(_SAME).split())


def _split_words(text: str) -> list[str]:
    words = (word.casefold().strip(".,;:!?()[]{}'\"") for word in text.split())
    return [word for word in words if word]


def _find_cells(text: str) -> list[str]:
    """The cells of pipe tables and HTML tables, normalised; empty ones are left out."""
    rows = [row for row in _ROW.findall(text) if not _RULE.fullmatch(row)]
    cells = [cell for row in rows for cell in re.split(r"(?<!\\)\|", row)] + _HTML_CELL.findall(text)
    return [plain for cell in cells if (plain := normalise(cell))]


def _compare_bags(known: Sequence[str], found: Sequence[str]) -> float | None:
    """The F-score of two bags of strings; ``None`` where both are empty."""
    if not known and not found:
        return None
    return 2 * (Counter(known) & Counter(found)).total() / (len(known) + len(found))


def _rate(errors: int, length: int) -> float:
    return errors / length if length else float(errors > 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0

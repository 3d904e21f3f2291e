"""Words with places, one after the other: the spotting modes of HunyuanOCR and PaddleOCR-VL."""

from __future__ import annotations

import re

from visionocr.formats.islands import Scales
from visionocr.formats.pieces import Passage

_PAIR = r"\(\s*\d{1,4}\s*,\s*\d{1,4}\s*\)"
_PLACE = re.compile(
    rf"[ \t]*(?P<pairs>{_PAIR}\s*,\s*{_PAIR})"
    r"|(?:<\|TEXT_END\|>)?<\|LOC_BEGIN\|>(?P<marks>(?:<\|LOC_\d{1,4}\|>)*)(?:<\|LOC_END\|>)?"
)
_LOOSE = re.compile(
    r"<\|(?:TEXT_START|TEXT_END|LOC_BEGIN|LOC_END|LOC_\d{1,4})\|>|\(\d{0,4}(?:,\d{0,4}\)?(?:,\(?[\d,]*)?)?\Z|<\|?[A-Z_\d|]*\Z"
)


def parse_spots(text: str, scales: Scales) -> tuple[Passage, ...]:
    """One passage for each word or line."""
    spots: list[Passage] = []
    end = 0
    for place in [*_PLACE.finditer(text), None]:
        words = text[end:] if place is None else text[end : place.start()]
        numbers = "" if place is None else place["pairs"] or place["marks"]
        if words := _LOOSE.sub("", words).strip():
            spots.append(Passage(words, scales.boxes.box(numbers) if scales.boxes and numbers else None))
        end = len(text) if place is None else place.end()
    return tuple(spots)


def is_spots(text: str) -> bool:
    """Whether *text* has such places."""
    return _PLACE.search(text) is not None

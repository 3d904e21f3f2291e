"""Words and lines with their places, one after the other: HunyuanOCR's spotting."""

from __future__ import annotations

import re

from visionocr.formats.islands import Scales
from visionocr.formats.pieces import Passage

_PAIR = r"\(\s*\d{1,4}\s*,\s*\d{1,4}\s*\)"
_PLACE = re.compile(rf"[ \t]?{_PAIR}\s?,\s?{_PAIR}")
_CUT_PLACE = re.compile(rf"(?:{_PAIR}\s?,?\s?)?\(\d{{0,4}}(?:,\s?\d{{0,4}}\)?,?)?\Z")


def is_spots(text: str) -> bool:
    """Whether *text* has such places."""
    return _PLACE.search(text) is not None


def parse_spots(text: str, scales: Scales) -> tuple[Passage, ...]:
    """One passage for each word or line."""
    text = _CUT_PLACE.sub("", text)
    spots: list[Passage] = []
    end = 0
    for place in _PLACE.finditer(text):
        if words := text[end : place.start()].strip():
            spots.append(Passage(words, scales.boxes.box(place[0]) if scales.boxes else None))
        end = place.end()
    if rest := text[end:].strip():
        spots.append(Passage(rest))
    return tuple(spots)

"""Lines that an OCR engine finds where there is no print: specks, halftone, pieces of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from visionocr.layout.lines import Line

STRAY = 0.5
"""Confidence below which a line of one or two characters is a speck or part of a picture, not text."""
DOUBTFUL = 0.65
"""Confidence below which a line may be something else than print. Of 41 lines that the engine's two models read from
14 drawn halftones, beside text, the highest had 0.58."""
SURE = 0.9
"""Confidence from which a line tells in which script the page is written."""
MONOTONOUS = ((1, 4, 0.75), (2, 6, 0.9), (3, 8, 0.95))
"""What is read from halftone, such as "8888880888" or "0000.....": so many different characters make at least this
share of a line of at least that many."""


def drop_noise(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The lines that are print, and those that are not.

    Only lines of which the engine is unsure are dropped: specks of one or two characters, halftone and rules that were
    read as one character many times, and Chinese characters on a page that has no sure ones.
    """
    sure = "".join(line.text for line in lines if line.confidence >= SURE)
    is_chinese = 100 * _count_chinese(sure) > len(sure) or not sure
    kept: list[Line] = []
    dropped: list[Line] = []
    for line in lines:
        (dropped if _is_noise(line, is_chinese) else kept).append(line)
    return kept, dropped


def _is_noise(line: Line, is_chinese: bool) -> bool:
    letters = [char for char in line.text if not char.isspace()]
    if line.confidence < STRAY and sum(char.isalnum() for char in letters) < 3:
        return True
    if line.confidence >= DOUBTFUL or not letters:
        return False
    counts = [count for _, count in Counter(letters).most_common(3)]
    for different, least, share in MONOTONOUS:
        if len(letters) >= least and sum(counts[:different]) >= share * len(letters):
            return True
    return not is_chinese and 2 * _count_chinese(line.text) > len(letters)


def _count_chinese(text: str) -> int:
    return sum("\u3400" <= char <= "\u9fff" or "\u3040" <= char <= "\u30ff" for char in text)

"""Tells a text layer that is not the page's text by a second reading of the page."""

from __future__ import annotations

from collections import defaultdict

from visionocr.answers.align import align
from visionocr.evidence import Reference

SURE = 0.965
"""Confidence of a reading that may contradict a text layer: readings below had one word in ten wrong or more."""
MOST_CHANGED = 0.35
"""Share of the lines of a sure reading that a sound text layer may read otherwise. Layers of born-digital pages changed
fewer; layers of other people's OCR and of broken encodings changed more."""


def is_contradicted(layer: Reference, reading: Reference) -> bool:
    """Whether a sure reading of the page says something else than its text layer in too many lines."""
    if reading.confidence < SURE or not reading.lines:
        return False
    text = "\n".join(line.text.replace("\n", " ") for line in reading.lines)
    words: dict[int, list[bool]] = defaultdict(list)
    for word in align(text, layer.lines, markdown=False).words:
        words[text.count("\n", 0, word.start)].append(word.is_same)
    changed = sum(2 * sum(same) < len(same) for same in words.values())
    return changed > MOST_CHANGED * len(words)

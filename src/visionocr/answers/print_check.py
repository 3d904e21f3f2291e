"""Weighs the length of an answer against how much print its page holds, where nothing tells the page's words."""

from __future__ import annotations

import re

from visionocr.answers.plain import hide_marks
from visionocr.boxes import Box
from visionocr.evidence import Evidence
from visionocr.types import Finding, FindingKind, Severity

SHORT = 0.55
"""Letters of an answer over letters of print below which text is missing. Of 1,440 good answers to 180 drawn and
scanned pages in ten languages none was below 0.58; of summaries, descriptions and refusals 90 % were below 0.55."""
LONG = 3.0
"""The same, above which there may be more text than the page has. The measure misses most of the print of one noisy
scan in a hundred, so this is only a remark unless the page seems to hold nothing at all."""
LEAST = 60
"""Letters of print from which a page is longer than most of what is said about pages."""
NOTHING = 12
"""Letters of print up to which a page holds a number or a speck."""
CELL = 16
"""Letters in a line of print up to which the page is a form, a receipt or a table, whose lines stay lines."""
CELLS = (8, 6)
"""How many lines such a page has at least, and how many times as many as the answer has lines and cells, before the
answer is a text about the page. Of summaries, descriptions and refusals, 98.5 % were short or without lines, and no
good answer was."""
WHOLE = 0.98
"""Share of the page that must have been asked for: the print of a part is not known."""
_PART_ENDS = re.compile(r"[\n|]|</t[dh]>|<br ?/?>|  ", re.IGNORECASE)


def judge_by_print(text: str, evidence: Evidence, *, markdown: bool, region: Box) -> tuple[Finding, ...] | None:
    """The findings about an answer's length; ``None`` when the page's print is not known."""
    printed, lines = evidence.print_letters, evidence.print_lines
    if printed is None or lines is None or (region.right - region.left) * (region.bottom - region.top) < WHOLE:
        return None
    letters = _count_letters(hide_marks(text, markdown=markdown).text)
    if printed >= LEAST and letters < SHORT * printed:
        message = f"The answer has {letters} letters, the page about {printed}: text is missing."
        return (Finding(FindingKind.MISSING_TEXT, message),)
    parts = sum(_count_letters(part) > 0 for part in _PART_ENDS.split(text))
    if lines >= CELLS[0] and printed <= CELL * lines and CELLS[1] * parts < lines:
        message = f"The page holds about {lines} short lines, the answer {parts}: it is not a transcription."
        return (Finding(FindingKind.NOT_A_TRANSCRIPTION, message),)
    if letters > LONG * max(printed, NOTHING):
        message = f"The answer has {letters} letters, the page only about {printed}."
        severity = Severity.SUSPECT if printed <= NOTHING else Severity.INFO
        return (Finding(FindingKind.ADDED_TEXT, message, severity),)
    return ()


def _count_letters(text: str) -> int:
    return sum(map(str.isalnum, text))

"""Weighs the length of an answer against how much print its page holds, where nothing tells the page's words."""

from __future__ import annotations

from visionocr.answers.plain import hide_marks
from visionocr.boxes import Box
from visionocr.evidence import Evidence
from visionocr.types import Finding, FindingKind

SHORT = 0.5
"""Letters of an answer over letters of print below which text is missing. The measure of print is right within a
factor of 1.5."""
LONG = 3.0
"""The same, above which text was added."""
FULL = 150
"""Letters of print from which a page is long enough to be summarised or described in fewer."""
EMPTY = 12
"""Letters of print up to which a page holds a number or a stamp at most."""
WHOLE = 0.98
"""Share of the page that must have been asked for: the print of a part is not known."""


def judge_by_print(text: str, evidence: Evidence, *, markdown: bool, region: Box) -> tuple[Finding, ...] | None:
    """The findings about an answer's length; ``None`` when the page's print is not known."""
    area = (region.right - region.left) * (region.bottom - region.top)
    if evidence.print_letters is None or area < WHOLE:
        return None
    letters = sum(char.isalnum() for char in hide_marks(text, markdown=markdown).text)
    printed = evidence.print_letters
    if printed >= FULL and letters < SHORT * printed:
        message = f"The answer has {letters} letters, the page about {printed}: text is missing."
        return (Finding(FindingKind.MISSING_TEXT, message),)
    if letters > LONG * max(printed, EMPTY):
        message = f"The answer has {letters} letters, the page only about {printed}."
        return (Finding(FindingKind.ADDED_TEXT, message),)
    return ()

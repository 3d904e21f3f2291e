"""Splits the answer for several pages at the page marks that the prompt asked for."""

from __future__ import annotations

import re

from visionocr.answers.phrases import is_chatter
from visionocr.types import PAGE_MARK

_WORDS = r"[^\S\n]*".join(
    r"(\d{1,6})" if word == "{n}" else re.sub(r"(\\?=)+", "={2,}", re.escape(word)) for word in PAGE_MARK.split()
)
_MARK = re.compile(rf"^[#>*_` \t]*{_WORDS}[#*_` \t]*$", re.MULTILINE | re.IGNORECASE)


def split_by_marks(text: str, count: int) -> list[str] | None:
    """Return the texts of *count* pages, or ``None`` unless each mark came exactly once, in order.

    The marks may be decorated as headings or bold. Before the first one only blanks or the model's announcement
    may stand: text there belongs to no page. The texts come without outer blanks.
    """
    marks = list(_MARK.finditer(text))
    if count < 1 or [int(mark[1]) for mark in marks] != list(range(1, count + 1)):
        return None
    if not is_chatter(text[: marks[0].start()].strip()):
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    return [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]

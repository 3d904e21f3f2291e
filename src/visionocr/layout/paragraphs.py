"""Lines of a column become paragraphs, as far as geometry tells.

Where it does not tell, lines stay as they stand on the page: a list of short lines that was no paragraph is easier to
read, and to mend, than a paragraph that was no list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from visionocr.layout.lines import Line

PARAGRAPH_GAP = 1.4
"""Distance between the middles of two lines over the usual distance, from which a paragraph ends."""
RAGGED = 0.2
"""Share of its column that a full line may leave empty where lines are not justified."""
LARGE = 1.3
"""Line height over the body's from which a line may be a heading: boxes of one and the same size differ by a fifth."""

MARKER = re.compile(r"^(?:[•●▪■◦‣∙·]|[-*–—](?=\s|$)|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)](?=\s|$))")
_CJK = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_HYPHENS = "-\u2010\u00ad"
_SUSPENDED = {"and", "or", "und", "oder", "bzw."}
"""What follows the first half of "pre- and postwar": that hyphen stays."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that are read as one."""

    lines: tuple[Line, ...]
    is_tight: bool = False
    """Whether it follows the paragraph before without an empty line."""
    is_open: bool = False
    """Whether its last line is full, so that it may go on elsewhere."""

    @property
    def text(self) -> str:
        """Its lines joined."""
        return join_lines(line.text for line in self.lines)

    @property
    def height(self) -> float:
        """The usual height of its lines, in pixels."""
        return median(line.height for line in self.lines)


def join_lines(texts: Iterable[str]) -> str:
    """Join the lines of a paragraph."""
    found = ""
    for text in texts:
        found = join(found, text.strip())
    return found


def join(first: str, second: str) -> str:
    """Join two lines of a paragraph; a word that was parted at the line's end is put together again."""
    if len(first) > 1 and first[-1] in _HYPHENS and first[-2].isalnum() and second:
        if second.split()[0].lower() in _SUSPENDED:
            return f"{first} {second}"
        parted = first[-1] == "\u00ad" or (first[-2].isalpha() and second[0].islower())
        return (first[:-1] if parted else first) + second
    if first and second and _CJK.match(first[-1]) and _CJK.match(second[0]):
        return first + second
    return f"{first} {second}" if first and second else first or second


def paragraphs(lines: Sequence[Line], body: float, right: float) -> list[Paragraph]:
    """The paragraphs of a run of lines whose column ends at *right*; *body* is the page's usual line height."""
    pitch = _pitch(lines, body)
    found: list[list[Line]] = []
    tight = [False]
    for line in lines:
        if found and not (broken := _break(found[-1], line, pitch, right, body)):
            found[-1].append(line)
            continue
        if found:
            tight.append(broken == "line")
        found.append([line])
    return [
        _finish(group, right, is_tight=close and (len(group) == 1 or bool(MARKER.match(group[0].text))))
        for group, close in zip(found, tight, strict=False)
    ]


def _finish(group: Sequence[Line], right: float, *, is_tight: bool) -> Paragraph:
    room = right - group[-1].right
    return Paragraph(tuple(group), is_tight, room < max(RAGGED * (right - group[0].left), 2 * group[-1].height))


def _pitch(lines: Sequence[Line], body: float) -> float:
    """The usual distance between two lines: the median, but of few lines never more than generous leading."""
    apart = [b.middle - a.middle for a, b in pairwise(lines) if 0 < b.middle - a.middle < 3 * body]
    usual = median(apart) if apart else 1.3 * body
    return min(usual, (2.6 if len(apart) > 5 else 1.7) * body)


def _break(group: Sequence[Line], line: Line, pitch: float, right: float, body: float) -> str:
    """Whether *line* starts anew after the lines of *group*: ``paragraph``, ``line`` or nothing."""
    last = group[-1]
    height = min(last.height, line.height) or 1.0
    indent = (line.left - last.left) / height
    item = bool(MARKER.match(group[0].text))
    new_item = bool(MARKER.match(line.text))
    apart = line.middle - last.middle
    alike = max(last.height, line.height) <= LARGE * height
    if alike and height >= LARGE * body and not new_item and apart <= 1.6 * height:
        return ""  # the lines of a heading end where its sense wants it
    if apart > PARAGRAPH_GAP * pitch or not alike:
        return "paragraph"
    # What the first word of the next line would have needed: a writer who had that much room meant to stop.
    word = line.width * (len(line.text.split()[0]) + 1) / len(line.text)
    short = last.right + word + height < right
    if new_item and (item or short or abs(indent) > 0.8 or len(group) == 1):
        return "line" if item else "paragraph"
    if item:
        return "paragraph" if short or (indent < -0.8 and len(group) > 1) else ""
    if short:
        return "paragraph" if len(group) > 1 else "line"
    if len(group) > 1:
        # A first line further in; or, with hanging indents, a first line further out.
        return "paragraph" if 0.8 < indent < 5 or (-5 < indent < -0.8 and group[0].left < last.left) else ""
    return ""

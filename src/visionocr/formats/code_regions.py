"""Which parts of a Markdown text are code, so that nothing in them is taken for a mark."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*(?=\n)")
_TICKS = re.compile(r"(?<!\\)`+")


def regions(text: str) -> Iterator[tuple[bool, str]]:
    """The parts of *text*, in order, each with whether it is code (a listing or a code span). None is left out."""
    start = 0
    for begin, end in _listings(text):
        yield from _spans(text[start:begin])
        yield True, text[begin:end]
        start = end
    yield from _spans(text[start:])


def edit(text: str, change: Callable[[str], str]) -> str:
    """*text* with *change* made to all that is no code."""
    return "".join(part if is_code else change(part) for is_code, part in regions(text))


def _listings(text: str) -> Iterator[tuple[int, int]]:
    """Where listings between fences begin and end; one that is never closed ends with the text."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            if fence[1][0] == "~" or "`" not in fence[2]:
                opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            yield opened.start(), fence.end()
            opened = None
    if opened is not None:
        yield opened.start(), len(text)


def _spans(text: str) -> Iterator[tuple[bool, str]]:
    start = 0
    for gap in [*_PARAGRAPH.finditer(text), None]:
        end = len(text) if gap is None else gap.end()
        yield from _paragraph_spans(text[start:end])
        start = end


def _paragraph_spans(text: str) -> Iterator[tuple[bool, str]]:
    runs = list(_TICKS.finditer(text))
    following: list[int] = []  # for each run the number of the next one of the same length, or -1
    seen: dict[int, int] = {}
    for number in range(len(runs) - 1, -1, -1):
        length = len(runs[number][0])
        following.append(seen.get(length, -1))
        seen[length] = number
    following.reverse()
    start = number = 0
    while number < len(runs):
        closing = following[number]
        if closing < 0:
            number += 1
            continue
        if runs[number].start() > start:
            yield False, text[start : runs[number].start()]
        start = runs[closing].end()
        yield True, text[runs[number].start() : start]
        number = closing + 1
    if start < len(text):
        yield False, text[start:]


def plain_parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of *text* that are no code, each with its offset."""
    offset = 0
    for is_code, part in regions(text):
        if not is_code:
            yield offset, part
        offset += len(part)


def is_mostly_behind(mark: re.Pattern[str], text: str) -> bool:
    """Whether *mark* is found outside of code, with at least half of the letters of *text* behind it."""
    for offset, part in plain_parts(text):
        if found := mark.search(part):
            before = "".join(text[: offset + found.start()].split())
            return 2 * len(before) <= len("".join(text.split()))
    return False

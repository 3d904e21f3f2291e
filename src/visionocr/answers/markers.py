"""Removes chat markers and stop sequences that leaked into an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.types import ChatMarkers

_SPECIAL = re.compile(r"<[|｜/]?\w|<\||\[/?[A-Z]|#{2,}|\]~|\[e~\[")
_UNMISTAKABLE = re.compile(r"<[|｜/]|]~")


def is_special(marker: str) -> bool:
    """Whether *marker* looks like a token of a chat template and not like a word of a document."""
    return _SPECIAL.match(marker.strip()) is not None


def _first_line(marker: str) -> str:
    """The part of a marker that a model writes itself: without the closed reasoning block that some presets add."""
    return marker.strip().partition("\n")[0].rstrip()


def drop_opening_marker(text: str, chat: ChatMarkers) -> str:
    """Remove the beginning of the assistant's turn, when the model writes it once more."""
    marker = _first_line(chat.assistant_start)
    if is_special(marker) or "assistant" in marker.casefold():
        copies = re.match(rf"(?:{re.escape(marker)}\s*+)*+", text)
        assert copies is not None
        return text[copies.end() :]
    return text


def cut_at_markers(text: str, stop_sequences: Sequence[str], chat: ChatMarkers) -> str:
    """Cut the text where the model's turn ended; what follows is no part of the answer."""
    turns = (chat.assistant_start, chat.assistant_end, chat.user_start, chat.user_end, chat.system_start)
    special = [marker for marker in map(_first_line, (*stop_sequences, *turns)) if is_special(marker)]
    roles = [stop.strip() for stop in stop_sequences if stop.strip() and not is_special(stop)]
    places = [place for marker in special if (place := _find_leak(text, marker)) >= 0]
    # A role in plain words is only taken for one when the request named it and it begins a line.
    places += [place + 1 for role in roles if role.endswith(":") and (place := text.find("\n" + role)) >= 0]
    return text[: min(places)] if places else text


def _find_leak(text: str, marker: str) -> int:
    """The first place of *marker* that is neither quoted, nor a heading, nor closes an element of the document; or -1.

    ``##`` alone is none: it would be every heading of the document.
    """
    if marker.startswith("#"):
        found = re.search(rf"^{re.escape(marker)}", text, re.MULTILINE) if marker.strip("# ") else None
        return found.start() if found else -1
    opened = done = 0
    while (place := text.find(marker, done)) >= 0:
        opened += _count_openings(text, marker, done, place)
        if opened > 0:
            opened -= 1
        elif text[place - 1 : place] != "`":
            return place
        done = place + len(marker)
    return -1


def _count_openings(text: str, marker: str, start: int, end: int) -> int:
    """The number of open elements that *marker* would close: ``</s>`` ends a turn, but also struck-out text."""
    return text.count("<" + marker[2:], start, end) if marker.startswith("</") else 0


def drop_stop_remnants(text: str, stop_sequences: Sequence[str], chat: ChatMarkers) -> str:
    """Remove whole stop sequences from the end, and the beginnings of those that look like tokens."""
    ends = (stop.strip() for stop in (*stop_sequences, chat.assistant_end))
    stops = {stop for stop in ends if is_special(stop) or any(map(str.isalpha, stop))}
    end = len(text)  # an answer may end with thousands of them: it is copied once
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        size = max((_measure_remnant(text, end, stop) for stop in stops), default=0)
        if not size:
            return text[:end]
        end -= size


def _measure_remnant(text: str, end: int, stop: str) -> int:
    """How many characters of *stop* stand before *end*."""
    if text.endswith(stop, 0, end):
        place = end - len(stop)
        if stop.startswith("</") and _count_openings(text, stop, 0, place) > text.count(stop, 0, place):
            return 0  # it closes an element of the document
        return 0 if _is_word_end(text, stop, place) else len(stop)
    if not is_special(stop):
        return 0
    if stop.startswith("#"):
        line = text[text.rfind("\n", 0, end) + 1 : end] if text.endswith("##", 0, end) else ""
        return len(line) if line and not line.strip("#") and stop.startswith(line) else 0
    shortest = 2 if _UNMISTAKABLE.match(stop) else 3
    return next((size for size in range(len(stop) - 1, shortest - 1, -1) if text.endswith(stop[:size], 0, end)), 0)


def _is_word_end(text: str, stop: str, place: int) -> bool:
    """Whether *stop* is only the end of a longer word, or of a line of text (``C##``)."""
    if stop.startswith("#"):
        return place > 0 and text[place - 1] != "\n"
    return not is_special(stop) and place > 0 and text[place - 1].isalnum()

"""Finds where the reasoning at the start of an answer ends."""

from __future__ import annotations

import re

ANSWER = "<answer>"
"""The tag with which some models that think begin their answer."""
_THINKING = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<|think|>": "<|/think|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
}
"""The tags that begin and end reasoning."""
_UNOPENED = {"</think>": "<think>", "</thinking>": "<thinking>", "[/THINK]": "[THINK]", "◁/think▷": "◁think▷"}
"""The tags that end reasoning that may have begun in the prompt, and those that would begin it."""
_CHANNELS = re.compile(
    # OpenAI's Harmony: thinking, then the beginning of the answer
    r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)\b.*?"
    r"(?:<\|channel\|>final(?:\s*<\|constrain\|>\w*)?<\|message\|>|\Z)"
    r"|(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>"
    r"|<\|channel>\s*<channel\|>",  # Gemma: no thoughts
    re.DOTALL,
)


def find_answer(text: str, thinks: bool) -> int:
    """The offset behind the reasoning at the start; the end of *text* where it never ends: no answer was reached.

    *thinks* is whether the model is known to think. Only then is reasoning known by its end alone: a page may hold
    a line ``</think>``, and would lose all that stands before it.
    """
    start, end = -1, 0
    places: dict[str, tuple[int, int]] = {}
    while end > start:  # by offsets: an answer may begin with thousands of ends of thinking, and is copied once
        start = end
        while text[start : start + 1].isspace():
            start += 1
        end = _find_opened_end(text, start)
        if thinks and end == start:
            end = _find_unopened_end(text, start, places)
    return start


def has_end_of_reasoning(text: str) -> bool:
    """Whether *text* holds an end of reasoning whose beginning may have been part of the prompt."""
    return _find_unopened_end(text, 0, {}) > 0


def _find_opened_end(text: str, start: int) -> int:
    """The offset behind the thinking that is opened at *start*; *start* when none is."""
    if channel := _CHANNELS.match(text, start):
        return channel.end()
    for opening, closing in _THINKING.items():
        if text.startswith(opening, start):
            end = text.find(closing, start)
            if end >= 0:
                return end + len(closing)
            # Some models forget to end their thinking, but not to mark their answer.
            answer = text.find("\n" + ANSWER, start)
            return answer + 1 if answer >= 0 else len(text)
    return start


def _find_unopened_end(text: str, start: int, places: dict[str, tuple[int, int]]) -> int:
    """The offset behind an end of thinking whose beginning was part of the prompt; *start* when there is none.

    *places* holds, from one *start* to the next, where each end stands first and where the last beginning before it.
    """
    for closing, opening in _UNOPENED.items():
        place, opened = places.get(closing, (-1, -1))
        if place < start:
            place = text.find(closing, start)
            place = len(text) if place < 0 else place
            opened = text.rfind(opening, start, place)
            places[closing] = place, opened
        if place == len(text) or opened >= start:
            continue
        end = place + len(closing)
        alone = place == start or text[place - 1] == "\n" or text[end : end + 1] in ("", "\n")
        # In a document about models it stands within a sentence, quoted or between blanks.
        if alone or not re.match(r"[\s`\"'“‘«(*]", text[place - 1]):
            return end
    return start

"""Takes away what reasoning models think aloud, and the wrapping they put around their answer."""

from __future__ import annotations

import re

_OPENINGS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<|think|>": "<|/think|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
}
_CLOSINGS = ("</think>", "</thinking>", "[/THINK]", "◁/think▷")
_HARMONY = re.compile(
    r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)\b.*?"
    r"(?:<\|channel\|>final(?:\s*<\|constrain\|>\w*)?<\|message\|>|\Z)",
    re.DOTALL,
)
_HARMONY_FINAL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>")
_ANSWER = "<answer>"
_BOXES = re.compile(r"<\|(?:begin|end)_of_box\|>")
_EMPTY_CHANNEL = re.compile(r"<\|channel>\s*<channel\|>")


def drop_thinking(text: str) -> str:
    """Remove thinking at the start. Thinking that never ends leaves nothing: the answer was not reached."""
    while (shorter := _drop_first(text).lstrip()) != text:
        text = shorter
    return text


def _drop_first(text: str) -> str:
    for pattern in (_HARMONY, _HARMONY_FINAL, _EMPTY_CHANNEL):
        if found := pattern.match(text):
            return text[found.end() :]
    for opening, closing in _OPENINGS.items():
        if text.startswith(opening):
            _, closed, answer = text.partition(closing)
            if closed:
                return answer
            # Some models forget to end their thinking, but not to mark their answer.
            place = text.find("\n" + _ANSWER)
            return text[place + 1 :] if place >= 0 else ""
    return _drop_unopened(text)


def _drop_unopened(text: str) -> str:
    """Cut up to an end of thinking whose beginning was part of the prompt."""
    for closing in _CLOSINGS:
        place = text.find(closing)
        if place < 0 or _OPENED[closing].search(text, 0, place):
            continue
        behind = place + len(closing)
        alone = text[:place].endswith("\n") or not text[:place] or not text[behind:] or text[behind] == "\n"
        # In a document about models it stands within a sentence, quoted or between blanks.
        if alone or not re.search(r"[\s`\"'“‘«(*]\Z", text[:place][-1:]):
            return text[behind:]
    return text


_OPENED = {closing: re.compile(re.escape(closing.replace("/", "", 1))) for closing in _CLOSINGS}


def unwrap_answer(text: str) -> str:
    """Remove an ``<answer>`` element around everything, and the marks that GLM puts around its result."""
    text = _BOXES.sub("", text)
    if text.startswith(_ANSWER) and text.count(_ANSWER) == 1:
        body, closed, rest = text[len(_ANSWER) :].partition("</answer>")
        if not rest.strip():
            return body if closed else text[len(_ANSWER) :]
    return text

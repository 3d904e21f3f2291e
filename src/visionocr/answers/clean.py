r"""Turns a completion into the text of a page: removes everything that is not part of the page.

Small edits, each with one purpose, in this order:

 1. line ends become ``\n``
 2. control characters that could steer a terminal (``neutralise``) and outer blanks are removed
 3. reasoning at the start is removed
 4. an ``<answer>`` element around everything is unwrapped
 5. a repeated beginning of the assistant's turn is removed
 6. everything from a leaked end of turn on is removed
 7. remnants of stop sequences at the end are removed
 8. positions on the page (DeepSeek) are removed
 9. metadata of the page (olmOCR) is removed
10. chatter before and after the text is removed
11. a code fence around everything is removed

One edit can reveal what another one looks for (a fence around reasoning around a fence), so the list is repeated until
nothing changes. Cleaning a clean text therefore changes nothing. No edit makes a text longer. In doubt they leave the
text alone: a reader notices a leftover, but not a lost line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.answers.markers import cut_at_markers, drop_opening_marker, drop_stop_remnants
from visionocr.answers.phrases import closing_start, preamble_length
from visionocr.types import ChatMarkers

_LINE_END = re.compile(r"\r\n?")
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    # The start of another sequence ends these, so that a text of nothing but starts is searched only once.
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x90\x98\x9b-\x9f\n]*(?:\x07|\x1b\\|\x9c)"  # window title, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x90\x98\x9b-\x9f\n]*(?:\x1b\\|\x9c)"  # device strings
    r"|\x1b[ -/]+[0-~]|\x1b[0-~]"  # character sets, reset
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


def neutralise(text: str) -> str:
    """Remove what could steer a terminal or hide what a text says.

    That is: escape sequences, C0 and C1 controls except tab and newline, and the characters that override the
    direction of writing. The marks that right-to-left scripts need stay.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


def clean(text: str, *, stop_sequences: Sequence[str], chat: ChatMarkers) -> str:
    """Return the page's text in the model's answer *text*. Cleaning twice is the same as cleaning once."""
    before = None
    while text != before:
        before = text
        text = _clean_once(text, stop_sequences, chat)
    return text


def _clean_once(text: str, stop_sequences: Sequence[str], chat: ChatMarkers) -> str:
    text = neutralise(_LINE_END.sub("\n", text)).strip()
    text = _drop_thinking(text).strip()
    text = _unwrap_answer(text).strip()
    text = drop_opening_marker(text, chat).strip()
    text = cut_at_markers(text, stop_sequences, chat).rstrip()
    text = drop_stop_remnants(text, stop_sequences, chat)
    text = _drop_grounding(text).strip()
    text = _FRONT_MATTER.sub("", text).strip()
    text = _drop_chatter(text)
    inside = _find_fenced(text)
    return (text if inside is None else inside).strip()


# --- the reasoning of models, and the wrapping they put around their answer -----------------------------

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
_ANSWER = "<answer>"
_BOXES = re.compile(r"<\|(?:begin|end)_of_box\|>")


def _drop_thinking(text: str) -> str:
    """Remove reasoning at the start. Nothing is left when it never ends: the answer was not reached."""
    start, end = -1, 0
    places: dict[str, tuple[int, int]] = {}
    while end > start:  # by offsets: an answer may begin with thousands of ends of thinking, and is copied once
        start = end
        while text[start : start + 1].isspace():
            start += 1
        end = _find_thinking_end(text, start, places)
    return text[start:]


def _find_thinking_end(text: str, start: int, places: dict[str, tuple[int, int]]) -> int:
    """The offset behind the thinking that begins at *start*; *start* when none does."""
    if channel := _CHANNELS.match(text, start):
        return channel.end()
    for opening, closing in _THINKING.items():
        if text.startswith(opening, start):
            end = text.find(closing, start)
            if end >= 0:
                return end + len(closing)
            # Some models forget to end their thinking, but not to mark their answer.
            answer = text.find("\n" + _ANSWER, start)
            return answer + 1 if answer >= 0 else len(text)
    return _find_unopened_end(text, start, places)


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


def _unwrap_answer(text: str) -> str:
    """Remove an ``<answer>`` element around everything, and the marks that GLM puts around its result."""
    text = _BOXES.sub("", text)
    if text.startswith(_ANSWER) and text.count(_ANSWER) == 1:
        body, _, rest = text[len(_ANSWER) :].partition("</answer>")
        if not rest.strip():
            return body
    return text


# --- what document models write around the text ----------------------------------------------------------------

_REFERENCE = re.compile(r"<\|ref\|>((?:[^<]|<(?!\|))*)<\|/ref\|>")
_BOX = re.compile(r"[ \t]*<\|det\|>[\s\[\]\d.,-]*(?:<\|/det\|>|\Z)")
_LOOSE = re.compile(r"<\|/?(?:ref|det|grounding)\|>")
_LABEL_LINE = re.compile(r"<\|ref\|>[^<\n]*<\|/ref\|>[ \t]*(?:<\|det\|>[\s\[\]\d.,-]*(?:<\|/det\|>|\Z))?[ \t]*\n?")
_LABEL = re.compile(
    r"(?:sub_?)?(?:title|text|table|image|figure|chart|equation|formula|list|code|algorithm|reference|header|footer"
    r"|seal|stamp|aside_text|page_number|page_footnote|footnote|abstract|doc_title|paragraph_title|content)"
    r"(?:_?(?:caption|footnote|title|item|number|text))?",
    re.IGNORECASE,
)
_FACT = r"(?:primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram)[ \t]*:[^\n]*"
_FRONT_MATTER = re.compile(rf"\A(?:---[ \t]*\n(?:{_FACT}\n)+---[ \t]*(?:\n\s*|\Z))+")
"""The facts that olmOCR writes above the text; front matter of the document's own is none."""


def _drop_grounding(text: str) -> str:
    """Remove DeepSeek's positions on the page.

    A position refers either to the text itself, which stays, or to a label (``title``, ``table``) in front of the
    text, which is removed. One word that is not a label shows that all of them are text.
    """
    if "<|ref|>" not in text and "<|det|>" not in text:
        return text
    if all(_LABEL.fullmatch(found.strip()) for found in _REFERENCE.findall(text)):
        text = _LABEL_LINE.sub("", text)
    text = _REFERENCE.sub(r"\1", text)
    return _LOOSE.sub("", _BOX.sub("", text))


# --- chatter and code fences -----------------------------------------------------------------------------------

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*$", re.MULTILINE)
_LANGUAGES = ("", "markdown", "md", "text", "txt", "plaintext", "html")
"""Of fences that models put around a whole answer; others belong to the document."""


def _drop_chatter(text: str) -> str:
    """Remove what the model says before and after the text."""
    done = preamble_length(text)
    text = text[done:].strip()
    # A model that announces its text, or puts it in a fence, is one that chats.
    end = closing_start(text, chatty=True)
    if end < len(text) and (done or _is_fenced(text[:end].rstrip())):
        return text[:end].strip()
    return text[: closing_start(text, chatty=False)].strip()


def _is_fenced(text: str) -> bool:
    """Whether *text* as a whole stands in a fence that would be opened, and that was closed."""
    return text.endswith(("```", "~~~")) and _find_fenced(text) is not None


def _find_fenced(text: str) -> str | None:
    """What stands in the code fence that a model put around its whole answer; ``None`` when there is none."""
    opening = _FENCE.match(text)
    if opening is None or opening[2].casefold() not in _LANGUAGES:
        return None
    mark = opening[1]
    others = list(_FENCE.finditer(text, opening.end()))
    if not others:
        # Cut off by the length limit, or closed at the end of the last line.
        body = text[opening.end() :].removesuffix(mark)
        return None if mark in body else body
    last = others[-1]
    if last.end() != len(text) or not _closes(last, mark):
        return None
    return text[opening.end() : last.start()] if _are_paired(others[:-1], mark) else None


def _closes(fence: re.Match[str], mark: str) -> bool:
    """Whether *fence* can close a fence that was opened with *mark*."""
    return not fence[2] and fence[1].startswith(mark)


def _are_paired(fences: list[re.Match[str]], outer: str) -> bool:
    """Whether the fences in between open with a language and close: then the outer one was open all the time.

    Two listings, one after the other, also begin and end with a fence: there the first one in between has
    no language, because it closes the outer one.
    """
    inner = ""
    for fence in fences:
        if inner:
            if _closes(fence, inner):
                inner = ""
        elif fence[1][0] == outer[0] and len(fence[1]) >= len(outer) and not fence[2]:
            return False
        else:
            inner = fence[1]
    return not inner

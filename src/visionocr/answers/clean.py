r"""Turns a completion into the text of a page: removes everything that is not part of the page.

Small edits, each with one purpose, in this order:

 1. line ends become ``\n``
 2. control characters that could steer a terminal (``neutralise``) and outer blanks are removed
 3. reasoning at the start is removed (``reasoning``)
 4. an ``<answer>`` element around everything is unwrapped
 5. a repeated beginning of the assistant's turn is removed
 6. everything from a leaked end of turn on is removed
 7. remnants of stop sequences at the end are removed
 8. metadata of the page (olmOCR) is removed
 9. chatter and remarks before and after the text are removed (``phrases``)
10. a code fence around everything is removed

One edit can reveal what another one looks for (a fence around reasoning around a fence), so the list is repeated until
nothing changes. Cleaning a clean text therefore changes nothing. No edit makes a text longer. In doubt they leave the
text alone: a reader notices a leftover, but not a lost line. What is taken out and has more than a few words is
reported, because a page may hold a chat marker or a tag of reasoning too, and would hide its own text with it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from visionocr.answers.markers import cut_at_markers, drop_opening_marker, drop_stop_remnants
from visionocr.answers.phrases import closing_start, is_remark, preamble_length
from visionocr.answers.reasoning import ANSWER, find_answer
from visionocr.types import ChatMarkers

FEW_WORDS = 5
"""Words that may be taken out without a word to the user: remnants of markers, an empty block of reasoning."""

_LINE_END = re.compile(r"\r\n?")
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    # The start of another sequence ends these, so that a text of nothing but starts is searched only once.
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x90\x98\x9b-\x9f\n]*(?:\x07|\x1b\\|\x9c)"  # window title, links, clipboard
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x90\x98\x9b-\x9f\n]*(?:\x1b\\|\x9c)"  # device strings
    r"|\x1b[ -/]+[0-~]|\x1b[0-~]"  # character sets, reset
)
_WORD = re.compile(r"[\u3040-\u9fff\uac00-\ud7af]{1,2}|\w{1,8}")
"""About a word; scripts without blanks are measured by their characters."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


def neutralise(text: str) -> str:
    """Remove what could steer a terminal or hide what a text says.

    That is: escape sequences, C0 and C1 controls except tab and newline, and the characters that override the
    direction of writing. The marks that right-to-left scripts need stay.
    """
    return _CONTROLS.sub("", _ESCAPES.sub("", text))


class RemovalKind(StrEnum):
    """What was taken out of an answer."""

    REASONING = "reasoning"
    TURN = "turn"
    """What stood behind a chat marker."""
    REMARK = "remark"
    """A paragraph in which the model speaks of its work."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A part of an answer that was taken out, of more than a few words."""

    kind: RemovalKind
    text: str
    is_expected: bool
    """It is no reason to doubt the rest: reasoning of a model that thinks, or a remark."""

    @property
    def words(self) -> int:
        """About how many words it has."""
        return len(_WORD.findall(self.text))


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The text of a page in a model's answer."""

    text: str
    removed: tuple[Removal, ...] = ()


def clean(text: str, *, stop_sequences: Sequence[str], chat: ChatMarkers, thinks: bool = False) -> Cleaned:
    """Return the page's text in the model's answer *text*. Cleaning twice is the same as cleaning once.

    *thinks* is whether the model is known to think (see ``find_answer``).
    """
    removed: list[Removal] = []
    before = None
    while text != before:
        before = text
        text = _clean_once(text, stop_sequences, chat, thinks, removed)
    return Cleaned(text, tuple(removal for removal in removed if removal.words > FEW_WORDS))


def _clean_once(
    text: str, stop_sequences: Sequence[str], chat: ChatMarkers, thinks: bool, removed: list[Removal]
) -> str:
    text = neutralise(_LINE_END.sub("\n", text)).strip()
    start = find_answer(text, thinks)
    removed.append(Removal(RemovalKind.REASONING, text[:start], is_expected=thinks))
    text = _unwrap_answer(text[start:].strip()).strip()
    text = drop_opening_marker(text, chat).strip()
    kept = cut_at_markers(text, stop_sequences, chat)
    removed.append(Removal(RemovalKind.TURN, text[len(kept) :], is_expected=False))
    text = drop_stop_remnants(kept.rstrip(), stop_sequences, chat)
    text = _FRONT_MATTER.sub("", text).strip()
    start, end = _find_chatter(text)
    remarks = filter(is_remark, (text[:start].strip() + "\n\n" + text[end:].strip()).split("\n\n"))
    removed += [Removal(RemovalKind.REMARK, remark, is_expected=True) for remark in remarks]
    text = text[start:end].strip()
    inside = _find_fenced(text)
    return (text if inside is None else inside).strip()


# --- the wrapping that models put around their answer ----------------------------------------------------------

_BOXES = re.compile(r"<\|(?:begin|end)_of_box\|>")


def _unwrap_answer(text: str) -> str:
    """Remove an ``<answer>`` element around everything, and the marks that GLM puts around its result."""
    text = _BOXES.sub("", text)
    if text.startswith(ANSWER) and text.count(ANSWER) == 1:
        body, _, rest = text[len(ANSWER) :].partition("</answer>")
        if not rest.strip():
            return body
    return text


# --- what document models write around the text ----------------------------------------------------------------

_FACT = r"(?:primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram)[ \t]*:[^\n]{0,20}"
_FRONT_MATTER = re.compile(rf"\A(?:---[ \t]*\n(?:{_FACT}\n)+---[ \t]*(?:\n\s*|\Z))+")
"""The facts that olmOCR writes above the text; front matter of the document's own is none."""


# --- chatter and code fences -----------------------------------------------------------------------------------

_FENCE = re.compile(r"^[ \t]{0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*$", re.MULTILINE)
_LANGUAGES = ("", "markdown", "md", "text", "txt", "plaintext", "html")
"""Of fences that models put around a whole answer; others belong to the document."""


def _find_chatter(text: str) -> tuple[int, int]:
    """Where what the model says before the text ends, and where what it says after it begins."""
    start = preamble_length(text)
    body = text[start:].lstrip()
    # A model that announces its text, or puts it in a fence, is one that chats.
    end = closing_start(body, chatty=True)
    if end == len(body) or not (start or _is_fenced(body[:end].rstrip())):
        end = closing_start(body, chatty=False)
    return start, end + len(text) - len(body)


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

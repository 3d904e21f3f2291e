r"""A completion becomes the text of a page: everything goes that is not part of the page.

Small edits, each with one purpose, in this order:

 1. line ends become ``\n``
 2. control characters that could steer a terminal go (``neutralise``), outer blanks go
 3. thinking at the start goes
 4. an ``<answer>`` element around everything is opened
 5. a repeated beginning of the assistant's turn goes
 6. everything from a leaked end of turn on goes
 7. remnants of stop sequences at the end go
 8. places on the page (DeepSeek) go
 9. facts about the page (olmOCR) go
10. chatter before and after the text goes
11. a code fence around everything is opened

One edit can bring to light what another one looks for (a fence around thinking around a fence), so the list is
gone through until nothing changes; that is also why cleaning a clean text changes nothing. No edit makes a text
longer. When in doubt, all of them leave the text alone: a leftover is seen by the reader, a lost line is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from visionocr.answers.chatter import closing_start, preamble_length
from visionocr.answers.fences import is_fenced, open_outer_fence
from visionocr.answers.markers import cut_at_markers, drop_opening_marker, drop_stop_remnants
from visionocr.answers.thinking import drop_thinking, unwrap_answer
from visionocr.answers.wrappers import drop_front_matter, drop_grounding
from visionocr.types import ChatMarkers

_LINE_END = re.compile(r"\r\n?")
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    # What begins another sequence ends these: a text of beginnings only is then searched once, not once for each.
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
    text = drop_thinking(text).strip()
    text = unwrap_answer(text).strip()
    text = drop_opening_marker(text, chat).strip()
    text = cut_at_markers(text, stop_sequences, chat).rstrip()
    text = drop_stop_remnants(text, stop_sequences, chat)
    text = drop_grounding(text).strip()
    text = drop_front_matter(text).strip()
    text = _drop_chatter(text)
    return open_outer_fence(text).strip()


def _drop_chatter(text: str) -> str:
    done = preamble_length(text)
    text = text[done:].strip()
    # A model that announces its text, or puts it in a fence, is one that chats.
    end = closing_start(text, chatty=True)
    if end < len(text) and (done or is_fenced(text[:end].rstrip())):
        return text[:end].strip()
    return text[: closing_start(text, chatty=False)].strip()

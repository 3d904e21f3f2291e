"""Ways to misbehave: what a test puts into ``FakeKoboldCpp.plan``.

``Door`` kinds answer at once, without the model: they work at every address. ``Post`` kinds spoil the good answer on
its way out. ``Voice`` kinds change what the model says; they nest: ``Preamble(of=Fence())``, ``Slow(1, of=Loop())``.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fakes import answers
from fakes.answers import Answer, Ending
from fakes.words import chatter, rambling, tokens


@dataclass(frozen=True, slots=True)
class Kind:
    """One misbehaviour."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A generate request as the model sees it."""

    text: str
    """What it would say if it behaved."""
    numbers: tuple[int | None, ...]
    """What its pictures carry."""
    prompt: str
    seed: int
    """0 when it must not be random."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What the model says."""

    text: str
    more: Iterator[str] | None = None
    """Pieces that follow the text; without them the model ends with its end token."""
    cut: int | None = None
    """Stopped by a stranger after so many tokens."""
    hang: int | None = None
    """Stuck after so many tokens, until released or aborted."""
    seconds: float = 0.0
    """Time that it takes, beside the server's own."""
    blind: bool = False
    """The images never reach the model."""
    failed: str = ""
    """The engine gave up: an empty answer with this finish reason (``error`` becomes what the version says)."""


# --- at the door: no model involved --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Door(Kind):
    """An answer that needs no model, given *times* times."""

    answer: Answer
    times: int = 1


def Busy(times: int = 1) -> Door:
    """503: the queue is full."""
    return Door(answers.BUSY, times)


def RateLimited(seconds: int = 2, times: int = 1) -> Door:
    """503: too quick, with another text than busy."""
    return Door(answers.too_quick(seconds), times)


def Closed() -> Door:
    """The connection is closed without a byte: what a bad request and a dead process look like."""
    return Door(answers.SILENCE)


def Reset() -> Door:
    """The connection is reset without a byte."""
    return Door(Answer(ending=Ending.RESET))


def Die() -> Door:
    """The process dies: this connection and all others end, new ones are refused."""
    return Door(answers.DEATH)


def Raw(status: int = 200, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Door:
    """Any answer at all; ``Retry_After="3"`` becomes the header ``Retry-After``."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Door(Answer(status, body, content_type, len(body), named))


def Json(value: object, status: int = 200) -> Door:
    """Any JSON value."""
    return Raw(status, json.dumps(value).encode())


def Null() -> Door:
    """200 with ``null``: a wrong type inside the request."""
    return Raw(body=b"null")


def Html(status: int = 200) -> Door:
    """A web page: with 200 a wrong address, with 502 or 504 a proxy or the router without its model."""
    return Raw(status, b"<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>", "text/html")


def NotJson() -> Door:
    """JSON that breaks off, with a matching length."""
    return Raw(body=b'{"results": [{"text": "Text of page')


def NotUtf8() -> Door:
    """JSON whose text is no UTF-8."""
    return Raw(body=b'{"results": [{"text": "caf\xe9 \xff\xfe", "finish_reason": "stop"}]}')


def Nested(depth: int = 100_000) -> Door:
    """JSON nested so deeply that a recursive parser gives up."""
    return Raw(body=b'{"results": ' + b"[" * depth + b"]" * depth + b"}")


def Redirect(location: str = "http://203.0.113.7/api/v1/generate", status: int = 307) -> Door:
    """A redirect, to another host if not told otherwise."""
    return Raw(status, Location=location)


def Huge(size: int = 64 * 2**20) -> Door:
    """A good answer with a text of *size* bytes."""
    return Raw(body=b'{"results": [{"text": "' + b"x" * size + b'", "finish_reason": "stop"}]}')


def Endless() -> Door:
    """A text that never ends, without a length."""
    return Door(Answer(body=b'{"results": [{"text": "', more=itertools.repeat(b"word " * 1000)))


_WRONG: tuple[object, ...] = (
    [],
    "text",
    7,
    True,
    {},
    {"results": None},
    {"results": {}},
    {"results": "text"},
    {"results": []},
    {"results": [None]},
    {"results": ["text"]},
    {"results": [{}]},
    {"results": [{"text": None, "finish_reason": "stop"}]},
    {"results": [{"text": 7, "finish_reason": "stop"}]},
    {"results": [{"text": ["text"], "finish_reason": "stop"}]},
    {"detail": "none"},
)
WRONG_TYPES = tuple(Json(value) for value in _WRONG)
"""Answers with status 200 whose JSON has a wrong shape; none holds a text."""


# --- on the way out ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Post(Kind):
    """Something that happens to a good answer on its way."""

    def spoil(self, answer: Answer) -> Answer:
        """The answer as it is sent."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class CutBody(Post):
    """Only the first *part* of the body comes, though the length promises all; then the connection ends."""

    part: float = 0.5

    def spoil(self, answer: Answer) -> Answer:
        """The answer as it is sent."""
        return replace(answer, body=answer.body[: int(len(answer.body) * self.part)], length=len(answer.body))


@dataclass(frozen=True, slots=True)
class Drip(Post):
    """The body comes byte by byte, *seconds* apart."""

    seconds: float = 0.05

    def spoil(self, answer: Answer) -> Answer:
        """The answer as it is sent."""
        return replace(answer, pause=self.seconds)


# --- what the model says -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Voice(Kind):
    """The good speech, or that of another voice, said differently."""

    of: Voice | None = field(default=None, kw_only=True)

    def say(self, ask: Ask) -> Speech:
        """The speech."""
        return self._change(self.of.say(ask) if self.of else Speech(ask.text), ask)

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        """The speech, changed."""
        return speech


@dataclass(frozen=True, slots=True)
class Says(Voice):
    """Any text."""

    text: str

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text=self.text)


@dataclass(frozen=True, slots=True)
class Empty(Voice):
    """The model ends at once: an empty text and ``stop``."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text="", more=None)


@dataclass(frozen=True, slots=True)
class Nothing(Voice):
    """Aborted while it waited: an empty text, ``length`` and 0 tokens."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, failed="length")


@dataclass(frozen=True, slots=True)
class EngineError(Voice):
    """The engine gave up: like ``Nothing``, with ``error`` from 1.107.2 on."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, failed="error")


@dataclass(frozen=True, slots=True)
class Aborted(Voice):
    """A stranger stopped it after *tokens* tokens: a partial text and ``length``."""

    tokens: int = 12

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, cut=self.tokens)


@dataclass(frozen=True, slots=True)
class Hang(Voice):
    """Stuck after *after* tokens, holding the server, until ``server.release()``, an abort or the server's end."""

    after: int = 0

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, hang=self.after)


@dataclass(frozen=True, slots=True)
class Slow(Voice):
    """Takes its time; abort stops it."""

    seconds: float

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, seconds=self.seconds)


LOOPS = {"words": " very", "lines": "\nThe same line comes again.", "rows": "\n| 12 | 0.00 | 0.00 |"}


@dataclass(frozen=True, slots=True)
class Loop(Voice):
    """Half of the text, then the same over and over up to the limit: ``words``, ``lines`` or ``rows`` of a table."""

    what: str = "lines"

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        half = speech.text[: len(speech.text) // 2].rsplit(" ", 1)[0]
        return replace(speech, text=half, more=itertools.cycle(tokens(LOOPS[self.what])))


@dataclass(frozen=True, slots=True)
class Truncated(Voice):
    """The whole text and more that never repeats, up to the limit."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, more=rambling(ask.numbers[0] or 0 if ask.numbers else 0))


@dataclass(frozen=True, slots=True)
class Refusal(Voice):
    """The model will not."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text="I'm sorry, but I can't assist with transcribing this image.", more=None)


@dataclass(frozen=True, slots=True)
class Echo(Voice):
    """The prompt comes back, without its chat markers."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        said = re.sub(r"<\|?[\w ]+\|?>(?:(?:system|user|assistant|model)\b)?\n?|\[/?INST\]", "", ask.prompt)
        return replace(speech, text=said.strip(), more=None)


@dataclass(frozen=True, slots=True)
class Preamble(Voice):
    """A polite sentence before the text."""

    words: str = "Here is the transcription:"

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text=f"{self.words}\n\n{speech.text}")


@dataclass(frozen=True, slots=True)
class Fence(Voice):
    """The whole text in a code fence."""

    language: str = "markdown"

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text=f"```{self.language}\n{speech.text}\n```")


@dataclass(frozen=True, slots=True)
class Think(Voice):
    """A thinking block before the text; *closed* false: the model never comes to the text."""

    closed: bool = True

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        thought = f"<think>\nI should read {len(ask.numbers)} picture(s) with care."
        if not self.closed:
            return replace(speech, text=thought, more=rambling(1))
        return replace(speech, text=f"{thought}\n</think>\n\n{speech.text}")


@dataclass(frozen=True, slots=True)
class ImageIgnored(Voice):
    """Fluent text about nothing; the token count shows that no picture was used (from 1.77 on)."""

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        return replace(speech, text=chatter(ask.seed), blind=True)


@dataclass(frozen=True, slots=True)
class Unmarked(Voice):
    """The page marks of a batch are missing; with *only* just that one (counted from 1)."""

    only: int | None = None

    def _change(self, speech: Speech, ask: Ask) -> Speech:
        which = str(self.only) if self.only else r"\d+"
        return replace(speech, text=re.sub(rf"=== PAGE {which} ===\n?", "", speech.text))

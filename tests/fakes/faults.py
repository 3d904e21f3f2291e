"""Faults of a server or its model: what a test puts into the ``plan`` of a fake server.

A ``ServerFault`` answers at once, without the model, at any address. A ``TransportFault`` corrupts the good answer
while it is sent. An ``OutputFault`` changes the output; they nest: ``Preamble(of=Fence())``, ``Slow(1, of=Loop())``.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fakes import answers
from fakes.answers import Answer, Ending
from fakes.words import endless_text, tokens, unrelated_text


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault; see the subclasses."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A generate request as it reaches the model."""

    text: str
    """The output without the fault."""
    numbers: tuple[int | None, ...]
    """The numbers in its pictures."""
    prompt: str
    seed: int
    """0 when sampling is greedy."""


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """What the model puts out, and how."""

    text: str
    more: Iterator[str] | None = None
    """Pieces after the text; without them the model ends with its end token."""
    cut: int | None = None
    """Number of tokens after which another client aborts it."""
    hang: int | None = None
    """Number of tokens after which it hangs, until released or aborted."""
    seconds: float = 0.0
    """Time that it takes beside the server's ``service_seconds``."""
    blind: bool = False
    """The images never reach the model."""
    failed: str = ""
    """The engine failed: an empty answer with this finish reason (``error`` becomes what the version says)."""


# --- answers without the model -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerFault(Fault):
    """An answer that needs no model, given *times* times."""

    answer: Answer
    times: int = 1


def Busy(times: int = 1) -> ServerFault:
    """503: the queue is full."""
    return ServerFault(answers.BUSY, times)


def RateLimited(seconds: int = 2, times: int = 1) -> ServerFault:
    """503 of a rate limit, with another text than ``Busy``."""
    return ServerFault(answers.rate_limited(seconds), times)


def Closed() -> ServerFault:
    """The connection is closed without a byte: what a bad request and a dead process look like."""
    return ServerFault(answers.SILENCE)


def Reset() -> ServerFault:
    """The connection is reset without a byte."""
    return ServerFault(Answer(ending=Ending.RESET))


def Die() -> ServerFault:
    """The process dies: this connection and all others end, new ones are refused."""
    return ServerFault(answers.DEATH)


def Raw(status: int = 200, body: bytes = b"", content_type: str = "application/json", **headers: str) -> ServerFault:
    """Any answer at all; ``Retry_After="3"`` becomes the header ``Retry-After``."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return ServerFault(Answer(status, body, content_type, len(body), named))


def Json(value: object, status: int = 200) -> ServerFault:
    """Any JSON value."""
    return Raw(status, json.dumps(value).encode())


def Null() -> ServerFault:
    """200 with ``null``: a wrong type inside the request."""
    return Raw(body=b"null")


def Html(status: int = 200) -> ServerFault:
    """A web page: with 200 a wrong address, with 502 or 504 a proxy or the router without its model."""
    return Raw(status, b"<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>", "text/html")


def NotJson() -> ServerFault:
    """JSON that is cut off, with a matching length."""
    return Raw(body=b'{"results": [{"text": "Text of page')


def NotUtf8() -> ServerFault:
    """JSON whose text is no UTF-8."""
    return Raw(body=b'{"results": [{"text": "caf\xe9 \xff\xfe", "finish_reason": "stop"}]}')


def Nested(depth: int = 100_000) -> ServerFault:
    """JSON nested so deeply that a recursive parser gives up."""
    return Raw(body=b'{"results": ' + b"[" * depth + b"]" * depth + b"}")


def Redirect(location: str = "http://203.0.113.7/api/v1/generate", status: int = 307) -> ServerFault:
    """A redirect, to another host if not told otherwise."""
    return Raw(status, Location=location)


def Huge(size: int = 64 * 2**20) -> ServerFault:
    """A good answer with a text of *size* bytes."""
    return Raw(body=b'{"results": [{"text": "' + b"x" * size + b'", "finish_reason": "stop"}]}')


def Endless() -> ServerFault:
    """A text that never ends, without a length."""
    return ServerFault(Answer(body=b'{"results": [{"text": "', more=itertools.repeat(b"word " * 1000)))


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


# --- transport -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TransportFault(Fault):
    """A fault in sending a good answer."""

    def corrupt(self, answer: Answer) -> Answer:
        """The answer with this fault."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class CutBody(TransportFault):
    """Only the first *part* of the body comes, though the length promises all; then the connection ends."""

    part: float = 0.5

    def corrupt(self, answer: Answer) -> Answer:
        """The answer with this fault."""
        return replace(answer, body=answer.body[: int(len(answer.body) * self.part)], length=len(answer.body))


@dataclass(frozen=True, slots=True)
class Drip(TransportFault):
    """The body comes byte by byte, *seconds* apart."""

    seconds: float = 0.05

    def corrupt(self, answer: Answer) -> Answer:
        """The answer with this fault."""
        return replace(answer, pause=self.seconds)


# --- the model's output --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutputFault(Fault):
    """A change of the good output, or of the output of another fault (*of*)."""

    of: OutputFault | None = field(default=None, kw_only=True)

    def apply(self, request: ModelRequest) -> ModelOutput:
        """The output with this fault."""
        return self._change(self.of.apply(request) if self.of else ModelOutput(request.text), request)

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        """Change the output."""
        return output


@dataclass(frozen=True, slots=True)
class FixedText(OutputFault):
    """A given text instead of the page's."""

    text: str

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text=self.text)


@dataclass(frozen=True, slots=True)
class Empty(OutputFault):
    """The model ends at once: an empty text and ``stop``."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text="", more=None)


@dataclass(frozen=True, slots=True)
class AbortedInQueue(OutputFault):
    """Aborted while queued: an empty text, ``length`` and 0 tokens."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, failed="length")


@dataclass(frozen=True, slots=True)
class EngineError(OutputFault):
    """The engine failed: like ``AbortedInQueue``, with ``error`` from 1.107.2 on."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, failed="error")


@dataclass(frozen=True, slots=True)
class Aborted(OutputFault):
    """Another client aborted it after *tokens* tokens: a partial text and ``length``."""

    tokens: int = 12

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, cut=self.tokens)


@dataclass(frozen=True, slots=True)
class Hang(OutputFault):
    """Hangs after *after* tokens and blocks the server, until ``server.release()``, an abort or the server's end."""

    after: int = 0

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, hang=self.after)


@dataclass(frozen=True, slots=True)
class Slow(OutputFault):
    """Takes *seconds* longer; an abort stops it."""

    seconds: float

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, seconds=self.seconds)


LOOPS = {"words": " very", "lines": "\nThe same line comes again.", "rows": "\n| 12 | 0.00 | 0.00 |"}


@dataclass(frozen=True, slots=True)
class Loop(OutputFault):
    """Half of the text, then the same over and over up to the limit: ``words``, ``lines`` or ``rows`` of a table."""

    what: str = "lines"

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        half = output.text[: len(output.text) // 2].rsplit(" ", 1)[0]
        return replace(output, text=half, more=itertools.cycle(tokens(LOOPS[self.what])))


@dataclass(frozen=True, slots=True)
class Truncated(OutputFault):
    """The whole text and more that never repeats, up to the limit."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, more=endless_text(request.numbers[0] or 0 if request.numbers else 0))


@dataclass(frozen=True, slots=True)
class Refusal(OutputFault):
    """The model refuses."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text="I'm sorry, but I can't assist with transcribing this image.", more=None)


@dataclass(frozen=True, slots=True)
class Echo(OutputFault):
    """The prompt comes back, without its chat markers."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        said = re.sub(r"<\|?[\w ]+\|?>(?:(?:system|user|assistant|model)\b)?\n?|\[/?INST\]", "", request.prompt)
        return replace(output, text=said.strip(), more=None)


@dataclass(frozen=True, slots=True)
class Preamble(OutputFault):
    """An introductory sentence before the text."""

    words: str = "Here is the transcription:"

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text=f"{self.words}\n\n{output.text}")


@dataclass(frozen=True, slots=True)
class Fence(OutputFault):
    """The whole text in a code fence."""

    language: str = "markdown"

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text=f"```{self.language}\n{output.text}\n```")


@dataclass(frozen=True, slots=True)
class Think(OutputFault):
    """A thinking block before the text; with *closed* false it never ends."""

    closed: bool = True

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        thought = f"<think>\nI should read {len(request.numbers)} picture(s) with care."
        if not self.closed:
            return replace(output, text=thought, more=endless_text(1))
        return replace(output, text=f"{thought}\n</think>\n\n{output.text}")


@dataclass(frozen=True, slots=True)
class ImageIgnored(OutputFault):
    """Fluent text unrelated to the picture; the token count shows that no picture was used (from 1.77 on)."""

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        return replace(output, text=unrelated_text(request.seed), blind=True)


@dataclass(frozen=True, slots=True)
class Unmarked(OutputFault):
    """The page marks of a batch are missing; with *only* just that one (counted from 1)."""

    only: int | None = None

    def _change(self, output: ModelOutput, request: ModelRequest) -> ModelOutput:
        which = str(self.only) if self.only else r"\d+"
        return replace(output, text=re.sub(rf"=== PAGE {which} ===\n?", "", output.text))

"""Parses a generate request as the server does, and generates the model's tokens within its limits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fakes.faults import ModelOutput
from fakes.versions import Version
from fakes.words import endless_text, token_ids, tokens
from visionocr.types import PAGE_MARK

LIMIT, END_TOKEN, STOP_SEQUENCE, ERROR = 0, 1, 2, -2
"""Values of ``stop_reason`` in ``/api/extra/perf``; -1: nothing was generated yet."""

_MARK = re.compile(re.escape(PAGE_MARK).replace(r"\{n\}", r"[^\n=]+"))
_TAGS = {
    "{{[INPUT]}}": "<|im_start|>user\n",
    "{{[INPUT_END]}}": "<|im_end|>\n",
    "{{[OUTPUT]}}": "<|im_end|>\n<|im_start|>assistant\n",
    "{{[OUTPUT_END]}}": "<|im_end|>\n",
    "{{[SYSTEM]}}": "<|im_start|>system\n",
    "{{[SYSTEM_END]}}": "<|im_end|>\n",
}


class NullAnswerError(Exception):
    """A wrong type inside the request: the answer is ``null``."""


class NoAnswerError(Exception):
    """A wrong type that breaks the connection."""


@dataclass(frozen=True, slots=True)
class Params:
    """A generate request as the server understands it."""

    text: str
    """Memory and prompt."""
    images: list[str]
    max_length: int
    context: int
    seed: int
    greedy: bool
    stops: list[str]
    trim_stop: bool
    endless: bool
    logprobs: bool
    key: str


class RequestReader:
    """Reads the fields of a request's body, as strictly as the server's version does."""

    def __init__(self, version: Version, body: Mapping[str, Any]) -> None:
        self.version = version
        self.body = body

    def number(self, name: str, default: float, *, whole: bool = False) -> float:
        """A number; from 1.90 on also one written as a string, or ``null`` for the default."""
        value = self.body.get(name, default)
        if not self.version.since("1.90"):
            if not isinstance(value, int if whole else int | float):
                raise NullAnswerError
            return float(value)
        try:
            return float(default if value is None else value)
        except (TypeError, ValueError):
            raise NullAnswerError from None

    def string(self, name: str) -> str:
        """A string."""
        value = self.body.get(name, "")
        if not isinstance(value, str):
            raise NullAnswerError
        return value

    def strings(self, name: str, *, none: bool = True) -> list[str]:
        """A list of strings; a plain string is taken letter by letter."""
        value = self.body.get(name, [])
        if value is None and none:
            return []
        if not isinstance(value, list | str) or not all(isinstance(entry, str) for entry in value):
            raise NullAnswerError
        return list(value)

    def params(self, context: int, default_length: int, genlimit: int, now: float) -> Params:
        """The whole request."""
        if isinstance(self.body.get("rep_pen"), str) and not self.version.since("1.90"):
            raise NoAnswerError
        context = min(context, int(self.number("max_context_length", context, whole=True)))
        length = int(self.number("max_length", min(default_length, context // 2), whole=True))
        if genlimit and self.version.since("1.99"):
            length = min(length, genlimit)
        seed = int(self.number("sampler_seed", -1, whole=True))
        self.number("rep_pen", 1.0)
        stops = self.strings("stop_sequence")[: 256 if self.version.since("1.77") else 32]
        return Params(
            text=self._fill(self.string("memory") + self.string("prompt")),
            images=self.strings("images", none=not self.version.since("1.115")),
            max_length=max(0, min(length, self.version.longest_answer(context))),
            context=context,
            seed=seed if seed > 0 else int(now) % 1_000_000,
            greedy=bool(self.number("temperature", 0.7) <= 0.01 or self.number("top_k", 100, whole=True) == 1),
            stops=[stop for stop in stops if stop],
            trim_stop=bool(self.body.get("trim_stop", self.version.since("1.80"))),
            endless=bool(self.body.get("ban_eos_token") or self.body.get("bypass_eos")),
            logprobs=bool(self.body.get("logprobs")) and self.version.since("1.77"),
            key=str(self.body.get("genkey", "")),
        )

    def _fill(self, text: str) -> str:
        """Replace the placeholders of chat tags."""
        if self.version.since("1.86") and self.body.get("replace_instruct_placeholders", True):
            for name, tag in _TAGS.items():
                text = text.replace(name, tag)
        return text


def shorten(text: str, limit: int) -> str:
    """Drop the front of *text* when it has more than *limit* tokens, as the server does."""
    pieces = tokens(text)
    return text if len(pieces) <= limit else "".join(pieces[len(pieces) - max(limit, 0) :])


def transcript(texts: list[str], prompt: str) -> str:
    """The correct answer: the pictures' texts, each under its page mark when the prompt shows page marks."""
    if _MARK.search(prompt):
        texts = [f"{PAGE_MARK.format(n=n)}\n{text}" for n, text in enumerate(texts, 1)]
    return "\n\n".join(texts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the model generated."""

    pieces: tuple[str, ...] = ()
    text: str = ""
    """The text in the answer: a stop sequence is cut off when ``trim_stop`` is set."""
    stop_reason: int = LIMIT
    tokens: int = 0
    """Completion tokens, the end token included."""

    def until(self, count: int) -> Outcome:
        """The same, stopped by an abort after *count* tokens."""
        pieces = self.pieces[:count]
        return Outcome(pieces, "".join(pieces), LIMIT, len(pieces))


def generate(output: ModelOutput, params: Params) -> Outcome:
    """Generate *output* within the limits of the request."""
    more: Iterator[str] | None = output.more or (endless_text(params.seed) if params.endless else None)
    spoken = f" {output.text}" if output.text else ""
    pieces: list[str] = []
    tail, longest = "", max(map(len, params.stops), default=0)
    for piece in itertools.chain(tokens(spoken), more or ()):
        if len(pieces) >= params.max_length:
            break
        pieces.append(piece)
        tail = (tail + piece)[-longest - len(piece) :] if longest else ""
        if any(stop in tail for stop in params.stops):
            text = "".join(pieces)
            end = min(text.index(stop) for stop in params.stops if stop in text)
            return Outcome(tuple(pieces), text[:end] if params.trim_stop else text, STOP_SEQUENCE, len(pieces))
    text = "".join(pieces)
    if len(pieces) >= params.max_length:
        return Outcome(tuple(pieces), text, LIMIT, len(pieces))
    return Outcome(tuple(pieces), text, END_TOKEN, len(pieces) + 1)


def logprobs(pieces: tuple[str, ...], version: Version) -> dict[str, object]:
    """The token list of an answer to a request with ``logprobs``; the values are placeholders."""
    ids = {"token_ids": [number for piece in pieces for number in token_ids(piece)[1:]]}
    content = [{"token": piece, "logprob": 0.0, "bytes": list(piece.encode())} for piece in pieces]
    offsets = list(itertools.accumulate((len(piece) for piece in pieces[:-1]), initial=0)) if pieces else []
    return {
        "content": content,
        "tokens": list(pieces),
        **(ids if version.since("1.115") else {}),
        "token_logprobs": [0.0] * len(pieces),
        "top_logprobs": [{piece: 0.0} for piece in pieces],
        "text_offset": offsets,
    }

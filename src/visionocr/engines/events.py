"""Parses streamed answers: server-sent events, or one JSON value per line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def parse_events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """The server-sent events in a body, each as soon as its line is complete.

    An ``error`` line becomes ``{"error": …}``; comments, which only keep the connection open, and ``[DONE]`` are left
    out. Raises ``ValueError`` for an event that is not JSON.
    """
    for line in _lines(chunks):
        field, _, value = line.partition(b":")
        value = value.strip()
        if field in (b"data", b"error") and value not in (b"", b"[DONE]"):
            event = _parse(value)
            yield {"error": event} if field == b"error" else event


def parse_objects(chunks: Iterable[bytes]) -> Iterator[Any]:
    """The JSON values in a body of a line each. Raises ``ValueError`` for a line that is not JSON."""
    yield from (_parse(line) for line in _lines(chunks) if line)


PARSERS: dict[str, Callable[[Iterable[bytes]], Iterator[Any]]] = {
    "text/event-stream": parse_events,
    "application/x-ndjson": parse_objects,
}
"""By the content type of the answer."""


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        if b"\n" in chunk:
            *lines, tail = bytes(rest).split(b"\n")
            rest = bytearray(tail)
            yield from (line.strip() for line in lines)
    yield bytes(rest).strip()


def _parse(value: bytes) -> Any:
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError("an event that is nested too deeply") from None

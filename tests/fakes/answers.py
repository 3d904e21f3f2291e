"""HTTP answers of a fake server, good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto


class Ending(Enum):
    """How the connection ends."""

    CLOSE = auto()
    """Closed in good order once everything is sent."""
    SILENCE = auto()
    """Closed in good order, without a single byte."""
    RESET = auto()
    """Reset, without a single byte."""
    DEATH = auto()
    """The process dies: nothing is sent, all other connections end, new ones are refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, or the lack of one."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    length: int | None = None
    """Value of ``Content-Length``; ``None``: the header is not sent."""
    headers: tuple[tuple[str, str], ...] = ()
    more: Iterable[bytes] = ()
    """Sent after the body, piece by piece."""
    pause: float = 0.0
    """Seconds between the bytes of the body."""
    ending: Ending = Ending.CLOSE


def json_answer(value: object, status: int = 200, *, measured: bool | None = None) -> Answer:
    """*value* as JSON. KoboldCpp sends ``Content-Length`` with status 200 only, unless *measured* says otherwise."""
    body = json.dumps(value).encode()
    measured = status == 200 if measured is None else measured
    return Answer(status, body, length=len(body) if measured else None)


def detail(status: int, kind: str, message: str, **more: str) -> Answer:
    """An error in the form of KoboldCpp."""
    return json_answer({"detail": {**more, "msg": message, "type": kind}}, status)


BUSY = detail(503, "service_unavailable", "Server is busy; please try again later.")
BAD_INPUT = detail(500, "bad_input", "Error parsing input.")
TOO_BIG = detail(500, "bad_input", "Payload is too big. Max payload size is 32MB.")
UNAUTHORIZED = detail(401, "unauthorized", "Authentication key is missing or invalid.", error="Unauthorized")
NULL = json_answer(None)
SILENCE = Answer(ending=Ending.SILENCE)
DEATH = Answer(ending=Ending.DEATH)


def rate_limited(seconds: int) -> Answer:
    """The refusal of a server with a rate limit."""
    return detail(
        503, "service_unavailable", f"You are sending requests too quickly. Please try again in {seconds} seconds."
    )

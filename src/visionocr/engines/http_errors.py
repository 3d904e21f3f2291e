"""What went wrong in an exchange with a server: the kinds of errors, and what a server's words in an error answer mean.

The words were read in the sources of llama.cpp, vLLM, Ollama, KoboldCpp and text-generation-webui; a server
whose words are not known here is judged by its status.
"""

from __future__ import annotations

import json
import re
from typing import Any

from visionocr.errors import (
    AnswerUnusable,
    KeyRefused,
    RequestRefused,
    RequestTooLarge,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnreachable,
)

TOO_LARGE_HINT = "Raise the limit there (nginx: client_max_body_size), or give a smaller --max-side or --batch."
_BACKEND_AWAY = "the gateway at {base} cannot reach the server behind it"
_BACKEND_HINT = "Start that server; if it is running, look at the gateway's log."
_QUOTE = 300
"""Most characters of a server's own words that are quoted in an error."""


class PathUnknown(ServerRefused):
    """The server does not know this path: it may be another kind of server, or another version."""


class ConnectionLost(AnswerUnusable):
    """The connection closed before the answer was complete: a request it could not take, or a crash."""


class TimedOut(AnswerUnusable):
    """The server sent nothing for too long."""


class GenerationFailed(AnswerUnusable):
    """The server's engine failed at a request that it may well answer the next time."""


class GatewayTimedOut(ServerBusy):
    """A gateway in front of the server waited no longer for an answer, on which the server may still work."""


class ServerDied(ServerUnreachable):
    """The server became unreachable while it had a request of ours."""


class ServerChanged(ServerBusy):
    """The server was restarted, so what was known about it no longer holds: probe it, then send the request again."""


class ServerCrowded(ServerBusy):
    """The requests that run at the same time do not fit into the server together. Fewer at once may."""


def quote(text: str, key: str | None = None) -> str:
    """The beginning of a server's *text* as one printable line, without the *key*: it may repeat what was sent."""
    text = text.replace(key, "***") if key else text  # before anything is cut off: a part of a key is too much as well
    text = " ".join(text[: 4 * _QUOTE].split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _QUOTE else text[:_QUOTE] + "…"


def error_message(data: Any) -> str:
    """The message inside the JSON of an error."""
    for _ in range(3):
        if isinstance(data, dict):
            data = next((data[key] for key in ("detail", "error", "msg", "message") if key in data), data)
    return str(data)


def server_words(body: bytes, key: str | None = None) -> str:
    """What a server says in an error body, to be quoted: the message inside JSON where there is one."""
    text = body.decode("utf-8", "replace")
    try:
        return quote(error_message(json.loads(text)), key)
    except (ValueError, RecursionError):
        text = text.replace(key, "***") if key else text
        return quote(re.sub("<[^>]*>", " ", text[:4096])) or "no explanation"


def refusal(
    base: str, path: str, status: int, body: bytes, *, key: str | None = None, retry_after: float | None = None
) -> ServerError:
    """The error that an answer with a *status* of 400 or more stands for."""
    words = server_words(body, key)
    if status == 401 or status == 403:
        sent = "The server did not accept the key" if key else "The server wants a key"
        return KeyRefused(
            f"{base} refuses access ({status}: {words})", f"{sent}: set VISIONOCR_API_KEY, or give --api-key."
        )
    if status in {429, 503}:
        return ServerBusy(f"{base} is busy ({status}: {words})", retry_after=retry_after)
    if status in {408, 504, 524}:
        why = f"the gateway at {base} gave up waiting for the server ({status}: {words})"
        return GatewayTimedOut(why, retry_after=retry_after)
    if status in {502, 521, 522, 523, 530}:
        return ServerUnreachable(f"{_BACKEND_AWAY.format(base=base)} ({status}: {words})", _BACKEND_HINT)
    if meant := meaning(base, status, words):
        return meant
    if status == 413:
        return RequestTooLarge(f"{base} refuses so large a request ({status}: {words})", TOO_LARGE_HINT)
    if status == 404:
        return PathUnknown(f"{base}{path} does not exist (404)", "Is this the right server and address?")
    if status >= 500 and b"bad_input" not in body:
        return AnswerUnusable(f"{base} failed ({status}: {words})")
    return RequestRefused(f"{base} refuses the request ({status}: {words})")


def meaning(base: str, status: int, words: str) -> ServerError | None:
    """The error that a server's *words* stand for; ``None`` when they say no more than the *status*."""
    if status not in {400, 404, 413, 422, 500}:  # others, such as 401 and 503, say enough themselves
        return None
    for pattern, error, message, hint in _MEANINGS:
        if re.search(pattern, words, re.IGNORECASE):
            return error(f"{message.format(base=base)} ({status}: {words})", hint)
    return None


_MEANINGS: tuple[tuple[str, type[ServerError], str, str], ...] = (
    (
        r"exceed_context_size|context[ _](size|length|window|overflow)|maximum model len|truncation_length",
        RequestRefused,
        "the request does not fit the context of {base}",
        "Start the server with a larger context, or give a smaller --max-side, --max-length or --batch.",
    ),
    (
        r"payload (is )?too (big|large)|request (entity|body) (is )?too large",
        RequestTooLarge,
        "{base} refuses so large a request",
        TOO_LARGE_HINT,
    ),
    (  # LiteLLM, whose back end is down, and others that pass requests on
        r"connection error|APIConnectionError|cannot connect to host|connection refused|ECONNREFUSED",
        ServerUnreachable,
        _BACKEND_AWAY,
        _BACKEND_HINT,
    ),
    (  # LiteLLM without a database, where only its own key is known
        r"no connected db",
        KeyRefused,
        "{base} refuses access",
        "The key is missing or wrong: set VISIONOCR_API_KEY, or give --api-key.",
    ),
    (
        r"plain HTTP (request was sent )?to (an? )?(HTTPS|SSL|TLS)|HTTP request to an HTTPS server",
        ServerRefused,
        "{base} wants HTTPS",
        "Give the address with https:// in front.",
    ),
    (
        r"At most \d+ (image|multi-?modal)",
        RequestRefused,
        "{base} does not accept so many images in a request",
        "Give a smaller --batch.",
    ),
    (
        (
            r"image input is not supported|not a multimodal model|missing data required for image"
            r"|(does not|doesn't|cannot) support (multimodal|images?|vision)|no (vision|image) support"
            r"|not support(ed)? (image|vision) input"
        ),
        ServerRefused,
        "the model at {base} cannot see pictures",
        "Load a model that can see pictures, with its projector (mmproj) where the server wants one.",
    ),
    (
        r"failed to load image|invalid image input|cannot identify image|failed to (decode|process) image",
        RequestRefused,
        "{base} cannot read the picture",
        "",
    ),
    (
        r"\bmodel\b.{0,300}(not found|does not exist|not exist)|invalid model identifier|no models? (is |are )?loaded",
        ServerRefused,
        "{base} has no such model, or none loaded",
        "Load one, or choose one with --model; visionocr check shows which there are.",
    ),
    (
        r"requires more system memory|failed to load model|unable to load model",
        ServerRefused,
        "{base} cannot load the model",
        "Look at the server's console; a smaller model or context may work.",
    ),
    (
        r"invalid host header",
        ServerRefused,
        "{base} is not reachable under that name",
        "Use localhost or 127.0.0.1 on the same machine, or start text-generation-webui with --listen.",
    ),
)

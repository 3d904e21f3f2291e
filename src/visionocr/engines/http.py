"""The only place that opens connections: one request, one connection, bounded in time and size."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, LocationValueError

from visionocr.engines.connection import Line
from visionocr.engines.error_messages import meaning
from visionocr.engines.events import PARSERS
from visionocr.engines.session import Bearer, open_session
from visionocr.errors import (
    AnswerUnusable,
    ConfigurationError,
    KeyRefused,
    RequestRefused,
    ServerBusy,
    ServerRefused,
    ServerUnreachable,
)

MAX_ANSWER = 16 * 1024 * 1024
"""Most bytes of an answer that are read. A page of text has thousands; more is a fault or an attack."""
CONNECT_TIMEOUT = 10.0
"""Seconds to reach a server."""
PROBE_TIMEOUT = 15.0
"""Seconds for the small questions (version, model, token count), which no server should have to think about."""
BODY_TIMEOUT = 60.0
"""Seconds for the body of an answer once its first byte is there."""
_MOST_EVENTS = 200_000
"""Of an answer that comes as a stream: a token each, where a page of text has thousands."""
_QUOTE = 300
"""Most characters of a server's own words that are quoted in an error."""


class PathUnknown(ServerRefused):
    """The server has nothing at this path: it may be another kind of server, or another version."""


class ConnectionLost(AnswerUnusable):
    """The connection closed before the answer was complete: a request it could not take, or a crash."""


class TimedOut(AnswerUnusable):
    """The server sent nothing for too long."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer with its body decoded."""

    status: int
    data: Any
    """Parsed JSON, or ``None`` where the body was the JSON ``null``; of a stream its last event."""
    seconds: float
    events: tuple[Any, ...] = ()
    """All events, where the answer was a stream of them."""


@dataclass(frozen=True)
class Http:
    """Speaks HTTP with one server.

    ``base`` has no trailing slash. The key is sent as a bearer token, appears in no ``repr`` and in no error.
    Safe to use from several threads: it keeps no connection.
    """

    base: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 300.0
    """Seconds without a byte after which a long request is given up."""
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        """Refuse a key that no header can carry: the libraries below would quote it in their complaint."""
        if self.key and not (self.key.isprintable() and all(char <= "\xff" for char in self.key)):
            raise ConfigurationError(
                "the API key holds a character that cannot be sent", "Look for a line break at its end."
            )

    def get(self, path: str) -> Reply:
        """GET *path*; JSON expected."""
        return self._send("GET", path, None, PROBE_TIMEOUT)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        quick: bool = False,
        line: Line | None = None,
        hear: Callable[[Any], object] | None = None,
    ) -> Reply:
        """POST a JSON object, or its bytes.

        ``quick``: a small question, so do not wait long. With a ``line`` the wait for the answer has no end of its
        own: whoever has the line hangs up. ``hear`` gets the events of an answer that comes as a stream, one by one.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        timeout = PROBE_TIMEOUT if quick else None if line else self.timeout
        return self._send("POST", path, data, timeout, line, hear)

    def _send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        timeout: float | None,
        line: Line | None = None,
        hear: Callable[[Any], object] | None = None,
    ) -> Reply:
        headers = {"Accept": "application/json", "Connection": "close", "Accept-Encoding": "identity"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        started = self.clock()
        endless = line is not None
        deadline = None
        if line is None and timeout is not None:
            # A time-out is for each read; a server that drips its headers would have as many as it likes.
            line = Line()
            deadline = threading.Timer(timeout + CONNECT_TIMEOUT, line.hang_up)
            deadline.daemon = True
            deadline.start()
        try:
            # A session of its own for each request: KoboldCpp keeps no connection alive, and 24 idle ones make it deaf.
            with (
                open_session(self.base, line) as session,
                session.request(
                    method,
                    self.base + path,
                    data=data,
                    headers=headers,
                    auth=Bearer(self.key),
                    timeout=(CONNECT_TIMEOUT, timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                parse = PARSERS.get(response.headers.get("Content-Type", "").partition(";")[0].strip().lower())
                if hear is not None and response.status_code == 200 and parse is not None:
                    until = None if endless else self.clock() + BODY_TIMEOUT
                    events = self._listen(parse(self._read(response, until)), path, hear)
                    return Reply(200, events[-1] if events else None, self.clock() - started, events)
                body = b"".join(self._read(response, self.clock() + BODY_TIMEOUT))
                return self._judge(response, body, path, self.clock() - started)
        except (requests.exceptions.InvalidURL, LocationValueError, UnicodeError):
            raise ServerUnreachable(f"{self.base} is not a usable address", "Check the host's name.") from None
        except requests.exceptions.SSLError as error:
            raise self._insecure(error) from None
        except requests.exceptions.ConnectTimeout:
            raise self._unreachable("it does not answer") from None
        except requests.exceptions.Timeout:
            raise self._silent(timeout) from None
        except (requests.exceptions.ConnectionError, HTTPError) as error:
            raise self._connection_error(error, timeout) from None
        except requests.exceptions.RequestException as error:
            raise AnswerUnusable(f"{self.base} sent an answer that is not HTTP ({type(error).__name__})") from None
        finally:
            if deadline is not None:
                deadline.cancel()

    def _read(self, response: requests.Response, deadline: float | None) -> Iterator[bytes]:
        # ``read1`` returns what has come; ``read`` waits for a whole block, which may trickle in for hours.
        read = getattr(response.raw, "read1", response.raw.read)
        size = 0
        while chunk := read(65536, decode_content=True):
            yield chunk
            size += len(chunk)
            if size > MAX_ANSWER:
                raise AnswerUnusable(f"{self.base} sent an answer of more than {MAX_ANSWER // 1024**2} MiB")
            if deadline is not None and self.clock() > deadline:
                raise TimedOut(f"{self.base} sends its answer too slowly")
        if size < (_whole_number(response.headers.get("Content-Length", "")) or 0):
            raise ConnectionLost(f"{self.base} closed the connection in the middle of its answer")

    def _listen(self, parsed: Iterator[Any], path: str, hear: Callable[[Any], object]) -> tuple[Any, ...]:
        events = []
        try:
            for event in parsed:
                events.append(event)
                if len(events) > _MOST_EVENTS:
                    raise AnswerUnusable(f"{self.base}{path} sent more than {_MOST_EVENTS:,} events")
                hear(event)
        except ValueError:
            raise AnswerUnusable(f"{self.base}{path} sent an event that is not JSON") from None
        return tuple(events)

    def _judge(self, response: requests.Response, body: bytes, path: str, seconds: float) -> Reply:
        status = response.status_code
        if 300 <= status < 400:
            where = _origin(response.headers.get("Location", "")) or "another address"
            raise ServerRefused(
                f"{self.base} redirects to {where}", "Give that address with --api-url if you trust it."
            )
        if status >= 400:
            raise self._refusal(response, body, path)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            words = self.without_key(quote(body))
            raise AnswerUnusable(f"{self.base}{path} answered something that is not JSON: {words}") from None
        return Reply(status, data, seconds)

    def _refusal(self, response: requests.Response, body: bytes, path: str) -> Exception:
        status, words = response.status_code, self.without_key(server_words(body))
        if status == 401 or status == 403:
            sent = "The server did not accept the key" if self.key else "The server wants a key"
            return KeyRefused(
                f"{self.base} refuses access ({status}: {words})",
                f"{sent}: set VISIONOCR_API_KEY, or give --api-key.",
            )
        if status in {408, 429, 502, 503, 504}:
            return ServerBusy(f"{self.base} is busy ({status}: {words})", retry_after=_retry_after(response))
        if meant := meaning(self.base, status, words):
            return meant
        if status == 404:
            return PathUnknown(f"{self.base}{path} does not exist (404)", "Is this the right server and address?")
        if status >= 500 and b"bad_input" not in body:
            return AnswerUnusable(f"{self.base} failed ({status}: {words})")
        return RequestRefused(f"{self.base} refuses the request ({status}: {words})")

    def without_key(self, words: str) -> str:
        """*words* fit to be shown: a server may repeat in its complaint what was sent to it."""
        return words.replace(self.key, "***") if self.key else words

    def _connection_error(self, error: Exception, timeout: float | None) -> Exception:
        # urllib3 wraps the cause several times; its own words tell a refused connection from one that was cut.
        text = repr(error)
        if re.search(r"NewConnectionError|NameResolutionError|ConnectionRefused|Errno 111|Errno 61\b|10061", text):
            return self._unreachable("nobody answers there" if "NameRes" not in text else "the host name is unknown")
        if re.search(r"Read timed out|ReadTimeout", text):
            return self._silent(timeout)
        return ConnectionLost(f"{self.base} closed the connection without a complete answer")

    def _silent(self, timeout: float | None) -> TimedOut:
        return TimedOut(f"{self.base} sent nothing" + ("" if timeout is None else f" for {timeout:.0f} s"))

    def _insecure(self, error: Exception) -> ServerRefused:
        if "CERTIFICATE_VERIFY_FAILED" in repr(error):
            hint = "Name the file of the authority that signed it in the environment variable REQUESTS_CA_BUNDLE."
            return ServerRefused(f"the certificate of {self.base} is not trusted", hint)
        return ServerRefused(f"{self.base} does not speak HTTPS as it should", "Should the address begin with http://?")

    def _unreachable(self, why: str) -> ServerUnreachable:
        return ServerUnreachable(
            f"cannot reach {self.base}: {why}",
            "Start the server (a model that is still loading does not answer), or give its address with --api-url.",
        )


def _origin(location: str) -> str:
    """Scheme and host of an absolute URL, printable; empty when it has none."""
    try:
        target = urlsplit(location)
    except ValueError:
        return ""
    return quote(f"{target.scheme}://{target.hostname}".encode()) if target.scheme and target.hostname else ""


def quote(body: bytes) -> str:
    """The beginning of a body as one line of printable text."""
    text = " ".join(body[: 4 * _QUOTE].decode("utf-8", "replace").split())
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= _QUOTE else text[:_QUOTE] + "…"


def server_words(body: bytes) -> str:
    """What a server says in an error body: the message inside JSON where there is one."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return quote(re.sub(rb"<[^>]*>", b" ", body[:4096])) or "no explanation"
    for _ in range(3):
        if isinstance(data, dict):
            data = next((data[key] for key in ("detail", "error", "msg", "message") if key in data), data)
    return quote(str(data).encode("utf-8", "replace"))


def _retry_after(response: requests.Response) -> float | None:
    value = _whole_number(response.headers.get("Retry-After", ""))
    return None if value is None else min(float(value), 600.0)


def _whole_number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None

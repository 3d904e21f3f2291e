"""HTTP requests, each on a connection of its own, limited in time and size."""

from __future__ import annotations

import contextlib
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

from visionocr.engines.connection import Bearer, Connection, open_session
from visionocr.engines.events import PARSERS
from visionocr.engines.http_errors import ConnectionLost, TimedOut, error_message, quote, refusal
from visionocr.errors import AnswerUnusable, ConfigurationError, ServerError, ServerRefused, ServerUnreachable
from visionocr.stop import Stop

MAX_ANSWER = 16 * 1024 * 1024
"""Most bytes of an answer that are read. A page of text has thousands; more is a fault or an attack."""
CONNECT_TIMEOUT = 10.0
"""Seconds to reach a server."""
PROBE_TIMEOUT = 15.0
"""Seconds for small requests (version, model, token count), which every server answers at once."""
BODY_TIMEOUT = 60.0
"""Seconds for the body of an answer once its first byte is there."""
_MOST_EVENTS = 200_000
"""Of an answer that comes as a stream: a token each, where a page of text has thousands."""


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
    Safe to use from several threads: it keeps no connection. Raises ``Interrupted`` once ``stop`` is requested.
    """

    base: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 300.0
    """Seconds without a byte after which a long request is given up."""
    clock: Callable[[], float] = time.monotonic
    stop: Stop = field(default_factory=Stop, repr=False)
    """Ends a small question at once when it is requested."""
    quick_timeout: float | None = None
    """Seconds for a small question, where they are not the usual ones."""

    def __post_init__(self) -> None:
        """Refuse a key that no header can carry: the libraries below would quote it in their complaint."""
        if self.key and not (self.key.isprintable() and all(char <= "\xff" for char in self.key)):
            raise ConfigurationError(
                "the API key holds a character that cannot be sent", "Look for a line break at its end."
            )

    def get(self, path: str) -> Reply:
        """GET *path*: a small question; JSON expected."""
        return self._exchange("GET", path, None, self.quick_timeout or PROBE_TIMEOUT)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        quick: bool = False,
        connection: Connection | None = None,
        on_event: Callable[[Any], object] | None = None,
    ) -> Reply:
        """POST a JSON object, or its bytes.

        ``quick``: a small question, so do not wait long. With a ``connection`` the wait for the answer has no end of
        its own: whoever has the connection closes it. ``on_event`` gets the events of an answer that comes as a stream,
        one by one.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        timeout = (self.quick_timeout or PROBE_TIMEOUT) if quick else None if connection else self.timeout
        return self._exchange("POST", path, data, timeout, connection, on_event)

    def quote(self, error: object) -> str:
        """What a server says in the JSON of an *error*, fit to be shown."""
        return quote(error_message(error), self.key)

    def _exchange(
        self,
        method: str,
        path: str,
        data: bytes | None,
        timeout: float | None,
        connection: Connection | None = None,
        on_event: Callable[[Any], object] | None = None,
    ) -> Reply:
        headers = {"Accept": "application/json", "Connection": "close", "Accept-Encoding": "identity"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        started = self.clock()
        try:
            # A session of its own for each request: KoboldCpp keeps no connection alive, and 24 idle ones make it deaf.
            with (
                contextlib.nullcontext(connection) if connection else self._bounded(timeout) as used,
                open_session(self.base, used) as session,
                session.request(
                    method,
                    self.base + path,
                    data=data,
                    headers=headers,
                    auth=Bearer(self.key),
                    timeout=(min(CONNECT_TIMEOUT, self.quick_timeout or CONNECT_TIMEOUT), timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                parse = PARSERS.get(response.headers.get("Content-Type", "").partition(";")[0].strip().lower())
                if on_event is not None and response.status_code == 200 and parse is not None:
                    until = None if connection is not None else self.clock() + BODY_TIMEOUT
                    events = self._collect(parse(self._read(response, until)), path, on_event)
                    return Reply(200, events[-1] if events else None, self.clock() - started, events)
                body = b"".join(self._read(response, self.clock() + BODY_TIMEOUT))
                return self._decode(response, body, path, self.clock() - started)
        except (ServerError, OSError, HTTPError, LocationValueError, UnicodeError) as error:
            if connection is None:
                self.stop.check()  # an error of a cancelled request says nothing about the server
            raise (error if isinstance(error, ServerError) else self._failure(error, timeout)) from None

    @contextlib.contextmanager
    def _bounded(self, timeout: float | None) -> Iterator[Connection]:
        """A connection that is closed when all of it takes too long, or when the run is stopped.

        The libraries' time-out is for each read; a server that drips its headers would have as many as it likes.
        """
        self.stop.check()
        connection = Connection()
        timer = threading.Timer((timeout or 0.0) + CONNECT_TIMEOUT, connection.close)
        timer.daemon = True
        timer.start()
        try:
            with self.stop.waking(connection.close):
                yield connection
        finally:
            timer.cancel()

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
        if size < (_parse_count(response.headers.get("Content-Length", "")) or 0):
            raise ConnectionLost(f"{self.base} closed the connection in the middle of its answer")

    def _collect(self, parsed: Iterator[Any], path: str, on_event: Callable[[Any], object]) -> tuple[Any, ...]:
        events = []
        try:
            for event in parsed:
                events.append(event)
                if len(events) > _MOST_EVENTS:
                    raise AnswerUnusable(f"{self.base}{path} sent more than {_MOST_EVENTS:,} events")
                on_event(event)
        except ValueError:
            raise AnswerUnusable(f"{self.base}{path} sent an event that is not JSON") from None
        return tuple(events)

    def _decode(self, response: requests.Response, body: bytes, path: str, seconds: float) -> Reply:
        status = response.status_code
        if 300 <= status < 400:
            where = _origin(response.headers.get("Location", "")) or "another address"
            raise ServerRefused(
                f"{self.base} redirects to {where}", "Give that address with --api-url if you trust it."
            )
        if status >= 400:
            seconds_to_wait = _parse_count(response.headers.get("Retry-After", ""))
            wait = None if seconds_to_wait is None else min(float(seconds_to_wait), 600.0)
            raise refusal(self.base, path, status, body, key=self.key, retry_after=wait)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            words = quote(body.decode("utf-8", "replace"), self.key)
            raise AnswerUnusable(f"{self.base}{path} answered something that is not JSON: {words}") from None
        return Reply(status, data, seconds)

    def _failure(self, error: Exception, timeout: float | None) -> ServerError:
        """The ``ServerError`` for an *error* of the HTTP libraries."""
        # urllib3 wraps the cause several times; its own words tell a refused connection from one that was cut.
        text = repr(error)
        match error:
            case requests.exceptions.InvalidURL() | LocationValueError() | UnicodeError():
                return ServerUnreachable(f"{self.base} is not a usable address", "Check the host's name.")
            case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY_FAILED" in text:
                hint = "Set the environment variable REQUESTS_CA_BUNDLE to the certificate of its authority."
                return ServerRefused(f"the certificate of {self.base} is not trusted", hint)
            case requests.exceptions.SSLError():
                hint = "Should the address begin with http://?"
                return ServerRefused(f"{self.base} does not answer as an HTTPS server", hint)
            case requests.exceptions.ConnectionError() if _TLS_ALERT in text:
                return ServerRefused(f"{self.base} wants HTTPS", "Give the address with https:// in front.")
            case requests.exceptions.ConnectTimeout():
                return self._unreachable("no answer")
            case requests.exceptions.ConnectionError() | requests.exceptions.Timeout() | HTTPError():
                if re.search(r"Read timed out|ReadTimeout", text):
                    return TimedOut(f"{self.base} sent nothing" + ("" if timeout is None else f" for {timeout:.0f} s"))
                why = next((why for pattern, why in _UNREACHABLE if re.search(pattern, text)), None)
                lost = ConnectionLost(f"{self.base} closed the connection without a complete answer")
                return self._unreachable(why) if why else lost
            case requests.exceptions.RequestException():
                return AnswerUnusable(f"{self.base} sent an answer that is not HTTP ({type(error).__name__})")
        return ServerRefused(
            f"cannot check the certificate of {self.base}: {quote(str(error))}",
            "Set the environment variable REQUESTS_CA_BUNDLE to a file of certificates.",
        )

    def _unreachable(self, why: str) -> ServerUnreachable:
        return ServerUnreachable(
            f"cannot reach {self.base}: {why}",
            "Start the server (a model that is still loading does not answer), or give its address with --api-url.",
        )


_TLS_ALERT = r"BadStatusLine('\x15\x03"
"""What the library says of an alert of the TLS protocol where an HTTP answer should begin."""
_UNREACHABLE = (
    ("NameResolutionError", "the host name is unknown"),
    (r"ConnectionRefused|Connection refused|Errno 111|Errno 61\b|10061", "connection refused"),
    ("NewConnectionError", "no connection"),
)


def _origin(location: str) -> str:
    """Scheme and host of an absolute URL, printable; empty when it has none."""
    try:
        target = urlsplit(location)
    except ValueError:
        return ""
    return quote(f"{target.scheme}://{target.hostname}") if target.scheme and target.hostname else ""


def _parse_count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None

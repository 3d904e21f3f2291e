"""The only place that opens connections: one request, one connection, bounded in time and size."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from visionocr.errors import AnswerUnusable, RequestRefused, ServerBusy, ServerRefused, ServerUnreachable

MAX_ANSWER = 16 * 1024 * 1024
"""Most bytes of an answer that are read. A page of text has thousands; more is a fault or an attack."""
CONNECT_TIMEOUT = 10.0
"""Seconds to reach a server."""
PROBE_TIMEOUT = 15.0
"""Seconds for the small questions (version, model, token count), which no server should have to think about."""
BODY_TIMEOUT = 60.0
"""Seconds for the body of an answer once its first byte is there."""
_QUOTE = 300
"""Most characters of a server's own words that are quoted in an error."""


class _Bearer(AuthBase):
    """Sends the key; being an auth object also keeps ``requests`` from looking into ``~/.netrc``."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class ConnectionLost(AnswerUnusable):
    """The connection closed before the answer was complete: a request it could not take, or a crash."""


class TimedOut(AnswerUnusable):
    """The server sent nothing for too long."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer with its body decoded."""

    status: int
    data: Any
    """Parsed JSON, or ``None`` where the body was the JSON ``null``."""
    seconds: float


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

    def get(self, path: str) -> Reply:
        """GET *path*; JSON expected."""
        return self._send("GET", path, None, PROBE_TIMEOUT)

    def post(self, path: str, body: Mapping[str, Any] | bytes, *, quick: bool = False) -> Reply:
        """POST a JSON object, or its bytes. ``quick``: a small question, so do not wait long."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._send("POST", path, data, PROBE_TIMEOUT if quick else self.timeout)

    def _send(self, method: str, path: str, data: bytes | None, timeout: float) -> Reply:
        headers = {"Accept": "application/json", "Connection": "close", "Accept-Encoding": "identity"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        started = self.clock()
        try:
            # A session of its own for each request: KoboldCpp keeps no connection alive, and 24 idle ones make it deaf.
            with (
                self._session() as session,
                session.request(
                    method,
                    self.base + path,
                    data=data,
                    headers=headers,
                    auth=_Bearer(self.key),
                    timeout=(CONNECT_TIMEOUT, timeout),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                body = self._read(response, self.clock() + BODY_TIMEOUT)
                return self._judge(response, body, path, self.clock() - started)
        except requests.exceptions.InvalidURL as error:
            raise ServerUnreachable(f"{self.base} is not a usable address: {error}") from None
        except requests.exceptions.ConnectTimeout:
            raise self._unreachable("it does not answer") from None
        except requests.exceptions.Timeout:
            raise TimedOut(f"{self.base} sent nothing for {timeout:.0f} s") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise self._connection_error(error) from None
        except requests.exceptions.RequestException as error:
            raise AnswerUnusable(f"{self.base} sent an answer that is not HTTP ({type(error).__name__})") from None

    def _session(self) -> requests.Session:
        session = requests.Session()
        # A proxy from the environment is for the world outside, and must not get what goes to this machine.
        session.trust_env = urlsplit(self.base).hostname not in {"localhost", "127.0.0.1", "::1"}
        return session

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        chunks, size = [], 0
        for chunk in response.iter_content(65536):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER:
                raise AnswerUnusable(f"{self.base} sent an answer of more than {MAX_ANSWER // 1024**2} MiB")
            if self.clock() > deadline:
                raise TimedOut(f"{self.base} sends its answer too slowly")
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and size < int(announced):
            raise ConnectionLost(f"{self.base} closed the connection in the middle of its answer")
        return b"".join(chunks)

    def _judge(self, response: requests.Response, body: bytes, path: str, seconds: float) -> Reply:
        status = response.status_code
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            where = f"{target.scheme}://{target.hostname}" if target.hostname else "another address"
            raise ServerRefused(
                f"{self.base} redirects to {where}", "Give that address with --api-url if you trust it."
            )
        if status >= 400:
            raise self._refusal(response, body, path)
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise AnswerUnusable(f"{self.base}{path} answered something that is not JSON: {quote(body)}") from None
        return Reply(status, data, seconds)

    def _refusal(self, response: requests.Response, body: bytes, path: str) -> Exception:
        status, words = response.status_code, server_words(body)
        if status == 401 or status == 403:
            sent = "The server did not accept the key" if self.key else "The server wants a key"
            return ServerRefused(
                f"{self.base} refuses access ({status}: {words})",
                f"{sent}: set VISIONOCR_API_KEY, or give --api-key.",
            )
        if status in {408, 429, 502, 503, 504}:
            return ServerBusy(f"{self.base} is busy ({status}: {words})", retry_after=_retry_after(response))
        if status == 404:
            return ServerRefused(f"{self.base}{path} does not exist (404)", "Is this the right server and address?")
        if status >= 500 and b"bad_input" not in body:
            return AnswerUnusable(f"{self.base} failed ({status}: {words})")
        return RequestRefused(f"{self.base} refuses the request ({status}: {words})")

    def _connection_error(self, error: Exception) -> Exception:
        # urllib3 wraps the cause several times; its own words tell a refused connection from one that was cut.
        text = repr(error)
        if re.search(r"NewConnectionError|NameResolutionError|ConnectionRefused|Errno 111|Errno 61\b|10061", text):
            return self._unreachable("nobody answers there" if "NameRes" not in text else "the host name is unknown")
        if re.search(r"Read timed out|ReadTimeout", text):
            return TimedOut(f"{self.base} sent nothing for {self.timeout:.0f} s")
        return ConnectionLost(f"{self.base} closed the connection without a complete answer")

    def _unreachable(self, why: str) -> ServerUnreachable:
        return ServerUnreachable(
            f"cannot reach {self.base}: {why}",
            "Start the server (a model that is still loading does not answer), or give its address with --api-url.",
        )


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
    value = response.headers.get("Retry-After", "")
    return min(float(value), 600.0) if value.isdigit() else None

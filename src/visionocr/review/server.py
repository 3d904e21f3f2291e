"""The HTTP server of the review page: loopback, a secret in the address, and nothing from anywhere else.

What it defends against: other web pages in the same browser (the secret, ``Host`` against DNS rebinding, ``Origin``
against forged requests), what documents and models write (content security policy, no raw HTML), other users of the
machine (the secret), and requests for files (pages are known by number only). The secret is a part of the path, because
cookies do not look at ports: another server on this machine would be sent them.
"""

from __future__ import annotations

import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from socketserver import TCPServer
from typing import Any

from visionocr.errors import (
    ConfigurationError,
    DocumentError,
    Interrupted,
    OutputError,
    ServerError,
    UsageError,
    VisionOcrError,
)
from visionocr.output.page_file import TextRefused
from visionocr.review.book import Conflict
from visionocr.review.desk import Answer, Desk

LARGEST_BODY = 4 << 20
"""Bytes of a request."""
PATIENCE = 60.0
"""Seconds that a client may take to send its request."""
_FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
    "review.js": ("review.js", "text/javascript; charset=utf-8"),
    "grid.js": ("grid.js", "text/javascript; charset=utf-8"),
    "picture.js": ("picture.js", "text/javascript; charset=utf-8"),
    "server.js": ("server.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_CODES: tuple[tuple[type[VisionOcrError], HTTPStatus], ...] = (
    (Conflict, HTTPStatus.CONFLICT),
    (TextRefused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UsageError, HTTPStatus.BAD_REQUEST),
    (ConfigurationError, HTTPStatus.BAD_REQUEST),
    (DocumentError, HTTPStatus.NOT_FOUND),
    (ServerError, HTTPStatus.BAD_GATEWAY),
    (OutputError, HTTPStatus.INSUFFICIENT_STORAGE),
    (Interrupted, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Refused(Exception):
    """A request that is not answered."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class ReviewServer(ThreadingHTTPServer):
    """Serves a ``Desk``. ``serve_forever`` runs until ``shutdown``."""

    daemon_threads = True

    def __init__(self, desk: Desk, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on *host*; *port* 0 is any free one. Raises ``UsageError``."""
        self.desk = desk
        self.token = secrets.token_urlsafe(24)
        self.host = host
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            self.address_family = family
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(f"cannot listen on {host}, port {port}: {reason}", "Give another --port.") from None

    @property
    def address(self) -> str:
        """What to open in the browser."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.server_port}/{self.token}/"

    def is_own_host(self, header: str) -> bool:
        """Whether a ``Host`` header names this server. A name that only leads here does not: DNS rebinding."""
        match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d{1,5}))?", header)
        if match is None or int(match[2] or 80) != self.server_port:
            return False
        name = match[1].strip("[]").lower()
        if name in {self.host.lower(), "localhost", "127.0.0.1"}:
            return True
        return _is_wildcard(self.host) and _is_address(name)

    def server_bind(self) -> None:
        """Bind without a look for this machine's name, which may take many seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]  # str and int here

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: browsers drop requests, and what goes wrong in answering one is answered."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "visionocr", ""
    timeout = PATIENCE
    _afterwards: Callable[[], object] = staticmethod(lambda: None)
    """What to do when the answer was sent."""

    def do_GET(self) -> None:
        """Files, pages, pictures, answers."""
        self._respond(self._get)

    def do_POST(self) -> None:
        """What computes something without changing a file."""
        self._respond(self._post)

    def do_PUT(self) -> None:
        """Saves a page."""
        self._respond(self._put)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
        """Say nothing."""

    def _respond(self, answer: Callable[[list[str]], Answer]) -> None:
        try:
            try:
                reply = answer(self._check())
                status = HTTPStatus.OK
            except Refused as error:
                self.close_connection = True  # a body may not have been read
                reply, status = Answer.of({"error": str(error), "hint": ""}), error.status
            except VisionOcrError as error:
                reply, status = _describe(error)
            except (ConnectionError, TimeoutError):
                raise
            except Exception as error:  # noqa: BLE001 - the page shows it, and goes on
                reply = Answer.of({"error": f"unexpected error: {type(error).__name__}: {error}", "hint": ""})
                status = HTTPStatus.INTERNAL_SERVER_ERROR
            self._send(status, reply)
            self._afterwards()
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the browser does not want it any more

    def _send(self, status: HTTPStatus, reply: Answer) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Cache-Control", "private, max-age=600" if reply.is_lasting else "no-store")
        self.end_headers()
        self.wfile.write(reply.body)

    def _check(self) -> list[str]:
        """The parts of the path behind the secret. Raises ``Refused``."""
        if not self.server.is_own_host(self.headers.get("Host", "")):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers['Host']}":
            raise Refused(HTTPStatus.FORBIDDEN, "requests of other pages are not answered")
        _, token, *parts = self.path.split("?")[0].split("/") if self.path.startswith("/") else ("", "")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "the address is not the one that visionocr review printed")
        return parts

    def _get(self, parts: list[str]) -> Answer:
        desk = self.server.desk
        match parts:
            case [name] if name in _FILES:
                file, media_type = _FILES[name]
                return Answer(resources.files("visionocr.review").joinpath("static", file).read_bytes(), media_type)
            case ["pages"]:
                return desk.list_pages()
            case ["choices"]:
                return desk.list_choices()
            case ["texts"]:
                return desk.list_texts()
            case ["pages", number]:
                return desk.show_page(self._index(number))
            case ["pages", number, "picture"]:
                return desk.draw(self._index(number))
            case ["pages", number, "thumbnail"]:
                return desk.draw_thumbnail(self._index(number))
            case ["answers", number] if number.isdecimal():
                return desk.fetch_answer(int(number[:9]))
        raise _not_found()

    def _post(self, parts: list[str]) -> Answer:
        desk, values = self.server.desk, self._read_body()
        match parts:
            case ["pages", number, "places"]:
                return desk.find_places(self._index(number), _text(values, "text"))
            case ["pages", number, "ask"]:
                return desk.ask(self._index(number), values)
            case ["preview"]:
                return desk.preview(_text(values, "text"))
            case ["done"]:
                self._afterwards = desk.end
                return Answer.of({})
        raise _not_found()

    def _put(self, parts: list[str]) -> Answer:
        values = self._read_body()
        match parts:
            case ["pages", number]:
                return self.server.desk.save(self._index(number), _text(values, "text"), _text(values, "mark"))
        raise _not_found()

    def _index(self, number: str) -> int:
        if number.isascii() and number.isdecimal() and int(number[:9]) < len(self.server.desk.book.entries):
            return int(number[:9])
        raise _not_found()

    def _read_body(self) -> dict[str, Any]:
        """The JSON object in the request. Other types are refused: a form of another page could send them."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "only JSON is accepted")
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request has no length")
        if len(length) > 9 or int(length) > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the request has more than {LARGEST_BODY:,} bytes")
        try:
            values = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is no JSON") from None
        if not isinstance(values, dict):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request is no JSON object")
        return values


def _describe(error: VisionOcrError) -> tuple[Answer, HTTPStatus]:
    """An error as an answer."""
    status = next((code for kind, code in _CODES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    values = {"error": error.message, "hint": error.hint}
    if isinstance(error, Conflict) and error.page is not None:
        values |= {"text": error.page.text, "mark": error.page.mark}
    return Answer.of(values), status


def _not_found() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is nothing of this name")


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise Refused(HTTPStatus.BAD_REQUEST, f"the request has no {name}")
    return value


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach a server that listens on *host*."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_unspecified


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True

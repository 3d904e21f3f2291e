"""An HTTP/1.0 server on loopback that records every request and ends all threads and connections when closed."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from fakes.answers import SILENCE, Answer, Ending

WAIT = 10.0
"""Seconds after which a test that waits for something has failed."""
_NO_LINGER = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


@dataclass(eq=False)
class Arrival:
    """One request as it arrived."""

    method: str
    path: str
    """As sent, with prefix and query string."""
    headers: dict[str, str]
    """By lower-case name."""
    seconds: float
    """Since the server was started."""
    size: int = 0
    """Bytes of the body, as announced."""
    body: Any = None
    """The parsed body; ``None`` when there is none or it is no JSON."""
    is_json: bool = False
    numbers: tuple[int | None, ...] = ()
    """Generate: what its images carry, before the server drops any; ``None`` for one without a number."""
    ask: int = 0
    """Generate: how many requests for its first number have come, this one included."""
    prompt: str = ""
    """Generate: memory and prompt as they reached the model, cut where they were too long."""
    seen: tuple[int | None, ...] = ()
    """Generate: the pictures that reached the model."""
    status: int = 0
    """What was answered; 0 while there is nothing and when the connection was closed instead."""
    raw: bytes = field(default=b"", repr=False)
    """The body, when it is no JSON."""


class Loopback(socketserver.ThreadingTCPServer):
    """Answers every request with what ``answer`` returns, one connection each."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128
    max_body: int | None = None
    """Larger bodies are not read."""
    takes_chunks = True
    server_header = ""

    def __init__(self, *, threads: int, port: int = 0) -> None:
        self.condition = threading.Condition()
        """Guards everything that is remembered; notified at every change."""
        self.closing = threading.Event()
        self.requests: list[Arrival] = []
        self.open_connections = 0
        self.most_connections = 0
        self.dead = False
        self._started = time.monotonic()
        self._sockets: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        self._workers = threading.BoundedSemaphore(threads)
        self._errors: list[BaseException] = []
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), name="fake server")

    def start(self) -> None:
        """Begin to answer; call it once everything is in place."""
        self._thread.start()

    def answer(self, arrival: Arrival) -> Answer:
        """What to answer; runs in the connection's thread."""
        raise NotImplementedError

    def after_answer(self, arrival: Arrival) -> None:
        """Called after the answer was sent."""

    def wait_for(self, what: Callable[[], bool], seconds: float = WAIT) -> None:
        """Block until *what* returns true, or raise ``AssertionError`` after *seconds*."""
        with self.condition:
            assert self.condition.wait_for(what, seconds), "what the test waits for did not happen"

    # -- start and end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if self._errors and error is None:
            raise self._errors[0]

    def close(self) -> None:
        """End every connection and thread; may be called twice."""
        self.closing.set()
        with self.condition:
            self.condition.notify_all()
        self.shutdown()
        self._end_connections()
        self.server_close()
        self._thread.join()

    def die(self) -> None:
        """Stop as a killed process does: the port is closed and every connection ends."""
        self.dead = True
        self.shutdown()
        self.socket.close()  # before a connection ends: a client that loses it cannot reconnect
        self.closing.set()
        with self.condition:
            self.condition.notify_all()
        self._end_connections()

    def _end_connections(self) -> None:
        with self.condition:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    # -- connections

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count the connection, then serve it in its own thread."""
        with self.condition:
            self._sockets.add(request)
            self.open_connections += 1
            self.most_connections = max(self.most_connections, self.open_connections)
            self.condition.notify_all()
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection as soon as one of the server's few threads is free."""
        with self._workers:
            super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, with a reset if that was asked for."""
        with self.condition:
            self._sockets.discard(request)
            if request in self._resets:
                self._resets.discard(request)
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                request.close()
            self.open_connections -= 1
            self.condition.notify_all()
        super().shutdown_request(request)

    def reset_at_the_end(self, connection: socket.socket) -> None:
        """Have a connection end with a reset."""
        with self.condition:
            self._resets.add(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep an error of the fake itself, for the end of the test."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self._errors.append(error)

    def remember(self, arrival: Arrival) -> None:
        """Record a request."""
        with self.condition:
            arrival.seconds = time.monotonic() - self._started
            self.requests.append(arrival)
            self.condition.notify_all()


class _Handler(BaseHTTPRequestHandler):
    """One connection, one request."""

    server: Loopback
    protocol_version = "HTTP/1.0"

    def version_string(self) -> str:
        return self.server.server_header

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_OPTIONS(self) -> None:
        self._serve()

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        arrival = Arrival(self.command, self.path, headers, 0.0)
        try:
            complete = self._read_body(arrival)
        except OSError:
            return
        self.server.remember(arrival)
        answer = self.server.answer(arrival) if complete else SILENCE
        with suppress(OSError):  # the client has gone
            self._send(answer, arrival)
        self.server.after_answer(arrival)

    def _read_body(self, arrival: Arrival) -> bool:
        """Read the body; whether it came and makes sense as HTTP."""
        if "chunked" in arrival.headers.get("transfer-encoding", ""):
            if self.server.takes_chunks:
                arrival.raw = b"".join(iter(self._read_chunk, b""))
                arrival.size = len(arrival.raw)
        else:
            length = arrival.headers.get("content-length", "0")
            if not length.isdigit():
                return False
            arrival.size = int(length)
            if self.server.max_body is None or arrival.size <= self.server.max_body:
                arrival.raw = self.rfile.read(arrival.size)
                if len(arrival.raw) < arrival.size:
                    return False
        with suppress(ValueError, RecursionError):
            arrival.body = json.loads(arrival.raw.decode())
            arrival.is_json = True
            arrival.raw = b""
        return True

    def _read_chunk(self) -> bytes:
        size = int(self.rfile.readline().strip() or b"0", 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _send(self, answer: Answer, arrival: Arrival) -> None:
        if answer.ending is Ending.RESET:
            self.server.reset_at_the_end(self.connection)
        elif answer.ending is Ending.DEATH:
            self.server.die()
        if answer.ending is not Ending.CLOSE or self.server.closing.is_set():
            return
        arrival.status = answer.status
        self.send_response(answer.status)
        self.send_header("content-type", answer.content_type)
        if answer.length is not None:
            self.send_header("content-length", str(answer.length))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if answer.pause:
            for at in range(len(answer.body)):
                self.wfile.write(answer.body[at : at + 1])
                if self.server.closing.wait(answer.pause):
                    return
        else:
            self.wfile.write(answer.body)
        for piece in answer.more:
            if self.server.closing.is_set():
                return
            self.wfile.write(piece)

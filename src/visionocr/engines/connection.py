"""A connection that somebody else may cut: a blocked read ends only when its socket does."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter


class Line:
    """The connection of one request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False

    def connected(self, to: socket.socket) -> None:
        """Remember the connection; cut it if that was asked for before it was there."""
        with self._lock:
            self._socket = to
            if self._cut:
                self._shut()

    def hang_up(self) -> None:
        """Cut the connection, now or as soon as it is there. May be called from any thread."""
        with self._lock:
            self._cut = True
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class LineAdapter(HTTPAdapter):
    """Tells a ``Line`` about the connection that a session opens."""

    def __init__(self, line: Line) -> None:
        self._line = line
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The library's own, with a connection class that reports itself."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        line, plain = self._line, pool.ConnectionCls

        class Reported(plain):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                line.connected(self.sock)

        pool.ConnectionCls = Reported
        return pool

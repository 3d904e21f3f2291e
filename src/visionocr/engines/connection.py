"""Connections that any thread can close, and sessions that follow no redirects, netrc files or needless proxies."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from visionocr.engines.address import is_private


class Connection:
    """The connection of one request, which any thread may close: a blocked read ends only when its socket does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._closed = False

    def attach(self, connected: socket.socket) -> None:
        """Remember the socket; shut it down at once if the connection was closed before it was there."""
        with self._lock:
            self._socket = connected
            if self._closed:
                self._shut_down()

    def close(self) -> None:
        """End the connection, now or as soon as it is there. May be called from any thread."""
        with self._lock:
            self._closed = True
            self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Attaches the socket that a session opens to a ``Connection``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """The library's own, with a connection class that reports its socket."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        connection, plain = self._connection, pool.ConnectionCls

        class Reported(plain):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                connection.attach(self.sock)

        pool.ConnectionCls = Reported
        return pool


class _Session(requests.Session):
    """Sees no redirects: ``requests`` reads and parses them, without limits, even where it must not follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the library's own name
        """Nowhere."""
        return None


class Bearer(AuthBase):
    """Sends the key; being an auth object also keeps ``requests`` from looking into ``~/.netrc``."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def open_session(base: str, connection: Connection) -> requests.Session:
    """A session for one request to the server at *base*, through *connection*."""
    session = _Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(connection))
    if is_private(urlsplit(base).hostname or ""):
        # A proxy from the environment is for the world outside, and must not get what stays in this network.
        session.trust_env = False
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    return session

"""What the HTTP library may and may not do on our behalf: no redirects, no passwords of its own, no detours."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from visionocr.engines.connection import Line, LineAdapter


class Bearer(AuthBase):
    """Sends the key; being an auth object also keeps ``requests`` from looking into ``~/.netrc``."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _Session(requests.Session):
    """Sees no redirects: ``requests`` reads and parses them, without limits, even where it must not follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - the library's own name
        """Nowhere."""
        return None


def open_session(base: str, line: Line | None) -> requests.Session:
    """A session for one request to the server at *base*, whose connection *line* may cut."""
    session = _Session()
    if line is not None:
        for scheme in ("http://", "https://"):
            session.mount(scheme, LineAdapter(line))
    if _is_this_machine(urlsplit(base).hostname or ""):
        # A proxy from the environment is for the world outside, and must not get what goes to this machine.
        session.trust_env = False
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
    return session


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"

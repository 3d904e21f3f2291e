"""Addresses of servers: what people type, made into a base URL, and the hosts that no proxy is asked for."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit, urlunsplit

from visionocr.errors import UsageError

_ENDINGS = (
    *("/api/v1/generate", "/api/v1", "/api/latest", "/api/extra", "/api/chat", "/api/generate", "/api"),
    *("/v1/chat/completions", "/v1/completions", "/v1/models", "/v1"),
)


def base_url(address: str) -> str:
    """The base URL without a trailing slash or API path; a prefix path stays. ``host:port`` alone gets ``http``.

    Raises ``UsageError`` for anything that is no HTTP address, or that carries credentials: a URL is
    shown and logged, a key must not be.
    """
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        credentials = "@" in parts.netloc
        valid = (
            parts.scheme in {"http", "https"}
            and parts.hostname is not None
            and not parts.netloc.endswith(":")  # "http:/host" typed for "http://host"
            and (parts.port is None or parts.port > 0)
            and re.search(r"[\s\\]", text) is None
        )
    except ValueError:  # brackets without end, a port that is no port, characters that no host name has
        valid = credentials = False
    if credentials or (not valid and "@" in text):  # what is not understood may hold a password as well
        raise UsageError(
            "the server's address contains a user name or password",
            "Leave it out and give the key in the environment variable VISIONOCR_API_KEY.",
        )
    if not valid:
        raise UsageError(f"{address!r} is not an address of a server", "Example: --api-url http://localhost:5001")
    path = parts.path.rstrip("/")
    for ending in _ENDINGS:
        if path.endswith(ending):
            path = path.removesuffix(ending).rstrip("/")
            break
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_private(host: str) -> bool:
    """Whether *host* is this machine, under any of its names, or an address of a private network; asks no name server.

    Addresses are understood as the system does: ``127.1`` and ``0x7f000001`` are this machine, and so is
    ``::ffff:127.0.0.1``.
    """
    host = host.rstrip(".").lower()
    own = socket.gethostname().lower()
    if host in {"localhost", own, own.partition(".")[0]} or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_private or address.is_link_local

"""What people type as a server's address, made into its base URL."""

from __future__ import annotations

import re
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

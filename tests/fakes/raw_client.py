"""A plain HTTP client for tests of the fake servers: no retries, no keep-alive, answers byte for byte."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    @property
    def result(self) -> Any:
        """The one entry of ``results``."""
        return self.json["results"][0]

    @property
    def text(self) -> str:
        """The generated text."""
        return str(self.result["text"])


def ask(
    url: str,
    path: str,
    value: object = None,
    *,
    raw: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
) -> Reply:
    """GET, or POST when there is a *value* (JSON) or a *raw* body; raises what ``http.client`` raises."""
    body = raw if raw is not None else None if value is None else json.dumps(value).encode()
    head = {"Content-Type": "application/json", **(headers or {})}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.putrequest("GET" if body is None else "POST", path)
        if body is not None and not {"Content-Length", "Transfer-Encoding"} & set(head):
            head["Content-Length"] = str(len(body))
        for name, text in head.items():
            connection.putheader(name, text)
        connection.endheaders(body)
        with connection.getresponse() as response:
            assert response.version == 10
            return Reply(response.status, {name.lower(): text for name, text in response.getheaders()}, response.read())
    finally:
        connection.close()

"""What a dialect offers whose servers say nothing of a request that runs; see ``Dialect``.

Nothing is sent to stop a request: these servers stop when the connection closes, and what else there is would stop
whoever is being served.
"""

from __future__ import annotations

from visionocr.servers.http import Http
from visionocr.servers.watchdog import Life
from visionocr.types import Server


def count_tokens(http: Http, server: Server, text: str) -> int | None:  # noqa: ARG001 - the protocol's
    """There is no call that counts."""
    return None


def look(http: Http, key: str) -> Life | None:  # noqa: ARG001 - the protocol's
    """There is no way to look."""
    return None


def abort(http: Http, key: str) -> None:
    """Nothing is sent."""


def is_idle(http: Http) -> bool:  # noqa: ARG001 - the protocol's
    """It does not say."""
    return True

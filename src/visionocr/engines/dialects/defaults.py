"""What a dialect offers whose servers say nothing of a request that runs; see ``Dialect``.

Nothing is sent to stop a request: these servers stop when the connection closes, and what else there is would stop
whoever is being served.
"""

from __future__ import annotations

from visionocr.engines.http import Http
from visionocr.engines.monitor import ProgressSnapshot
from visionocr.types import Server


def count_tokens(http: Http, server: Server, text: str) -> int | None:  # noqa: ARG001 - the protocol's
    """There is no call that counts."""
    return None


def look(http: Http, key: str) -> ProgressSnapshot | None:  # noqa: ARG001 - the protocol's
    """There is no way to look."""
    return None


def abort(http: Http, key: str) -> None:
    """Nothing is sent."""


def is_idle(http: Http) -> bool:  # noqa: ARG001 - the protocol's
    """It does not say."""
    return True

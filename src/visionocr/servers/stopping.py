"""When a request that could not be answered is no longer sent again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tenacity import RetryCallState

from visionocr.errors import ServerUnreachable


class Stop:
    """Busy is waited out by time, an absent server by attempts; nothing is tried after a cancel. For one request."""

    def __init__(self, cancelled: threading.Event, clock: Callable[[], float], *, busy: float, absent: float) -> None:
        """*busy* and *absent*: seconds."""
        self._cancelled = cancelled
        self._busy, self._absent = busy, absent
        self._clock = clock
        self._started = clock()
        self._absent_since: float | None = None

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether it is to be given up after what came of the last attempt."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        now = self._clock()
        if not isinstance(error, ServerUnreachable):
            self._absent_since = None
            return self._cancelled.is_set() or now - self._started >= self._busy
        if self._absent_since is None:
            self._absent_since = now
        return self._cancelled.is_set() or now - self._absent_since >= self._absent

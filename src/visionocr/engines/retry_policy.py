"""How long the same request is tried again, and when that ends."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tenacity import RetryCallState

from visionocr.engines.attempt import Ending
from visionocr.errors import ServerUnreachable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long, and how, the same request is tried again. Times in seconds."""

    busy: float = 1800.0
    """A server that is busy is asked again for this long: it is never a page's fault."""
    absent: float = 600.0
    """A server that answered before and now does not is waited for so long."""
    first_wait: float = 0.2
    longest_wait: float = 10.0
    ending: Ending = Ending()
    abort: float = 1.5
    """A user who stops the run waits no longer than this for the server to take note."""
    jitter: Callable[[], float] = lambda: secrets.randbelow(1000) / 1000

    def pause(self, failures: int) -> float:
        """Seconds until the next try: longer with each failure in a row, and not the same for all who wait."""
        growth: float = self.first_wait * 2 ** min(failures - 1, 20)
        return min(growth, self.longest_wait) * (0.5 + self.jitter() / 2)


class Stop:
    """Busy is waited out by time, an absent server by attempts; nothing is tried after a cancel. For one request."""

    def __init__(self, cancelled: threading.Event, patience: RetryPolicy, clock: Callable[[], float]) -> None:
        self._cancelled = cancelled
        self._patience = patience
        self._clock = clock
        self._started = clock()
        self._absent_since: float | None = None

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Whether to give up."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        now = self._clock()
        if not isinstance(error, ServerUnreachable):
            self._absent_since = None
            return self._cancelled.is_set() or now - self._started >= self._patience.busy
        if self._absent_since is None:
            self._absent_since = now
        return self._cancelled.is_set() or now - self._absent_since >= self._patience.absent

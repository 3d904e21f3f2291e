"""How long the same request is tried again, and how long a request that is stopped may take to end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long, and how, the same request is tried again. Times in seconds."""

    busy: float = 1800.0
    """A busy server is asked again for this long."""
    absent: float = 600.0
    """A server that has become unreachable is waited for this long."""
    beginning: float = 1800.0
    """For an answer to begin, while it is not known how long that takes: minutes on a slow processor."""
    first_wait: float = 0.2
    longest_wait: float = 10.0
    last_answer: float = 30.0
    """For an aborted request to give back what it has: an abort takes effect after the current batch of the prompt."""
    idle: float = 60.0
    """For the server to become idle after a request was given up."""
    abort: float = 1.5
    """A user who stops the run waits no longer than this for the server to take note."""
    jitter: Callable[[], float] = lambda: secrets.randbelow(1000) / 1000

    def pause(self, failures: int, wish: float | None = None) -> float:
        """Seconds until the next try: longer with each failure in a row, and not the same for all who wait.

        *wish* is what the server asks for (``Retry-After``); a wish for less than the usual is not granted.
        """
        growth = min(self.first_wait * 2.0 ** min(failures - 1, 20), self.longest_wait)
        return max(growth * (0.5 + self.jitter() / 2), wish or 0.0)

"""One server of a pool: what is known of it at the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import VisionOcrError

_LONGEST = 4.0
"""How many times as long as the average page a page may take without being suspicious."""


@dataclass(slots=True, eq=False)
class PoolMember:
    """One server of a pool; only its pool changes it, under its lock. Times are those of ``time.monotonic``."""

    url: str
    connect: Callable[[], ServerEngine]
    """Probes it anew. Raises a ``VisionOcrError`` when it cannot be used."""
    engine: ServerEngine | None = None
    error: VisionOcrError | None = None
    """Why it is unavailable until a probe succeeds."""
    running: int = 0
    """Requests that were given to it."""
    paused_until: float = 0.0
    failures: int = 0
    """In a row."""
    free_since: float = 0.0
    mean: float = 0.0
    """Seconds of a request, as a running average; 0 while nothing is known."""

    def is_available(self, now: float) -> bool:
        """Whether it is available and not paused."""
        return self.engine is not None and self.error is None and self.paused_until <= now

    def has_room(self) -> bool:
        """Whether it takes another request."""
        return self.engine is not None and self.running < self.engine.capacity

    def idle_seconds(self, now: float) -> float:
        """Seconds for which it has had nothing to do."""
        return 0.0 if self.running else now - self.free_since

    def load(self) -> tuple[bool, float, float]:
        """The lower, the sooner it gets a request: first those with a free slot, then the less busy, the faster."""
        slots = self.engine.server.slots if self.engine else 1
        return self.running >= slots, self.running / slots, self.mean

    def record_success(self, seconds: float) -> None:
        """It answered a request in so many *seconds*."""
        self.mean = 0.8 * self.mean + 0.2 * seconds if self.mean else seconds
        self.failures = 0

    def record_failure(self, policy: RetryPolicy, wish: float | None = None) -> float:
        """Seconds until it is tried again, longer with each failure in a row; see ``RetryPolicy.pause``."""
        self.failures += 1
        return policy.pause(self.failures, wish)

    def slower_than(self, other: PoolMember, spent: float) -> bool:
        """Whether a request that was given to it *spent* seconds ago will clearly be done sooner by *other*.

        What it still takes here is what is missing to the average, or, when it is overdue, as long again as it took.
        There it takes the average, or more when it has shown here that it is a long one; but a server that takes very
        long has rather got stuck. What was done is lost, so it must be half as long.
        """
        if other is self or not other.mean:
            return False
        left = self.mean - spent if spent < self.mean else spent
        size = min(max(1.0, spent / self.mean), _LONGEST) if self.mean else 1.0
        return 2 * other.mean * size < left

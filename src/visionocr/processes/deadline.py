"""A time limit on calls that come one after the other.

``threading.Timer`` starts a thread for each, and waits until it runs: with other threads at work that takes longer
than many a call.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Deadline:
    """Acts when a call takes too long. One thread watches all of them, and sleeps through those that do not."""

    def __init__(self, act: Callable[[], object]) -> None:
        """*act* must be quick. The thread keeps it alive until ``close``."""
        self._act = act
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._end = math.inf
        """When the call at hand is late, by the monotonic clock."""
        self._wakes = math.inf
        self._closed = False
        self.passed = False
        """Whether it came to that; until the next call begins."""

    def begin(self, seconds: float) -> None:
        """A call begins, and may take so long."""
        with self._changed:
            self.passed = False
            self._end = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="deadline", daemon=True)
                self._thread.start()
            elif self._end < self._wakes:
                self._changed.notify()

    def end(self) -> None:
        """The call is over."""
        with self._changed:
            self._end = math.inf

    def close(self) -> None:
        """There will be no more calls."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                left = self._end - time.monotonic()
                if left <= 0:
                    self._end = math.inf
                    self.passed = True
                    self._act()
                    continue
                self._wakes = self._end
                # A call that ended long ago has left its time behind: woken by it, this sleeps until the next one.
                self._changed.wait(None if left == math.inf else min(left, threading.TIMEOUT_MAX))

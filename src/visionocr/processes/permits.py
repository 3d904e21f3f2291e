"""A semaphore that is fair.

The standard library's lets a thread that comes back at once overtake those who wait, time after time: the first page of
a document could be drawn last.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Permits:
    """So many threads at a time, in the order in which they came."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Event] = deque()

    def acquire(self, timeout: float | None = None) -> bool:
        """Wait for a permit; *timeout* in seconds. Whether there is one now."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            given = threading.Event()
            self._waiting.append(given)
        try:
            given.wait(timeout)
        finally:
            with self._lock:
                if not given.is_set():
                    self._waiting.remove(given)
        return given.is_set()

    def release(self) -> None:
        """Give a permit to who waits longest; there is one more when nobody had to ``acquire`` it."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

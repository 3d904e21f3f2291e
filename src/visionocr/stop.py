"""One flag that ends a run: Ctrl-C, SIGTERM, a closed terminal, or whoever closes the results sets it.

No signal raises during a run: it sets the flag, and everything that waits either looks at the flag from time to time or
registers what wakes it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from visionocr.errors import Interrupted


class Stop:
    """Whether a run should end, and whom to wake for it. For any threads; stays set once it is."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._wakers: list[Callable[[], object]] = []

    @property
    def is_requested(self) -> bool:
        """Whether the run should end."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end. Wakes whoever registered; not to be called in a signal handler, which may hold the lock."""
        with self._lock:
            self._event.set()
            wakers, self._wakers = self._wakers, []
        for wake in wakers:
            wake()

    def wait(self, seconds: float) -> bool:
        """Sleep for so many *seconds*, or until the end is asked for. Whether it is."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise ``Interrupted`` when the end was asked for."""
        if self._event.is_set():
            raise Interrupted("stopped")

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Within the block, call *wake* when the end is asked for; at once when it was already.

        *wake* is called from any thread, at most once, and must be quick: closing a socket, killing a process.
        """
        with self._lock:
            requested = self._event.is_set()
            if not requested:
                self._wakers.append(wake)
        if requested:
            wake()
        try:
            yield
        finally:
            with self._lock:
                if wake in self._wakers:
                    self._wakers.remove(wake)

"""Processes behind pipes that are hired for a call: an idle one, or a new one when all are busy."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from visionocr.errors import Interrupted
from visionocr.processes.piped import Piped

_Process = TypeVar("_Process", bound=Piped)


class Hiring(Generic[_Process]):
    """Processes that live until they break or ``close``. For any threads; how many there may be is up to the caller."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        """Guards what follows. May be entered twice: signals come at any time."""
        self._idle: list[_Process] = []
        self._busy: set[_Process] = set()
        self.turn = 0
        """Goes up with every ``cancel``: who began in an earlier turn is interrupted."""
        self.closed = False

    @contextmanager
    def hired(self, start: Callable[[], _Process], turn: int = 0) -> Iterator[_Process]:
        """A process, of *start* where none is idle; what it raises is raised. Given back unless it died.

        Raises ``Interrupted`` when *turn* is over.
        """
        with self._lock:
            if self.closed or turn != self.turn:
                raise Interrupted("reading was stopped")
            process = self._taken() or start()
            self._busy.add(process)
        try:
            yield process
        finally:
            with self._lock:
                self._busy.discard(process)
                kept = process.alive and turn == self.turn
                if kept:
                    self._idle.append(process)
            if not kept:
                process.close()

    def cancel(self) -> None:
        """End the busy ones: a call that waits raises ``Lost``. Later calls are served."""
        with self._lock:
            self.turn += 1
            for busy in self._busy:
                busy.kill()
            for busy in self._busy:
                busy.end()

    def close(self) -> None:
        """End all, for good."""
        with self._lock:
            self.closed = True
            self.cancel()
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    def _taken(self) -> _Process | None:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            process.close()  # something killed it meanwhile, out of memory perhaps
        return None


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

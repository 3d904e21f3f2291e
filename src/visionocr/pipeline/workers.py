"""Threads that do not hold up the end of the program.

The standard library's pool joins its threads at exit; a thread that waits for a dead server would keep a
stopped program alive until its time-out.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")
_GLANCE = 0.2
"""Seconds between looks at the keyboard while waiting: a blocked wait is deaf to Ctrl-C on Windows."""


class Workers:
    """``count`` daemon threads that take work in the order in which it is submitted."""

    def __init__(self, count: int, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def submit(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Call *function* in one of the threads; what it returns or raises is in the future."""
        future: Future[_R] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)

        self._work.put(work)
        return future

    def close(self) -> None:
        """Let the threads end after the work that is already submitted; do not wait for them."""
        for _ in range(self._count):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # an idle thread must not keep the last page's images alive


def outcome(future: Future[_R]) -> _R:
    """Wait for what is in the future, with an ear for Ctrl-C."""
    while True:
        try:
            return future.result(timeout=_GLANCE)
        except FutureTimeout:
            if future.done():
                raise

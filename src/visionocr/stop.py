"""One flag that ends a run: Ctrl-C, SIGTERM, a closed terminal, or whoever closes the results sets it.

No signal raises during a run: it sets the flag, and everything that waits either looks at the flag from time to time or
registers what wakes it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TypeVar

from visionocr.errors import ExitCode, Interrupted

_T = TypeVar("_T")
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
"""Ctrl-C, a request to end (``kill``), a closed terminal, Ctrl-Break (Windows)."""
_GRACE = 2.0
"""Seconds that a command gets to end after the first signal."""
_TICK = 0.2
"""Seconds between wake-ups in which signals are handled: on Windows an endless wait would block them."""


class Stop:
    """A flag that a run should end, with callbacks to wake waiting threads. Thread-safe; once set, it stays set."""

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
        """Sleep for *seconds*, or until the end is asked for. Returns whether it was."""
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


def run_stoppable(command: Callable[[Stop], _T]) -> _T:
    """Run *command* in a thread of its own, and wait for it or for signals here, in the main thread.

    The first signal requests the stop that *command* is given, and ``Interrupted`` is raised when it does not end soon;
    a second signal ends the process at once. Signals that are ignored (``nohup``, a background job) stay so.
    """
    stop = Stop()
    outcome: list[_T | BaseException] = []
    news: SimpleQueue[str] = SimpleQueue()  # unlike other queues, it may be used in a signal handler

    def run() -> None:
        try:
            outcome.append(command(stop))
        except BaseException as error:  # noqa: BLE001 - raised by the thread that waits
            outcome.append(error)
        news.put("ended")

    def handle(_number: int, _frame: object) -> None:
        if stop.is_requested:
            os._exit(ExitCode.INTERRUPTED)
        news.put("signal")

    with _handling(handle):
        threading.Thread(target=run, name="command", daemon=True).start()
        deadline = float("inf")
        while time.monotonic() < deadline:
            with contextlib.suppress(Empty):
                if news.get(timeout=_TICK) == "signal" and not stop.is_requested:
                    deadline = time.monotonic() + _GRACE
                    stop.request()
            if outcome:
                if isinstance(outcome[0], BaseException):
                    raise outcome[0]
                return outcome[0]
    raise Interrupted("stopped")


@contextmanager
def _handling(handle: Callable[[int, object], None]) -> Iterator[None]:
    """Let *handle* have the signals within the block. Does nothing outside the main thread of a program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

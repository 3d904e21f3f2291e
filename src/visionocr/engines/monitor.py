"""Monitors one running request: whether it makes progress, and whether its answer only repeats itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from visionocr.answers.repetition import find_loop
from visionocr.engines.dialects.base import ProgressSnapshot
from visionocr.errors import ServerError
from visionocr.stop import Stop


class Verdict(Enum):
    """How watching ended."""

    DONE = "done"
    """The answer is there, or the connection ended."""
    LOOP = "loop"
    """The text so far only repeats itself."""
    TIME = "time"
    """It took longer than it may."""
    SILENT = "silent"
    """There was no progress for too long."""
    MOVED = "moved"
    """Another server should answer it instead."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds."""

    silence: float = 300.0
    """Without any progress once the answer has begun, or from a server that answers nothing else either."""
    beginning: float = 1800.0
    """Without any progress before the answer begins: servers show none while they encode a picture, and many show none
    while they process the prompt."""
    total: float | None = None
    """From the question, or from when those of ours before it are answered, to the answer, whatever happens."""
    first_poll: float = 1.0
    """Before it the server is not polled: most answers are there by then."""
    longest_pause: float = 3.0
    """Between polls."""


_LOOP_STEP = 400
"""Characters by which a text must grow before it is searched for loops again."""


@dataclass
class Monitor:
    """Watches one request. ``snapshot`` is the last thing that was seen of it."""

    poll: Callable[[], ProgressSnapshot | None]
    """Asks the server; ``None``: it has no way to tell."""
    limits: Limits
    clock: Callable[[], float]
    report: Callable[[int, float], None] = lambda characters, seconds: None  # noqa: ARG005
    """Called on all progress: characters so far, seconds since the request's time began."""
    is_waiting: Callable[[], bool] = lambda: False
    """Says whether the request waits behind others of ours, so that its time has not begun."""
    should_leave: Callable[[], bool] = lambda: False
    """Says whether another server should answer it instead."""
    is_alive: Callable[[], bool] = lambda: False
    """Asks whether the server is still there, where its silence alone would not be suspicious."""
    has_begun: Callable[[], None] = lambda: None
    """Called when the answer is seen to have begun."""
    stop: Stop = field(default_factory=Stop)
    wake: threading.Event = field(default_factory=threading.Event)
    """Set to have it look at once."""
    seconds_to_text: float | None = None
    """From the time that the request's time began to the first text that was seen."""
    snapshot: ProgressSnapshot | None = None
    _searched: int = 0

    def watch(self, reply: Future[Any]) -> Verdict:
        """Wait for *reply*, or for a reason not to wait any longer. What the future holds is not looked at.

        Raises ``Interrupted`` when the run is stopped meanwhile.
        """
        reply.add_done_callback(lambda _: self.wake.set())
        started = progressed = self.clock()
        pause = min(self.limits.first_poll, self.limits.silence)
        with self.stop.waking(self.wake.set):
            while True:
                self.wake.wait(pause)
                self.wake.clear()
                self.stop.check()
                if reply.done():
                    return Verdict.DONE
                if self.should_leave():
                    return Verdict.MOVED
                snapshot, now = self._poll(), self.clock()
                if snapshot is not None and snapshot.text and self.seconds_to_text is None:
                    self.has_begun()
                    self.seconds_to_text = now - started
                if self.is_waiting():
                    started = progressed = now
                elif snapshot is not None and snapshot != self.snapshot:
                    self.snapshot, progressed = snapshot, now
                    self.report(len(snapshot.text), now - started)
                    if self._is_loop(snapshot.text):
                        return Verdict.LOOP
                if self.limits.total is not None and now - started >= self.limits.total:
                    return Verdict.TIME
                if self._is_suspicious(now - progressed):
                    return Verdict.SILENT
                pause = min(pause * 1.5, self.limits.longest_pause, max(0.05, self.limits.silence / 4))

    def _is_suspicious(self, silence: float) -> bool:
        """Whether so many seconds without progress mean that no answer will come."""
        if silence < self.limits.silence:
            return False
        return self.seconds_to_text is not None or silence >= self.limits.beginning or not self.is_alive()

    def _poll(self) -> ProgressSnapshot | None:
        try:
            return self.poll()
        except ServerError:
            return None  # no progress; whether the server is dead, the request's own connection will tell

    def _is_loop(self, text: str) -> bool:
        if len(text) - self._searched < _LOOP_STEP:
            return False
        self._searched = len(text)
        return find_loop(text, ended=False) is not None

"""Looks after one running request: whether it is alive, and whether it does more than repeat itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from enum import Enum
from typing import Any

from visionocr.answers.repetition import find_loop
from visionocr.errors import ServerError


class Verdict(Enum):
    """How watching ended."""

    DONE = "done"
    """The answer is there, or the connection ended."""
    LOOP = "loop"
    """The text so far only repeats itself."""
    TIME = "time"
    """It took longer than it may."""
    SILENT = "silent"
    """There was no sign of life for too long."""
    MOVED = "moved"
    """It is better asked elsewhere."""


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """What a server shows of itself while it works. Any change in it is a sign of life."""

    text: str = ""
    """The answer so far."""
    waiting: int | None = None
    """Requests that wait."""
    generations: int | None = None
    """Requests that were answered since the server's start."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds."""

    silence: float = 300.0
    """Without any sign of life."""
    total: float | None = None
    """From the question, or from when those of ours before it are answered, to the answer, whatever happens."""
    first_look: float = 1.0
    """Before it nobody looks: most answers are there by then."""
    longest_pause: float = 3.0
    """Between looks."""


_WORTH_A_LOOK = 400
"""Characters by which a text must grow before it is searched for loops again."""


class Watch:
    """Watches one request. ``life`` is the last sight of it."""

    def __init__(
        self,
        look: Callable[[], ProgressSnapshot | None],
        limits: Limits,
        clock: Callable[[], float],
        progress: Callable[[int, float], None] = lambda characters, seconds: None,  # noqa: ARG005
        *,
        waits: Callable[[], bool] = lambda: False,
        leave: Callable[[], bool] = lambda: False,
    ) -> None:
        """``look`` asks the server (``None``: it has no way to tell); ``progress`` hears of every sight.

        ``waits`` says that the request is behind others of ours, which are watched themselves: its time has not begun.
        ``leave`` says that it is better asked elsewhere.
        """
        self.life: ProgressSnapshot | None = None
        self._look = look
        self._limits = limits
        self._clock = clock
        self._progress = progress
        self._waits = waits
        self._leave = leave
        self._searched = 0

    def until(self, done: Future[Any]) -> Verdict:
        """Wait for *done*, or for a reason not to wait any longer. What the future holds is not looked at."""
        started = alive = self._clock()
        pause = min(self._limits.first_look, self._limits.silence)
        while True:
            wait([done], timeout=pause)
            if done.done():
                return Verdict.DONE
            if self._leave():
                return Verdict.MOVED
            if self._waits():
                started = alive = self._clock()
                continue
            life, now = self._sight(), self._clock()
            if life is not None and life != self.life:
                self.life, alive = life, now
                self._progress(len(life.text), now - started)
                if self._loops(life.text):
                    return Verdict.LOOP
            if self._limits.total is not None and now - started >= self._limits.total:
                return Verdict.TIME
            if now - alive >= self._limits.silence:
                return Verdict.SILENT
            pause = min(pause * 1.5, self._limits.longest_pause, max(0.05, self._limits.silence / 4))

    def _sight(self) -> ProgressSnapshot | None:
        try:
            return self._look()
        except ServerError:
            return None  # no sign of life; whether it is dead, the request's own connection will tell

    def _loops(self, text: str) -> bool:
        if len(text) - self._searched < _WORTH_A_LOOK:
            return False
        self._searched = len(text)
        return find_loop(text, ended=False) is not None

"""One model, one lock, a queue before it, and the rules of abort and check."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from fakes.engine import Outcome


@dataclass(eq=False)
class Job:
    """What is being generated."""

    key: str
    outcome: Outcome
    hang: int | None = None
    seconds: float = 0.0
    started: float = 0.0
    aborted: bool = False
    released: bool = False

    def produced(self) -> int:
        """Tokens so far."""
        if self.hang is not None and not self.released:
            return min(self.hang, self.outcome.tokens)
        if not self.seconds:
            return self.outcome.tokens
        return int(min(1.0, (time.monotonic() - self.started) / self.seconds) * self.outcome.tokens)


class House:
    """Lets one generation in at a time. ``condition`` guards everything and is notified at every change."""

    def __init__(self, condition: threading.Condition, closing: threading.Event, waiting: int) -> None:
        self._condition = condition
        self._closing = closing
        self._room = waiting
        self._line: deque[object] = deque()
        self.inside: object | None = None
        """Who holds the lock."""
        self._armed = ""
        """Key whose next request dies before it begins."""
        self.job: Job | None = None
        self.last_text = ("", "")
        """Key and text of the last generation."""
        self.most_at_once = 0
        """Largest number of requests that ran or waited at the same time."""
        self.abort_keys: list[str] = []
        """Keys of the aborts that came; an empty one aborts anybody's request."""

    @property
    def waiting(self) -> int:
        """Requests in the queue, without the running one."""
        return len(self._line)

    def enter(self, who: object) -> bool:
        """Wait for the lock; false at once when the queue is full."""
        with self._condition:
            if (self.inside is not None or self._line) and len(self._line) >= self._room:
                return False
            self._line.append(who)
            self.most_at_once = max(self.most_at_once, len(self._line) + (self.inside is not None))
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._closing.is_set() or (self.inside is None and self._line[0] is who))
            self._line.remove(who)
            self.inside = who
            self._condition.notify_all()
            return True

    def leave(self, who: object) -> None:
        """Give the lock back, if it is still held."""
        with self._condition:
            if self.inside is who:
                self.inside = None
                self._condition.notify_all()

    def disarm(self, key: str) -> bool:
        """Whether an abort has been waiting for this *key*; it hits once."""
        with self._condition:
            if key and self._armed == key:
                self._armed = ""
                return True
            return False

    def run(self, job: Job) -> Outcome:
        """Let time pass, unless somebody aborts; returns what came of it."""
        with self._condition:
            job.started = time.monotonic()
            self.job = job
            self._condition.notify_all()

            def over() -> bool:
                return job.aborted or self._closing.is_set()

            if job.hang is not None:
                self._condition.wait_for(lambda: over() or job.released)
            elif job.seconds:
                self._condition.wait_for(over, job.seconds)
            outcome = job.outcome.until(job.produced()) if over() else job.outcome
            self.job = None
            self.last_text = (job.key, outcome.text)
            self._condition.notify_all()
            return outcome

    def release(self) -> None:
        """Let a hanging generation go on to its end."""
        with self._condition:
            if self.job:
                self.job.released = True
            self._condition.notify_all()

    def abort(self, key: str) -> dict[str, Any]:
        """The answer of ``/api/extra/abort``."""
        with self._condition:
            self.abort_keys.append(key)
            job = self.job
            success = done = False
            if key and job and key == job.key:
                success = done = job.aborted = True
            elif key and self._line:
                self._armed, success = key, True
            elif not key and not self._line:
                success = done = True
                if job:
                    job.aborted = True
            self._condition.notify_all()
        return {"success": str(success).lower(), "done": str(done).lower()}

    def check(self, key: str) -> str:
        """The text so far, for the key that it belongs to."""
        with self._condition:
            if self.job:
                mine = key == self.job.key and (bool(key) or not self._line)
                return self.job.outcome.until(self.job.produced()).text if mine else ""
            return self.last_text[1] if key == self.last_text[0] else ""

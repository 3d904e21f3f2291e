"""The state of a KoboldCpp server: one generation at a time, a queue, and the rules of abort and check."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from fakes.engine import Outcome


@dataclass(eq=False)
class Job:
    """A generation in progress."""

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


class ServerState:
    """The generation lock with its queue. ``condition`` guards everything and is notified at every change."""

    def __init__(self, condition: threading.Condition, closing: threading.Event, waiting: int) -> None:
        self._condition = condition
        self._closing = closing
        self._queue_limit = waiting
        self._queue: deque[object] = deque()
        self.active: object | None = None
        """The request that holds the lock."""
        self._pending_abort = ""
        """Key of a request that is to be aborted before it begins."""
        self.job: Job | None = None
        self.last_text = ("", "")
        """Key and text of the last generation."""
        self.most_at_once = 0
        """Largest number of requests that ran or waited at the same time."""
        self.abort_keys: list[str] = []
        """Keys of the aborts received; an empty key aborts the running request, whoever sent it."""

    @property
    def waiting(self) -> int:
        """Requests in the queue, without the running one."""
        return len(self._queue)

    def acquire(self, request: object) -> bool:
        """Wait for the lock; return false at once when the queue is full."""
        with self._condition:
            if (self.active is not None or self._queue) and len(self._queue) >= self._queue_limit:
                return False
            self._queue.append(request)
            self.most_at_once = max(self.most_at_once, len(self._queue) + (self.active is not None))
            self._condition.notify_all()
            self._condition.wait_for(
                lambda: self._closing.is_set() or (self.active is None and self._queue[0] is request)
            )
            self._queue.remove(request)
            self.active = request
            self._condition.notify_all()
            return True

    def release_lock(self, request: object) -> None:
        """Release the lock, if it is still held."""
        with self._condition:
            if self.active is request:
                self.active = None
                self._condition.notify_all()

    def take_pending_abort(self, key: str) -> bool:
        """Whether an abort is pending for this *key*; it applies once."""
        with self._condition:
            if key and self._pending_abort == key:
                self._pending_abort = ""
                return True
            return False

    def run(self, job: Job) -> Outcome:
        """Wait for the end of a generation or its abort; return what was generated."""
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
            self.last_text = (job.key, "".join(outcome.pieces))  # with the stop sequence at which it ended
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
            elif key and self._queue:
                self._pending_abort, success = key, True
            elif not key and not self._queue:
                success = done = True
                if job:
                    job.aborted = True
            self._condition.notify_all()
        return {"success": str(success).lower(), "done": str(done).lower()}

    def check(self, key: str) -> str:
        """The text so far, for the key that it belongs to."""
        with self._condition:
            if self.job:
                mine = key == self.job.key and (bool(key) or not self._queue)
                return self.job.outcome.until(self.job.produced()).text if mine else ""
            return self.last_text[1] if key == self.last_text[0] else ""

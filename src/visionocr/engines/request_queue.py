"""The requests of ours at one server, in the order in which they went there."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from visionocr.stop import Stop


@dataclass(slots=True, eq=False)
class QueuedRequest:
    """One request's place among ours at a server."""

    alone: bool
    """No other of ours may be there beside it."""
    epoch: int = 0
    """How often the capacity had been halved when it went there."""
    sent: float = 0.0
    """When it went there, by the clock of its ``RequestQueue``."""
    began: float | None = None
    """When the server can have begun to work on it; ``None`` while it waits there behind others of ours."""
    size: int = 0
    """Bytes of its body."""
    recalled: bool = False
    """It is to leave the server's queue, and to go there again when it would not have to wait."""


class RequestQueue:
    """Lets a few requests go to a server at once and knows on which of them it works.

    A server with *slots* slots works on the first so many; what else is sent waits in its queue, so that the server
    has the next request at hand when it is done with one. May be used by several threads.
    """

    def __init__(self, slots: int, capacity: int, clock: Callable[[], float], stop: Stop) -> None:
        """*capacity*: requests that may be there at once."""
        self.capacity = capacity
        self._slots = slots
        self._clock = clock
        self._stop = stop
        self._there: list[QueuedRequest] = []
        self._waiting: deque[QueuedRequest] = deque()
        """Those that wait to go there, first come, first served."""
        self._changed = threading.Condition()
        self._epoch = 0

    @contextlib.contextmanager
    def place(self, *, alone: bool = False) -> Iterator[QueuedRequest]:
        """Wait for a place, and keep it; *alone*: a place without others of ours beside it.

        Raises ``Interrupted`` when the run is stopped meanwhile.
        """
        request = QueuedRequest(alone)
        with self._stop.waking(self._wake), self._changed:
            self._waiting.append(request)
            try:
                self._changed.wait_for(lambda: self._stop.is_requested or self._may_go(request))
            finally:
                self._waiting.remove(request)
            self._stop.check()
            request.sent, request.epoch = self._clock(), self._epoch
            self._there.append(request)
            self._update()
        try:
            yield request
        finally:
            with self._changed:
                self._there.remove(request)
                self._update()

    def limit_to_slots(self) -> None:
        """The server had no place in its queue while it worked for us: send no more than it works on."""
        with self._changed:
            if len(self._there) > 1:
                self.capacity = max(1, min(self.capacity, self._slots))

    def recall_waiting(self) -> None:
        """Send no more from now on than the server works on, and call back what waits there."""
        with self._changed:
            self.capacity = max(1, min(self.capacity, self._slots))
            for request in self._there:
                request.recalled = request.began is None

    def note_begun(self, request: QueuedRequest) -> None:
        """The server works on *request*. Of requests sent at nearly the same time it may take the later one first."""
        with self._changed:
            if request.began is None:
                at, place = self._slots - 1, self._there.index(request)
                other = self._there[at]
                self._there[at], self._there[place] = request, other
                request.began, other.began = other.began, None

    def halve(self, request: QueuedRequest) -> bool:
        """The server cannot hold at once what it was given: send half as much. Whether that can help.

        One alone has nobody beside it. Those who are crowded out together all call this: it is done once.
        """
        with self._changed:
            if request.epoch == self._epoch:
                if len(self._there) < 2:
                    return False
                self.capacity = len(self._there) // 2
                self._epoch += 1
            return True

    def is_alone(self, request: QueuedRequest) -> bool:
        """Whether no other request of ours is there beside *request*."""
        return self._there == [request]

    def wait_until_empty(self, timeout: float) -> None:
        """Wait until no request of ours is there, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._there, timeout)

    def _may_go(self, request: QueuedRequest) -> bool:
        if self._waiting[0] is not request or len(self._there) >= self.capacity:
            return False
        return not self._there or not (request.alone or self._there[-1].alone)

    def _update(self) -> None:
        """Note which requests the server works on now, and let the next ones look whether they may go."""
        for request in self._there[: self._slots]:
            if request.began is None:
                request.began = self._clock()
        self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

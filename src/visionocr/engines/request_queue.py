"""The requests of ours at one server, in the order in which they went there."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator

from visionocr.errors import Interrupted


class QueuedRequest:
    """One request's place among ours at a server."""

    def __init__(self, alone: bool) -> None:
        self.alone = alone
        self.epoch = 0
        """How often the room had been made narrower when it went there."""
        self.sent = 0.0
        """When it went there, by the clock of its ``RequestQueue``."""
        self.began: float | None = None
        """When the server can have begun to work on it; ``None`` while it waits there behind others of ours."""


class RequestQueue:
    """Lets a few requests go to a server at once and knows on which of them it works.

    A server with *slots* slots works on the first so many; what else is sent waits in its queue, so that the server
    has the next request at hand when it is done with one. May be used by several threads.
    """

    def __init__(self, slots: int, most: int, clock: Callable[[], float]) -> None:
        """*most*: requests that may be there at once."""
        self._slots = slots
        self._most = most
        self._clock = clock
        self._there: list[QueuedRequest] = []
        self._door: deque[QueuedRequest] = deque()
        """Those who wait to go there, first come, first served."""
        self._changed = threading.Condition()
        self._stopped = False
        self._epoch = 0

    @property
    def room(self) -> int:
        """Requests that may be there at once."""
        return self._most

    @contextlib.contextmanager
    def turn(self, *, alone: bool = False) -> Iterator[QueuedRequest]:
        """Wait for a place, and keep it; *alone*: a place without others of ours beside it.

        Raises ``Interrupted`` when everything was stopped meanwhile.
        """
        turn = QueuedRequest(alone)
        with self._changed:
            self._door.append(turn)
            try:
                self._changed.wait_for(lambda: self._stopped or self._may_go(turn))
            finally:
                self._door.remove(turn)
            if self._stopped:
                raise Interrupted("stopped")
            turn.sent, turn.epoch = self._clock(), self._epoch
            self._there.append(turn)
            self._begin()
            self._changed.notify_all()
        try:
            yield turn
        finally:
            with self._changed:
                self._there.remove(turn)
                self._begin()
                self._changed.notify_all()

    def shrink(self) -> None:
        """The server had no place in its queue while it worked for us: send no more than it works on."""
        with self._changed:
            if len(self._there) > 1:
                self._most = max(1, min(self._most, self._slots))

    def narrow(self, turn: QueuedRequest) -> bool:
        """The server cannot hold at once what it was given: send half as much. Whether that can help.

        One alone has nobody beside it. Those who are crowded out together all call this: it is done once.
        """
        with self._changed:
            if turn.epoch == self._epoch:
                if len(self._there) < 2:
                    return False
                self._most = len(self._there) // 2
                self._epoch += 1
            return True

    def lonely(self, turn: QueuedRequest) -> bool:
        """Whether no other request of ours is there beside *turn*."""
        return self._there == [turn]

    def stop(self) -> None:
        """Let nobody go any more. The lock may be entered twice by one thread: signals come at any time."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _may_go(self, turn: QueuedRequest) -> bool:
        if self._door[0] is not turn or len(self._there) >= self._most:
            return False
        return not self._there or not (turn.alone or self._there[-1].alone)

    def _begin(self) -> None:
        for turn in self._there[: self._slots]:
            if turn.began is None:
                turn.began = self._clock()

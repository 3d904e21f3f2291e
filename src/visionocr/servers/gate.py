"""How many requests may run in one server at the same time, where a server promises more than it can hold."""

from __future__ import annotations

import threading


class Gate:
    """Lets everybody in until it turns out that they do not fit together; then fewer and fewer."""

    def __init__(self) -> None:
        self._places: int | None = None
        self._inside = 0
        self._turn = 0
        self._changed = threading.Condition()

    def enter(self) -> int:
        """Wait for a place and take it. The turn, to be given to ``narrow``."""
        with self._changed:
            self._changed.wait_for(lambda: self._places is None or self._inside < self._places)
            self._inside += 1
            return self._turn

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def narrow(self, turn: int) -> bool:
        """Leave half as many places as are taken now. Whether that can help: one alone has nobody beside it.

        Those who are crowded out together all call this, with the turn in which they came: it is done once.
        """
        with self._changed:
            if turn == self._turn:
                if self._inside < 2:
                    return False
                self._places = self._inside // 2
                self._turn += 1
            return True

    def open(self) -> None:
        """Let everybody in: it is over, and those who wait shall see it."""
        with self._changed:
            self._places = None
            self._changed.notify_all()

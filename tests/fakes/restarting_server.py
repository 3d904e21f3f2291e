"""A server that is started again at the same address whenever it dies."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

from fakes.koboldcpp import FakeKoboldCpp, Plan

_LOADING = 0.5
"""Seconds between the end of a server and the next start; connections are refused meanwhile."""


class RestartingServer:
    """A ``FakeKoboldCpp`` that is replaced by a new instance when it dies.

    ``plan`` holds for all ``instances``; ``current`` is the newest. After ``stay_down()`` a server that dies is not
    replaced until ``come_back()``.
    """

    def __init__(self, **options: Any) -> None:
        self.plan: Plan = {}
        self._options = options
        self.instances = [FakeKoboldCpp(**options)]
        self.current.plan = self.plan
        self.url = self.current.url
        self._may_restart, self._over = threading.Event(), False
        self._may_restart.set()
        self._thread = threading.Thread(target=self._watch, name="restarting server")
        self._thread.start()

    @property
    def current(self) -> FakeKoboldCpp:
        """The newest instance."""
        return self.instances[-1]

    @property
    def asked(self) -> Counter[int | None]:
        """How often each page was asked for, over all instances."""
        return sum((instance.asked for instance in self.instances), Counter[int | None]())

    def change(self, **options: Any) -> None:
        """Start it with other options the next time."""
        self._options |= options

    def stay_down(self) -> None:
        """Do not restart after the next death."""
        self._may_restart.clear()

    def come_back(self) -> None:
        """Restart again."""
        self._may_restart.set()

    def _watch(self) -> None:
        port = self.current.server_address[1]
        while not self._over:  # may be set while it restarts
            self.current.closing.wait()
            self._may_restart.wait()
            threading.Event().wait(_LOADING)
            if self._over:
                return
            self.current.close()  # all its threads have ended
            instance = FakeKoboldCpp(**self._options, port=port)
            instance.plan = self.plan
            self.instances.append(instance)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._may_restart.set()
        self.current.closing.set()
        self._thread.join()
        self.current.close()

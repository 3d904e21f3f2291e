"""A server that is started again at the same address whenever it dies."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

from fakes.koboldcpp import FakeKoboldCpp, Plan

_LOADING = 0.5
"""Seconds that it takes to start: whoever looks after it at once finds nobody there."""


class Phoenix:
    """Lives as often as it must. ``plan`` holds for all lives; ``now`` is the present one, ``lives`` are all of them.

    ``rests()`` keeps it dead from its next death on, ``rises()`` lets it live again.
    """

    def __init__(self, **options: Any) -> None:
        self.plan: Plan = {}
        self._options = options
        self.lives = [FakeKoboldCpp(**options)]
        self.now.plan = self.plan
        self.url = self.now.url
        self._may_rise, self._over = threading.Event(), False
        self._may_rise.set()
        self._thread = threading.Thread(target=self._watch, name="phoenix")
        self._thread.start()

    @property
    def now(self) -> FakeKoboldCpp:
        """The life of the moment, or the last one."""
        return self.lives[-1]

    @property
    def asked(self) -> Counter[int | None]:
        """How often each page was asked for, over all lives."""
        return sum((life.asked for life in self.lives), Counter[int | None]())

    def rests(self) -> None:
        """Stay dead when dead."""
        self._may_rise.clear()

    def rises(self) -> None:
        """Live again."""
        self._may_rise.set()

    def _watch(self) -> None:
        port = self.now.server_address[1]
        while not self._over:  # which may come while it rises
            self.now.closing.wait()
            self._may_rise.wait()
            threading.Event().wait(_LOADING)
            if self._over:
                return
            self.now.close()  # all its threads have ended
            life = FakeKoboldCpp(**self._options, port=port)
            life.plan = self.plan
            self.lives.append(life)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._may_rise.set()
        self.now.closing.set()
        self._thread.join()
        self.now.close()

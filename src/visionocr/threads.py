"""Threads that do not hold up the end of the program, and that Ctrl-C cannot harm.

The standard library's pool joins its threads at exit; a thread that waits for a dead server would keep a stopped
program alive until its time-out. And its futures have locks that are taken in Python: a signal that strikes the main
thread between taking and keeping one leaves it locked for good, and whoever wants it next waits for ever. So results
come to the main thread by ``SimpleQueue``, whose steps cannot be torn apart, and it waits on nothing else.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from queue import Empty, SimpleQueue
from typing import Generic, ParamSpec, TypeVar, cast

_P = ParamSpec("_P")
_R = TypeVar("_R")
_GLANCE = 0.2
"""Seconds between looks at the keyboard while waiting: a blocked wait is deaf to Ctrl-C on Windows."""


class Call(Generic[_R]):
    """A function that is called in another thread. One thread may wait for what it gives."""

    def __init__(self, function: Callable[[], _R]) -> None:
        self._function = function
        self._given: SimpleQueue[tuple[_R, None] | tuple[None, BaseException]] = SimpleQueue()

    def run(self) -> None:
        """Call the function; what it returns or raises is kept for whoever waits."""
        try:
            value = self._function()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._given.put((None, error))
        else:
            self._given.put((value, None))

    def outcome(self) -> _R:
        """What the function returned, or raise what it raised; to be asked for once. Hears Ctrl-C while it waits."""
        while True:
            try:
                value, error = self._given.get(timeout=_GLANCE)
            except Empty:
                continue
            if error is not None:
                raise error
            return cast("_R", value)


class Workers:
    """``count`` daemon threads that take work in the order in which it is submitted."""

    def __init__(self, count: int, name: str) -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._count = count
        for number in range(count):
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True).start()

    def submit(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Call[_R]:
        """Call *function* in one of the threads."""
        call = Call(lambda: function(*args, **kwargs))
        self._work.put(call.run)
        return call

    def close(self) -> None:
        """Let the threads end after the work that is already submitted; do not wait for them."""
        for _ in range(self._count):
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # an idle thread must not keep the last page's images alive


def apart(
    steps: Generator[Iterable[_R], None, None], leave: Callable[[], None], name: str
) -> Generator[_R, None, None]:
    """What the *steps* give, one by one; all that they do is done in a thread of its own.

    So no signal strikes between two of their statements. Whoever ends early has the generator closed, after the step
    at hand, in that same thread; *leave* is called before: it makes that step end soon, and a first one do nothing.
    """
    thread = Workers(1, name)
    end: list[_R] = []
    try:
        while (given := thread.submit(next, steps, end).outcome()) is not end:
            yield from given
    finally:
        leave()
        if not sys.is_finalizing():  # else no thread but this one runs any more, nor ever will
            thread.submit(_closed, steps).outcome()
        thread.close()


def _closed(steps: Generator[object, None, None]) -> None:
    if inspect.getgeneratorstate(steps) == inspect.GEN_CREATED:
        next(steps, None)  # what it does at its end has to be done all the same; after *leave* it does no more
    steps.close()

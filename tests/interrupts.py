"""Ctrl-C between any two steps of the calling thread, one step after the other instead of by chance."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def struck_everywhere(begin: Callable[[], Callable[[], object]]) -> Iterator[int]:
    """Begin and run what is given, again and again, each time with ``KeyboardInterrupt`` one step later.

    *begin* prepares a run, undisturbed, and gives what is disturbed. Gives the step after each run that was struck;
    ends with the first that came to its end. Steps are what the interpreter traces: calls, lines and returns, in the
    standard library's Python as well, which is where a signal does most harm.
    """
    for step in itertools.count(1):
        run = begin()
        if not _struck(run, step):
            return
        yield step


def _struck(run: Callable[[], object], step: int) -> bool:
    steps = iter(range(1, step))

    def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False

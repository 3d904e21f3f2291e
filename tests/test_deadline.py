"""The time limit on calls that come one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from visionocr.processes.deadline import Deadline

PATIENCE = 20.0
LONG = 3600.0


class Late:
    """Counts how often a call was too long."""

    def __init__(self) -> None:
        self.times = 0
        self.seen = threading.Event()

    def __call__(self) -> None:
        """Note it."""
        self.times += 1
        self.seen.set()


@pytest.fixture
def late() -> Late:
    """What happens to a call that is late."""
    return Late()


@pytest.fixture
def deadline(late: Late) -> Iterator[Deadline]:
    """A deadline, closed at the end."""
    deadline = Deadline(late)
    yield deadline
    deadline.close()


def test_a_long_call_is_late_once(deadline: Deadline, late: Late) -> None:
    """What is to be done is done once, and can be asked for afterwards until the next call."""
    deadline.begin(0.01)
    assert late.seen.wait(PATIENCE)
    deadline.end()
    assert deadline.passed
    deadline.begin(LONG)
    assert not deadline.passed
    deadline.end()
    assert late.times == 1


def test_a_call_that_ended_is_never_late(deadline: Deadline, late: Late) -> None:
    """The next one has its own time: it is not cut short by that of the last, and does not make it late."""
    deadline.begin(0.05)
    deadline.end()
    assert not late.seen.wait(0.2)
    deadline.begin(0.05)
    assert late.seen.wait(PATIENCE)
    assert late.times == 1


@pytest.mark.parametrize("ended", [False, True])
def test_a_shorter_limit_after_a_longer_one(ended: bool, deadline: Deadline, late: Late) -> None:
    """The watching thread sleeps until the longer one is over, and has to be woken."""
    deadline.begin(LONG)
    if ended:
        deadline.end()
    deadline.begin(0.01)
    assert late.seen.wait(PATIENCE)


def test_one_thread_for_all_calls_and_none_after_the_last() -> None:
    """However many calls there are; it ends when it is told that there will be no more."""
    deadline = Deadline(lambda: None)
    before = set(threading.enumerate())
    for _ in range(100):
        deadline.begin(LONG)
        deadline.end()
    (thread,) = set(threading.enumerate()) - before
    deadline.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()

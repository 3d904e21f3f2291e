"""Permits go to who waits longest, and to nobody who gave up."""

from __future__ import annotations

import threading
import time

from visionocr.processes.permits import Permits

PATIENCE = 30.0


def waiting(permits: Permits, count: int) -> None:
    """Until so many threads wait."""
    until = time.monotonic() + PATIENCE
    while len(permits._waiting) < count:
        assert time.monotonic() < until


def test_in_order_of_arrival() -> None:
    """Who comes back at once stands behind those who wait."""
    permits = Permits(1)
    came: list[int] = []

    def come(number: int) -> None:
        for _ in range(2):
            with permits:
                came.append(number)
                if len(came) <= 4:
                    waiting(permits, 3)  # the one before has come back

    threads = [threading.Thread(target=come, args=(number,)) for number in range(4)]
    with permits:
        for number, thread in enumerate(threads, 1):
            thread.start()
            waiting(permits, number)
    for thread in threads:
        thread.join(PATIENCE)
    assert came == [0, 1, 2, 3] * 2


def test_who_gives_up_is_forgotten() -> None:
    """A permit that is released later goes to the next, and there are never more than there were."""
    permits = Permits(2)
    assert permits.acquire()
    assert permits.acquire(0.0)
    assert not permits.acquire(0.0)
    permits.release()
    assert permits.acquire(0.0)
    assert not permits.acquire(0.001)


def test_one_more() -> None:
    """A release that nobody's ``acquire`` came before adds a permit."""
    permits = Permits(1)
    permits.release()
    assert permits.acquire(0.0)
    assert permits.acquire(0.0)
    assert not permits.acquire(0.0)

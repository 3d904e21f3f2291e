"""The flag that ends a run."""

from __future__ import annotations

import threading
import time

import pytest

from visionocr.errors import Interrupted
from visionocr.stop import Stop

PATIENCE = 20.0


def test_a_request_is_seen_by_all_and_stays() -> None:
    """Whoever looks, waits or checks learns of it, however late."""
    stop = Stop()
    stop.check()
    assert not stop.is_requested
    assert not stop.wait(0)
    stop.request()
    stop.request()
    assert stop.is_requested
    assert stop.wait(PATIENCE)
    with pytest.raises(Interrupted):
        stop.check()


def test_a_sleeping_thread_is_woken() -> None:
    """A wait ends as soon as the end is asked for."""
    stop = Stop()
    began = time.monotonic()
    thread = threading.Thread(target=stop.wait, args=(PATIENCE,))
    thread.start()
    stop.request()
    thread.join(PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2


def test_wakers_are_called_once_within_their_block_only() -> None:
    """Those registered at the time are called; those that left are not; those that come too late are called at once."""
    stop = Stop()
    calls: list[str] = []
    with stop.waking(lambda: calls.append("left")):
        pass
    with stop.waking(lambda: calls.append("there")):
        stop.request()
        stop.request()
        assert calls == ["there"]
    with stop.waking(lambda: calls.append("late")):
        assert calls == ["there", "late"]
    assert calls == ["there", "late"]

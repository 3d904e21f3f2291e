"""The flag that ends a run."""

from __future__ import annotations

import threading
import time

import pytest

from visionocr.errors import Interrupted
from visionocr.stop import Stop

PATIENCE = 20.0


def test_a_request_is_permanent() -> None:
    """Every later ``is_requested``, ``wait`` and ``check`` sees it."""
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


def test_a_request_wakes_a_waiting_thread() -> None:
    """A wait ends as soon as the stop is requested."""
    stop = Stop()
    began = time.monotonic()
    thread = threading.Thread(target=stop.wait, args=(PATIENCE,))
    thread.start()
    stop.request()
    thread.join(PATIENCE)
    assert time.monotonic() - began < PATIENCE / 2


def test_wakers_are_called_once_within_their_block_only() -> None:
    """Wakers inside their block are called, those outside are not; one that is registered late is called at once."""
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

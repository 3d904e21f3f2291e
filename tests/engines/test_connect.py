"""Addresses become one engine: several questions at the same time, and stopping while they are asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp
from visionocr.engines.connect import connect, connect_all, servers_of, together
from visionocr.errors import Interrupted, ServerUnreachable
from visionocr.settings import Settings
from visionocr.stop import Stop

VERSION = "/api/extra/version"


def test_together() -> None:
    """All calls run at the same time; their results come in the order of the values."""
    meeting = threading.Barrier(3, timeout=5)

    def meet(value: int) -> int:
        meeting.wait()
        return 2 * value

    assert together(meet, [1, 2, 3]) == [2, 4, 6]
    assert together(meet, []) == []


def test_together_raises_the_first_error() -> None:
    """What one call raises is raised, after all of them."""

    def fail(value: int) -> None:
        raise ServerUnreachable(f"no {value}")

    with pytest.raises(ServerUnreachable, match="no 1"):
        together(fail, [1, 2], Stop())


def test_together_is_stopped() -> None:
    """A call that does not come back, such as a name look-up, holds nobody up when the run is stopped."""
    release, stop = threading.Event(), Stop()
    threading.Timer(0.1, stop.request).start()
    try:
        with pytest.raises(Interrupted):
            together(lambda _: release.wait(20), [1], stop)
    finally:
        release.set()


@pytest.mark.parametrize(
    "ask",
    [
        lambda url, stop: connect(Settings(), url, stop=stop),
        lambda url, stop: connect_all(Settings(api_url=(url,)), stop=stop),
        lambda url, stop: connect_all(Settings(api_url=(url, "http://127.0.0.1:9")), stop=stop),
    ],
    ids=["connect", "one of them", "two of them"],
)
def test_probing_is_stopped(ask: Callable[[str, Stop], object], koboldcpp: FakeKoboldCpp) -> None:
    """Ctrl-C while a server is probed that does not answer ends that at once."""
    koboldcpp.plan[VERSION] = faults.Hang()
    stop = Stop()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, koboldcpp.url, stop)
        koboldcpp.wait_for(lambda: bool(koboldcpp.requests))
        began = time.monotonic()
        stop.request()
        try:
            with pytest.raises(Interrupted):
                asked.result(5)
            assert time.monotonic() - began < 1
        finally:
            koboldcpp.release()


def test_an_engine_outlives_the_flag_it_was_probed_under(koboldcpp: FakeKoboldCpp) -> None:
    """The flag of the run ends the probing only; an engine is stopped by ``cancel``."""
    stop = Stop()
    engine = connect_all(Settings(api_url=(koboldcpp.url,)), stop=stop)
    assert servers_of(engine) == (engine,)
    stop.request()
    assert engine.count_tokens("one two") == 3
    engine.cancel()
    with pytest.raises(Interrupted):
        engine.count_tokens("another text")

"""Connecting to servers: concurrent probes, their errors, and stops."""

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


def test_calls_run_concurrently() -> None:
    """All calls run at the same time; their results come in the order of the values."""
    meeting = threading.Barrier(3, timeout=5)

    def meet(value: int) -> int:
        meeting.wait()
        return 2 * value

    assert together(meet, [1, 2, 3]) == [2, 4, 6]
    assert together(meet, []) == []


def test_the_first_error_is_raised() -> None:
    """An error of one call is raised after all calls have ended."""

    def fail(value: int) -> None:
        raise ServerUnreachable(f"no {value}")

    with pytest.raises(ServerUnreachable, match="no 1"):
        together(fail, [1, 2], Stop())


def test_a_stop_does_not_wait_for_calls() -> None:
    """A call that does not return, such as a name look-up, does not delay the end of a stopped run."""
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
def test_a_stop_ends_the_probe(ask: Callable[[str, Stop], object], koboldcpp: FakeKoboldCpp) -> None:
    """A stop ends the probe of a server that does not answer at once."""
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


def test_the_stop_flag_of_the_probe_does_not_stop_the_engine(koboldcpp: FakeKoboldCpp) -> None:
    """The run's flag ends the probe only; an engine is stopped by ``cancel``."""
    stop = Stop()
    engine = connect_all(Settings(api_url=(koboldcpp.url,)), stop=stop)
    assert servers_of(engine) == (engine,)
    stop.request()
    assert engine.count_tokens("one two") == 3
    engine.cancel()
    with pytest.raises(Interrupted):
        engine.count_tokens("another text")

"""Reading all pages: order of results and events, limits, threads, errors and stops."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.stand_ins import QUESTION, SPEC, FakeEngine, FakeSource, reader
from visionocr.asking import Asker
from visionocr.errors import Interrupted, ServerUnreachable
from visionocr.reader import Reader
from visionocr.stop import Stop
from visionocr.types import Answered, Event, PageImage, PageRef, PageResult, RasterSpec, Request, Status

PATIENCE = 20.0


def collect(stream: Iterator[PageResult], into: list[PageResult]) -> None:
    """Append results to *into* until the stream ends or raises."""
    for result in stream:
        into.append(result)


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_results_come_in_page_order(slots: int, batch: int) -> None:
    """Whatever the order of the answers, every page comes once, in its place."""
    engine, source = FakeEngine(slots=slots), FakeSource(23, broken=frozenset({5, 23}))
    waits = random.Random(slots * batch)
    gate = threading.Event()

    def dawdle(_request: Request) -> None:
        gate.wait(waits.random() / 500)

    engine.before = dawdle
    results = list(reader(source, engine, batch=batch).results())
    assert [result.page.number for result in results] == list(range(1, 24))
    assert [result.page.number for result in results if result.status is Status.FAILED] == [5, 23]
    assert all(result.text == f"text {result.page.number}.1" for result in results if result.status is Status.OK)
    assert source.closed.wait(PATIENCE)


@pytest.mark.parametrize("concurrency", [1, 3])
def test_pages_are_loaded_only_a_few_ahead(concurrency: int) -> None:
    """While the first page is being read, only as many pages are loaded as the window holds, in loader threads only."""
    engine, source = FakeEngine(), FakeSource(100)
    source.concurrency = concurrency
    release = threading.Event()
    loaded_meanwhile: list[int] = []

    def hold(request: Request) -> None:
        if request.prompt.images[0].page.number == 1:
            release.wait(PATIENCE)

    engine.before = hold
    stream = reader(source, engine).results()
    taker = threading.Thread(target=next, args=(stream,))
    taker.start()
    while len(source.loaded) < 4:  # rasterizing runs ahead of the held page
        threading.Event().wait(0.001)
    loaded_meanwhile += source.loaded
    release.set()
    taker.join(PATIENCE)
    stream.close()
    assert len(loaded_meanwhile) <= 4
    assert source.threads <= {"find_0", *(f"render_{n}" for n in range(concurrency))}


def test_concurrent_loading_keeps_the_order() -> None:
    """Pages are loaded concurrently, and their results come in order."""
    engine, source = FakeEngine(slots=2), FakeSource(30, broken=frozenset({4}))
    source.concurrency = 3
    barrier = threading.Barrier(3)
    load = source.load

    def together(page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        barrier.wait(PATIENCE)
        return load(page, spec)

    source.load = together  # type: ignore[method-assign]
    results = list(reader(source, engine).results())
    assert [result.page.number for result in results] == list(range(1, 31))
    assert not barrier.broken


def test_slots_are_all_used_and_never_exceeded() -> None:
    """With three slots three requests run at the same time, and never four."""
    engine = FakeEngine(slots=3)
    barrier = threading.Barrier(3)
    running, most = 0, 0
    lock = threading.Lock()

    def meet(request: Request) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if request.prompt.images[0].page.number <= 3:
            barrier.wait(PATIENCE)
        with lock:
            running -= 1

    engine.before = meet
    assert len(list(reader(FakeSource(12), engine).results())) == 12
    assert most == 3


def test_events_come_in_completion_order() -> None:
    """Every page has one event, sent when the page is finished and not at its turn in the output."""
    events: list[Event] = []
    engine = FakeEngine(slots=2)
    second_done = threading.Event()

    def slow_first(request: Request) -> None:
        if request.prompt.images[0].page.number == 1:
            second_done.wait(PATIENCE)

    def note(event: Event) -> None:
        events.append(event)
        second_done.set()

    engine.before = slow_first
    stream = Reader(
        FakeSource(2),
        engine,
        Asker(engine, QUESTION, max_asks=1),
        SPEC,
        observer=note,
    ).results()
    assert [result.page.number for result in stream] == [1, 2]
    assert [event.result.page.number for event in events if isinstance(event, Answered)] == [2, 1]


def test_results_are_yielded_before_a_server_error() -> None:
    """The page of the error is marked, finished pages after it are still yielded, then the error is raised."""
    engine = FakeEngine(slots=2)
    engine.says[3] = [ServerUnreachable("gone")]
    third_may_fail = threading.Event()

    def order(request: Request) -> None:
        number = request.prompt.images[0].page.number
        if number == 3:
            third_may_fail.wait(PATIENCE)
        if number == 5:
            third_may_fail.set()

    engine.before = order
    results: list[PageResult] = []
    stream = reader(FakeSource(50), engine).results()
    with pytest.raises(ServerUnreachable):
        collect(stream, results)
    statuses = {result.page.number: result.status for result in results}
    assert [statuses[number] for number in (1, 2, 3, 4)] == [Status.OK, Status.OK, Status.FAILED, Status.OK]
    assert "gone" in next(result for result in results if result.page.number == 3).findings[0].message
    assert engine.cancelled.is_set()


def test_no_page_is_missing_in_front_of_a_finished_one() -> None:
    """Pages that a dying server left unanswered are failed where a finished page follows, and left out at the end."""
    engine = FakeEngine(slots=4)
    fourth_done = threading.Event()
    for number in (2, 3, 5):
        engine.says[number] = [ServerUnreachable("gone")]

    def order(request: Request) -> None:
        if request.prompt.images[0].page.number != 4:
            fourth_done.wait(PATIENCE)

    def note(event: Event) -> None:
        if isinstance(event, Answered) and event.result.page.number == 4:
            fourth_done.set()

    engine.before = order
    results: list[PageResult] = []
    asker = Asker(engine, QUESTION, max_asks=1)
    with pytest.raises(ServerUnreachable):
        collect(Reader(FakeSource(5), engine, asker, SPEC, observer=note).results(), results)
    assert [(result.page.number, result.status) for result in results] == [
        (1, Status.OK),
        (2, Status.FAILED),
        (3, Status.FAILED),
        (4, Status.OK),
    ]


def test_leaving_early_cancels_the_engine_and_closes_the_source() -> None:
    """Closing the iterator cancels the engine and closes the source."""
    engine, source = FakeEngine(), FakeSource(50)
    stream = reader(source, engine).results()
    next(stream)
    stream.close()
    assert engine.cancelled.is_set()
    assert source.closed.wait(PATIENCE)
    assert len(source.loaded) < 10


def test_a_stop_raises_interrupted_at_once() -> None:
    """The consumer gets ``Interrupted`` at once; running requests are cancelled, and no new one starts."""
    engine, source, stop = FakeEngine(), FakeSource(50), Stop()
    held = threading.Event()

    def hold(request: Request) -> None:
        if request.prompt.images[0].page.number == 3:
            held.set()
            assert engine.cancelled.wait(PATIENCE)

    engine.before = hold
    stream = reader(source, engine, stop=stop).results()
    assert [next(stream).page.number for _ in range(2)] == [1, 2]

    def stop_when_held() -> None:
        held.wait(PATIENCE)
        stop.request()

    threading.Thread(target=stop_when_held).start()
    with pytest.raises(Interrupted):
        next(stream)
    assert source.closed.is_set()
    assert len(source.loaded) < 10


def test_a_run_stopped_before_its_start_sends_nothing() -> None:
    """The stop flag is checked before the first page."""
    engine, source, stop = FakeEngine(), FakeSource(9), Stop()
    stop.request()
    with pytest.raises(Interrupted):
        next(reader(source, engine, stop=stop).results())
    assert source.closed.is_set()
    assert engine.cancelled.is_set()


def test_an_unfinished_run_does_not_block_exit() -> None:
    """An unfinished run's threads are not waited for when the interpreter exits."""
    script = """
from fakes.stand_ins import FakeEngine, FakeSource
from fakes.stand_ins import reader
results = reader(FakeSource(9), FakeEngine()).results()
print(next(results).page.number)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=PATIENCE
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1\n", "")


def test_a_finished_run_does_not_cancel_its_engine() -> None:
    """The engine of a finished run can be used for the next run."""
    engine = FakeEngine()
    assert len(list(reader(FakeSource(3), engine).results())) == 3
    assert not engine.cancelled.is_set()

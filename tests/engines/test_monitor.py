"""Monitoring a running request: progress, time-outs and repetition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import count
from random import Random

import pytest

from visionocr.engines.dialects.base import ProgressSnapshot
from visionocr.engines.monitor import Limits, Monitor, Verdict
from visionocr.errors import ServerUnreachable

QUICK = Limits(silence=50.0, first_poll=0.0, longest_pause=0.0)


def ticking(step: float = 1.0) -> Callable[[], float]:
    """A clock that goes on by *step* seconds at every look."""
    ticks = count(0.0, step)
    return lambda: next(ticks)


def poll_sequence(snapshots: Iterator[ProgressSnapshot | None]) -> Callable[[], ProgressSnapshot | None]:
    """A poll function that returns one snapshot after the other."""
    return lambda: next(snapshots)


def growing(line: Callable[[int], str]) -> Iterator[ProgressSnapshot]:
    """A text that grows by one line at every look."""
    text = ""
    for number in count():
        text += line(number) + "\n"
        yield ProgressSnapshot(text)


def test_a_finished_request_is_not_polled() -> None:
    """An answer that is there at once causes no poll."""
    future: Future[int] = Future()
    future.set_result(1)
    looks: list[int] = []
    monitor = Monitor(lambda: looks.append(1), Limits(), ticking())
    assert monitor.watch(future) is Verdict.DONE
    assert not looks


def test_a_failed_request_is_finished() -> None:
    """The future's own error is left to whoever takes its result."""
    future: Future[int] = Future()
    future.set_exception(ValueError())
    assert Monitor(lambda: None, Limits(), ticking()).watch(future) is Verdict.DONE


def prose(number: int) -> str:
    """A line that is unlike the others."""
    chance = Random(number)
    return " ".join("".join(chance.choices("abcdefghiklmnoprstu", k=chance.randint(2, 9))) for _ in range(9))


@pytest.mark.parametrize("line", ["the same line over and over again", "| 0 | 12 | abc |"])
def test_a_loop_is_seen_while_it_grows(line: str) -> None:
    """A text that only repeats itself is given up long before it is finished."""
    monitor = Monitor(poll_sequence(growing(lambda number: line)), QUICK, ticking(0.001))
    assert monitor.watch(Future()) is Verdict.LOOP
    assert monitor.snapshot is not None
    assert monitor.snapshot.text.count(line) < 400


def test_growing_text_is_no_silence() -> None:
    """As long as the text grows there is no time-out, however long it takes."""
    future: Future[int] = Future()

    def snapshots() -> Iterator[ProgressSnapshot]:
        for number, snapshot in enumerate(growing(prose)):
            if number == 200:
                future.set_result(1)
            yield snapshot

    assert Monitor(poll_sequence(snapshots()), QUICK, ticking(10.0)).watch(future) is Verdict.DONE


@pytest.mark.parametrize(
    "change", [lambda n: ProgressSnapshot("", waiting=n), lambda n: ProgressSnapshot("", generations=n)]
)
def test_movement_in_the_queue_is_progress(change: Callable[[int], ProgressSnapshot]) -> None:
    """A request that waits for others is not silent while the others get their answers."""
    future: Future[int] = Future()

    def snapshots() -> Iterator[ProgressSnapshot]:
        for number in range(100):
            yield change(number)
        future.set_result(1)
        yield change(100)

    assert Monitor(poll_sequence(snapshots()), QUICK, ticking(20.0)).watch(future) is Verdict.DONE


@pytest.mark.parametrize("snapshot", [None, ProgressSnapshot("half a page"), ProgressSnapshot()])
def test_no_progress_times_out(snapshot: ProgressSnapshot | None) -> None:
    """A server that shows nothing, or always the same, is given up after the time-out, and not before."""
    clock = ticking(1.0)
    assert Monitor(lambda: snapshot, QUICK, clock).watch(Future()) is Verdict.SILENT
    assert 50 <= clock() <= 56


def test_failed_polls_are_no_progress() -> None:
    """An error of a poll is no progress, and no error of the request."""

    def look() -> ProgressSnapshot:
        raise ServerUnreachable("gone")

    assert Monitor(look, QUICK, ticking(1.0)).watch(Future()) is Verdict.SILENT


def test_max_time_ends_a_growing_answer() -> None:
    """``--max-time`` ends even an answer that grows."""
    limits = Limits(silence=50.0, total=30.0, first_poll=0.0, longest_pause=0.0)
    snapshots = growing(prose)
    assert Monitor(poll_sequence(snapshots), limits, ticking(1.0)).watch(Future()) is Verdict.TIME


def test_progress_is_reported() -> None:
    """Every change is reported with the length of the text and the seconds."""
    heard: list[tuple[int, float]] = []
    limits = Limits(silence=50.0, total=4.0, first_poll=0.0, longest_pause=0.0)
    snapshots = iter(
        [
            ProgressSnapshot("ab"),
            ProgressSnapshot("abcd"),
            ProgressSnapshot("abcd"),
            ProgressSnapshot("abcdef"),
            ProgressSnapshot("abcdefg"),
        ]
    )
    Monitor(
        poll_sequence(snapshots), limits, ticking(1.0), lambda length, seconds: heard.append((length, seconds))
    ).watch(Future())
    assert [length for length, _ in heard] == [2, 4, 6]

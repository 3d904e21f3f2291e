"""Pages go to workers and come back in order, without any real cluster."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.pictures import make_image
from visionocr.checking import Checks
from visionocr.cluster.cluster import MOST_SENT, ClusterReader
from visionocr.cluster.worker import ReadTask, TaskResult
from visionocr.documents.discovery import discover
from visionocr.documents.source import Place, Source
from visionocr.errors import (
    ConfigurationError,
    Interrupted,
    OutputError,
    ServerUnreachable,
    VisionOcrError,
)
from visionocr.reader import MOST_FINISHED
from visionocr.stop import Stop
from visionocr.types import PageRef, PageResult, RasterSpec, Server, Status

DIGEST = "d" * 64
SERVER = Server("http://127.0.0.1:1", "koboldcpp", slots=1)
ROOM = 6
"""Tasks that a worker with one slot has at a time."""


class FakeSource(Source):
    """``count`` pages of one document, which lies at *path*; remembers how far it was read."""

    def __init__(self, count: int, path: str = "/a.pdf") -> None:
        super().__init__([])
        self.count = count
        self.path = path
        self.taken = 0
        self.closed = False

    def pages(self) -> Any:
        """All pages."""
        for number in range(1, self.count + 1):
            self.taken = number
            yield PageRef("a.pdf", number, self.count, DIGEST)

    def place(self, page: PageRef) -> Place:
        """Where the document is."""
        return Place(self.path)

    def close(self) -> None:
        """Remember it."""
        self.closed = True


class FakeFuture:
    """A task that a worker has."""

    def __init__(self, worker: str, task: ReadTask, documents: dict[str, str]) -> None:
        self.worker = worker
        self.task = task
        self.documents = documents
        self.alone = False
        """Nothing else may be given to the worker."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The pages that are to be read."""
        return tuple(page.number for page in self.task.pages)

    def cancel(self) -> None:
        """Nobody waits for it any more."""


class FakeWorkers:
    """Workers that finish their tasks in any order; ``deadly`` pages kill them, and others come in their place."""

    def __init__(self, count: int = 2, deadly: frozenset[int] = frozenset(), seed: int = 1) -> None:
        self._names = map("w{}".format, itertools.count())
        self.ready = {next(self._names): SERVER for _ in range(count)}
        self.present = set(self.ready)
        self.deadly = deadly
        self.running: list[FakeFuture] = []
        self.history: list[tuple[tuple[int, ...], int]] = []
        """The pages of each task that was begun, and how many tasks its worker had then."""
        self.blamed: Counter[int] = Counter()
        """By page: the deaths of workers that had it."""
        self.failures: list[str] = []
        self.sent: list[str] = []
        self.stopped = False
        self.error: VisionOcrError | None = None
        self.give: Callable[[FakeFuture], Any] = read_all
        """What becomes of a task; ``None``: it is not finished yet."""
        self._chance = random.Random(seed)

    @property
    def tasks(self) -> FakeWorkers:
        """The collection of tasks."""
        return self

    def look(self, *, at_once: bool = False) -> None:
        """Raise what a test wants; kill workers that have a deadly page."""
        if self.error is not None:
            raise self.error
        for worker in {one.worker for one in self.running if self.deadly.intersection(one.numbers)}:
            if self._chance.random() < 0.3:
                lost = [one for one in self.running if one.worker == worker]
                self.blamed.update(number for one in lost for number in one.numbers)
                self.running = [one for one in self.running if one not in lost]
                self.present.discard(worker)
                self.ready.pop(worker, None)
                self.ready[next(self._names)] = SERVER
                self.present.update(self.ready)

    def submit(self, worker: str, function: Any, task: ReadTask, documents: dict[str, str]) -> FakeFuture:
        """A task that is not begun."""
        assert worker in self.ready
        return FakeFuture(worker, task, documents)

    def add(self, future: FakeFuture) -> None:
        """Begin a task."""
        mates = [one for one in self.running if one.worker == future.worker]
        assert len(mates) < ROOM
        assert not any(one.alone for one in mates)
        self.running.append(future)
        self.history.append((future.numbers, 1 + len(mates)))
        future.alone = not mates and any(self.blamed[number] for number in future.numbers)

    def next_batch(self, block: bool) -> list[tuple[FakeFuture, Any]]:
        """Some tasks that are done."""
        done = []
        for one in self.running:
            if self.stopped or (not self.deadly.intersection(one.numbers) and self._chance.random() < 0.5):
                value = self.give(one)
                if value is not None:
                    done.append((one, value))
        gone = [one for one, _ in done]
        self.running = [one for one in self.running if one not in gone]
        return done

    def leave(self, worker: str, error: VisionOcrError) -> None:
        """It gets nothing more; without any other one the run ends."""
        self.failures.append(worker)
        self.ready.pop(worker, None)
        if not self.ready:
            self.error = error

    def send(self, worker: str, data: bytes) -> str:
        """Anything stands for the future."""
        self.sent.append(worker)
        return "sent"

    def stop_reading(self) -> None:
        """From now on all tasks end."""
        self.stopped = True


def read_all(future: FakeFuture) -> TaskResult:
    """Every page of a task has a text."""
    return TaskResult(tuple(PageResult(page, f"text {page.number}", Status.OK) for page in future.task.pages))


def reader(source: Source, workers: Any, *, batch: int = 1, **options: Any) -> ClusterReader:
    """A reader with the usual options."""
    plan = SimpleNamespace(batch=batch, spec=RasterSpec(max_side=100))
    job: Any = SimpleNamespace(
        plan=plan, question=None, max_asks=1, checks=Checks(), observer=lambda event: None, stop=Stop()
    )
    known, record = options.get("known", lambda page: None), options.get("record", lambda result: None)
    return ClusterReader(job, workers, source, known, record)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fakes are quick."""
    monkeypatch.setattr("visionocr.cluster.cluster.TICK", 0.0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("batch", [1, 3])
def test_order_and_deaths(seed: int, batch: int) -> None:
    """Every page once and in order; one over which two workers die is marked, and no healthy page ever is."""
    chance = random.Random(seed)
    count = chance.randint(1, 90)
    deadly = frozenset(chance.sample(range(1, count + 1), min(count, seed % 3)))
    workers = FakeWorkers(chance.randint(1, 4), deadly, seed)
    source = FakeSource(count)
    recorded: list[int] = []
    results = list(reader(source, workers, batch=batch, record=lambda r: recorded.append(r.page.number)).results())
    assert [result.page.number for result in results] == list(range(1, count + 1))
    failed = [result for result in results if result.status is Status.FAILED]
    assert {result.page.number for result in failed} == deadly
    assert {result.findings[0].message for result in failed} <= {"given up: two workers died over it"}
    assert sorted(recorded) == list(range(1, count + 1))
    assert all(workers.blamed[number] == 2 for number in deadly)
    assert all(deaths < 2 for number, deaths in workers.blamed.items() if number not in deadly)
    assert source.closed


def test_pages_of_a_dead_worker_are_tried_alone() -> None:
    """One by one, each on a worker that does nothing else."""
    workers = FakeWorkers(2, frozenset({5}))
    list(reader(FakeSource(9), workers, batch=3).results())
    assert {(4,), (5,), (6,)} <= {numbers for numbers, load in workers.history if load == 1}
    assert not any(load > 1 for numbers, load in workers.history if len(numbers) == 1)


def test_workers_are_equally_busy() -> None:
    """However few pages there are."""
    workers = FakeWorkers(3)
    list(reader(FakeSource(3), workers).results())
    assert [load for _, load in workers.history] == [1, 1, 1]


def test_a_long_job_is_never_in_memory() -> None:
    """However slow the first page is: what was taken from the source beyond it is bounded."""
    source, workers = FakeSource(100_000), FakeWorkers()
    rounds = itertools.count()
    workers.give = lambda future: None if future.numbers == (1,) and next(rounds) < 2000 else read_all(future)
    pages = reader(source, workers).results()
    next(pages)
    assert MOST_FINISHED < source.taken <= MOST_FINISHED + 2 * ROOM * 2
    pages.close()
    assert source.closed


def test_what_was_read_when_the_run_stops_is_recorded() -> None:
    """The end is ``Interrupted``; results that are on their way still count, and nothing new is begun."""
    workers = FakeWorkers()
    recorded: list[int] = []

    def give(future: FakeFuture) -> Any:
        if max(future.numbers) <= 9 or workers.stopped:
            return read_all(future)
        if sum(one.numbers > (9,) for one in workers.running) == 2 * ROOM:
            workers.error = Interrupted("stopped")
        return None

    workers.give = give
    with pytest.raises(Interrupted):
        list(reader(FakeSource(1000), workers, record=lambda r: recorded.append(r.page.number)).results())
    assert sorted(recorded) == list(range(1, 10 + 2 * ROOM))


def test_a_result_that_cannot_be_recorded_ends_the_run() -> None:
    """With what ``record`` raised."""
    workers = FakeWorkers()

    def record(result: PageResult) -> None:
        if result.page.number == 5:
            raise OutputError("the disk is full")

    source = FakeSource(1000)
    with pytest.raises(OutputError):
        list(reader(source, workers, record=record).results())
    assert len(workers.history) < 200
    assert source.closed


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_tasks_are_batches(batch: int) -> None:
    """Pages share requests as on one machine; those that are known are not asked for again."""
    workers = FakeWorkers(1)
    known = PageResult(PageRef("a.pdf", 2, 9, DIGEST), "old", Status.OK)
    pages = reader(FakeSource(9), workers, batch=batch, known=lambda page: known if page == known.page else None)
    assert [result.text for result in pages.results()][:3] == ["text 1", "old", "text 3"]
    wanted = [number for number in range(1, batch + 1) if number != 2]
    assert workers.history[0][0] == tuple(wanted)
    assert not any(2 in numbers for numbers, _ in workers.history)


@pytest.mark.parametrize("error", [ServerUnreachable("gone"), ConfigurationError("gone"), Interrupted("gone")])
def test_a_worker_whose_server_fails(error: VisionOcrError) -> None:
    """Its pages go elsewhere; when all fail, the run ends with the reason. No page is to blame."""
    workers = FakeWorkers(2)
    workers.give = lambda future: error if future.worker == "w0" else read_all(future)
    results = list(reader(FakeSource(30), workers).results())
    assert [result.status for result in results] == [Status.OK] * 30
    workers = FakeWorkers(2)
    workers.give = lambda future: error
    with pytest.raises(type(error), match="gone"):
        list(reader(FakeSource(30), workers).results())


def test_the_scheduler_dies() -> None:
    """All tasks fail with it: the run ends with the reason, and no page is marked."""
    workers = FakeWorkers()
    recorded: list[PageResult] = []

    def give(future: FakeFuture) -> Any:
        workers.error = ServerUnreachable("the Dask scheduler is gone")
        return RuntimeError("cancelled")

    workers.give = give
    with pytest.raises(ServerUnreachable, match="the Dask scheduler is gone"):
        list(reader(FakeSource(30), workers, record=recorded.append).results())
    assert not recorded


def test_what_cannot_be_sent_is_marked(tmp_path: Path) -> None:
    """A document that a worker neither finds nor can be sent fails with the reason, page by page."""
    workers = FakeWorkers(1)
    workers.give = lambda future: TaskResult(missing=(DIGEST,))

    def messages(path: Path) -> set[str]:
        return {result.findings[0].message for result in reader(FakeSource(3, str(path)), workers).results()}

    (message,) = messages(tmp_path / "absent.pdf")
    assert "the document cannot be sent to w0: No such file" in message
    large = tmp_path / "large.pdf"
    with large.open("wb") as file:
        file.truncate(MOST_SENT + 1)
    (message,) = messages(large)
    assert "its 256 MB are too many to be sent" in message
    assert not workers.sent
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    assert messages(tmp_path / "a.pdf") == {"the worker cannot open the document that it was sent"}


def test_a_document_is_sent_once(tmp_path: Path) -> None:
    """However many of its pages a worker has when it misses it."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    workers, had = FakeWorkers(2), set[str]()

    def give(future: FakeFuture) -> Any:
        had.update([future.worker] if future.documents else [])
        return read_all(future) if future.worker in had else TaskResult(missing=(DIGEST,))

    workers.give = give
    results = list(reader(FakeSource(40, str(tmp_path / "a.pdf")), workers).results())
    assert all(result.status is Status.OK for result in results)
    assert len(workers.sent) == len(set(workers.sent))


def test_documents_that_cannot_be_opened(tmp_path: Path) -> None:
    """They are marked in their place, as on one machine."""
    make_image(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes(b"nothing")
    source = Source(discover([str(tmp_path / "2.png"), str(tmp_path / "1.png")]))
    results = list(reader(source, FakeWorkers(1)).results())
    assert [(result.page.number, result.status) for result in results] == [(0, Status.FAILED), (1, Status.OK)]
    assert "neither a PDF nor a picture" in results[0].findings[0].message

"""Pages go to workers and come back in order, without any real cluster."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fakes.pictures import make_image
from visionocr.cluster.cluster import MOST_SENT, Reading
from visionocr.cluster.worker import ReadTask, TaskResult
from visionocr.documents.discovery import discover
from visionocr.documents.source import Place, Source
from visionocr.errors import Interrupted, OutputError, ServerError, ServerUnreachable
from visionocr.reader import MOST_FINISHED
from visionocr.types import PageRef, PageResult, RasterSpec, Status

DIGEST = "d" * 64


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

    def load(self, page: PageRef, spec: Any) -> Any:
        """Never asked for."""
        raise AssertionError(page)

    def place(self, page: PageRef) -> Place:
        """Where the document is."""
        return Place(self.path)

    def close(self) -> None:
        """Remember it."""
        self.closed = True


class FakeWorkers:
    """Workers that read what they are given at once; ``deadly`` pages kill them, and others come in their place."""

    def __init__(self, count: int = 2, deadly: frozenset[int] = frozenset()) -> None:
        self.count = count
        self.deadly = deadly
        self.tasks: list[tuple[str, tuple[int, ...], bool]] = []
        """Worker, the pages it was to read, and whether it had nothing else."""
        self.deaths = 0
        self.failed: list[str] = []
        self.sent: list[str] = []
        self.stopped = False
        self.failure: Exception | None = None
        self.says: Callable[[str, ReadTask, dict[str, str]], Any] = lambda worker, task, documents: None
        self._lock = threading.Lock()
        self._chance = random.Random(1)
        self._alone = threading.local()

    def check(self) -> None:
        """Raise what a test wants."""
        if self.failure is not None:
            raise self.failure
        if self.count <= len(self.failed):
            raise ServerUnreachable("gone")

    def room(self) -> int:
        """Four tasks each."""
        return 4 * self.count

    @contextmanager
    def hold(self, *, alone: bool = False) -> Iterator[str]:
        """Any worker, at random."""
        if self.stopped:
            raise Interrupted("stopped")
        with self._lock:
            worker = self._chance.choice([name for n in range(self.count) if (name := f"w{n}") not in self.failed])
        self._alone.now = alone
        yield worker

    def submit(self, worker: str, function: Any, task: ReadTask, documents: dict[str, str]) -> Any:
        """The task itself stands for its future."""
        return task, documents, self._alone.now

    def result(self, worker: str, future: Any) -> Any:
        """All pages that are wanted, unless the test has something else to say."""
        task, documents, alone = future
        pages = [page for page in task.pages if page not in task.known]
        numbers = tuple(page.number for page in pages)
        with self._lock:
            self.tasks.append((worker, numbers, alone))
            special = self.says(worker, task, documents)
            if special is not None:
                return special
            if self.deadly.intersection(numbers):
                self.deaths += 1
                return None
        return TaskResult(tuple(PageResult(page, f"text {page.number}", Status.OK) for page in pages))

    def leave(self, worker: str, error: ServerError) -> None:
        """It gets nothing more."""
        with self._lock:
            self.failed.append(worker)

    def send(self, worker: str, path: str) -> str:
        """The path stands for the future."""
        self.sent.append(worker)
        return path

    def stop(self) -> None:
        """From now on nothing can be held."""
        self.stopped = True


def reading(source: Source, workers: FakeWorkers, *, batch: int = 1, **options: Any) -> Reading:
    """A reading with the usual options."""
    plan = SimpleNamespace(batch=batch, spec=RasterSpec(max_side=100))
    usual = {"question": None, "max_asks": 1, "observer": lambda event: None}
    job: Any = SimpleNamespace(workers=workers, plan=plan, **usual)
    return Reading(job, source, options.get("known", lambda page: None), options.get("record", lambda result: None))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("batch", [1, 3])
def test_order_and_deaths(seed: int, batch: int) -> None:
    """Every page once and in order; one over which two workers die is marked, and nothing else is lost."""
    chance = random.Random(seed)
    count = chance.randint(1, 90)
    deadly = frozenset(chance.sample(range(1, count + 1), min(count, seed % 3)))
    workers = FakeWorkers(chance.randint(1, 4), deadly)
    source = FakeSource(count)
    recorded: list[int] = []
    results = list(reading(source, workers, batch=batch, record=lambda r: recorded.append(r.page.number)).results())
    assert [result.page.number for result in results] == list(range(1, count + 1))
    failed = [result for result in results if result.status is Status.FAILED]
    assert {result.page.number for result in failed} == deadly
    assert {result.findings[0].message for result in failed} <= {"given up: two workers died over it"}
    assert all(result.text == f"text {result.page.number}" for result in results if result.page.number not in deadly)
    assert sorted(recorded) == list(range(1, count + 1))
    assert workers.deaths <= 2 * len(deadly)
    assert source.closed


def test_pages_of_a_dead_worker_are_tried_alone() -> None:
    """One by one, each on a worker that does nothing else."""
    workers = FakeWorkers(2, frozenset({5}))
    list(reading(FakeSource(9), workers, batch=3).results())
    assert [numbers for _, numbers, alone in workers.tasks if alone] == [(4,), (5,), (6,)]
    assert not any(alone for _, numbers, alone in workers.tasks if len(numbers) > 1)


def test_a_long_job_is_never_in_memory() -> None:
    """However slow the first page is: what was taken from the source beyond it is bounded."""
    source, workers = FakeSource(100_000), FakeWorkers()
    slow = threading.Event()
    result = workers.result

    def wait_for_first(worker: str, future: Any) -> Any:
        if future[0].pages[0].number == 1:
            slow.wait(60)
        elif future[0].pages[0].number > MOST_FINISHED:
            threading.Timer(0.2, slow.set).start()  # time enough to take too much
        return result(worker, future)

    workers.result = wait_for_first  # type: ignore[method-assign]
    pages = reading(source, workers).results()
    next(pages)
    assert MOST_FINISHED < source.taken <= MOST_FINISHED + 2 * workers.room()
    pages.close()
    assert source.closed


def test_what_was_read_when_the_run_stops_is_recorded() -> None:
    """The end is ``Interrupted``; results that are on their way still count, and nothing new is begun."""
    workers = FakeWorkers()
    recorded: list[int] = []
    out = threading.Barrier(workers.room() + 1)
    result = workers.result

    def slow(worker: str, future: Any) -> Any:
        if future[0].pages[0].number > 9:
            out.wait(60)
            workers.failure = Interrupted("stopped")
            while not workers.stopped:
                """The workers are told to stop."""
        return result(worker, future)

    workers.result = slow  # type: ignore[method-assign]
    pages = reading(FakeSource(1000), workers, record=lambda r: recorded.append(r.page.number)).results()
    threading.Thread(target=out.wait, args=(60,), daemon=True).start()
    with pytest.raises(Interrupted):
        list(pages)
    assert sorted(recorded) == list(range(1, 10 + workers.room()))


def test_a_result_that_cannot_be_recorded_ends_the_run() -> None:
    """With what ``record`` raised."""
    workers = FakeWorkers()

    def record(result: PageResult) -> None:
        if result.page.number == 5:
            raise OutputError("the disk is full")

    pages = reading(FakeSource(1000), workers, record=record).results()
    with pytest.raises(OutputError):
        list(pages)
    assert len(workers.tasks) < 200


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_tasks_are_batches(batch: int) -> None:
    """Pages share requests as on one machine, those that are known in their places, and not asked for again."""
    workers = FakeWorkers(1)
    known = PageResult(PageRef("a.pdf", 2, 9, DIGEST), "old", Status.OK)
    seen: dict[int, tuple[PageRef, ...]] = {}
    workers.says = lambda worker, task, documents: seen.update({task.pages[0].number: task.pages})
    pages = reading(FakeSource(9), workers, batch=batch, known=lambda page: known if page == known.page else None)
    assert [result.text for result in pages.results()][:3] == ["text 1", "old", "text 3"]
    assert [page.number for page in seen[1]] == list(range(1, batch + 1))
    assert not any(2 in numbers for _, numbers, _ in workers.tasks)


def test_a_worker_whose_server_fails() -> None:
    """Its pages go elsewhere; when all fail, the run ends with the reason."""
    workers = FakeWorkers(2)
    gone = TaskResult(error=ServerUnreachable("gone"))
    workers.says = lambda worker, task, documents: gone if worker == "w0" else None
    results = list(reading(FakeSource(30), workers).results())
    assert [result.status for result in results] == [Status.OK] * 30
    workers = FakeWorkers(1)
    workers.says = lambda worker, task, documents: gone
    workers.hold = failing_hold(workers)  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="gone"):
        list(reading(FakeSource(30), workers).results())


def failing_hold(workers: FakeWorkers) -> Any:
    """Waits like the real one while there is no worker."""
    hold = workers.hold

    def wait(*, alone: bool = False) -> Any:
        while workers.failed and not workers.stopped:
            """Nobody is there."""
        return hold(alone=alone)

    return wait


def test_what_cannot_be_sent_is_marked(tmp_path: Path) -> None:
    """A document that a worker neither finds nor can be sent fails with the reason, page by page."""
    workers = FakeWorkers(1)
    workers.says = lambda worker, task, documents: TaskResult(missing=(DIGEST,))

    def messages(path: Path) -> set[str]:
        results = reading(FakeSource(3, str(path)), workers).results()
        return {result.findings[0].message for result in results}

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

    def says(worker: str, task: ReadTask, documents: dict[str, str]) -> Any:
        had.update([worker] if documents else [])
        return None if worker in had else TaskResult(missing=(DIGEST,))

    workers.says = says
    results = list(reading(FakeSource(40, str(tmp_path / "a.pdf")), workers).results())
    assert all(result.status is Status.OK for result in results)
    assert len(workers.sent) == len(set(workers.sent))


def test_documents_that_cannot_be_opened(tmp_path: Path) -> None:
    """They are marked in their place, as on one machine."""
    make_image(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes(b"nothing")
    source = Source(discover([str(tmp_path / "2.png"), str(tmp_path / "1.png")]))
    results = list(reading(source, FakeWorkers(1)).results())
    assert [(result.page.number, result.status) for result in results] == [(0, Status.FAILED), (1, Status.OK)]
    assert "neither a PDF nor a picture" in results[0].findings[0].message

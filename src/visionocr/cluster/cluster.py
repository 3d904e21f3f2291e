"""A run over the workers of a Dask cluster: the job is decided with the first worker's engine, and read by all.

A task reads the pages of one request on one worker. Tasks are tied to workers, so that it is known which pages a worker
had when it died: Dask's own count lets a page kill four workers at most schedulers, and blames every page that was
near. Pages over which a worker died are tried again, each alone on a worker; one over which a second worker dies is
marked as failed.
"""

from __future__ import annotations

import functools
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, fields
from pathlib import Path

from visionocr import job
from visionocr.asking import unreadable
from visionocr.cluster.client import POLL, Workers
from visionocr.cluster.worker import ReadTask, TaskResult, WorkerContext
from visionocr.documents.source import Source
from visionocr.errors import DocumentError, VisionOcrError
from visionocr.job import Job
from visionocr.prompting.library import Library
from visionocr.reader import MOST_FINISHED
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import (
    Answered,
    Completion,
    Notice,
    Observer,
    PageRef,
    PageResult,
    PageSource,
    RasterSpec,
    Request,
    Server,
    ignore,
)

MOST_SENT = 256 << 20
"""Bytes of a document that is sent to a worker which does not find it."""
_MOST_AT_ONCE = 4
"""Sent documents that are in the workers' memory at a time."""
_MOST_TASKS = 4096
"""Tasks under way at a time, each of which a thread waits for."""


@dataclass(frozen=True, slots=True)
class ClusterJob(Job):
    """A job that is done by the workers of a cluster."""

    workers: Workers = field(kw_only=True, repr=False)

    def read(
        self,
        source: PageSource,
        *,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
    ) -> Generator[PageResult, None, None]:
        """See ``Job.read``; the source must know where its documents are.

        Raises a ``ServerError`` when no worker can go on, ``Interrupted`` when the run was stopped.
        """
        assert isinstance(source, Source)
        return Reading(self, source, known, record).results()

    def close(self) -> None:
        """Leave the cluster; a local one ends."""
        self.workers.close()


def prepare(
    settings: Settings, library: Library, *, task: str, observer: Observer = ignore, stop: Stop | None = None
) -> ClusterJob:
    """Decide the job with the first worker's engine. *stop* ends this, and the reading.

    Raises ``ConfigurationError`` for a wrong address, an absent library or workers of other versions, a
    ``ServerError`` for an absent cluster, and what ``job.prepare`` raises.
    """
    stop = stop or Stop()
    opened: list[Workers] = []

    def open_first(markdown: bool) -> _FirstWorker:
        opened.append(Workers(settings, markdown, observer, stop))
        return _FirstWorker(opened[0], *opened[0].first())

    try:
        decided = job.prepare(settings, library, task=task, observer=observer, stop=stop, opened=open_first)
    except BaseException:
        for workers in opened:
            workers.close()
        raise
    return ClusterJob(*(getattr(decided, one.name) for one in fields(decided)), workers=opened[0])


class _FirstWorker:
    """The first worker's engine, for what must be known before the first page: an ``Engine``."""

    def __init__(self, workers: Workers, worker: str, server: Server) -> None:
        self._ask = functools.partial(workers.ask, worker)
        self.server = server

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        completion: Completion = self._ask(WorkerContext.complete, request)
        return completion

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``."""
        count: int | None = self._ask(WorkerContext.count_tokens, text)
        return count

    def cancel(self) -> None:
        """Nothing runs here."""

    def close(self) -> None:
        """The workers are closed by the job."""


class Reading:
    """One pass over a source. Use once.

    Each request is looked after by a thread of its own, from the choice of a worker to the results.
    """

    def __init__(
        self,
        job: ClusterJob,
        source: Source,
        known: Callable[[PageRef], PageResult | None],
        record: Callable[[PageResult], None],
    ) -> None:
        self._job = job
        self._workers = job.workers
        self._source = source
        self._known = known
        self._record = record
        self._send = functools.lru_cache(maxsize=_MOST_AT_ONCE)(self._workers.send)
        self._sending = threading.Lock()

    def results(self) -> Generator[PageResult, None, None]:
        """Every page's result, in page order."""
        pages = iter(self._source.pages())
        window: deque[Future[list[PageResult]]] = deque()
        running: set[Future[list[PageResult]]] = set()
        threads = ThreadPoolExecutor(_MOST_TASKS, "request")
        ended = False
        try:
            while window or not ended:
                self._workers.check()
                room = self._workers.room()
                while not ended and len(running) < room and len(window) < room + MOST_FINISHED:
                    group = list(itertools.islice(pages, self._job.plan.batch))
                    ended = not group
                    if group:
                        window.append(threads.submit(self._read, group, self._results_without_worker(group)))
                        running.add(window[-1])
                running = wait(running, timeout=POLL, return_when=FIRST_COMPLETED).not_done
                while window and window[0].done():
                    yield from window.popleft().result()
                if not room:
                    time.sleep(POLL)
        finally:
            if running:
                self._workers.stop()
            threads.shutdown()  # what was read until now is still recorded
            self._source.close()

    def _results_without_worker(self, group: list[PageRef]) -> dict[PageRef, PageResult]:
        """The results of pages that are known already, or cannot be read."""
        results = {}
        for page in group:
            if (result := self._known(page)) is not None:
                results[page] = result
                self._job.observer(Answered(result, known=True))
            elif not page.number:
                try:
                    self._source.load(page, RasterSpec(max_side=1))
                except DocumentError as error:
                    self._settle(results, unreadable(page, error))
        return results

    def _read(self, group: list[PageRef], results: dict[PageRef, PageResult]) -> list[PageResult]:
        """The results of a request's pages, those that are there already among them."""
        if not self._try(group, results):
            for page in group:
                if not self._try([page], results, alone=True):
                    error = DocumentError("given up: two workers died over it")
                    self._settle(results, unreadable(page, error))
        return [results[page] for page in group]

    def _try(self, group: list[PageRef], results: dict[PageRef, PageResult], *, alone: bool = False) -> bool:
        """Read the pages of *group* that have no result. ``False``: a worker died over them."""
        missing: tuple[str, ...] = ()
        while pages := [page for page in group if page not in results]:
            with self._workers.hold(alone=alone) as worker:
                result = self._ask(worker, group, pages, missing)
            if result is None:
                return False
            for one in result.results:
                self._settle(results, one)
            for page in pages:
                if page.digest in result.missing and (why := self._why_not_sent(page, worker, missing)):
                    self._settle(results, unreadable(page, DocumentError(why)))
            missing = result.missing
            if result.error is not None:
                self._workers.leave(worker, result.error)
        return True

    def _ask(
        self, worker: str, group: list[PageRef], pages: list[PageRef], missing: tuple[str, ...]
    ) -> TaskResult | None:
        """What *worker* gives for *pages*, ``None`` when it died. Documents that were *missing* are sent with them."""
        places = {page.digest: self._source.place(page) for page in pages}
        known = frozenset(group).difference(pages)
        task = ReadTask(tuple(group), known, places, self._job.question, self._job.plan.spec, self._job.max_asks)
        try:
            with self._sending:
                wanted = places.keys() & set(missing)
                documents = {digest: self._send(worker, places[digest].path) for digest in wanted}
            future = self._workers.submit(worker, WorkerContext.read, task, documents)
        except KeyError:  # the worker has left meanwhile
            return TaskResult()
        except OSError:  # it died while the documents were being sent
            return None
        result = self._workers.result(worker, future)
        if isinstance(result, VisionOcrError):
            self._job.observer(Notice(f"{worker} cannot work: {result.message}", warning=True))
        return result if isinstance(result, TaskResult) else None

    def _why_not_sent(self, page: PageRef, worker: str, sent: tuple[str, ...]) -> str:
        """Why the document of *page*, which *worker* does not find, cannot be sent to it; empty when it can."""
        if page.digest in sent:
            return "the worker cannot open the document that it was sent"
        try:
            size = Path(self._source.place(page).path).stat().st_size
        except OSError as error:
            return f"the document cannot be sent to {worker}: {error.strerror or error}"
        if size <= MOST_SENT:
            return ""
        return (
            f"{worker} does not find the document, and its {size >> 20} MB are too many to be sent "
            f"(most: {MOST_SENT >> 20} MB): put it on a file system that all workers share"
        )

    def _settle(self, results: dict[PageRef, PageResult], result: PageResult) -> None:
        self._record(result)
        results[result.page] = result
        self._job.observer(Answered(result))

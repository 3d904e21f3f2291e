"""A run over the workers of a Dask cluster: the job is decided with the first worker's engine, and read by all.

A task reads the pages of one request on one worker, and one loop keeps as many tasks under way as the workers have room
for. Each task names its worker, so that it is known which pages a worker had when it died: Dask's own count is a
setting of the scheduler (usually a task is given up when four workers died) and blames tasks that had not begun. Pages
over which a worker died are tried again, each alone on a worker; one over which a second worker dies is marked as
failed.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from visionocr import job
from visionocr.asking import unreadable
from visionocr.cluster.client import STOP, TICK, Workers
from visionocr.cluster.worker import ReadTask, TaskResult, WorkerContext
from visionocr.documents.source import Source
from visionocr.errors import (
    ConfigurationError,
    DocumentError,
    Interrupted,
    ServerError,
    ServerUnreachable,
    VisionOcrError,
)
from visionocr.job import Job
from visionocr.prompting.library import Library
from visionocr.reader import MOST_FINISHED
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Answered, Notice, Observer, PageRef, PageResult, PageSource, RasterSpec, Server, ignore

MOST_SENT = 256 << 20
"""Bytes of a document that is sent to a worker which does not find it."""
_MOST_AT_ONCE = 4
"""Sent documents that are kept in the workers' memory at a time."""
_MOST_TASKS = 4096
"""More tasks than a worker has room for."""


@dataclass(frozen=True, slots=True)
class ClusterJob(Job):
    """A job that is done by the workers of a cluster; its engine is a ``Workers``."""

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
        assert isinstance(self.engine, Workers)
        return ClusterReader(self, self.engine, source, known, record).results()


def prepare(
    settings: Settings, library: Library, *, task: str, observer: Observer = ignore, stop: Stop | None = None
) -> ClusterJob:
    """Decide the job with the first worker's engine. *stop* ends this, and the reading.

    Raises ``ConfigurationError`` for a wrong address, an absent library or workers of other versions, a
    ``ServerError`` for an absent cluster, and what ``job.prepare`` raises.
    """
    stop = stop or Stop()

    def open_first() -> Workers:
        return Workers(settings, observer, stop)

    decided = job.prepare(settings, library, task=task, observer=observer, stop=stop, opened=open_first)
    return ClusterJob(*(getattr(decided, one.name) for one in fields(decided)))


@dataclass(eq=False, slots=True)
class _Group:
    """Pages that share a request."""

    pages: list[PageRef]
    results: dict[PageRef, PageResult]
    """As far as there are any; a page that is tried alone shares this with the group that it comes from."""
    suspect: bool = False
    """A worker died over this page: its next worker does nothing else meanwhile."""
    worker: str = ""
    """Where it is being read."""
    sent: Collection[str] = ()
    """Digests of the documents that were sent there with the task."""

    @property
    def unread(self) -> list[PageRef]:
        """The pages that have no result."""
        return [page for page in self.pages if page not in self.results]


class ClusterReader:
    """Reads the pages of a source with the workers of a cluster. Use once."""

    def __init__(
        self,
        job: Job,
        workers: Workers,
        source: Source,
        known: Callable[[PageRef], PageResult | None],
        record: Callable[[PageResult], None],
    ) -> None:
        self._job, self._workers, self._source = job, workers, source
        self._known, self._record = known, record
        self._waiting: deque[_Group] = deque()
        self._suspects: deque[_Group] = deque()
        """Pages that wait to be read alone. Until each has a worker, no other task is begun."""
        self._running: dict[Any, _Group] = {}
        """By the future of their task."""
        self._send = functools.lru_cache(maxsize=_MOST_AT_ONCE)(self._send_document)

    def results(self) -> Generator[PageResult, None, None]:
        """Every page's result, in page order."""
        pages = iter(self._source.pages())
        window: deque[_Group] = deque()
        ended = False
        try:
            while window or not ended:
                self._workers.look()
                finished = self._take_finished()
                for group, value in finished:
                    self._handle(group, value)
                room = sum(map(_room, self._workers.ready.values()))
                while not ended and self._count_unfinished() < room and len(window) < room + MOST_FINISHED:
                    window.append(self._begin(list(itertools.islice(pages, self._job.plan.batch))))
                    ended = not window[-1].pages
                self._submit()
                if not finished and window and window[0].unread:
                    self._job.stop.wait(TICK)
                while window and not window[0].unread:
                    group = window.popleft()
                    yield from [group.results[page] for page in group.pages]
        finally:
            with contextlib.closing(self._source):
                self._record_rest()

    def _count_unfinished(self) -> int:
        """Number of groups that are being read, or wait for it."""
        return len(self._running) + len(self._waiting) + len(self._suspects)

    def _begin(self, pages: list[PageRef]) -> _Group:
        """Take up a group. Pages that are known already, or cannot be read, have their results at once."""
        group = _Group(pages, {})
        for page in pages:
            if (result := self._known(page)) is not None:
                group.results[page] = result
                self._job.observer(Answered(result, known=True))
            elif not page.number:
                try:
                    self._source.load(page, RasterSpec(max_side=1))
                except DocumentError as error:
                    self._settle(group, unreadable(page, error))
        if group.unread:
            self._waiting.append(group)
        return group

    def _submit(self) -> None:
        """Start as many tasks as the workers have room for; each goes to the one that has the fewest for its room."""
        load = Counter[str]()
        for group in self._running.values():
            load[group.worker] += _MOST_TASKS if group.suspect else 1
        while queue := self._suspects or self._waiting:
            room = {name: 1 if self._suspects else _room(server) for name, server in self._workers.ready.items()}
            worker = min(room, key=lambda name: load[name] / room[name], default=None)
            if worker is None or load[worker] >= room[worker]:
                break
            group = queue.popleft()
            load[worker] += _MOST_TASKS if group.suspect else 1
            self._start(group, worker, {})

    def _start(self, group: _Group, worker: str, documents: Mapping[str, Any]) -> None:
        """Let *worker* read the unread pages of *group*. *documents* are the futures of those that it did not find."""
        pages, job = tuple(group.unread), self._job
        places = {page.digest: self._source.place(page) for page in pages}
        task = ReadTask(pages, places, job.question, job.plan.spec, job.max_asks, job.checks)
        group.worker, group.sent = worker, tuple(documents)
        future = self._workers.submit(worker, WorkerContext.read, task, documents)
        self._running[future] = group
        self._workers.tasks.add(future)

    def _take_finished(self) -> list[tuple[_Group, Any]]:
        """The groups whose task is done, with its result, or with something else when it failed.

        What they have read is recorded before anything else is done.
        """
        batch = self._workers.tasks.next_batch(block=False)
        finished = [(group, value) for future, value in batch if (group := self._running.pop(future, None))]
        for group, value in finished:
            for result in value.results if isinstance(value, TaskResult) else ():
                self._settle(group, result)
        for future, group in list(self._running.items()):
            if group.worker not in self._workers.present:
                finished.append((self._running.pop(future), "the worker died"))
                future.cancel()
        return finished

    def _handle(self, group: _Group, value: object) -> None:
        """See to the pages of a task that have no result."""
        documents: Mapping[str, Any] = {}
        if isinstance(value, TaskResult):
            documents = self._send_missing(group, value.missing)
        elif isinstance(value, ConfigurationError | ServerError | Interrupted):
            self._workers.leave(group.worker, value)
        else:
            self._workers.look(at_once=True)  # without a scheduler all tasks fail: no page is to blame
            self._suspect(group, value)
            return
        if documents and group.worker in self._workers.ready:
            self._start(group, group.worker, documents)
        elif group.unread:
            (self._suspects if group.suspect else self._waiting).appendleft(group)

    def _suspect(self, group: _Group, value: object) -> None:
        """Try the pages of a group over which a worker died one by one; mark one over which a second worker died."""
        if isinstance(value, VisionOcrError):  # an unexpected exception there
            self._job.observer(Notice(f"{group.worker} cannot work: {value.message}", warning=True))
        for page in group.unread:
            if group.suspect:
                self._settle(group, unreadable(page, DocumentError("given up: two workers died over it")))
            else:
                self._suspects.append(_Group([page], group.results, suspect=True))

    def _send_missing(self, group: _Group, missing: Collection[str]) -> dict[str, Any]:
        """Send documents that the worker of *group* does not find. Pages whose document cannot be sent are marked."""
        documents = {}
        for page in group.unread:
            try:
                if page.digest in missing and page.digest in group.sent:
                    raise DocumentError("the worker cannot open the document that it was sent")
                if page.digest in missing:
                    documents[page.digest] = self._send(group.worker, self._source.place(page).path)
            except DocumentError as error:
                self._settle(group, unreadable(page, error))
            except ServerUnreachable:
                return {}
        return documents

    def _send_document(self, worker: str, path: str) -> Any:
        """The future of a document's bytes in the memory of *worker*."""
        try:
            size = os.stat(path).st_size
            if size <= MOST_SENT:
                return self._workers.send(worker, Path(path).read_bytes())
        except OSError as error:
            raise DocumentError(f"the document cannot be sent to {worker}: {error.strerror or error}") from None
        raise DocumentError(
            f"{worker} does not find the document, and its {size >> 20} MB are too many to be sent "
            f"(most: {MOST_SENT >> 20} MB): put it on a file system that all workers share"
        )

    def _settle(self, group: _Group, result: PageResult) -> None:
        self._record(result)
        group.results[result.page] = result
        self._job.observer(Answered(result))

    def _record_rest(self) -> None:
        """At the end of a run that was not finished: stop the workers, record what they had read until then."""
        if self._running:
            self._workers.stop_reading()
        deadline = time.monotonic() + STOP
        while self._running and time.monotonic() < deadline:
            self._take_finished()
            time.sleep(TICK)


def _room(server: Server) -> int:
    """Tasks that a worker has at a time: for each slot one request runs and one waits.

    Four pages more are drawn, or on their way: a task travels longer than a page within one machine.
    """
    return 2 * max(1, server.slots) + 4

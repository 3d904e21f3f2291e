"""A worker's side of a cluster run: groups of pages become results, near the worker's own servers."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from visionocr.asking import Asker
from visionocr.checking import Checker, Checks, open_checker
from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentCache, DocumentHandle, Rasterizer
from visionocr.documents.raster_pool import RasterPool
from visionocr.documents.source import Place
from visionocr.engines.choose import open_engine
from visionocr.errors import DocumentError, VisionOcrError
from visionocr.loaded import Loaded
from visionocr.prompting.library import Library
from visionocr.prompting.reask import respecify
from visionocr.prompting.render import Question
from visionocr.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from visionocr.stop import Stop
from visionocr.types import Completion, PageImage, PageRef, PageResult, RasterSpec, Request, Server

MOST_KEPT = 1 << 30
"""Bytes of sent documents that a worker keeps on its disk."""
_REMEMBERED = 2048
"""Documents that need not be opened again: many more than have pages under way at any time."""
_POLL = 0.5
"""Seconds between looks whether the run goes on."""
_URL = f"{ENVIRONMENT_PREFIX}API_URL"
_KEY = f"{ENVIRONMENT_PREFIX}API_KEY"
_LONGEST = 500
"""Characters of what went wrong."""
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class ReadTask:
    """Pages that share a request, and how they are read."""

    pages: tuple[PageRef, ...]
    places: Mapping[str, Place]
    """By digest: where the documents are."""
    question: Question
    spec: RasterSpec
    max_asks: int
    checks: Checks = Checks()


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The results of a task, or what is missing for it."""

    results: tuple[PageResult, ...] = ()
    missing: tuple[str, ...] = ()
    """Digests of documents that this worker does not find; nothing was read."""


class WorkerContext:
    """What a worker has for one run: its engine and the open documents. For any number of threads.

    It is the result of a Dask task, so it lives in the worker's memory while the client holds the task's future. When
    the client lets go of it, or is gone, what still runs is stopped.
    """

    def __init__(self, settings: Settings, local: bool) -> None:
        """*local*: the worker has the environment of the command, which the settings include already."""
        from distributed import get_worker

        worker = get_worker()
        settings = settings if local else choose_server(settings)
        self._stop = Stop()
        self.engine = open_engine(settings, Library(), stop=self._stop)
        self._checker: Checker | None = None
        self._opening = threading.Lock()
        self._documents = _Documents(Path(worker.local_directory), settings.raster_workers)
        watch = threading.Thread(target=self._watch, args=(worker, worker.get_current_task()), daemon=True)
        watch.start()

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        return self.engine.complete(request)

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``."""
        return self.engine.count_tokens(text)

    def read(self, task: ReadTask, sent: Mapping[str, bytes]) -> TaskResult:
        """Read the pages of *task*. *sent* are documents, by digest, that were not found here.

        Raises a ``ServerError`` when the server gives no results any more, ``Interrupted`` once this was stopped.
        """
        from distributed import secede

        secede()  # type: ignore[no-untyped-call]  # a worker with one thread reads ahead as well
        self._documents.keep(sent)
        missing = {page.digest for page in task.pages if not self._documents.open(page, task.places[page.digest])}
        if missing:
            return TaskResult(missing=tuple(missing))
        asker = Asker(self.engine, task.question, max_asks=task.max_asks, checker=self._open_checker(task.checks))
        loaded = [self._load(page, task.spec) for page in task.pages]
        self._stop.check()
        return TaskResult(tuple(asker.read(loaded, lambda image, scale: self._redraw(image, scale, task.spec))))

    def stop(self) -> None:
        """End what runs; nothing can be read any more."""
        self._stop.request()
        self.engine.cancel()
        if self._checker is not None:
            self._checker.close()

    def _open_checker(self, checks: Checks) -> Checker:
        with self._opening:
            self._checker = self._checker or open_checker(checks, self._stop)
        return self._checker

    def _load(self, page: PageRef, spec: RasterSpec) -> Loaded:
        try:
            return Loaded(page, self._documents.load(page, spec))
        except DocumentError as error:
            return Loaded(page, error=error)

    def _redraw(self, image: PageImage, scale: float, spec: RasterSpec) -> tuple[PageImage, ...]:
        return self._documents.load(image.page, respecify(spec, image, scale))

    def _watch(self, worker: Any, key: str) -> None:
        """Wait for the end of the run, then give everything back. *key* is the task that made this."""
        while not self._stop.wait(_POLL):
            task = worker.state.tasks.get(key)
            if task is None or task.state not in {"executing", "memory"}:
                self.stop()
        self.engine.close()
        self._documents.close()


def call(function: Callable[..., _R], *arguments: Any) -> _R | VisionOcrError:
    """Call *function*; errors travel as values: what Dask makes of exceptions may not be readable at the other end."""
    try:
        return function(*arguments)
    except VisionOcrError as error:
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - the client says it
        return VisionOcrError(f"{type(error).__name__}: {error}"[:_LONGEST])


def server_of(context: WorkerContext | VisionOcrError) -> Server | VisionOcrError:
    """What a worker's engine is, or why it has none."""
    return context.engine.server if isinstance(context, WorkerContext) else context


def names_server() -> bool:
    """Whether this worker's environment names a server, or its key."""
    return bool(os.environ.get(_URL) or os.environ.get(_KEY))


def choose_server(settings: Settings) -> Settings:
    """The settings with the server that this worker's environment names, and with the key that belongs to it."""
    url, key = os.environ.get(_URL), os.environ.get(_KEY)
    if not url:
        return replace(settings, api_key=key or settings.api_key)
    addresses = load_settings(environment={_URL: url}).api_url
    return replace(settings, api_url=addresses, api_key=key, gguf=None, mmproj=None)


class _Documents:
    """The documents of a run on a worker: opened where they lie, or kept in a folder where they had to be sent."""

    def __init__(self, parent: Path, workers: int | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="visionocr-", dir=parent))
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._handles: dict[tuple[str, str], DocumentHandle] = {}
        """By name and digest: documents that were opened."""
        self._sent: dict[str, int] = {}
        """By digest: the sizes of documents that are in the folder."""
        self._rasterizer: Rasterizer = DocumentCache() if workers == 0 else RasterPool(workers)

    def open(self, page: PageRef, place: Place) -> bool:
        """Whether the document of *page* is here, with the right bytes."""
        key = page.document, page.digest
        with self._lock:
            if key in self._handles and os.path.isfile(self._handles[key].content.path):
                return True
            for path in (place.path, str(self._folder / page.digest)):
                if handle := self._open_file(page, path, place.password):
                    self._handles[key] = handle
                    if len(self._handles) > _REMEMBERED:
                        del self._handles[next(iter(self._handles))]
                    return True
        return False

    def keep(self, documents: Mapping[str, bytes]) -> None:
        """Keep documents that were sent; the oldest ones go when there are too many."""
        with self._lock:
            for digest, data in documents.items():
                if digest not in self._sent:  # else it may be open
                    with contextlib.suppress(OSError):  # the disk is full: the document stays missing
                        (self._folder / digest).write_bytes(data)
                    self._sent[digest] = len(data)
            while sum(self._sent.values()) > MOST_KEPT and (oldest := next(iter(self._sent))) not in documents:
                (self._folder / oldest).unlink(missing_ok=True)
                del self._sent[oldest]

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``PageSource.load``; for pages of documents that were opened."""
        return self._rasterizer.load(self._handles[page.document, page.digest], page, spec)

    def close(self) -> None:
        """Close everything, for good, and delete what was kept."""
        self._rasterizer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _open_file(self, page: PageRef, path: str, password: str | None) -> DocumentHandle | None:
        """Open a file, if it is the document of *page*."""
        if not os.path.isfile(path):
            return None
        content = Content(page.document, path)
        passwords = iter([password])
        try:
            state = content.state()
            kind, digest = content.identify()
            if digest != page.digest:
                return None
            handle = DocumentHandle(next(self._numbers), content, kind, state)
            self._rasterizer.count_pages(handle, lambda name: next(passwords, None))  # noqa: ARG005
        except DocumentError:
            return None
        return handle

"""A worker's side of a cluster run: groups of pages become results, near the worker's own servers."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from visionocr.asking import Asker, Loaded
from visionocr.documents.discovery import Found
from visionocr.documents.selection import parse_pages
from visionocr.documents.source import Place, Source
from visionocr.errors import DocumentError, Interrupted, ServerError, VisionOcrError
from visionocr.job import open_engine
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question
from visionocr.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from visionocr.stop import Stop
from visionocr.types import Completion, PageImage, PageRef, PageResult, RasterSpec, Request, Server, Status

MOST_KEPT = 1 << 30
"""Bytes of sent documents that a worker keeps on its disk."""
_REMEMBERED = 2048
"""Documents that need not be opened again; ``Source`` remembers more."""
_POLL = 0.5
"""Seconds between looks whether the run goes on."""
_URL = f"{ENVIRONMENT_PREFIX}API_URL"
_KEY = f"{ENVIRONMENT_PREFIX}API_KEY"
_LONGEST = 500
"""Characters of what went wrong."""
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine a worker opens."""

    settings: Settings
    """Without the key."""
    markdown: bool
    use_environment: bool
    """The worker's own environment may name its server and the key."""
    key: str | None = field(default=None, repr=False)
    """The key of the servers that the settings name; never for a worker that names its own."""

    def worker_settings(self) -> Settings:
        """The settings with this worker's server, and with the key that belongs to it."""
        url, key = (os.environ.get(name) if self.use_environment else None for name in (_URL, _KEY))
        if url:
            addresses = load_settings(environment={_URL: url}).api_url
            return replace(self.settings, api_url=addresses, api_key=key, gguf=None, mmproj=None)
        return replace(self.settings, api_key=key or self.key)


@dataclass(frozen=True, slots=True)
class ReadTask:
    """Pages that share a request, and how they are read."""

    pages: tuple[PageRef, ...]
    known: frozenset[PageRef]
    """Those of them that have a result already: they only keep the others' places in the request."""
    places: Mapping[str, Place]
    """By digest: where the documents are."""
    question: Question
    spec: RasterSpec
    max_asks: int


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of a task. Pages without a result can be tried again."""

    results: tuple[PageResult, ...] = ()
    missing: tuple[str, ...] = ()
    """Digests of documents that this worker does not find; nothing was read."""
    error: ServerError | None = None
    """Why the worker's server gives no results any more."""


class WorkerContext:
    """What a worker has for one run: its engine and the open documents. For any number of threads.

    It is the result of a Dask task, so it lives in the worker's memory while the client holds the task's future. When
    the client lets go of it, or is gone, what still runs is stopped.
    """

    def __init__(self, spec: EngineSpec) -> None:
        from distributed import get_worker

        worker = get_worker()
        settings = spec.worker_settings()
        self._stop = Stop()
        self.engine = open_engine(settings, Library(), markdown=spec.markdown, stop=self._stop)
        self._requests = threading.Semaphore(max(1, self.engine.server.in_flight))
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
        """Read the pages of *task*. *sent* are documents, by digest, that were not found here."""
        from distributed import secede

        secede()  # type: ignore[no-untyped-call]  # a worker with one thread reads ahead as well
        self._documents.keep(sent)
        wanted = {page.digest: page for page in task.pages if page not in task.known}
        missing = [digest for digest, page in wanted.items() if not self._documents.open(page, task.places[digest])]
        if missing:
            return TaskResult(missing=tuple(missing))
        asker = Asker(self.engine, task.question, max_asks=task.max_asks)
        try:
            loaded = [self._load(page, task) for page in task.pages]
            with self._requests:
                self._stop.check()
                results = asker.read(loaded, lambda image, scale: self._redraw(image, scale, task.spec))
        except Interrupted:
            return TaskResult()
        except ServerError as error:
            error.__cause__ = error.__context__ = None
            return TaskResult(error=error.with_traceback(None))
        return TaskResult(tuple(result for result in results if result.page not in task.known))

    def stop(self) -> None:
        """End what runs; nothing can be read any more."""
        self._stop.request()
        self.engine.cancel()

    def _load(self, page: PageRef, task: ReadTask) -> Loaded:
        if page in task.known:
            return Loaded(page, known=PageResult(page, "", Status.SKIPPED))
        try:
            return Loaded(page, self._documents.load(page, task.spec))
        except DocumentError as error:
            return Loaded(page, error=error)

    def _redraw(self, image: PageImage, scale: float, spec: RasterSpec) -> tuple[PageImage, ...]:
        side = max(1, int(max(image.width, image.height) * scale))
        return self._documents.load(image.page, replace(spec, dpi=None, max_side=side))

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


def stop_contexts(keys: Sequence[str], dask_worker: Any) -> None:
    """Stop those of a run's contexts that this worker has; *keys* are the tasks that made them."""
    for key in keys:
        context = dask_worker.data.get(key)
        if isinstance(context, WorkerContext):
            context.stop()


class _Documents:
    """The documents of a run on a worker: opened where they lie, or kept in a folder where they had to be sent."""

    def __init__(self, parent: Path, workers: int | None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="visionocr-", dir=parent))
        self._lock = threading.Lock()
        self._next: list[Found] = []
        self._passwords: list[str] = []
        self._paths: dict[tuple[str, str], str] = {}
        """By name and digest: documents that were opened."""
        first_page = parse_pages("1")  # the source opens a document when its first page is taken
        self._source = Source(self._found(), selection=first_page, password=self._password, workers=workers)
        self._opened = self._source.pages()
        self._drawing = threading.Semaphore(max(1, self._source.concurrency))

    def open(self, page: PageRef, place: Place) -> bool:
        """Whether the document of *page* is here, with the right bytes."""
        key = page.document, page.digest
        with self._lock:
            if os.path.isfile(self._paths.get(key, "")):
                return True
            for path in (place.path, str(self._folder / page.digest)):
                if os.path.isfile(path) and self._digest(page.document, path, place.password) == page.digest:
                    self._paths[key] = path
                    if len(self._paths) > _REMEMBERED:
                        del self._paths[next(iter(self._paths))]
                    return True
        return False

    def keep(self, documents: Mapping[str, bytes]) -> None:
        """Keep documents that were sent; the oldest ones go when there are too many."""
        with self._lock:
            for digest, data in documents.items():
                if not (self._folder / digest).exists():  # else it may be open
                    with contextlib.suppress(OSError):  # the disk is full: the document stays missing
                        (self._folder / digest).write_bytes(data)
            files = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
            sizes = itertools.accumulate(path.stat().st_size for path in files)
            for path, total in zip(files, sizes, strict=True):
                if total > MOST_KEPT and path.name not in documents:
                    path.unlink()

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``PageSource.load``; for pages of documents that were opened."""
        with self._drawing:
            return self._source.load(page, spec)

    def close(self) -> None:
        """Close everything, for good, and delete what was kept."""
        self._source.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _digest(self, name: str, path: str, password: str | None) -> str:
        self._next = [Found(name, path)]
        self._passwords = [] if password is None else [password]
        return next(self._opened).digest

    def _found(self) -> Iterator[Found]:
        """The file that is to be opened next, whenever the source asks."""
        while True:
            yield self._next.pop()

    def _password(self, document: str) -> str | None:  # noqa: ARG002
        return self._passwords.pop() if self._passwords else None

"""The conductor: pages from a source, through rasters and an engine, to results in page order.

One thread finds pages, as many as the source has hands load them, one thread for each request in flight asks. Pages
are taken from the source only when there is room in the window, so memory is a few images for each request in flight,
however long the documents are, and rasterizing is always a few pages ahead, so that the engine does not wait.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial

from visionocr.asking import Asker, Loaded
from visionocr.errors import DocumentError, Interrupted, ServerError
from visionocr.threads import Call, Workers, apart
from visionocr.types import (
    Answered,
    Engine,
    Finding,
    FindingKind,
    Observer,
    PageImage,
    PageRef,
    PageResult,
    PageSource,
    RasterSpec,
    Severity,
    Status,
    ignore,
)

MOST_FINISHED = 512
"""Results that wait for an earlier page: texts, which are small, where the images of pages on their way are not."""
_GLANCE = 0.2
"""Seconds between looks, while waiting, at whether the run was left."""
_STARVED = 0.5
"""Seconds that the engine as a whole waits for rasters before the source is told to hurry: about what it costs it."""


@dataclass(eq=False, slots=True)
class _Group:
    """Pages that share a request."""

    pages: list[PageRef]
    """Empty until the thread that finds them has been there."""
    answer: Call[list[PageResult]]
    finished: bool = False
    """Whether the answer is there."""


class Pipeline:
    """Reads the pages of a source with an engine. Use once."""

    def __init__(
        self,
        source: PageSource,
        engine: Engine,
        asker: Asker,
        spec: RasterSpec,
        *,
        batch: int = 1,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
        observer: Observer = ignore,
    ) -> None:
        """Wire the stages.

        ``known`` gives the results of an earlier run. ``record`` keeps each new one, in completion order and before
        anything else is done with it; what it raises ends the run.
        """
        self._source = source
        self._engine = engine
        self._asker = asker
        self._spec = spec
        self._batch = batch
        self._known = known
        self._record = record
        self._observer = observer
        self._pages: Iterator[PageRef] | None = None
        slots = max(1, engine.server.in_flight)
        self._window = 2 * slots + 2
        self._done = threading.Condition()
        """Notified when a group is finished."""
        self._finished = 0
        """Groups in the window that are finished and wait for their turn in the output."""
        self._ended = False
        """There are no more pages."""
        self._left = False
        """Nobody wants the rest of the results."""
        self._lock = threading.Lock()
        self._slots = slots
        self._first = 0.0
        """When the first raster was there."""
        self._starved = 0.0
        """Seconds that the engine waited for rasters since the source was told to hurry."""
        self._find = Workers(1, "find")
        self._raster = Workers(max(1, source.concurrency), "raster")
        self._ask = Workers(slots, "ask")

    def results(self) -> Generator[PageResult, None, None]:
        """Every page's result, in page order.

        When the engine fails for good, the page it failed on is marked, what was finished after it is still
        given, and then the error is raised.
        """
        yield from apart(self._groups(), self._leave, "conductor")

    def _leave(self) -> None:
        self._left = True

    def _groups(self) -> Generator[list[PageResult], None, None]:
        """The results, by groups."""
        window: deque[_Group] = deque()
        finished = False
        try:
            while not self._left:
                self._fill(window)
                group = window[0]
                try:
                    while not self._await(group):
                        if self._left:
                            return
                        self._fill(window)
                    window.popleft()
                    results = self._taken(group)
                except ServerError as error:
                    yield from self._rest(group, window, error)
                    raise
                if not group.pages:
                    finished = True
                    return
                yield results
        finally:
            if not finished:
                self._engine.cancel()
            self._source.close()
            for workers in (self._find, self._raster, self._ask):
                workers.close()

    def _submit(self) -> _Group:
        pages: list[PageRef] = []
        finding = self._find.submit(self._found, pages)
        loading = self._raster.submit(self._loaded, finding)
        group = _Group(pages, Call(partial(self._read, loading)))
        self._ask.submit(self._answer, group)
        return group

    def _found(self, pages: list[PageRef]) -> list[Loaded]:
        """The next *pages*, not yet rasterized; runs in the thread that finds. Empty at the end of the source."""
        if self._pages is None:
            self._pages = iter(self._source.pages())
        pages.extend(itertools.islice(self._pages, self._batch))
        return [Loaded(page, known=self._known(page)) for page in pages]

    def _loaded(self, finding: Call[list[Loaded]]) -> list[Loaded]:
        return [loaded if loaded.known is not None else self._rasterized(loaded.page) for loaded in finding.outcome()]

    def _rasterized(self, page: PageRef) -> Loaded:
        try:
            return Loaded(page, self._source.load(page, self._spec))
        except DocumentError as error:
            return Loaded(page, error=error)

    def _redraw(self, image: PageImage, scale: float) -> tuple[PageImage, ...]:
        """A page's images again, smaller; for the threads that ask. A raster thread does it in its turn."""
        side = max(1, int(max(image.width, image.height) * scale))
        spec = replace(self._spec, dpi=None, max_side=side)
        return self._raster.submit(self._source.load, image.page, spec).outcome()

    def _answer(self, group: _Group) -> None:
        group.answer.run()
        with self._done:
            group.finished = True
            self._finished += 1
            self._ended = self._ended or not group.pages
            self._done.notify()

    def _read(self, loading: Call[list[Loaded]]) -> list[PageResult]:
        pages = self._look_out(loading)
        results = self._asker.read(pages, self._redraw)
        for loaded, result in zip(pages, results, strict=True):
            if loaded.known is None:
                self._record(result)
            self._observer(Answered(result, known=loaded.known is not None))
        return results

    def _fill(self, window: deque[_Group]) -> None:
        """Begin further groups: a page that takes long holds up the output, not the work on the pages after it."""
        while (
            not (self._ended and window)
            and len(window) - self._finished < self._window
            and len(window) < self._window + MOST_FINISHED
        ):
            window.append(self._submit())

    def _await(self, group: _Group) -> bool:
        """Wait until something is finished; whether *group* is."""
        with self._done:
            if not group.finished:
                self._done.wait(_GLANCE)
            return group.finished

    def _taken(self, group: _Group) -> list[PageResult]:
        """The results of a group that leaves the window."""
        with self._done:
            self._finished -= 1
        return group.answer.outcome()

    def _look_out(self, loading: Call[list[Loaded]]) -> list[Loaded]:
        """Wait for rasters. Where that takes long, page after page, more of them must be made at once."""
        started = time.monotonic()
        pages = loading.outcome()
        now = time.monotonic()
        with self._lock:
            self._first = self._first or now  # that the first raster takes its time says nothing about the others
            self._starved += (now - max(started, self._first)) / self._slots
            grow = self._starved > _STARVED
            if grow:
                self._starved = 0.0
        if grow:
            self._source.grow()
        return pages

    def _rest(self, failed: _Group, window: deque[_Group], error: ServerError) -> Iterator[list[PageResult]]:
        """What the window still holds after the engine failed on a group: its marks, then finished results."""
        self._engine.cancel()
        yield [self._lost(page, error) for page in failed.pages]
        for group in window:
            try:
                while not self._await(group):
                    if self._left:
                        return
                yield self._taken(group)
            except (ServerError, Interrupted):
                # Not asked: not part of this run's results. A repeated command will ask for them.
                continue

    def _lost(self, page: PageRef, error: ServerError) -> PageResult:
        finding = Finding(FindingKind.SERVER, error.message, Severity.FAILED)
        result = PageResult(page, "", Status.FAILED, (finding,), server=self._engine.server.url)
        self._observer(Answered(result))
        return result

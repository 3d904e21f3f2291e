"""Reads pages from a source with an engine: an ordered map with bounded memory.

One thread finds pages, a few render them, and one for each request in flight asks; the caller takes the results.
Pages are taken from the source only while there is room in the window, so memory is a few images for each request in
flight, however long the documents are, and rendering is always a few pages ahead, so that the engine does not wait.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar

from visionocr.errors import DocumentError, Interrupted, ServerError
from visionocr.loaded import Loaded
from visionocr.prompting.reask import Redraw, respecify
from visionocr.stop import Stop
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
"""Results that wait for an earlier page: texts, which are small, unlike the images of pages on their way."""
_TICK = 0.2
"""Seconds between looks at the stop flag while waiting."""
_LEAVE = 1.8
"""Seconds that requests in flight get to be aborted when a run is stopped."""

_T = TypeVar("_T")


class PageAsker(Protocol):
    """Turns loaded pages into results; for any threads."""

    @property
    def keeps_lines(self) -> bool:
        """Whether results have the lines of their pages."""
        ...

    def read(self, group: Sequence[Loaded], redraw: Redraw | None = None) -> list[PageResult]:
        """See ``Asker.read``."""
        ...


@dataclass(eq=False, slots=True)
class _Group:
    """Pages that share a request."""

    pages: list[PageRef] = field(default_factory=list)
    """Empty until they were found."""
    results: Future[list[PageResult]] = field(init=False)


class Reader:
    """Reads the pages of a source with an engine. Use once."""

    def __init__(
        self,
        source: PageSource,
        engine: Engine,
        asker: PageAsker,
        spec: RasterSpec,
        *,
        batch: int = 1,
        reserve: int = 0,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
        observer: Observer = ignore,
        stop: Stop | None = None,
    ) -> None:
        """*known* gives the results of an earlier run. *reserve*: how many pages may wait to be checked meanwhile.

        *record* keeps each new result, in completion order and before anything else is done with it; what it raises
        ends the run. *stop* ends it too.
        """
        self._source, self._engine, self._asker, self._spec = source, engine, asker, spec
        self._batch, self._known, self._record, self._observer = batch, known, record, observer
        self._stop = stop or Stop()
        self._pages: Iterator[PageRef] | None = None
        slots = max(1, engine.server.in_flight)
        self._most_unfinished = 2 * slots + 2 + reserve
        self._window: deque[_Group] = deque()
        self._finding = ThreadPoolExecutor(1, "find")
        self._rendering = ThreadPoolExecutor(max(1, source.concurrency), "render")
        self._asking = ThreadPoolExecutor(slots + reserve, "ask")  # the engine lets in as many as it takes
        self._news: SimpleQueue[None] = SimpleQueue()
        """An item for each finished group, which wakes the thread that takes the results."""
        self._ended = False
        """There are no more pages."""

    def results(self) -> Generator[PageResult, None, None]:
        """Every page's result, in page order.

        When the engine fails for good, the page it failed on is marked, what was finished after it is still
        given, and then the error is raised. Raises ``Interrupted`` when the run is stopped.
        """
        complete = False
        with self._stop.waking(self._engine.cancel), self._stop.waking(self._wake):
            try:
                self._fill()
                while (results := self._take()) is not None:
                    yield from results
                complete = True
            finally:
                if not complete:
                    self._stop.request()
                self._source.close()
                for executor in (self._finding, self._rendering, self._asking):
                    executor.shutdown(wait=False, cancel_futures=True)
                wait([group.results for group in self._window if not group.results.done()], _LEAVE)

    def _take(self) -> Iterator[PageResult] | list[PageResult] | None:
        """The results of the next group; ``None`` at the end."""
        group = self._window[0]
        self._stop.check()
        self._wait(group)
        self._window.popleft()
        try:
            results = group.results.result()
        except ServerError as error:
            return self._finish_after(group, error)
        self._ended = self._ended or not group.pages
        self._fill()
        return results if group.pages else None

    def _wait(self, group: _Group) -> None:
        """Wait until *group* is finished, and begin further groups meanwhile.

        A page that takes long holds up the output, not the work on the pages after it.
        """
        while not group.results.done():
            self._stop.check()
            try:
                self._news.get(timeout=_TICK)
            except Empty:
                continue
            self._fill()

    def _wake(self) -> None:
        self._news.put(None)

    def _fill(self) -> None:
        """Begin groups while there is room in the window."""
        unfinished = sum(not group.results.done() for group in self._window)
        while (
            not self._ended
            and unfinished < self._most_unfinished
            and len(self._window) < self._most_unfinished + MOST_FINISHED
        ):
            group = _Group()
            finding = self._finding.submit(self._find, group)
            loading = self._rendering.submit(self._load, finding)
            group.results = self._asking.submit(self._read, loading)
            group.results.add_done_callback(lambda _: self._wake())
            self._window.append(group)
            unfinished += 1

    def _find(self, group: _Group) -> list[Loaded]:
        """The next pages, not yet rendered. None at the end of the source."""
        if self._pages is None:
            self._pages = iter(self._source.pages())
        group.pages.extend(itertools.islice(self._pages, self._batch))
        self._ended = self._ended or not group.pages
        return [Loaded(page, known=self._known(page)) for page in group.pages]

    def _load(self, finding: Future[list[Loaded]]) -> list[Loaded]:
        return [page if self._is_whole(page) else self._render(page) for page in self._result(finding)]

    def _is_whole(self, page: Loaded) -> bool:
        """Whether a result is known that needs nothing more from the page."""
        known = page.known
        return known is not None and not (self._asker.keeps_lines and known.text and known.size is None)

    def _render(self, page: Loaded) -> Loaded:
        try:
            # The lines of a known result are read as it was.
            spec = self._spec if page.known is None else replace(self._spec, turn=page.known.turn)
            return replace(page, images=self._source.load(page.page, spec))
        except DocumentError as error:
            return page if page.known is not None else replace(page, error=error)

    def _redraw(self, image: PageImage, scale: float) -> tuple[PageImage, ...]:
        """Render a page again, smaller or turned; for the asking threads, in a rendering thread."""
        spec = respecify(self._spec, image, scale)
        return self._result(self._rendering.submit(self._source.load, image.page, spec))

    def _read(self, loading: Future[list[Loaded]]) -> list[PageResult]:
        pages = self._result(loading)
        results = self._asker.read(pages, self._redraw)
        for loaded, result in zip(pages, results, strict=True):
            if result is not loaded.known:
                self._record(result)
            self._observer(Answered(result, known=loaded.known is not None))
        return results

    def _result(self, future: Future[_T]) -> _T:
        """Wait for another thread's result. Raises ``Interrupted`` when the run is stopped meanwhile."""
        while not wait([future], _TICK).done:
            self._stop.check()
        try:
            return future.result()
        except CancelledError:
            raise Interrupted("stopped") from None

    def _finish_after(self, failed: _Group, error: ServerError) -> Iterator[PageResult]:
        """The rest after the engine failed on a group: its pages as failed, finished results, the error.

        Pages that were not answered, and have a finished one behind them, are failed too: outputs show the gap. Those
        at the end are no results of this run. A repeated command will ask for both.
        """
        self._engine.cancel()
        unanswered: list[PageRef] = []
        yield from self._fail(failed.pages, error)
        self._ended = True
        while self._window:
            group = self._window[0]
            self._wait(group)
            self._window.popleft()
            try:
                results = group.results.result()
            except (ServerError, Interrupted):
                unanswered += group.pages
                continue
            if results:
                yield from self._fail(unanswered, error)
                unanswered.clear()
            yield from results
        raise error

    def _fail(self, pages: Sequence[PageRef], error: ServerError) -> Iterator[PageResult]:
        for page in pages:
            finding = Finding(FindingKind.SERVER, error.message, Severity.FAILED)
            result = PageResult(page, "", Status.FAILED, (finding,), server=self._engine.server.url)
            self._observer(Answered(result))
            yield result

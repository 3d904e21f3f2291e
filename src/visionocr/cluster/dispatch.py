"""Pages go to workers in parts and come back in order, whoever of the workers dies on the way.

A part is a page, or the pages that share a request: a worker that dies takes no page with it that was read. Parts are
made as there is room for them, so a job of any length is a few parts for each worker. When a worker dies, the
pages that it had are suspects: each is tried alone on a worker that does nothing else, and one over which a second
worker dies is marked failed. So one poisonous page costs two workers, and never the run.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping

from visionocr.asking import unreadable
from visionocr.cluster.document_cache import Part
from visionocr.cluster.remote import Outcome
from visionocr.cluster.tasks import Chunk, Errand, Team
from visionocr.documents.source import Source
from visionocr.errors import DocumentError, OutputError, ServerError, ServerUnreachable
from visionocr.reader import MOST_FINISHED
from visionocr.threads import apart
from visionocr.types import Answered, Finding, FindingKind, Observer, PageRef, PageResult, RasterSpec, Severity, Status

_MOST_DEATHS = 2
_REMEMBERED = 4096
"""Sent documents; what is forgotten may be sent once more."""
_REST = 30.0
"""Seconds after which a worker whose server failed gets work again."""
_GLANCE = 0.2
"""Seconds between looks at who is there."""


class Dispatch:
    """One pass over a source. Use once, from one thread.

    All work is done in a thread of its own: Ctrl-C strikes the main thread between any two steps, and a page that was
    taken from the team but is not yet recorded would be lost.
    """

    def __init__(
        self,
        source: Source,
        team: Team,
        *,
        batch: int,
        known: Callable[[PageRef], PageResult | None],
        record: Callable[[PageResult], None],
        observer: Observer,
        patience: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*patience* is how many seconds to wait when there is no worker. See ``Pipeline`` for the others."""
        self._source = source
        self._team = team
        self._batch = batch
        self._known = known
        self._record = record
        self._observer = observer
        self._patience = patience
        self._clock = clock
        self._pages = iter(source.pages())
        self._ended = False
        self._window: deque[Chunk] = deque()
        self._waiting: deque[Errand] = deque()
        self._suspects: deque[Errand] = deque()
        self._out: dict[int, Errand] = {}
        self._sick: dict[str, float] = {}
        self._sent: set[tuple[str, str]] = set()
        """Worker and digest of documents that were sent."""
        self._error: ServerError | None = None
        self._alone_since: float | None = None
        self._left = False

    def results(self) -> Generator[PageResult, None, None]:
        """Every page's result, in page order. Raises a ``ServerError`` when no worker can go on."""
        yield from apart(self._chunks(), self._leave, "dispatch")

    def _leave(self) -> None:
        self._left = True

    def _chunks(self) -> Generator[list[PageResult], None, None]:
        """The results, by chunks."""
        try:
            while (chunk := self._advance()) is not None:
                yield [chunk.results[page] for page in chunk.pages]
        finally:
            self._close()

    def _advance(self) -> Chunk | None:
        """Hand out and take back until the next chunk is complete; ``None`` at the end."""
        while not self._left:
            self._hand_out()
            if self._window and self._window[0].complete:
                return self._window.popleft()
            if not self._window and self._ended:
                return None
            for ticket, returned in self._team.returned(_GLANCE):
                self._take(self._out.pop(ticket), returned)
        return None

    def _close(self) -> None:
        """Record what was read of parts that could not be finished: it need not be asked for again."""
        if self._window:
            with contextlib.suppress(OutputError):  # it may be why the run ends
                for _, last in self._team.stop():
                    for result in last.results if last is not None else ():
                        self._record(result)
        self._source.close()

    def _hand_out(self) -> None:
        present = self._team.present()
        now = self._clock()
        able = {worker: room for worker, room in present.items() if self._sick.get(worker, now) <= now}
        self._check(present, able, now)
        load = dict.fromkeys(able, 0)
        for out in self._out.values():
            if out.worker in load:
                load[out.worker] += 1
        for out in self._out.values():
            if out.deaths:
                load.pop(out.worker, None)  # a suspect is alone
        if self._suspects and load:
            tester = min(load, key=lambda worker: load[worker])
            if not load.pop(tester):
                self._give(tester, self._suspects.popleft())
        limit = sum(able.values()) + MOST_FINISHED
        while load and (errand := self._next(limit)):
            worker = min(load, key=lambda worker: load[worker] / able[worker])
            if load[worker] >= able[worker]:
                self._waiting.appendleft(errand)
                return
            self._give(worker, errand)
            load[worker] += 1

    def _check(self, present: Mapping[str, int], able: Mapping[str, int], now: float) -> None:
        """Raise when nobody is there to go on, and none will be."""
        if able:
            self._alone_since = None
        elif present and self._error is not None and not self._out:
            raise self._error
        elif not present:
            self._alone_since = now if self._alone_since is None else self._alone_since
            if now - self._alone_since > self._patience:
                raise ServerUnreachable("no worker of the cluster is left", "Start workers, then repeat the command.")

    def _next(self, limit: int) -> Errand | None:
        """What to do next; new pages only while there is room in the window."""
        while not self._waiting and not self._ended and len(self._window) < limit:
            self._take_in()
        return self._waiting.popleft() if self._waiting else None

    def _take_in(self) -> None:
        chunk = Chunk(list(itertools.islice(self._pages, self._batch)))
        if not chunk.pages:
            self._ended = True
            return
        self._window.append(chunk)
        for page in chunk.pages:
            known = self._known(page)
            if known is not None:
                chunk.results[page] = known
                self._observer(Answered(known, known=True))
            elif not page.number:
                self._settle(chunk, unreadable(page, self._problem(page)))
        open_ = [page for page in chunk.pages if page not in chunk.results]
        if open_:
            self._waiting.append(Errand(chunk, open_))

    def _problem(self, page: PageRef) -> DocumentError:
        try:
            self._source.load(page, RasterSpec(max_side=1))
        except DocumentError as error:
            return error
        return DocumentError("the document could not be opened")

    def _give(self, worker: str, errand: Errand) -> None:
        wanted = set(errand.pages)
        whole = errand.deaths == 0
        pages = tuple(errand.chunk.pages if whole else errand.pages)
        part = Part(
            pages,
            frozenset(place for place, page in enumerate(pages) if page not in wanted),
            tuple({page.digest: self._source.place(page) for page in errand.pages}.items()),
        )
        errand.worker = worker
        errand.promised = frozenset(digest for digest, _ in part.places if (worker, digest) in self._sent)
        self._out[self._team.give(worker, part)] = errand

    def _take(self, errand: Errand, outcome: Outcome | None) -> None:
        if outcome is None:
            self._suspect(errand)
            return
        for result in outcome.results:
            if result.page in errand.pages:
                self._settle(errand.chunk, result)
        errand.pages = [page for page in errand.pages if page not in errand.chunk.results]
        if outcome.missing_capability:
            self._send(errand, outcome.missing_capability)
        if outcome.error is not None:
            self._error = outcome.error
            self._sick[errand.worker] = self._clock() + _REST
        if errand.pages:
            (self._suspects if errand.deaths else self._waiting).appendleft(errand)

    def _suspect(self, errand: Errand) -> None:
        """A worker died: its pages are tried one by one, or given up."""
        for page in errand.pages:
            if errand.deaths + 1 < _MOST_DEATHS:
                self._suspects.append(Errand(errand.chunk, [page], errand.deaths + 1))
            else:
                self._settle(errand.chunk, _given_up(page, "given up: two workers died over it"))

    def _send(self, errand: Errand, missing_capability: tuple[str, ...]) -> None:
        for digest in missing_capability:
            pages = [page for page in errand.pages if page.digest == digest]
            if not pages:
                continue
            why = self._sent_to(errand, pages[0])
            if why:
                for page in pages:
                    self._settle(errand.chunk, _given_up(page, why))
                errand.pages = [page for page in errand.pages if page.digest != digest]

    def _sent_to(self, errand: Errand, page: PageRef) -> str:
        """Send the document of *page*, unless it arrived since the worker missed it; why it cannot be sent."""
        place = errand.worker, page.digest
        if place in errand.sent:
            return "the worker cannot open the document that it was sent"
        if page.digest in errand.promised:
            errand.sent.add(place)  # workers delete the oldest ones when they have too many
        elif place in self._sent:
            return ""
        why = self._team.send(errand.worker, page, self._source.place(page).path)
        if not why:
            if len(self._sent) >= _REMEMBERED:
                self._sent.clear()
            self._sent.add(place)
        return why

    def _settle(self, chunk: Chunk, result: PageResult) -> None:
        self._record(result)
        chunk.results[result.page] = result
        self._observer(Answered(result))


def _given_up(page: PageRef, why: str) -> PageResult:
    return PageResult(page, "", Status.FAILED, (Finding(FindingKind.UNREADABLE, why, Severity.FAILED),))

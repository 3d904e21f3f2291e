"""A worker's side of a cluster run: parts of documents become results, near the worker's own servers.

The job is decided by the one who started the run and comes as plain data; what a worker adds is its engine. One engine
and one shelf of open documents serve all parts of a run in a process.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from visionocr.cluster.document_cache import Part, PartPages, Shelf, discard
from visionocr.engines.proxy import EngineProxy
from visionocr.errors import Interrupted, ServerError
from visionocr.job import Job, open_engine
from visionocr.processes.permits import Permits
from visionocr.prompting.budget import Plan
from visionocr.prompting.library import Library
from visionocr.prompting.presets import Match
from visionocr.prompting.render import Question
from visionocr.settings import ENVIRONMENT_PREFIX, Settings, load_settings
from visionocr.types import Completion, Engine, PageResult, Request, Server, Status

URL_VARIABLE = f"{ENVIRONMENT_PREFIX}API_URL"
KEY_VARIABLE = f"{ENVIRONMENT_PREFIX}API_KEY"
_GLANCE = 0.5
"""Seconds between looks whether a part is still wanted."""


@dataclass(frozen=True, slots=True)
class Order:
    """A run, as its workers know it."""

    run: str
    """A name that no other run has."""
    settings: Settings
    """Without the key."""
    markdown: bool
    question: Question | None = None
    plan: Plan | None = None
    match: Match | None = None
    own: bool = True
    """The worker's own environment may name its server."""
    key: str = field(default="", repr=False)
    """The servers' key, where the worker has none; never for a server that the worker chose itself."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part."""

    results: tuple[PageResult, ...] = ()
    missing_capability: tuple[str, ...] = ()
    """Digests of documents that are not on this machine: nothing was read."""
    error: ServerError | None = None
    """Why not all pages have a result."""


def introduce(order: Order) -> Server:
    """What this worker's engine is. Raises a ``ServerError`` when it has none."""
    return _station(order).engine.server


def complete(order: Order, request: Request) -> Completion:
    """One request to this worker's engine, while the job is being decided. Raises a ``ServerError``."""
    return _station(order).engine.complete(request)


def count_tokens(order: Order, text: str) -> int | None:
    """See ``Engine.count_tokens``."""
    return _station(order).engine.count_tokens(text)


def read_part(order: Order, part: Part, wanted: Callable[[], bool]) -> Outcome:
    """Read the pages of *part*. The run is stopped in this process when its parts are no longer *wanted*."""
    if order.run in _STOPPED:
        return Outcome()
    try:
        station = _station(order)
    except ServerError as error:
        return Outcome(error=error)
    missing_capability = station.shelf.open(part)
    if missing_capability:
        return Outcome(missing_capability=missing_capability)
    assert order.question is not None
    assert order.plan is not None
    assert order.match is not None
    absent = {part.pages[place] for place in part.absent}
    job = Job(station.engine, order.question, order.plan, order.match, order.settings.max_asks)
    results: list[PageResult] = []
    reading = job.read(
        PartPages(part, station.shelf),
        known=lambda page: PageResult(page, "", Status.SKIPPED) if page in absent else None,
        record=results.append,
    )
    with contextlib.closing(reading), _watch(order.run, wanted):
        try:
            for _ in reading:
                pass
        except Interrupted:
            return Outcome(tuple(results))
        except ServerError as error:
            stop(order.run, keep_files=True)  # the next part looks for the server anew
            return Outcome(tuple(results), error=error)
    return Outcome(tuple(results))


def stop(run: str, *, keep_files: bool = False) -> None:
    """End what runs for *run* in this process and forget about it; harmless where nothing does."""
    with _LOCK:
        station = _STATIONS.pop(run, None)
        if not keep_files:
            _STOPPED.append(run)
    if station is not None:
        station.engine.cancel()
        station.engine.close()
        station.shelf.close()
    if not keep_files:
        discard(run)


_LOCK = threading.Lock()
_OPENING = threading.Lock()
_STOPPED: deque[str] = deque(maxlen=100)
"""Runs of which nothing more is read."""


class _Gate(EngineProxy):
    """An engine that several parts share: one request runs and one waits for each of its slots, never more."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._room = Permits(2 * max(1, engine.server.slots))
        self._cancelled = threading.Event()

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        while not self._room.acquire(timeout=_GLANCE):
            if self._cancelled.is_set():
                raise Interrupted("the run was stopped")
        try:
            return super().complete(request)
        finally:
            self._room.release()

    def cancel(self) -> None:
        """See ``Engine.cancel``."""
        self._cancelled.set()
        super().cancel()


@dataclass(frozen=True, slots=True)
class _Station:
    engine: Engine
    shelf: Shelf


_STATIONS: dict[str, _Station] = {}
"""By run: what this process has for it."""


def _station(order: Order) -> _Station:
    with _OPENING:
        with _LOCK:
            station = _STATIONS.get(order.run)
        if station is None:
            settings = order.settings
            url, key = (os.environ.get(name) for name in (URL_VARIABLE, KEY_VARIABLE))
            if order.own and url:
                there = load_settings(environment={URL_VARIABLE: url})
                settings = replace(settings, api_url=there.api_url, api_key=key or None, gguf=None, mmproj=None)
            else:
                settings = replace(settings, api_key=(key if order.own else None) or order.key or None)
            engine = _Gate(open_engine(settings, Library(), markdown=order.markdown))
            station = _Station(engine, Shelf(order.run, settings.raster_workers))
            with _LOCK:
                _STATIONS[order.run] = station
        return station


@contextlib.contextmanager
def _watch(run: str, wanted: Callable[[], bool]) -> Iterator[None]:
    """Stop the run in this process as soon as nobody wants it: whoever started it may have been killed."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_GLANCE):
            if not wanted():
                stop(run)
                return

    threading.Thread(target=watch, name="watch", daemon=True).start()
    try:
        yield
    finally:
        finished.set()

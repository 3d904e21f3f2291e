"""The workers of a Dask cluster, as they are seen by the one who started the run.

Every part is a task that is tied to one worker, so it is known here which pages a worker had when it died; Dask's own
way of trying again elsewhere is not used. Tasks hold plain data and, only where a worker needs it, the servers' key in
an object that does not show it.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from visionocr.cluster import document_cache, remote, scheduler
from visionocr.cluster.document_cache import Part
from visionocr.cluster.remote import Order, Outcome
from visionocr.cluster.scheduler import TIME, check_versions, connected, facts_of, task
from visionocr.errors import ConfigurationError, ServerError, ServerUnreachable
from visionocr.settings import Settings
from visionocr.types import Notice, Observer, PageRef, Server

_LOOK = 0.5
"""Seconds between looks at who of the workers is there."""
_FAREWELL = 2.0
"""Seconds that the workers may take to stop."""
_CHUNK = 8 << 20


class DaskTeam:
    """The workers of a Dask cluster, as a ``Team``."""

    def __init__(self, settings: Settings, markdown: bool, observer: Observer) -> None:
        self._observer = observer
        self._strict = settings.strict
        self._patience = settings.wait_server
        self._key = settings.api_key or ""
        self._cluster, self._client = connected(settings.cluster or "")
        plain = replace(settings, api_key=None, origins=dict(settings.origins))
        run = f"visionocr-{secrets.token_hex(8)}"
        self.order = Order(run, plain, markdown, own=self._cluster is None)
        self._tickets = itertools.count(1)
        self._finished: SimpleQueue[int] = SimpleQueue()
        self._tasks: dict[int, tuple[str, Any]] = {}
        """By ticket: the worker and the future."""
        self._joining: dict[int, str] = {}
        """By ticket: workers that were asked what they are."""
        self._orders: dict[str, Order] = {}
        """By worker that was asked."""
        self._ready: dict[str, Server] = {}
        self._error: ServerError | None = None
        self._reference: Server | None = None
        self._looked = -_LOOK
        self._there: set[str] = set()

    # -- beginning and end

    def first(self) -> tuple[str, Server]:
        """The first worker that can work, with what its engine is. Raises a ``ServerError`` when there is none."""
        until = time.monotonic() + self._patience
        told = False
        while not self._ready:
            self._look()
            if not self._there and not told:
                told = True
                self._observer(Notice("waiting for workers of the cluster"))
            if self._error is not None and not self._joining:
                raise self._error
            if time.monotonic() > until:
                raise ServerUnreachable("the cluster has no worker that answers", "Start workers: dask worker ADDRESS")
            self._collect(0.1)
        return next(iter(self._ready.items()))

    def start(self, order: Order) -> None:
        """From now on this is the order."""
        self.order = order
        self._orders = {worker: self._for(order, known) for worker, known in self._orders.items()}

    def stop(self) -> list[tuple[int, Outcome | None]]:
        """See ``Team.stop``."""
        last: list[tuple[int, Outcome | None]] = []
        with contextlib.suppress(Exception):  # whatever the cluster is doing: we are leaving
            self._farewell()
            until = time.monotonic() + _FAREWELL
            while self._tasks and time.monotonic() < until:
                last += self._collect(0.1)
        with contextlib.suppress(Exception):
            self._client.cancel([future for _, future in self._tasks.values()], force=True)
        self._tasks.clear()
        return last

    def close(self) -> None:
        """Leave. Safe to call more than once."""
        if self._client is None:
            return
        self.stop()
        client, self._client = self._client, None
        with contextlib.suppress(Exception):
            client.close(timeout=_FAREWELL)
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=TIME)

    def _farewell(self) -> None:
        with contextlib.suppress(Exception):
            self._client.sync(self._client._run, remote.stop, self.order.run, callback_timeout=_FAREWELL)

    # -- what the dispatch needs

    def present(self) -> Mapping[str, int]:
        """See ``Team.present``; for each slot one request runs and one waits, and two are being drawn."""
        self._look()
        return {worker: 2 * max(1, server.slots) + 2 for worker, server in self._ready.items() if worker in self._there}

    def give(self, worker: str, part: Part) -> int:
        """See ``Team.give``."""
        return self._submit(worker, scheduler.read, part)

    def returned(self, seconds: float) -> list[tuple[int, Outcome | None]]:
        """See ``Team.returned``."""
        self._look()
        lost: list[tuple[int, Outcome | None]] = []
        for ticket, (worker, future) in list(self._tasks.items()):
            if worker not in self._there:
                del self._tasks[ticket]
                future.cancel(force=True)
                lost.append((ticket, None))
        return lost or self._collect(seconds)

    def send(self, worker: str, page: PageRef, path: str) -> str:
        """See ``Team.send``."""
        try:
            size = Path(path).stat().st_size
            if size > document_cache.MOST_SENT:
                return (
                    f"{worker} does not find the document, and its {size >> 20} MB are too many to be sent "
                    f"(most: {document_cache.MOST_SENT >> 20} MB): put it on a file system that all workers share"
                )
            with open(path, "rb") as file:
                for offset in range(0, max(size, 1), _CHUNK):
                    data = file.read(_CHUNK)
                    last = offset + _CHUNK >= size
                    arguments = (self.order.run, page.digest, data, offset == 0, last)
                    self._client.run(document_cache.receive, *arguments, workers=[worker])
        except OSError as error:
            return f"the document cannot be sent to {worker}: {error.strerror or error}"
        return ""

    def ask(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What *function* gives on *worker*."""
        order = self._orders[worker]
        future = self._client.submit(task, function, order, *arguments, workers=[worker], pure=False, key=self._name())
        reply = future.result()
        if reply.error is not None:
            raise reply.error
        if reply.fault:
            raise ServerUnreachable(f"{worker} cannot work: {reply.fault}")
        return reply.value

    # -- who is there

    def _look(self) -> None:
        if time.monotonic() - self._looked < _LOOK:
            return
        self._there = set(self._client.nthreads())
        self._looked = time.monotonic()
        for gone in self._orders.keys() - self._there:
            del self._orders[gone]
            self._ready.pop(gone, None)
        joining = sorted(self._there - self._orders.keys())
        if joining:
            self._join(joining)

    def _join(self, workers: list[str]) -> None:
        facts = self._client.run(facts_of(), workers=workers, on_error="return")
        for number, worker in enumerate(workers):
            about = facts.get(worker)
            if about is None:  # gone already
                continue
            check_versions(worker, about)
            order = self.order
            if self._cluster is not None:
                order = replace(order, settings=_share(order.settings, number, len(workers)))
            if not (about["url"] or about["key"]) or self._cluster is not None:
                order = replace(order, key=self._key)
            self._orders[worker] = order
            ticket = self._submit(worker, remote.introduce)
            self._joining[ticket] = worker

    def _for(self, order: Order, known: Order) -> Order:
        """*order* with what is particular to a worker."""
        settings = replace(order.settings, api_url=known.settings.api_url)
        return replace(order, key=known.key, settings=settings)

    def _admit(self, worker: str, server: Server) -> None:
        first = self._reference = self._reference or server
        about = f"the model of {worker} is {server.model!r}, that of the first worker {first.model!r}"
        if server.model != first.model or server.reads_only != first.reads_only:
            if self._strict:
                raise ConfigurationError(about, "Load the same model everywhere, or leave --strict away.")
            self._observer(Notice(about, warning=True))
        self._ready[worker] = server

    # -- tasks

    def _name(self) -> str:
        return f"{self.order.run}-{next(self._tickets)}"

    def _submit(self, worker: str, function: Callable[..., Any], *arguments: Any) -> int:
        ticket = next(self._tickets)
        name = f"{self.order.run}-{ticket}"
        order = self._orders[worker]
        future = self._client.submit(task, function, order, *arguments, workers=[worker], pure=False, key=name)
        self._tasks[ticket] = worker, future
        future.add_done_callback(partial(_note, self._finished, ticket))
        return ticket

    def _collect(self, seconds: float) -> list[tuple[int, Outcome | None]]:
        """Outcomes that are there, after waiting for the first of them."""
        found: list[tuple[int, Outcome | None]] = []
        try:
            tickets = [self._finished.get(timeout=seconds)]
            while not self._finished.empty():
                tickets.append(self._finished.get())
        except Empty:
            return found
        for ticket in tickets:
            worker, future = self._tasks.pop(ticket, ("", None))
            if future is None:
                continue
            result = self._result(worker, future)
            if ticket not in self._joining:
                found.append((ticket, result if isinstance(result, Outcome) else None))
            elif self._joining.pop(ticket) and isinstance(result, Server):
                self._admit(worker, result)
        return found

    def _result(self, worker: str, future: Any) -> Any:
        """What a task gave; ``None`` when its worker died, or something unforeseen went wrong there."""
        until = time.monotonic() + TIME
        reply = None
        while reply is None:
            try:
                reply = future.result(timeout=_LOOK)
            except Exception as error:  # noqa: BLE001 - Dask's words for a dead worker are many
                self._looked = -_LOOK
                self._look()  # what a worker gave dies with it when it was not yet fetched
                late = isinstance(error, TimeoutError) and time.monotonic() < until
                if not late or worker not in self._there:
                    return None
        if isinstance(reply.error, ServerError):
            self._error = reply.error
        if reply.error or reply.fault:
            why = reply.error.message if reply.error else reply.fault
            self._observer(Notice(f"{worker} cannot work: {why}", warning=True))
        return reply.value


def _note(finished: SimpleQueue[int], ticket: int, _future: Any) -> None:
    finished.put(ticket)


def _share(settings: Settings, number: int, count: int) -> Settings:
    """Of several addresses each local worker gets its own ones."""
    urls = settings.api_url
    return replace(settings, api_url=urls[number::count] or (urls[number % len(urls)],)) if urls else settings

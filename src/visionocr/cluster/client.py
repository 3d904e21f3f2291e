"""The workers of a Dask cluster, as the command sees them: who is there, and what their engines are."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from visionocr.cluster.scheduler import as_completed, check_versions, connect, disconnect
from visionocr.cluster.worker import WorkerContext, call, names_server, server_of
from visionocr.errors import ConfigurationError, ServerUnreachable, VisionOcrError
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Completion, Notice, Observer, Request, Server

TICK = 0.02
"""Seconds between looks whether a task is done."""
POLL = 0.5
"""Seconds between looks at who is there."""
STOP = 2.0
"""Seconds that the workers may take to stop."""
_FETCH = 20.0
"""Seconds that the result of a task may take from its worker to the client."""
_REST = 30.0
"""Seconds after which a worker whose engine failed is asked again."""


class Workers:
    """The workers of a cluster, each with an engine of its own. For one thread at a time.

    It is also an ``Engine``: that of the first worker, with which the job is decided before the first page.
    """

    server: Server
    """What the first worker's engine is."""

    def __init__(self, settings: Settings, observer: Observer, stop: Stop) -> None:
        """Connect, and wait for the first worker that can read. Raises what ``look`` raises."""
        self._settings = settings
        self._observer = observer
        self._stop = stop
        self._cluster, self._client = connect(settings.cluster or "")
        self.tasks = as_completed(self._client)
        """The tasks that were submitted; gives each with its result when it is done."""
        self.present: set[str] = set()
        self.ready: dict[str, Server] = {}
        """Workers that can read, with what their engines are."""
        self._contexts: dict[str, Any] = {}
        """By worker: the future of its ``WorkerContext``, which lives as long as this is held."""
        self._joining: dict[str, Any] = {}
        """By worker: the future of what its engine is."""
        self._resting: dict[str, float] = {}
        """By worker whose engine failed: when it is asked again."""
        self._stopping: list[Any] = []
        """Futures, kept because Dask does not finish what nobody holds."""
        self._reference: Server | None = None
        """What the others are compared with."""
        self._error: VisionOcrError | None = None
        """Why a worker cannot read."""
        self._nobody_since: float | None = None
        self._next_look = 0.0
        try:
            self.look()
            if not self.present:
                observer(Notice("waiting for workers of the cluster"))
            while not self.ready:
                stop.wait(TICK)
                self.look()
        except BaseException:
            self.close()
            raise
        self._first, self.server = next(iter(self.ready.items()))

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        completion: Completion = self._ask_first(WorkerContext.complete, request)
        return completion

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``."""
        count: int | None = self._ask_first(WorkerContext.count_tokens, text)
        return count

    def cancel(self) -> None:
        """Nothing runs here; whoever waits looks at the stop flag."""

    def close(self) -> None:
        """Leave the cluster; a local one ends. Safe to call more than once."""
        self._contexts.clear()
        disconnect(self._cluster, self._client)

    def look(self, *, at_once: bool = False) -> None:
        """See who has gone and who is new, unless that was done a moment ago.

        Raises ``Interrupted`` in a stopped run, and another ``VisionOcrError`` when no worker can read and none will.
        """
        self._stop.check()
        now = time.monotonic()
        if at_once or now >= self._next_look:
            self._next_look = now + POLL
            with _scheduler_errors():
                self._update(now)
        if self.ready or self._joining:
            self._nobody_since = None
        elif self.present and self._error is not None:
            raise self._error
        else:
            self._nobody_since = self._nobody_since or now
            if now > self._nobody_since + self._settings.wait_server:
                raise ServerUnreachable("the cluster has no workers", "Start workers: dask worker ADDRESS")

    def submit(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The future of a function that *worker*, which must be ready, calls with its ``WorkerContext``."""
        context = self._contexts[worker]
        with _scheduler_errors():
            return self._client.submit(call, function, context, *arguments, workers=[worker], pure=False)

    def send(self, worker: str, data: bytes) -> Any:
        """The future of bytes that are in the memory of *worker* while it is held. Raises ``ServerUnreachable``."""
        try:
            return self._client.scatter(data, workers=[worker], hash=False)
        except Exception as error:  # noqa: BLE001 - Dask has many exceptions for a dead worker
            raise ServerUnreachable(f"nothing can be sent to {worker}: {error}") from None

    def leave(self, worker: str, error: VisionOcrError) -> None:
        """Give a worker whose engine failed nothing more for a while."""
        self._observer(Notice(f"{worker} cannot work: {error.message}", warning=True))
        self._error = error
        self._resting[worker] = time.monotonic() + _REST
        self._drop(worker)

    def stop_reading(self) -> None:
        """Stop what the workers are reading; what they had read until then still comes, for a moment."""
        with contextlib.suppress(ServerUnreachable):
            self._stopping = [self.submit(worker, WorkerContext.stop) for worker in self.ready]

    def _ask_first(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What *function* gives on the first worker, or raise its error."""
        future = self.submit(self._first, function, *arguments)
        while not future.done():
            self.look()
            if self._first not in self.ready:
                raise ServerUnreachable(f"the worker {self._first} died", "Repeat the command.")
            self._stop.wait(TICK)
        value = _fetch(future)
        if isinstance(value, VisionOcrError):
            raise value
        return value

    def _update(self, now: float) -> None:
        """Drop workers that have gone, let new ones join."""
        self.present = set(self._client.nthreads())
        for worker in self._contexts.keys() - self.present:
            self._drop(worker)
        for worker in [worker for worker, future in self._joining.items() if future.done()]:
            self._admit(worker, _fetch(self._joining.pop(worker)))
        new = sorted(self.present - self._contexts.keys())
        if new := [worker for worker in new if self._resting.get(worker, now) <= now]:
            self._join(new)

    def _join(self, workers: list[str]) -> None:
        """Let new workers open their engines, once it is known that they have our versions."""
        versions = self._client.get_versions(packages=["visionocr"])
        own_server = self._client.run(names_server, workers=workers, on_error="ignore")
        local = self._cluster is not None
        for number, worker in enumerate(workers):
            if worker not in versions["workers"] or worker not in own_server:
                continue  # gone already
            check_versions(worker, versions["client"]["packages"], versions["workers"][worker]["packages"])
            settings = replace(self._settings, origins={})
            if local and (urls := settings.api_url):  # each gets its share
                settings = replace(settings, api_url=urls[number :: len(workers)] or (urls[number % len(urls)],))
            if own_server[worker] and not local:
                settings = replace(settings, api_key=None)
            submit = self._client.submit
            context = submit(call, WorkerContext, settings, local, workers=[worker], pure=False)
            self._contexts[worker] = context
            self._joining[worker] = submit(server_of, context, workers=[worker], pure=False)

    def _admit(self, worker: str, server: Server | VisionOcrError) -> None:
        if isinstance(server, VisionOcrError):
            self.leave(worker, server)
            return
        first = self._reference = self._reference or server
        if server.model != first.model or server.reads_only != first.reads_only:
            about = f"the model of {worker} is {server.model!r}, that of the first worker {first.model!r}"
            if self._settings.strict:
                raise ConfigurationError(about, "Load the same model everywhere, or leave --strict away.")
            self._observer(Notice(about, warning=True))
        self.ready[worker] = server

    def _drop(self, worker: str) -> None:
        for table in (self._contexts, self._joining, self.ready):
            table.pop(worker, None)


def _fetch(future: Any) -> Any:
    """The result of a task that is done, or why there is none as a value."""
    try:
        return future.result(timeout=_FETCH)
    except Exception as error:  # noqa: BLE001 - Dask has many exceptions for a dead worker
        return ServerUnreachable(f"its task failed: {str(error) or type(error).__name__}")


@contextlib.contextmanager
def _scheduler_errors() -> Iterator[None]:
    """Turn Dask's exceptions into a ``ServerUnreachable``."""
    try:
        yield
    except VisionOcrError:
        raise
    except Exception as error:  # noqa: BLE001 - Dask has many exceptions for a scheduler that is gone
        raise ServerUnreachable(f"the Dask scheduler is gone: {error}", "Repeat the command.") from None

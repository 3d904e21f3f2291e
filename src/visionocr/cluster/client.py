"""The workers of a Dask cluster, as the client sees them: who is there, and what is asked of whom."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from visionocr.cluster.scheduler import check_versions, connect, disconnect
from visionocr.cluster.worker import EngineSpec, WorkerContext, call, names_server, server_of, stop_contexts
from visionocr.errors import ConfigurationError, Interrupted, ServerUnreachable, VisionOcrError
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Notice, Observer, Server

POLL = 0.5
"""Seconds between looks at who is there."""
_FETCH = 20.0
"""Seconds that the result of a task may take from its worker to the client."""
_STOP = 2.0
"""Seconds that the workers may take to stop."""
_REST = 30.0
"""Seconds after which a worker whose engine failed is asked again."""


class Workers:
    """The workers of a cluster and their engines. For any number of threads; one of its own looks who is there."""

    def __init__(self, settings: Settings, markdown: bool, observer: Observer, stop: Stop) -> None:
        self._settings = settings
        self._markdown = markdown
        self._observer = observer
        self._stop = stop
        self._cluster, self._client = connect(settings.cluster or "")
        self.ready: dict[str, Server] = {}
        """Workers that can read, with what their engines are."""
        self._present: set[str] = set()
        self._contexts: dict[str, Any] = {}
        """By worker: the future of its ``WorkerContext``, which lives as long as this is held."""
        self._joining: dict[str, Any] = {}
        """By worker: the future of what its engine is."""
        self._resting: dict[str, float] = {}
        """By worker whose engine failed: when it is asked again."""
        self._changed = threading.Condition()
        """Notified when a worker may have room; its lock guards all tables."""
        self._load: Counter[str] = Counter()
        """Tasks that workers have."""
        self._reserved: set[str] = set()
        """Workers that get nothing more, for the sake of a task that is to be alone there."""
        self._reference: Server | None = None
        self._error: VisionOcrError | None = None
        """Why a worker cannot read."""
        self._failure: VisionOcrError | None = None
        """Why none can."""
        self._nobody_since = time.monotonic()
        self._deadline = math.inf
        """When tasks are no longer waited for."""
        self._closed = threading.Event()

    def first(self) -> tuple[str, Server]:
        """Wait for the first worker that can read, with what its engine is. Raises what ``check`` raises."""
        self._look()
        if not self._present:
            self._observer(Notice("waiting for workers of the cluster"))
        threading.Thread(target=self._keep_looking, name="workers", daemon=True).start()
        while not self.ready:
            self.check()
            self._stop.wait(0.1)
        return next(iter(self.ready.items()))

    def check(self) -> None:
        """Raise ``Interrupted`` in a stopped run, another ``VisionOcrError`` when no worker can read and none will."""
        self._stop.check()
        with self._changed:
            if self._failure is not None:
                raise self._failure
            if self.ready or self._joining:
                self._nobody_since = time.monotonic()
            elif self._present and self._error is not None:
                raise self._error
            elif time.monotonic() > self._nobody_since + self._settings.wait_server:
                raise ServerUnreachable("the cluster has no workers", "Start workers: dask worker ADDRESS")

    def room(self) -> int:
        """Tasks that all workers can have at a time."""
        with self._changed:
            return sum(_room(server) for server in self.ready.values())

    @contextlib.contextmanager
    def hold(self, *, alone: bool = False) -> Iterator[str]:
        """Wait for a worker that has room for a task, or that has no other one when it is to be *alone*."""
        with self._changed:
            worker = self._choose(alone)
            while worker is None or (alone and self._load[worker]):
                if self._deadline < math.inf:
                    raise Interrupted("stopped")
                self._changed.wait(POLL)
                if worker not in self.ready:
                    self._reserved.discard(worker or "")
                    worker = self._choose(alone)
            self._load[worker] += 1
        try:
            yield worker
        finally:
            with self._changed:
                self._load[worker] -= 1
                if alone:
                    self._reserved.discard(worker)
                self._changed.notify_all()

    def submit(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The future of a function that *worker* calls with its ``WorkerContext``. Raises ``KeyError`` without one."""
        return self._client.submit(call, function, self._contexts[worker], *arguments, workers=[worker], pure=False)

    def result(self, worker: str, future: Any) -> Any:
        """Wait for what a task gives: also an error is returned; ``None`` when its worker died."""
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(POLL):  # not ``future.result``: a time-out of one spoils what others are fetching
            if self._failure is not None:
                raise self._failure
            if worker not in self._present:
                return None
            if time.monotonic() > self._deadline:
                raise Interrupted("stopped")
        try:
            return future.result(timeout=_FETCH)
        except Exception:  # noqa: BLE001 - Dask's words for a dead worker are many
            return None

    def ask(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What *function* gives on *worker*, or raise its error."""
        died = ServerUnreachable(f"the worker {worker} died", "Repeat the command.")
        try:
            future = self.submit(worker, function, *arguments)
        except KeyError:
            raise died from None
        with self._stop.waking(future.cancel):
            value = self.result(worker, future)
        self._stop.check()
        if isinstance(value, VisionOcrError):
            raise value
        if worker not in self._present:
            raise died
        return value

    def send(self, worker: str, path: str) -> Any:
        """The future of a file's bytes, which are in the memory of *worker* while it is held."""
        return self._client.scatter(Path(path).read_bytes(), workers=[worker], hash=False)

    def leave(self, worker: str, error: VisionOcrError) -> None:
        """Give a worker whose engine failed nothing more for a while."""
        self._observer(Notice(f"{worker} cannot work: {error.message}", warning=True))
        with self._changed:
            self._error = error
            self._resting[worker] = time.monotonic() + _REST
            self._drop(worker)

    def stop(self) -> None:
        """Stop what the workers are reading; what they had read until then still comes, for a moment."""
        self._deadline = time.monotonic() + _STOP
        keys = [future.key for future in list(self._contexts.values())]
        with contextlib.suppress(Exception):  # whatever the cluster is doing: we are leaving
            self._client.sync(self._client._run, stop_contexts, keys, callback_timeout=_STOP)

    def close(self) -> None:
        """Leave the cluster; a local one ends. Safe to call more than once."""
        self._closed.set()
        self._contexts.clear()
        disconnect(self._cluster, self._client)

    def _choose(self, alone: bool) -> str | None:
        able = {worker: server for worker, server in self.ready.items() if worker not in self._reserved}
        load = {worker: self._load[worker] / _room(server) for worker, server in able.items()}
        worker = min(load, key=load.__getitem__, default=None)
        if alone and worker is not None:
            self._reserved.add(worker)
        return worker if worker is not None and (alone or load[worker] < 1) else None

    def _keep_looking(self) -> None:
        while not self._closed.wait(POLL):
            try:
                self._look()
            except VisionOcrError as error:
                self._failure = error
            except Exception as error:  # noqa: BLE001 - Dask's words for it are many
                self._failure = ServerUnreachable(f"the Dask scheduler is gone: {error}", "Repeat the command.")

    def _look(self) -> None:
        """Drop workers that have gone, let new ones join."""
        self._present = set(self._client.nthreads())
        with self._changed:
            for worker in self._contexts.keys() - self._present:
                self._drop(worker)
            done = {worker: future for worker, future in self._joining.items() if future.done()}
        for worker, future in done.items():
            self._admit(worker, self.result(worker, future))
        now = time.monotonic()
        new = sorted(self._present - self._contexts.keys())
        if new := [worker for worker in new if self._resting.get(worker, now) <= now]:
            self._join(new)

    def _join(self, workers: list[str]) -> None:
        """Let new workers open their engines, once it is known that they are like us."""
        versions = self._client.get_versions(packages=["visionocr"])
        own_server = self._client.run(names_server, workers=workers, on_error="ignore")
        local = self._cluster is not None
        for number, worker in enumerate(workers):
            if worker not in versions["workers"] or worker not in own_server:
                continue  # gone already
            check_versions(worker, versions["client"]["packages"], versions["workers"][worker]["packages"])
            settings = replace(self._settings, api_key=None, origins={})
            if local and (urls := settings.api_url):  # each gets its share
                settings = replace(settings, api_url=urls[number :: len(workers)] or (urls[number % len(urls)],))
            key = self._settings.api_key if local or not own_server[worker] else None
            spec = EngineSpec(settings, self._markdown, use_environment=not local, key=key)
            submit = partial(self._client.submit, workers=[worker], pure=False)
            with self._changed:
                context = self._contexts[worker] = submit(call, WorkerContext, spec)
                self._joining[worker] = submit(server_of, context)

    def _admit(self, worker: str, server: Server | VisionOcrError | None) -> None:
        if not isinstance(server, Server):
            self.leave(worker, server or ServerUnreachable("it died"))
            return
        first = self._reference = self._reference or server
        if server.model != first.model or server.reads_only != first.reads_only:
            about = f"the model of {worker} is {server.model!r}, that of the first worker {first.model!r}"
            if self._settings.strict:
                raise ConfigurationError(about, "Load the same model everywhere, or leave --strict away.")
            self._observer(Notice(about, warning=True))
        with self._changed:
            del self._joining[worker]
            self.ready[worker] = server
            self._changed.notify_all()

    def _drop(self, worker: str) -> None:
        for table in (self._contexts, self._joining, self.ready):
            table.pop(worker, None)


def _room(server: Server) -> int:
    """Tasks that a worker has at a time: for each slot one request runs and one waits, and two pages are drawn."""
    return 2 * max(1, server.slots) + 2

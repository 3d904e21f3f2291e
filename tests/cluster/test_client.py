"""The workers as the client sees them, with something else in Dask's place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from visionocr.cluster import client
from visionocr.cluster.client import Workers
from visionocr.cluster.worker import WorkerContext, server_of
from visionocr.errors import ConfigurationError, Interrupted, ServerRefused, ServerUnreachable, VisionOcrError
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Event, Notice, Server

KEY = "k3y-nobody-may-see"
SERVER = Server("http://127.0.0.1:1", "koboldcpp", model="m", slots=1)


class FakeFuture:
    """A future that is done, or never will be."""

    def __init__(self, value: Any, key: str = "", *, done: bool = True) -> None:
        self.value = value
        self.key = key
        self._done = done

    def done(self) -> bool:
        """Whether there is a value."""
        return self._done

    def result(self, timeout: float) -> Any:
        """The value, or why there is none."""
        if isinstance(self.value, Exception) and not isinstance(self.value, VisionOcrError):
            raise self.value
        return self.value


class FakeDask:
    """As much of a Dask client as ``Workers`` uses."""

    def __init__(self) -> None:
        self.servers: dict[str, Server | VisionOcrError] = {}
        """By worker: what its engine is."""
        self.version = "1"
        self.own_server: set[str] = set()
        self.settings: dict[str, Settings] = {}
        """By worker: those of the last engine that it was asked for."""
        self.answers: Callable[..., FakeFuture] = lambda *arguments: FakeFuture(None)
        self.closed = False

    def nthreads(self) -> dict[str, int]:
        """Who is there."""
        return dict.fromkeys(self.servers, 1)

    def get_versions(self, packages: list[str]) -> Any:
        """Everybody has the same, but the workers' visionocr."""
        ours, theirs = ({"packages": {"visionocr": v, "python": "3.11.1.final.0"}} for v in ("1", self.version))
        return {"client": ours, "workers": dict.fromkeys(self.servers, theirs)}

    def run(self, function: Any, workers: list[str], on_error: str) -> dict[str, bool]:
        """Whether they name a server."""
        return {worker: worker in self.own_server for worker in workers}

    def submit(self, function: Any, *arguments: Any, workers: list[str], pure: bool) -> FakeFuture:
        """Contexts and what they are; the test says the rest."""
        if function is server_of:
            return FakeFuture(self.servers[workers[0]])
        if arguments[0] is WorkerContext:
            self.settings[workers[0]] = arguments[1]
            return FakeFuture(None, "context")
        return self.answers(*arguments)

    def close(self, timeout: float) -> None:
        """Remember it."""
        self.closed = True


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> FakeDask:
    """Stands for the cluster that ``Workers`` finds."""
    fake = FakeDask()
    monkeypatch.setattr(client, "connect", lambda address: (None, fake))
    monkeypatch.setattr(client, "as_completed", lambda client: None)
    monkeypatch.setattr(client, "POLL", 0.02)
    return fake


@pytest.fixture
def workers_with(dask: FakeDask) -> Iterator[Callable[..., Workers]]:
    """Workers with these settings, closed afterwards."""
    made: list[Workers] = []

    def make(*, stop: Stop | None = None, observer: Any = lambda event: None, **settings: Any) -> Workers:
        made.append(Workers(Settings(**settings), observer, stop or Stop()))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert not made or dask.closed


def look_until(workers: Workers, condition: Callable[[], object]) -> None:
    """Look who is there until something becomes true."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        workers.look()
        time.sleep(0.005)


def test_workers_come_and_go(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Those that can read are ready, as long as they are there."""
    dask.servers = {"a": SERVER}
    workers = workers_with()
    assert workers.ready == {"a": SERVER}
    assert workers.server == SERVER
    dask.servers = {"a": SERVER, "b": SERVER}
    look_until(workers, lambda: set(workers.ready) == {"a", "b"})
    del dask.servers["a"]
    look_until(workers, lambda: set(workers.ready) == workers.present == {"b"})


def test_a_worker_whose_engine_fails(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets nothing for a while, and is asked again then; when all fail, the run ends with the reason."""
    events: list[Event] = []
    dask.servers = {"a": SERVER, "b": ServerRefused("wrong key")}
    workers = workers_with(observer=events.append)
    assert set(workers.ready) == {"a"}
    assert Notice("b cannot work: wrong key", warning=True) in events
    monkeypatch.setattr(client, "_REST", 0.1)
    workers.leave("a", ServerUnreachable("gone"))
    with pytest.raises(ServerUnreachable, match="gone"):
        workers.look()
    time.sleep(0.15)
    look_until(workers, lambda: "a" in workers.ready)


def test_nobody_is_there(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """The run waits as long as it would for a server; its end interrupts that as well."""
    events: list[Event] = []
    with pytest.raises(ServerUnreachable, match="the cluster has no workers"):
        workers_with(wait_server=0.1, observer=events.append)
    assert events == [Notice("waiting for workers of the cluster")]
    assert dask.closed
    stop = Stop()
    threading.Timer(0.1, stop.request).start()
    with pytest.raises(Interrupted):
        workers_with(stop=stop)


def test_all_leave(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Time without workers counts from when that is seen, however long nobody looked."""
    dask.servers = {"a": SERVER}
    workers = workers_with(wait_server=0.2)
    time.sleep(0.3)
    dask.servers = {}
    workers.look()
    with pytest.raises(ServerUnreachable, match="the cluster has no workers"):
        look_until(workers, lambda: False)


def test_the_scheduler_is_gone(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends, whatever Dask says of it."""
    dask.servers = {"a": SERVER}
    workers = workers_with()

    def fail(*_: object, **__: object) -> Any:
        raise OSError("connection refused")

    monkeypatch.setattr(dask, "nthreads", fail)
    monkeypatch.setattr(dask, "submit", fail)
    for use in (lambda: workers.look(at_once=True), lambda: workers.submit("a", abs, 1)):
        with pytest.raises(ServerUnreachable, match="the Dask scheduler is gone"):
            use()


def test_other_versions_end_the_run(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """At the beginning, and when such a worker comes later."""
    dask.servers = {"a": SERVER}
    workers = workers_with()
    dask.version = "0.0.1"
    dask.servers["b"] = SERVER
    with pytest.raises(ConfigurationError, match=r"the worker b has visionocr 0\.0\.1, here is 1"):
        workers.look(at_once=True)
    with pytest.raises(ConfigurationError, match=r"the worker a has visionocr 0\.0\.1, here is 1"):
        workers_with()


def test_other_models(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """A warning, or the end where it must be exact."""
    events: list[Event] = []
    dask.servers = {"a": SERVER, "b": Server("http://127.0.0.1:2", "koboldcpp", model="other")}
    workers_with(observer=events.append)
    about = "the model of b is 'other', that of the first worker 'm'"
    assert Notice(about, warning=True) in events
    with pytest.raises(ConfigurationError, match=about):
        workers_with(strict=True)


def test_the_key_goes_where_it_belongs(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """To workers that name neither a server nor a key of their own; it is not shown."""
    dask.servers = {"a": SERVER, "b": SERVER}
    dask.own_server = {"b"}
    workers_with(api_key=KEY)
    assert dask.settings["a"].api_key == KEY
    assert dask.settings["b"].api_key is None
    assert KEY not in repr(dask.settings)


def test_local_workers_share_the_addresses(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own ones, and where there are too few of them, one at least; all have the key."""
    monkeypatch.setattr(client, "connect", lambda address: (FakeDask(), dask))
    dask.servers = dict.fromkeys("abc", SERVER)
    dask.own_server = set("abc")
    workers_with(api_url=("1", "2", "3", "4"))
    assert [dask.settings[worker].api_url for worker in "abc"] == [("1", "4"), ("2",), ("3",)]
    workers_with(api_url=("1", "2"), api_key=KEY)
    assert [dask.settings[worker].api_url for worker in "abc"] == [("1",), ("2",), ("1",)]
    assert all(settings.api_key == KEY for settings in dask.settings.values())


def test_a_question_ends_with_the_run(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Errors of the worker are raised here; when the run is stopped or it dies, nothing is waited for."""
    dask.servers = {"a": SERVER}
    stop = Stop()
    workers = workers_with(stop=stop)
    dask.answers = lambda function, context, text: FakeFuture(len(text))
    assert workers.count_tokens("four") == 4
    dask.answers = lambda function, context, text: FakeFuture(ServerRefused("no"))
    with pytest.raises(ServerRefused, match="no"):
        workers.count_tokens("four")
    dask.answers = lambda function, context, text: FakeFuture(None, done=False)
    threading.Timer(0.1, stop.request).start()
    with pytest.raises(Interrupted):
        workers.count_tokens("four")
    workers = workers_with()
    dask.servers = {"b": SERVER}
    with pytest.raises(ServerUnreachable, match="the worker a died"):
        workers.count_tokens("four")

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

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call it when it is done."""
        self._callback = callback
        if self._done:
            callback(self)

    def cancel(self) -> None:
        """It ends without a value."""
        self._callback(self)

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
        self.specs: dict[str, Any] = {}
        """By worker: the last engine that it was asked for."""
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
            self.specs[workers[0]] = arguments[1]
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
    monkeypatch.setattr(client, "POLL", 0.02)
    return fake


@pytest.fixture
def workers_with(dask: FakeDask) -> Iterator[Callable[..., Workers]]:
    """Workers with these settings, closed afterwards."""
    made: list[Workers] = []

    def make(*, stop: Stop | None = None, observer: Any = lambda event: None, **settings: Any) -> Workers:
        made.append(Workers(Settings(**settings), True, observer, stop or Stop()))
        return made[-1]

    yield make
    for one in made:
        one.close()
    assert not made or dask.closed


def wait_for(condition: Callable[[], object]) -> None:
    """Until something becomes true in another thread."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_workers_come_and_go(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Each takes two tasks for every slot and two more, as long as it is there."""
    dask.servers = {"a": SERVER}
    workers = workers_with()
    assert workers.first() == ("a", SERVER)
    assert workers.room() == 4
    dask.servers = {"a": SERVER, "b": Server("http://127.0.0.1:2", "koboldcpp", model="m", slots=3)}
    wait_for(lambda: workers.room() == 12)
    del dask.servers["a"]
    wait_for(lambda: workers.room() == 8)
    workers.check()


def test_the_least_busy_worker_is_chosen(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """And none gets more than it has room for."""
    dask.servers = {"a": SERVER, "b": SERVER}
    workers = workers_with()
    workers.first()
    wait_for(lambda: workers.room() == 8)
    held = [workers.hold() for _ in range(8)]
    assert sorted(one.__enter__() for one in held) == ["a"] * 4 + ["b"] * 4
    got: list[str] = []

    def hold_one() -> None:
        with workers.hold() as worker:
            got.append(worker)

    thread = threading.Thread(target=hold_one)
    thread.start()
    thread.join(0.2)
    assert not got
    held.pop().__exit__(None, None, None)
    thread.join(20)
    assert len(got) == 1
    for one in held:
        one.__exit__(None, None, None)


def test_a_task_that_is_to_be_alone_is_alone(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Its worker finishes what it has, and gets nothing else before it and beside it, however much there is to do."""
    dask.servers = {"a": SERVER, "b": SERVER}
    workers = workers_with()
    workers.first()
    wait_for(lambda: workers.room() == 8)
    lock = threading.Lock()
    load = {"a": 0, "b": 0}
    alone_load: list[int] = []
    stop = threading.Event()

    def work(alone: bool) -> None:
        while not stop.is_set():
            with workers.hold(alone=alone) as worker:
                with lock:
                    load[worker] += 100 if alone else 1
                time.sleep(0.002)
                with lock:
                    if alone:
                        alone_load.append(load[worker])
                    assert alone or load[worker] < 100
                    load[worker] -= 100 if alone else 1

    threads = [threading.Thread(target=work, args=(number == 0,)) for number in range(9)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(alone_load) > 20)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert set(alone_load) == {100}


def test_a_dead_worker_has_no_result(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Whether it dies while it is waited for, or before its result was fetched."""
    dask.servers = {"a": SERVER, "b": SERVER}
    workers = workers_with()
    workers.first()
    assert workers.result("a", FakeFuture(RuntimeError("lost"))) is None
    del dask.servers["a"]
    assert workers.result("a", FakeFuture(None, done=False)) is None


def test_a_worker_whose_engine_fails(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets nothing for a while, and is asked again then; when all fail, the run ends with the reason."""
    events: list[Event] = []
    dask.servers = {"a": SERVER, "b": ServerRefused("wrong key")}
    workers = workers_with(observer=events.append)
    assert workers.first()[0] == "a"
    wait_for(lambda: Notice("b cannot work: wrong key", warning=True) in events)
    workers.check()
    monkeypatch.setattr(client, "_REST", 0.1)
    workers.leave("a", ServerUnreachable("gone"))
    with pytest.raises(ServerUnreachable, match="gone"):
        workers.check()
    wait_for(lambda: "a" in workers.ready)
    workers.check()


def test_nobody_is_there(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """The run waits as long as it would for a server; its end interrupts that as well."""
    events: list[Event] = []
    with pytest.raises(ServerUnreachable, match="the cluster has no workers"):
        workers_with(wait_server=0.1, observer=events.append).first()
    assert events == [Notice("waiting for workers of the cluster")]
    stop = Stop()
    threading.Timer(0.1, stop.request).start()
    with pytest.raises(Interrupted):
        workers_with(stop=stop).first()


def test_the_scheduler_is_gone(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends, also for those who wait for a task."""
    dask.servers = {"a": SERVER}
    workers = workers_with()
    workers.first()

    def fail() -> Any:
        raise OSError("connection refused")

    monkeypatch.setattr(dask, "nthreads", fail)
    with pytest.raises(ServerUnreachable, match="the Dask scheduler is gone"):
        workers.result("a", FakeFuture(None, done=False))
    with pytest.raises(ServerUnreachable, match="the Dask scheduler is gone"):
        workers.check()


def test_other_versions_end_the_run(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """At the beginning, and when such a worker comes later."""
    dask.servers = {"a": SERVER}
    workers = workers_with()
    workers.first()
    dask.version = "0.0.1"
    dask.servers["b"] = SERVER
    with pytest.raises(ConfigurationError, match=r"the worker b has visionocr 0\.0\.1, here is 1"):
        wait_for(workers.check)
    with pytest.raises(ConfigurationError, match=r"the worker a has visionocr 0\.0\.1, here is 1"):
        workers_with().first()


def test_other_models(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """A warning, or the end where it must be exact."""
    events: list[Event] = []
    dask.servers = {"a": SERVER, "b": Server("http://127.0.0.1:2", "koboldcpp", model="other")}
    workers_with(observer=events.append).first()
    about = "the model of b is 'other', that of the first worker 'm'"
    wait_for(lambda: Notice(about, warning=True) in events)
    workers = workers_with(strict=True)

    def run() -> None:
        workers.first()
        wait_for(workers.check)

    with pytest.raises(ConfigurationError, match=about):
        run()


def test_the_key_goes_where_it_belongs(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """To workers that name neither a server nor a key of their own; it is not shown, nor among the settings."""
    dask.servers = {"a": SERVER, "b": SERVER}
    dask.own_server = {"b"}
    workers_with(api_key=KEY).first()
    wait_for(lambda: len(dask.specs) == 2)
    assert dask.specs["a"].key == KEY
    assert dask.specs["b"].key is None
    for spec in dask.specs.values():
        assert spec.settings.api_key is None
        assert KEY not in repr(spec)


def test_local_workers_share_the_addresses(
    dask: FakeDask, workers_with: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own ones, and where there are too few of them, one at least."""
    monkeypatch.setattr(client, "connect", lambda address: (FakeDask(), dask))
    dask.servers = dict.fromkeys("abc", SERVER)
    workers_with(api_url=("1", "2", "3", "4")).first()
    assert [dask.specs[worker].settings.api_url for worker in "abc"] == [("1", "4"), ("2",), ("3",)]
    workers_with(api_url=("1", "2"), api_key=KEY).first()
    assert [dask.specs[worker].settings.api_url for worker in "abc"] == [("1",), ("2",), ("1",)]
    assert all(spec.key == KEY and not spec.use_environment for spec in dask.specs.values())


def test_a_question_ends_with_the_run(dask: FakeDask, workers_with: Callable[..., Workers]) -> None:
    """Errors of the worker are raised here; when the run is stopped, nothing is waited for."""
    dask.servers = {"a": SERVER}
    stop = Stop()
    workers = workers_with(stop=stop)
    workers.first()
    dask.answers = lambda function, context, number: FakeFuture(number + 1)
    assert workers.ask("a", abs, 1) == 2
    dask.answers = lambda function, context: FakeFuture(ServerRefused("no"))
    with pytest.raises(ServerRefused, match="no"):
        workers.ask("a", abs)
    with pytest.raises(ServerUnreachable, match="the worker b died"):
        workers.ask("b", abs)
    dask.answers = lambda function, context: FakeFuture(None, done=False)
    threading.Timer(0.1, stop.request).start()
    with pytest.raises(Interrupted):
        workers.ask("a", abs)

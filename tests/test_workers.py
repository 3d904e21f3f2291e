"""Child processes: frames and answers, and the effects of a crash, a hang and a stop."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from visionocr import workers
from visionocr.errors import Interrupted
from visionocr.workers import CallFailed, Worker, WorkerDied, WorkerPool

PATIENCE = 20.0
MODULE = """
import os, sys, threading
def serve(greeting="hello"):
    def answer(head, body, ask):
        match head["do"]:
            case "echo":
                return {"greeting": greeting, "pid": os.getpid()}, body
            case "ask":
                return ask({"name": "x"}), b""
            case "noise":
                os.write(1, b"noise on standard output")
                os.write(2, b"first line\\n  second \\xff line\\n")
                return {}, b""
            case "fail":
                raise ValueError("a\\nfault")
            case "exit":
                os._exit(5)
            case "abort":
                os.abort()
            case "panic":
                raise SystemExit
            case "hang":
                threading.Event().wait()
    return answer
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that answers frames."""
    (tmp_path / "answering.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "answering"


@pytest.fixture
def worker(module: str) -> Iterator[Worker]:
    """A running worker."""
    started = Worker(module)
    yield started
    started.close()


def test_frames_come_back(module: str) -> None:
    """Arguments reach the module, bytes of any size come back as they went."""
    worker = Worker(module, {"greeting": "good day"})
    body = os.urandom(3 << 20)
    head, echo = worker.call({"do": "echo"}, body, timeout=PATIENCE)
    assert (head, echo) == ({"greeting": "good day", "pid": worker.pid}, body)
    worker.close()
    worker.close()
    assert not worker.is_alive


def test_a_worker_can_ask_its_parent(worker: Worker) -> None:
    """The parent is asked during a call; when it cannot answer, the worker ends."""
    head, _ = worker.call({"do": "ask"}, timeout=PATIENCE, answer=lambda question: {"given": question["name"]})
    assert head == {"given": "x"}

    def refuse(question: Any) -> Any:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        worker.call({"do": "ask"}, timeout=PATIENCE, answer=refuse)
    assert not worker.is_alive


def test_an_error_leaves_the_worker_alive(worker: Worker) -> None:
    """An error of the module is raised in the parent, and the next frame is answered."""
    with pytest.raises(CallFailed, match="a\nfault") as caught:
        worker.call({"do": "fail"}, timeout=PATIENCE)
    assert not caught.value.setup
    assert worker.call({"do": "echo"}, timeout=PATIENCE)[0]["pid"] == worker.pid


def test_an_import_error_is_raised_at_the_first_call() -> None:
    """The error says that the installation is at fault."""
    worker = Worker("there_is_no_such_module")
    with pytest.raises(CallFailed, match="there_is_no_such_module") as caught:
        worker.call({"do": "echo"}, timeout=PATIENCE)
    assert caught.value.setup
    worker.close()


@pytest.mark.parametrize(
    ("do", "words"), [("exit", "code 5"), ("abort", "SIGABRT"), ("panic", "its native code panicked")]
)
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_the_exit_of_a_worker_is_described(worker: Worker, do: str, words: str) -> None:
    """The error says how the worker ended, and the worker is not used again."""
    with pytest.raises(WorkerDied, match=words) as caught:
        worker.call({"do": do}, timeout=PATIENCE)
    assert not caught.value.hung
    assert not worker.is_alive


def test_a_call_that_takes_too_long_ends_the_worker(worker: Worker) -> None:
    """A time-out ends the worker, and is told apart from a crash."""
    with pytest.raises(WorkerDied, match=r"more than 0\.5 s") as caught:
        worker.call({"do": "hang"}, timeout=0.5)
    assert caught.value.hung
    assert not worker.is_alive


@pytest.mark.slow
def test_suspended_time_does_not_count(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-Z and ``fg`` the clock has jumped, and the call is not timed out for it."""
    clock = iter(range(0, 10**9, 10**5))
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    waits = 0

    def waiting() -> None:
        nonlocal waits
        waits += 1

    with pytest.raises(WorkerDied):
        worker.call({"do": "hang"}, timeout=3, waiting=waiting)
    assert waits >= 3


def test_output_of_native_code_is_discarded_or_logged(module: str) -> None:
    """Native code may write to the standard descriptors without harm, and its output can be logged."""
    lines: list[str] = []
    heard = threading.Event()

    def log(line: str) -> None:
        lines.append(line)
        heard.set()

    for worker in (Worker(module), Worker(module, log=log)):
        worker.call({"do": "noise"}, timeout=PATIENCE)
        worker.close()
    assert heard.wait(PATIENCE)
    assert lines == ["first line", "second \ufffd line"]


# --- the pool ----------------------------------------------------------------------------------------------


@pytest.fixture
def make_pool(module: str) -> Iterator[Callable[..., WorkerPool]]:
    """Makes pools that are closed at the end of the test."""
    made: list[WorkerPool] = []

    def make(most: int, **options: Any) -> WorkerPool:
        made.append(WorkerPool(lambda: Worker(module), most, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def worker_pid(pool: WorkerPool) -> int:
    """The process id of the worker that answers."""
    with pool.acquire() as worker:
        pid: int = worker.call({"do": "echo"}, timeout=PATIENCE)[0]["pid"]
        return pid


def test_a_pool_reuses_workers_until_they_die(make_pool: Callable[..., WorkerPool]) -> None:
    """A worker that died, idle or during a call, is replaced."""
    pool = make_pool(1)
    first = worker_pid(pool)
    assert worker_pid(pool) == first
    with pytest.raises(WorkerDied), pool.acquire() as worker:
        worker.call({"do": "exit"}, timeout=PATIENCE)
    second = worker_pid(pool)
    assert second != first
    pool._idle[0].kill()
    assert worker_pid(pool) != second


def test_a_pool_has_a_maximum_size(make_pool: Callable[..., WorkerPool]) -> None:
    """Callers beyond the size wait for a free worker."""
    pool = make_pool(2)
    with ThreadPoolExecutor(6) as threads:
        pids = set(threads.map(lambda _: worker_pid(pool), range(30)))
    assert len(pids) <= 2


def test_closing_a_pool_ends_running_and_waiting_calls(make_pool: Callable[..., WorkerPool]) -> None:
    """All of them raise ``Interrupted``, and so do later calls."""
    pool = make_pool(1)
    asked = threading.Event()

    def hang() -> None:
        with pool.acquire() as worker:
            asked.set()
            worker.call({"do": "hang"}, timeout=PATIENCE)

    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(hang) for _ in range(2)]
        assert asked.wait(PATIENCE)
        pool.close()
        for one in running:
            with pytest.raises(Interrupted):
                one.result(PATIENCE)
    with pytest.raises(Interrupted):
        worker_pid(pool)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_a_worker_ends_when_its_handle_is_deleted(module: str) -> None:
    """A worker that cannot be called any more ends."""
    worker = Worker(module)
    worker.call({"do": "echo"}, timeout=PATIENCE)
    pid = worker.pid
    del worker
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline

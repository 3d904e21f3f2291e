"""Child processes: what is answered, what a crash, a hang and a stop cost."""

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


def test_a_question_in_the_middle_of_an_answer(worker: Worker) -> None:
    """The parent is asked; when it cannot answer, the worker ends."""
    head, _ = worker.call({"do": "ask"}, timeout=PATIENCE, answer=lambda question: {"given": question["name"]})
    assert head == {"given": "x"}

    def refuse(question: Any) -> Any:
        raise Interrupted("stopped")

    with pytest.raises(Interrupted):
        worker.call({"do": "ask"}, timeout=PATIENCE, answer=refuse)
    assert not worker.is_alive


def test_an_error_leaves_the_worker_alive(worker: Worker) -> None:
    """What the module raises is told, and the next frame is answered."""
    with pytest.raises(CallFailed, match="a\nfault") as caught:
        worker.call({"do": "fail"}, timeout=PATIENCE)
    assert not caught.value.setup
    assert worker.call({"do": "echo"}, timeout=PATIENCE)[0]["pid"] == worker.pid


def test_a_module_that_cannot_be_loaded_is_told_at_the_first_call() -> None:
    """It is a fault of the installation, and said so."""
    worker = Worker("there_is_no_such_module")
    with pytest.raises(CallFailed, match="there_is_no_such_module") as caught:
        worker.call({"do": "echo"}, timeout=PATIENCE)
    assert caught.value.setup
    worker.close()


@pytest.mark.parametrize(
    ("do", "words"), [("exit", "code 5"), ("abort", "SIGABRT"), ("panic", "its native code panicked")]
)
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_the_end_of_a_worker_is_described(worker: Worker, do: str, words: str) -> None:
    """How it ended is told, and it is not used again."""
    with pytest.raises(WorkerDied, match=words) as caught:
        worker.call({"do": do}, timeout=PATIENCE)
    assert not caught.value.hung
    assert not worker.is_alive


def test_a_call_that_takes_too_long_ends_the_worker(worker: Worker) -> None:
    """It is told apart from a crash."""
    with pytest.raises(WorkerDied, match=r"more than 0\.5 s") as caught:
        worker.call({"do": "hang"}, timeout=0.5)
    assert caught.value.hung
    assert not worker.is_alive


def test_time_in_which_we_were_stopped_is_not_the_workers(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-Z the clock has jumped, and the page goes on all the same."""
    clock = iter(range(0, 10**9, 10**5))
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: next(clock)))

    waits = 0

    def waiting() -> None:
        nonlocal waits
        waits += 1

    with pytest.raises(WorkerDied):
        worker.call({"do": "hang"}, timeout=3, waiting=waiting)
    assert waits >= 3


def test_noise_is_lost_or_logged(module: str) -> None:
    """Native code may write to the standard descriptors without harm; what it complains of can be heard."""
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
    """Make pools, closed at the end."""
    made: list[WorkerPool] = []

    def make(most: int, **options: Any) -> WorkerPool:
        made.append(WorkerPool(lambda: Worker(module), most, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def pid_of(pool: WorkerPool) -> int:
    """The process that answers."""
    with pool.acquire() as worker:
        pid: int = worker.call({"do": "echo"}, timeout=PATIENCE)[0]["pid"]
        return pid


def test_a_worker_is_used_again_until_it_dies(make_pool: Callable[..., WorkerPool]) -> None:
    """One that died, idle or at work, is replaced."""
    pool = make_pool(1)
    first = pid_of(pool)
    assert pid_of(pool) == first
    with pytest.raises(WorkerDied), pool.acquire() as worker:
        worker.call({"do": "exit"}, timeout=PATIENCE)
    second = pid_of(pool)
    assert second != first
    pool._idle[0].kill()
    assert pid_of(pool) != second


def test_a_pool_starts_no_more_than_it_may(make_pool: Callable[..., WorkerPool]) -> None:
    """Callers beyond its size wait for their turn."""
    pool = make_pool(2)
    with ThreadPoolExecutor(6) as threads:
        pids = set(threads.map(lambda _: pid_of(pool), range(30)))
    assert len(pids) <= 2


def test_closing_a_pool_ends_what_runs_and_what_waits(make_pool: Callable[..., WorkerPool]) -> None:
    """All of them get ``Interrupted``, and so does who comes later."""
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
        pid_of(pool)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the process in /proc")
def test_a_worker_ends_with_its_handle(module: str) -> None:
    """One that nobody can call any more is not left behind."""
    worker = Worker(module)
    worker.call({"do": "echo"}, timeout=PATIENCE)
    pid = worker.pid
    del worker
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline

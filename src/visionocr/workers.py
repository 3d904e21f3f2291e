"""Child processes for native code that reads untrusted files: a crash or a hang costs one answer.

``Worker`` is the parent's handle of one, ``WorkerPool`` several of them. ``worker_main`` is the program that they run.
"""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from visionocr import worker_main
from visionocr.errors import Interrupted
from visionocr.worker_main import CRASHED, Ask, Frame, Head, receive, send

_LEAVE = 3.0
"""Seconds that the log of a process that was ended may take to end too."""
_TICK = 0.5
"""Seconds between looks at the time that a call has taken."""
_MOST_LINE = 4096
"""Bytes of a line of the log that are read at once."""
_WORTH_A_START = 0.5
"""Seconds that callers wait, all in all, before a pool adds a worker: about what its start costs."""


class CallFailed(Exception):
    """The worker could not do the call, or could not load its module (``setup``); it still runs."""

    def __init__(self, message: str, setup: bool = False) -> None:
        super().__init__(message)
        self.setup = setup


class WorkerDied(Exception):
    """The worker has ended: crashed, killed, or stopped because it took too long (``hung``)."""

    def __init__(self, message: str, hung: bool = False) -> None:
        super().__init__(message)
        self.hung = hung


class Worker:
    """A running child process. ``call`` is for one thread at a time; ``kill`` may come from any."""

    def __init__(
        self,
        module: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        command: Sequence[str] | None = None,
        log: Callable[[str], object] | None = None,
    ) -> None:
        """Start the process (about 0.1 s, not waited for).

        *module* offers ``serve``, which takes *arguments* and returns a ``Handler``; it is looked for where modules of
        this process are. *command* is another program to run, for tests. *log* gets each line that the native code
        writes to its standard error, in another thread; without it they are lost.

        Raises ``OSError`` when the process cannot be started.
        """
        # Only the parent handles Ctrl-C: the child is in a process group of its own.
        group: dict[str, Any] = {"process_group": 0}
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            command or [sys.executable, "-I", "-S", worker_main.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if log else subprocess.DEVNULL,
            pipesize=1 << 20,  # images are large, and every filling of the pipe costs a switch between processes
            **group,
        )
        self._killed = False
        self._exchanges = ThreadPoolExecutor(1, "worker")
        self._log: threading.Thread | None = None
        if log is not None:
            self._log = threading.Thread(target=_read_lines, args=(self._process.stderr, log), daemon=True)
            self._log.start()
        # An editable installation is found by a hook that the other process does not have: it is told the folder.
        here = str(Path(__file__).parents[1])
        path = [folder for folder in dict.fromkeys([*sys.path, here]) if folder]
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended already; the first call will say so
            greeting = {"path": path, "module": module, "arguments": dict(arguments or {}), "log": log is not None}
            send(self._process.stdin, greeting)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs, and may go on."""
        return not self._killed and self._process.poll() is None

    def call(
        self,
        head: Head,
        body: bytes = b"",
        *,
        timeout: float | None,
        answer: Ask | None = None,
        waiting: Callable[[], object] = lambda: None,
    ) -> Frame:
        """Return the answer to a frame.

        *timeout* is in seconds, without the time that *answer* takes for what it is asked, and without the time for
        which this process itself was stopped (Ctrl-Z); ``None``: no limit. *waiting* is called twice a second.

        Raises ``CallFailed`` or ``WorkerDied``.
        """
        reply = self._exchange({**head, "timeout": timeout}, body, timeout, waiting)
        while "ask" in reply[0] and answer is not None:
            try:
                given = answer(reply[0]["ask"])
            except BaseException:
                self.kill()  # the child waits for an answer that will not come
                raise
            reply = self._exchange(given, b"", timeout, waiting)
        if "error" in reply[0]:
            raise CallFailed(str(reply[0]["error"]), setup=bool(reply[0].get("setup")))
        return reply

    def kill(self) -> None:
        """End the process at once; a ``call`` that waits raises ``WorkerDied``."""
        self._killed = True
        self._process.kill()

    def describe_end(self) -> str:
        """Wait for the end of the process, and say how it ended."""
        code = self._process.wait()
        if code < 0 and -code in set(signal.Signals):
            return f"it ended with {signal.Signals(-code).name}"
        return "its native code panicked" if code == CRASHED else f"it ended with code {code}"

    def wait(self, seconds: float) -> bool:
        """Whether the process ends, and with it its log, within so many seconds."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        if self._log is not None:
            self._log.join(seconds)
        return True

    def close(self) -> None:
        """End the process and close its pipes; not while a ``call`` runs. May be called twice."""
        self.kill()
        self._process.wait()
        self._exchanges.shutdown(wait=False)
        if self._log is not None:
            self._log.join(_LEAVE)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):  # unsent data cannot be flushed any more
                if pipe is not None:
                    pipe.close()

    def __del__(self) -> None:
        """End the process when the object is garbage collected."""
        if "_exchanges" in vars(self):
            self.close()

    def _exchange(self, head: Head, body: bytes, timeout: float | None, waiting: Callable[[], object]) -> Frame:
        """Send a frame and wait for the next one. Raises ``WorkerDied``."""
        exchange = self._exchanges.submit(self._send_and_receive, head, body)
        left = math.inf if timeout is None else timeout
        while not exchange.done():
            if left <= 0:
                self.kill()
                wait([exchange])
                raise WorkerDied(f"it took more than {timeout or 0:g} s", hung=True)
            step, began = min(left, _TICK), time.monotonic()
            wait([exchange], step)
            left -= min(time.monotonic() - began, 2 * step)
            waiting()
        try:
            return exchange.result()
        except (OSError, EOFError, ValueError, TypeError, RecursionError):  # a pipe that broke; a frame that is none
            self.kill()
            raise WorkerDied(self.describe_end()) from None

    def _send_and_receive(self, head: Head, body: bytes) -> Frame:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        send(pipe_in, head, body)
        if (frame := receive(pipe_out)) is None:
            raise EOFError
        return frame


class WorkerPool:
    """Workers that start when they are first needed, and run until they crash or the pool is closed."""

    def __init__(self, start: Callable[[], Worker], most: int, *, first: int | None = None) -> None:
        """*start* starts a worker; what it raises is raised by ``acquire``.

        *most* may work at once; only *first* of them until callers have waited so long that another one is worth its
        start.
        """
        self._start = start
        self._most = most
        self._wanted = first or most
        self._waited = 0.0
        """Seconds that callers have waited for a worker since the last one was added."""
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @contextmanager
    def acquire(self) -> Iterator[Worker]:
        """Wait for a worker and use it within the block. Raises ``Interrupted`` once the pool is closed."""
        worker = self._take()
        try:
            yield worker
        except WorkerDied:
            self._check_open()
            raise
        finally:
            with self._changed:
                self._busy.discard(worker)
                keep = worker.is_alive and not self._closed
                if keep:
                    self._idle.append(worker)
                self._changed.notify()
            if not keep:
                worker.close()

    def add(self, worker: Worker) -> None:
        """Keep a worker that was started already."""
        with self._changed:
            self._idle.append(worker)

    def close(self) -> None:
        """End all workers, for good. Any thread; those who wait for an answer get ``Interrupted``."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
            self._changed.notify_all()
        for worker in idle:
            worker.close()

    def _take(self) -> Worker:
        with self._changed:
            while True:
                self._check_open()
                worker = self._pop_idle()
                if worker is None and len(self._busy) < self._wanted:
                    worker = self._start()
                if worker is not None:
                    self._busy.add(worker)
                    return worker
                began = time.monotonic()
                self._changed.wait(_WORTH_A_START)
                self._waited += time.monotonic() - began
                if self._waited >= _WORTH_A_START and self._wanted < self._most:
                    self._wanted, self._waited = self._wanted + 1, 0.0

    def _check_open(self) -> None:
        if self._closed:
            raise Interrupted("stopped")

    def _pop_idle(self) -> Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            worker.close()  # something killed it meanwhile, out of memory perhaps
        return None


def _read_lines(pipe: IO[bytes], log: Callable[[str], object]) -> None:
    while line := pipe.readline(_MOST_LINE):
        if text := " ".join(line.decode("utf-8", "replace").split()):
            log(text)

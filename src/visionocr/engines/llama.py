"""llama.cpp's own server in a process of its own: for people with two files and no server.

This file is both ends of the pipe. Run as a program it is the child: it loads the model, tells its address and serves
until its input ends, however that comes about. Imported, it offers ``LlamaServer``, the handle. As a program it is
started by its path, in Python's isolated mode, as all processes of ours are (``piped``); unlike those it has last words
worth telling, may take minutes to start, and is then spoken to by HTTP. What it is to do comes through the pipe: an
argument could be read by other users of the machine, and the key is among it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO

_HEART_BEAT = 0.5
"""Seconds between looks at a child that loads: Ctrl-C is noticed in between, on every system."""
_LEAVE = 3.0
"""Seconds in which a child that is told to go has gone."""
_COMPLAINT = re.compile(r"^[\d.]+ E (.*)")
"""A line of llama.cpp's log that tells of an error."""
_MOST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Launch:
    """What is to be served, and with what."""

    model: str
    projector: str
    context: int
    """Tokens, for all slots together."""
    threads: int | None = None
    """``None``: as many as the machine has cores."""
    gpu_layers: int | None = None
    """Layers of the model that a graphics card computes; ``None``: as many as fit."""
    slots: int = 1


class LlamaFailed(Exception):
    """The server did not start, or is gone. The message has its last words."""


def installed() -> bool:
    """Whether the package that carries the server is there; imports nothing."""
    return find_spec("xllamacpp") is not None


def version() -> str:
    """Of the package; empty when it is not installed."""
    try:
        return metadata.version("xllamacpp")
    except metadata.PackageNotFoundError:
        return ""


def command() -> list[str]:
    """The command line of the child; needs the package to be installed."""
    spec = find_spec("xllamacpp")
    home = str(Path(spec.origin).parents[1]) if spec and spec.origin else ""
    return [sys.executable, "-I", "-S", __file__, home]


class LlamaServer:
    """A running server on a port of this machine that was free. It takes requests with ``key`` only."""

    def __init__(self, launch: Launch, program: Sequence[str] | None = None) -> None:
        """Start it; ``wait`` says where it is. *program* is another child than this file, for tests.

        Raises ``OSError`` when the program cannot be started.
        """
        self.key = secrets.token_urlsafe(32)
        # Windows: no window, and no Ctrl-C from the console. Elsewhere the child ignores that signal itself.
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [*(program or command())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=flags,
        )
        self._replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._complaint = ""
        self._lines: deque[str] = deque(maxlen=5)
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self._readers = [
            threading.Thread(target=self._hear_reply, args=(stdout,), name="llama reply", daemon=True),
            threading.Thread(target=self._hear_log, args=(stderr,), name="llama log", daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(OSError):  # it is gone already: ``wait`` says why
            stdin.write(json.dumps({**asdict(launch), "key": self.key}).encode("ascii") + b"\n")
            stdin.flush()

    def gone(self, within: float) -> bool:
        """Whether the process ends within so many seconds."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, waiting: Callable[[], object] = lambda: None) -> str:
        """The server's address, once the model is loaded: for as long as the process lives.

        *waiting* is called while it takes time, about twice a second. Raises ``LlamaFailed``.
        """
        while True:
            try:
                line = self._replies.get(timeout=_HEART_BEAT)
                break
            except queue.Empty:
                waiting()
        try:
            reply = json.loads(line)
        except ValueError:
            reply = {}
        reply = reply if isinstance(reply, dict) else {}
        if not isinstance(reply.get("address"), str):
            raise LlamaFailed(self.last_words(str(reply.get("error", ""))))
        address: str = reply["address"]
        return address

    def last_words(self, otherwise: str = "") -> str:
        """Why it ended: the first error in its log, else what the child said, else how the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LEAVE)  # what it has to say may still be on its way
        self.close()
        fate = self._process.returncode
        signals = {number.value: number.name for number in signal.Signals}
        ending = f"it ended with {signals.get(-fate, f'code {fate}')}"
        return self._complaint or otherwise or ": ".join([ending, *list(self._lines)[-1:]])

    def kill(self) -> None:
        """End the process without ceremony."""
        self._process.kill()

    def close(self) -> None:
        """End the process and give its pipes back. May be called twice."""
        _shut(self._process.stdin)  # the end of its input is the end of the child
        try:
            self._process.wait(_LEAVE)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_LEAVE)
        _shut(self._process.stdout)
        _shut(self._process.stderr)

    def _hear_reply(self, pipe: IO[bytes]) -> None:
        self._replies.put(pipe.readline(_MOST_LINE))

    def _hear_log(self, pipe: IO[bytes]) -> None:
        """Keep the pipe empty, and what may be worth telling."""
        while line := pipe.readline(_MOST_LINE):
            text = " ".join(line.decode("utf-8", "replace").split())
            if found := _COMPLAINT.match(text):
                self._complaint = self._complaint or found[1]
            elif text:
                self._lines.append(text)


def _shut(pipe: IO[bytes] | None) -> None:
    with contextlib.suppress(OSError):  # what was not yet sent has nowhere to go
        if pipe is not None:
            pipe.close()


# --- the other end -------------------------------------------------------------------------------------


def main(home: str) -> int:
    """Be the server: *home* is the folder that holds its package. The exit code, when it could not start."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent to act on
    orders, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    order = json.loads(orders.readline())
    _leave_with_the_parent(orders)
    sys.path.append(home)
    try:
        server = _serve(order)
        reply = {"address": server.listening_address}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        reply = {"error": str(error) or type(error).__name__}
    replies.write(json.dumps(reply).encode("ascii") + b"\n")
    replies.flush()
    if "error" in reply:
        return 1
    while True:
        threading.Event().wait(3600)


def _serve(order: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = order["model"]
    params.mmproj.path = order["projector"]
    params.api_keys = [order["key"]]
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # a free one
    params.n_ctx = order["context"]
    params.n_parallel = order["slots"]
    params.cache_ram_mib = 0  # prompts of pages have no second use
    params.ui = False
    params.offline = True
    params.warmup = False
    if order["threads"] is not None:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = order["threads"]
    if order["gpu_layers"] is not None:
        params.n_gpu_layers = order["gpu_layers"]
        params.mmproj_use_gpu = order["gpu_layers"] > 0
    return xllamacpp.Server(params)


def _leave_with_the_parent(orders: BinaryIO) -> None:
    """End when the pipe does.

    While it loads, the library keeps the interpreter to itself: on Linux the kernel sees to it even then, elsewhere
    the thread does once the model is loaded.
    """
    if sys.platform == "linux":
        import fcntl

        fcntl.fcntl(orders, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(orders, fcntl.F_SETFL, fcntl.fcntl(orders, fcntl.F_GETFL) | os.O_ASYNC)  # SIGIO, which kills

    def listen() -> None:
        orders.read()
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

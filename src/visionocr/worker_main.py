"""The program of a child process, and the frames that it exchanges with its parent.

It is started by its path in Python's isolated mode. The first frame tells which module to load; the program calls the
module's ``serve`` and answers frames until its input ends. Nothing of the caller's own program is run again, so a
script without ``if __name__ == "__main__"`` is safe. Nothing of ours is imported here before the first frame.

A frame is two 32-bit lengths, a JSON object and raw bytes. JSON and not pickle: what comes back from a process that
read a hostile file must not be able to run anything in the parent.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import IO, Any, BinaryIO

_HEAD = struct.Struct(">II")
_MAX_HEAD, _MAX_BODY = 1 << 26, 1 << 30
CRASHED = 70
"""Exit code after a panic in native code."""
_GRACE = 10.0
"""Seconds of processor time beyond its time limit after which a child ends itself: its parent may be gone."""

Head = dict[str, Any]
Frame = tuple[Head, bytes]
Ask = Callable[[Head], Head]
"""Asks the parent something in the middle of an answer."""
Handler = Callable[[Head, bytes, Ask], Frame]
"""Answers a frame. What it raises becomes a frame with the key ``error``."""


def count_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def send(pipe: IO[bytes], head: Head, body: bytes = b"") -> None:
    """Write a frame. Raises ``OSError`` when the other end is gone."""
    encoded = json.dumps(head).encode("ascii")
    pipe.write(_HEAD.pack(len(encoded), len(body)) + encoded)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Frame | None:
    """The next frame, or ``None`` at the end of the pipe. Raises ``ValueError`` for what is no frame."""
    sizes = pipe.read(_HEAD.size)
    if len(sizes) < _HEAD.size:
        return None
    head_size, body_size = _HEAD.unpack(sizes)
    if head_size > _MAX_HEAD or body_size > _MAX_BODY:
        raise ValueError("not a frame")
    head, body = pipe.read(head_size), pipe.read(body_size)
    if len(head) < head_size or len(body) < body_size:
        return None
    fields = json.loads(head)
    if not isinstance(fields, dict):
        raise ValueError("not a frame")
    return fields, body


def main() -> None:
    """Run the child process."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # signals are handled by the parent; when it ends, the pipe closes
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    requests, replies = _take_pipes()
    greeting = receive(requests)
    if greeting is None:
        return
    if not greeting[0]["log"]:
        os.dup2(1, 2)
    sys.path[:] = greeting[0]["path"]
    handler: Handler | None = None
    setup = ""
    try:
        handler = import_module(greeting[0]["module"]).serve(**greeting[0]["arguments"])
    except Exception as error:  # noqa: BLE001 - a wheel for another system can fail in any way; the parent says so
        setup = str(error) or type(error).__name__
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, frames), daemon=True).start()

    def ask(question: Head) -> Head:
        send(replies, {"ask": question})
        return frames.get()[0]

    while True:
        head, body = frames.get()
        if head["timeout"] is not None:
            _limit_processor_time(float(head["timeout"]))
        try:
            reply: Frame = ({"error": setup, "setup": True}, b"") if handler is None else handler(head, body, ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            reply = {"error": str(error) or type(error).__name__}, b""
        except BaseException:  # noqa: BLE001 - a panic in native code: nothing can be trusted any more
            os._exit(CRASHED)
        send(replies, *reply)
        del head, body, reply  # to free their memory for the next picture


def _limit_processor_time(seconds: float) -> None:
    """End this process when an answer takes far more than *seconds*, even if native code holds the interpreter lock.

    The parent does that as a rule, and ``_listen`` notices when the parent is gone; a native loop without end that
    keeps the interpreter to itself is noticed by neither once the parent is gone. Processor time and not the clock:
    a stopped process (Ctrl-Z) is none that hangs.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, (seconds + _GRACE) * count_cores())


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the parent away from the standard descriptors: native code may write to those.

    On Windows it also keeps a library that looks at its standard input while loading from waiting for our reads.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    if sys.platform == "linux":
        import fcntl

        # SIGIO comes with every frame, and with the parent's end: a module may let it end the process.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(requests, fcntl.F_SETFL, fcntl.fcntl(requests, fcntl.F_GETFL) | os.O_ASYNC)
    return requests, replies


def _listen(requests: BinaryIO, frames: queue.SimpleQueue[Frame]) -> None:
    """Pass frames on; when the parent has ended, end this process too, even in the middle of an answer."""
    while (frame := receive(requests)) is not None:
        frames.put(frame)
    os._exit(0)


if __name__ == "__main__":
    main()

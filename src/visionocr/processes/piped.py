"""Processes of our own behind pipes, for native code that reads untrusted files: a crash or a hang costs one answer.

This file is both ends. Imported, it offers ``Piped``, the handle. Run as a program, which is started by its path in
Python's isolated mode, it is the other end: it is told in the first frame which module to load, calls the module's
``serve``, and answers frames until its input ends. Nothing of the caller's own program is run again, so a script
without ``if __name__ == "__main__"`` is safe.

A frame is two 32-bit lengths, a JSON object and raw bytes. JSON and not pickle: what comes back from a process that
read a hostile file must not be able to run anything here.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO

_HEAD = struct.Struct(">II")
_MAX_HEAD, _MAX_BODY = 1 << 26, 1 << 30
_CRASHED = 70
"""Exit code after a panic in native code."""
_GRACE = 10.0
"""Seconds beyond its time-out after which a process ends itself: its parent should have done that, and may be gone."""

Head = dict[str, Any]
Frame = tuple[Head, bytes]
Ask = Callable[[Head], Head]
"""Asks the parent something in the middle of an answer."""
Handler = Callable[[Head, bytes, Ask], Frame]
"""Answers a frame. What it raises becomes a frame with the key ``error``."""


class Failed(Exception):
    """The other end could not do it, or could not load its module (``setup``); it lives on."""

    def __init__(self, message: str, setup: bool = False) -> None:
        super().__init__(message)
        self.setup = setup


class Lost(Exception):
    """The process is gone: crashed, killed, or stopped because it took too long (``hung``)."""

    def __init__(self, message: str, hung: bool = False) -> None:
        super().__init__(message)
        self.hung = hung


class Piped:
    """A running process. ``call`` is for one thread at a time; ``kill`` may come from any."""

    def __init__(
        self,
        module: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        command: Sequence[str] | None = None,
    ) -> None:
        """Start the process (about 0.1 s, not waited for).

        *module* offers ``serve``, which takes *arguments* and returns a ``Handler``; it is looked for where modules of
        this process are. *command* is another program to run, for tests.

        Raises ``OSError`` when the process cannot be started.
        """
        from visionocr.processes.deadline import Deadline  # as a program, this file does not find it

        # Windows: no window, and no Ctrl-C from the console. Elsewhere the process ignores that signal itself.
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            command or [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pipesize=1 << 20,  # pictures are large, and every filling of the pipe wakes somebody up
            creationflags=flags,
        )
        self._deadline = Deadline(self._process.kill)
        # An editable installation is found by a hook that the other process does not have: it is told the folder.
        here = str(Path(__file__).parents[2])
        path = [folder for folder in dict.fromkeys([*sys.path, here]) if folder]
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # it ended already; the first call will say so
            _send(self._process.stdin, {"path": path, "module": module, "arguments": dict(arguments or {})})

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def call(self, head: Head, body: bytes = b"", *, timeout: float, answer: Ask | None = None) -> Frame:
        """The answer to a frame; *timeout* in seconds, without the time that *answer* takes for what it is asked.

        Raises ``Failed`` or ``Lost``.
        """
        try:
            reply = self._timed({**head, "timeout": timeout}, body, timeout)
            while reply is not None and "ask" in reply[0] and answer is not None:
                reply = self._timed(answer(reply[0]["ask"]), b"", timeout)
        except (OSError, ValueError, TypeError, RecursionError):  # a pipe that broke; a frame that is none
            reply = None
        except BaseException:
            self.end()  # it waits for an answer that will not come
            raise
        if reply is None:
            self.kill()
            fate, late = self._fate(), self._deadline.passed
            raise Lost(f"it took more than {timeout:g} s" if late else fate, hung=late)
        if "error" in reply[0]:
            raise Failed(str(reply[0]["error"]), setup=bool(reply[0].get("setup")))
        return reply

    def kill(self) -> None:
        """End the process at once; a ``call`` that waits raises ``Lost``."""
        self._process.kill()

    def end(self) -> None:
        """End the process, and wait until it is gone."""
        self.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and give its pipes back; not while a ``call`` runs."""
        self.end()
        self._deadline.close()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not yet sent has nowhere to go
                pass

    def __del__(self) -> None:
        """Nobody can call it any more: it ends."""
        if "_process" in vars(self):
            self.close()

    def _timed(self, head: Head, body: bytes, timeout: float) -> Frame | None:
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        self._deadline.begin(timeout)
        try:
            _send(pipe_in, head, body)
            return _receive(pipe_out)
        finally:
            self._deadline.end()

    def _fate(self) -> str:
        """Wait for its end, so that nobody takes it for alive; how it ended."""
        code = self._process.wait()
        if code < 0 and -code in set(signal.Signals):
            return f"it ended with {signal.Signals(-code).name}"
        return "it broke down inside" if code == _CRASHED else f"it ended with code {code}"


def _send(pipe: IO[bytes], head: Head, body: bytes = b"") -> None:
    encoded = json.dumps(head).encode("ascii")
    pipe.write(_HEAD.pack(len(encoded), len(body)) + encoded)
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Frame | None:
    """The next frame, or ``None`` at the end of the pipe."""
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


# --- the other end -------------------------------------------------------------------------------------


def main() -> None:
    """Be the other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent to act on
    requests, replies = _own_pipes()
    greeting = _receive(requests)
    if greeting is None:
        return
    sys.path[:] = greeting[0]["path"]
    handler: Handler | None = None
    setup = ""
    try:
        handler = import_module(greeting[0]["module"]).serve(**greeting[0]["arguments"])
    except Exception as error:  # noqa: BLE001 - a wheel for another system can fail in any way; the parent says so
        setup = str(error) or type(error).__name__
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, frames), daemon=True).start()
    while True:
        head, body = frames.get()
        timeout = float(head["timeout"])

        def ask(question: Head, timeout: float = timeout) -> Head:
            faulthandler.cancel_dump_traceback_later()
            _send(replies, {"ask": question})
            answer = frames.get()[0]
            _arm(timeout)
            return answer

        # Should native code hang while it holds the interpreter, `_listen` cannot see the parent go: this can.
        _arm(timeout)
        try:
            reply: Frame = ({"error": setup, "setup": True}, b"") if handler is None else handler(head, body, ask)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            reply = {"error": str(error) or type(error).__name__}, b""
        except BaseException:  # noqa: BLE001 - a panic in native code: nothing can be trusted any more
            os._exit(_CRASHED)
        faulthandler.cancel_dump_traceback_later()
        _send(replies, *reply)
        del head, body, reply  # what the last picture took is for the next one


def _arm(timeout: float) -> None:
    faulthandler.dump_traceback_later(timeout + _GRACE, exit=True, file=sys.__stderr__ or 2)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the parent away from the standard descriptors: native code may write to those.

    On Windows it also keeps a library that looks at its standard input while loading from waiting for our reads.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return requests, replies


def _listen(requests: BinaryIO, frames: queue.SimpleQueue[Frame]) -> None:
    """Pass frames on; when the parent is gone, however it went, go too, even in the middle of an answer."""
    while (frame := _receive(requests)) is not None:
        frames.put(frame)
    os._exit(0)


if __name__ == "__main__":
    main()

"""A process of its own for native code that reads untrusted pictures: a crash or a hang costs one page.

This file is both ends of the pipe. Run as a program it is the worker: it answers frames until its input ends.
Imported, it offers ``Worker``, the handle that the engine holds. As a program it is started by its path, in
Python's isolated mode: it needs nothing but the standard library and the engine, nothing of the caller's own
program is run again, and a script without ``if __name__ == "__main__"`` is safe.

A frame is two 32-bit lengths, a JSON object and raw bytes. JSON and not pickle: what comes back from a process
that read a hostile picture must not be able to run anything here.
"""

from __future__ import annotations

import faulthandler
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, BinaryIO

MODELS = ("tiny", "small")
"""The models whose weights are inside the package. Its third, ``medium``, would be downloaded."""

_HEAD = struct.Struct(">II")
_MAX_HEAD, _MAX_BODY = 1 << 26, 1 << 30
_CRASHED = 70
"""The worker's exit code when the engine's native code panicked."""

RawLine = tuple[float, float, float, float, str, float]
"""left, top, right, bottom (pixels), text, confidence (0 to 1)"""


class WorkerFailed(Exception):
    """The worker could not read the picture, or could not start the engine (``setup``); it lives on."""

    def __init__(self, message: str, setup: bool = False) -> None:
        super().__init__(message)
        self.setup = setup


class WorkerLost(Exception):
    """The worker is gone: crashed, killed, or stopped because it took too long (``hung``)."""

    def __init__(self, message: str, hung: bool = False) -> None:
        super().__init__(message)
        self.hung = hung


def command() -> list[str]:
    """The command line of a worker, without its own arguments; needs the engine's package to be installed."""
    spec = find_spec("faster_paddle")
    home = str(Path(spec.origin).parents[1]) if spec and spec.origin else ""
    return [sys.executable, "-I", "-S", __file__, home]


class Worker:
    """A running worker. ``ask`` is for one thread at a time; ``kill`` may come from any."""

    def __init__(self, program: Sequence[str], threads: int) -> None:
        """Start the process (about 0.1 s, not waited for); *threads* is the CPU budget of its engine.

        Raises ``OSError`` when the program cannot be started.
        """
        # Windows: no window, and no Ctrl-C from the console. Elsewhere the worker ignores that signal itself.
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [*program, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def ask(self, model: str, picture: bytes, timeout: float) -> list[RawLine]:
        """The lines that *model* finds in an encoded picture; *timeout* in seconds.

        Raises ``WorkerFailed`` or ``WorkerLost``.
        """
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.kill()

        watch = threading.Timer(timeout, stop)
        watch.daemon = True
        watch.start()
        try:
            _send(pipe_in, {"model": model, "timeout": timeout}, picture)
            answer = _receive(pipe_out)
            lines = None if answer is None or "lines" not in answer[0] else [_raw(line) for line in answer[0]["lines"]]
        except (OSError, ValueError, TypeError, RecursionError):  # a pipe that broke; a frame that is none
            answer = lines = None
        finally:
            watch.cancel()
        if answer is None:
            self.kill()
            reason = f"it took more than {timeout:g} s" if late.is_set() else self._fate()
            raise WorkerLost(reason, hung=late.is_set())
        if lines is None:
            raise WorkerFailed(str(answer[0].get("error")), setup=bool(answer[0].get("setup")))
        return lines

    def kill(self) -> None:
        """End the process at once; an ``ask`` that waits raises ``WorkerLost``."""
        self._process.kill()

    def close(self) -> None:
        """End the process and give its pipes back; not while an ``ask`` runs."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not yet sent has nowhere to go
                pass

    def _fate(self) -> str:
        code = self._process.wait()
        if code < 0 and -code in set(signal.Signals):
            return f"it ended with {signal.Signals(-code).name}"
        return "it broke down inside" if code == _CRASHED else f"it ended with code {code}"


def _raw(line: Any) -> RawLine:
    left, top, right, bottom, text, confidence = line
    return float(left), float(top), float(right), float(bottom), str(text), float(confidence)


def _send(pipe: IO[bytes], head: dict[str, Any], body: bytes = b"") -> None:
    encoded = json.dumps(head).encode("ascii")
    pipe.write(_HEAD.pack(len(encoded), len(body)) + encoded)
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
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


def main(home: str, threads: int) -> None:
    """Be the worker: *home* is the folder that holds the engine's package, *threads* its CPU budget."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is for the parent to act on
    requests, replies = _own_pipes()
    sys.path.append(home)
    setup = ""
    try:
        import faster_paddle
    except Exception as error:  # noqa: BLE001 - a wheel for another system can fail in any way; the parent says so
        setup = str(error) or type(error).__name__
    frames: queue.SimpleQueue[tuple[dict[str, Any], bytes]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, frames), daemon=True).start()
    engines: dict[str, Any] = {}
    while True:
        head, picture = frames.get()
        # Should native code hang while it holds the interpreter, `_listen` cannot see the parent go: this can.
        faulthandler.dump_traceback_later(head["timeout"] + 10, exit=True, file=sys.__stderr__ or 2)
        try:
            if setup:
                reply: dict[str, Any] = {"error": setup, "setup": True}
            elif (model := head["model"]) not in MODELS:
                reply = {"error": f"unknown model {model!r}", "setup": True}
            else:
                if model not in engines:
                    engines[model] = faster_paddle.OcrEngine(model_size=model, threads=threads)
                found = engines[model].ocr(picture)["bounds"].values()
                reply = {
                    "lines": [
                        (*line["topLeftCoord"], *line["bottomRightCoord"], line["text"], line["confidence"])
                        for line in found
                    ]
                }
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            reply = {"error": str(error) or type(error).__name__}
        except BaseException:  # noqa: BLE001 - a panic in native code: nothing can be trusted any more
            os._exit(_CRASHED)
        faulthandler.cancel_dump_traceback_later()
        _send(replies, reply)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the parent away from the standard descriptors: native code may write to those.

    On Windows it also keeps a library that looks at its standard input while loading from waiting for our reads.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return requests, replies


def _listen(requests: BinaryIO, frames: queue.SimpleQueue[tuple[dict[str, Any], bytes]]) -> None:
    """Pass frames on; when the parent is gone, however it went, go too, even in the middle of a page."""
    while (frame := _receive(requests)) is not None:
        frames.put(frame)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

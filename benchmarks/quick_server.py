"""A server that speaks KoboldCpp's API and costs next to nothing, in a process of its own: for measuring the client.

It reads no picture. ``QuickServer`` starts it; as a program it prints its port and serves until its input ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any

TOKENS = 60
"""Of the prompt's text; a picture has 1,000 more."""
FIXED: dict[str, Any] = {
    "/api/extra/version": {
        "result": "KoboldCpp",
        "version": "1.115.1",
        "protected": False,
        "llm": True,
        "vision": True,
    },
    "/api/v1/model": {"result": "koboldcpp/Qwen2.5-VL-7B-Instruct"},
    "/api/extra/true_max_context_length": {"value": 32768},
    "/api/extra/tokencount": {"value": TOKENS},
    "/api/extra/perf": {"idle": 1, "queue": 0, "total_gens": 0, "last_token_count": 50, "stop_reason": 1},
    "/api/extra/generate/check": {"results": [{"text": ""}]},
    "/api/extra/abort": {"success": True},
}
RESULT = {"finish_reason": "stop", "prompt_tokens": TOKENS + 1000, "completion_tokens": 50}


class QuickServer:
    """The server, and what it counted.

    *text* answers every request. ``service`` is the time in seconds that an answer takes, one after the other.
    """

    def __init__(self, text: str, service: float = 0.0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(service), text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    def stats(self) -> dict[str, float]:
        """``answers``, ``busy`` (seconds), ``first`` and ``last`` (seconds of the system's clock), then from zero."""
        with urllib.request.urlopen(f"{self.url}/stats") as reply:
            return dict(json.load(reply))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> QuickServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Counts:
    def __init__(self) -> None:
        self.busy = self.first = self.last = 0.0
        self.answers = 0


def serve(service: float, text: str) -> None:
    """Be the server."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    lock, counts = threading.Lock(), _Counts()
    threading.Thread(target=lambda: sys.stdin.read() or sys.exit(), daemon=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, service, text, lock, counts), daemon=True).start()


def _answer(connection: socket.socket, service: float, text: str, lock: threading.Lock, counts: _Counts) -> None:
    with connection:
        data = bytearray()
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")), 0
        )
        left = length - len(body)
        while left > 0:
            left -= len(connection.recv(min(left, 1 << 20)))
        if path == "/api/v1/generate":
            with lock:
                started = time.time()
                time.sleep(service)
                counts.answers += 1
                counts.first = counts.first or started
                counts.last = time.time()
                counts.busy += counts.last - started
            reply: Any = {"results": [{"text": text, **RESULT}]}
        elif path == "/stats":
            reply = vars(counts).copy()
            counts.__init__()  # type: ignore[misc]
        else:
            reply = FIXED.get(path)
        payload = json.dumps(reply).encode()
        status = b"404 Not Found" if reply is None else b"200 OK"
        connection.sendall(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
            % (status, len(payload), payload)
        )


if __name__ == "__main__":
    serve(float(sys.argv[1]), sys.argv[2])

"""A KoboldCpp server that does nothing but pass time, cheap enough to be measured against: several in one process.

It answers as if every page were one of ``documents.born_digital``.

``python benchmarks/quick.py 0.1 0.05`` serves two, which take so many seconds for an answer, one at a time, first come,
first served. The first line of standard output holds their addresses as JSON; for each line of standard input there
is one more with what they did since the line before; the end of standard input ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from documents import ANSWER


@dataclass
class Figures:
    """What a server did. Times in seconds, by its own clock."""

    pages: int = 0
    busy: float = 0.0
    """In which it worked on a page."""
    first: float = 0.0
    """When it began with the first page."""
    last: float = 0.0
    """When it was done with the last."""

    @property
    def share(self) -> float:
        """Of the time between the first and the last page, the part in which it worked."""
        return self.busy / (self.last - self.first) if self.pages else 0.0


class Quick:
    """One server."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.figures = Figures()
        self.lock = asyncio.Lock()
        self.answers = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ", 2)[1]
            length = next((line.split(":")[1] for line in head.lower().split("\r\n") if "content-length" in line), "0")
            await reader.readexactly(int(length))
            body = json.dumps(await self.answer(path)).encode()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n")
            writer.write(f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
        writer.close()

    async def answer(self, path: str) -> object:
        """The JSON for an address."""
        match path:
            case "/api/v1/generate":
                return await self.generate()
            case "/api/extra/version":
                return {"result": "KoboldCpp", "version": "1.115.1", "vision": True, "llm": True, "protected": False}
            case "/api/v1/model":
                return {"result": "koboldcpp/Qwen2.5-VL-7B-Instruct-Q4_K_M"}
            case "/api/extra/true_max_context_length" | "/api/extra/tokencount":
                return {"value": 16384 if path.endswith("length") else 20}
            case "/api/extra/perf":
                return {"queue": 0, "idle": int(not self.lock.locked()), "total_gens": self.answers}
            case _:
                return {"results": [{"text": ""}], "success": "true", "done": "false"}

    async def generate(self) -> object:
        """Work."""
        clock = asyncio.get_running_loop().time
        async with self.lock:
            begun = clock()
            await asyncio.sleep(self.seconds)
            done = clock()
        figures = self.figures
        self.answers += 1
        figures.pages, figures.busy, figures.last = figures.pages + 1, figures.busy + done - begun, done
        figures.first = figures.first or begun
        result = {"text": ANSWER, "finish_reason": "stop"}
        return {"results": [{**result, "prompt_tokens": 600, "completion_tokens": 60}]}


async def _main(seconds: list[float]) -> None:
    servers = [Quick(each) for each in seconds]
    listening = [await asyncio.start_server(server.serve, "127.0.0.1", 0) for server in servers]
    print(json.dumps([f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}" for one in listening]), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps([asdict(server.figures) for server in servers]), flush=True)
        for server in servers:
            server.figures = Figures()


class Servers:
    """Servers in a process of their own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.urls: list[str] = json.loads(self._line())

    def figures(self) -> list[Figures]:
        """What each did since the last time."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return [Figures(**each) for each in json.loads(self._line())]

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextlib.contextmanager
def servers(*seconds: float) -> Iterator[Servers]:
    """Servers that take so many seconds for a page."""
    command = [sys.executable, str(Path(__file__)), *map(str, seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Servers(process)
        assert process.stdin is not None
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_main([float(argument) for argument in sys.argv[1:]]))

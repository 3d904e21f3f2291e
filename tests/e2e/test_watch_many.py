"""Very many documents that come at any moment, and a watch that is killed again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from setting_samples import UNCHECKED
from visionocr.output.saved import split_pages

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")]

FILES, BROKEN, KILLS = 200, 12, 10
SETTLE = 0.4
"""Seconds; between the pieces of a file that is written slowly there is a small part of it."""
AT_ONCE = 3
"""Requests that are under way when a process is killed: nobody will ever know their answers."""
PATIENCE = 240


class Delivery(threading.Thread):
    """Brings files into the inbox, each in another way, in an order and at moments that are not known before."""

    def __init__(self, inbox: Path, store: Path) -> None:
        super().__init__(name="delivery")
        self._inbox, self._store = inbox, store
        self._chance = random.Random(7)
        self._never = threading.Event()

    def run(self) -> None:
        """Deliver all, then end."""
        numbers = list(range(1, FILES + 1))
        self._chance.shuffle(numbers)
        for number in numbers:
            source = self._make(number)
            ways = (self._move, self._write_slowly, self._download, self._rename, self._synchronise)
            self._chance.choice(ways)(source, self._inbox / source.name)
            self._pause(0.05)

    def _make(self, number: int) -> Path:
        """A document: a picture, a PDF of two pages, or one that is none."""
        if number <= BROKEN:
            path = self._store / f"{number}.pdf"
            path.write_bytes(self._chance.randbytes(3000))
        elif number % 4:
            path = pdf_file(self._store / f"{number}.pdf", numbers=[number, number + 1000])
        else:
            path = make_image(self._store / f"{number}.png", number)
        return path

    def _pause(self, most: float) -> None:
        self._never.wait(self._chance.random() * most)

    def _move(self, source: Path, target: Path) -> None:
        source.rename(target)

    def _write_slowly(self, source: Path, target: Path) -> None:
        data = source.read_bytes()
        with target.open("wb", buffering=0) as file:
            for at in range(0, len(data), len(data) // 8 + 1):
                file.write(data[at : at + len(data) // 8 + 1])
                self._pause(SETTLE / 8)

    def _download(self, source: Path, target: Path) -> None:
        """As Firefox does."""
        target.touch()
        part = target.with_name(target.name + ".part")
        self._write_slowly(source, part)
        part.replace(target)

    def _rename(self, source: Path, target: Path) -> None:
        """Under another name first, which may be met while it is being read."""
        first = target.with_name(f"new-{target.name}")
        source.rename(first)
        self._pause(3 * SETTLE)
        if first.exists():
            first.rename(target)

    def _synchronise(self, source: Path, target: Path) -> None:
        hidden = target.with_name(f".{target.name}.Xq12Zz")
        self._write_slowly(source, hidden)
        hidden.replace(target)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nobody's configuration; small pictures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    return {**kept, **UNCHECKED, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "VISIONOCR_MAX_SIDE": "500"}


@contextmanager
def process(folder: Path, environment: dict[str, str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program, watching."""
    command = [sys.executable, "-m", "visionocr", "watch", "inbox", "-o", "out/", "--api-url", url, "--log", "log"]
    command += ["--done", "done", "--failed", "failed", "--interval", "0.1", "--settle", str(SETTLE)]
    command += ["--tries", "2", "--retry-wait", "0.2"]
    with (folder / "messages").open("ab") as messages:
        running = subprocess.Popen(command, cwd=folder, env=environment, stderr=messages)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until it is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_each_of_200_files_is_read_once(tmp_path: Path, environment: dict[str, str]) -> None:
    """However they come, and with the process killed ten times: none twice, none half, none lost."""
    inbox, done, failed = (tmp_path / name for name in ("inbox", "done", "failed"))
    for folder in (inbox, done, failed, tmp_path / "store"):
        folder.mkdir()
    chance = random.Random(3)
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct-Q4_K_M") as server:
        server.service_seconds = 0.02
        delivery = Delivery(inbox, tmp_path / "store")
        delivery.start()
        for number in range(1, KILLS + 1):
            with process(tmp_path, environment, server.url):
                enough = (FILES - BROKEN) * number // (KILLS + 2)
                wait_for(lambda: len(os.listdir(done)) >= enough)  # noqa: B023
                threading.Event().wait(chance.random() * 0.3)
        with process(tmp_path, environment, server.url) as last:
            wait_for(lambda: len(os.listdir(done)) + len(os.listdir(failed)) >= FILES)
            delivery.join()
            last.send_signal(signal.SIGTERM)
            assert last.wait(5) == 130

    def number_of(name: str) -> int:
        return int(name.removeprefix("new-").partition(".")[0])

    assert os.listdir(inbox) == []
    assert sorted(map(number_of, os.listdir(failed))) == list(range(1, BROKEN + 1))
    assert sorted(map(number_of, os.listdir(done))) == list(range(BROKEN + 1, FILES + 1))
    read: Counter[int] = Counter()
    for path in (tmp_path / "out").glob("*.md"):
        number = number_of(path.name)
        pages = [number, number + 1000] if number % 4 else [number]
        assert [page.text for page in split_pages(path.read_text())] == [page_text(page) for page in pages]
        read[number] += 1
    assert set(read) == set(range(BROKEN + 1, FILES + 1))
    twice = {number for number, count in read.items() if count > 1}
    assert not twice, twice
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    reported = Counter(line["document"] for line in lines if line["event"] == "done")
    assert max(reported.values()) == 1
    again = sum(server.asked[page] - 1 for page in server.asked if page is not None)
    assert again <= KILLS * AT_ONCE, again
    assert "Traceback" not in (tmp_path / "messages").read_text()

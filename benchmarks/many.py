"""Very many documents: how soon the first request goes out, in how much memory, and what a repeated run costs.

Three runs over one folder of tiny pictures, each with its output in a folder: the first is stopped after some pages;
the second is a list of a few of them and is finished, then rows and files like those it left are made for all others;
the third has nothing left to do. Ends with 1 when a first request takes more than 2 s or a run more than 200 MB.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import encode, picture
from measured import UNCHECKED, Measured, measure
from visionocr.output.database import checksum
from visionocr.output.state import FOLDER_STATE

SECONDS, MEGABYTES = 2.0, 200.0


def make(folder: Path, count: int) -> None:
    """Pictures that differ in their bytes only, all in one folder: the hardest case, for it is sorted as a whole."""
    data = encode(picture(7), "PNG")
    for number in range(count):
        (folder / f"scan{number}.png").write_bytes(data + str(number).encode())


def started(folder: Path, out: Path, server: FakeKoboldCpp, pages: int) -> tuple[float, float]:
    """Seconds to the first page's request, and the megabytes in use when *pages* were asked for."""
    command = ["image", "-r", str(folder), "-o", f"{out}/", "--api-url", server.url, "-q"]
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "visionocr", *command])
    server.wait_for(lambda: bool(server.asked[7]), 60)
    first = time.monotonic() - begun
    server.wait_for(lambda: server.asked[7] >= pages, 600)
    status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
    process.send_signal(signal.SIGTERM)
    process.wait()
    return first, next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def finish(folder: Path, out: Path) -> None:
    """Make for all documents what a run left for some."""
    state = out / FOLDER_STATE
    with contextlib.closing(sqlite3.connect(state)) as database:
        ((job,),) = database.execute("SELECT DISTINCT job FROM outputs").fetchall()
        there = {document for (document,) in database.execute("SELECT document FROM outputs")}
        for path in folder.rglob("*.png"):
            if str(path) in there:
                continue
            status = path.stat()
            values = f"{path.stem}.md", str(path), status.st_size, status.st_mtime_ns, job
            database.execute("INSERT INTO outputs VALUES (?, ?, ?, ?, ?, ?)", (*values, checksum(*values)))
            (out / f"{path.stem}.md").write_text("read\n", "utf-8")
        database.commit()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--read", type=int, default=500, help="of them that the first runs read")
    options = parser.parse_args()
    os.environ.update(UNCHECKED)  # a second reader would take a thousand times as long as the server
    with tempfile.TemporaryDirectory() as name, FakeKoboldCpp(model="Qwen2.5-VL-7B") as server:
        top = Path(name).resolve()
        folder, out = top / "in", top / "out"
        folder.mkdir()
        make(folder, options.documents)
        alone = started(folder / "scan0.png", top / "alone", server, 1)[0]
        server.asked.clear()
        first, memory = started(folder, top / "first", server, options.read)
        peak = f"{memory:.0f} MB at peak"
        print(f"{options.documents:,} documents: first request after {first:.2f} s ({alone:.2f} s for one), {peak}")
        some = top / "some"
        some.write_text("".join(f"{folder}/scan{n}.png\n" for n in range(options.read)), "utf-8")
        arguments = ["-o", f"{out}/", "--api-url", server.url, "-q"]
        assert measure("image", "--files-from", str(some), *arguments).code == 0
        finish(folder, out)
        before = server.asked[7]
        again: list[Measured] = [
            measure("image", "-r", str(folder), *arguments),
            measure("image", "--files-from", _list(folder, top / "list"), *arguments),
        ]
        asked = server.asked[7] - before
    for how, run in zip(("the folder again", "all from a list"), again, strict=True):
        print(f"{how}, all done: {run.seconds:.1f} s, {run.megabytes:.0f} MB at peak, exit code {run.code}")
    print(f"pages asked for again: {asked}")
    light = max(memory, *(run.megabytes for run in again)) <= MEGABYTES
    return 0 if first <= SECONDS and light and not asked and not any(run.code for run in again) else 1


def _list(folder: Path, target: Path) -> str:
    target.write_bytes(b"\0".join(os.fsencode(path) for path in folder.rglob("*.png")))
    return str(target)


if __name__ == "__main__":
    sys.exit(main())

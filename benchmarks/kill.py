"""Kills a run again and again; the output must be as if nothing had happened.

Prints how many kills met the run in which state, and checks after each of them that no page that was in the journal
is asked for again. Ends with 1 when the output differs from an undisturbed run's, or a finished page was asked twice.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_pdf
from states import read_state


def command(document: Path, output: Path, url: str) -> list[str]:
    """The command that is run, killed and repeated."""
    return [sys.executable, "-m", "visionocr", "pdf", str(document), "-o", str(output), "--api-url", url, "-q"]


def finished(journal: Path) -> set[int]:
    """The pages whose results are in the journal."""
    try:
        return {result.page.number for result in read_state(journal)} if journal.exists() else set()
    except sqlite3.OperationalError:  # killed before its tables were there
        return set()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    kills = runs = twice = different = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, FakeKoboldCpp(service_seconds=0.03) as server:
        document = make_pdf(Path(folder) / "a.pdf", pages=options.pages)
        reference = Path(folder) / "reference.md"
        begun = time.monotonic()
        subprocess.run(command(document, reference, server.url), check=True)
        whole = time.monotonic() - begun
        while kills < options.kills:
            runs += 1
            output = Path(folder) / f"out{runs}.md"
            journal = Path(f"{output}.journal")
            server.asked.clear()
            killed = True
            while killed:
                done = finished(journal)
                before = dict(server.asked)
                process = subprocess.Popen(command(document, output, server.url))
                try:
                    killed = False
                    process.wait(chance.uniform(0.0, whole) if kills < options.kills else None)
                except subprocess.TimeoutExpired:
                    killed = True
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                twice += sum(server.asked[page] > before.get(page, 0) for page in done)
            different += output.read_bytes() != reference.read_bytes()
            if left := [path.name for path in Path(folder).iterdir() if path.suffix not in {".md", ".pdf"}]:
                print(f"run {runs}: a finished run left {left}")
                return 1
    print(f"{kills} kills in {runs} runs of {options.pages} pages, {time.monotonic() - started:.0f} s")
    print(f"outputs that differ from an undisturbed run's: {different}")
    print(f"finished pages that were asked again: {twice}")
    return 1 if different or twice else 0


if __name__ == "__main__":
    sys.exit(main())

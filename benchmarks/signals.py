"""Stops runs by signals at random moments: each must end soon and tidily, and what is gone on with must be as ever.

Ctrl-C, SIGTERM and SIGHUP meet runs with a server and processes that render, with the embedded engine, and with
llama.cpp. Ends with 1 when a run showed a traceback, took longer than two seconds to end, left a process behind, or
when an output that was gone on with differs from an undisturbed run's.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import tiny_vlm
from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_pdf
from measured import UNCHECKED

MARK = "SIGNALS_BENCHMARK"
LIMIT = 2.0
"""Seconds that a run may take to end."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Findings:
    """What was seen."""

    signals: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def running(mark: str) -> set[int]:
    """Processes whose environment holds *mark*."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def stop_at_random(command: list[str], whole: float, chance: random.Random, found: Findings) -> None:
    """Start *command* and send it a signal at some moment of the *whole* seconds that it takes."""
    mark = str(chance.getrandbits(64))
    number = chance.choice(SIGNALS)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, MARK: mark}
    )
    try:
        # The interpreter itself takes its time to start, and nobody can handle a signal before.
        process.wait(chance.uniform(0.1, whole))
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        found.signals += 1
    began = time.monotonic()
    said = process.communicate(timeout=60)[1]
    seconds = time.monotonic() - began
    found.slowest = max(found.slowest, seconds)
    found.ends[f"{number.name} {process.returncode}"] += 1
    if "Traceback" in said or "unexpected" in said:
        found.faults.append(f"{number.name}: {said.strip().splitlines()[-1]}")
    if seconds > LIMIT + 0.3:
        found.faults.append(f"{number.name}: ended after {seconds:.1f} s")
    deadline = time.monotonic() + 3
    while running(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left := running(mark):
        found.faults.append(f"{number.name}: left {len(left)} processes behind")
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def disturb(name: str, arguments: list[str], folder: Path, count: int, chance: random.Random) -> Findings:
    """Stop runs *count* times and go on with them; compare what they write."""
    found = Findings()

    def command(output: Path) -> list[str]:
        return [sys.executable, "-m", "visionocr", "pdf", *arguments, "-o", str(output)]

    reference = folder / f"{name}.md"
    begun = time.monotonic()
    subprocess.run([*command(reference), "-q"], check=True)
    whole = time.monotonic() - begun
    runs = 0
    while found.signals < count:
        runs += 1
        output = folder / f"{name}{runs}.md"
        for _ in range(20):
            stop_at_random(command(output), whole, chance, found)
            if output.exists():
                break
        else:  # where the start takes most of the time, a run may never come to its end by chance
            subprocess.run([*command(output), "-q"], check=True)
        if output.read_bytes() != reference.read_bytes():
            found.faults.append(f"{output} differs")
    print(f"{name}: {found.signals} signals in {runs} runs, slowest end {found.slowest:.2f} s, {dict(found.ends)}")
    for fault in found.faults:
        print(f"  {fault}")
    return found


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signals", type=int, default=500, help="three fifths with a server, a fifth with each engine")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    fifth = options.signals // 5
    os.environ.update(UNCHECKED)  # the weights of llama.cpp's model are random
    with tempfile.TemporaryDirectory() as name, FakeKoboldCpp(service_seconds=0.03) as server:
        folder = Path(name)
        long = make_pdf(folder / "long.pdf", pages=40)
        short = make_pdf(folder / "short.pdf", pages=4)
        pair = tiny_vlm.write_pair(folder)
        model = ["--gguf", str(pair.model), "--mmproj", str(pair.projector), "--threads", "1", "--max-length", "64"]
        all_found = [
            disturb("server", [str(long), "--api-url", server.url], folder, 3 * fifth, chance),
            disturb("embedded", [str(short), "--api-url", "local:"], folder, fifth, chance),
            disturb("llama.cpp", [str(short), *model, "--max-asks", "1"], folder, fifth, chance),
        ]
    return 1 if any(found.faults for found in all_found) else 0


if __name__ == "__main__":
    sys.exit(main())

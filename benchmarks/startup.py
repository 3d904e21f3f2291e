"""Seconds until something happens: version and help against a bare interpreter, and the first request of a long PDF."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import documents
from quick_server import QuickServer

TYPER = [sys.executable, "-c", "import typer"]
PROGRAM = [sys.executable, "-m", "visionocr"]


def once(command: list[str]) -> float:
    """Seconds of one run."""
    begun = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pages", type=int, default=5000)
    options = parser.parse_args()
    commands = {"import typer": TYPER, "--version": [*PROGRAM, "--version"], "--help": [*PROGRAM, "--help"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            times[name].append(once(command))
    median = {name: statistics.median(values) for name, values in times.items()}
    base = median["import typer"]
    version, text = median["--version"] / base, median["--help"] / base
    print(f"medians of {options.rounds}: " + ", ".join(f"{name} {seconds:.3f} s" for name, seconds in median.items()))
    print(f"--version / import typer {version:.2f} (at most 1.3)   --help / import typer {text:.2f} (at most 2.5)")
    first = []
    with tempfile.TemporaryDirectory() as folder:
        document = documents.born_digital(Path(folder) / "a.pdf", options.pages)
        for _ in range(options.rounds):
            with QuickServer(documents.ANSWER) as server:
                command = [*PROGRAM, "pdf", str(document), "--api-url", server.url, "--max-side", "1024", "-q"]
                begun = time.time()
                with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
                    while not (asked := server.stats()["first"]):
                        time.sleep(0.01)
                    running.kill()
                first.append(asked - begun)
    print(f"{options.pages} pages: first request after {statistics.median(first):.2f} s (at most 0.7)")
    return 0 if version <= 1.3 and text <= 2.5 and statistics.median(first) <= 0.7 else 1


if __name__ == "__main__":
    sys.exit(main())

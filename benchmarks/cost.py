"""The client's processor time for a page, against the script that people use today, at the same size in pixels.

Both read the same document from the same server in the same run, visionocr once without comparing answers with the
pages' text layers and once with it. What a page costs is the difference between a long and a short run, so that
starting up does not count; but a second drawing process does that starts in the long one only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import documents
from measured import UNCHECKED, measure, measure_program
from quick_server import QuickServer

NAIVE = str(Path(__file__).parent / "naive.py")
CASES: dict[str, tuple[Callable[[Path, int], Path], int, float]] = {
    "born-digital, 1024 px": (documents.born_digital, 1024, 0.25),
    "born-digital, 2048 px": (documents.born_digital, 2048, 0.25),
    "scan at 300 dpi, shrunk to 1024 px": (documents.scanned, 1024, 0.45),
    "grey scan at 300 dpi, shrunk to 1024 px": (
        lambda path, pages: documents.scanned(path, pages, mode="L"),
        1024,
        0.45,
    ),
    "scan that fits, 1754 px": (lambda path, pages: documents.scanned(path, pages, 1754), 1754, 0.06),
    "scan that fits, 3508 px": (documents.scanned, 3508, 0.06),
}
SHORT, LONG = 24, 88
CHECKED = {**UNCHECKED, "VISIONOCR_TEXT_LAYER": "auto"}
MOST_FOR_CHECKS = 1.15
"""With checks a page may cost so many times what it costs without."""


def cost(run: Callable[[Path], float], short: Path, long: Path) -> float:
    """Milliseconds a page."""
    return (run(long) - run(short)) / (LONG - SHORT) * 1000


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", help="only cases whose name holds this")
    options = parser.parse_args()
    good = True
    print(f"{'CPU ms a page':35} {'naive':>9} {'unchecked':>9} {'checked':>9} {'/ naive':>8} {'/ unchecked':>12}")
    for name, (make, side, limit) in CASES.items():
        if options.case and options.case not in name:
            continue
        with tempfile.TemporaryDirectory() as folder, QuickServer(documents.ANSWER) as server:
            short, long = make(Path(folder) / "short.pdf", SHORT), make(Path(folder) / "long.pdf", LONG)
            arguments = server.url, "--max-side", str(side)

            def naive(document: Path, arguments: tuple[str, ...] = arguments) -> float:
                return measure_program(sys.executable, NAIVE, str(document), *arguments).cpu

            def ours(environment: Mapping[str, str], document: Path, arguments: tuple[str, ...] = arguments) -> float:
                ran = measure("pdf", str(document), "-q", "--api-url", *arguments, environment=environment)
                assert ran.code == 0, ran
                return ran.cpu

            runs = naive, partial(ours, UNCHECKED), partial(ours, CHECKED)
            rounds = [[cost(run, short, long) for run in runs] for _ in range(options.rounds)]
            answers, asked = server.stats()["answers"], options.rounds * len(runs) * (SHORT + LONG)
            assert answers == asked, f"{answers} answers to {asked} pages: some were asked for again"
        naive_ms, unchecked_ms, checked_ms = map(statistics.median, zip(*rounds, strict=True))
        ratio, factor = checked_ms / naive_ms, checked_ms / unchecked_ms
        is_kept = ratio <= limit and factor <= MOST_FOR_CHECKS
        good = good and is_kept
        print(
            f"{name:35} {naive_ms:9.1f} {unchecked_ms:9.1f} {checked_ms:9.1f} {ratio:8.3f} {factor:12.2f}"
            f"   (at most {limit} and {MOST_FOR_CHECKS}: {'ok' if is_kept else 'OVER'})"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

"""The client's processor time for a page, against the script that people use today, at the same size in pixels.

Both read the same document from the same server in the same run. What a page costs is the difference between a long
and a short run, so that starting up does not count; but a second drawing process does that starts in the long one only.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import documents
from measured import measure, measure_program
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
ENOUGH = "32768"


def cost(run: Callable[[Path], float], make: Callable[[Path, int], Path], folder: Path, rounds: int) -> float:
    """Milliseconds a page: the median over *rounds*."""
    short, long = make(folder / "short.pdf", SHORT), make(folder / "long.pdf", LONG)
    return statistics.median((run(long) - run(short)) / (LONG - SHORT) * 1000 for _ in range(rounds))


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--case", help="only cases whose name holds this")
    options = parser.parse_args()
    good = True
    print(f"{'':40} {'naive':>9} {'visionocr':>9} {'ratio':>6} {'limit':>6}   (CPU ms a page)")
    for name, (make, side, limit) in CASES.items():
        if options.case and options.case not in name:
            continue
        with tempfile.TemporaryDirectory() as folder, QuickServer() as server:
            url = server.url

            def naive(document: Path, url: str = url, side: int = side) -> float:
                return measure_program(sys.executable, NAIVE, str(document), url, "--max-side", str(side)).cpu

            def ours(document: Path, url: str = url, side: int = side) -> float:
                ran = measure("pdf", str(document), "--api-url", url, "--max-side", str(side), "-q")
                assert ran.code == 0, ran
                return ran.cpu

            theirs_ms = cost(naive, make, Path(folder), options.rounds)
            ours_ms = cost(ours, make, Path(folder), options.rounds)
        ratio = ours_ms / theirs_ms
        good = good and ratio <= limit
        verdict = "ok" if ratio <= limit else "OVER"
        print(f"{name:40} {theirs_ms:9.1f} {ours_ms:9.1f} {ratio:6.3f} {limit:6.2f}   {verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

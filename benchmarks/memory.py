"""Peak memory of a long document against a short one, and against the script that people use today.

Ends with 1 when it grows by more than 15 %, or is more than a tenth of the script's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import documents
from measured import measure, measure_program
from quick_server import QuickServer

NAIVE = str(Path(__file__).parent / "naive.py")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=50)
    parser.add_argument("--long", type=int, default=2000)
    parser.add_argument("--side", default="2048", help="pixels of the long side")
    options = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder, QuickServer(documents.ANSWER) as server:
        for pages in (options.short, options.long):
            document = documents.born_digital(Path(folder) / f"{pages}.pdf", pages)
            command = [
                "pdf",
                str(document),
                "--api-url",
                server.url,
                "--max-side",
                options.side,
                "-q",
                "-o",
                f"{document}.md",
            ]
            # One drawing process, as with every server that is slower than this one.
            ran = measure(*command, "--raster-workers", "1")
            assert ran.code == 0, ran
            peaks.append(ran.megabytes)
        naive = measure_program(sys.executable, NAIVE, str(document), server.url, "--max-side", options.side).megabytes
    few, many = peaks
    sizes = f"{options.short} pages {few:.0f} MB, {options.long} pages {many:.0f} MB"
    print(f"at {options.side} px: {sizes}; ratio {many / few:.2f}")
    print(f"naive, {options.long} pages: {naive:.0f} MB; ratio {many / naive:.3f}")
    return 0 if many <= 1.15 * few and many <= 0.1 * naive else 1


if __name__ == "__main__":
    sys.exit(main())

"""Pages a second against a server that answers at once: how fast the client can be.

Compared with a bare loop in one process that renders and encodes the same pages at the same size and does nothing
else, and one drawing process with two.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import documents
from measured import measure
from quick_server import QuickServer

SIDE = 2048
BARE = """
import io, sys, pymupdf
from PIL import Image
for page in pymupdf.open(sys.argv[1]):
    zoom = int(sys.argv[2]) / max(page.rect.width, page.rect.height)
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom))
    image = Image.frombuffer("RGB", (pixmap.width, pixmap.height), pixmap.samples_mv, "raw", "RGB", pixmap.stride, 1)
    image.save(io.BytesIO(), "JPEG", quality=90)
"""


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    bare, one, two, auto = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, QuickServer(documents.ANSWER) as server:
        document = documents.born_digital(Path(folder) / "a.pdf", options.pages)

        def ours(*arguments: str) -> float:
            ran = measure("pdf", str(document), "--api-url", server.url, "--max-side", str(SIDE), "-q", *arguments)
            assert ran.code == 0, ran
            rate: float = options.pages / ran.seconds
            return rate

        for _ in range(options.rounds):
            begun = time.monotonic()
            subprocess.run([sys.executable, "-c", BARE, str(document), str(SIDE)], check=True)
            bare.append(options.pages / (time.monotonic() - begun))
            one.append(ours("--raster-workers", "1"))
            two.append(ours("--raster-workers", "2"))
            auto.append(ours())
    loop, single, double, default = (statistics.median(rates) for rates in (bare, one, two, auto))
    print(f"{options.pages} pages at {SIDE} px, medians of {options.rounds}, pages/s")
    print(f"bare loop {loop:.1f}; one drawing process {single:.1f}; two {double:.1f}; by itself {default:.1f}")
    print(f"one / bare loop {single / loop:.2f} (at least 0.9)   two / one {double / single:.2f} (at least 1.6)")
    return 0 if single >= 0.9 * loop and double >= 1.6 * single else 1


if __name__ == "__main__":
    sys.exit(main())

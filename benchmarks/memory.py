"""Peak memory of a long document against a short one; ends with 1 when it grows by more than 15 %."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_pdf
from measured import measure


def peak(document: Path, url: str) -> float:
    """Peak resident memory in MB of one run."""
    run = measure("pdf", str(document), "--api-url", url, "-q", "-o", f"{document}.md")
    assert run.code == 0, run
    return run.megabytes


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", type=int, default=50)
    parser.add_argument("--long", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, FakeKoboldCpp(model="Qwen2.5-VL-7B") as server:
        folder = Path(name)
        short = make_pdf(folder / "short.pdf", pages=options.short)
        long = make_pdf(folder / "long.pdf", pages=options.long)
        few = peak(short, server.url)
        many = peak(long, server.url)
    print(f"{options.short} pages: {few:.0f} MB; {options.long} pages: {many:.0f} MB; ratio {many / few:.2f}")
    return 0 if many <= 1.15 * few else 1


if __name__ == "__main__":
    sys.exit(main())

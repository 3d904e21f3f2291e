"""Two local Dask workers with a server each against one command with both servers.

Start-up is left out on both sides: time counts from the first page's request to the last answer. Ends with 1 when the
cluster is slower than 0.9 of that, or when its output differs from one machine's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from fakes.koboldcpp import FakeKoboldCpp
from fakes.loopback import Arrival
from fakes.pictures import make_pdf

CHOOSE = """
import os
def dask_setup(worker):
    os.environ["VISIONOCR_API_URL"] = {urls!r}[int(str(worker.name))]
"""


def command(document: Path, output: Path, *more: str) -> list[str]:
    """Read *document* into *output*."""
    program = [sys.executable, "-m", "visionocr", "pdf", str(document), "-q", "--max-side", "1024"]
    return [*program, "-o", str(output), "-f", "txt", *more]


def took(*servers: FakeKoboldCpp) -> float:
    """Seconds from the first to the last page's request."""
    times = [arrival.seconds + server._started for server in servers for arrival in server.generated if page(arrival)]
    return max(times) - min(times)


def page(arrival: Arrival) -> bool:
    """Whether it asks for a page, and is none of the questions that show what a server can do."""
    return any(number is not None for number in arrival.numbers)


def alone(folder: Path, whole: Path, service: float) -> float:
    """Seconds of one command with two servers."""
    with FakeKoboldCpp(service_seconds=service) as one, FakeKoboldCpp(service_seconds=service) as two:
        urls = ("--api-url", one.url, "--api-url", two.url)
        subprocess.run(command(whole, folder / "alone.txt", *urls), check=True)
        return took(one, two)


def together(folder: Path, whole: Path, service: float) -> float:
    """Seconds of a cluster of two workers, each with a server of its own."""
    with FakeKoboldCpp(service_seconds=service) as one, FakeKoboldCpp(service_seconds=service) as two:
        choose = CHOOSE.format(urls=[one.url, two.url])
        workers = subprocess.Popen(
            [sys.executable, "-m", "fakes.dask_cluster", "2", choose],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            text=True,
        )
        try:
            assert workers.stdout is not None
            address = workers.stdout.readline().strip()
            subprocess.run(command(whole, folder / "cluster.txt", "--cluster", address), check=True)
            print("pages of each server:", *(sum(map(page, server.generated)) for server in (one, two)))
            return took(one, two)
        finally:
            workers.communicate("")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--service", type=float, default=0.1, help="seconds that a server takes for a page")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = make_pdf(folder / "whole.pdf", pages=options.pages)
        with FakeKoboldCpp() as server:
            subprocess.run(command(whole, folder / "single.txt", "--api-url", server.url), check=True)
        single = alone(folder, whole, options.service)
        cluster = together(folder, whole, options.service)
        same = (folder / "single.txt").read_bytes() == (folder / "cluster.txt").read_bytes()
    print(f"{options.pages} pages, {options.service} s each: one command {single:.1f} s, cluster {cluster:.1f} s")
    print(f"ratio {single / cluster:.2f}; output the same: {same}")
    return 0 if single / cluster >= 0.9 and same else 1


if __name__ == "__main__":
    sys.exit(main())

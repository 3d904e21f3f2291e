"""Whether servers ever wait for us: one, four, and three that are not equally quick, against their own figures.

Ends with 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import documents
from measured import measure
from quick import Figures, servers


def run(document: Path, *seconds: float) -> tuple[float, list[Figures]]:
    """Read the document with servers that take so many seconds a page: the time of the whole command, their figures."""
    with servers(*seconds) as there:
        output = document.with_suffix(".md")
        addresses = [argument for url in there.urls for argument in ("--api-url", url)]
        arguments = ["-o", str(output), "-q", "--max-side", "500", *addresses]
        done = measure("pdf", str(document), *arguments)
        assert done.code == 0, f"exit code {done.code}"
        return done.seconds, there.figures()


def span(figures: list[Figures]) -> float:
    """Seconds from the first request's begin to the last one's end."""
    return max(each.last for each in figures) - min(each.first for each in figures if each.pages)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--service", type=float, default=0.1, help="seconds of a page")
    options = parser.parse_args()
    good = True

    def promise(what: str, value: float, limit: float, *, least: bool = False) -> None:
        nonlocal good
        kept = value >= limit if least else value <= limit
        good = good and kept
        print(f"  {what}: {value:.3f} ({'at least' if least else 'at most'} {limit}){'' if kept else '  BROKEN'}")

    with tempfile.TemporaryDirectory() as folder:
        document = documents.born_digital(Path(folder) / "a.pdf", options.pages)
        one_wall, (one,) = run(document, options.service)
        print(
            f"one server, {one.pages} pages of {options.service} s: {one_wall:.2f} s, of which it worked {one.busy:.2f}"
        )
        promise("wall time against its own busy time", one_wall / one.busy, 1.03)
        promise("busy between first and last request", one.share, 0.97, least=True)

        wall, four = run(document, *[options.service] * 4)
        said = ", ".join(f"{each.pages} pages ({each.share:.3f} busy)" for each in four)
        print(f"four servers: {wall:.2f} s; {said}")
        promise("times as quick as one, first to last request", span([one]) / span(four), 3.8, least=True)
        print(f"  the same by the whole command: {one_wall / wall:.3f}")

        times = [options.service * factor for factor in (1, 2, 4)]
        wall, three = run(document, *times)
        ideal = options.pages / sum(1 / each for each in times)
        print(f"servers of {times} s: {wall:.2f} s; " + ", ".join(f"{each.pages} pages" for each in three))
        promise("first to last request against the ideal", span(three) / ideal, 1.10)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

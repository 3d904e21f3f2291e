"""Reads many pages from a server that fails all the time; every page must end good or marked, in its place.

Ends with 1 when a page is missing, misplaced, empty without a mark, or good with another page's text.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp, page_text
from fakes.loopback import Arrival
from fakes.pictures import make_pdf
from measured import UNCHECKED, measure

FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "busy": lambda: faults.Busy(1),
    "reset": faults.Reset,
    "null": faults.Null,
    "empty": faults.Empty,
    "html": faults.Html,
    "short body": faults.CutBody,
    "loop": lambda: faults.Loop("lines"),
    "cut": faults.Truncated,
    "hang": faults.Hang,
}


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.3, help="of faulty answers")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.update(UNCHECKED)  # what a second reader takes would hide what faults cost
    chance = random.Random(options.seed)
    sent: Counter[str] = Counter()

    def fault(_arrival: Arrival) -> faults.Fault | None:
        if chance.random() >= options.share:
            sent["good"] += 1
            return None
        # A hang costs the time-out, so there are few of them.
        name = chance.choice([name for name in FAULTS if name != "hang"] * 12 + ["hang"])
        sent[name] += 1
        return FAULTS[name]()

    with tempfile.TemporaryDirectory() as folder, FakeKoboldCpp(model="Qwen2.5-VL-7B") as server:
        document = make_pdf(Path(folder) / "a.pdf", pages=options.pages)
        server.plan[ANY] = fault
        output = Path(folder) / "out.jsonl"
        arguments = ["pdf", str(document), "-o", str(output), "-f", "jsonl", "--api-url", server.url]
        run = measure(*arguments, "-q", "--timeout", "3")
        pages = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
        ghosts = server.running is not None or server.keyless_aborts > 0
    wrong = [page["page"] for page in pages if page["status"] == "ok" and page["text"] != page_text(page["page"])]
    silent = [page["page"] for page in pages if not page["text"] and not page["findings"]]
    order = [page["page"] for page in pages] == list(range(1, options.pages + 1))
    print("answers:", ", ".join(f"{count} {name}" for name, count in sent.most_common()))
    statuses = Counter(page["status"] for page in pages)
    print("pages:", ", ".join(f"{count} {status}" for status, count in statuses.most_common()))
    print(f"asks: {sum(page['asks'] for page in pages)}, exit code {run.code}")
    print(f"{run.seconds:.0f} s, peak memory {run.megabytes:.0f} MB")
    print(f"each page once and in order: {order}")
    print(f"good pages with a wrong text: {len(wrong)}; silent gaps: {len(silent)}")
    print(f"ghost generations or keyless aborts: {ghosts}")
    return 0 if order and not wrong and not silent and not ghosts and run.code in {0, 7} else 1


if __name__ == "__main__":
    sys.exit(main())

"""How many bad answers are found by comparing them with the page, and how many good ones are accused.

Pages of known text are drawn; good answers in several manners and those of a bad model are made from the truth, and
compared with the text layer, with what the embedded engine reads in the picture (half of them look like scans), and
with the amount of print alone.

The thresholds were chosen on seeds 1 and 7. Vocabularies, layouts, fonts and alterations are the same for every seed:
figures of other seeds show that the thresholds do not hang on single pages, not how real models and real scans fare.

Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evidence_answers import ABOUT, AMOUNT, BAD, GOOD, Answer, alter_amount, share_wrong
from evidence_pages import LAYOUTS, Page, make_pages, picture_of
from visionocr.answers.compare import Comparison, compare
from visionocr.boxes import Box
from visionocr.documents.discovery import discover
from visionocr.documents.source import Source as Documents
from visionocr.engines.local import LocalEngine
from visionocr.engines.second_reader import SecondReader
from visionocr.evidence import Evidence, Reference, Source
from visionocr.types import PageImage, RasterSpec, Severity

WHOLE = Box(0.0, 0.0, 1.0, 1.0)
MUCH = 0.1
"""Share of wrong words above which an answer must be found."""


@dataclass
class Tally:
    """What became of the answers of one kind."""

    asked: int = 0
    found: int = 0
    unchecked: int = 0
    kinds: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, comparison: Comparison) -> bool:
        """Count one; whether it was found."""
        suspect = [finding for finding in comparison.findings if finding.severity is Severity.SUSPECT]
        if not comparison.checked_with or any(finding.kind == "low-confidence" for finding in comparison.findings):
            self.unchecked += 1
            return False
        self.asked += 1
        self.found += bool(suspect)
        for finding in suspect:
            self.kinds[finding.kind] += 1
        return bool(suspect)

    @property
    def share(self) -> float:
        """Found of those that could be checked."""
        return self.found / self.asked if self.asked else 1.0


@dataclass
class Case:
    """A page with everything that is known of it."""

    page: Page
    evidence: Evidence
    references: dict[str, Reference | None]


def prepare(seed: int, count: int, *, second: bool) -> list[Case]:
    """Draw and read the pages."""
    cases = []
    with tempfile.TemporaryDirectory() as name, _open_reader(second) as reader:
        document, picture = Path(name) / "page.pdf", Path(name) / "page.picture"
        for number, (page, pdf) in enumerate(make_pages(seed, count)):
            pdf.save(document)
            layer = _load(document).evidence
            # by layouts: each of them is drawn and scanned in turn
            picture.write_bytes(picture_of(pdf, scanned=number // len(LAYOUTS) % 2 == 1, seed=number))
            image = _load(picture)
            assert layer
            assert layer.is_layer_trusted
            assert image.evidence
            references: dict[str, Reference | None] = {
                "layer": Reference(Source.TEXT_LAYER, layer.text_layer),
                "print": None,
            }
            if reader:
                reading = reader.begin([image])
                references["reader"] = reading.result() if reading else None
            cases.append(Case(page, image.evidence, references))
    return cases


@contextlib.contextmanager
def _open_reader(wanted: bool) -> Iterator[SecondReader | None]:
    """The embedded engine as the program uses it beside a model."""
    if not wanted:
        yield None
        return
    with contextlib.closing(SecondReader(LocalEngine(slots=1, threads=2), patient=True)) as reader:
        yield reader


def _load(path: Path) -> PageImage:
    """The image of a document of one page, with its evidence, as the program makes it."""
    with Documents(discover([str(path)]), workers=0) as documents:
        (page,) = documents.pages()
        (image,) = documents.load(page, RasterSpec(max_side=2400, find_evidence=True))
        return image


def run(seed: int, cases: list[Case], *, verbose: bool) -> bool:
    """Compare all answers with all evidence and print; whether all targets are met."""
    answers: dict[str, Answer] = {**GOOD, **BAD, AMOUNT: alter_amount}
    tallies: dict[str, dict[str, Tally]] = {}
    much: dict[str, Tally] = {}
    times = []
    for evidence in cases[0].references:
        tallies[evidence], much[evidence] = {name: Tally() for name in answers}, Tally()
        for number, case in enumerate(cases):
            for name, make in answers.items():
                text = make(case.page, random.Random(f"{seed} {number} {name}"))
                if text is None:
                    continue
                known = case.evidence if evidence == "print" else None
                begun = time.process_time()
                comparison = compare(text, case.references[evidence], known, markdown=name != "plain", region=WHOLE)
                times.append(time.process_time() - begun)
                found = tallies[evidence][name].add(comparison)
                is_wrong = name in BAD and share_wrong(case.page, text) > MUCH
                if is_wrong:
                    much[evidence].add(comparison)
                if verbose and (found if name in GOOD else not found and (is_wrong or name == AMOUNT)):
                    said = "; ".join(finding.message for finding in comparison.findings)
                    print(f"  {evidence}, page {number} ({case.page.layout}, {case.page.language}), {name}: {said}")
    return _report(seed, cases, tallies, much, times)


def _report(
    seed: int,
    cases: list[Case],
    tallies: dict[str, dict[str, Tally]],
    much: dict[str, Tally],
    times: list[float],
) -> bool:
    print(f"seed {seed}, {len(cases)} pages; found of those that could be checked")
    names = list(tallies)
    print(f"{'':22}" + "".join(f"{name:>18}" for name in names))
    for name in tallies[names[0]]:
        row = [tallies[evidence][name] for evidence in names]
        print(f"{name:22}" + "".join(f"{tally.found:>8} of {tally.asked:<4}{tally.share:>4.0%}" for tally in row))
    good = True
    for evidence in names:
        tally = tallies[evidence]
        accused, checked = (sum(getattr(tally[name], what) for name in GOOD) for what in ("found", "asked"))
        targets = [("false alarms", accused / max(1, checked), 0.01, False)]
        if evidence == "print":
            about = [tally[name] for name in ABOUT]
            share = sum(each.found for each in about) / max(1, sum(each.asked for each in about))
            targets.append(("summaries, descriptions and refusals", share, 0.95, True))
        else:
            targets.append((f"over {MUCH:.0%} of the words wrong", much[evidence].share, 0.97, True))
            targets.append(("one amount", tally[AMOUNT].share, 0.9 if evidence == "layer" else 0.8, True))
        unchecked = sum(each.unchecked for each in tally.values())
        print(f"{evidence}: {unchecked} of {unchecked + sum(each.asked for each in tally.values())} answers unchecked")
        for what, value, limit, is_least in targets:
            kept = value >= limit if is_least else value <= limit
            good = good and kept
            bound = f"{'at least' if is_least else 'at most'} {limit:.0%}"
            print(f"  {what}: {value:.1%} ({bound}){'' if kept else '  MISSED'}")
    print(f"a comparison: median {statistics.median(times) * 1000:.1f} ms, worst {max(times) * 1000:.0f} ms")
    return good


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[8, 9])
    parser.add_argument("--pages", type=int, default=72)
    parser.add_argument("--no-second-reader", action="store_true", help="leave the embedded engine out")
    parser.add_argument("-v", "--verbose", action="store_true", help="show what was missed, and what was accused")
    options = parser.parse_args()
    kept = []
    for seed in options.seeds:
        cases = prepare(seed, options.pages, second=not options.no_second_reader)
        kept.append(run(seed, cases, verbose=options.verbose))
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

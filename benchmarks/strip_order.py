"""Order of the text of pages that are read in strips, without any reading: characters out of place.

The pages are those of ``layouts.py``. The answer to a strip is what the layout rules make of the lines in it. The text
joined of them is compared with what they make of the whole page: once where the lines are known, from a text layer or a
second reader, and once where they are not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import mean

from layouts import LAYOUTS, Sheet, draw, make
from order import SEEDS, edits
from visionocr.answers.compare import in_reading_order, lines_inside
from visionocr.boxes import Box
from visionocr.documents.content import Content
from visionocr.documents.pdf import PdfFile
from visionocr.evidence import Evidence, Reference, Source
from visionocr.formats.markdown import write_markdown
from visionocr.job import make_question
from visionocr.layout.lines import from_text_lines
from visionocr.layout.structure import read_page
from visionocr.page_answer import PageAnswer
from visionocr.part_joints import join_parts
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import PageRef, RasterSpec, Server

MOST = 1.0
"""Characters out of place in percent, over all pages whose lines are known, at most."""


def read(evidence: Evidence, region: Box) -> str:
    """The text of a part of a page."""
    lines = lines_inside(Reference(Source.TEXT_LAYER, evidence.text_layer), region)
    return write_markdown(
        read_page(from_text_lines(lines, evidence.width, evidence.height), evidence.width, evidence.height)
    )


def score(sheet: Sheet, strips: int) -> tuple[float, float]:
    """Characters out of place of a page in so many strips, in percent: with its lines known, and without."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.pdf")
        draw(sheet, path)
        images = PdfFile(Content("page.pdf", data=path.read_bytes())).load(
            PageRef("page.pdf", 1, 1), RasterSpec(640, find_evidence=True, strips=strips)
        )
    evidence = images[0].evidence
    assert evidence is not None
    library = Library()
    question = make_question(Settings(), library, library.task("transcribe"), library.preset("chatml"), Server("", ""))
    answers = [PageAnswer(read(evidence, image.region), ()) for image in images]
    whole = " ".join(read(evidence, Box(0, 0, 1, 1)).split())
    found = []
    for lines in (in_reading_order(evidence.text_layer, evidence), ()):
        text, _ = join_parts(images, answers, question, lines)
        found.append(100 * edits(whole, " ".join(text.split())) / len(whole))
    return found[0], found[1]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3, help="of each layout and seed")
    parser.add_argument("--strips", type=int, default=2)
    options = parser.parse_args()
    print(f"{'':24}{'lines known':>12} {'unknown':>8}")
    overall: list[tuple[float, float]] = []
    for layout in LAYOUTS:
        scores = [
            score(make(layout, f"{seed} {number}"), options.strips) for seed in SEEDS for number in range(options.pages)
        ]
        overall += scores
        print(f"{layout.__name__:24}{_mean(scores, 0):12.1f} {_mean(scores, 1):8.1f}", flush=True)
    print(f"{'all':24}{_mean(overall, 0):12.1f} {_mean(overall, 1):8.1f}")
    return 0 if _mean(overall, 0) <= MOST else 1


def _mean(scores: list[tuple[float, float]], at: int) -> float:
    return mean(score[at] for score in scores)


if __name__ == "__main__":
    sys.exit(main())

"""How many image tokens pages cost in the size that their print needs, and what strips bring where print is small.

Reads pages of known words with the embedded engine: letters, books, slides, receipts and forms, half of them scanned.

- Large print (``--max-side auto``): tokens and recall of words in the size that the print needs, against the fixed size
  that the model and the server can use.
- Small print (``--strips auto``): recall and precision of words where a server shrinks pictures to a small side, whole
  and in strips.

Targets: 30 % fewer tokens, recall lower by 0.3 points at most over all pages and by 2 on none; and with strips a higher
recall than without. Limits: words are made up, and the pages are clean or evenly worn; the engine reads smaller print
than some models do, which is why pages are sent with more pixels than it needs (see ``documents/print_fit.py``).
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace

from print_pages import KINDS, Page, make_pages
from visionocr.asking import Asker
from visionocr.documents.content import Content
from visionocr.documents.pdf import PdfFile
from visionocr.job import prepare
from visionocr.loaded import Loaded
from visionocr.prompting.budget import count_image_tokens
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import ImageFacts, PageImage, PageRef, RasterSpec, Server

LEAST_SAVED = 30.0
"""Per cent of the tokens."""
MOST_LOST, MOST_LOST_OF_PAGE = 0.3, 2.0
"""Points of recall."""
SERVER = Server("", "", kind="llama.cpp")


@dataclass
class Tally:
    """What was found out about some pages in one size."""

    pixels: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """To draw them."""
    words: int = 0
    read: int = 0
    answered: int = 0
    """Words of the answers."""
    recalls: list[float] = field(default_factory=list)
    """Of each page, in per cent."""

    @property
    def recall(self) -> float:
        """Per cent of the words that were read."""
        return 100 * self.read / self.words

    @property
    def precision(self) -> float:
        """Per cent of the answers' words that stand on the pages."""
        return 100 * self.read / max(1, self.answered)

    def add(self, page: Page, images: tuple[PageImage, ...], facts: ImageFacts, text: str, seconds: float) -> None:
        """Add one page."""
        self.pixels += sum(image.width * image.height for image in images)
        self.tokens += sum(count_image_tokens(facts, SERVER, image.width, image.height) for image in images)
        self.seconds += seconds
        wanted, found = count_words(page.words), count_words(text)
        read = (wanted & found).total()
        self.words += wanted.total()
        self.read += read
        self.answered += found.total()
        self.recalls.append(100 * read / wanted.total())


def count_words(text: str) -> Counter[str]:
    """The words of a text, without case, marks and punctuation around them."""
    parts = (re.sub(r"^\W+|\W+$", "", part) for part in re.sub(r"</?\w+>|[|*#\\]", " ", text.lower()).split())
    return Counter(part for part in parts if part)


def measure(pages: list[Page], spec: RasterSpec, facts: ImageFacts) -> dict[str, Tally]:
    """Draw and read pages; the results by kind."""
    job = prepare(Settings(api_url=("local:",)), Library(), task="transcribe")
    asker = Asker(job.engine, job.question, max_asks=1)
    tallies: dict[str, Tally] = {}
    try:
        for number, page in enumerate(pages, 1):
            ref = PageRef(f"{page.kind}-{number}.pdf", 1, 1)
            start = time.process_time()
            images = PdfFile(Content(ref.document, data=page.data)).load(ref, spec)
            seconds = time.process_time() - start
            (result,) = asker.read([Loaded(ref, images)])
            tallies.setdefault(page.kind, Tally()).add(page, images, facts, result.text, seconds)
    finally:
        job.close()
    return tallies


def add_up(tallies: dict[str, Tally]) -> Tally:
    """All kinds together."""
    whole = Tally()
    for tally in tallies.values():
        for name in ("pixels", "tokens", "seconds", "words", "read", "answered", "recalls"):
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    return whole


def compare_sizes(pages: list[Page], preset: str, side: int) -> bool:
    """Print what the size that print needs costs and loses; whether the targets are met."""
    facts = Library().preset(preset).image
    tokens = facts.max_tokens
    pixels = tokens * facts.px_per_token_side**2 if tokens and facts.px_per_token_side else None
    fixed = RasterSpec(side or facts.longest_side, max_pixels=pixels, find_evidence=True)
    before = measure(pages, fixed, facts)
    after = measure(pages, replace(fixed, fit_print=True, strips=None), facts)
    print(f"{preset} at {fixed.max_side} px: tokens, recall and seconds of CPU to draw a page, fixed and auto")
    for kind in (*before, "all"):
        old, new = (add_up(each) if kind == "all" else each[kind] for each in (before, after))
        worst = max(a - b for a, b in zip(old.recalls, new.recalls, strict=True))
        count = len(old.recalls)
        print(
            f"  {kind:8} {old.tokens / count:6.0f} {new.tokens / count:6.0f}"
            f" ({100 - 100 * new.tokens / old.tokens:.0f} % fewer)"
            f"   {old.recall:6.2f} {new.recall:6.2f}, worst page {-worst:+.1f}"
            f"   {old.seconds / count:.3f} {new.seconds / count:.3f}",
            flush=True,
        )
    saved = 100 - 100 * new.tokens / old.tokens
    return saved >= LEAST_SAVED and old.recall - new.recall <= MOST_LOST and worst <= MOST_LOST_OF_PAGE


def compare_strips(pages: list[Page], side: int) -> bool:
    """Print what strips bring at a clamp; whether they bring anything."""
    facts = ImageFacts(longest_side=side, px_per_token_side=28)
    clamped = RasterSpec(side, find_evidence=True)
    before = measure(pages, clamped, facts)
    after = measure(pages, replace(clamped, fit_print=True, strips=None), facts)
    print(f"clamp of {side} px: tokens, recall and precision, whole and in strips")
    for kind in (*before, "all"):
        old, new = (add_up(each) if kind == "all" else each[kind] for each in (before, after))
        worst = max(a - b for a, b in zip(old.recalls, new.recalls, strict=True))
        count = len(old.recalls)
        print(
            f"  {kind:8} {old.tokens / count:6.0f} {new.tokens / count:6.0f}   {old.recall:6.2f} {new.recall:6.2f},"
            f" worst page {-worst:+.1f}   {old.precision:6.2f} {new.precision:6.2f}",
            flush=True,
        )
    return new.recall > old.recall


def main() -> int:
    """Run; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--preset", default="qwen2.5-vl")
    parser.add_argument("--side", type=int, default=0, help="the fixed size (default: the preset's)")
    parser.add_argument("--clamp", type=int, default=640)
    parser.add_argument("--only", choices=("sizes", "strips"))
    arguments = parser.parse_args()
    pages = make_pages(arguments.seed, arguments.pages)
    print(f"{len(pages)} pages of {len(KINDS)} kinds, seed {arguments.seed}", flush=True)
    good = [arguments.only == "strips" or compare_sizes(pages, arguments.preset, arguments.side)]
    good.append(arguments.only == "sizes" or compare_strips(pages, arguments.clamp))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())

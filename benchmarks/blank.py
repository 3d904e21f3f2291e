"""Blank pages: how many pages with little print are called blank, and how many blank ones are asked about.

Sparse pages are drawn by PDFs, and scanned: as a picture file, or in a PDF; blank ones are scanned sheets with holes,
staples, dust, stains, folds, what shines through, and the noise of scanners and JPEG. Ends with 1 when a page with
print is called blank, or when more than 1 % of the blank ones are not.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw, ImageFilter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import blank_pages
import sparse_pages
from visionocr.documents.content import Content
from visionocr.documents.kinds import HEAD, sniff
from visionocr.documents.pdf import PdfFile
from visionocr.documents.picture import PictureFile
from visionocr.types import PageRef, RasterSpec

_mupdf: Any = pymupdf
PAGE = PageRef("page", 1, 1)
FORMS = ("drawn", "JPEG", "PNG", "JPEG in a PDF", "drawn")
"""In turn: how a sparse page comes."""
Verdict = tuple[str, str, bool]
"""Kind and name of a page, and whether it was called blank."""


def is_blank(data: bytes, side: int) -> bool:
    """What the program says of a file's first page."""
    kind = sniff(data[:HEAD])
    assert kind is not None
    content = Content("page", data=data)
    document = PdfFile(content) if kind == "PDF" else PictureFile(content, kind)
    images = document.load(PAGE, RasterSpec(side))
    document.close()
    return all(image.blank for image in images)


def encode(sheet: Image.Image, form: str, rng: random.Random) -> bytes:
    """A scanned sheet in a file."""
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG" if form == "PNG" else "JPEG", quality=rng.randint(60, 92), compress_level=1)
    if form != "JPEG in a PDF":
        return buffer.getvalue()
    pdf = _mupdf.open()
    wide, high = sheet.size
    page = pdf.new_page(width=595 * wide / max(wide, high) * 1.414, height=595 * high / max(wide, high) * 1.414)
    page.insert_image(page.rect, stream=buffer.getvalue())
    return bytes(pdf.tobytes(no_new_id=True))


def stain(sheet: Image.Image, rng: random.Random) -> Image.Image:
    """Blots of damp or coffee, with or without a darker rim."""
    unit = blank_pages.unit(sheet)
    change = Image.new("L", sheet.size, 128)
    draw = ImageDraw.Draw(change)
    for _ in range(rng.randint(1, 3)):
        radius, x, y = rng.uniform(6, 40) * unit, rng.uniform(0, sheet.width), rng.uniform(0, sheet.height)
        depth = rng.randint(6, 30)
        box = (x - radius, y - radius * rng.uniform(0.6, 1), x + radius, y + radius)
        draw.ellipse(box, fill=128 - depth, outline=128 - depth * rng.choice((1, 2)), width=round(unit))
    return blank_pages._shift(sheet, change.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 3) * unit)))


BLANK: dict[str, tuple[blank_pages.Brush, ...]] = {
    **{kind: brushes for kind, brushes in blank_pages.BLANK.items() if kind != "white"},
    "stains": (stain, blank_pages.scanned),
    "dust and stains": (stain, blank_pages.specks, blank_pages.scanned, blank_pages.squeezed),
}


def judge_sparse(kind: str, seed: int, count: int) -> list[Verdict]:
    """The verdicts on pages of a kind with little print."""
    verdicts = []
    for turn, page in enumerate(sparse_pages.sparse_pages(kind, seed, count)):
        form, rng = FORMS[turn % len(FORMS)], random.Random(f"{seed} {page.name}")
        data = page.pdf if form == "drawn" else encode(sparse_pages.scan(page), form, rng)
        verdicts.append(
            (f"{kind}, {'drawn' if form == 'drawn' else 'scanned'}", f"{page.name}, {form}", is_blank(data, page.side))
        )
    return verdicts


def judge_blank(kind: str, seed: int, count: int) -> list[Verdict]:
    """The verdicts on blank sheets of a kind."""
    verdicts = []
    for turn in range(count):
        rng = random.Random(f"{seed} blank {kind} {turn}")
        side = sparse_pages.SIDES[turn % len(sparse_pages.SIDES)]
        form = FORMS[1 + turn % 3]
        sheet = blank_pages.paper(rng, rng.choice((842, 1169, 1754, 2339)))
        for brush in BLANK[kind]:
            sheet = brush(sheet, rng)
        verdicts.append((kind, f"{kind} {turn} at {side}, {form}", is_blank(encode(sheet, form, rng), side)))
    return verdicts


def judge_all(seed: int, sparse: int, blank: int, workers: int) -> Iterator[tuple[bool, Verdict]]:
    """All verdicts, and whether the page is really blank."""
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            (False, pool.submit(partial(judge_sparse, kind, seed, count)))
            for kind, count in split(sparse, sparse_pages.KINDS)
        ]
        jobs += [(True, pool.submit(partial(judge_blank, kind, seed, count))) for kind, count in split(blank, BLANK)]
        for truth, job in jobs:
            for verdict in job.result():
                yield truth, verdict


def split(total: int, kinds: Any) -> Iterator[tuple[str, int]]:
    """*total* shared among kinds as evenly as can be."""
    for at, kind in enumerate(kinds):
        yield kind, total // len(kinds) + (at < total % len(kinds))


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sparse", type=int, default=1000, help="pages with little print")
    parser.add_argument("--blank", type=int, default=300, help="blank pages")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    begun = time.monotonic()
    pages: Counter[tuple[bool, str]] = Counter()
    wrong: dict[tuple[bool, str], list[str]] = {}
    for truth, (kind, name, called_blank) in judge_all(options.seed, options.sparse, options.blank, options.workers):
        pages[truth, kind] += 1
        if called_blank != truth:
            wrong.setdefault((truth, kind), []).append(name)
    for (truth, kind), count in pages.items():
        mistakes = wrong.get((truth, kind), [])
        print(
            f"{'blank' if truth else 'sparse':7} {kind:28} {count:5} pages, {len(mistakes):3} wrong",
            *mistakes[:4],
            sep="  ",
        )
    lost, asked = (sum(len(names) for (truth, _), names in wrong.items() if truth is kind) for kind in (False, True))
    print(f"{options.sparse} pages with little print: {lost} called blank")
    print(f"{options.blank} blank pages: {asked} asked about; {time.monotonic() - begun:.0f} s")
    return 0 if lost == 0 and asked <= options.blank / 100 else 1


if __name__ == "__main__":
    sys.exit(main())

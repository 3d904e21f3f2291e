"""Generates pages with very little print on them, none of it close together: single letters, figures and signs.

A page is drawn as a PDF from a seed alone; ``scan`` makes a scanner's picture of it. Measures are points.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pymupdf
from PIL import Image

import blank_pages
from drawing import A4

_mupdf: Any = pymupdf
SIDES = (512, 600, 700, 842, 1024, 1280, 1536, 1754, 2048)
"""Longest sides in pixels of the rasters, in turn."""
RESOLUTIONS = (100, 150, 200, 300)
"""Dots per inch of the scans, in turn."""
FONTS = ("helv", "hebo", "tiro", "tibo", "cour", "cobo")
HEADINGS = ("CHAPTER IV", "PART ONE", "Contents", "ANNEX B", "notes", "17 MAY 1932", "2041", "Sommaire")


@dataclass(frozen=True, slots=True)
class SparsePage:
    """A page, and how large its raster is to be."""

    name: str
    pdf: bytes
    side: int
    resolution: int
    """Of a scan of it."""


class _Pen:
    """Writes single signs on a new page, in a font and a size of its own."""

    def __init__(self, rng: random.Random) -> None:
        self.pdf = _mupdf.open()
        self.page = self.pdf.new_page(width=A4[0], height=A4[1])
        self.font = rng.choice(FONTS)
        self.size = rng.uniform(8, 13)
        self.ink = (rng.choice((0.0, 0.0, 0.1, 0.3)),) * 3
        self.rng = rng

    def sign(self, x: float, y: float, sign: str) -> float:
        """Write one; how wide it is."""
        self.page.insert_text((x, y), sign, fontname=self.font, fontsize=self.size, color=self.ink)
        return float(_mupdf.get_text_length(sign, self.font, self.size))

    def rule(self, x: float, y: float, x2: float, y2: float) -> None:
        """Draw a thin line."""
        self.page.draw_line((x, y), (x2, y2), width=0.5, color=self.ink)

    def place(self, width: float, height: float) -> tuple[float, float]:
        """Where something of this size begins, if it is to stay on the page."""
        return self.rng.uniform(40, A4[0] - 40 - width), self.rng.uniform(50, A4[1] - 50 - height)


def spaced_line(pen: _Pen) -> None:
    """A heading with room between its letters."""
    text, space = pen.rng.choice(HEADINGS), pen.rng.uniform(0.4, 1.6) * pen.size
    x, y = pen.place(len(text) * (space + pen.size), 0)
    for letter in text:
        x += pen.sign(x, y, letter) + space


def comb(pen: _Pen) -> None:
    """Fields of a form with a cell for each letter, the first of which are filled in."""
    cell = pen.rng.uniform(1.4, 2.0) * pen.size
    count = int(min(20, 440 // cell))
    x, y = pen.place(count * cell, 150)
    for line in range(pen.rng.randint(1, 3)):
        top = y + line * 45
        pen.rule(x, top + cell, x + count * cell, top + cell)
        for at in range(count + 1):
            pen.rule(x + at * cell, top + cell * pen.rng.choice((0.0, 0.6)), x + at * cell, top + cell)
        for at in range(pen.rng.randint(2, count)):
            sign = pen.rng.choice(string.ascii_uppercase + string.digits)
            pen.sign(x + (at + 0.5) * cell - 0.3 * pen.size, top + cell - 0.3 * pen.size, sign)


def columns(pen: _Pen) -> None:
    """Answers of a test: single letters below each other."""
    signs = pen.rng.choice(("ABCD", "abcde", "0123456789", "+-", "xo"))
    step, count = pen.rng.uniform(1.6, 3) * pen.size, pen.rng.randint(4, 15)
    x, y = pen.place(250, count * step)
    for column in range(pen.rng.randint(1, 3)):
        for row in range(count):
            pen.sign(x + 110 * column, y + row * step, pen.rng.choice(signs))


def seating(pen: _Pen) -> None:
    """A plan of seats: letters in rows, an aisle between them."""
    step, rows, seats = pen.rng.uniform(2.2, 3.4) * pen.size, pen.rng.randint(4, 12), pen.rng.choice((4, 6, 8))
    x, y = pen.place((seats + 1) * step, rows * step)
    for row in range(rows):
        for seat in range(seats):
            pen.sign(x + (seat + (seat >= seats // 2)) * step, y + row * step, string.ascii_uppercase[seat])


def ruled_grid(pen: _Pen) -> None:
    """A square of figures between rules, many of them missing."""
    step = pen.rng.uniform(2, 3.2) * pen.size
    x, y = pen.place(9 * step, 9 * step)
    for at in range(10):
        pen.rule(x + at * step, y, x + at * step, y + 9 * step)
        pen.rule(x, y + at * step, x + 9 * step, y + at * step)
    for at in pen.rng.sample(range(81), pen.rng.randint(6, 40)):
        left, top = x + at % 9 * step, y + at // 9 * step
        pen.sign(left + step / 2 - 0.28 * pen.size, top + step / 2 + 0.36 * pen.size, pen.rng.choice("123456789"))


def asterisks(pen: _Pen) -> None:
    """What stands between two parts of a novel."""
    space = pen.rng.uniform(1, 3) * pen.size
    x, y = pen.place(100, 0)
    for _ in range(3):
        x += pen.sign(x, y, "*") + space


def page_number(pen: _Pen) -> None:
    """Nothing but its number."""
    number = pen.rng.choice(("2", "7", "14", "- 3 -", "xiv", "328", "9", "[5]"))
    pen.sign(pen.rng.choice((60.0, 290.0, 520.0)), pen.rng.choice((45.0, 800.0)), number)


def rule_and_word(pen: _Pen) -> None:
    """A thin rule from one margin to the other, and a word at it."""
    y = pen.rng.uniform(80, 760)
    pen.rule(50, y, 545, y)
    pen.sign(
        pen.rng.uniform(50, 480), y + pen.rng.choice((-4.0, 14.0)), pen.rng.choice(("Notes", "name", "END", "to:"))
    )


def initials(pen: _Pen) -> None:
    """Two or three letters with stops, far apart from each other."""
    for _ in range(pen.rng.randint(2, 3)):
        pen.sign(*pen.place(20, 0), f"{pen.rng.choice(string.ascii_uppercase)}.")


KINDS: dict[str, Callable[[_Pen], None]] = {
    "spaced line": spaced_line,
    "comb": comb,
    "columns": columns,
    "seating": seating,
    "ruled grid": ruled_grid,
    "asterisks": asterisks,
    "page number": page_number,
    "rule and word": rule_and_word,
    "initials": initials,
}


def sparse_pages(kind: str, seed: int, count: int) -> Iterator[SparsePage]:
    """So many pages of a kind."""
    first = [*KINDS].index(kind)
    for turn in range(count):
        pen = _Pen(random.Random(f"{seed} {kind} {turn}"))
        KINDS[kind](pen)
        side = SIDES[(turn + first) % len(SIDES)]
        name = f"{kind} {turn} at {side}"
        yield SparsePage(name, bytes(pen.pdf.tobytes(no_new_id=True)), side, RESOLUTIONS[turn % len(RESOLUTIONS)])


def scan(page: SparsePage) -> Image.Image:
    """The page as a scanner sees it: on paper of some colour, a little askew, with noise, sometimes through JPEG."""
    rng = random.Random(page.name)
    with _mupdf.open(stream=page.pdf) as pdf:
        pixmap = pdf[0].get_pixmap(dpi=page.resolution)
    print_ = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    sheet = blank_pages.paper(rng, print_.height).resize(print_.size)
    turned = print_.convert("L").rotate(rng.uniform(-0.6, 0.6), Image.Resampling.BICUBIC, fillcolor=255)
    sheet.paste((rng.randint(0, 50),) * 3, mask=turned.point([255 - level for level in range(256)]))
    return blank_pages.scanned(sheet, rng)

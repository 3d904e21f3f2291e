"""Pages of known words in the sizes of print that people read: letters, books, slides, receipts, forms."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pymupdf
from PIL import Image, ImageChops, ImageFilter

from layouts import Sheet

_mupdf: Any = pymupdf
SCAN_DPI = 200


@dataclass(frozen=True)
class Page:
    """A drawn page."""

    kind: str
    data: bytes
    """A PDF of one page."""
    words: str
    smallest: float
    """Points: the type size of its smallest print."""
    is_scan: bool


def _letter(sheet: Sheet) -> tuple[float, float]:
    sheet.size = sheet.chance.choice((10.0, 11.0, 12.0))
    y = 70.0
    if sheet.chance.random() < 0.5:
        sheet.put(60, 50, sheet.words(1, 2), sheet.chance.uniform(18, 30), "hebo")
    for _ in range(4):
        y = sheet.put(60, y + 2, sheet.words(2, 3))
    y = sheet.put(400, y + 10, f"{sheet.chance.randint(1, 28)} May 1994") + 20
    y = sheet.put(60, y, sheet.words(3, 7), 0, "hebo") + 8
    sheet.column(60, y, 480, y + sheet.chance.uniform(200, 480))
    if sheet.chance.random() < 0.6:  # the sender's line at the foot
        sheet.put(60, 810, sheet.words(8, 11), sheet.chance.choice((7.0, 8.0)), "helv")
    return 595, 842


def _book(sheet: Sheet) -> tuple[float, float]:
    width, height = sheet.chance.choice(((432.0, 648.0), (396.0, 612.0), (360.0, 576.0)))
    sheet.size = sheet.chance.choice((10.0, 10.5, 11.0, 12.0))
    sheet.put(width / 2, 36, sheet.words(2, 4), 9, align=0.5)
    y = 60.0
    if sheet.chance.random() < 0.3:
        y = sheet.put(width / 2, 110, sheet.words(2, 4), 18, align=0.5) + 30
    notes = sheet.chance.random() < 0.3
    sheet.column(50, y, width - 100, height - (110 if notes else 60))
    if notes:
        sheet.wrap(50, height - 90, width - 100, f"1 {sheet.words(10, 30)}.", 8)
    sheet.put(width / 2, height - 30, str(sheet.chance.randint(2, 400)), 9, align=0.5)
    return width, height


def _slide(sheet: Sheet) -> tuple[float, float]:
    width, height = sheet.chance.choice(((960.0, 540.0), (720.0, 540.0)))
    y = sheet.wrap(60, 80, width - 120, sheet.words(3, 7), sheet.chance.uniform(32, 44), "hebo") + 20
    size = sheet.chance.uniform(18, 28)
    while y < height - 110:
        y = sheet.wrap(80, y, width - 160, f"• {sheet.words(3, 14)}", size, "helv") + 8
    if sheet.chance.random() < 0.5:
        sheet.put(60, height - 24, f"{sheet.words(3, 6)}  {sheet.chance.randint(1, 60)}", 12, "helv")
    return width, height


def _receipt(sheet: Sheet) -> tuple[float, float]:
    sheet.size = size = sheet.chance.choice((8.0, 9.0, 10.0))
    y = sheet.put(113, 40, sheet.words(1, 2), 14, "cobo", align=0.5)
    for _ in range(3):
        y = sheet.put(113, y, sheet.words(2, 3), size, "cour", align=0.5)
    y += 8
    for _ in range(sheet.chance.randint(8, 32)):
        sheet.put(14, y, sheet.words(1, 2), size, "cour")
        y = sheet.put(212, y, sheet.figure(), size, "cour", align=1)
    sheet.put(14, y + 6, "TOTAL", 12, "cobo")
    y = sheet.put(212, y + 6, sheet.figure(), 12, "cobo", align=1)
    sheet.put(113, y + 10, sheet.words(3, 4), size, "cour", align=0.5)
    return 226, y + 40


def _form(sheet: Sheet) -> tuple[float, float]:
    y = sheet.wrap(54, 60, 480, sheet.words(4, 8), 16, "hebo") + 10
    label = sheet.chance.choice((7.0, 8.0, 9.0))
    for _ in range(sheet.chance.randint(10, 24)):
        for x in (54, 304):
            sheet.put(x, y, sheet.words(1, 3), label, "helv")
            sheet.put(x + 6, y + 13, sheet.words(1, 3), 11, "cour")
        y += 28
    sheet.wrap(54, min(y + 6, 800), 480, sheet.words(15, 30) + ".", label, "helv")
    return 595, 842


KINDS: tuple[Callable[[Sheet], tuple[float, float]], ...] = (_letter, _book, _slide, _receipt, _form)


def make_pages(seed: int, count: int) -> list[Page]:
    """So many pages, of each kind in turn; the second half of them are scans."""
    return [_make(KINDS[at % len(KINDS)], f"{seed} {at}", is_scan=2 * at >= count) for at in range(count)]


def _make(kind: Callable[[Sheet], tuple[float, float]], seed: str, *, is_scan: bool) -> Page:
    sheet = Sheet(random.Random(seed))
    width, height = kind(sheet)
    document = _mupdf.open()
    page = document.new_page(width=width, height=height)
    for item in sheet.prints:
        page.insert_text((item.x, item.y), item.text, fontsize=item.size, fontname=item.font)
    if is_scan:
        document = _scan(page, random.Random(seed))
    words = " ".join(item.text for item in sheet.prints)
    smallest = min(item.size for item in sheet.prints)
    return Page(kind.__name__.removeprefix("_"), document.tobytes(), words, smallest, is_scan)


def _scan(page: Any, chance: random.Random) -> Any:
    """A PDF with the page as a scanner sees it: on grey paper, soft, noisy, a little askew, and compressed."""
    pixmap = page.get_pixmap(dpi=SCAN_DPI, colorspace=_mupdf.csGRAY)
    picture = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    picture = picture.point([40 + level * 185 // 255 for level in range(256)])
    picture = picture.rotate(chance.uniform(-0.4, 0.4), Image.Resampling.BICUBIC, fillcolor=225)
    picture = picture.filter(ImageFilter.GaussianBlur(0.7))
    noise = Image.frombytes("L", picture.size, chance.randbytes(picture.width * picture.height))
    noise = noise.point([124 + level // 32 for level in range(256)])
    picture = ImageChops.add(picture, noise, 1, -128)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70, dpi=(SCAN_DPI, SCAN_DPI))
    document = _mupdf.open()
    sheet = document.new_page(width=page.rect.width, height=page.rect.height)
    sheet.insert_image(sheet.rect, stream=buffer.getvalue())
    return document

"""The documents that are measured: born-digital pages, and scans."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw, ImageFilter, ImageFont

_mupdf: Any = pymupdf
A4 = (595.0, 842.0)
WORDS = [
    "the",
    "committee",
    "examined",
    "accounts",
    "of",
    "previous",
    "years",
    "and",
    "agreed",
    "that",
    "costs",
    "had",
    "risen",
    "more",
    "quickly",
    "than",
    "anyone",
    "expected",
    "before",
    "autumn",
    "several",
    "members",
    "asked",
    "whether",
    "original",
    "estimates",
    "included",
    "land",
    "prices",
]


def _text(seed: int, lines: int) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choice(WORDS) for _ in range(12)) for _ in range(lines)]


_TITLE, _LINES = "Report of 14 May 2024", _text(0, 46)
ANSWER = f"# {_TITLE}\n\n{' '.join(_LINES)}"
"""What a good model answers to any page of ``born_digital``, and about as much as stands on the others."""


def born_digital(path: Path, pages: int) -> Path:
    """Pages of text and rules, as a word processor makes them. All have the same words."""
    pdf = _mupdf.open()
    for _ in range(pages):
        page = pdf.new_page(width=A4[0], height=A4[1])
        page.insert_text((60, 60), _TITLE, fontsize=18, fontname="hebo")
        page.insert_text((60, 90), _LINES, fontsize=11, fontname="tiro")
        page.draw_line((60, 70), (535, 70))
    pdf.save(path)
    return path


def scanned(path: Path, pages: int, long_side: int = 3508, mode: str = "RGB") -> Path:
    """Scans: A4 at 300 dpi, or at the resolution that gives *long_side* pixels. Four different ones take turns.

    *mode*: ``RGB``, or ``L`` for grey JPEGs.
    """
    width = round(long_side * A4[0] / A4[1])
    pdf = _mupdf.open()
    jpegs = [_scan(seed, width, long_side, mode) for seed in range(4)]
    for number in range(pages):
        page = pdf.new_page(width=A4[0], height=A4[1])
        page.insert_image(page.rect, stream=jpegs[number % 4] + b" " * (number // 4), keep_proportion=False)
    pdf.save(path)
    return path


def _scan(seed: int, width: int, height: int, mode: str) -> bytes:
    noise = Image.effect_noise((width // 2, height // 2), 4).resize((width, height))
    page = Image.merge("RGB", [noise.point(lambda value: min(255, value + 115))] * 3)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(round(height * 11 / 842))
    for line, text in enumerate(_text(seed, 46)):
        draw.text((width // 10, height * (line + 3) // 52), text, (30, 30, 40), font)
    buffer = io.BytesIO()
    # Optics soften what is on paper, and scanners save space.
    page.filter(ImageFilter.GaussianBlur(0.8)).convert(mode).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()

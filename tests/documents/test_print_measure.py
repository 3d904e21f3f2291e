"""How much print a page holds, as far as its pixels tell."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from layer_pages import SOUND, new_page, write_lines
from visionocr.boxes import Box
from visionocr.documents.print_measure import Print, measure_print, measure_small_print

_pymupdf: Any = pymupdf
Page = Any
EXAMPLES = Path(__file__).parents[2] / "examples"


def draw(page: Page, side: int) -> Image.Image:
    """A page as pixels."""
    zoom = side / max(page.rect.width, page.rect.height)
    pixmap = page.get_pixmap(matrix=_pymupdf.Matrix(zoom, zoom))
    return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


def scan(page: Page, dots: int, *, skew: float = 0) -> Image.Image:
    """A page as a scanner sees it: on grey paper, soft, noisy, and compressed."""
    picture = draw(page, round(max(page.rect.width, page.rect.height) * dots / 72)).convert("L")
    picture = picture.point([40 + level * 185 // 255 for level in range(256)])
    picture = picture.rotate(skew, Image.Resampling.BICUBIC, fillcolor=225).filter(ImageFilter.GaussianBlur(0.8))
    noisy = ImageChops.add(picture, Image.effect_noise(picture.size, 4), 1, -128)
    buffer = io.BytesIO()
    noisy.save(buffer, "JPEG", quality=60)
    return Image.open(buffer).convert("RGB")


def count(page: Page) -> tuple[int, int]:
    """Lines (and cells) and letters that a page has."""
    blocks = [block for block in page.get_text("dict")["blocks"] if "lines" in block]
    lines = ["".join(span["text"] for span in line["spans"]) for block in blocks for line in block["lines"]]
    return sum(bool(line.strip()) for line in lines), sum(len("".join(line.split())) for line in lines)


def columns() -> Page:
    """Two columns with a narrow gutter."""
    page = new_page()
    for left in (45, 300):
        for number in range(60):
            text = "provinces manners and the gentle laws had powerful influence"
            page.insert_text((left, 60 + 12 * number), text[: 52 + number % 3], fontsize=9, fontname="tiro")
    return page


PAGES = {
    "English": SOUND["English"],
    "capitals": SOUND["capitals"],
    "small print": lambda: write_lines(new_page(), fontsize=7),
    "typewriter": lambda: write_lines(new_page(), fontname="cour", fontsize=9),
    "a third of a page": lambda: write_lines(new_page(), lines=12, fontname="helv"),
    "columns": columns,
    **{name: SOUND[name] for name in ("Greek", "Cyrillic", "Hebrew", "Arabic", "Japanese", "Korean", "Chinese")},
    **{name: SOUND[name] for name in ("German", "table", "receipt", "white on dark")},
}


@pytest.mark.parametrize("kind", PAGES)
def test_letters_of_drawn_pages(kind: str) -> None:
    """Lines and letters are right within a factor of 1.5 (but for the columns of a receipt), whatever the raster."""
    page = PAGES[kind]()
    lines, letters = count(page)
    for side in (842, 1600):
        found = measure_print(draw(page, side))
        assert letters / 1.5 <= found.letters <= letters * 1.5, side
        assert lines / 1.5 <= found.lines <= lines * (4 if kind == "receipt" else 1.5), side


@pytest.mark.parametrize("dots", [100, 200])
@pytest.mark.parametrize("kind", ["columns", "Chinese"])
def test_letters_of_scans(kind: str, dots: int) -> None:
    """Grey, soft, noisy and slightly turned scans are measured as well."""
    page = PAGES[kind]()
    lines, letters = count(page)
    found = measure_print(scan(page, dots, skew=0.7))
    assert letters / 1.5 <= found.letters <= letters * 1.5
    assert lines / 1.5 <= found.lines <= lines * 1.5


def test_height_of_letters() -> None:
    """The height of small letters is told as a share of the page's longer side: half the size of Times, nearly."""
    for size in (9, 12, 18):
        found = measure_small_print(draw(write_lines(new_page(), fontsize=size, words=["commune", "summer"]), 1600))
        assert found == pytest.approx(0.45 * size / 842, rel=0.25)


def textures() -> dict[str, Image.Image]:
    """Pictures that hold no print."""
    chance = random.Random(3)
    clouds = Image.effect_noise((60, 40), 90).resize((1200, 800), Image.Resampling.BICUBIC)
    sharp = ImageChops.add(clouds, Image.effect_noise((1200, 800), 40), 1, -128)
    shapes = Image.new("RGB", (900, 1200), (190, 210, 230))
    brush = ImageDraw.Draw(shapes)
    for _ in range(150):
        x, y, size = chance.randrange(900), chance.randrange(1200), chance.randrange(10, 260)
        colour = tuple(chance.randrange(256) for _ in range(3))
        (brush.ellipse if chance.random() < 0.5 else brush.rectangle)((x, y, x + size, y + size), fill=colour)
    leaves = Image.new("L", (1000, 800), 90)
    brush = ImageDraw.Draw(leaves)
    for _ in range(4000):
        x, y = chance.randrange(1000), chance.randrange(800)
        brush.ellipse((x, y, x + chance.randrange(4, 30), y + chance.randrange(4, 30)), fill=chance.randrange(256))
    paper = scan(new_page(), 150)
    return {
        "nothing": Image.new("RGB", (800, 1100), "white"),
        "paper": paper,
        "clouds": clouds,
        "noise": sharp,
        "shapes": shapes,
        "leaves": leaves,
        "drawing": Image.open(EXAMPLES / "picture.png").convert("RGB"),
        "gradient": Image.linear_gradient("L").resize((700, 900)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nothing", "paper", "clouds", "noise", "shapes", "leaves", "drawing", "gradient"])
def test_pictures_hold_next_to_no_letters(kind: str) -> None:
    """Paper, noise and pictures without print hold less than two lines of letters."""
    assert measure_print(textures()[kind]).letters <= 100


def test_a_photograph_of_a_page() -> None:
    """A page that was photographed at an angle, with shadows, holds about its letters."""
    photo = ImageOps.exif_transpose(Image.open(EXAMPLES / "photo.jpg"))
    letters = len("".join((EXAMPLES / "photo.txt").read_text("utf-8").split()))
    assert letters / 1.5 <= measure_print(photo.convert("RGB").reduce(2)).letters <= letters * 1.5


def test_boxes_are_left_out() -> None:
    """What lies in the boxes given is not counted, the rest is."""
    picture = draw(write_lines(new_page()), 1024)
    upper = Box(0, 0, 1, (80 + 18 * 19.5) / 842)
    assert measure_print(picture, [Box(0, 0, 1, 1)]) == Print()
    assert measure_print(picture, [upper]).lines == pytest.approx(20, abs=1)


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (28, 28), (40, 5000), (5000, 40)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_size_is_measured(size: tuple[int, int], mode: str) -> None:
    """Pictures of any shape are measured, black ones and noise."""
    assert measure_print(Image.new(mode, size)) == Print()
    assert measure_print(Image.effect_noise(size, 100).convert(mode)).letters >= 0

"""Which pictures of a page are cut out of it, and what the files show."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw

from drawing import picture_bytes
from visionocr.boxes import Box
from visionocr.documents.discovery import discover
from visionocr.documents.figures import MOST, CutFigure, CutOrder, Piece, find_figures
from visionocr.documents.source import Source
from visionocr.types import RasterSpec

RED, BLUE = (200, 0, 0), (0, 0, 200)
PAGE = (500.0, 700.0)


def disc(colour: tuple[int, int, int], size: tuple[int, int]) -> bytes:
    """A picture file of a disc on white."""
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).ellipse((4, 4, size[0] - 4, size[1] - 4), fill=colour)
    return picture_bytes(picture, "PNG")


def piece(left: float, top: float, right: float, bottom: float) -> Piece:
    """A picture on a page of ``PAGE``'s size."""
    return Piece(left, top, right, bottom, 1000, f"{left} {top}")


def cut(path: Path, order: CutOrder | None = None, *, workers: int = 0) -> list[list[CutFigure]]:
    """The figures of each page of a document."""
    with Source(discover([str(path)]), workers=workers) as source:
        return [source.cut(page, order or CutOrder()) for page in source.pages()]


def opened(figure: CutFigure) -> Image.Image:
    """The figure's file."""
    return Image.open(io.BytesIO(figure.png))


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [piece(0, 0, 500, 700)],
        [piece(20, 20, 490, 690)],
        [piece(0, top, 500, top + 70) for top in range(0, 700, 70)],
        [piece(10, 10, 40, 40)],
        [piece(10, 10, 300, 14)],
        [piece(-200, -200, 20, 20)],
        [piece(x, y, x + 37, y + 37) for x in range(0, 480, 40) for y in range(0, 690, 40)],
    ],
)
def test_what_is_no_figure_is_left_out(pieces: list[Piece]) -> None:
    """Scans, whole and in strips, backgrounds, icons, rules, what lies outside the page, and patterns."""
    assert find_figures(pieces, *PAGE) == []


def test_strips_of_a_picture_are_one_figure() -> None:
    """They are put together in whatever order they come; other pictures stay by themselves, top down."""
    strips = [piece(100, top, 300, top + 10) for top in (420, 400, 430, 410)]
    background, lower, upper = piece(0, 0, 500, 700), piece(100, 500, 200, 600), piece(100, 100, 200, 200)
    found = find_figures([background, *strips, lower, upper], *PAGE)
    edges = [(one.left, one.top, one.right, one.bottom) for one in found]
    assert edges == [(100, 100, 200, 200), (100, 400, 300, 440), (100, 500, 200, 600)]
    assert found[1].pixels == 4000


@pytest.mark.parametrize("turned", [0, 90])
def test_pictures_of_a_pdf_are_cut_out_in_their_own_resolution(tmp_path: Path, turned: int) -> None:
    """On the page as it is displayed; the same picture has the same identity on all pages."""
    mupdf: Any = pymupdf
    with mupdf.open() as pdf:
        for _ in range(2):
            page = pdf.new_page(width=500, height=700)
            page.insert_image((100, 200, 300, 300), stream=disc(RED, (400, 200)))
            page.insert_image((10, 10, 30, 30), stream=disc(BLUE, (50, 50)))
            page.set_rotation(turned)
        pdf.save(tmp_path / "a.pdf")
    (one,), (two,) = cut(tmp_path / "a.pdf")
    box = (0.2, 2 / 7, 0.6, 3 / 7) if not turned else (4 / 7, 0.2, 5 / 7, 0.6)
    assert (one.box.left, one.box.top, one.box.right, one.box.bottom) == pytest.approx(box, abs=0.001)
    assert one.index is None
    assert one.identity == two.identity != ""
    with opened(one) as picture:
        assert sorted(picture.size) == pytest.approx([200, 400], abs=1)
        assert picture.getpixel((picture.width // 2, picture.height // 2)) == RED
        assert picture.getpixel((2, 2)) == (255, 255, 255)


def test_places_of_an_answer_come_first_and_once(tmp_path: Path) -> None:
    """A picture in an answer's box is not cut out again; blank and empty boxes give nothing; too many are left out."""
    mupdf: Any = pymupdf
    with mupdf.open() as pdf:
        page = pdf.new_page(width=500, height=700)
        page.insert_image((100, 200, 300, 300), stream=disc(RED, (400, 200)))
        page.insert_image((100, 500, 300, 600), stream=disc(BLUE, (400, 200)))
        pdf.save(tmp_path / "a.pdf")
    red, blank, point = Box(0.19, 0.28, 0.61, 0.44), Box(0.7, 0.1, 0.9, 0.2), Box(0.9, 0.9, 0.9, 0.9)
    order = CutOrder((blank, point, red), mark="a mark", spec=RasterSpec(200))
    (found,) = cut(tmp_path / "a.pdf", order)
    assert [(figure.index, figure.box == red) for figure in found] == [(2, True), (None, False)]
    for figure in found:
        assert figure.image is not None
        assert max(figure.image.width, figure.image.height) == 200
        with opened(figure) as picture:
            assert picture.info["visionocr"] == "a mark"
    (many,) = cut(tmp_path / "a.pdf", CutOrder((red,) * 100))
    assert len(many) == MOST


def test_child_processes_cut_out_the_same(tmp_path: Path) -> None:
    """Figures with their images come through the pipe as they are, also of a picture file."""
    sheet = Image.new("RGB", (400, 400), "white")
    ImageDraw.Draw(sheet).rectangle((100, 100, 199, 299), fill=RED)
    sheet.save(tmp_path / "a.png")
    order = CutOrder((Box(0.25, 0.25, 0.5, 0.75),), turn=90, spec=RasterSpec(100))
    here, there = (cut(tmp_path / "a.png", order, workers=workers) for workers in (0, 1))
    # One colour is no picture.
    assert here == there == [[]]
    order = CutOrder((Box(0.0, 0.25, 0.5, 0.75),), turn=90, spec=RasterSpec(100))
    here, there = (cut(tmp_path / "a.png", order, workers=workers) for workers in (0, 1))
    assert here[0][0].png == there[0][0].png
    assert here[0][0].image is not None
    assert there[0][0].image is not None
    assert here[0][0].image.data == there[0][0].image.data
    with opened(there[0][0]) as picture:
        assert picture.size == (200, 200)
        assert picture.getpixel((100, 150)) == RED  # on the right before it was turned clockwise

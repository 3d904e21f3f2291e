"""Pages turned as they are loaded: what is shown, where it stands on the page, and what is known of the page."""

from __future__ import annotations

import io
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw

from drawing import decoded
from layer_pages import as_pdf, as_png, draw_scan, new_page, write_lines
from visionocr.boxes import Box, place_box, turn_box
from visionocr.documents.content import Content
from visionocr.documents.discovery import Found
from visionocr.documents.fit import make_images
from visionocr.documents.pdf import PdfFile
from visionocr.documents.picture import PictureFile
from visionocr.documents.source import Source
from visionocr.evidence import Evidence
from visionocr.types import FindingKind, PageImage, PageRef, RasterSpec, Severity

PAGE = PageRef("a", 1, 1)
SPEC = RasterSpec(800, find_evidence=True)
MARK = Box(0.1, 0.2, 0.35, 0.3)
"""Of a page: where it has its only colour."""
QUARTERS = (90, 270)
TURNS = (0, 90, 180, 270)
_mupdf: Any = pymupdf


def sheet(width: int = 600, height: int = 900) -> Image.Image:
    """A white page with a red box."""
    picture = Image.new("RGB", (width, height), "white")
    edges = (MARK.left * width, MARK.top * height, MARK.right * width - 1, MARK.bottom * height - 1)
    ImageDraw.Draw(picture).rectangle(edges, (220, 0, 0))
    return picture


def find_red(image: PageImage) -> Box | None:
    """The box around what is red in an image; ``None`` where nothing is."""
    green = decoded(image).convert("RGB").getchannel("G")
    edges = green.point([255 if level < 100 else 0 for level in range(256)]).getbbox()
    return Box(*(edge / side for edge, side in zip(edges, green.size * 2, strict=True))) if edges else None


def known(image: PageImage) -> Evidence:
    """The evidence that comes with an image."""
    assert image.evidence is not None
    return image.evidence


def load_pdf(page: Any, spec: RasterSpec = SPEC) -> PageImage:
    """The image of a page of a PDF."""
    (image,) = PdfFile(Content("a", data=as_pdf(page))).load(PAGE, spec)
    return image


def is_near(box: Box, other: Box, tolerance: float = 0.01) -> bool:
    """Whether two boxes are the same but for a few pixels."""
    return astuple(box) == pytest.approx(astuple(other), abs=tolerance)


@pytest.mark.parametrize("turn", TURNS)
def test_what_a_turned_image_shows_has_its_place_on_the_page(turn: int) -> None:
    """A box found in the image is one on the page as it is displayed; the finding says how it was turned."""
    (image,) = make_images(sheet(), PAGE, replace(SPEC, turn=turn))
    assert (image.width > image.height) == (turn in QUARTERS)
    red = find_red(image)
    assert red is not None
    assert is_near(red, turn_box(MARK, turn))
    assert is_near(place_box(red, image.region, image.turn), MARK)
    notes = [(note.kind, note.severity, note.message) for note in image.findings]
    words = f"the page was turned by {turn} degrees clockwise"
    assert notes == ([(FindingKind.ADJUSTED, Severity.INFO, words)] if turn else [])


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("size", [(300, 3000), (3000, 300), (900, 20)])
def test_parts_and_padding_keep_their_places(size: tuple[int, int], turn: int) -> None:
    """The parts of a strip, and what is padded with white, say which part of the page they show."""
    parts = make_images(sheet(*size), PAGE, RasterSpec(500, turn=turn))
    found = [place_box(red, part.region, part.turn) for part in parts if (red := find_red(part)) is not None]
    union = Box(
        min(box.left for box in found),
        min(box.top for box in found),
        max(box.right for box in found),
        max(box.bottom for box in found),
    )
    assert is_near(union, MARK, 0.1 if min(size) == 20 else 0.02)


def test_every_kind_of_document_is_turned(tmp_path: Path) -> None:
    """A picture, a drawn page, a scan that would be sent as it is; in another process as well."""
    buffer = io.BytesIO()
    sheet().save(buffer, "JPEG", quality=90)
    scanned = _mupdf.open().new_page(width=400, height=600)
    scanned.insert_image(scanned.rect, stream=buffer.getvalue())
    drawn = new_page(400, 600)
    shape = _mupdf.Rect(MARK.left * 400, MARK.top * 600, MARK.right * 400, MARK.bottom * 600)
    drawn.draw_rect(shape, color=(0.9, 0, 0), fill=(0.9, 0, 0))
    spec = RasterSpec(900, turn=90, find_evidence=True)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    with Source([Found("a.jpg", str(tmp_path / "a.jpg"))], workers=1) as source:
        (elsewhere,) = source.load(next(iter(source.pages())), spec)
    (picture,) = PictureFile(Content("a", data=buffer.getvalue()), "JPEG").load(PAGE, spec)
    for image in (elsewhere, picture, load_pdf(scanned, spec), load_pdf(drawn, spec)):
        assert (image.turn, image.width > image.height) == (90, True)
        red = find_red(image)
        assert red is not None
        assert is_near(place_box(red, image.region, 90), MARK)
        assert known(image).width < known(image).height


@pytest.mark.parametrize("turn", TURNS)
def test_a_text_layer_knows_its_direction(turn: int) -> None:
    """Most letters of the layer say how the page has to be turned, however the file came by that direction."""
    page = write_lines(new_page())
    page.set_rotation(turn)
    by_file = load_pdf(page)
    assert known(by_file).layer_turn == -turn % 360
    page = new_page(842, 842)
    for at in range(20):
        page.insert_text((100 + 30 * at, 420), f"text that is turned number {at}", rotate=turn)
    page.insert_text((40, 40), "a headline that stands upright", fontsize=20)
    # PyMuPDF's angle is counterclockwise: turning clockwise by as much brings the text upright.
    assert known(load_pdf(page)).layer_turn == turn


def test_print_is_measured_upright() -> None:
    """A scan that lies on its side seems to; turned, it has as much print as upright."""
    scan = draw_scan(write_lines(new_page()), dots=150)
    lying = as_png(Image.open(io.BytesIO(scan)).transpose(Image.Transpose.ROTATE_90))
    (straight,) = PictureFile(Content("a", data=scan), "JPEG").load(PAGE, replace(SPEC, max_side=1600))
    picture = PictureFile(Content("a", data=lying), "PNG")
    (before,) = picture.load(PAGE, replace(SPEC, max_side=1600))
    (after,) = picture.load(PAGE, replace(SPEC, max_side=1600, turn=90))
    assert not known(straight).may_lie_sideways
    assert known(before).may_lie_sideways
    assert not known(after).may_lie_sideways
    assert known(after).print_letters == pytest.approx(known(straight).print_letters, rel=0.1)
    assert (known(after).width, known(after).height) == (known(before).width, known(before).height)

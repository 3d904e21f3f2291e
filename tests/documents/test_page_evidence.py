"""Whether a page's text layer is to be believed, and whether it is all of the page's text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from drawing import picture_bytes
from layer_pages import SOUND, WRONG, as_pdf, as_png, draw_scan, new_page, put_over_scan, write_lines
from visionocr.boxes import Box
from visionocr.documents import Source, discover
from visionocr.documents.content import Content
from visionocr.documents.pdf import PdfFile
from visionocr.evidence import Evidence
from visionocr.types import PageImage, PageRef, RasterSpec

_pymupdf: Any = pymupdf
TURN = _pymupdf.Point(120, 650), _pymupdf.Matrix(45)
Page = Any


def load(page: Page, side: int = 1024) -> PageImage:
    """The image of a page that a document of one page has."""
    pdf = PdfFile(Content("a.pdf", data=as_pdf(page)))
    return pdf.load(PageRef("a.pdf", 1, 1), RasterSpec(side, find_evidence=True))[0]


def find(page: Page, side: int = 1024) -> Evidence:
    """The evidence of a page."""
    evidence = load(page, side).evidence
    assert evidence is not None
    return evidence


@pytest.mark.parametrize("kind", SOUND)
def test_sound_layers_are_trusted(kind: str) -> None:
    """What a page shows and its file says is believed, whatever the script, and is all that there is."""
    evidence = find(SOUND[kind]())
    assert evidence.distrust == ""
    assert evidence.is_layer_trusted
    assert evidence.is_complete
    assert evidence.print_lines == len(evidence.text_layer)
    assert evidence.print_letters == sum(len("".join(line.text.split())) for line in evidence.text_layer)


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_layers_are_not_trusted(kind: str) -> None:
    """A layer that is not what the page shows is not believed, and the reason is given."""
    draw, reason = WRONG[kind]
    evidence = find(draw())
    assert reason in evidence.distrust
    assert not evidence.is_layer_trusted


def test_lines_of_an_older_reading_are_kept() -> None:
    """The invisible text of a scan is there, distrusted, with its places; the print is measured in the pixels."""
    for behind in (False, True):
        evidence = find(put_over_scan(write_lines(new_page()), behind=behind))
        assert [len(line.words) for line in evidence.text_layer] == [8] * 40
        assert evidence.print_lines == pytest.approx(40, abs=4)
        assert evidence.print_letters == pytest.approx(1760, rel=0.3)


def test_a_layer_that_is_only_a_part_is_not_complete() -> None:
    """A stamp on a scan is trusted for its own line, but it is not all of the page's text."""
    page = new_page()
    page.insert_image(page.rect, stream=draw_scan(write_lines(new_page(), lines=35)))
    page.insert_text((60, 800), "Received 14 March 2024", fontsize=12)
    evidence = find(page)
    assert [line.text for line in evidence.text_layer] == ["Received 14 March 2024"]
    assert evidence.is_layer_trusted
    assert not evidence.is_complete
    assert evidence.print_letters == pytest.approx(1560, rel=0.3)


def test_a_watermark_is_not_the_text_of_a_scan() -> None:
    """Text across the page, whose box is the whole page, does not stand for what the scan under it shows."""
    page = new_page()
    page.insert_image(page.rect, stream=draw_scan(write_lines(new_page())))
    page.insert_text((120, 650), "CONFIDENTIAL", fontsize=60, color=(1, 0.6, 0.6), morph=TURN)
    evidence = find(page)
    assert [line.text for line in evidence.text_layer] == ["CONFIDENTIAL"]
    assert not evidence.is_complete


def test_pictures_without_print_leave_a_layer_complete() -> None:
    """A page of text with a photograph, a logo and a frame is complete."""
    page = write_lines(new_page(), lines=20)
    photo = Image.radial_gradient("L").convert("RGB").resize((300, 200))
    page.insert_image((100, 480, 400, 680), stream=as_png(photo))
    page.draw_circle((480, 560), 30, fill=(0.8, 0.1, 0.1))
    page.draw_rect((50, 470, 550, 690))
    evidence = find(page)
    assert evidence.is_layer_trusted
    assert evidence.is_complete


def test_little_that_is_garbled_does_no_harm() -> None:
    """Bullets and ticks of a symbol font do not make a page's text untrustworthy."""
    page = write_lines(new_page(), lines=20)
    for number in range(20):
        page.insert_text((45, 80 + 18 * number), "4", fontname="zadb", fontsize=11)
    assert find(page).is_layer_trusted


def test_a_page_without_text_has_no_layer() -> None:
    """A bare scan has no lines and no reason for distrust, and its print is measured; a blank sheet has no print."""
    page = new_page()
    page.insert_image(page.rect, stream=draw_scan(write_lines(new_page()), dots=150))
    for side in (1024, 2480):  # drawn anew, and sent as it is
        evidence = find(page, side)
        assert (evidence.text_layer, evidence.distrust, evidence.is_layer_trusted) == ((), "", False)
        assert evidence.print_letters == pytest.approx(1760, rel=0.3)
    blank = load(new_page())
    assert blank.blank
    assert blank.evidence == Evidence(595, 842, print_lines=0, print_letters=0, dpi=72)


def test_a_page_with_visible_text_is_not_blank() -> None:
    """However small and pale: the file says that it is there, and the pixels agree."""
    page = new_page()
    page.insert_text((300, 400), "a", fontsize=5, color=(0.7, 0.7, 0.7))
    assert not load(page).blank


def test_pictures_have_evidence(tmp_path: Path) -> None:
    """Of a picture file the print is measured; there is no text layer."""
    pixmap = write_lines(new_page()).get_pixmap(dpi=110)
    picture = Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)
    (tmp_path / "a.png").write_bytes(picture_bytes(picture, "PNG"))
    with Source(discover([str(tmp_path / "a.png")]), workers=0) as source:
        (page,) = source.pages()
        (image,) = source.load(page, RasterSpec(1024, find_evidence=True))
        (plain,) = source.load(page, RasterSpec(1024))
    assert plain.evidence is None
    assert image.evidence is not None
    assert image.evidence.text_layer == ()
    assert image.evidence.width / image.evidence.height == pytest.approx(595 / 842, rel=0.01)
    assert image.evidence.print_letters == pytest.approx(1760, rel=0.3)
    assert image.region == Box(0, 0, 1, 1)


def test_a_layer_that_cannot_be_read_costs_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library gives up on a page's text, the page comes with its picture and the reason."""

    def fail(drawing: object) -> None:
        raise MemoryError

    monkeypatch.setattr("visionocr.documents.pdf.read_text_layer", fail)
    evidence = find(write_lines(new_page()))
    assert evidence.distrust == "it cannot be read"
    assert evidence.print_letters == pytest.approx(1760, rel=0.3)

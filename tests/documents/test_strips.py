"""Pages with small print are cut into strips of full width; large print is sent with fewer pixels."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageDraw

from drawing import decoded
from layer_pages import PROSE, as_pdf, new_page, write_lines
from visionocr.boxes import Box, TextLine, turn_box
from visionocr.documents.content import Content
from visionocr.documents.page_evidence import measure_small_type
from visionocr.documents.pdf import PdfFile
from visionocr.documents.picture import PictureFile
from visionocr.documents.print_fit import ENOUGH, LEAST, LEAST_SIDE, count_strips, limit_side
from visionocr.documents.strips import cut_strips, find_emptiest
from visionocr.documents.text_layer import LayerLine, TextLayer
from visionocr.types import PageImage, PageRef, RasterSpec

PAGE = PageRef("a", 1, 1)
AUTO: dict[str, Any] = {"find_evidence": True, "fit_print": True, "strips": None}


def load(data: bytes, side: int, **options: Any) -> tuple[PageImage, ...]:
    """The images of a PDF's page."""
    return PdfFile(Content("a", data=data)).load(PAGE, RasterSpec(side, **options))


def scan_of(data: bytes, kind: str = "PNG", side: int = 2000) -> bytes:
    """A page of a PDF as a picture without a text layer."""
    (image,) = load(data, side)
    buffer = io.BytesIO()
    decoded(image).save(buffer, kind, quality=90)
    return buffer.getvalue()


def print_of(size: float, **options: Any) -> bytes:
    """A page of print of one size."""
    return as_pdf(write_lines(new_page(), fontsize=size, **options))


def as_picture_pdf(jpeg: bytes) -> bytes:
    """A PDF page that is one JPEG."""
    page = new_page()
    page.insert_image(page.rect, stream=jpeg)
    return as_pdf(page)


def sides(images: tuple[PageImage, ...]) -> list[int]:
    """The long sides of images."""
    return [max(image.width, image.height) for image in images]


# --- large print ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text layer", "scan in a PDF", "picture"])
def test_large_print_is_sent_with_fewer_pixels(form: str) -> None:
    """Print of 16 points needs about half the side of print of 8 points, however its size is known."""
    found = []
    for size in (16, 8):
        data = print_of(size)
        if form == "text layer":
            images = load(data, 2000, **AUTO)
        elif form == "scan in a PDF":
            images = load(as_picture_pdf(scan_of(data, "JPEG")), 2000, **AUTO)
        else:
            picture = PictureFile(Content("a", data=scan_of(data)), "PNG")
            images = picture.load(PAGE, RasterSpec(2000, **AUTO))
        found += sides(images)
    large, small = found
    assert 0.42 * small <= large <= 0.65 * small or large == LEAST_SIDE
    # 8 points are an x-height of 3.6 points, which the page has 842 of.
    assert 0.75 * ENOUGH <= small * 3.6 / 842 <= 1.4 * ENOUGH


def test_a_jpeg_whose_print_needs_all_its_pixels_is_sent_as_it_is() -> None:
    """A scanned page is not compressed again where its print needs its pixels."""
    jpeg = scan_of(print_of(8), "JPEG", 1400)
    (image,) = load(as_picture_pdf(jpeg), 2000, **AUTO)
    assert image.data == jpeg


def test_small_notes_keep_a_page_large() -> None:
    """The size is chosen by the smaller print: foot notes of a page of large print stay legible."""
    page = write_lines(new_page(), lines=20, fontsize=14)
    plain = as_pdf(page)
    for at in range(8):
        page.insert_text((60, 700 + 10 * at), " ".join(PROSE[:12]), fontsize=7, fontname="tiro")
    assert sides(load(plain, 2000, **AUTO))[0] < 1200
    assert sides(load(as_pdf(page), 2000, **AUTO)) == [2000]
    assert sides(load(as_picture_pdf(scan_of(as_pdf(page), "JPEG")), 2000, **AUTO))[0] > 1500


def test_pages_of_unknown_print_keep_their_size() -> None:
    """A page without print, and one that nobody looks at, are sent as large as the model can use."""
    photo = Image.linear_gradient("L").resize((1500, 2000)).convert("RGB")
    buffer = io.BytesIO()
    photo.save(buffer, "PNG")
    (image,) = PictureFile(Content("a", data=buffer.getvalue()), "PNG").load(PAGE, RasterSpec(1800, **AUTO))
    assert sides((image,)) == [1800]
    assert image.reduction == 1.0
    assert sides(load(print_of(20), 1800, **AUTO | {"find_evidence": False})) == [1800]


def test_a_font_that_claims_more_height_than_its_letters_have() -> None:
    """Letters of a font with a tall box, as for formulas, are not taken for large ones: their width tells."""
    plain, tall = (
        TextLayer(595, 842, (LayerLine(TextLine("words of a line", Box(0.1, 0.1, 0.22, 0.1 + height))),))
        for height in (0.016, 0.08)
    )
    usual = measure_small_type(plain)
    assert usual is not None
    assert usual == pytest.approx(measure_small_type(tall), rel=0.5)


@pytest.mark.parametrize("form", ["text layer", "scan"])
def test_the_reduction_is_told(form: str) -> None:
    """An image tells how much smaller it is than it could be."""
    data = print_of(16)
    (image,) = load(data if form == "text layer" else as_picture_pdf(scan_of(data, "JPEG")), 2000, **AUTO)
    assert max(image.width, image.height) < 1200
    assert image.reduction == pytest.approx(max(image.width, image.height) / 2000, abs=0.001)


def test_a_layer_that_is_not_believed_does_not_tell_the_size() -> None:
    """A page whose text layer says large print, but shows small print or none of it, is sent as what is seen needs."""
    hidden = write_lines(new_page(), fontsize=20, color=(1, 1, 1))
    hidden.insert_image(hidden.rect, stream=scan_of(print_of(8), "JPEG"), overlay=False)
    beside = write_lines(new_page(), lines=8, fontsize=20)
    beside.insert_image((0, 300, 595, 842), stream=scan_of(print_of(8), "JPEG"), keep_proportion=False)
    for page in (hidden, beside):
        (image,) = load(as_pdf(page), 2000, **AUTO)
        assert max(image.width, image.height) > 1500


def test_print_is_never_enlarged_nor_shrunk_too_far() -> None:
    """Print that is small stays as it is, and no print makes a page smaller than its least side."""
    spec = RasterSpec(2000, fit_print=True)
    for x_height in (1.0, ENOUGH, None):
        assert limit_side(spec, 2000, x_height) == 2000
    assert limit_side(spec, 2000, 2 * ENOUGH) == 1000
    assert limit_side(spec, 2000, 100.0) == LEAST_SIDE
    assert limit_side(spec, 500, 100.0) == 500
    assert limit_side(RasterSpec(2000), 2000, 100.0) == 2000


# --- strips -----------------------------------------------------------------------------------------------


def test_small_print_is_cut_into_strips_between_lines() -> None:
    """Strips have the page's full width, follow each other without a gap, and no line is cut."""
    data = print_of(10, lines=40)
    first, second = images = load(data, 640, **AUTO)
    assert [(image.part, image.parts, image.width) for image in images] == [(1, 2, 640), (2, 2, 640)]
    assert (first.region.left, first.region.top, first.region.right) == (0, 0, 1)
    assert first.region.bottom == second.region.top
    assert second.region.bottom == 1
    assert not second.overlaps
    assert all("2 strips" in image.findings[0].message for image in images)
    assert first.evidence is not None
    assert first.evidence.text_layer
    for line in first.evidence.text_layer:
        assert not line.box.top + 0.003 < first.region.bottom < line.box.bottom - 0.003


def test_print_that_can_be_read_is_not_cut() -> None:
    """A page whose print is large enough is one image, drawn once at its size."""
    assert sides(load(print_of(10), 1200, **AUTO)) == [1200]
    assert sides(load(print_of(18), 640, **AUTO)) == [640]


def test_scans_are_cut_from_their_finest_pixels() -> None:
    """A scan's strips show more of it than the whole page did."""
    data = as_picture_pdf(scan_of(print_of(9), "JPEG"))
    images = load(data, 640, **AUTO)
    assert [image.width for image in images] == [640, 640]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_any_number_of_strips_can_be_asked_for(count: int) -> None:
    """A page is cut into as many strips as are wanted, whatever its print."""
    images = load(print_of(14), 900, strips=count)
    assert [(image.part, image.parts) for image in images] == [(at + 1, count) for at in range(count)]
    assert [image.region.top for image in images[1:]] == [image.region.bottom for image in images[:-1]]


def test_strips_of_a_turned_page_have_their_places() -> None:
    """A page is turned before it is cut; regions are those of the page as it is displayed."""
    images = load(print_of(10), 640, turn=90, strips=2)
    turned = [turn_box(image.region, 90) for image in images]
    assert [image.region.bottom - image.region.top for image in images] == pytest.approx([1, 1])
    assert turned[0].bottom == pytest.approx(turned[1].top)


def test_strips_overlap_where_no_row_is_white() -> None:
    """Where every row crosses print, the strips overlap by several lines."""
    picture = Image.new("L", (600, 900), "white")
    draw = ImageDraw.Draw(picture)
    for at in range(60):
        for left, shift in ((20, 0), (320, 7)):
            draw.text((left, 15 * at + shift), "provinces manners laws power " * 2, "black")
    first, second = cut_strips(picture, 2, 6.0)
    assert second.overlaps
    assert not first.overlaps
    assert 30 / 900 < first.region.bottom - second.region.top < 120 / 900
    assert first.region.top == 0
    assert second.region.bottom == 1


def test_rules_do_not_stand_in_the_way_of_a_cut() -> None:
    """A row that only the vertical rules of a table cross is as good as a white one."""
    picture = Image.new("L", (600, 900), "white")
    draw = ImageDraw.Draw(picture)
    for left in (10, 150, 300, 450, 590):
        draw.line((left, 0, left, 900), "black", 2)
    for at in range(45):
        draw.text((20, 20 * at), "words and figures 123.45 in a row of the table", "black")
    first, second = cut_strips(picture, 2, 6.0)
    assert not second.overlaps
    assert first.region.bottom == second.region.top


def test_no_strips_where_they_gain_nothing() -> None:
    """A page is not cut where its strips would be as small, or its print illegible all the same."""
    spec = RasterSpec(640, strips=None)
    assert count_strips(spec, LEAST - 1, lambda count: 1.0 if count else 0) == 1
    assert count_strips(spec, 0.5, lambda count: float(count)) == 1
    assert count_strips(spec, None, lambda count: float(count)) == 1
    assert count_strips(spec, 2.6, lambda count: float(min(count, 3))) == 2
    assert count_strips(spec, 1.5, lambda count: float(min(count, 3))) == 3


def test_emptiest_prefers_wide_and_near_gaps() -> None:
    """Among the emptiest places the wide ones win, then those near the middle; full places lose always."""
    assert find_emptiest([5, 5, 1, 5, 5]) == 2
    assert find_emptiest([0, 5, 5, 5, 0, 5, 5]) == 4
    wide = [9.0] * 4 + [0.0] * 10 + [9.0] * 10 + [0.0] + [9.0] * 15
    assert 4 < find_emptiest(wide) < 14
    assert find_emptiest([0.0] * 100) == 50

"""Blank pages: bare paper is recognized, and no page with something to read is."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

import blank_pages
import sparse_pages
from blank_pages import BLANK, WRITTEN, Sample, samples, write
from drawing import as_file, lines_strip, pdf_bytes, picture_bytes
from hostile_files import page_with, stream
from visionocr.documents.blank import is_blank, is_even
from visionocr.documents.components import SET, find_runs, join_runs
from visionocr.documents.content import Content
from visionocr.documents.fit import make_images
from visionocr.documents.pdf import PdfFile
from visionocr.documents.picture import PictureFile
from visionocr.types import PageImage, PageRef, RasterSpec

SEED = 1
FEW, EACH = 3, 9
"""Pages of every kind in the fast tests, and in the slow ones: 261 altogether."""
COUNTS = [FEW, pytest.param(EACH, marks=pytest.mark.slow)]
PAGE = PageRef("page", 1, 1)


def images_of(sample: Sample, folder: Path) -> tuple[PageImage, ...]:
    """The images of a file's first page."""
    content = as_file(sample.data, folder)
    if sample.pdf:
        pdf = PdfFile(content)
        try:
            return pdf.load(PAGE, RasterSpec(sample.side))
        finally:
            pdf.close()
    kind = Image.open(io.BytesIO(sample.data)).format or ""
    return PictureFile(content, kind).load(PAGE, RasterSpec(sample.side))


def even_sheet(width: int = 600, height: int = 842, shade: int = 255) -> Image.Image:
    """An even sheet."""
    return Image.new("RGB", (width, height), (shade,) * 3)


@pytest.mark.slow
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", BLANK)
def test_bare_paper_is_blank(kind: str, count: int, tmp_path: Path) -> None:
    """A page with nothing but paper texture and scanner artefacts is blank."""
    asked = [s.name for s in samples(kind, SEED, count) if not all(i.blank for i in images_of(s, tmp_path))]
    assert not asked


@pytest.mark.slow
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", WRITTEN)
def test_pages_with_little_content_are_not_blank(kind: str, count: int, tmp_path: Path) -> None:
    """A page with a line, a word, a number, a stamp, a signature or a picture is never blank."""
    lost = [s.name for s in samples(kind, SEED, count) if any(i.blank for i in images_of(s, tmp_path))]
    assert not lost


def is_pdf_blank(data: bytes, side: int) -> bool:
    """Whether the only page of a PDF is blank."""
    pdf = PdfFile(Content("page", data=data))
    images = pdf.load(PAGE, RasterSpec(side))
    pdf.close()
    return all(image.blank for image in images)


@pytest.mark.parametrize("count", [FEW, pytest.param(36, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", sparse_pages.KINDS)
def test_drawn_pages_with_single_letters_are_not_blank(kind: str, count: int) -> None:
    """A drawn page with nothing but letters, figures or signs far from each other is not blank in any raster."""
    lost = [page.name for page in sparse_pages.sparse_pages(kind, SEED, count) if is_pdf_blank(page.pdf, page.side)]
    assert not lost


@pytest.mark.parametrize("count", [1, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", sparse_pages.KINDS)
def test_scanned_pages_with_single_letters_are_not_blank(kind: str, count: int) -> None:
    """The same pages are not blank when they were scanned."""
    lost = []
    for page in sparse_pages.sparse_pages(kind, SEED, count):
        data = picture_bytes(sparse_pages.scan(page), "JPEG", quality=80)
        (image,) = PictureFile(Content("page", data=data), "JPEG").load(PAGE, RasterSpec(page.side))
        lost += [page.name] if image.blank else []
    assert not lost


WORD = b"BT /F 9 Tf 300 400 Td (x) Tj ET"
FONT = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"


@pytest.mark.parametrize(
    ("content", "blank"),
    [
        (WORD, False),
        (b"0.97 g " + WORD, False),  # pale
        (b"1 Tr 0.2 w " + WORD, False),  # outlines
        (b"0 0 1 rg 0 0 595 842 re f 1 1 0 rg " + WORD, False),
        (b"1 g " + WORD, True),  # white on white
        (b"0.2 0.4 0.2 rg 0 0 595 842 re f " + WORD, True),  # in the colour of its ground
        (b"3 Tr " + WORD, True),  # only there to be searched
        (b"7 Tr " + WORD, True),  # a clip
        (WORD.replace(b"300 400", b"700 400"), True),  # beside the sheet
        (WORD + b" 1 g 200 300 200 200 re f", True),  # covered
        (b"0 0 5 5 re W n " + WORD, True),  # cut away
        (b"", True),
    ],
)
@pytest.mark.parametrize("side", [700, 1024, 2048])
def test_the_renderer_tells_whether_print_is_visible(content: bytes, blank: bool, side: int) -> None:
    """A single small letter makes a page no blank one, if it can be seen."""
    assert is_pdf_blank(page_with(content, FONT), side) is blank


@pytest.mark.parametrize("side", [900, 1600])
def test_hidden_text_of_a_blank_scan_does_not_count(side: int) -> None:
    """A scan of bare paper with searchable text in it is blank."""
    paper = picture_bytes(Image.effect_noise((850, 1203), 4).point(lambda level: min(255, level + 110)), "JPEG")
    head = (
        b"/Type/XObject/Subtype/Image/Width 850/Height 1203/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode"
    )
    content = b"q 595 0 0 842 0 0 cm /A Do Q 3 Tr " + WORD
    assert is_pdf_blank(page_with(content, FONT + b"/XObject<</A 5 0 R>>", stream(paper, head)), side)


def test_even_pictures_have_one_colour() -> None:
    """What JPEG makes of a single colour is even; a faint line is not."""
    for mode in ("L", "RGB", "RGBX"):
        assert is_even(even_sheet(shade=180).convert(mode))
        assert not is_even(write(even_sheet(), "note", 8, (0.4, 0.4), (250,) * 3).convert(mode))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBX"])
def test_all_colour_modes_are_supported(mode: str) -> None:
    """Bare paper is blank and a line is found in grey, RGB and RGBA rasters."""
    assert is_blank(even_sheet().convert(mode))
    assert is_blank(Image.effect_noise((600, 842), 4).convert("RGB").convert(mode))
    line = write(even_sheet(), "see note 3 overleaf", 8, (0.4, 0.4), (60,) * 3)
    assert not is_blank(line.convert(mode))


def test_samples_are_deterministic() -> None:
    """The samples are a function of their seed."""
    assert list(samples("everything", 3, 2)) == list(samples("everything", 3, 2))
    assert [s.data for s in samples("line", 3, 2)] != [s.data for s in samples("line", 4, 2)]


@pytest.mark.parametrize("down", range(8))
@pytest.mark.parametrize("across", [0.0, 0.3, 0.7, 1.0])
def test_a_line_is_found_anywhere(across: float, down: int) -> None:
    """A line of 6 points at 72 dpi is found at every place, four millimetres from the edge included."""
    assert not is_blank(write(even_sheet(), "see note 3 overleaf", 6, (across, down / 7), (60,) * 3))


@pytest.mark.slow
@pytest.mark.parametrize("digit", "0123456789")
@pytest.mark.parametrize("side", [842, 1240])
def test_a_single_digit_is_found(digit: str, side: int) -> None:
    """A page number of one digit is found in all common sizes, at the foot of the page."""
    for points in (8, 12, 24):
        sheet = even_sheet(round(side / 1.414), side)
        assert not is_blank(write(sheet, digit, points, (0.5, 0.98), (40,) * 3)), points


@pytest.mark.parametrize("ink", [(215, 215, 215), (255, 255, 160), (190, 215, 255), (255, 200, 200)])
def test_pale_print_is_found(ink: tuple[int, ...]) -> None:
    """Grey print 40 levels below its paper and pale colours are found, from 8 points on at 72 dpi."""
    for seed in range(6):
        rng = random.Random(seed)
        place = rng.random(), rng.random()
        assert not is_blank(write(even_sheet(), "payable within 30 days", 8, place, ink)), seed


def test_a_cropped_line_is_not_blank() -> None:
    """A picture that is nothing but a closely cropped line of writing is not blank."""
    for size in (14, 20, 40, 90):
        face = ImageFont.load_default(size)
        left, top, right, bottom = face.getbbox("Yours sincerely, J. Miller")
        line = Image.new("RGB", (int(right - left), int(bottom - top)), "white")
        ImageDraw.Draw(line).text((-left, -top), "Yours sincerely, J. Miller", font=face, fill="black")
        assert not is_blank(line)


def test_a_soft_picture_is_not_blank() -> None:
    """A picture without a sharp edge is not bare paper."""
    sheet = even_sheet()
    spot = Image.radial_gradient("L").resize((300, 300))
    sheet.paste(spot.convert("RGB"), (150, 250))
    assert not is_blank(sheet)


@pytest.mark.parametrize("spec", [RasterSpec(1000, split=False), RasterSpec(1000, find_blank=False)])
def test_detection_can_be_off(spec: RasterSpec) -> None:
    """A picture to be described is not blank while it has two colours, nor is a page when detection is off."""
    sheet = even_sheet()
    sheet.paste((250,) * 3, (0, 0, 300, 842))
    (image,) = make_images(sheet, PAGE, spec)
    assert not image.blank
    (image,) = make_images(sheet, PAGE, RasterSpec(1000))
    assert image.blank


def test_too_coarse_a_raster_is_never_blank() -> None:
    """A raster in which small print would be lost is not called blank; a finer original is inspected instead."""
    assert not is_blank(even_sheet(280, 396))
    (small,) = make_images(write(even_sheet(), "see note 3 overleaf", 6, (0.4, 0.4), (60,) * 3), PAGE, RasterSpec(200))
    assert not small.blank
    (small,) = make_images(even_sheet(), PAGE, RasterSpec(200))
    assert small.blank


@pytest.mark.parametrize(("side", "blank"), [(595, True), (2400, False)])
def test_a_poster_drawn_too_coarsely_is_never_blank(side: float, blank: bool, tmp_path: Path) -> None:
    """A page of known size is not called blank where its print would be too small to be found."""
    pdf = PdfFile(as_file(pdf_bytes("", size=(side, side)), tmp_path))
    (image,) = pdf.load(PAGE, RasterSpec(800))
    pdf.close()
    assert image.blank is blank


def test_a_strip_is_blank_as_a_whole() -> None:
    """All parts of a split strip are blank or none is: a line on one of them is enough."""
    strip = even_sheet(600, 6000)
    parts = make_images(strip, PAGE, RasterSpec(800))
    assert len(parts) > 3
    assert all(part.blank for part in parts)
    strip.paste(lines_strip(1), (150, 5000))
    parts = make_images(strip, PAGE, RasterSpec(800))
    assert not any(part.blank for part in parts)


@pytest.mark.parametrize("shade", [0, 90, 200, 255])
def test_an_even_page_of_any_shade_is_blank(shade: int) -> None:
    """Black paper is as blank as white paper."""
    assert is_blank(even_sheet(shade=shade))


@given(
    st.integers(2, 12).flatmap(
        lambda w: st.tuples(st.just(w), st.lists(st.lists(st.booleans(), min_size=w, max_size=w)))
    )
)
def test_runs_cover_all_pixels(drawn: tuple[int, list[list[bool]]]) -> None:
    """The runs of a mask are its pixels; components partition them."""
    width, rows = drawn
    marked = {(y, x) for y, row in enumerate(rows) for x, on in enumerate(row[:-1]) if on}
    mask = bytes(SET if (y, x) in marked else 0 for y in range(len(rows)) for x in range(width))
    runs = find_runs(mask, width)
    assert {(y, x) for y, start, stop in runs for x in range(start, stop)} == marked
    assert sorted(run for component in join_runs(runs) for run in component.runs) == runs


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_components_are_connected_pixels(places: set[tuple[int, int]]) -> None:
    """Two pixels are in one component exactly when a chain of neighbours, corners included, joins them."""
    expected, left = [], set(places)
    while left:
        group, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            group.add((y, x))
            near = {(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            edge.extend(near)
        expected.append(sorted(group))
    mask = bytes(SET if (y, x) in places else 0 for y in range(10) for x in range(11))
    found = [
        [(y, x) for y, a, b in component.runs for x in range(a, b)] for component in join_runs(find_runs(mask, 11))
    ]
    assert sorted(sorted(component) for component in found) == sorted(expected)


def test_the_sample_set_is_balanced() -> None:
    """About half of the pages are blank, and the rasters have many sizes."""
    assert (len(BLANK) + len(WRITTEN)) * EACH >= 240
    assert min(blank_pages.SIDES) <= 600
    assert max(blank_pages.SIDES) >= 2500


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (40, 1), (40, 20_000), (20_000, 40), (64, 9000), (300, 3000)])
def test_pictures_of_any_shape_are_looked_at(size: tuple[int, int]) -> None:
    """A tiny picture, or a strip that is too thin to be looked at as a whole, is not called blank, and is no error."""
    is_thin = min(size) < 100
    assert is_blank(Image.new("RGB", size, "white")) is not is_thin

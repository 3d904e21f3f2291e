"""PDF documents become images."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from drawing import A4, as_file, colour, decoded, encrypted, near, pdf_bytes, picture_bytes
from hostile_files import raw_pdf, stream
from visionocr.documents import pdf as documents
from visionocr.documents.content import Content
from visionocr.documents.pdf import PdfFile
from visionocr.documents.raster_size import MAX_RASTER, compute_zoom
from visionocr.errors import DocumentError
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

_mupdf: Any = pymupdf


_SOUND = pdf_bytes("some text")
_NO_PAGES = b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[]/Count 0>> endobj
trailer <</Root 1 0 R>>"""


def _pdf(data: bytes, **options: Any) -> PdfFile:
    return PdfFile(Content("doc.pdf", data=data), **options)


def _load(pdf: PdfFile, number: int = 1, **spec: Any) -> PageImage:
    (image,) = pdf.load(PageRef("doc.pdf", number, pdf.pages), RasterSpec(**{"max_side": 800, **spec}))
    return image


def _kinds(findings: tuple[Finding, ...]) -> list[FindingKind]:
    return [finding.kind for finding in findings]


def _boxed(box: bytes) -> bytes:
    """A PDF whose page has this media box."""
    return pdf_bytes().replace(b"[0 0 595 842]", box)


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        ({"max_side": 2048}, (1448, 2048)),
        ({"max_side": 1024}, (724, 1024)),
        ({"max_side": 999}, (706, 999)),
        ({"max_side": 9999}, (2479, 3508)),  # 300 dpi
        ({"max_side": 9999, "dpi": 150}, (1240, 1754)),
        ({"max_side": 9999, "dpi": 72}, (595, 842)),
        ({"max_side": 9999, "dpi": 400}, (3306, 4678)),
        ({"max_side": 1000, "dpi": 150}, (707, 1000)),
    ],
)
def test_rasters_have_the_exact_size(spec: dict[str, Any], size: tuple[int, int]) -> None:
    """The long side is what was asked for, to the pixel."""
    image = _load(_pdf(pdf_bytes()), **spec)
    assert (image.width, image.height) == size
    decoded(image)


def test_reduced_resolution_is_reported() -> None:
    """A resolution lower than requested is reported as information."""
    (finding,) = _load(_pdf(pdf_bytes()), max_side=1000, dpi=150).findings
    assert (finding.kind, finding.severity) == (FindingKind.ADJUSTED, Severity.INFO)
    assert "86 dpi instead of 150" in finding.message
    assert _load(_pdf(pdf_bytes()), max_side=1000).findings == ()


@given(
    st.floats(1, 20000),
    st.floats(1, 20000),
    st.integers(28, 3000),
    st.none() | st.integers(1000, 4_000_000),
    st.none() | st.floats(20, 600),
    st.booleans(),
)
def test_raster_keeps_limits(
    width: float, height: float, side: int, pixels: int | None, dpi: float | None, split: bool
) -> None:
    """No page gives a raster larger than its limits, or finer than asked for."""
    spec = RasterSpec(side, dpi=dpi, max_pixels=pixels, split=split)
    zoom, _ = compute_zoom(width, height, spec)
    long, short = max(width, height), min(width, height)
    assert long * zoom <= max(1, round(long * (dpi or 300) / 72)) + 0.001
    assert long * zoom * short * zoom <= MAX_RASTER
    if long / short < 3.9:
        assert long * zoom <= side + 0.001
        assert pixels is None or long * zoom * short * zoom <= pixels


def test_max_pixels_limits_the_raster() -> None:
    """A limit of pixels is used almost to the full and never exceeded, without a second shrinking."""
    image = _load(_pdf(pdf_bytes()), max_side=4000, max_pixels=1_000_000)
    assert 990_000 < image.width * image.height <= 1_000_000


def test_text_is_drawn_on_white() -> None:
    """A page is black letters on white paper."""
    picture = decoded(_load(_pdf(pdf_bytes("black text"))))
    assert colour(picture, 0.9, 0.9) == (255, 255, 255)
    assert picture.convert("L").getextrema()[0] < 60  # type: ignore[operator]


def test_rotation_and_crop_are_respected() -> None:
    """A page is shown as a reader shows it: turned, and cut to its crop box."""
    pdf = _mupdf.open()
    page = pdf.new_page(width=400, height=600)
    page.draw_rect((0, 0, 400, 300), fill=(1, 0, 0), color=None)
    page.set_rotation(90)
    turned = decoded(_load(_pdf(pdf.tobytes())))
    assert turned.size == (800, 534)
    assert near(colour(turned, 0.75, 0.5), (255, 0, 0))
    page.set_rotation(0)
    page.set_cropbox(_mupdf.Rect(0, 0, 400, 200))
    cropped = decoded(_load(_pdf(pdf.tobytes())))
    assert cropped.size == (800, 400)
    assert near(colour(cropped, 0.5, 0.95), (255, 0, 0))


def _marked(page: Any) -> None:
    page.draw_rect((300, 60, 500, 160), color=(0.9, 0.1, 0.2), fill=(0.2, 0.4, 0.9), fill_opacity=0.4)
    page.draw_circle((420, 150), 60, fill=(1, 0.9, 0), stroke_opacity=0.3, fill_opacity=0.5)
    note = page.add_highlight_annot((30, 55, 120, 80))
    note.set_blendmode("Multiply")
    note.update()
    page.add_freetext_annot((200, 300, 400, 350), "a remark", text_color=(0, 0.5, 0), fill_color=(1, 1, 0.8))
    field = _mupdf.Widget()
    field.field_type, field.field_name, field.field_value = _mupdf.PDF_WIDGET_TYPE_TEXT, "name", "filled in"
    field.rect, field.fill_color = _mupdf.Rect(50, 400, 250, 430), (0.9, 0.9, 1)
    page.add_widget(field)


def _blended(page: Any) -> None:
    """All kinds of mixing, in a page that is a group of its own."""
    modes = ("Multiply", "Screen", "Overlay", "Difference", "Luminosity", "ColorBurn")
    states = b"".join(b"/G%d<</BM/%b/ca 0.7>>" % (n, mode.encode()) for n, mode in enumerate(modes))
    paints = b"".join(
        b"q /G%d gs %.1f 0.5 0.2 rg %d 300 120 200 re f Q " % (n, n / 5, 40 + 80 * n) for n in range(len(modes))
    )
    paints = b"0.8 0.9 1 rg 0 350 595 100 re f 0 0 0 1 k 60 420 400 20 re f " + paints
    page.parent.update_stream(page.get_contents()[0], paints)
    page.parent.xref_set_key(page.xref, "Resources", f"<</ExtGState<<{states.decode()}>>>>")
    page.parent.xref_set_key(page.xref, "Group", "<</S/Transparency/CS/DeviceRGB/I true/K false>>")


def _turned(page: Any) -> None:
    page.draw_line((0, 0), (500, 700), color=(0, 0.6, 0))
    page.set_rotation(90)
    page.set_cropbox((20, 30, 333.3, 511.7))


def _pictured(page: Any) -> None:
    see_through = Image.merge("RGBA", (*Image.new("RGB", (256, 256), "red").split(), Image.radial_gradient("L")))
    page.insert_image((100, 100, 300, 300), stream=picture_bytes(see_through, "PNG"))
    page.insert_image((350, 100, 500, 300), stream=picture_bytes(Image.linear_gradient("L"), "JPEG"))


@pytest.mark.parametrize("change", [_marked, _blended, _turned, _pictured, lambda page: None])
@pytest.mark.parametrize("side", [400, 999])
def test_rgba_rasters_equal_the_librarys_rgb(
    change: Callable[[Any], object], side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixels of four channels on white paper equal the library's three-channel pixmap, but for rounding."""
    seen: list[Any] = []

    def keep(picture: Any, *_: Any, **__: Any) -> tuple[PageImage, ...]:
        seen.append(picture.convert("RGB"))
        return (PageImage(PageRef("doc.pdf", 1, 1), "image/png", b"", *picture.size),)

    monkeypatch.setattr(documents, "make_images", keep)
    with _mupdf.open(stream=pdf_bytes("some text")) as pdf:
        change(pdf[0])
        data = pdf.tobytes()
    _pdf(data).load(PageRef("doc.pdf", 1, 1), RasterSpec(max_side=side))
    with _mupdf.open(stream=data) as pdf:
        zoom = side / max(pdf[0].rect.width, pdf[0].rect.height)
        expected = pdf[0].get_pixmap(matrix=_mupdf.Matrix(zoom, zoom), colorspace=_mupdf.csRGB, alpha=False)
        size = expected.width, expected.height
        difference = ImageChops.difference(seen[0], Image.frombytes("RGB", size, expected.samples))
    assert sum(difference.convert("L").histogram()[3:]) == 0
    assert len(set(expected.samples)) > 2


def test_annotations_are_drawn() -> None:
    """Annotations on a page are drawn."""
    pdf = _mupdf.open()
    annotation = pdf.new_page().add_rect_annot((100, 100, 500, 700))
    annotation.set_colors(stroke=(0, 0, 1), fill=(0, 0, 1))
    annotation.update()
    assert near(colour(decoded(_load(_pdf(pdf.tobytes()))), 0.5, 0.5), (0, 0, 255))


def test_password_is_asked_for_until_it_opens() -> None:
    """The passwords that the caller knows are tried in turn, with the document's name."""
    asked: list[str] = []

    def answers(name: str) -> str | None:
        asked.append(name)
        return ["wrong", "\udcff", "a\0b", "secret"][len(asked) - 1]

    pdf = _pdf(encrypted("secret"), password=answers)
    assert pdf.password == "secret"
    assert asked == ["doc.pdf"] * 4
    assert _load(pdf).width


@pytest.mark.parametrize(
    ("answers", "words"), [(None, "is encrypted"), ([], "is encrypted"), (["no", "nein"], "the password is wrong")]
)
def test_encrypted_without_password(answers: list[str] | None, words: str) -> None:
    """Without the right password the error says what is wrong, and what to give."""
    left = list(answers or [])
    with pytest.raises(DocumentError, match=words) as caught:
        _pdf(encrypted("secret"), password=None if answers is None else lambda _: left.pop() if left else None)
    assert "--password-file" in caught.value.hint


def test_password_attempts_are_limited() -> None:
    """A caller that gives the same wrong password again and again is given up."""
    asked: list[str] = []

    def same(name: str) -> str:
        asked.append(name)
        return "same"

    with pytest.raises(DocumentError, match="wrong"):
        _pdf(encrypted("secret"), password=same)
    assert len(asked) < 6


def test_owner_password_is_not_needed() -> None:
    """A PDF whose password only restricts copying opens without one."""
    pdf = _pdf(encrypted(""), password=lambda _: pytest.fail("asked"))
    assert _load(pdf).width


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.4\nnothing more",
        b"%PDF-1.4\n" + bytes(range(256)) * 50,
        pdf_bytes()[:300],
        b"<html><body>%PDF-1.4</body></html>",
        _NO_PAGES,
        pdf_bytes().replace(b"/Count 1", b"/Count 2000000000"),
        b"",
    ],
    ids=["header", "binary", "stump", "html", "no pages", "huge count", "empty"],
)
def test_unreadable_files_are_refused(data: bytes) -> None:
    """A file that cannot be opened is a document error on one line, with the document's name."""
    with pytest.raises(DocumentError) as caught:
        _pdf(data)
    assert caught.value.message.startswith("doc.pdf ")
    assert caught.value.message.isprintable()


def test_repaired_file_is_read_and_marked() -> None:
    """A PDF whose end is missing is repaired; its pages have a finding, as information."""
    pdf = _pdf(pdf_bytes("one", "two")[:-60])
    assert pdf.pages == 2
    (finding,) = _load(pdf).findings
    assert (finding.kind, finding.severity) == (FindingKind.DAMAGED, Severity.INFO)


def _saved_twice(previous: int | None) -> bytes:
    """A PDF with a second cross-reference section that gives *previous* as the place of the first; ``None``: itself."""
    first = raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R>>"] * 2,
        stream(b"50 50 300 300 re f"),
    )
    changed = first + b"1 0 obj\n<</Type/Catalog/Pages 2 0 R/Lang(de)>>\nendobj\n"
    here = len(changed)
    table = b"xref\n1 1\n%010d 00000 n \ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return changed + table % (len(first), here if previous is None else previous, here)


@pytest.mark.parametrize("previous", [None, 9, 99_999])
def test_a_looping_or_lost_cross_reference_is_repaired(previous: int | None) -> None:
    """All pages are found of a file whose cross-reference sections lead to themselves or to nowhere."""
    pdf = _pdf(_saved_twice(previous))
    assert pdf.pages == 2
    for number in (1, 2):
        image = _load(pdf, number)
        assert _kinds(image.findings) == [FindingKind.DAMAGED]
        assert not image.blank
        assert decoded(image).convert("L").getextrema()[0] == 0


def test_pages_that_no_tree_holds_are_damage() -> None:
    """A file that has pages, but no way to them, is damaged; one without any has no pages."""
    page = b"<</Type/Page/MediaBox[0 0 595 842]>>"
    with pytest.raises(DocumentError, match=r"doc\.pdf is damaged: its pages cannot be found"):
        _pdf(raw_pdf(b"<</Type/Catalog/Pages 9 0 R>>", page, page))
    with pytest.raises(DocumentError, match=r"doc\.pdf has no pages"):
        _pdf(_NO_PAGES)


def test_bad_page_fails_alone() -> None:
    """A page that does not exist in the file fails alone; the others are read."""
    pdf = _pdf(pdf_bytes("one", "two").replace(b"/Count 2", b"/Count 3"))
    assert pdf.pages == 3
    assert _load(pdf, 1).width
    with pytest.raises(DocumentError, match=r"page 3 of doc\.pdf is damaged"):
        _load(pdf, 3)
    assert _load(pdf, 2).width


@pytest.mark.parametrize("number", [0, -1, 2])
def test_page_numbers_out_of_range_are_refused(number: int) -> None:
    """No number outside of the document is taken for another page."""
    with pytest.raises(DocumentError, match="no page"):
        _load(_pdf(pdf_bytes()), number)


def test_damaged_content_is_reported() -> None:
    """A page on which a picture cannot be decoded is drawn, with a finding."""
    photo = picture_bytes(Image.effect_noise((300, 200), 90), "JPEG")
    pdf = _mupdf.open()
    page = pdf.new_page()
    page.insert_image(page.rect, stream=photo)
    data = bytearray(pdf.tobytes())
    start = data.find(photo[200:260])
    data[start : start + 5000] = bytes(5000)
    assert _kinds(_load(_pdf(bytes(data))).findings) == [FindingKind.DAMAGED]
    assert _load(_pdf(pdf_bytes())).findings == ()


def test_too_narrow_pages_are_refused() -> None:
    """A page narrower than a pixel at any resolution is a document error; the others are drawn."""
    data = pdf_bytes("one", "two")
    box = re.search(rb"/MediaBox ?\[[^]]*\]", data)
    assert box is not None
    pdf = _pdf(data.replace(box[0], b"/MediaBox[0 0 20 4294967295]", 1))
    with pytest.raises(DocumentError, match=r"page 1 of doc\.pdf is too long for its width"):
        _load(pdf, 1)
    assert _load(pdf, 2).width


def test_library_messages_are_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """MuPDF's messages reach neither standard output nor standard error."""
    _load(_pdf(pdf_bytes("one", "two")[:-60]))
    with pytest.raises(DocumentError):
        _pdf(b"%PDF-1.4\nnothing more")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("box", "adjusted"),
    [
        (b"[0 0 14400 14400]", True),  # 200 inches
        (b"[0 0 20000 15000]", True),
        (b"[0 0 900000000 900000000]", True),
        (b"[0 0 0 0]", True),
        (b"[5 5 5 800]", True),
        (b"[0 0 0.001 0.001]", True),
        (b"[0 0 1 1]", True),
        (b"[595 842 0 0]", False),
        (b"[0 0 14400 14400]/UserUnit 5000", True),
        (b"(nonsense)", False),
    ],
)
def test_extreme_page_sizes(box: bytes, adjusted: bool) -> None:
    """A page of any size gives a picture within the limits; changes to its size are reported."""
    image = _load(_pdf(_boxed(box)), max_side=500)
    assert min(image.width, image.height) >= 28
    assert max(image.width, image.height) <= 500
    assert (FindingKind.ADJUSTED in _kinds(image.findings)) == adjusted


@pytest.mark.parametrize("size", [(600.0, 20000.0), (20000.0, 600.0)])
def test_long_pages_are_split(size: tuple[float, float]) -> None:
    """A receipt of seven metres is drawn at such a resolution that each of its parts uses the whole raster."""
    pdf = _pdf(pdf_bytes(size=size))
    images = pdf.load(PageRef("doc.pdf", 1, 1), RasterSpec(500))
    assert len(images) == 24
    assert [image.part for image in images] == list(range(1, 25))
    assert all(max(image.width, image.height) <= 500 for image in images)
    assert sum(min(image.width, image.height) for image in images) / 24 > 300
    assert _kinds(images[0].findings) == [FindingKind.ADJUSTED]


def test_long_pages_are_padded_without_splitting() -> None:
    """Without splitting a long page is one picture, no longer than four times its width."""
    image = _load(_pdf(pdf_bytes(size=(600, 20000))), max_side=500, split=False)
    assert (image.width, image.height) == (125, 500)


def test_parts_of_a_very_long_page_are_limited() -> None:
    """A page of 1 x 20000 points gives a limited number of parts of limited size."""
    images = _pdf(pdf_bytes(size=(1, 20000))).load(PageRef("doc.pdf", 1, 1), RasterSpec(500))
    assert 1 <= len(images) <= 64
    assert all(max(i.width, i.height) <= 4 * min(i.width, i.height) for i in images)


def test_coloured_letters_keep_their_colour() -> None:
    """Pages are sent with colour at full resolution, for coloured letters."""
    pdf = _mupdf.open()
    page = pdf.new_page()
    for x in range(0, 595, 8):
        page.draw_line((x, 0), (x, 842), color=(1, 0, 0), width=4)
    noise = picture_bytes(Image.effect_noise((300, 200), 90), "PNG")
    page.insert_image((100, 700, 400, 800), stream=noise)
    image = _load(_pdf(pdf.tobytes()), max_side=1400)
    assert image.media_type == "image/jpeg"
    reds = decoded(image).crop((0, 100, 900, 120)).getcolors(20000) or []
    assert max(colour[0] - colour[1] for _, colour in reds if isinstance(colour, tuple)) > 240


@pytest.mark.parametrize("name", ["a\nb.pdf", "quo'\"te.txt", "😀 é.jpg", "-rf.pdf", "bad\udcff.pdf"])
def test_unusual_names_open(tmp_path: Path, name: str) -> None:
    """A PDF is opened whatever its name or suffix."""
    try:
        content = as_file(pdf_bytes(), tmp_path, name)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this system cannot have such a name")
    pdf = PdfFile(content)
    assert _load(pdf).width
    pdf.close()


@pytest.mark.slow
def test_memory_is_freed_between_pages() -> None:
    """Pages with a large picture each do not accumulate in memory."""
    image = Image.new("RGB", (2000, 3000), "white")
    pdf = _mupdf.open()
    for number in range(12):
        ImageDraw.Draw(image).rectangle((0, number * 100, 1000, number * 100 + 50), fill="red")
        page = pdf.new_page()
        page.insert_image(page.rect, stream=picture_bytes(image, "JPEG"))
    code = (
        "import sys, resource\n"
        "from visionocr.documents.pdf import PdfFile\n"
        "from visionocr.documents.content import Content\n"
        "from visionocr.types import PageRef, RasterSpec\n"
        "pdf = PdfFile(Content('d', data=sys.stdin.buffer.read()))\n"
        "sizes = []\n"
        "for turn in range(2):\n"
        "    for n in range(1, 13):\n"
        "        pdf.load(PageRef('d', n, 12), RasterSpec(500))\n"
        "        if n in (5, 12): sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "print((sizes[-1] - sizes[0]) // 1024)\n"
    )
    pytest.importorskip("resource")
    run = subprocess.run([sys.executable, "-c", code], input=pdf.tobytes(), capture_output=True, check=True)
    assert int(run.stdout) < 60
    assert run.stderr == b""


@given(st.data())
def test_any_replaced_byte(data: st.DataObject) -> None:
    """A PDF with any of its bytes replaced is read or refused with a document error."""
    broken = bytearray(_SOUND)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DocumentError):
        assert _pdf(bytes(broken)).load(PageRef("doc.pdf", 1, 1), RasterSpec(100))


def test_sizes_of_a4() -> None:
    """The helper's page is the A4 page that the figures of this file assume."""
    page = _mupdf.open(stream=io.BytesIO(pdf_bytes()), filetype="pdf")[0]
    assert (page.rect.width, page.rect.height) == A4

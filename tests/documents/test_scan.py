"""Scanned pages: a picture sent without rendering shows what rendering would show; other pages are rendered."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageFont, ImageStat

from drawing import as_file, decoded
from visionocr.documents.pdf import PdfFile
from visionocr.documents.scan import find_scan
from visionocr.types import FindingKind, PageImage, PageRef, RasterSpec

_mupdf: Any = pymupdf
SPEC = RasterSpec(1024)
A4 = (595.0, 842.0)


def sheet(width: int = 1240, height: int = 1754, mode: str = "RGB") -> Image.Image:
    """A scanned page: lines of text, unlike in any direction, a coloured corner."""
    picture = Image.new("RGB", (width, height), (250, 248, 240))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(height // 60)
    for line in range(30):
        text = f"{line} The quick brown fox jumps over the lazy dog" * 2
        draw.text((width // 10, height * (line + 2) // 34), text[: 20 + 2 * line], (20, 20, 30), font)
    draw.rectangle((0, 0, width // 8, height // 12), (180, 30, 30))
    return picture.convert(mode)


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    """As a scanner writes it."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **{"quality": 85, **options})
    return buffer.getvalue()


PAGE = jpeg(sheet())


class Scanned:
    """A PDF whose only page shows a picture; tests change it before it is read."""

    def __init__(self, data: bytes = PAGE, size: tuple[float, float] = A4) -> None:
        self.pdf = _mupdf.open()
        self.page = self.pdf.new_page(width=size[0], height=size[1])
        self.xref = self.page.insert_image(self.page.rect, stream=data, keep_proportion=False)
        self.data = data

    def write(self, content: bytes) -> None:
        """Other drawing instructions."""
        (xref,) = self.page.get_contents()
        self.pdf.update_stream(xref, content)

    @property
    def content(self) -> bytes:
        """The drawing instructions."""
        return bytes(self.page.read_contents())

    def read(self, folder: Path, spec: RasterSpec = SPEC) -> tuple[PageImage, PageImage, bool]:
        """What is sent, what drawing would send, and whether drawing was saved."""
        content = as_file(self.pdf.tobytes(), folder)
        page = PageRef(content.name, 1, 1)
        pdf = PdfFile(content)
        found = find_scan(pdf._pdf, pdf._pdf.load_page(0)) is not None
        (taken,) = pdf.load(page, spec)
        drawing = PdfFile(content)
        drawing._find_scan = lambda sheet: None  # type: ignore[method-assign]
        (drawn,) = drawing.load(page, spec)
        return taken, drawn, found


def difference(one: PageImage, other: PageImage) -> float:
    """The mean difference of two images, 0 to 255, at a quarter of the smaller one's size."""
    first, second = (Image.open(io.BytesIO(image.data)).convert("RGB") for image in (one, other))
    size = min(first.size, second.size)
    size = size[0] // 4, size[1] // 4
    return float(max(ImageStat.Stat(ImageChops.difference(first.resize(size), second.resize(size))).mean))


def paint_over(paint: bytes) -> Any:
    """A change that paints something over the picture."""
    return lambda scanned: scanned.write(scanned.content + b"\n" + paint)


# --- pictures sent without rendering -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("max_side", [500, 1024, 1500, 1754, 4000])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_scan_looks_like_the_rendered_page(max_side: int, mode: str, tmp_path: Path) -> None:
    """At every size the picture sent shows what rendering shows, in the same size unless that enlarges."""
    taken, drawn, found = Scanned(jpeg(sheet(mode=mode))).read(tmp_path, RasterSpec(max_side))
    assert found
    assert difference(taken, drawn) < 3
    assert max(taken.width, taken.height) == min(max_side, 1754)
    assert abs(taken.width / taken.height - drawn.width / drawn.height) < 0.01


def test_a_scan_that_fits_is_sent_unchanged(tmp_path: Path) -> None:
    """The JPEG's bytes are sent when nothing has to change."""
    scanned = Scanned()
    assert scanned.read(tmp_path, RasterSpec(1754))[0].data == scanned.data
    assert scanned.read(tmp_path, RasterSpec(1753))[0].data != scanned.data
    assert scanned.read(tmp_path, RasterSpec(1754, max_pixels=1_000_000))[0].data != scanned.data


@pytest.mark.parametrize(("side", "kept"), [(2048, True), (2049, False)])
def test_a_large_grey_scan_is_sent_as_rgb(side: int, kept: bool, tmp_path: Path) -> None:
    """Old servers shrink large pictures themselves, and garble those with a single channel."""
    scanned = Scanned(jpeg(Image.linear_gradient("L").resize((round(side * A4[0] / A4[1]), side))))
    taken, _, found = scanned.read(tmp_path, RasterSpec(4000))
    assert found
    assert max(taken.width, taken.height) == side
    assert (taken.data == scanned.data) is kept
    assert Image.open(io.BytesIO(taken.data)).mode == ("L" if kept else "RGB")


def test_an_oversized_scan_is_recompressed(tmp_path: Path) -> None:
    """A JPEG with more bytes than a picture of its size needs is not sent unchanged."""
    fat = jpeg(sheet(), comment=b"x" * 60_000, exif=b"Exif\0\0" + bytes(60_000))
    fat = fat[:2] + (b"\xff\xed\xff\xff" + bytes(65_533)) * 34 + fat[2:]
    taken, _, found = Scanned(fat).read(tmp_path, RasterSpec(1754))
    assert found
    assert len(taken.data) < len(fat) / 3


def test_a_progressive_scan_is_recompressed(tmp_path: Path) -> None:
    """Some servers' decoders read baseline JPEG only."""
    scanned = Scanned(jpeg(sheet(), progressive=True))
    taken, drawn, found = scanned.read(tmp_path, RasterSpec(1754))
    assert found
    assert taken.data != scanned.data
    assert difference(taken, drawn) < 3
    decoded(taken)


def test_resolution_is_respected(tmp_path: Path) -> None:
    """A fine scan is reduced to the requested resolution, by default to 300 dpi."""
    taken, drawn, found = Scanned(jpeg(sheet(2480, 3508))).read(tmp_path, RasterSpec(4000, dpi=100))
    assert found
    assert (taken.height, drawn.height) == (1169, 1169)
    assert abs(taken.width - drawn.width) <= 1
    taken, _, found = Scanned(jpeg(sheet(2480, 3508)), size=(297.5, 421)).read(tmp_path, RasterSpec(4000))
    assert found
    assert taken.height == 1754


def test_invisible_text_is_ignored(tmp_path: Path) -> None:
    """A scan with a text layer is still a scan; a page with visible text is rendered."""
    for mode, expected in ((3, True), (0, False), (1, False), (7, False)):
        scanned = Scanned()
        scanned.page.insert_text((72, 300), "(in) the \\ text\nET Q W n", fontsize=40, render_mode=mode)
        assert scanned.read(tmp_path)[2] is expected
    scanned = Scanned()
    scanned.page.insert_text((72, 300), "before", fontsize=40, render_mode=3, overlay=False)
    assert scanned.read(tmp_path)[2]


@pytest.mark.parametrize("side", [1024, 1754])
def test_a_blank_scan_is_blank(side: int, tmp_path: Path) -> None:
    """A scan of an empty sheet is known to be one, shrunk or not; one with a single line is not blank."""
    noise = Image.effect_noise((1240, 1754), 6).convert("RGB")
    assert Scanned(jpeg(noise)).read(tmp_path, RasterSpec(side))[0].blank
    ImageDraw.Draw(noise).text((300, 900), "One line only.", (40, 40, 40), ImageFont.load_default(32))
    assert not Scanned(jpeg(noise)).read(tmp_path, RasterSpec(side))[0].blank
    assert not Scanned().read(tmp_path, RasterSpec(side))[0].blank


def test_only_other_profiles_than_srgb_are_rendered(tmp_path: Path) -> None:
    """An sRGB profile changes nothing; a page with another profile is rendered."""
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = (
        usual.replace(b"s\0R\0G\0B", b"x\0R\0G\0B").replace(b"\0s\0R\0G\0B", b"\0x\0R\0G\0B").replace(b"sRGB", b"xRGB")
    )
    for profile, expected in ((usual, True), (other, False)):
        scanned = Scanned()
        stream = scanned.pdf.get_new_xref()
        scanned.pdf.update_object(stream, "<</N 3>>")
        scanned.pdf.update_stream(stream, profile)
        scanned.pdf.xref_set_key(scanned.xref, "ColorSpace", f"[/ICCBased {stream} 0 R]")
        taken, drawn, found = scanned.read(tmp_path)
        assert found is expected
        assert difference(taken, drawn) < 3


# --- rendered pages ----------------------------------------------------------------------------------------


def _note(scanned: Scanned) -> None:
    scanned.page.add_freetext_annot((100, 100, 400, 200), "A note", fill_color=(0, 0, 0))


def _redaction(scanned: Scanned) -> None:
    scanned.page.draw_rect((100, 100, 500, 300), color=(0, 0, 0), fill=(0, 0, 0))


def _rotate(scanned: Scanned) -> None:
    scanned.page.set_rotation(90)


def _crop(scanned: Scanned) -> None:
    scanned.page.set_cropbox((100, 100, 400, 500))


def _second_picture(scanned: Scanned) -> None:
    scanned.page.insert_image((100, 100, 300, 300), stream=jpeg(sheet(200, 200)))


def _same_twice(scanned: Scanned) -> None:
    scanned.write(scanned.content + scanned.content)


def _placed(matrix: bytes) -> Any:
    def change(scanned: Scanned) -> None:
        name = scanned.content.split(b"Do")[0].split()[-1]
        scanned.write(b"q " + matrix + b" cm " + name + b" Do Q")

    return change


def _key(key: str, value: str) -> Any:
    return lambda scanned: scanned.pdf.xref_set_key(scanned.xref, key, value)


def _mask(scanned: Scanned) -> None:
    grey = scanned.pdf.new_page().insert_image((0, 0, 9, 9), stream=jpeg(Image.radial_gradient("L")))
    scanned.pdf.xref_set_key(scanned.xref, "SMask", f"{grey} 0 R")
    scanned.page = scanned.pdf[0]


CHANGES: dict[str, Any] = {
    "a note": _note,
    "a redaction": _redaction,
    "a line": paint_over(b"q 5 w 100 100 m 400 400 l S Q"),
    "a shape": paint_over(b"q 1 0 0 rg 100 100 200 200 re f Q"),
    "a picture within the text": paint_over(b"q 100 0 0 100 50 50 cm BI /W 1/H 1/BPC 8/CS/G ID x EI Q"),
    "a second picture": _second_picture,
    "the same picture twice": _same_twice,
    "text": lambda scanned: scanned.page.insert_text((72, 300), "VOID", fontsize=80),
    "a clip": lambda scanned: scanned.write(b"0 0 300 842 re W n " + scanned.content),
    "an alpha": lambda scanned: scanned.write(b"/G gs " + scanned.content),
    "optional content": lambda scanned: scanned.write(b"/OC /MC0 BDC " + scanned.content + b" EMC"),
    "a rotated page": _rotate,
    "a cropped page": _crop,
    "upside down": _placed(b"595 0 0 -842 0 842"),
    "mirrored": _placed(b"-595 0 0 842 595 0"),
    "turned": _placed(b"0 842 -595 0 595 0"),
    "slanted": _placed(b"595 0 60 842 0 0"),
    "half the page": _placed(b"595 0 0 421 0 0"),
    "more than the page": _placed(b"700 0 0 1000 -50 -80"),
    "inverted": _key("Decode", "[1 0 1 0 1 0]"),
    "masked": _mask,
    "a colour taken out": _key("Mask", "[240 255 240 255 230 255]"),
    "hidden": _key("OC", "<</Type/OCMD>>"),
    "another colour space": _key("ColorSpace", "[/CalRGB<</WhitePoint[0.95 1 1.09]/Gamma[1 1 1]>>]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_changed_pages_are_rendered(name: str, tmp_path: Path) -> None:
    """With anything over, around or about the picture, the page is sent as it looks, not the picture below."""
    scanned = Scanned()
    CHANGES[name](scanned)
    taken, drawn, found = scanned.read(tmp_path)
    assert not found
    assert taken.data == drawn.data


def test_redactions_are_respected(tmp_path: Path) -> None:
    """What a black box covers is black in what is sent."""
    scanned = Scanned()
    _redaction(scanned)
    sent = decoded(scanned.read(tmp_path, RasterSpec(842))[0])
    assert ImageStat.Stat(sent.crop((105, 105, 495, 295))).mean == pytest.approx([0, 0, 0], abs=2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["CMYK", "PNG", "JPEG2000", "one bit", "EXIF", "torn", "other size", "other shape"])
def test_other_pictures_are_rendered(kind: str, tmp_path: Path) -> None:
    """What is no plain JPEG, or does not show what the PDF says, is rendered without loss."""
    buffer = io.BytesIO()
    match kind:
        case "CMYK":
            data = jpeg(sheet(mode="CMYK"))
        case "PNG" | "JPEG2000":
            sheet().save(buffer, kind)
            data = buffer.getvalue()
        case "one bit":
            sheet(mode="1").save(buffer, "TIFF", compression="group4")
            data = buffer.getvalue()
        case "EXIF":
            exif = Image.Exif()
            exif[0x0112] = 6
            data = jpeg(sheet(), exif=exif)
        case _:
            data = PAGE
    scanned = Scanned(data)
    if kind == "torn":
        scanned.pdf.update_stream(scanned.xref, data[: len(data) // 2], compress=False)
        scanned.pdf.xref_set_key(scanned.xref, "Filter", "/DCTDecode")
    if kind == "other size":
        scanned.pdf.xref_set_key(scanned.xref, "Width", "600")
    if kind == "other shape":
        scanned = Scanned(jpeg(sheet(1240, 900)))
    taken, drawn, _ = scanned.read(tmp_path)
    assert taken.data == drawn.data or (kind == "torn" and difference(taken, drawn) < 30)
    assert difference(taken, drawn) < 3
    assert (taken.width, taken.height) == (drawn.width, drawn.height)


def test_a_repaired_pdf_is_reported(tmp_path: Path) -> None:
    """The finding about a repaired PDF is on its scans too."""
    data = Scanned().pdf.tobytes().replace(b"startxref", b"startnada")
    content = as_file(data, tmp_path)
    (image,) = PdfFile(content).load(PageRef(content.name, 1, 1), SPEC)
    assert [finding.kind for finding in image.findings] == [FindingKind.DAMAGED]

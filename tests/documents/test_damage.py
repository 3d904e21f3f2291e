"""What is damaged on a PDF page: what is missing makes it suspect, what is only odd is mentioned."""

from __future__ import annotations

import functools
import io
import zlib

import pytest
from PIL import Image, ImageDraw, features

from drawing import decoded, picture_bytes
from hostile_files import form, image_pdf, page_with, raw_pdf, stream
from visionocr.documents.content import Content
from visionocr.documents.damage import find_cut_object, find_damage, is_incomplete
from visionocr.documents.pdf import PdfFile
from visionocr.documents.picture import PictureFile
from visionocr.errors import DocumentError
from visionocr.types import FindingKind, PageImage, PageRef, RasterSpec, Severity

WIDE, HIGH = 600, 849
"""Pixels of a scan in the shape of the page."""
GREY = b"/ColorSpace/DeviceGray/BitsPerComponent 8"
BITS = b"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 600/Rows 849>>"
FONT = b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
WORDS = b"BT /F 18 Tf 60 700 Td (A letter of two lines) Tj 0 -30 Td (and this is the second) Tj ET "


@functools.cache
def scan() -> Image.Image:
    """A scanned page."""
    page = Image.new("L", (WIDE, HIGH), 255)
    for line in range(19):
        ImageDraw.Draw(page).text((50, 40 + 42 * line), f"{line} lines stand above this one", fill=20, font_size=26)
    return page


@functools.cache
def bytes_of(kind: str) -> bytes:
    """The scan in a format."""
    if kind == "raw":
        return scan().tobytes()
    if kind == "flate":
        return zlib.compress(scan().tobytes())
    if kind == "g4":
        tiff = Image.open(
            io.BytesIO(picture_bytes(scan().convert("1"), "TIFF", compression="group4", strip_size=1 << 20))
        )
        (start,), (size,) = tiff.tag_v2[273], tiff.tag_v2[279]  # type: ignore[attr-defined]
        tiff.fp.seek(start)  # type: ignore[union-attr]
        return tiff.fp.read(size)  # type: ignore[union-attr]
    if kind == "jpx":
        if not features.check("jpg_2000"):
            pytest.skip("this Pillow writes no JPEG 2000")
        return picture_bytes(scan(), "JPEG2000")
    return picture_bytes(scan(), "JPEG", quality=80, progressive=kind == "progressive")


ENTRIES = {
    "raw": GREY,
    "flate": GREY + b"/Filter/FlateDecode",
    "g4": BITS,
    "jpx": b"/Filter/JPXDecode",
    "jpeg": GREY + b"/Filter/DCTDecode",
    "progressive": GREY + b"/Filter/DCTDecode",
}


def load(data: bytes, number: int = 1, **spec: int | bool) -> PageImage:
    """The image of a page."""
    pdf = PdfFile(Content("doc.pdf", data=data))
    (image,) = pdf.load(PageRef("doc.pdf", number, pdf.pages), RasterSpec(**{"max_side": HIGH, **spec}))  # type: ignore[arg-type]
    pdf.close()
    return image


def severities(image: PageImage) -> set[Severity]:
    """How serious the damage of a page is."""
    return {finding.severity for finding in image.findings if finding.kind is FindingKind.DAMAGED}


@pytest.mark.parametrize("kind", ENTRIES)
@pytest.mark.parametrize("side", [HIGH, 700, 3000])
def test_whole_pictures_are_not_damaged(kind: str, side: int) -> None:
    """A scan in any coding that is complete has no finding."""
    assert load(image_pdf(WIDE, HIGH, bytes_of(kind), ENTRIES[kind]), max_side=side).findings == ()


@pytest.mark.parametrize("kind", [kind for kind in ENTRIES if kind != "jpx"])
@pytest.mark.parametrize("split", [True, False])
def test_a_cut_picture_is_suspect(kind: str, split: bool) -> None:
    """A scan of which the end is missing makes its page suspect, whatever it is coded with."""
    data = bytes_of(kind)
    image = load(image_pdf(WIDE, HIGH, data[: len(data) // 2], ENTRIES[kind]), split=split)
    assert severities(image) == {Severity.SUSPECT}
    assert not image.blank


def test_of_a_cut_jpeg_2000_nothing_is_left() -> None:
    """The decoder gives nothing of it, so the page fails."""
    data = bytes_of("jpx")
    with pytest.raises(DocumentError, match="nothing of it can be seen"):
        load(image_pdf(WIDE, HIGH, data[: len(data) // 2], ENTRIES["jpx"]))


@pytest.mark.parametrize("side", [HIGH, 700])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_jpeg_is_treated_alike_in_a_pdf_and_as_a_file(share: float, side: int) -> None:
    """It is suspect in both, and its broken bytes are not sent: what could be decoded is."""
    cut = bytes_of("jpeg")[: int(len(bytes_of("jpeg")) * share)]
    (alone,) = PictureFile(Content("scan.jpg", data=cut), "JPEG").load(PageRef("scan.jpg", 1, 1), RasterSpec(side))
    image = load(image_pdf(WIDE, HIGH, cut, ENTRIES["jpeg"]), max_side=side)
    assert severities(image) == severities(alone) == {Severity.SUSPECT}
    assert image.data not in cut
    top = decoded(image).convert("L").crop((0, 0, image.width, image.height // 5))
    assert top.getextrema()[0] < 90  # type: ignore[operator]


@pytest.mark.parametrize(
    "entries",
    [
        *(GREY + b"/Filter/" + name for name in (b"FlateDecode", b"DCTDecode", b"LZWDecode", b"ASCII85Decode")),
        *(
            GREY + b"/Filter/ASCIIHexDecode",
            b"/Filter/JPXDecode",
            b"/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode",
        ),
        GREY + b"/Filter[/ASCIIHexDecode/DCTDecode]",
        b"/ColorSpace/DeviceGray/BitsPerComponent 3",
        b"/ColorSpace[/ICCBased 99 0 R]/BitsPerComponent 8",
    ],
)
def test_a_page_with_nothing_but_a_picture_that_cannot_be_decoded_fails(entries: bytes) -> None:
    """Nothing is asked about a sheet that is black or white only because its picture is broken: the page fails."""
    noise = bytes(range(251, 0, -1))
    with pytest.raises(DocumentError, match=r"page 1 of doc\.pdf is damaged: nothing of it can be seen") as caught:
        load(image_pdf(WIDE, HIGH, noise, entries))
    assert caught.value.hint
    with pytest.raises(DocumentError, match="nothing of it can be seen"):
        load(image_pdf(WIDE, HIGH, noise, entries), split=False)


@pytest.mark.parametrize("entries", [GREY + b"/Filter/NoSuchFilter", GREY + b"/Filter/RunLengthDecode", BITS])
def test_what_a_wrong_coding_leaves_is_suspect(entries: bytes) -> None:
    """Where bytes were painted that need not be the picture's, the page is suspect."""
    noise = bytes(range(256)) * 40
    assert severities(load(image_pdf(WIDE, HIGH, noise, entries), split=False)) == {Severity.SUSPECT}


@pytest.mark.parametrize(
    "page",
    [
        page_with(WORDS + b"99 0 0 99 9 9 cm /A Do", FONT + b"/XObject<</A 99 0 R>>"),
        page_with(WORDS + b"99 0 0 99 9 9 cm /B Do", FONT),
        page_with(WORDS + b"/S sh", FONT),
        page_with(WORDS + b"/A Do", FONT + b"/XObject<</A 5 0 R>>", stream(b"no", b"/Subtype/Form/Filter/FlateDecode")),
        page_with(WORDS + b"BI /W 50 /H 50 /BPC 8 /CS /G ID abc\nEI", FONT),
        page_with(stream(zlib.compress(WORDS * 9)[:-20], b"/Filter/FlateDecode"), FONT),
        page_with(WORDS, FONT).replace(b"/Contents 4 0 R", b"/Contents[4 0 R 77 0 R]"),
    ],
    ids=["no object", "no name", "no shading", "broken form", "short inline", "cut content", "content missing"],
)
def test_a_page_that_lost_a_part_is_suspect(page: bytes) -> None:
    """What is missing beside text that can be read makes the page suspect."""
    image = load(page)
    assert Severity.SUSPECT in severities(image)
    assert not image.blank


@pytest.mark.parametrize(
    "page",
    [
        page_with(WORDS, FONT).replace(b"/Contents 4 0 R", b"/Contents 77 0 R"),
        page_with(stream(b"no deflated data", b"/Filter/FlateDecode"), FONT),
        page_with(b"/A Do", b"/XObject<</A 99 0 R>>"),
    ],
    ids=["missing", "broken", "no picture"],
)
def test_a_page_whose_content_is_lost_is_not_blank(page: bytes) -> None:
    """A page on which nothing can be drawn any more fails, rather than being blank."""
    with pytest.raises(DocumentError, match="nothing of it can be seen"):
        load(page)


@pytest.mark.parametrize(
    ("end", "severity"), [(52, Severity.SUSPECT), (80, Severity.SUSPECT), (95, Severity.SUSPECT), (120, Severity.INFO)]
)
def test_a_file_that_ends_within_a_pages_content_is_suspect(end: int, severity: Severity) -> None:
    """Where an uncompressed content breaks off with the file, what is left is drawn, and the page is suspect."""
    whole = page_with(WORDS, FONT)
    image = load(whole[: whole.index(b"stream\n") + len(b"stream\n") + end])
    assert severities(image) == {Severity.INFO, severity}


@pytest.mark.parametrize(
    "page",
    [
        page_with(WORDS, FONT)[:-30],
        page_with(stream(zlib.compress(WORDS)[:-4] + b"1234", b"/Filter/FlateDecode"), FONT),
        page_with(WORDS + b" surprise ", FONT),
        page_with(b"/G gs " + WORDS, FONT),
        page_with(
            b"595 0 0 842 0 0 cm /A Do",
            b"/XObject<</A 5 0 R>>",
            stream(
                bytes_of("raw"), b"/Subtype/Image/Width 600/Height 849/BitsPerComponent 8/ColorSpace[/ICCBased 6 0 R]"
            ),
            stream(b"no profile", b"/N 1"),
        ),
    ],
    ids=["repaired", "checksum", "unknown word", "unknown state", "bad profile"],
)
def test_harmless_damage_is_information(page: bytes) -> None:
    """Damage through which nothing is lost does not make a page suspect."""
    assert severities(load(page)) <= {Severity.INFO}


def test_a_broken_picture_is_reported_on_every_page_that_shows_it() -> None:
    """What the renderer kept of a broken picture is not drawn without a word on the next page."""
    cut = stream(bytes_of("flate")[:2000], b"/Type/XObject/Subtype/Image/Width 600/Height 849" + ENTRIES["flate"])
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</XObject<</A 5 0 R>>>>/Contents 6 0 R>>"
    data = raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
        *(page, page, cut, stream(b"595 0 0 842 0 0 cm /A Do")),
    )
    pdf = PdfFile(Content("doc.pdf", data=data))
    for number in (1, 2, 1):
        (image,) = pdf.load(PageRef("doc.pdf", number, 2), RasterSpec(500))
        assert severities(image) == {Severity.SUSPECT}


def test_forms_that_are_whole_are_not_damaged() -> None:
    """The pages of these tests are sound but for what each test breaks."""
    assert load(page_with(WORDS + b"/A Do", FONT + b"/XObject<</A 5 0 R>>", form(b"0 0 9 9 re f"))).findings == ()


@pytest.mark.parametrize(
    ("tail", "number"),
    [
        (b"7 0 obj <</Length 9>> stream\nhalf of it", 7),
        (b"7 0 obj <</Length 9>> stream\nall\nendstream endobj\n12 0 obj <</Length 9>>\nstream\r\nhalf", 12),
        (b"7 0 obj <</Length 9>> stream\nall\nendstream endobj\nxref", None),
        (b"of a stream that began before\nendstream endobj", None),
        (b"stream\nof an object whose number cannot be seen", None),
        (b"", None),
    ],
)
def test_the_object_that_is_cut_off(tail: bytes, number: int | None) -> None:
    """The last object is the one that is cut, when its stream does not end."""
    assert find_cut_object(tail) == number


def test_what_was_not_painted_is_missing() -> None:
    """A renderer that gives something up without a known warning leaves a page that is suspect."""
    assert is_incomplete(find_damage("", incomplete=True))
    assert not is_incomplete(find_damage("", repaired=True))
    assert find_damage("") == find_damage("non-embedded font using identity encoding: A") == ()

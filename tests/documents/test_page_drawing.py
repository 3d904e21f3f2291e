"""Pages are drawn as viewers show them: structure trees do not matter, and boxes that show nothing are left out."""

from __future__ import annotations

from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageChops

from drawing import decoded
from hostile_files import raw_pdf, stream
from visionocr.documents.content import Content
from visionocr.documents.page_drawing import draw, record
from visionocr.documents.pdf import PdfFile
from visionocr.types import FindingKind, PageImage, PageRef, RasterSpec, Severity

_mupdf: Any = pymupdf
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def load(data: bytes, side: int = 842, **spec: bool) -> PageImage:
    """The image of the first page."""
    (image,) = PdfFile(Content("doc.pdf", data=data)).load(PageRef("doc.pdf", 1, 1), RasterSpec(side, **spec))
    return image


def inked(image: PageImage) -> tuple[float, float, float, float]:
    """Where something dark is, as shares of the sides; fails when there is nothing."""
    box = decoded(image).convert("L").point([255 if level < 128 else 0 for level in range(256)]).getbbox()
    assert box is not None
    return box[0] / image.width, box[1] / image.height, box[2] / image.width, box[3] / image.height


# --- tags -------------------------------------------------------------------------------------------------


def tagged(root: bytes, *elements: bytes) -> bytes:
    """A page with three tagged pieces; the structure's *elements* are numbered from 7, its *root* is object 6."""
    content = b"".join(
        b"/P<</MCID %d>>BDC BT /F 20 Tf 80 %d Td (Piece %d) Tj ET EMC " % (piece, 700 - 40 * piece, piece)
        for piece in range(3)
    )
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot 6 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/StructParents 0/Resources<</Font<</F 5 0 R>>>>"
        b"/Contents 4 0 R>>",
        stream(content),
        FONT,
        root,
        *elements,
    )


SOUND_ROOT = b"<</Type/StructTreeRoot/K 7 0 R/ParentTree<</Nums[0[8 0 R 9 0 R 10 0 R]]>>>>"
SOUND = tagged(
    SOUND_ROOT,
    b"<</S/Document/P 6 0 R/K[8 0 R 9 0 R 10 0 R]>>",
    *(b"<</S/P/P 7 0 R/Pg 3 0 R/K %d>>" % piece for piece in range(3)),
)
PIECES = b"<</Type/StructTreeRoot/K 7 0 R/ParentTree<</Nums[0[%s]]>>>>"
CIRCLES = {
    "two parents of each other": tagged(
        PIECES % b"7 0 R 8 0 R 9 0 R",
        b"<</S/P/P 6 0 R/Pg 3 0 R/K 1>>",
        b"<</S/P/Pg 3 0 R/K 0>>",
        b"<</S/Sect/P 10 0 R/K 10 0 R>>",
        b"<</S/Sect/P 9 0 R/K 9 0 R>>",
    ),
    "its own parent": tagged(
        PIECES % b"8 0 R 9 0 R 7 0 R",
        b"<</S/P/K 0>>",
        b"<</S/P/P 6 0 R/K 1>>",
        b"<</S/P/P 9 0 R/K 9 0 R>>",
    ),
    "only circles": tagged(
        PIECES % b"7 0 R 9 0 R 7 0 R",
        *(b"<</S/P/P %d 0 R/K %d 0 R>>" % (other, other) for other in (8, 7, 10, 9)),
    ),
    "a root that is its own element": tagged(
        b"<</Type/StructTreeRoot/P 6 0 R/K 6 0 R/ParentTree<</Nums[0[6 0 R 6 0 R 6 0 R]]>>>>"
    ),
    "a tree of numbers in a circle": tagged(b"<</Type/StructTreeRoot/K 6 0 R/ParentTree 7 0 R>>", b"<</Kids[7 0 R]>>"),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("data", CIRCLES.values(), ids=CIRCLES)
def test_a_structure_tree_with_a_circle_does_not_matter(data: bytes) -> None:
    """A page whose tags lead in a circle is drawn and read at once, and as it is with sound tags."""
    image, sound = (load(each, find_evidence=True) for each in (data, SOUND))
    assert image.findings == ()
    assert (image.data, image.evidence) == (sound.data, sound.evidence)
    assert image.evidence is not None
    assert len(image.evidence.text_layer) == 3


@pytest.mark.timeout(20)
def test_a_repaired_file_with_a_circle_is_drawn() -> None:
    """Repairing a file restores what had been left out of it."""
    image = load(CIRCLES["two parents of each other"][:-40])
    assert [finding.severity for finding in image.findings] == [Severity.INFO]
    assert image.data == load(SOUND).data


@pytest.mark.parametrize("zoom", [0.7, 1.31])
def test_tagged_pages_look_as_the_library_draws_them(zoom: float) -> None:
    """Without its structure tree a sound page, its notes and fields have the pixels that they have with it."""
    with _mupdf.open(stream=SOUND) as pdf:
        page = pdf[0]
        page.add_highlight_annot((70, 120, 200, 150)).update()
        field = _mupdf.Widget()
        field.field_type, field.field_name, field.field_value = _mupdf.PDF_WIDGET_TYPE_TEXT, "name", "filled in"
        field.rect = _mupdf.Rect(80, 400, 250, 430)
        page.add_widget(field)
        data = pdf.tobytes()
    with _mupdf.open(stream=data) as pdf:
        expected = pdf[0].get_pixmap(matrix=_mupdf.Matrix(zoom, zoom), alpha=False)
        assert pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")[0] == "xref"
        pixmap, incomplete = draw(record(pdf[0]), zoom)
        samples = bytes(_mupdf.mupdf.fz_pixmap_samples_memoryview(pixmap))
    assert not incomplete
    size = pixmap.w(), pixmap.h()
    assert size == (expected.width, expected.height)
    ours = Image.frombytes("RGBX", size, samples).convert("RGB")
    difference = ImageChops.difference(ours, Image.frombytes("RGB", size, expected.samples))
    assert max(high for _, high in difference.getextrema()) <= 2  # type: ignore[misc]


# --- boxes ------------------------------------------------------------------------------------------------


def boxed(page: bytes, pages: bytes = b"") -> bytes:
    """A page with a line at its top left corner and one at its foot; both boxes are given."""
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1%s>>" % pages,
        b"<</Type/Page/Parent 2 0 R/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R%s>>" % page,
        stream(b"BT /F 24 Tf 30 790 Td (At the top) Tj 0 -760 Td (At the foot) Tj ET"),
        FONT,
    )


A4 = b"/MediaBox[0 0 595 842]"
WHOLE = boxed(A4)


@pytest.mark.parametrize(
    "data",
    [
        boxed(A4 + b"/CropBox[0 0 0 0]"),
        boxed(A4 + b"/CropBox[300 300 300 700]"),
        boxed(A4 + b"/CropBox[700 900 900 1000]"),
        boxed(A4 + b"/CropBox[-200 -200 0 0]"),
        boxed(A4 + b"/CropBox[100 100 100.5 100.5]"),
        boxed(A4 + b"/CropBox[0 0 595 0.2]"),
        boxed(A4, b"/CropBox[0 0 0 0]"),
        boxed(b"", A4 + b"/CropBox[600 0 900 842]"),
    ],
    ids=[
        "empty",
        "no width",
        "beside",
        "at a corner",
        "half a point",
        "a hair",
        "inherited",
        "both inherited",
    ],
)
@pytest.mark.parametrize("side", [842, 1400])
def test_a_crop_box_that_shows_nothing_is_left_out(data: bytes, side: int) -> None:
    """The whole sheet is drawn, as by other viewers; a finding says so."""
    image, whole = load(data, side), load(WHOLE, side)
    assert image.data == whole.data
    assert not image.blank
    assert [(finding.kind, finding.severity) for finding in image.findings] == [(FindingKind.ADJUSTED, Severity.INFO)]
    assert "crop box" in image.findings[0].message


@pytest.mark.parametrize(
    ("box", "size", "dark"),
    [
        (b"/CropBox[0 421 595 842]", (842, 596), True),  # the upper half
        (b"/CropBox[595 842 0 421]", (842, 596), True),  # given backwards
        (b"/CropBox[-50 421 900 2000]", (842, 596), True),  # reaching out of the sheet
        (b"/CropBox[200 200 400 600]", (421, 842), False),
        (b"/CropBox[0 421 595 842]/Rotate 90", (596, 842), True),
        (b"/TrimBox[0 0 0 0]/BleedBox[9 9 9 9]/ArtBox[900 900 950 950]", (595, 842), True),  # no viewer's business
    ],
)
def test_a_crop_box_that_shows_something_is_kept(box: bytes, size: tuple[int, int], dark: bool) -> None:
    """A part of the sheet is drawn where a part is meant."""
    image = load(boxed(A4 + box))
    assert image.findings == ()
    assert (image.width, image.height) == pytest.approx(size, abs=2)
    assert image.blank is not dark


def test_an_inherited_media_box_without_area_is_letter_paper() -> None:
    """A sheet without an area of its own is drawn as US Letter, as viewers do, and a finding says so."""
    image = load(boxed(b"", b"/MediaBox[0 0 0 0]"), 792)
    assert (image.width, image.height) == (612, 792)
    assert "US Letter" in image.findings[0].message
    assert inked(image)[3] > 0.9

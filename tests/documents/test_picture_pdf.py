"""Pictures become pages of a PDF, as they are where that is possible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageChops, ImageOps

from drawing import colour, near, picture_bytes
from searchable_files import write_searchable
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.documents.content import Content
from visionocr.documents.picture import PictureFacts
from visionocr.documents.picture_pdf import find_page_size, make_picture_pdf
from visionocr.errors import DocumentError
from visionocr.placed import PlacedBlock, PlacedPage

_mupdf: Any = pymupdf
_EXAMPLES = Path(__file__).parents[2] / "examples"


def _corners(mode: str = "RGB") -> Image.Image:
    """A picture of four colours, wider than high, that looks different however it is turned."""
    picture = Image.new("RGB", (240, 160), "red")
    picture.paste("lime", (120, 0, 240, 80))
    picture.paste("blue", (0, 80, 120, 160))
    picture.paste("yellow", (120, 80, 240, 160))
    return picture.convert(mode)


def _draw(pdf: Any, number: int = 0) -> Image.Image:
    pixmap = pdf[number].get_pixmap(dpi=150)
    return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


def _looks_like(drawn: Image.Image, picture: Image.Image, far: int = 12) -> bool:
    """Whether both show the same in each quarter, and have the same shape."""
    places = [(x, y) for x in (0.25, 0.75) for y in (0.25, 0.75)]
    same = all(near(colour(drawn, *place), colour(picture.convert("RGB"), *place), far) for place in places)
    return same and drawn.width / drawn.height == pytest.approx(picture.width / picture.height, rel=0.02)


def _stored(pdf: Any, number: int = 0) -> bytes:
    """The bytes of the picture on a page as they stand in the file."""
    ((xref, *_),) = pdf[number].get_images()
    return bytes(pdf.xref_stream_raw(xref))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_kept_as_it_is(mode: str, progressive: bool) -> None:
    """Grey, coloured, in printing colours, progressive: its bytes stand in the PDF, and it looks right."""
    picture = _corners(mode)
    data = picture_bytes(picture, "JPEG", progressive=progressive, quality=95)
    pdf = make_picture_pdf(Content("a.jpg", data=data), "JPEG")
    assert _stored(pdf) == data
    # Colours of printing look different in each program: MuPDF's are far paler than Pillow's.
    assert _looks_like(_draw(pdf), picture, 12 if mode != "CMYK" else 120)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright(orientation: int, kind: str) -> None:
    """Whatever orientation its camera wrote; the bytes of a JPEG are kept where it is not mirrored."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = _corners()
    data = picture_bytes(picture, kind, exif=exif, quality=95, dpi=(150, 150))
    picture.getexif()[0x0112] = orientation
    pdf = make_picture_pdf(Content("a", data=data), kind)
    assert _looks_like(_draw(pdf), ImageOps.exif_transpose(picture))
    assert (_stored(pdf) == data) == (kind == "JPEG" and orientation in (1, 3, 6, 8))


def test_the_photo_of_the_examples() -> None:
    """A real photo, turned by its orientation, keeps its bytes, fits on A4 and adds less than 5 kB."""
    data = (_EXAMPLES / "photo.jpg").read_bytes()
    pdf = make_picture_pdf(Content("photo.jpg", data=data), "JPEG")
    assert _stored(pdf) == data
    assert pdf[0].rect.height > pdf[0].rect.width
    assert max(pdf[0].rect.width, pdf[0].rect.height) <= 842
    assert len(pdf.tobytes()) < len(data) + 5000


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 95}),
        ("AVIF", {"quality": 95}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
    ],
    ids=str,
)
def test_other_pictures_look_the_same(kind: str, options: dict[str, Any]) -> None:
    """Each format that is read can be written."""
    picture = _corners()
    pdf = make_picture_pdf(Content("a", data=picture_bytes(picture, kind, **options)), kind)
    assert _looks_like(_draw(pdf), picture)


def test_lossless_pictures_lose_nothing() -> None:
    """A PNG has the same pixels in the PDF."""
    noise = Image.effect_noise((90, 60), 80).convert("RGB")
    pdf = make_picture_pdf(Content("a.png", data=picture_bytes(noise, "PNG")), "PNG")
    ((xref, *_),) = pdf[0].get_images()
    stored = _mupdf.Pixmap(pdf, xref)
    found = Image.frombytes("RGB", (stored.width, stored.height), stored.samples)
    assert ImageChops.difference(found, noise).getbbox() is None


def test_transparency_becomes_white() -> None:
    """As it is for the model."""
    picture = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    pdf = make_picture_pdf(Content("a.png", data=picture_bytes(picture, "PNG")), "PNG")
    assert colour(_draw(pdf), 0.5, 0.5) == (255, 255, 255)


def test_a_tiff_of_several_pages(tmp_path: Path) -> None:
    """Each frame has its size and its text; one without a result is there; black and white stays small."""
    frames = [Image.new("1", (1700, 2200), 1), Image.new("L", (800, 400), 200), Image.new("RGB", (300, 300), "red")]
    data = picture_bytes(
        frames[0], "TIFF", save_all=True, append_images=frames[1:], compression="tiff_lzw", dpi=(200, 200)
    )
    path = tmp_path / "out.pdf"
    line = TextLine("some words", Box(0.1, 0.1, 0.5, 0.12))
    pages = [PlacedPage(n, 10, 10, (PlacedBlock(BlockKind.TEXT, line.box, (line,)),)) for n in (1, 3)]
    result = write_searchable(Content("a.tif", data=data), "TIFF", pages, path)
    assert result.pages == (1, 3)
    assert set(result.left) == {2}
    with _mupdf.open(path) as pdf:
        assert [page.get_text().split() for page in pdf] == [["some", "words"], [], ["some", "words"]]
        assert (pdf[0].rect.width, pdf[0].rect.height) == pytest.approx((612, 792))
        ((_, _, width, height, bits, *_),) = pdf[0].get_images()
        assert (width, height, bits) == (1700, 2200, 1)
        assert near(colour(_draw(pdf, 2), 0.5, 0.9), (255, 0, 0))
    assert path.stat().st_size < 20_000


@pytest.mark.parametrize(
    ("size", "dpi", "turned", "expected"),
    [
        ((1654, 2339), (200, 200), False, (595.4, 842.0)),  # a scan says its resolution
        ((1728, 1143), (204, 98), False, (609.9, 839.8)),  # a fax has pixels that are not square
        ((3000, 4000), (72, 72), False, (595, 793.3)),  # a camera writes 72 and means nothing
        ((4000, 3000), (72, 72), True, (595, 793.3)),
        ((1500, 750), (0, 0), False, (720, 360)),  # 150 dpi
        ((1000, 30_000), (100, 100), False, (28.1, 842)),  # a page may not be longer than 200 inches
    ],
)
def test_size_of_the_page(
    size: tuple[int, int], dpi: tuple[float, float], turned: bool, expected: tuple[float, float]
) -> None:
    """In points, upright."""
    assert find_page_size(PictureFacts(size, dpi, 1, False, False), turned=turned) == pytest.approx(expected, abs=0.1)


def test_a_picture_that_cannot_be_read() -> None:
    """It is an error of the document."""
    with pytest.raises(DocumentError, match=r"a\.png is damaged"):
        make_picture_pdf(Content("a.png", data=picture_bytes(_corners(), "PNG")[:40]), "PNG")

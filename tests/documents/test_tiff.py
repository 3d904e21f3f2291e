"""TIFFs of every kind of grey are sent the right way round, or refused for what they are."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageDraw

from drawing import colour, decoded, near, picture_bytes
from tiff_files import BLACK_IS_ZERO, FLOATS, INTEGERS, MASK, RGB, SHORT, SIGNED, WHITE_IS_ZERO, ramp, samples, tiff
from visionocr.documents.content import Content
from visionocr.documents.picture import PictureFile
from visionocr.errors import DocumentError
from visionocr.types import PageImage, PageRef, RasterSpec

KINDS = [
    *((bits, INTEGERS) for bits in (1, 2, 4, 8, 12, 16, 32)),
    *((bits, SIGNED) for bits in (8, 16, 32)),
    *((bits, FLOATS) for bits in (32, 64)),
]


def load(data: bytes) -> PageImage:
    """The image of a TIFF."""
    (image,) = PictureFile(Content("scan.tif", data=data), "TIFF").load(PageRef("scan.tif", 1, 1), RasterSpec(500))
    return image


def assert_is_ramp(data: bytes, coarse: bool = False) -> None:
    """A TIFF goes from black at the left to white at the right, and is whole."""
    image = load(data)
    picture = decoded(image)
    assert image.findings == ()
    assert near(colour(picture, 0.02, 0.5), (5, 5, 5), 20)
    assert near(colour(picture, 0.98, 0.5), (250, 250, 250), 20)
    assert coarse or near(colour(picture, 0.5, 0.5), (127, 127, 127), 20)


@pytest.mark.parametrize(("bits", "kind"), KINDS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("deflated", [False, True])
def test_every_kind_of_grey(bits: int, kind: int, order: str, photometric: int, deflated: bool) -> None:
    """All depths, formats, byte orders and interpretations, compressed or not, show the same ramp."""
    assert_is_ramp(ramp(photometric, bits, kind=kind, order=order, deflated=deflated), coarse=bits < 4)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("deflated", [False, True])
def test_colours_side_by_side_and_in_planes(bits: int, order: str, planar: bool, deflated: bool) -> None:
    """RGB with the samples of a pixel together or in planes shows the same ramp."""
    assert_is_ramp(ramp(RGB, bits, channels=3, order=order, planar=planar, deflated=deflated))


@pytest.mark.parametrize("top", [255.0, 4000.0])
@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
def test_fractions_beyond_one(top: float, photometric: int) -> None:
    """Floating point numbers that reach further than 1 are scaled to their range."""
    assert_is_ramp(ramp(photometric, 32, kind=FLOATS, top=top))


@pytest.mark.parametrize("bits", [16, 12])
@pytest.mark.parametrize("order", "<>")
def test_a_scan_in_which_nought_is_white_is_black_on_white(bits: int, order: str) -> None:
    """A deep grey scan of print, stored as a negative, is sent as print on white paper."""
    page = Image.new("L", (300, 400), 255)
    for line in range(8):
        ImageDraw.Draw(page).text((20, 20 + 45 * line), f"Print in line {line}", fill=10, font_size=24)
    ink = [1 - level / 255 for level in page.tobytes()]
    tags = [
        *((256, SHORT, [300]), (257, SHORT, [400]), (258, SHORT, [bits]), (259, SHORT, [1])),
        *((262, SHORT, [WHITE_IS_ZERO]), (277, SHORT, [1]), (278, SHORT, [400])),
    ]
    grey: Any = (
        decoded(load(tiff(samples(ink, bits, order=order), tags, order))).convert("L").resize((1, 1)).getpixel((0, 0))
    )
    assert grey > 200


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ramp(RGB, 32, kind=FLOATS, channels=3), "3 samples a pixel of 32/32/32 bits as floating point numbers"),
        (ramp(RGB, 32, channels=3, order=">"), "32/32/32 bits, photometric 2"),
        (ramp(MASK, 1), "photometric 4"),
        (ramp(32845, 16, channels=3), "photometric 32845"),
    ],
)
def test_a_kind_that_cannot_be_opened_is_not_called_damaged(data: bytes, words: str) -> None:
    """A whole file of a rare kind is refused by naming the kind and what to do."""
    with pytest.raises(DocumentError, match=words) as caught:
        load(data)
    assert "damaged" not in caught.value.message
    assert "PNG" in caught.value.hint


def test_a_file_that_is_broken_is_damaged() -> None:
    """A TIFF whose directory is missing is damaged, and not of an unknown kind."""
    with pytest.raises(DocumentError, match="damaged"):
        load(ramp(BLACK_IS_ZERO, 8)[:40])


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_other_formats_are_no_negatives(kind: str) -> None:
    """Deep pictures of other formats keep their meaning."""
    deep = Image.linear_gradient("L").rotate(90).resize((96, 48))
    if kind == "PNG":
        deep = deep.convert("I").point(lambda value: value * 257).convert("I;16")
    image = PictureFile(Content("a", data=picture_bytes(deep, kind)), kind).load(PageRef("a", 1, 1), RasterSpec(500))[0]
    assert near(colour(decoded(image), 0.02, 0.5), (5, 5, 5), 20)

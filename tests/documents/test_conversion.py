"""Transparent pictures are laid on the ground on which their content can be seen."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image, ImageDraw

from drawing import decoded, picture_bytes
from visionocr.documents.content import Content
from visionocr.documents.picture import PictureFile
from visionocr.types import PageImage, PageRef, RasterSpec

SIZE = 500, 400
CLEAR = 0, 0, 0, 0


def load(picture: Image.Image, kind: str = "PNG", split: bool = True, **options: Any) -> PageImage:
    """The image of a picture file."""
    data = picture_bytes(picture, kind, **options)
    spec = RasterSpec(600, split=split)
    (image,) = PictureFile(Content("picture", data=data), kind).load(PageRef("picture", 1, 1), spec)
    return image


def written(*colours: Any, size: tuple[int, int] = SIZE, hidden: Any = CLEAR) -> Image.Image:
    """Lines of writing in these colours on nothing; *hidden* is the colour that nothing has."""
    picture = Image.new("RGBA", size, hidden)
    draw = ImageDraw.Draw(picture)
    height = size[1] // 8
    for line in range(6):
        colour = colours[line % len(colours)]
        draw.text((size[0] // 10, height * (line + 1)), "Words cut out", fill=colour, font_size=height * 3 // 4)
    return picture


def contrasts(image: PageImage, lines: int = 6) -> list[int]:
    """By how many levels each line of writing stands out."""
    grey = decoded(image).convert("L")
    height = grey.height / 8
    boxes = [(0, round(height * (line + 1)), grey.width, round(height * (line + 2))) for line in range(lines)]
    extrema: list[Any] = [grey.crop(box).getextrema() for box in boxes]
    return [high - low for low, high in extrema]


def corner(image: PageImage) -> Any:
    """The colour of the ground."""
    return decoded(image).getpixel((2, 2))


LIGHT = ["white", (246, 246, 246), (228, 228, 228), (255, 255, 190)]


@pytest.mark.slow
@pytest.mark.parametrize("colour", LIGHT)
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("size", [SIZE, (2500, 2000)])
def test_light_writing_on_nothing_can_be_seen(colour: Any, split: bool, size: tuple[int, int]) -> None:
    """White and pale letters cut out for a dark page are sent on a dark ground, and not as a blank page."""
    image = load(written(colour, size=size), split=split)
    assert min(contrasts(image)) > 150
    assert not image.blank


@pytest.mark.parametrize("hidden", [CLEAR, (255, 255, 255, 0), (255, 0, 0, 0)])
@pytest.mark.parametrize("colour", ["black", (0, 0, 120), (200, 0, 0)])
def test_dark_writing_on_nothing_stands_on_white(colour: Any, hidden: Any) -> None:
    """Dark letters stand on white paper, whatever colour their transparent surroundings have."""
    image = load(written(colour, hidden=hidden))
    assert corner(image) == (255, 255, 255)
    assert min(contrasts(image)) > 150


def test_black_and_white_writing_can_both_be_seen() -> None:
    """Where both kinds stand on nothing, the ground is neither black nor white."""
    image = load(written("black", "white"))
    assert min(contrasts(image)) > 90


@pytest.mark.parametrize(("kind", "options"), [("WEBP", {"lossless": True, "exact": True}), ("TIFF", {}), ("PNG", {})])
def test_all_formats_with_transparency(kind: str, options: dict[str, Any]) -> None:
    """The ground is chosen in whatever way a file stores its transparency."""
    assert min(contrasts(load(written("white"), kind, **options))) > 150


@pytest.mark.parametrize("mode", ["P", "LA", "1", "L"])
def test_all_modes_with_transparency(mode: str) -> None:
    """Palettes, grey with transparency, and single transparent colours count as well."""
    writing = written("white").getchannel("A")
    options: dict[str, Any] = {}
    if mode == "LA":
        stored = Image.merge("LA", (Image.new("L", SIZE, 255), writing))
    else:
        stored = writing.convert("1") if mode != "L" else writing
        if mode == "P":
            stored = writing.convert("1").convert("P")
        options["transparency"] = 0
    assert min(contrasts(load(stored, **options))) > 150


def test_a_sheet_with_its_own_paper_stays_on_white() -> None:
    """A white sheet with print, whose corners are cut off, is not framed in black."""
    sheet = Image.new("RGBA", SIZE, CLEAR)
    ImageDraw.Draw(sheet).rounded_rectangle((0, 0, SIZE[0] - 1, SIZE[1] - 1), 30, fill="white")
    sheet.alpha_composite(written("black"))
    assert corner(load(sheet)) == (255, 255, 255)


def test_nothing_at_all_is_blank() -> None:
    """A wholly transparent picture is blank, also when it is to be described."""
    for split in (True, False):
        image = load(Image.new("RGBA", (700, 900), (255, 255, 255, 0)), split=split)
        assert image.blank
        assert corner(image) == (255, 255, 255)


@pytest.mark.parametrize("shade", [0, 130, 255])
def test_a_picture_of_one_colour_is_not_described(shade: int) -> None:
    """Nothing is asked about a picture in which there is nothing; anything else is described, however faint."""
    even = Image.new("RGB", SIZE, (shade,) * 3)
    assert load(even, split=False).blank
    assert load(even, "JPEG", split=False).blank
    even.paste((shade + 12 if shade < 200 else shade - 12,) * 3, (10, 10, 40, 40))
    assert not load(even, split=False).blank
    assert not load(Image.effect_noise(SIZE, 4), split=False).blank

"""Draws the eye chart: a page of random words in ever smaller print, in the size in which pages are sent.

Letters are measured by their x-height, the height of a small x in pixels of the picture that is sent: that is what
legibility depends on, whatever the typeface.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFont

from visionocr.documents import images
from visionocr.documents.fit import MAX_DPI, fit_size, make_images
from visionocr.documents.images import Size
from visionocr.errors import ConfigurationError
from visionocr.prompting.budget import A4_LENGTH, A4_WIDTH
from visionocr.types import PageImage, PageRef, RasterSpec

PAGE = PageRef(document="eye chart", number=1, pages=1)
SMALLEST_PAGE = 160
"""Long side in pixels of the smallest page that has room for a chart."""
_TYPE_SIZES = (72, 56, 44, 36, 30, 25, 21, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6)
"""In pixels. A page at 90 dpi has its small print in the middle of these, one at 300 dpi above them."""
_X_HEIGHT = 0.525
"""Of the typeface that Pillow brings along, as a part of the type size."""
_MARGIN = 0.06
"""Of the page's sides."""
_LEADING = 1.6
"""From one line to the next at the least, in type sizes."""
_MOST_WORDS = 5
"""In a line."""
_FINER = 4
"""Letters are drawn so many times larger and shrunk, as those of a page are: without the font's hints."""

WORDS = tuple(
    re.findall(
        r"\w+",
        """
    acorn almond amber anvil apricot bagpipe balcony bamboo banjo barley beetle bobbin brocade buffalo cactus candle
    canoe caramel cargo catfish cedar chimney cinema citrus cobalt coconut compost coyote crayon cricket cuckoo cymbal
    daisy denim diesel dolphin dragon drizzle dugout eclipse elbow emerald fabric falcon fiddle flannel
    flute fossil funnel galaxy garlic gazelle ginger glacier goblet gondola gravel guitar hammock haystack hazelnut
    helmet hermit hickory igloo indigo insect ivory jackal jasmine jersey jigsaw jungle kayak kennel kimono kiosk
    lagoon lapel lemon leopard lilac lobster locust lumber magnet mammoth mango maple marble mosaic muffin mustard
    napkin nectar nickel nougat nutmeg oatmeal octopus olive onion orchid osprey otter oxygen oyster paddock panther
    papaya parsley pebble pelican pepper piano pigeon pillow plasma plywood polka pretzel pulley pumpkin python
    quartz quiver rabbit raccoon radish raisin ravioli reptile rhubarb ribbon rubble saddle saffron sandal
    satchel scarlet shovel shrimp sickle sleigh spinach squid syrup tadpole teapot tempest thistle thunder
    tobacco trumpet tulip turbine turnip tweezer ukulele umbrella urchin vanilla velvet violet vulture waffle walrus
    whisker wigwam wizard yogurt zebra zigzag
    """,
    )
)
"""Words that differ from each other in more than one letter and rarely occur together in other texts."""


@dataclass(frozen=True, slots=True)
class Line:
    """Words of one size."""

    x_height: float
    """In pixels of the picture."""
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart."""

    images: tuple[PageImage, ...]
    lines: tuple[Line, ...]
    """What stands on it, from large to small."""


def page_size(spec: RasterSpec) -> Size:
    """Width and height in pixels of an A4 page within *spec*."""
    dpi = spec.dpi or MAX_DPI
    return fit_size((round(A4_WIDTH * dpi), round(A4_LENGTH * dpi)), spec.max_side, spec.max_pixels)


def draw(spec: RasterSpec, seed: int) -> Chart:
    """The chart of a *seed* on a page within *spec*, finished as every page is.

    The page must be at least ``SMALLEST_PAGE`` long. Raises ``ConfigurationError`` where Pillow cannot draw letters.
    """
    width, height = page_size(spec)
    lines = layout((width, height), seed)
    heights = [_type_size(line) * _LEADING for line in lines]
    paper = Image.new("RGB", (width, height), "white")
    # The lines are spread over the whole page, because small print occurs at the foot of a page, too.
    spare = max(0.0, height * (1 - 2 * _MARGIN) - sum(heights)) / len(lines)
    top = height * _MARGIN
    for line, line_height in zip(lines, heights, strict=True):
        paper.paste(draw_line(line), (round(width * _MARGIN), round(top)))
        top += line_height + spare
    return Chart(make_images(paper, PAGE, replace(spec, find_blank=False, strips=1)), lines)


def layout(size: Size, seed: int) -> tuple[Line, ...]:
    """The lines of the chart on a page of *size*: the largest type sizes that fit, each with words of its own."""
    words = list(WORDS)
    random.Random(seed).shuffle(words)  # noqa: S311 - nobody's secret; whoever has the seed can draw it again
    width, height = (side * (1 - 2 * _MARGIN) for side in size)
    lines = []
    for type_size in _TYPE_SIZES:
        if sum(each for each in _TYPE_SIZES if each <= type_size) * _LEADING > height:
            continue
        count = _count_fitting(words[:_MOST_WORDS], type_size, width)
        if count:
            lines.append(Line(type_size * _X_HEIGHT, tuple(words[:count])))
            del words[:count]
    return tuple(lines)


def _count_fitting(words: list[str], type_size: int, width: float) -> int:
    """How many of the first *words* stand side by side."""
    font, used = _font(type_size * _FINER), 0.0
    for count, word in enumerate(words):
        used += font.getlength(f"{word}  ") / _FINER
        if used > width:
            return count
    return len(words)


def draw_line(line: Line) -> images.Picture:
    """One line as a picture, black on white."""
    type_size = _type_size(line)
    font = _font(type_size * _FINER)
    text = "  ".join(line.words)
    width, height = round(font.getlength(text)) + 2 * _FINER, round(type_size * _FINER * 1.4)
    large = Image.new("L", (width, height), 255)
    ImageDraw.Draw(large).text((_FINER, 0), text, fill=0, font=font)
    return images.shrink(large, (max(1, width // _FINER), max(1, height // _FINER))).convert("RGB")


def _type_size(line: Line) -> int:
    return round(line.x_height / _X_HEIGHT)


def _font(size: int) -> ImageFont.FreeTypeFont:
    try:
        font = ImageFont.load_default(size)
    except ImportError as error:
        raise ConfigurationError(
            f"Pillow cannot draw letters here: {error}", "Install a Pillow built with FreeType, or give --no-chart."
        ) from None
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font

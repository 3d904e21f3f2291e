"""Draws the eye chart: a page of random words in falling sizes, as large as a page of a document would be sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw, ImageFont

from visionocr.check.score import WORDS, Line
from visionocr.documents import images
from visionocr.documents.fit import MAX_DPI, fit_size, make_images
from visionocr.documents.images import Size
from visionocr.errors import ConfigurationError
from visionocr.prompting.budget import A4_LENGTH, A4_WIDTH
from visionocr.types import PageImage, PageRef, RasterSpec

PAGE = PageRef(document="eye chart", number=1, pages=1)
SMALLEST_PAGE = 160
"""Long side in pixels of the smallest page on which a chart has room."""
_TYPE_SIZES = (72, 56, 44, 36, 30, 25, 21, 18, 16, 14, 12, 11, 10, 9, 8, 7, 6)
"""In pixels. A page at 90 dpi has its small print in the middle of these, one at 300 dpi above them."""
_X_HEIGHT = 0.525
"""Of the typeface that Pillow brings along, as a part of the type size."""
_MARGIN = 0.06
_LEADING = 1.6
"""From one line to the next at the least, in type sizes."""
_MOST_WORDS = 5
_FINER = 4
"""Letters are drawn so many times larger and shrunk, as those of a page are: without the font's hints."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart."""

    images: tuple[PageImage, ...]
    lines: tuple[Line, ...]
    """What stands on it, from large to small."""


def page_size(spec: RasterSpec) -> Size:
    """Width and height in pixels of an A4 page within *spec*."""
    dpi = spec.dpi or MAX_DPI
    width, height = (round(inches * dpi) for inches in (A4_WIDTH, A4_LENGTH))
    return fit_size((width, height), spec.max_side, spec.max_pixels)


def draw(spec: RasterSpec, seed: int) -> Chart:
    """The chart of a *seed* on a page within *spec*, finished as every page is.

    The page must be at least ``SMALLEST_PAGE`` long. Raises ``ConfigurationError`` where Pillow cannot draw letters.
    """
    size = page_size(spec)
    lines = layout(size, seed)
    paper = Image.new("RGB", size, "white")
    inner = size[1] * (1 - 2 * _MARGIN)
    # What room the lines leave is shared out among them: small print stands at the foot of a page, too.
    spare = max(0.0, inner - sum(_height(line) for line in lines)) / len(lines)
    top = size[1] * _MARGIN
    for line in lines:
        strip = _strip(line)
        paper.paste(strip, (round(size[0] * _MARGIN), round(top)))
        top += _height(line) + spare
    return Chart(make_images(paper, PAGE, replace(spec, find_blank=False)), lines)


def layout(size: Size, seed: int) -> tuple[Line, ...]:
    """The lines of the chart on a page of *size*: the largest sizes that fit, each with words that nothing precedes."""
    words = list(WORDS)
    random.Random(seed).shuffle(words)  # noqa: S311 - nobody's secret; whoever has the seed can draw it again
    room = size[1] * (1 - 2 * _MARGIN)
    widest = size[0] * (1 - 2 * _MARGIN)
    lines = []
    for type_size in _TYPE_SIZES:
        if sum(each for each in _TYPE_SIZES if each <= type_size) * _LEADING > room:
            continue
        taken = tuple(_taken(words, type_size, widest))
        if taken:
            lines.append(Line(type_size * _X_HEIGHT, taken))
            del words[: len(taken)]
    return tuple(lines)


def _taken(words: list[str], type_size: int, widest: float) -> Iterator[str]:
    """As many of the first *words* as stand side by side at a size."""
    used = 0.0
    for word in words[:_MOST_WORDS]:
        used += _font(type_size * _FINER).getlength(f"{word}  ") / _FINER
        if used > widest:
            return
        yield word


def _strip(line: Line) -> images.Picture:
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


def _height(line: Line) -> float:
    return _type_size(line) * _LEADING


def _font(size: int) -> ImageFont.FreeTypeFont:
    try:
        font = ImageFont.load_default(size)
    except ImportError as error:
        raise ConfigurationError(
            f"Pillow cannot draw letters here: {error}", "Install a Pillow built with FreeType, or give --no-chart."
        ) from None
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font

"""Pictures of all kinds become grey or RGB: upright, opaque, of eight bits, white where white is meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import Image, ImageChops

from visionocr.documents import tiff
from visionocr.documents.images import BROKEN, Picture, Size, check_scans, check_size

_GAP = 1.5
"""How many times finer than needed a picture is decoded, so that the last step of shrinking is a good one."""
_BAND = 2**22
"""Pixels reduced at a time."""
_MAX_KEPT = 100_000_000
"""Pixels to which a very long picture is reduced: there will be copies of it."""
_DEEP = frozenset({"I;16", "I", "F"})
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""
_ORIENTATION = 0x0112
_EXIF_DETAILS = 0x8769
_TAKEN = (0x9003, 0x9004)
"""When the photo was taken, and when it was digitised."""
_DAY = re.compile(r"((?:19|20)\d\d)[:-](0[1-9]|1[0-2])[:-](0[1-9]|[12]\d|3[01])\b", re.ASCII)
_WHITE, _BLACK, _GREY = 255, 0, 128
_SAMPLE_SIDE = 800
"""Pixels of the long side of the sample by which the ground for a transparent picture is chosen."""
_STEP = 24
"""Levels between neighbouring pixels that are an edge."""
_MORE = 1.25
"""How many times more edges another ground than white must show."""


def convert(image: Any, compute_scale: Callable[[Size], float]) -> Picture:
    """The current frame of an opened file, upright, grey or RGB, reduced towards the scale at which it is needed."""
    width, height = image.size
    check_size(image)
    scale = compute_scale(image.size)
    if image.format in ("JPEG", "MPO"):
        check_scans(image)
        image.draft(None, (math.ceil(width * scale * _GAP), math.ceil(height * scale * _GAP)))
    check_size(image, in_memory=True)
    if image.format == "TIFF":
        tiff.prepare(image)
    image.load()
    negative = image.format == "TIFF" and tiff.is_negative(image)
    useful = int(image.size[0] / (width * scale * _GAP))
    factor = max(1, useful, math.ceil(math.sqrt(math.prod(image.size) / _MAX_KEPT)))
    plain = _reduce(image, factor, negative=negative)
    upright = _UPRIGHT.get(read_orientation(image))
    if upright is not None:
        plain = plain.transpose(upright)
    plain.info = {}  # else comments, densities and colour profiles are written into what is sent
    return plain


def read_orientation(image: Any) -> int:
    """The EXIF orientation, 1 for upright. Before decoding it may be missing, and TIFFs are turned by decoding."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except BROKEN:
        return 1


def read_date(image: Any) -> str:
    """The day on which a photo was taken, as ``2024-05-31``; empty where its EXIF data do not say."""
    try:
        details = image.getexif().get_ifd(_EXIF_DETAILS)
    except BROKEN:
        return ""
    for tag in _TAKEN:
        if match := _DAY.match(str(details.get(tag, ""))):
            return "-".join(match.groups())
    return ""


def _reduce(image: Picture, factor: int, *, negative: bool = False) -> Picture:
    """Grey or RGB, *factor* times smaller. Done in bands, so that a large picture is not in memory twice.

    *negative*: of a picture of 16 bits and more nought is white.
    """
    if image.mode.startswith("I;16") and image.mode != "I;16":
        image = image.convert("I")  # Pillow can convert the other byte orders to nothing else
    flatten: Callable[[Picture], Picture] = _drop_mode
    if image.mode in _DEEP:
        flatten = partial(_scale_levels, *_fit_range(image, negative))
    elif image.has_transparency_data:
        flatten = partial(_lay_on, _choose_ground(image))
    if factor == 1:
        return flatten(image)
    width, height = image.size
    band = factor * max(1, _BAND // (width * factor))
    result: Picture | None = None
    for top in range(0, height, band):
        piece = flatten(image.crop((0, top, width, min(top + band, height)))).reduce(factor)
        if result is None:
            result = Image.new(piece.mode, (piece.width, math.ceil(height / factor)))
        result.paste(piece, (0, top // factor))
    assert result is not None
    return result


def _drop_mode(image: Picture) -> Picture:
    """An opaque picture of eight bits as ``L`` or ``RGB``."""
    if image.mode in ("L", "RGB"):
        return image  # convert would copy it
    return image.convert("L" if image.mode == "1" else "RGB")


def _scale_levels(factor: float, summand: float, image: Picture) -> Picture:
    """A picture of 16 bits and more as one of 8."""
    image = image if image.mode == "F" else image.convert("I")
    return image.point(lambda value: value * factor + summand).convert("L")


def _lay_on(ground: int, image: Picture) -> Picture:
    """A transparent picture on a grey, as RGB."""
    layer = image.convert("RGBA")
    paper = Image.new("RGB", image.size, (ground,) * 3)
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _fit_range(image: Picture, negative: bool) -> tuple[float, float]:
    """Factor and summand by which a picture of 16 bits and more becomes one of 8, by the range it uses, never clipped.

    That range is the smallest number of bits that holds all values (12, of many scanners) or, of floating point
    numbers, 0 to 1.
    """
    extrema: Any = image.getextrema()
    floor = min(0.0, extrema[0])
    span = extrema[1] - floor
    if image.mode == "F":
        top = 1.0 if span <= 1 else 255.0 if span <= 255 else span
    else:
        top = float((1 << max(8, int(span).bit_length())) - 1)
    scale = 255.0 / top
    return (-scale, 255.0 + floor * scale) if negative else (scale, -floor * scale)


def _choose_ground(image: Picture) -> int:
    """The grey on which a transparent picture is laid: white, unless much more of it can be seen on black or on grey.

    White letters cut out for a dark page cannot be seen on white paper, nor can white and black ones on either.
    """
    shrinking = max(1.0, max(image.size) / _SAMPLE_SIDE)
    size = round(image.width / shrinking) or 1, round(image.height / shrinking) or 1
    # Premultiplied: what is transparent has no colour.
    *colours, alpha = image.resize(size, Image.Resampling.NEAREST).convert("RGBA").convert("RGBa").split()
    light = Image.merge("RGB", colours).convert("L")
    best, most = _WHITE, 0.0
    for ground in (_WHITE, _BLACK, _GREY):
        around = alpha.point([(255 - level) * ground // 255 for level in range(256)])
        edges = _count_edges(ImageChops.add(light, around))
        if edges > most * (1 if ground == _WHITE else _MORE):
            best, most = ground, float(edges)
    return best


def _count_edges(band: Picture) -> int:
    """How many pixels of a picture of one channel differ clearly from the next one to the right or below."""
    width, height = band.width - 1, band.height - 1
    if not (width and height):
        return 0
    here, right, below = (band.crop((x, y, x + width, y + height)) for x, y in ((0, 0), (1, 0), (0, 1)))
    steps = ImageChops.lighter(ImageChops.difference(here, right), ImageChops.difference(here, below))
    return sum(steps.histogram()[_STEP:])

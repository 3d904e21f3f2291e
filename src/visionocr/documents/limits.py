"""What a picture may ask of us: a few bytes can claim a size that fills any memory."""

from __future__ import annotations

import math
from typing import Any

from visionocr.errors import DocumentError

MAX_PIXELS = 600_000_000
"""Of the picture in the file: an A0 drawing scanned at 600 dpi has 558 million."""
MAX_MEMORY = 920_000_000
"""Bytes that a picture may take when it is decoded: with all that is around it, less than ``drawing.MEMORY``."""
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}
"""Bytes a pixel takes in memory; 4 in all other modes."""
_DECODING = {"WEBP": 16, "AVIF": 10, "HEIF": 10}
"""Bytes a pixel takes while these formats are decoded: several copies of the picture."""
_SPECTRUM = 6
"""Bytes a pixel takes in a progressive JPEG: all of it is kept until its last scan, however small it is wanted."""
_MOST_SCANNED = 50_000_000_000
"""Pixels that the scans of a progressive JPEG may have together: a few seconds. A thousand empty scans cost nothing."""


def check_size(image: Any, *, in_memory: bool = False) -> None:
    """Refuse what would fill the memory, before it does."""
    pixels = math.prod(image.size)
    cost = _DECODING.get(image.format) or _BYTES.get(image.mode, 4)
    if pixels > MAX_PIXELS or (in_memory and pixels * cost > MAX_MEMORY):
        raise _too_large(image, "is")


def _too_large(image: Any, why: str) -> DocumentError:
    words = f"a picture of {image.size[0]} x {image.size[1]} pixels {why} too large"
    return DocumentError(words, "make it smaller or cut it up")


def check_scans(image: Any) -> None:
    """Refuse a progressive JPEG that would fill the memory, or take minutes: a few bytes can ask for both."""
    if not image.info.get("progressive"):
        return
    pixels = math.prod(image.size)
    if pixels * _SPECTRUM > MAX_MEMORY:
        raise _too_large(image, "in a progressive JPEG is")
    place = image.fp.tell()
    image.fp.seek(0)
    # Between scans; within their data this pair does not occur.
    scans = image.fp.read().count(b"\xff\xda")
    image.fp.seek(place)
    if scans * pixels > _MOST_SCANNED:
        raise DocumentError(f"a JPEG of {scans:,} scans takes too long", "save it as a plain (baseline) JPEG")

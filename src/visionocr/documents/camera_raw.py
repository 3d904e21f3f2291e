"""Raw photos of cameras, developed with rawpy (LibRaw): the previews in them may be of any size, however small."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image

from visionocr.documents.images import MAX_MEMORY, Picture, Size
from visionocr.errors import DocumentError
from visionocr.extras import install_hint
from visionocr.text import printable

_BYTES = 13
"""Bytes a pixel takes while it is developed: 2 of the sensor, 8 in LibRaw's working copy, 3 of the result."""

_SIDEWAYS = (5, 6)
"""LibRaw's numbers for a photo that lies on one of its sides."""


def check_raw(name: str) -> None:
    """Raise ``DocumentError`` when raw photos cannot be developed here."""
    _load_library(name)


def read_size(stream: IO[bytes], name: str) -> Size:
    """Width and height of the photo, upright. Raises ``DocumentError``."""
    with _opened(stream, name) as raw:
        size = raw.sizes.width, raw.sizes.height
        return size[::-1] if raw.sizes.flip in _SIDEWAYS else size


def develop(stream: IO[bytes], name: str, compute_scale: Callable[[Size], float]) -> Picture:
    """The photo, upright, grey or RGB; at half its size where that is enough. Raises ``DocumentError``."""
    with _opened(stream, name) as raw:
        size = raw.sizes.width, raw.sizes.height
        half = compute_scale(size) <= 0.5
        if math.prod(size) * _BYTES / (4 if half else 1) > MAX_MEMORY:
            raise DocumentError(f"a raw photo of {size[0]} x {size[1]} pixels is too large", "export it as a JPEG")
        pixels = raw.postprocess(use_camera_wb=True, half_size=half, output_bps=8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


@contextmanager
def _opened(stream: IO[bytes], name: str) -> Iterator[Any]:
    """A raw photo that is open; what LibRaw raises becomes a ``DocumentError``."""
    rawpy = _load_library(name)
    try:
        with rawpy.imread(stream) as raw:
            yield raw
    except rawpy.LibRawError as error:
        reason = error.args[0].decode("ascii", "replace") if error.args and isinstance(error.args[0], bytes) else error
        words = f"{printable(name)} is a raw photo that cannot be developed: {printable(str(reason))}"
        raise DocumentError(words, "export it as a JPEG or a TIFF") from error


def _load_library(name: str) -> Any:
    try:
        import rawpy
    except ImportError as error:
        words = f"{printable(name)} is a camera's raw photo, and nothing here can develop it"
        hint = install_hint("raw", "export it as a JPEG or a TIFF, or install what develops it")
        raise DocumentError(words, hint) from error
    return rawpy

"""Image input of the fake server: which images of a request it uses, how it decodes them, what they cost."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from fakes.pictures import read_number
from fakes.versions import Version

_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TGA")
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, Image.DecompressionBombWarning)

ImageTokens = Callable[[int, int], int]
"""Tokens of a picture of so many pixels (width, height), after the server has shrunk it."""


def squares(side: int = 28) -> ImageTokens:
    """An encoder with one token for every square of *side* pixels."""
    return lambda width, height: math.ceil(width / side) * math.ceil(height / side)


def fixed(count: int) -> ImageTokens:
    """An encoder with the same number of tokens for every picture."""
    return lambda width, height: count


class ProcessDiedError(Exception):
    """The picture crashed the server."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded image."""

    number: int | None
    """The number in its barcode."""
    width: int
    height: int
    channels: int

    @property
    def strip(self) -> bool:
        """Longer than four to one: the server pads it with black."""
        return max(self.width, self.height) > 4 * min(self.width, self.height)


def decode(text: str) -> Picture | None:
    """Decode one entry of ``images``; ``None`` when the server could not."""
    match = re.match(r"[A-Za-z0-9+/]*", text)
    body = match.group() if match else ""
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    return decode_bytes(base64.b64decode(body + "=" * (-len(body) % 4)))


def decode_bytes(data: bytes) -> Picture | None:
    """Decode an image file as the server's decoder does: EXIF ignored, transparency dropped."""
    if data[:1] == b"P" and data[:2] not in (b"P5", b"P6"):
        return None
    try:
        image = _load(data)
    except _BROKEN:
        return None
    channels = {"1": 1, "L": 1, "I": 1, "I;16": 1, "I;16B": 1, "LA": 2, "RGBA": 4}.get(image.mode, 3)
    if image.mode == "P" and "transparency" in image.info:
        channels = 4
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return Picture(read_number(image), *image.size, channels)


def _load(data: bytes) -> Image.Image:
    """Open a picture; a JPEG that breaks off is used as far as it goes."""
    image = Image.open(io.BytesIO(data), formats=_FORMATS)
    try:
        image.load()
    except _BROKEN:
        if not data.startswith(_JPEG):
            raise
        image = Image.open(io.BytesIO(data + _JPEG_END), formats=_FORMATS)
        image.load()
    return image


@dataclass(frozen=True, slots=True)
class EncodedImages:
    """The images of a request, as they reach the model."""

    pictures: tuple[Picture, ...] = ()
    """Those that reach the model."""
    tokens: int = 0
    """Number of their tokens, without the texts around them."""
    failed: bool = False
    """The engine failed: the answer is empty."""
    garbled: bool = False
    """The model sees noise."""

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """The numbers that the model reads, in order."""
        return tuple(None if self.garbled else picture.number for picture in self.pictures)


@dataclass(frozen=True, slots=True)
class Projector:
    """The multimodal projector of a server: decodes, selects and counts images."""

    version: Version
    clamped_side: int
    image_tokens: ImageTokens

    def encode(self, images: list[str], free_tokens: int) -> EncodedImages:
        """Encode the *images* of a request with *free_tokens* left for them.

        Raises ``ProcessDiedError`` for pictures that the version cannot survive.
        """
        entries = [entry for entry in images if entry]
        limit = self.version.image_limit
        used = entries[-limit:] if self.version.since("1.111") else entries[:limit]
        decoded = [decode(entry) for entry in used]
        pictures = tuple(picture for picture in decoded if picture)
        if not pictures:
            return EncodedImages()
        bad_first = False
        if len(pictures) < len(decoded):
            if self.version.since("1.77") or decoded[-1] is None:
                return EncodedImages(failed=True)
            bad_first = True
        if any(self._crashes_on(picture) for picture in pictures):
            raise ProcessDiedError
        garbled = any(self._garbles(picture) for picture in pictures)
        tokens = sum(self.image_tokens(*self._resize(picture)) for picture in pictures)
        return (
            EncodedImages(pictures, tokens, garbled=garbled or bad_first) if tokens <= free_tokens else EncodedImages()
        )

    def _crashes_on(self, picture: Picture) -> bool:
        """Up to 1.86: what has other than three channels must not be shrunk, and a grey one not be padded."""
        if picture.channels == 3 or self.version.since("1.86.1"):
            return False
        return max(picture.width, picture.height) > self.clamped_side or (picture.strip and picture.channels < 3)

    def _garbles(self, picture: Picture) -> bool:
        """Up to 1.114: what has other than three channels is mangled when it is padded."""
        return picture.channels != 3 and picture.strip and not self.version.since("1.115")

    def _resize(self, picture: Picture) -> tuple[int, int]:
        """The size that reaches the projector: padded to four to one, then shrunk."""
        width, height = picture.width, picture.height
        width, height = max(width, math.ceil(height / 4)), max(height, math.ceil(width / 4))
        shrink = min(1.0, self.clamped_side / max(width, height))
        return max(1, round(width * shrink)), max(1, round(height * shrink))

"""Pillow: opens pictures within limits of memory, resizes and encodes them."""

from __future__ import annotations

import array
import io
import math
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image, ImageChops, ImageFile, PngImagePlugin, UnidentifiedImageError, features

from visionocr.documents import tiff
from visionocr.errors import DocumentError
from visionocr.extras import install_hint
from visionocr.text import printable
from visionocr.types import PageImage, PageRef

Picture = Image.Image
"""Grey, RGB, or ``RGBX``, which is used as RGB is. Other modules pass pictures on and call only their methods."""
Size = tuple[int, int]
"""Width and height in pixels."""

# --- opening ----------------------------------------------------------------------------------------------

MAX_PIXELS = 600_000_000
"""Of the picture in the file: an A0 drawing scanned at 600 dpi has 558 million."""
MAX_MEMORY = 920_000_000
"""Bytes of a decoded picture: with everything else in the process less than ``raster_worker.MEMORY``."""
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}
"""Bytes a pixel takes in memory; 4 in all other modes."""
_DECODER_BYTES = {"WEBP": 16, "AVIF": 10, "HEIF": 10}
"""Bytes a pixel takes while these formats are decoded: several copies of the picture."""
_PROGRESSIVE_BYTES = 6
"""Bytes a pixel takes in a progressive JPEG: all of it is kept until its last scan, also when it is decoded smaller."""
_MAX_SCANNED = 50_000_000_000
"""Pixels in all scans of a progressive JPEG: a few seconds. A thousand empty scans cost an attacker nothing."""
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError, ArithmeticError),
    *(RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises for damaged files: its parsers trust what they read."""
_switches = threading.Lock()


@contextmanager
def guarded(name: str, *, tolerant: bool = False) -> Iterator[None]:
    """Use Pillow for the file *name*, silently; what it raises becomes a ``DocumentError``.

    *tolerant*: decode what can be read of a damaged file. Pillow's switches are global: one thread at a time, and no
    call within another.
    """
    with _switches, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        # Pillow's own limit does not know modes and drafts; check_size is called before anything is decoded.
        Image.MAX_IMAGE_PIXELS = None
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant
        try:
            yield
        except MemoryError as error:
            raise DocumentError(f"{printable(name)} does not fit into memory", "make the picture smaller") from error
        except BROKEN as error:
            if "decoder object" in str(error):  # the allocation failed
                raise DocumentError(f"{printable(name)} is damaged or too large", "make the picture smaller") from error
            # Some of Pillow's messages show the repr of a Python object.
            reason = "" if "object at 0x" in str(error) or "<_io." in str(error) else f": {printable(str(error))}"
            raise DocumentError(f"{printable(name)} is damaged and cannot be read{reason}") from error
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def open_picture(stream: IO[bytes], kind: str, name: str) -> Any:
    """A picture of a known format, not decoded yet. *stream* must stay open as long as it is used."""
    if kind == "HEIF" or (kind == "AVIF" and not features.check("avif")):
        try:
            import pillow_heif
        except ImportError as error:
            words = f"{printable(name)} is a {'HEIC' if kind == 'HEIF' else kind} picture, and nothing here can open it"
            raise DocumentError(words, install_hint("heic", "install what opens it")) from error
        register = "register_heif_opener" if kind == "HEIF" else "register_avif_opener"
        getattr(pillow_heif, register, lambda: None)()
    if kind != "TIFF":
        return Image.open(stream, formats=[kind])
    tiff.register_kinds()
    try:
        return Image.open(stream, formats=[kind])
    except UnidentifiedImageError:
        unknown = tiff.describe(stream)
        if not unknown:
            raise
        words = f"{printable(name)} is a TIFF of a kind that nothing here can open: {unknown}"
        raise DocumentError(words, "save it as a PNG or a JPEG") from None


def check_size(image: Any, *, in_memory: bool = False) -> None:
    """Raise ``DocumentError`` for an opened picture that would fill the memory."""
    pixels = math.prod(image.size)
    cost = _DECODER_BYTES.get(image.format) or _BYTES.get(image.mode, 4)
    if pixels > MAX_PIXELS or (in_memory and pixels * cost > MAX_MEMORY):
        raise _too_large(image, "is")


def check_scans(image: Any) -> None:
    """Raise ``DocumentError`` for a progressive JPEG that would fill the memory or take minutes."""
    if not image.info.get("progressive"):
        return
    pixels = math.prod(image.size)
    if pixels * _PROGRESSIVE_BYTES > MAX_MEMORY:
        raise _too_large(image, "in a progressive JPEG is")
    position = image.fp.tell()
    image.fp.seek(0)
    # Start of scan; within compressed data these two bytes do not occur.
    scans = image.fp.read().count(b"\xff\xda")
    image.fp.seek(position)
    if scans * pixels > _MAX_SCANNED:
        raise DocumentError(f"a JPEG of {scans:,} scans takes too long to decode", "save it as a baseline JPEG")


def _too_large(image: Any, why: str) -> DocumentError:
    words = f"a picture of {image.size[0]} x {image.size[1]} pixels {why} too large"
    return DocumentError(words, "make it smaller or cut it up")


# --- working with pixels ----------------------------------------------------------------------------------

_NOISE = 24
"""Differences between neighbouring pixels up to this are noise of scanning or compression."""
_RULE = 230
"""Of 255: share of a stretch's rows in which a column has an edge, from which on that is a rule or a border."""
_SMALL = 2**18
"""Pixels up to which a PNG is tried: it is sharper than JPEG, but slow to make."""
_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow's are counterclockwise
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_LARGE = 1536
"""Long side in pixels from which on halved colour resolution is as fine as the full one of usual pictures."""


def from_samples(size: Size, samples: Any, stride: int) -> Picture:
    """A picture on a buffer of four bytes a pixel (red, green, blue and an unused one), which must outlive it."""
    return Image.frombuffer("RGBX", size, samples, "raw", "RGBX", stride, 1)


def shrink(picture: Picture, size: Size) -> Picture:
    """The picture at a smaller size."""
    # Engines read it as well as Lanczos, and it takes less than half the time.
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=3.0)


def pad(picture: Picture, size: Size) -> Picture:
    """The picture in the middle of a white canvas."""
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas


def turn(picture: Picture, degrees: int) -> Picture:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees."""
    return picture.transpose(_TURNS[degrees]) if degrees else picture


def crop_lines(picture: Picture, start: int, stop: int, *, down: bool) -> Picture:
    """The rows (*down*) or columns from *start* to before *stop*."""
    return picture.crop((0, start, picture.width, stop) if down else (start, 0, stop, picture.height))


def measure_lines(picture: Picture, start: int, stop: int, *, down: bool, without_rules: bool = False) -> list[float]:
    """For each row (*down*) or column of a stretch, how much of it differs from its neighbours, 0 to 255.

    Differences, not darkness: an empty line on black, on a colour or on a gradient is as empty as one on white.
    *without_rules*: what runs through the whole stretch does not count.
    """
    band = crop_lines(picture, start, stop, down=down).convert("L")
    if not down:
        band = band.transpose(Image.Transpose.TRANSPOSE)
    width, height = band.size
    if width < 2:
        return [0.0] * height
    steps = ImageChops.difference(band.crop((0, 0, width - 1, height)), band.crop((1, 0, width, height)))
    edges = steps.point([0 if step <= _NOISE else 255 for step in range(256)])
    if without_rules:
        shares = edges.resize((width - 1, 1), Image.Resampling.BOX)
        is_kept = shares.point([0 if share >= _RULE else 255 for share in range(256)])
        edges = ImageChops.darker(edges, is_kept.resize(edges.size, Image.Resampling.NEAREST))
    # As floating point numbers: a single letter in a wide row must not be rounded away.
    return array.array("f", edges.convert("F").resize((1, height), Image.Resampling.BOX).tobytes()).tolist()


def encode(picture: Picture, quality: int, *, full_colour: bool) -> tuple[str, bytes]:
    """Media type and bytes: baseline JPEG, or PNG where that is smaller, as it is for small line art.

    *full_colour* keeps the resolution of colour, which coloured letters need. Photographs have lost it before, and
    half of it is enough for large pictures.
    """
    if picture.mode == "L":  # some servers garble grey pictures or crash; done last, as grey is quicker to work with
        picture = picture.convert("RGB")
    buffer = io.BytesIO()
    full_colour = full_colour and max(picture.size) < _LARGE and _has_colour(picture)
    picture.save(buffer, "JPEG", quality=quality, subsampling=0 if full_colour else 2)
    if _is_line_art(picture):
        png = io.BytesIO()
        picture.convert("RGB").save(png, "PNG")
        if png.tell() < buffer.tell():
            return "image/png", png.getvalue()
    return "image/jpeg", buffer.getvalue()


def encode_png(picture: Picture, mark: str) -> bytes:
    """The bytes of a PNG with *mark* as its text ``visionocr``, which stands before the pixels."""
    buffer, texts = io.BytesIO(), PngImagePlugin.PngInfo()
    texts.add_text("visionocr", mark)
    picture.convert("RGB").save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def _has_colour(picture: Picture) -> bool:
    """Whether an RGB picture is more than grey, as far as can be seen at half its size."""
    half = picture.reduce(2)
    red, green, blue = map(half.getchannel, range(3))
    return any(ImageChops.difference(green, other).getbbox() is not None for other in (red, blue))


def _is_line_art(picture: Picture) -> bool:
    """Whether a picture is small, has up to 256 colours, as grey photographs do, too, and is mostly paper."""
    pixels = math.prod(picture.size)
    colours = picture.getcolors(256) if pixels <= _SMALL else None
    return bool(colours) and max(count for count, _ in colours or ()) * 2 >= pixels


def flat_image(page: PageRef, width: int, height: int, shade: int) -> PageImage:
    """A picture of a single grey, 0 to 255, for finding out what a server does with pictures."""
    media_type, data = encode(Image.new("RGB", (width, height), (shade, shade, shade)), 90, full_colour=False)
    return PageImage(page, media_type, data, width, height)

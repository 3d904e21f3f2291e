"""Pixels: one of the few places that know Pillow. Opens pictures, makes them plain, shrinks, cuts, encodes them."""

from __future__ import annotations

import io
import itertools
import math
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image, ImageChops, ImageFile, features

from visionocr.documents import limits
from visionocr.documents.geometry import Size
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import PageImage, PageRef

Picture = Image.Image
"""Grey, RGB, or ``RGBX``, which is as good as RGB. Elsewhere a picture is a value to hand on."""
ScaleFor = Callable[[Size], float]

_MOST_FRAMES = 20_000
"""Of a TIFF. Finding one takes longer the more came before it."""
_DEEP = frozenset({"I;16", "I", "F"})
_GAP = 1.5
"""How many times finer than needed a picture is decoded, so that the last step of shrinking is a good one."""
_FEW_COLOURS = 256
_BAND = 2**22
"""Pixels reduced at a time."""
_HEADERS = 2**22
"""Bytes of a JPEG in which its frame header is looked for: profiles and thumbnails stand before it."""
_MOST_KEPT = 100_000_000
"""Pixels that are left of a picture, however long a strip it is: there will be copies of them."""
_SMALL = 2**18
"""Pixels up to which a PNG is tried: it is sharper than JPEG, but slow to make."""
_LARGE = 1536
"""Pixels of the long side from which on colour at half the resolution is as fine as anything that is sent elsewhere."""
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
_SUBFILE_TYPE = 254
_NOT_A_PAGE = 0b101
"""Bits of a TIFF's subfile type: a smaller version of another frame, or a mask."""
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError, ArithmeticError),
    *(RuntimeError, AssertionError, struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow raises for files that are not as they should be: its parsers trust what they read."""
_BASELINE = re.compile(rb"\xff[\xc0\xc1]\x00[\x0b\x11]\x08")
"""Start of a JPEG's frame: Huffman coding in one scan after the other, one or three channels of eight bits."""
_switches = threading.RLock()


@contextmanager
def guarded(name: str, *, tolerant: bool = False) -> Iterator[None]:
    """Pillow with its global switches set for us, its warnings silent, its errors turned into ours."""
    with _switches, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        # Its own limit knows nothing of modes and drafts; _check_size is asked before anything is decoded.
        Image.MAX_IMAGE_PIXELS = None
        ImageFile.LOAD_TRUNCATED_IMAGES = tolerant
        try:
            yield
        except MemoryError as error:
            raise DocumentError(f"{printable(name)} does not fit into memory", "make the picture smaller") from error
        except BROKEN as error:
            if "decoder object" in str(error):  # what it would need at once is refused
                raise DocumentError(f"{printable(name)} is damaged or too large", "make the picture smaller") from error
            # Some of Pillow's messages show an object of Python's, which helps nobody.
            reason = "" if "object at 0x" in str(error) or "<_io." in str(error) else f": {printable(str(error))}"
            raise DocumentError(f"{printable(name)} is damaged and cannot be read{reason}") from error
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def open_picture(stream: IO[bytes], kind: str, name: str) -> Any:
    """A picture whose format is known, not decoded yet. *stream* must stay open as long as it is used."""
    _need_opener(kind, name)
    return Image.open(stream, formats=[kind])


def _need_opener(kind: str, name: str) -> None:
    """HEIC is never, AVIF not always built into Pillow."""
    if kind not in ("HEIF", "AVIF") or (kind == "AVIF" and features.check("avif")):
        return
    try:
        import pillow_heif
    except ImportError as error:
        words = f"{printable(name)} is a {'HEIC' if kind == 'HEIF' else kind} picture, and nothing here can open it"
        raise DocumentError(words, 'pip install "visionocr[heic]"') from error
    register = "register_heif_opener" if kind == "HEIF" else "register_avif_opener"
    getattr(pillow_heif, register, lambda: None)()


def is_plain(image: Any) -> bool:
    """Whether an opened JPEG shows grey or RGB the way it lies."""
    limits.check_size(image)
    limits.check_scans(image)
    return image.mode in ("L", "RGB") and _orientation(image) == 1


def is_baseline(image: Any, data: bytes) -> bool:
    """Whether an opened JPEG is of the kind that every decoder knows."""
    return "progressive" not in image.info and _BASELINE.search(data[:_HEADERS]) is not None


def frames_of(image: Any, name: str) -> list[int]:
    """The frames of a TIFF that are pages."""
    frames: list[int] = []
    for frame in itertools.count():
        if frame == _MOST_FRAMES:
            raise DocumentError(
                f"{printable(name)} has more than {_MOST_FRAMES:,} frames", "split it into several files"
            )
        try:
            image.seek(frame)
            page = not int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _NOT_A_PAGE
        except EOFError:
            break
        except BROKEN:
            # The way to all further frames leads through this one: it stands for them, and says so when read.
            frames.append(frame)
            break
        if page:
            frames.append(frame)
    return frames or [0]


def convert(image: Any, scale_for: ScaleFor) -> Picture:
    """The current frame of an opened file, upright, grey or RGB, reduced towards the scale at which it is needed."""
    width, height = image.size
    limits.check_size(image)
    scale = scale_for(image.size)
    if image.format in ("JPEG", "MPO"):
        limits.check_scans(image)
        image.draft(None, (math.ceil(width * scale * _GAP), math.ceil(height * scale * _GAP)))
    limits.check_size(image, in_memory=True)
    image.load()
    useful = int(image.size[0] / (width * scale * _GAP))
    plain = _reduced(image, max(1, useful, math.ceil(math.sqrt(math.prod(image.size) / _MOST_KEPT))))
    upright = _UPRIGHT.get(_orientation(image))
    if upright is not None:
        plain = plain.transpose(upright)
    plain.info = {}  # else comments, densities and colour profiles are written into what is sent
    return plain


def _orientation(image: Any) -> int:
    """As EXIF has it. Asked after decoding: the data may stand behind the pixels, and TIFFs are turned already."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except BROKEN:
        return 1


def _reduced(image: Picture, factor: int) -> Picture:
    """Grey or RGB, *factor* times smaller. In bands, for a large picture never stands there twice."""
    if image.mode.startswith("I;16") and image.mode != "I;16":
        image = image.convert("I")  # the other byte orders can do next to nothing else
    span = image.getextrema() if image.mode in _DEEP else None
    if factor == 1:
        return _plain(image, span)
    width, height = image.size
    band = factor * max(1, _BAND // (width * factor))
    result: Picture | None = None
    for top in range(0, height, band):
        piece = _plain(image.crop((0, top, width, min(top + band, height))), span).reduce(factor)
        if result is None:
            result = Image.new(piece.mode, (piece.width, math.ceil(height / factor)))
        result.paste(piece, (0, top // factor))
    assert result is not None
    return result


def _plain(image: Picture, span: Any) -> Picture:
    """Any mode as ``L`` or ``RGB``; what is transparent becomes white."""
    if span is not None:
        return _shallow(image, *span)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(layer, mask=layer.getchannel("A"))
        return paper
    if image.mode in ("L", "RGB"):
        return image  # to convert it would be to copy it
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _shallow(image: Picture, low: float, high: float) -> Picture:
    """Sixteen bits and more as eight, scaled by the range that the picture makes use of, never clipped.

    The range is the smallest number of bits (twelve, of many scanners) or, of fractions, 0 to 1 that holds all.
    """
    floor = min(0.0, low)
    reach = high - floor
    if image.mode == "F":
        top = 1.0 if reach <= 1 else 255.0 if reach <= 255 else reach
        deep = image
    else:
        top = float((1 << max(8, int(reach).bit_length())) - 1)
        deep = image.convert("I")
    scale = 255.0 / top
    return deep.point(lambda value: value * scale - floor * scale).convert("L")


# --- what is done with pixels ---------------------------------------------------------------------------


def from_samples(size: Size, samples: Any, stride: int) -> Picture:
    """A picture that looks at samples (a buffer of red, green, blue and nothing) where they lie: they must outlive it.

    Its mode is ``RGBX``, which is as good as ``RGB``.
    """
    return Image.frombuffer("RGBX", size, samples, "raw", "RGBX", stride, 1)


def channels(picture: Picture) -> tuple[Picture, Picture, Picture]:
    """Red, green and blue."""
    return picture.getchannel(0), picture.getchannel(1), picture.getchannel(2)


def shrink(picture: Picture, size: Size) -> Picture:
    """The picture at a smaller size."""
    # As legible as Lanczos (an engine reads both alike), in less than half the time.
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=3.0)


def enclose(picture: Picture, size: Size) -> Picture:
    """The picture in the middle of a white canvas."""
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture, ((size[0] - picture.width) // 2, (size[1] - picture.height) // 2))
    return canvas


def across(picture: Picture, start: int, stop: int, *, down: bool) -> Picture:
    """The rows (*down*) or columns from *start* to before *stop*."""
    return picture.crop((0, start, picture.width, stop) if down else (start, 0, stop, picture.height))


def encode(picture: Picture, quality: int, *, full_colour: bool) -> tuple[str, bytes]:
    """Media type and bytes: baseline JPEG, or PNG where that is smaller, as it is for small line art.

    *full_colour* keeps the resolution of colour, which coloured letters need; photographs have lost it before, and of
    large pictures half of it is enough.
    """
    if picture.mode == "L":  # only now, for a third of the channels is less to do; some servers garble or die of it
        picture = picture.convert("RGB")
    buffer = io.BytesIO()
    fine = full_colour and max(picture.size) < _LARGE and _has_colour(picture)
    picture.save(buffer, "JPEG", quality=quality, subsampling=0 if fine else 2)
    if _is_line_art(picture):
        sharp = io.BytesIO()
        picture.convert("RGB").save(sharp, "PNG")
        if sharp.tell() < buffer.tell():
            return "image/png", sharp.getvalue()
    return "image/jpeg", buffer.getvalue()


def _has_colour(picture: Picture) -> bool:
    """Whether an RGB picture is more than grey, as far as can be seen at half its size."""
    red, green, blue = channels(picture.reduce(2))
    return any(ImageChops.difference(green, other).getbbox() is not None for other in (red, blue))


def _is_line_art(picture: Picture) -> bool:
    """Whether it is small, of few colours, and mostly paper: grey photographs have few colours, too."""
    pixels = picture.width * picture.height
    colours = picture.getcolors(_FEW_COLOURS) if pixels <= _SMALL else None
    return bool(colours) and max(count for count, _ in colours or ()) * 2 >= pixels


def flat_image(page: PageRef, width: int, height: int, shade: int) -> PageImage:
    """A picture of nothing but one grey, 0 to 255: to see what a server does with pictures."""
    media_type, data = encode(Image.new("RGB", (width, height), (shade, shade, shade)), 90, full_colour=False)
    return PageImage(page, media_type, data, width, height)

"""TIFFs of which Pillow knows too little: more kinds of grey, negatives, and cameras' raw photos."""

from __future__ import annotations

import re
from typing import IO, Any

from PIL import TiffImagePlugin
from PIL.TiffImagePlugin import II, MM

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _PLANES, _SAMPLE_FORMAT = 256, 257, 258, 262, 277, 284, 339
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50706
_TAGS = {_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT, _SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION}
"""Those that are looked at before Pillow opens the file."""
_NOT_A_PAGE = 0b101
"""Bits of the subfile type: a smaller version of another frame, or a mask."""
_WHITE_IS_ZERO = 0
_COLOUR_FILTERS, _LINEAR_RAW = 32803, 34892
"""Photometric interpretations of what a camera's sensor gives (TIFF/EP and the DNG specification)."""
_INTEGERS, _SIGNED, _FLOATS = 1, 2, 3
"""Sample formats."""
_MODES = {
    (8, _SIGNED): ("F", "F;8S"),
    (16, _INTEGERS): ("I;16", "I;16"),
    (16, _SIGNED): ("I", "I;16S"),
    (32, _INTEGERS): ("F", "F;32"),
    (32, _SIGNED): ("I", "I;32S"),
    (32, _FLOATS): ("F", "F;32F"),
    (64, _FLOATS): ("F", "F;64F"),
}
"""Pillow's mode for grey samples, and how it unpacks them in Intel byte order, by bits and format."""
_FAILURES = (SyntaxError, ValueError, TypeError, LookupError, OSError, ArithmeticError)
"""What Pillow raises for directories that are damaged."""


def register_kinds() -> None:
    """Make Pillow open the kinds of grey that it lacks, or takes for others: 32 bits without a sign, and negatives.

    Whether a picture is a negative is for ``is_negative`` to say: Pillow inverts only those of 8 bits and fewer.
    """
    for photometric in (_WHITE_IS_ZERO, 1):
        for (bits, kind), (mode, intel) in _MODES.items():
            motorola = re.sub(r"(;16|;32|;64)", r"\1B", intel)
            TiffImagePlugin.OPEN_INFO[II, photometric, (kind,), 1, (bits,), ()] = mode, intel
            TiffImagePlugin.OPEN_INFO[MM, photometric, (kind,), 1, (bits,), ()] = (
                motorola if mode == "I;16" else mode,
                motorola,
            )
        for order in (II, MM):  # which makes no difference to twelve bits
            TiffImagePlugin.OPEN_INFO[order, photometric, (_INTEGERS,), 1, (12,), ()] = ("I;16", "I;12")


def prepare(image: Any) -> None:
    """Correct how Pillow is about to unpack a frame that it does not read rightly.

    libtiff gives samples in the order of this machine, whatever the file's is; and planes of sixteen bits would be
    taken for planes of eight.
    """
    planes = image.tag_v2.get(_PLANES, 1) == 2 and set(image.tag_v2.get(_BITS, ())) == {16}
    order = "L" if image.tag_v2.prefix == II else "B"
    tiles = []
    for tile in image.tile:
        mode = tile.args[0]
        if tile.codec_name == "libtiff" and image.mode in ("I", "F"):
            mode = re.sub(r"(;16|;32|;64)B?(?!N)", r"\1N", mode)
        elif tile.codec_name != "libtiff" and planes and len(mode) == 1:
            mode = f"{mode};16{order}"
        tiles.append(tile._replace(args=(mode, *tile.args[1:])))
    image.tile = tiles


def is_negative(image: Any) -> bool:
    """Whether nought is white in a decoded frame: where Pillow has not inverted it."""
    return image.mode[0] in "IF" and image.tag_v2.get(_PHOTOMETRIC, _WHITE_IS_ZERO) == _WHITE_IS_ZERO


def is_page(image: Any) -> bool:
    """Whether the current frame is a page of its own, and no thumbnail or mask of another one."""
    return not int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _NOT_A_PAGE


def is_camera_raw(stream: IO[bytes]) -> bool:
    """Whether a TIFF is a camera's raw photo (DNG, NEF, ARW, PEF and the like).

    Its first directory holds the sensor's values, or a thumbnail and the way to them.
    """
    tags = _read_directory(stream)
    if _DNG_VERSION in tags or tags.get(_PHOTOMETRIC) in (_COLOUR_FILTERS, _LINEAR_RAW):
        return True
    kind = tags.get(_SUBFILE_TYPE, 0)
    return isinstance(kind, int) and bool(kind & _NOT_A_PAGE) and _SUB_IFDS in tags


def describe(stream: IO[bytes]) -> str:
    """What the first frame of a TIFF is like; empty when the file is too damaged to tell."""
    tags = _read_directory(stream)
    if not {_WIDTH, _HEIGHT, _PHOTOMETRIC}.issubset(tags):
        return ""
    bits = "/".join(str(number) for number in tags.get(_BITS, (1,)))
    formats = {_SIGNED: " with a sign", _FLOATS: " as floating point numbers"}
    kind = formats.get(tags.get(_SAMPLE_FORMAT, (1,))[0], "")
    return f"{tags.get(_SAMPLES, 1)} samples a pixel of {bits} bits{kind}, photometric {tags[_PHOTOMETRIC]}"


def _read_directory(stream: IO[bytes]) -> dict[int, Any]:
    """Tags of the first directory, as far as they can be read."""
    tags: dict[int, Any] = {}
    try:
        stream.seek(0)
        head = stream.read(8)
        if head[2:3] == b"+" or head[3:4] == b"+":  # BigTIFF
            head += stream.read(8)
        directory = TiffImagePlugin.ImageFileDirectory_v2(head)
        stream.seek(directory.next)
        directory.load(stream)
        for tag in _TAGS.intersection(directory):
            tags[tag] = directory[tag]
    except _FAILURES:
        pass  # what was read until then counts
    finally:
        stream.seek(0)
    return tags

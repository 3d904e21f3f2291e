"""Writes TIFFs of any kind, and raw photos, which are built alike, byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate

BYTE, ASCII, SHORT, LONG, RATIONAL, SIGNED_RATIONAL = 1, 2, 3, 4, 5, 10
_CODES = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SIGNED_RATIONAL: "i"}
Tag = tuple[int, int, Sequence[int]]
"""Number, type and values; those of a fraction are two."""
INTEGERS, SIGNED, FLOATS = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, MASK = 0, 1, 2, 3, 4


def samples(values: Sequence[float], bits: int, kind: int = INTEGERS, order: str = "<") -> bytes:
    """Values from 0 to 1 as samples of so many bits. Signed ones reach from the lowest to the highest value."""
    if kind == FLOATS:
        return struct.pack(f"{order}{len(values)}{'f' if bits == 32 else 'd'}", *values)
    top, floor = (1 << bits) - 1, 0 if kind == INTEGERS else 1 << (bits - 1)
    numbers = [min(top, round(value * top)) - floor for value in values]
    if bits in (8, 16, 32):
        code = {8: "b", 16: "h", 32: "i"}[bits]
        return struct.pack(f"{order}{len(numbers)}{code.upper() if kind == INTEGERS else code}", *numbers)
    row = "".join(format(number, f"0{bits}b") for number in numbers)
    row += "0" * (-len(row) % 8)
    return int(row, 2).to_bytes(len(row) // 8, "big")


def tiff(data: bytes, tags: Sequence[Tag], order: str = "<", *, planes: int = 1, more: bytes = b"") -> bytes:
    """A TIFF of one frame; where its pixels lie is added to its *tags*. *more* follows at the end."""
    size = len(data) // planes
    places = [(273, LONG, [0] * planes), (279, LONG, [size] * planes)]
    entries = sorted([*tags, *places], key=lambda entry: entry[0])
    packed = [struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values) for _, kind, values in entries]
    start = 8 + 2 + 12 * len(entries) + 4
    outside = [len(value) + len(value) % 2 if len(value) > 4 else 0 for value in packed]
    *offsets, pixels = accumulate(outside, initial=start)
    table = b""
    for at, (number, kind, values) in enumerate(entries):
        if number == 273:
            packed[at] = struct.pack(f"{order}{planes}I", *(pixels + plane * size for plane in range(planes)))
        value = struct.pack(f"{order}I", offsets[at]) if outside[at] else packed[at].ljust(4, b"\0")
        count = len(values) // (2 if kind in (RATIONAL, SIGNED_RATIONAL) else 1)
        table += struct.pack(f"{order}HHI", number, kind, count) + value
    body = b"".join(value.ljust(room, b"\0") for value, room in zip(packed, outside, strict=True) if room)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    return head + table + bytes(4) + body + data + more


def ramp(
    photometric: int,
    bits: int,
    *,
    kind: int = INTEGERS,
    order: str = "<",
    size: tuple[int, int] = (96, 48),
    channels: int = 1,
    planar: bool = False,
    deflated: bool = False,
    top: float = 1.0,
) -> bytes:
    """A TIFF that goes from black at the left to white at the right; *top* is the brightest value."""
    width, height = size
    levels = [top * at / (width - 1) for at in range(width)]
    if photometric == WHITE_IS_ZERO:
        levels.reverse()
    planes = channels if planar else 1
    row = samples([level for level in levels for _ in range(channels // planes)], bits, kind, order)
    plane = zlib.compress(row * height) if deflated else row * height
    tags: list[Tag] = [
        *((256, SHORT, [width]), (257, SHORT, [height]), (258, SHORT, [bits] * channels)),
        *((259, SHORT, [8 if deflated else 1]), (262, SHORT, [photometric]), (277, SHORT, [channels])),
        *((278, SHORT, [height]), (284, SHORT, [2 if planar else 1]), (339, SHORT, [kind] * channels)),
    ]
    return tiff(plane * planes, tags, order, planes=planes)


def camera_tags(size: tuple[int, int], *more: Tag) -> list[Tag]:
    """The tags of what a sensor of 16 bits under red, green and blue filters gives."""
    unity = [number for at in range(9) for number in ((1, 1) if at % 4 == 0 else (0, 1))]
    return [
        *((254, LONG, [0]), (256, LONG, [size[0]]), (257, LONG, [size[1]]), (258, SHORT, [16]), (259, SHORT, [1])),
        *((262, SHORT, [32803]), (277, SHORT, [1]), (278, LONG, [size[1]])),
        *((271, ASCII, b"Maker\0"), (272, ASCII, b"Model\0"), (50708, ASCII, b"Maker Model\0")),
        *((33421, SHORT, [2, 2]), (33422, BYTE, [0, 1, 1, 2]), (50706, BYTE, [1, 4, 0, 0]), (50717, LONG, [65535])),
        *((50721, SIGNED_RATIONAL, unity), (50728, RATIONAL, [1] * 6), (50778, SHORT, [21])),
        *more,
    ]


def thumbnail(data: bytes, size: tuple[int, int], more: Sequence[Tag], behind: bytes) -> bytes:
    """A TIFF whose first frame is a small picture of eight bits; *behind* it lies what its other tags lead to."""
    tags: list[Tag] = [
        *((254, LONG, [1]), (256, LONG, [size[0]]), (257, LONG, [size[1]]), (258, SHORT, [8]), (259, SHORT, [1])),
        *((262, SHORT, [BLACK_IS_ZERO]), (277, SHORT, [1]), (278, LONG, [size[1]])),
        *more,
    ]
    return tiff(data, tags, more=behind)

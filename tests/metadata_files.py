"""Pictures with metadata, and what other programs read of them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageSequence

NOBODY = 65534
"""The user who owns nothing."""
SIZE = (48, 32)

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2024:05:01 10:11:12"
   xmp:Rating='4'
   darktable:iop_order_version="2"
   darktable:history_end="2">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>places|holiday</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="exposure"
      darktable:params="gz02eJxjYGBgkGBgYABiBgAC/gA&lt;"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<!-- kept as well -->
"""
"""A sidecar of the shape that darktable writes."""


def needs_exiftool(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """Skip a test where there is no exiftool; it starts in a quarter of a second, so that the test is slow."""
    skip = pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
    return skip(pytest.mark.slow(test))


def make_picture(
    fmt: str = "JPEG", *, frames: int = 1, seed: int = 1, size: tuple[int, int] = SIZE, **options: Any
) -> bytes:
    """The bytes of a small picture full of detail."""
    pictures = [_draw(size, seed + number) for number in range(frames)]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    stream = io.BytesIO()
    pictures[0].save(stream, fmt, **more, **options)
    return stream.getvalue()


def _draw(size: tuple[int, int], seed: int) -> Image.Image:
    side = size[0] * size[1]
    return Image.frombytes("RGB", size, bytes((at * 7 * seed + at // 5) % 256 for at in range(3 * side)))


def make_exif(description: str = "", **tags: str) -> Image.Exif:
    """An EXIF block with a description."""
    exif = Image.Exif()
    exif[271] = tags.get("make", "Camera")
    if description:
        exif[270] = description
    return exif


def make_canon_exif() -> bytes:
    """An EXIF block with a maker note as Canon writes it, whose offsets count from the block's beginning."""
    texts = {6: b"IMG:Camera JPEG\0", 7: b"Firmware 1.02\0", 9: b"The owner of it\0"}
    make = b"Canon\0"
    ifd0_at, make_at = 8, 8 + 2 + 2 * 12 + 4
    exif_at = make_at + len(make)
    note_at = exif_at + 2 + 12 + 4
    data_at = note_at + 2 + len(texts) * 12 + 4
    note, data = struct.pack("<H", len(texts)), b""
    for tag, text in texts.items():
        note += struct.pack("<HHII", tag, 2, len(text), data_at + len(data))
        data += text
    note += struct.pack("<I", 0) + data
    ifd0 = struct.pack("<HHHIIHHIII", 2, 271, 2, len(make), make_at, 34665, 4, 1, exif_at, 0)
    exif = struct.pack("<HHHIII", 1, 37500, 7, len(note), note_at, 0)
    return b"Exif\0\0II*\0" + struct.pack("<I", ifd0_at) + ifd0 + make + exif + note


def read_frames(data: bytes) -> list[tuple[str, tuple[int, int], bytes]]:
    """Mode, size and pixels of all frames, as Pillow decodes them."""
    with Image.open(io.BytesIO(data)) as image:
        return [(frame.mode, frame.size, frame.tobytes()) for frame in ImageSequence.Iterator(image)]


def ask_exiftool(paths: Iterable[Path], *arguments: str) -> list[dict[str, Any]]:
    """What exiftool reads of each file."""
    command = ["exiftool", "-j", *arguments, *map(str, paths)]
    said = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
    found: list[dict[str, Any]] = json.loads(said)
    return found


def tell_exiftool(path: Path, *arguments: str) -> None:
    """Let exiftool write into a file."""
    subprocess.run(["exiftool", "-overwrite_original", "-q", *arguments, str(path)], check=True)


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process can become larger than *size* bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody within the block, where the tests are run by root, who may do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)

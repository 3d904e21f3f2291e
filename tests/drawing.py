"""Draws the documents and pictures that tests read."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw, features
from PIL import __version__ as pillow_version

from visionocr.documents.content import Content
from visionocr.types import PageImage

_mupdf: Any = pymupdf
A4 = (595.0, 842.0)
OLD_PILLOW = int(pillow_version.split(".")[0]) < 12
"""It writes some TIFFs wrongly."""


def pdf_bytes(*texts: str, size: tuple[float, float] = A4, rotate: int = 0, **options: Any) -> bytes:
    """A PDF with a page for each text (one page if there is none); *options* go to the writer."""
    pdf = _mupdf.open()
    for text in texts or ("hello",):
        page = pdf.new_page(width=size[0], height=size[1])
        page.insert_text((min(36, size[0] / 4), min(72, size[1] / 2)), text)
        page.set_rotation(rotate)
    return bytes(pdf.tobytes(**options))


def encrypted(user: str, owner: str = "owner") -> bytes:
    """A PDF that needs a password, or, with an empty *user*, one that only restricts permissions."""
    return pdf_bytes(encryption=_mupdf.PDF_ENCRYPT_AES_256, user_pw=user, owner_pw=owner, permissions=0)


def picture_bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture file; skips the test where Pillow cannot write one."""
    if kind == "AVIF" and (OLD_PILLOW or not features.check("avif")):
        pytest.skip("this Pillow has no AVIF")
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def as_file(data: bytes, folder: Path, name: str = "document") -> Content:
    """The content of a file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return Content(str(path), str(path))


def decoded(image: PageImage) -> Image.Image:
    """The picture as a server decodes it; checks what must hold for every picture that is sent."""
    picture = Image.open(io.BytesIO(image.data))
    picture.load()
    assert picture.mode == "RGB"
    assert picture.size == (image.width, image.height)
    assert Image.MIME[picture.format or ""] == image.media_type
    assert not picture.getexif()
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    if image.media_type == "image/jpeg":
        # Start of frame 0: baseline.
        assert b"\xff\xc0" in image.data
        assert b"\xff\xc2" not in image.data
    return picture


def colour(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place given as fractions of the sides."""
    pixel = image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))
    assert isinstance(pixel, tuple)
    return pixel


def near(one: tuple[int, ...], other: tuple[int, ...], far: int = 12) -> bool:
    """Whether two colours look the same."""
    return all(abs(a - b) <= far for a, b in zip(one, other, strict=True))


def lines_strip(lines: int, width: int = 300, height: int = 20, gap: int = 10) -> Image.Image:
    """A long strip with lines of writing: a coloured bar for each, made of letter-like pieces."""
    strip = Image.new("RGB", (width, lines * (height + gap)), "white")
    draw = ImageDraw.Draw(strip)
    for line in range(lines):
        top = line * (height + gap) + gap // 2
        for x in range(10, width - 20, 12):
            draw.rectangle((x, top, x + 7, top + height - 1), fill="black")
    return strip


def dark_rows(image: Image.Image) -> list[tuple[int, int]]:
    """The stretches of rows with something dark in them."""
    dark = image.convert("L").point([255 if value < 128 else 0 for value in range(256)])
    rows = dark.getprojection()[1]
    runs, at = [], 0
    for is_dark, group in itertools.groupby(rows):
        length = len(list(group))
        if is_dark:
            runs.append((at, at + length))
        at += length
    return runs

"""The barcodes of fake pages can be read after rendering, compression and cropping."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image

from fakes.pictures import HIGHEST, encode, make_frames, make_pdf, picture, read_number

mupdf: Any = pymupdf

NUMBERS = [0, 255, 256, 5461, HIGHEST]


@pytest.mark.slow
@pytest.mark.parametrize("dpi", [72, 150])
@pytest.mark.parametrize("style", [{}, {"scanned": True}, {"turned": 90}, {"turned": 180}, {"size": (842, 595)}])
def test_numbers_survive_rendering_and_compression(dpi: int, style: dict[str, Any], tmp_path: Path) -> None:
    """Every page's number is read after rasterizing, JPEG at quality 60 and shrinking to 512 pixels."""
    read = []
    with mupdf.open(make_pdf(tmp_path / "a.pdf", numbers=NUMBERS, **style)) as document:
        for page in document:
            pixels = page.get_pixmap(dpi=dpi)
            image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
            read.append(read_number(encode(image, "JPEG", quality=60)))
            image.thumbnail((512, 512))
            read.append(read_number(encode(image, "JPEG", quality=60)))
    assert read == [number for number in NUMBERS for _ in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT]
)
def test_numbers_are_read_upright_only(turn: Image.Transpose) -> None:
    """A turned or mirrored page has no number, so that a wrong rotation is detected."""
    assert [read_number(picture(number, (400, 500)).transpose(turn)) for number in range(50)] == [None] * 50


def test_numbers_survive_cropping_and_padding() -> None:
    """The barcode is found wherever it is in the picture."""
    page = picture(77, (600, 800))
    padded = Image.new("RGB", (900, 1000), "black")
    padded.paste(page, (250, 150))
    assert read_number(padded) == 77
    assert read_number(page.crop((20, 0, 590, 300))) == 77
    assert read_number(picture(None)) is None


def test_generated_files(tmp_path: Path) -> None:
    """Empty pages, encrypted documents and files of several frames are as requested."""
    with mupdf.open(make_pdf(tmp_path / "a.pdf", numbers=[3, None, 5], password="open")) as document:
        assert document.needs_pass
        assert document.authenticate("open")
        pages = [page.get_pixmap(dpi=72).tobytes("png") for page in document]
    assert [read_number(page) for page in pages] == [3, None, 5]
    with Image.open(io.BytesIO(make_frames(tmp_path / "a.tiff", [8, 9]).read_bytes())) as frames:
        assert frames.n_frames == 2  # type: ignore[attr-defined]
        frames.seek(1)
        assert read_number(frames.convert("RGB")) == 9

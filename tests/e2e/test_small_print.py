"""Small print is sent in strips, large print in few pixels, by whole runs with a server."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import encode, picture
from layer_pages import as_pdf, new_page, write_lines
from setting_samples import UNCHECKED
from visionocr import PageResult, transcribe

SENTENCE = "In the second century of the Christian Era, the empire of Rome comprehended the fairest part of the earth"


@pytest.fixture(autouse=True)
def unchecked(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake does not read the pages' words."""
    for name, value in UNCHECKED.items():
        monkeypatch.setenv(name, value)


def draw_page(path: Path, size: int) -> Path:
    """A scanned page with a number in each half, and print of so many pixels below each."""
    page = Image.new("RGB", (1000, 1400), "white")
    draw = ImageDraw.Draw(page)
    for number, top in ((1, 0), (2, 700)):
        page.paste(picture(number, (1000, 700)).crop((0, 0, 1000, 300)), (0, top))
        for line in range(330, 660, round(1.5 * size)):
            draw.text((60, top + line), SENTENCE[: 1600 // size], "black", ImageFont.load_default(size))
    path.write_bytes(encode(page))
    return path


def read(path: Path, *, visionmaxres: int, **settings: Any) -> tuple[PageResult, list[tuple[int, int]]]:
    """The result of a picture, and the sizes of the images that were sent for it."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct-Q4_K_M", visionmaxres=visionmaxres) as server:
        (result,) = transcribe([path], api_url=server.url, wait_server=0.0, max_asks=1, raster_workers=0, **settings)
        sent = [
            Image.open(io.BytesIO(base64.b64decode(image))).size
            for arrival in server.generated
            for image in arrival.body.get("images", ())
        ]
    flat = (2048, 512), (512, 128)  # with which the server's limit is measured
    return result, [size for size in sent if size not in flat]


def test_small_print_is_asked_for_in_strips(tmp_path: Path) -> None:
    """Where the server shrinks pictures too much, each half of the page is a request, as wide as the server allows."""
    result, sent = read(draw_page(tmp_path / "a.png", 16), visionmaxres=512)
    assert result.text == f"{page_text(1)}\n\n{page_text(2)}"
    assert [width for width, _ in sent] == [512, 512]
    assert result.asks == 2


def test_strips_can_be_switched_off(tmp_path: Path) -> None:
    """Then the page is sent as a whole, however small its print becomes."""
    _, sent = read(draw_page(tmp_path / "a.png", 16), visionmaxres=512, strips="off")
    assert [height for _, height in sent] == [512]


def test_large_print_is_sent_smaller(tmp_path: Path) -> None:
    """A page of large print has fewer pixels than the server allows, unless their number is given."""
    page = tmp_path / "a.pdf"
    page.write_bytes(as_pdf(write_lines(new_page(), fontsize=16)))
    _, auto = read(page, visionmaxres=2048)
    _, given = read(page, visionmaxres=2048, max_side=1400)
    assert [height for _, height in given] == [1400]
    assert [height for _, height in auto] < [1000]

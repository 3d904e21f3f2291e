"""Pages and pictures that carry a number which survives rasterizing, JPEG, shrinking, cropping and padding.

The number stands in a barcode: a start mark (four dark cells, one light, one dark, one light), then each of 18
bits as two cells (10 or 01), then a stop cell. 14 bits are the number, 4 are a check sum. It is read upright only:
a page that arrives turned, mirrored sideways or with its transparent ground black has no number.

    make_pdf(path, pages=3)                     three A4 pages with the numbers 1, 2, 3 and some lines of text
    make_image(path, 7, "JPEG", mode="L")       a picture with the number 7
    encode(picture(7), "PNG")                   the same as bytes
    read_number(image_bytes) -> int | None
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image, ImageDraw

from fakes.words import page_text

mupdf: Any = pymupdf
"""Without its types, which are incomplete."""

HIGHEST = 2**14 - 1
"""The largest number that a picture can carry."""
STRIP = (0.06, 0.03, 0.94, 0.08)
"""Where the barcode stands: left, top, right, bottom as parts of the page."""
UPRIGHT = 1
READING_SIDE = 1024
"""Longest side in pixels at which a barcode is looked for: what a server keeps of a picture by default."""


def cells(number: int) -> str:
    """The barcode of *number* as a string of ``1`` (dark) and ``0`` (light)."""
    if not 0 <= number <= HIGHEST:
        raise ValueError(f"{number} does not fit into the barcode")
    bits = f"{number:014b}{_check(number):04b}"
    return "1111010" + "".join("10" if bit == "1" else "01" for bit in bits) + "01"


def _check(number: int) -> int:
    return (number * 7 + number // 16 * 5 + number // 256 * 3 + 9) % 16


def _bars(number: int, width: float, height: float) -> list[tuple[float, float, float, float]]:
    """The dark rectangles of the barcode on a page of *width* x *height*."""
    left, top, right, bottom = (part * size for part, size in zip(STRIP, (width, height) * 2, strict=True))
    code = cells(number)
    cell = (right - left) / len(code)
    bars, at = [], 0
    for colour, run in itertools.groupby(code):
        length = len(list(run))
        if colour == "1":
            bars.append((left + at * cell, top, left + (at + length) * cell, bottom))
        at += length
    return bars


# --- reading -------------------------------------------------------------------------------------------


def read_number(image: bytes | Image.Image) -> int | None:
    """The number in a picture as it stands (no EXIF turning, no transparency), ``None`` when there is none."""
    opened = Image.open(io.BytesIO(image)) if isinstance(image, bytes) else image
    grey = opened.convert("RGB").convert("L")
    if max(grey.size) > READING_SIDE:
        grey.thumbnail((READING_SIDE, READING_SIDE))
    width, height = grey.size
    step = max(1, height // 96)
    for y in range(0, height, step):
        band = grey.crop((0, y, width, min(height, y + max(1, step // 2))))
        number = _read_row(band.resize((width, 1), Image.Resampling.BOX).tobytes())
        if number is not None:
            return number
    return None


def _read_row(row: bytes) -> int | None:
    low, high = min(row), max(row)
    if high - low < 60:
        return None
    middle = (low + high) / 2
    runs = [(dark, len(list(run))) for dark, run in itertools.groupby(row, key=lambda value: value < middle)]
    for start in range(len(runs) - 4):
        if runs[start][0]:
            number = _read_runs([length for _, length in runs[start:]])
            if number is not None:
                return number
    return None


def _read_runs(runs: list[int]) -> int | None:
    """Read a barcode from the lengths of alternating dark and light runs; the first is dark."""
    unit = sum(runs[:3]) / 6
    if unit < 1.5 or not (
        3.4 * unit < runs[0] < 4.6 * unit and all(0.5 * unit < run < 1.5 * unit for run in runs[1:3])
    ):
        return None
    found, dark = "", True
    for run in runs[:60]:
        count = 4 if not found else 1 if run < 1.5 * unit else 2
        found += ("1" if dark else "0") * count
        dark = not dark
        if len(found) >= 45:
            break
    pairs = [found[at : at + 2] for at in range(7, 43, 2)]
    if not found.startswith("1111010") or any(pair not in ("10", "01") for pair in pairs):
        return None
    bits = "".join(pair[0] for pair in pairs)
    number, check = int(bits[:14], 2), int(bits[14:], 2)
    return number if check == _check(number) else None


# --- pictures ------------------------------------------------------------------------------------------


def picture(
    number: int | None,
    size: tuple[int, int] = (800, 1000),
    mode: str = "RGB",
    *,
    text: str = "",
    transparent: bool = False,
) -> Image.Image:
    """A page as a picture; ``number=None`` draws an empty page, ``transparent`` hides black under its paper."""
    page = Image.new("RGB", size, "white")
    if number is not None:
        draw = ImageDraw.Draw(page)
        for left, top, right, bottom in _bars(number, *size):
            draw.rectangle((round(left), round(top), round(right) - 1, round(bottom)), fill="black")
        for line, words in enumerate((text or page_text(number)).splitlines()):
            draw.text((size[0] * 0.06, size[1] * 0.1 + line * 14), words[:120], fill="black")
    if transparent:
        ink = page.convert("L").point(lambda value: 255 - value)
        clear = Image.new("RGBA", size, (0, 0, 0, 0))
        clear.putalpha(ink)
        return clear if mode == "RGBA" else clear.convert(mode)
    if mode == "I;16":
        return page.convert("I").point(lambda value: value * 257).convert("I;16")
    return page if mode == "RGB" else page.convert(mode)


def encode(image: Image.Image, fmt: str = "PNG", **options: Any) -> bytes:
    """The bytes of a picture in a Pillow format."""
    stream = io.BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def make_image(
    path: str | Path,
    number: int | None,
    fmt: str = "PNG",
    mode: str = "RGB",
    size: tuple[int, int] = (800, 1000),
    *,
    exif: int = UPRIGHT,
    transparent: bool = False,
    **options: Any,
) -> Path:
    """Write a picture; with an *exif* orientation its pixels are stored turned so that a viewer shows it upright."""
    image = picture(number, size, mode, transparent=transparent)
    if exif != UPRIGHT:
        turn = {
            2: Image.Transpose.FLIP_LEFT_RIGHT,
            3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_90,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270,
        }[exif]
        image = image.transpose(turn)
        facts = Image.Exif()
        facts[0x0112] = exif
        options["exif"] = facts
    path = Path(path)
    path.write_bytes(encode(image, fmt, **options))
    return path


def make_frames(
    path: str | Path, numbers: Sequence[int], fmt: str = "TIFF", size: tuple[int, int] = (800, 1000)
) -> Path:
    """Write a file of several frames (TIFF, GIF): one number each."""
    first, *others = [picture(number, size) for number in numbers]
    path = Path(path)
    path.write_bytes(encode(first, fmt, save_all=True, append_images=others))
    return path


# --- documents -----------------------------------------------------------------------------------------


def make_pdf(
    path: str | Path,
    pages: int = 1,
    *,
    numbers: Sequence[int | None] | None = None,
    size: tuple[float, float] = (595, 842),
    turned: int = 0,
    scanned: bool = False,
    password: str = "",
) -> Path:
    """Write a PDF whose page *n* carries the number *n*, or the *n*-th of *numbers* (``None``: an empty page).

    *size* is in points; *turned* is the page's own rotation in degrees (it still shows upright); *scanned* pages hold
    one picture instead of drawings and text; with a *password* the document opens only with it.
    """
    path = Path(path)
    with mupdf.open() as document:
        for number in numbers if numbers is not None else range(1, pages + 1):
            if number is None:
                document.new_page(width=size[0], height=size[1])
            else:
                _draw_page(document, number, size, turned=turned, scanned=scanned)
        locks = {"encryption": mupdf.PDF_ENCRYPT_AES_256, "user_pw": password, "owner_pw": password}
        document.save(path, **(locks if password else {}))
    return path


def _draw_page(document: mupdf.Document, number: int, size: tuple[float, float], *, turned: int, scanned: bool) -> None:
    width, height = size
    if scanned:
        page = document.new_page(width=width, height=height)
        scale = 1600 / max(size)
        page.insert_image(page.rect, stream=encode(picture(number, (round(width * scale), round(height * scale)))))
        return
    with mupdf.open() as upright:
        drawn = upright.new_page(width=width, height=height)
        for bar in _bars(number, width, height):
            drawn.draw_rect(mupdf.Rect(bar), color=None, fill=(0, 0, 0))
        for line, words in enumerate(page_text(number).splitlines()):
            drawn.insert_text((width * 0.06, height * 0.12 + line * 13), words[:110], fontsize=8)
        if turned % 180:
            width, height = height, width
        page = document.new_page(width=width, height=height)
        page.show_pdf_page(page.rect, upright, 0, rotate=turned % 360)
        page.set_rotation(turned % 360)

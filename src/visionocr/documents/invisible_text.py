"""The text of a page as a PDF content stream that draws nothing: for searching, selecting and copying."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from visionocr.boxes import Box, TextLine
from visionocr.documents.glyphless_font import DESCENT, WIDTH
from visionocr.placed import PlacedPage, is_right_to_left, is_tall, place_words

_SIMILAR = 0.3
"""How much the heights of lines may differ, as a share of one, that are written equally high. pdftotext puts pieces of
text of uneven height in a wrong order: with the lines of an OCR engine 72 % of the words of a page in two columns came
out in order, with evened heights all."""
_ROUNDS = 20
"""Most times that the height of a line is replaced by a more usual one; on a page of 100 lines 11 were enough."""
_LEAST = 0.1
"""Points: the smallest width and height that is written."""


def write_text(page: PlacedPage, width: float, height: float, encode: Callable[[str], str]) -> bytes:
    """A content stream with the words of *page* in invisible type, block by block; empty where it has none.

    Its unit is the point, its origin the top left corner of the page as displayed, of *width* and *height*; *y* runs
    down. *encode* makes a hexadecimal string of a text. The font has to be the resource ``F``.
    """
    lines = [line for block in page.blocks for line in block.lines]
    heights = sorted((line.box.bottom - line.box.top) * height for line in lines if not is_tall(line, width, height))
    operators = [operator for line in lines for operator in _write_line(line, heights, (width, height), encode)]
    return "\n".join(["3 Tr", *operators]).encode() if operators else b""


def _write_line(
    line: TextLine, heights: list[float], size: tuple[float, float], encode: Callable[[str], str]
) -> list[str]:
    """The operators of a line: one text object, as poppler forgets the horizontal scale at the end of each.

    *heights* are those of all lines, sorted.
    """
    words = [(text, word.box) for word in place_words(line, *size) if (text := _prepare(word.text))]
    is_vertical = is_tall(line, *size)
    way = -1 if _runs_backwards(line, [box for _, box in words], is_vertical=is_vertical) else 1
    if is_vertical:  # the type stands on the left side of a line that runs down
        font_size = max(_LEAST, (line.box.right - line.box.left) * size[0])
        middle = (line.box.left + line.box.right) / 2 * size[0]
        sink = -(0.5 - DESCENT) * font_size
    else:
        font_size = max(_LEAST, _even_height((line.box.bottom - line.box.top) * size[1], heights))
        middle = (line.box.top + line.box.bottom) / 2 * size[1]
        sink = (0.5 - DESCENT) * font_size
    base = middle + way * sink
    operators = []
    for at, (text, box) in enumerate(words, 1):
        start, length = _extent(box, size, down=is_vertical)
        stretch = 100 * length / (WIDTH * font_size * len(text))
        start = start if way > 0 else start + length
        matrix = (
            f"0 {way} {way} 0 {base:.2f} {start:.2f}" if is_vertical else f"{way} 0 0 {-way} {start:.2f} {base:.2f}"
        )
        space = " " if at < len(words) else ""
        operators.append(f"{stretch:.3f} Tz {matrix} Tm <{encode(text + space)}> Tj")
    return ["BT", f"/F {font_size:.2f} Tf", *operators, "ET"] if operators else []


def _runs_backwards(line: TextLine, boxes: list[Box], *, is_vertical: bool) -> bool:
    """Whether a line runs up the page, or stands on its head, as the places of its words tell."""
    if len(boxes) < 2 or (not is_vertical and is_right_to_left(line.text)):
        return False
    first, last = boxes[0], boxes[-1]
    return last.bottom < first.top if is_vertical else last.right < first.left


def _extent(box: Box, size: tuple[float, float], *, down: bool) -> tuple[float, float]:
    """Start and length of a word along its line, in points."""
    start, end = (box.top * size[1], box.bottom * size[1]) if down else (box.left * size[0], box.right * size[0])
    return start, max(_LEAST, end - start)


def _even_height(height: float, heights: list[float]) -> float:
    """The usual height of lines like this one: the median of those similar to it, then of those similar to that, ….

    *heights* are sorted, and this one is among them.
    """
    for _ in range(_ROUNDS):
        first = bisect_left(heights, height * (1 - _SIMILAR))
        last = bisect_right(heights, height * (1 + _SIMILAR)) - 1
        height, before = heights[(first + last) // 2], height
        if height == before:
            break
    return height


def _prepare(text: str) -> str:
    """The characters of a word in the order in which they are written; none that readers would leave out.

    A word that is read from right to left is written from left to right, as OCRmyPDF does: poppler, pdfium, PyMuPDF
    and pdf.js turn it round again. Marks are joined to their letters where Unicode has both as one: MuPDF moves others.
    """
    composed = unicodedata.normalize("NFC", text)
    # Controls, soft hyphens and other marks without a shape, halves of characters; joiners stay, they make emojis.
    kept = "".join(
        char for char in composed if char in "\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")
    ).strip()
    return kept[::-1] if is_right_to_left(kept) else kept

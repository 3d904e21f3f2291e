"""The text of a PDF page as its file has it: words and lines with their places on the page as displayed.

The text is taken from the same list of drawing commands as the pixels, with rotation, CropBox and UserUnit applied to
it in the same way; ``Page.get_text`` answers in unrotated coordinates.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import pymupdf

from visionocr.boxes import TextLine
from visionocr.documents.written_letters import (
    UNKNOWN,
    Glyph,
    clean_text,
    compose_accents,
    has_loose_accents,
    is_plain,
)

MAX_LETTERS = 200_000
"""Of a page. A page of a newspaper has 30,000."""
MAX_WORDS = 50_000
_LETTER_BYTES = 72
"""Memory that MuPDF takes for a letter."""
_MAX_OTHERS = 2_000
"""Pictures and paths of a page that are looked at."""
_MAX_COVERS = 50
"""Pictures behind which text is looked for, the largest ones."""
_RULE = 3.0
"""Points: a path that is thinner is a rule or the border of a cell."""
_SMALLEST = 1 / 1500
"""Height of the smallest letters that a raster can show, as a share of the page's long side."""
_LIGHT = 0xC0
"""Least level of all colours of letters that may be lost on white paper."""
_LEVEL = 0.1
"""Sine of the angle up to which a line goes along a side of the page."""
_WITHIN = 0.9
"""Share of a line that a picture hides."""
_pymupdf: Any = pymupdf
_mupdf: Any = _pymupdf.mupdf
_INKED = _mupdf.FZ_STEXT_FILLED | _mupdf.FZ_STEXT_STROKED
_FLAGS = _mupdf.FZ_STEXT_CLIP | _mupdf.FZ_STEXT_PRESERVE_IMAGES | _mupdf.FZ_STEXT_COLLECT_VECTORS
_COUNTS_ALL_BLOCKS = _pymupdf.pymupdf_version_tuple < (1, 26, 6)
"""Whether the numbers of blocks that PyMuPDF gives with words count pictures and paths too."""


@dataclass(frozen=True, slots=True)
class LayerLine:
    """A line of the text layer, and how its first letter is painted."""

    line: TextLine
    font: str = ""
    is_painted: bool = True
    """Not invisible by itself: transparent, without fill and stroke, or next to nothing in size."""
    is_doubtful: bool = False
    """Only the pixels tell whether it can be seen: it is light, or a form through which something else is painted."""
    is_covered: bool = False
    """A picture lies over it."""
    is_slanted: bool = False
    """It goes along no side of the page, so that its box holds much else."""
    turn: int = 0
    """Degrees clockwise by which it has to be turned to run from left to right: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True)
class TextLayer:
    """All text on a page, in the order of the file."""

    width: float
    """Of the page as displayed, in points."""
    height: float
    lines: tuple[LayerLine, ...] = ()
    has_more: bool = False
    """The page shows pictures, or drawings other than rules: there may be print that is no text in the file."""
    is_too_much: bool = False
    """There was more text than ``MAX_LETTERS`` or ``MAX_WORDS``; it was left out."""
    is_broken: bool = False
    """It could not be read."""


_Row = dict[str, Any]
"""The fields of a box, word or line. Thousands of objects are made of them at once in a third less time."""


class _Scale(NamedTuple):
    """Makes points shares of the page's sides."""

    left: float
    """Of the page's corner, in points."""
    top: float
    across: float
    """Of the page's width: a point."""
    down: float

    def place(self, left: float, top: float, right: float, bottom: float) -> _Row:
        """The fields of a box, given one in points; it may reach over the page's edges."""
        x, y, across, down = self
        return {
            "left": (left - x) * across,
            "top": (top - y) * down,
            "right": (right - x) * across,
            "bottom": (bottom - y) * down,
        }


class _Style(NamedTuple):
    """What is known of a line besides its words."""

    line: Any
    font: str
    is_painted: bool
    is_doubtful: bool
    is_slanted: bool
    turn: int
    order: int
    """Its place among all that is painted on the page."""


_UNKNOWN_STYLE = _Style(None, "", is_painted=True, is_doubtful=False, is_slanted=False, turn=0, order=sys.maxsize)
"""Of a line that was not looked at."""


class _Cover(NamedTuple):
    """A picture that hides what was painted before."""

    order: int
    box: _Row


def read_text_layer(drawing: Any) -> TextLayer:
    """The text of a page of a PDF, given PyMuPDF's display list of it. May raise what the PDF library raises."""
    bounds = _mupdf.fz_bound_display_list(drawing.this)
    width, height = bounds.x1 - bounds.x0, bounds.y1 - bounds.y0
    scale = _Scale(bounds.x0, bounds.y0, 1 / width, 1 / height)
    content = _run(drawing, bounds)
    words = _extract_words(content)
    if words is None:
        return TextLayer(width, height, has_more=True, is_too_much=True)
    styles, covers, has_more = _describe(content, scale)
    rows, found = [], []
    for number, group in itertools.groupby(words, lambda word: word[5:7]):
        style = styles.get(number, _UNKNOWN_STYLE)
        row = _make_row(list(group), style.line, scale)
        if row is not None:
            rows.append(row)
            found.append(style)
    smallest = _SMALLEST * max(width, height) / height
    lines = []
    for line, row, style in zip(msgspec.convert(rows, list[TextLine]), rows, found, strict=True):
        is_painted = style.is_painted and line.box.bottom - line.box.top > smallest
        is_covered = any(order > style.order and _is_within(row["box"], box) for order, box in covers)
        lines.append(
            LayerLine(line, style.font, is_painted, style.is_doubtful, is_covered, style.is_slanted, style.turn)
        )
    return TextLayer(width, height, tuple(lines), has_more)


# --- PyMuPDF ----------------------------------------------------------------------------------------------


def _run(drawing: Any, bounds: Any) -> Any:
    """MuPDF's own form of a page's text, with its pictures and paths, in the order in which they are painted."""
    content = _mupdf.FzStextPage(bounds)
    options = _mupdf.FzStextOptions()
    options.flags = _FLAGS
    device = _mupdf.fz_new_stext_device(content, options)
    everywhere = _mupdf.FzRect(_mupdf.FzRect.Fixed_INFINITE)
    _mupdf.fz_run_display_list(drawing.this, device, _mupdf.FzMatrix(), everywhere, _mupdf.FzCookie())
    _mupdf.fz_close_device(device)
    return content


def _extract_words(content: Any) -> list[Any] | None:
    """PyMuPDF's tuples: edges, text, and the numbers of block, line and word; ``None`` when there are too many."""
    text = _pymupdf.TextPage(content)
    # The letters are counted only where they take much memory: counting takes a while.
    may_be_much = _mupdf.ll_fz_pool_size(content.m_internal.pool) > MAX_LETTERS * _LETTER_BYTES
    if may_be_much and len(text.extractText()) > MAX_LETTERS:
        return None
    words: list[Any] = text.extractWORDS()
    return words if len(words) <= MAX_WORDS else None


def _describe(content: Any, scale: _Scale) -> tuple[dict[tuple[int, int], _Style], list[_Cover], bool]:
    """The lines by the numbers of block and line, what may cover them, and whether there is more than text."""
    styles: dict[tuple[int, int], _Style] = {}
    covers: list[_Cover] = []
    has_more = False
    others = 0
    for order, block in enumerate(content):
        inner = block.m_internal
        if inner.type == _mupdf.FZ_STEXT_BLOCK_TEXT:
            number = order if _COUNTS_ALL_BLOCKS else order - others
            line = next(iter(block)).m_internal
            for at in itertools.count():
                styles[number, at] = _read_style(line, order)
                line = line.next  # Python's iterators over these lists take three times as long
                if line is None:
                    break
            continue
        others += 1
        if others > _MAX_OTHERS:
            has_more = True
            break  # the lines that follow are taken for what they seem
        edges = inner.bbox
        if inner.type == _mupdf.FZ_STEXT_BLOCK_IMAGE:
            has_more = True
            image = block.i_image()
            if not (image.imagemask() or image.mask().m_internal):  # else text may be seen through it
                covers.append(_Cover(order, scale.place(edges.x0, edges.y0, edges.x1, edges.y1)))
        elif min(edges.x1 - edges.x0, edges.y1 - edges.y0) > _RULE:
            has_more = True
    covers.sort(key=lambda cover: _measure_area(cover.box), reverse=True)
    return styles, covers[:_MAX_COVERS], has_more


def _read_style(line: Any, order: int) -> _Style:
    # Every look at one of MuPDF's fields makes objects.
    letter, direction = line.first_char, line.dir
    across, down = direction.x, direction.y
    flags, colour = letter.flags, letter.argb
    is_painted = bool(flags & _INKED and colour >> 24) or bool(flags & _mupdf.FZ_STEXT_CLIPPED)
    is_doubtful = not flags & _INKED or min(colour & 0xFF, colour >> 8 & 0xFF, colour >> 16 & 0xFF) >= _LIGHT
    is_slanted = min(abs(across), abs(down)) > _LEVEL
    font = _mupdf.ll_fz_font_name(letter.font)
    # Chinese and Japanese may be written from top to bottom.
    turn = 0 if line.wmode else _find_turn(across, down)
    return _Style(line, font, is_painted, is_doubtful, is_slanted, turn, order)


def _find_turn(across: float, down: float) -> int:
    """How far a line is turned, by its direction on the page, whose vertical axis points down."""
    if abs(down) > abs(across):
        return 270 if down > 0 else 90
    return 180 if across < 0 else 0


def _read_glyphs(line: Any) -> Iterator[Glyph]:
    letter = line.first_char
    while letter is not None:
        corners = letter.quad.ul, letter.quad.ur, letter.quad.ll, letter.quad.lr
        across, down = [corner.x for corner in corners], [corner.y for corner in corners]
        text = chr(letter.c) if 0 <= letter.c <= sys.maxunicode else UNKNOWN
        yield Glyph(text, min(across), min(down), max(across), max(down))
        letter = letter.next


# --- lines ------------------------------------------------------------------------------------------------


def _make_row(words: list[Any], line: Any, scale: _Scale) -> _Row | None:
    """A line of PyMuPDF's *words*; ``None`` when nothing of it is on the page. *line* holds its letters."""
    lefts, tops, rights, bottoms, texts, *_ = zip(*words, strict=True)
    joined = " ".join(texts)
    is_plain_text = is_plain(joined)
    if line is not None and has_loose_accents(joined):
        composed = tuple(compose_accents(list(_read_glyphs(line))).split())
        texts = composed if len(composed) == len(texts) else texts
    if not is_plain_text:
        texts = tuple(map(clean_text, texts))
    boxes = map(scale.place, lefts, tops, rights, bottoms)
    placed = [{"text": text, "box": box} for text, box in zip(texts, boxes, strict=True)]
    whole = scale.place(min(lefts), min(tops), max(rights), max(bottoms))
    is_inside = min(whole.values()) >= 0.0 and max(whole.values()) <= 1.0
    if not (is_inside and is_plain_text):
        for box in (whole, *(word["box"] for word in placed)):
            box.update((edge, min(1.0, max(0.0, place))) for edge, place in box.items())
        placed = [word for word in placed if word["text"] and _measure_area(word["box"]) > 0]
    if not placed:
        return None
    return {"text": " ".join([word["text"] for word in placed]), "box": whole, "words": placed}


def _is_within(inner: _Row, outer: _Row) -> bool:
    """Whether nearly all of a box lies in another."""
    across = min(inner["right"], outer["right"]) - max(inner["left"], outer["left"])
    down = min(inner["bottom"], outer["bottom"]) - max(inner["top"], outer["top"])
    return bool(across > 0 and down > 0 and across * down >= _WITHIN * _measure_area(inner))


def _measure_area(box: _Row) -> float:
    return float((box["right"] - box["left"]) * (box["bottom"] - box["top"]))

"""The figures of a PDF page: drawn as the page shows them, with masks, colours and what stands over them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pymupdf

from visionocr.boxes import Box
from visionocr.documents import images
from visionocr.documents.figure_cutting import crop_box, make_figure
from visionocr.documents.figures import LONGEST, MOST, CutFigure, CutOrder, Piece, find_figures, is_among
from visionocr.documents.page_drawing import draw
from visionocr.types import PageRef

_pymupdf: Any = pymupdf
_DPI = 200.0
"""Dots per inch of a figure that an answer places: it may be a drawing, which has no resolution of its own."""
_LEAST_DPI, _MOST_DPI = 100.0, 300.0
"""The same of a PDF's own pictures, whose resolution is known."""


def cut_pdf_figures(recording: Any, order: CutOrder, page: PageRef) -> list[CutFigure]:
    """The figures of a recorded page. May raise what the PDF library raises."""
    bounds = recording.rect
    width, height = float(bounds.width), float(bounds.height)
    figures: list[CutFigure] = []
    for box, dpi, index, identity in _find(recording, order, width, height):
        zoom = min(dpi / 72, LONGEST / max((box.right - box.left) * width, (box.bottom - box.top) * height, 1.0))
        clip = crop_box(box, math.ceil(width * zoom), math.ceil(height * zoom))
        pixmap, _ = draw(recording, zoom, clip)
        if not (pixmap.w() and pixmap.h()):
            continue
        samples = _pymupdf.mupdf.fz_pixmap_samples_memoryview(pixmap)
        picture = images.from_samples((pixmap.w(), pixmap.h()), samples, pixmap.stride())
        figure = make_figure(picture, box, order, page, index=index, identity=identity)
        if figure is not None:
            figures.append(figure)
        if len(figures) == MOST:
            break
    return figures


def _find(recording: Any, order: CutOrder, width: float, height: float) -> Iterator[tuple[Box, float, int | None, str]]:
    """Where there are figures, with the resolution to draw them at, their index and their identity."""
    for index, box in enumerate(order.boxes):
        yield box, _DPI, index, ""
    for piece in find_figures(_find_pieces(recording), width, height):
        box = piece.box(width, height)
        if not is_among(box, order.boxes):
            yield box, min(_MOST_DPI, max(_LEAST_DPI, 72 * math.sqrt(piece.pixels / piece.area))), None, piece.identity


def _find_pieces(recording: Any) -> list[Piece]:
    """The pictures that are painted on the page, as far as they may be figures."""
    text = _pymupdf.TextPage(recording.get_textpage(flags=_pymupdf.TEXT_PRESERVE_IMAGES))
    bounds = recording.rect
    left, top = float(bounds.x0), float(bounds.y0)
    may_be_any = find_figures(_read(text.extractIMGINFO(), left, top), float(bounds.width), float(bounds.height))
    # Their identity is that of their pixels: they are decoded for it.
    return _read(text.extractIMGINFO(hashes=1), left, top) if may_be_any else []


def _read(pictures: list[dict[str, Any]], left: float, top: float) -> list[Piece]:
    pieces = []
    for picture in pictures:
        x0, y0, x1, y1 = map(float, picture["bbox"])
        identity = bytes(picture.get("digest", b"")).hex()
        pixels = int(picture["width"]) * int(picture["height"])
        pieces.append(Piece(x0 - left, y0 - top, x1 - left, y1 - top, pixels, identity))
    return pieces

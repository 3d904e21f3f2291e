"""Draws a page of a PDF on white paper, within the box that viewers show of it."""

from __future__ import annotations

import math
from typing import Any

import pymupdf

from visionocr.documents.blank import is_even
from visionocr.documents.fit import adjustment
from visionocr.documents.images import Picture
from visionocr.types import Finding

_mupdf: Any = pymupdf.mupdf
_MIN_SIDE = 1.0
"""Points: MuPDF enlarges what is smaller, and no viewer shows such a box."""


_PAINTED_TEXT = frozenset({"fill-text", "stroke-text"})


def load_sheet(pdf: Any, number: int) -> tuple[Any, tuple[Finding, ...]]:
    """A page (1-based), and a finding where another part of it is shown than its boxes say.

    A crop box that leaves nothing of the paper is left out, as other viewers do: of an empty one MuPDF makes a sheet of
    US Letter with the corner of the page on it, and of one beside the paper a sheet with nothing.
    """
    sheet = pdf.load_page(number - 1)
    _forget_structure(pdf)  # for all who read the page
    page = _mupdf.pdf_lookup_page_obj(_mupdf.pdf_document_from_fz_document(pdf.this), number - 1)
    paper, crop = (_mupdf.pdf_dict_gets_inheritable(page, key) for key in ("MediaBox", "CropBox"))
    if not _mupdf.pdf_is_array(paper):
        return sheet, ()
    sides = _mupdf.pdf_to_rect(paper)
    if not (sides.x0 < sides.x1 and sides.y0 < sides.y1):
        return sheet, (adjustment("the page has no area; it was rendered as US Letter"),)
    shown = _mupdf.fz_intersect_rect(sides, _mupdf.pdf_to_rect(crop))
    is_shown = shown.x1 - shown.x0 >= _MIN_SIDE and shown.y1 - shown.y0 >= _MIN_SIDE
    if is_shown or not _mupdf.pdf_is_array(crop):
        return sheet, ()
    _mupdf.pdf_dict_puts(page, "CropBox", paper)
    return pdf.load_page(number - 1), (adjustment("the page's crop box shows nothing of it; the whole was rendered"),)


def record(sheet: Any) -> Any:
    """PyMuPDF's list of what is painted on a page and its annotations."""
    _forget_structure(sheet.parent)
    return sheet.get_displaylist(annots=True)


def draw(recording: Any, zoom: float, clip: tuple[int, int, int, int] | None = None) -> tuple[Any, bool]:
    """A recorded page as a pixmap of four channels of which the last means nothing.

    *clip*: only this part, in pixels from the page's corner: left, top, right, bottom.

    The second value tells whether something could not be painted. Pillow uses such pixels without a copy, which it
    would need of three channels, as ``Page.get_pixmap`` makes them, and which takes longer than drawing them. Mixed
    colours may be rounded differently.
    """
    drawing = recording.this
    matrix = _mupdf.FzMatrix(zoom, 0, 0, zoom, 0, 0)
    box = _mupdf.fz_round_rect(_mupdf.fz_transform_rect(_mupdf.fz_bound_display_list(drawing), matrix))
    if clip is not None:
        part = _mupdf.FzIrect(box.x0 + clip[0], box.y0 + clip[1], box.x0 + clip[2], box.y0 + clip[3])
        box = _mupdf.fz_intersect_irect(box, part)
    pixmap = _mupdf.fz_new_pixmap_with_bbox(_mupdf.fz_device_rgb(), box, _mupdf.FzSeparations(), 1)
    _mupdf.fz_clear_pixmap_with_value(pixmap, 0xFF)
    device = _mupdf.fz_new_draw_device(matrix, pixmap)
    everywhere, cookie = _mupdf.FzRect(_mupdf.FzRect.Fixed_INFINITE), _mupdf.FzCookie()
    _mupdf.fz_run_display_list(drawing, device, _mupdf.FzMatrix(), everywhere, cookie)
    _mupdf.fz_close_device(device)
    return pixmap, cookie.m_internal.errors > 0


def has_visible_text(sheet: Any, picture: Picture, zoom: float) -> bool:
    """Whether text was painted on a page so that it can be seen in its *picture*: not white on white, not outside.

    Text that is only there to be searched is not painted.
    """
    for kind, box, *_ in sheet.get_bboxlog():
        if kind in _PAINTED_TEXT:
            left, top = (max(0, math.floor(side * zoom)) for side in box[:2])
            right, bottom = min(picture.width, math.ceil(box[2] * zoom)), min(picture.height, math.ceil(box[3] * zoom))
            if left < right and top < bottom and not is_even(picture.crop((left, top, right, bottom))):
                return True
    return False


def _forget_structure(pdf: Any) -> None:
    """Remove the tree of tags from an open document: nothing of it is drawn.

    MuPDF 1.28 looks for the common ancestor of tagged pieces in it, and never comes back from one with a circle. Done
    before each page, because repairing a file, which may happen at any time, restores the tree. Running the page
    straight into the draw device would avoid the search, too, but then a picture of which nothing can be decoded ends
    the page; the display list leaves it out and goes on.
    """
    trailer = _mupdf.pdf_trailer(_mupdf.pdf_document_from_fz_document(pdf.this))
    _mupdf.pdf_dict_dels(_mupdf.pdf_dict_gets(trailer, "Root"), "StructTreeRoot")

"""A PDF of a picture file, a page for each frame."""

from __future__ import annotations

import io
from typing import Any

import pymupdf

from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.picture import PictureFacts, PictureFile

_mupdf: Any = pymupdf
_A4 = (595.0, 842.0)
"""Points."""
_LONGEST = 14_400.0
"""Points: the longest side of a page that PDF readers must accept (PDF 32000-1, annex C)."""
_BELIEVABLE = (97.0, 2400.0)
"""Dots per inch. Cameras and programs write 72 or 96 where they mean nothing by it."""
_USUAL_DPI = 150.0
"""For a picture that does not say."""
_TURNS = {1: 0, 3: 180, 6: 270, 8: 90}
"""Degrees, counter-clockwise, by which a picture of each EXIF orientation has to be turned; the others are mirrored."""
_QUALITY = 92
"""Of a JPEG that is made where the file's own cannot be used: as those of scanners and cameras."""


def make_picture_pdf(content: Content, kind: str) -> Any:
    """A document of PyMuPDF with the pages of a picture file, whose format is *kind*. Raises ``DocumentError``.

    A JPEG is put in as it is, unless its orientation mirrors it. Other pictures lose nothing, or are made JPEGs where
    they had lost details before.
    """
    picture = PictureFile(content, kind)
    try:
        pdf = _mupdf.open()
        for number in range(1, picture.pages + 1):
            facts = picture.load_facts(number)
            turn = _TURNS.get(facts.orientation)
            if kind == "JPEG" and turn is not None:
                with content.open() as stream:
                    data = stream.read()
            else:
                data, turn = _encode(picture.load_whole(number), facts), 0
            width, height = find_page_size(facts)
            page = pdf.new_page(width=width, height=height)
            page.insert_image(page.rect, stream=data, rotate=turn, keep_proportion=False)
        return pdf
    finally:
        picture.close()


def find_page_size(facts: PictureFacts) -> tuple[float, float]:
    """Width and height in points of the page for a picture, upright.

    Its own resolution counts where it is believable. Else the picture has 150 dpi, or what makes it fit on A4.
    """
    width, height = facts.size
    lowest, highest = _BELIEVABLE
    if facts.dpi and all(lowest <= side <= highest for side in facts.dpi):
        size = width * 72 / facts.dpi[0], height * 72 / facts.dpi[1]
    else:
        size = (0.0, 0.0)
    if not 0 < max(size) <= _LONGEST:
        scale = min(72 / _USUAL_DPI, min(_A4) / min(facts.size), max(_A4) / max(facts.size))
        size = width * scale, height * scale
    return size if facts.orientation < 5 else (size[1], size[0])


def _encode(picture: images.Picture, facts: PictureFacts) -> bytes:
    if facts.is_lossy:
        return images.encode(picture, _QUALITY, full_colour=False)[1]
    buffer = io.BytesIO()
    (picture.convert("1") if facts.is_bilevel else picture).save(buffer, "PNG")
    return buffer.getvalue()

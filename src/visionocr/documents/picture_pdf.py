"""A PDF of a picture file, a page for each frame."""

from __future__ import annotations

import io
from typing import Any

import pymupdf

from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.pdf import guarded
from visionocr.documents.picture import PictureFacts, PictureFile
from visionocr.text import printable

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
_SIDEWAYS = (6, 8)
_PNG_SIGNATURE = 8
"""Bytes before the first chunk."""
_QUALITY = 92
"""Of a JPEG that is made where the file's own cannot be used: as those of scanners and cameras."""


def make_picture_pdf(content: Content, kind: str) -> Any:
    """A document of PyMuPDF with the pages of a picture file, whose format is *kind*. Raises ``DocumentError``.

    A JPEG is put in as it is, unless its orientation mirrors it. Other pictures lose nothing, or are made JPEGs where
    they had lost details before.
    """
    picture = PictureFile(content, kind)
    try:
        with guarded(printable(content.name), "written"):
            pdf = _mupdf.open()
            for number in range(1, picture.pages + 1):
                facts = picture.load_facts(number)
                if kind == "JPEG" and facts.orientation in _TURNS:
                    with content.open() as stream:
                        image = {"stream": stream.read(), "rotate": _TURNS[facts.orientation]}
                    turned = facts.orientation in _SIDEWAYS
                else:
                    whole = picture.load_whole(number)
                    turned = whole.size != facts.size
                    image = _add_lossy(whole) if facts.is_lossy else _add_lossless(pdf, whole, facts)
                width, height = find_page_size(facts, turned=turned)
                page = pdf.new_page(width=width, height=height)
                page.insert_image(page.rect, **image, keep_proportion=False)
        return pdf
    finally:
        picture.close()


def find_page_size(facts: PictureFacts, *, turned: bool) -> tuple[float, float]:
    """Width and height in points of the page for a picture, which may have been *turned* on its side.

    Its own resolution counts where it is believable. Else the picture has 150 dpi, or what makes it fit on A4.
    """
    width, height = facts.size
    lowest, highest = _BELIEVABLE
    size = (0.0, 0.0)
    if all(lowest <= side <= highest for side in facts.dpi):
        size = width * 72 / facts.dpi[0], height * 72 / facts.dpi[1]
    if not 0 < max(size) <= _LONGEST:
        scale = min(72 / _USUAL_DPI, min(_A4) / min(facts.size), max(_A4) / max(facts.size))
        size = width * scale, height * scale
    return (size[1], size[0]) if turned else size


def _add_lossy(picture: images.Picture) -> dict[str, Any]:
    """What ``Page.insert_image`` needs for a picture that had been compressed with losses."""
    return {"stream": images.encode(picture, _QUALITY, full_colour=False)[1]}


def _add_lossless(pdf: Any, picture: images.Picture, facts: PictureFacts) -> dict[str, Any]:
    """The same for another one, which is put into the document.

    PDF can hold the compressed data of a PNG as they are. PyMuPDF would unpack them and keep all pages unpacked.
    """
    if facts.is_bilevel:
        picture = picture.convert("1")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    png, data, at = buffer.getvalue(), [], _PNG_SIGNATURE
    while at < len(png):  # chunks: length, name, content, check sum
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data.append(png[at + 8 : end])
        at = end + 4
    bits = 1 if picture.mode == "1" else 8
    colours, space = (3, "DeviceRGB") if picture.mode == "RGB" else (1, "DeviceGray")
    size = f"/Width {picture.width}/Height {picture.height}"
    xref: int = pdf.get_new_xref()
    pdf.update_object(xref, f"<</Type/XObject/Subtype/Image{size}/ColorSpace/{space}/BitsPerComponent {bits}>>")
    pdf.update_stream(xref, b"".join(data), compress=False)
    pdf.xref_set_key(xref, "Filter", "/FlateDecode")
    parameters = f"<</Predictor 15/Colors {colours}/BitsPerComponent {bits}/Columns {picture.width}>>"
    pdf.xref_set_key(xref, "DecodeParms", parameters)
    return {"xref": xref}

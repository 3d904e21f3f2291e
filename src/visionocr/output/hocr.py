"""hOCR 1.2: a whole document as one XHTML file whose elements say where they stand.

Made so that the parser of OCRmyPDF finds everything: one class an element, paragraphs as ``p``, whole numbers.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from visionocr import __version__
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.output.xml_files import add, clean, find_baseline, list_words
from visionocr.placed import PlacedBlock, PlacedPage, is_right_to_left, split_columns, to_pixels

SUFFIX = ".hocr"
TAIL = " </body>\n</html>\n"
"""What stands after the last page."""
_CLASSES = {
    BlockKind.CAPTION: "ocr_caption",
    BlockKind.HEADER: "ocr_header",
    BlockKind.FOOTER: "ocr_footer",
    BlockKind.PAGE_NUMBER: "ocr_pageno",
    BlockKind.TABLE: "ocr_table",
}
"""The classes of hOCR 1.2 for kinds of blocks; all others are ``ocr_carea``, with the kind in ``x_kind``."""
_CAPABILITIES = " ".join(
    ("ocr_page ocr_carea ocr_par ocr_line ocrx_word ocr_photo", *_CLASSES.values(), "ocrp_lang ocrp_dir ocrp_wconf")
)


def render_head(title: str, model: str = "", language: str = "") -> str:
    """What stands before the first page: the document's name, what read it, and the BCP 47 tag of its language."""
    system = f"visionocr {__version__}" + (f" with {clean(model)}" if model else "")
    tag = f" xml:lang={quoteattr(clean(language))} lang={quoteattr(clean(language))}" if language else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"{tag}>
 <head>
  <title>{escape(clean(title))}</title>
  <meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
  <meta name="ocr-system" content={quoteattr(system)}/>
  <meta name="ocr-capabilities" content="{_CAPABILITIES}"/>
 </head>
 <body>
"""


def render_page(page: PlacedPage) -> str:
    """The element of one page."""
    image = clean(page.image).replace('"', "'")
    parts = [f'image "{image}"', f"bbox 0 0 {page.width} {page.height}", f"ppageno {page.number - 1}"]
    if page.dpi:
        parts.append(f"scan_res {round(page.dpi)} {round(page.dpi)}")
    div = ET.Element("div", {"class": "ocr_page", "id": f"page_{page.number}", "title": "; ".join(parts)})
    for number, block in enumerate(split_columns(page.blocks), 1):
        _add_block(div, block, page, f"{page.number}_{number}")
    ET.indent(div)
    # HTML has no empty elements that close themselves.
    return ET.tostring(div, encoding="unicode", short_empty_elements=False) + "\n"


def _add_block(parent: ET.Element, block: PlacedBlock, page: PlacedPage, number: str) -> None:
    box = _bbox(block.box, page)
    is_photo = block.kind is BlockKind.PICTURE and not block.lines
    kind = "ocr_photo" if is_photo else _CLASSES.get(block.kind, "ocr_carea")
    area = add(parent, "div", {"class": kind, "id": f"block_{number}", "title": f"{box}; x_kind {block.kind.value}"})
    if not block.lines:
        return
    text = " ".join(line.text for line in block.lines)
    direction = "rtl" if is_right_to_left(text) else "ltr"
    names = {"class": "ocr_par", "id": f"par_{number}", "lang": page.language, "dir": direction, "title": box}
    paragraph = add(area, "p", names)
    for at, line in enumerate(block.lines, 1):
        _add_line(paragraph, line, page, f"{number}_{at}")


def _add_line(parent: ET.Element, line: TextLine, page: PlacedPage, number: str) -> None:
    words = list_words(line, page)
    if not words:
        return
    _, top, _, bottom = to_pixels(line.box, page)
    # The baseline is told from the lower left corner of the line.
    title = f"{_bbox(line.box, page)}; baseline 0 {find_baseline(line, page) - bottom}; x_size {bottom - top}"
    span = add(parent, "span", {"class": "ocr_line", "id": f"line_{number}", "title": title})
    for at, (text, box, confidence) in enumerate(words, 1):
        title = f"{_bbox(box, page)}; x_wconf {round(100 * confidence)}"
        add(span, "span", {"class": "ocrx_word", "id": f"word_{number}_{at}", "title": title}, text)


def _bbox(box: Box, page: PlacedPage) -> str:
    return "bbox {} {} {} {}".format(*to_pixels(box, page))

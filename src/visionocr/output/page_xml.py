"""PAGE XML 2019-07-15, one file a page: what Transkribus, eScriptorium and OCR-D read."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

from visionocr import __version__
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.output.xml_files import add, find_baseline, format_time, list_words, serialize
from visionocr.placed import PlacedBlock, PlacedPage, is_right_to_left, split_columns, to_pixels

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_ROOT = {
    "xmlns": _NAMESPACE,
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": f"{_NAMESPACE} {_NAMESPACE}/pagecontent.xsd",
}
_TYPES = {
    BlockKind.TEXT: "paragraph",
    BlockKind.HEADING: "heading",
    BlockKind.LIST_ITEM: "paragraph",
    BlockKind.CAPTION: "caption",
    BlockKind.FOOTNOTE: "footnote",
    BlockKind.HEADER: "header",
    BlockKind.FOOTER: "footer",
    BlockKind.PAGE_NUMBER: "page-number",
}
"""The types of text that the schema knows; all others are ``other``."""
_WITHOUT_TEXT = {
    BlockKind.PICTURE: "ImageRegion",
    BlockKind.TABLE: "TableRegion",
    BlockKind.FORMULA: "MathsRegion",
}
"""Regions that cannot have lines, for blocks that have none."""


def render_page_xml(page: PlacedPage, moment: datetime) -> str:
    """The PAGE file of one page, which was read at *moment*."""
    root = ET.Element("PcGts", _ROOT)
    _add_metadata(root, page, moment)
    names: dict[str, object] = {"imageFilename": page.image or f"page_{page.number}"}
    names |= {"imageWidth": page.width, "imageHeight": page.height}
    if page.dpi:
        resolution = f"{page.dpi:g}"
        names |= {"imageXResolution": resolution, "imageYResolution": resolution, "imageResolutionUnit": "PPI"}
    element = add(root, "Page", names)
    blocks = list(split_columns(page.blocks))
    if blocks:
        order = add(add(element, "ReadingOrder"), "OrderedGroup", {"id": "reading_order"})
        for index in range(len(blocks)):
            add(order, "RegionRefIndexed", {"index": index, "regionRef": f"region_{index + 1}"})
    for number, block in enumerate(blocks, 1):
        _add_region(element, block, page, number)
    return serialize(root)


def _add_metadata(root: ET.Element, page: PlacedPage, moment: datetime) -> None:
    metadata = add(root, "Metadata")
    add(metadata, "Creator", text=f"visionocr {__version__}")
    add(metadata, "Created", text=format_time(moment))
    add(metadata, "LastChange", text=format_time(moment))
    step = {"type": "processingStep", "name": "text recognition", "date": format_time(moment)}
    add(metadata, "MetadataItem", {**step, "value": page.model or "unknown model"})
    if page.language:  # the schema's own attribute holds English names of languages
        add(metadata, "MetadataItem", {"type": "other", "name": "language", "value": page.language})


def _add_region(parent: ET.Element, block: PlacedBlock, page: PlacedPage, number: int) -> None:
    identity = {"id": f"region_{number}", "custom": f"structure {{type:{block.kind.value};}}"}
    if not block.lines and block.kind in _WITHOUT_TEXT:
        add(add(parent, _WITHOUT_TEXT[block.kind], identity), "Coords", {"points": _points(block.box, page)})
        return
    text = "\n".join(line.text for line in block.lines)
    direction = "right-to-left" if is_right_to_left(text) else None
    details = {"type": _TYPES.get(block.kind, "other"), "readingDirection": direction}
    region = add(parent, "TextRegion", {**identity, **details})
    add(region, "Coords", {"points": _points(block.box, page)})
    texts = [_add_line(region, line, page, f"{number}_{at}") for at, line in enumerate(block.lines, 1)]
    if any(texts):
        _add_text(region, "\n".join(filter(None, texts)))


def _add_line(parent: ET.Element, line: TextLine, page: PlacedPage, number: str) -> str:
    """Add a line and return its text: its words with single spaces, as readers compare the two."""
    words = list_words(line, page)
    if not words:
        return ""
    element = add(parent, "TextLine", {"id": f"line_{number}"})
    add(element, "Coords", {"points": _points(line.box, page)})
    left, _, right, _ = to_pixels(line.box, page)
    base = find_baseline(line, page)
    add(element, "Baseline", {"points": f"{left},{base} {right},{base}"})
    for at, (text, box, confidence) in enumerate(words, 1):
        child = add(element, "Word", {"id": f"word_{number}_{at}"})
        add(child, "Coords", {"points": _points(box, page)})
        _add_text(child, text, confidence)
    text = " ".join(text for text, _, _ in words)
    _add_text(element, text, line.confidence)
    return text


def _add_text(parent: ET.Element, text: str, confidence: float | None = None) -> None:
    conf = None if confidence is None else f"{confidence:.2f}"
    add(add(parent, "TextEquiv", {"conf": conf}), "Unicode", text=text)


def _points(box: Box, page: PlacedPage) -> str:
    left, top, right, bottom = to_pixels(box, page)
    return f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}"

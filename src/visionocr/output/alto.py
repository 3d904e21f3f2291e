"""ALTO 4.2, one file a page: what eScriptorium, Kitodo and libraries read.

Not 4.4: eScriptorium accepts 4.0 to 4.2.
"""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

from visionocr import __version__
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.output.xml_files import add, find_baseline, format_time, list_words, serialize
from visionocr.placed import PlacedBlock, PlacedPage, split_columns, to_pixels

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_ROOT = {
    "xmlns": _NAMESPACE,
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:schemaLocation": f"{_NAMESPACE} http://www.loc.gov/standards/alto/v4/alto-4-2.xsd",
    "SCHEMAVERSION": "4.2",
}


def render_alto(page: PlacedPage, moment: datetime) -> str:
    """The ALTO file of one page, which was read at *moment*."""
    root = ET.Element("alto", _ROOT)
    _add_description(root, page, moment)
    blocks = list(split_columns(page.blocks))
    if blocks:
        tags = add(root, "Tags")
        for kind in sorted({block.kind for block in blocks}):
            # The element in which eScriptorium keeps kinds of blocks.
            names = {"ID": f"kind_{kind.value}", "LABEL": kind.value, "DESCRIPTION": f"block type {kind.value}"}
            add(tags, "OtherTag", names)
    layout = add(root, "Layout")
    size = {"WIDTH": page.width, "HEIGHT": page.height}
    attributes = {"ID": f"page_{page.number}", "PHYSICAL_IMG_NR": page.number, "PROCESSINGREFS": "reading"}
    space = add(add(layout, "Page", {**attributes, **size}), "PrintSpace", {"HPOS": 0, "VPOS": 0, **size})
    for number, block in enumerate(blocks, 1):
        _add_block(space, block, page, f"{page.number}_{number}")
    return serialize(root)


def _add_description(root: ET.Element, page: PlacedPage, moment: datetime) -> None:
    description = add(root, "Description")
    add(description, "MeasurementUnit", text="pixel")
    if page.image:
        add(add(description, "sourceImageInformation"), "fileName", text=page.image)
    step = add(description, "Processing", {"ID": "reading"})
    add(step, "processingCategory", text="contentGeneration")
    add(step, "processingDateTime", text=format_time(moment))
    add(step, "processingStepDescription", text="text recognition")
    if page.model:
        add(step, "processingStepSettings", text=f"model: {page.model}")
    software = add(step, "processingSoftware")
    add(software, "softwareName", text="visionocr")
    add(software, "softwareVersion", text=__version__)


def _add_block(parent: ET.Element, block: PlacedBlock, page: PlacedPage, number: str) -> None:
    names = {"ID": f"block_{number}", "TAGREFS": f"kind_{block.kind.value}", **_place(block.box, page)}
    if block.kind is BlockKind.PICTURE and not block.lines:
        add(parent, "Illustration", names)
        return
    element = add(parent, "TextBlock", {**names, "LANG": page.language})
    for at, line in enumerate(block.lines, 1):
        _add_line(element, line, page, f"{number}_{at}")


def _add_line(parent: ET.Element, line: TextLine, page: PlacedPage, number: str) -> None:
    words = list_words(line, page)
    if not words:
        return
    left, top, right, bottom = to_pixels(line.box, page)
    base = find_baseline(line, page)
    # Numbers parted by spaces: eScriptorium refuses commas.
    names = {"ID": f"line_{number}", **_place(line.box, page), "BASELINE": f"{left} {base} {right} {base}"}
    element = add(parent, "TextLine", names)
    before: int | None = None  # the right edge of the word before
    for at, (text, box, confidence) in enumerate(words, 1):
        place = _place(box, page)
        if before is not None:
            space = {"HPOS": before, "VPOS": top, "WIDTH": max(0, place["HPOS"] - before), "HEIGHT": bottom - top}
            add(element, "SP", space)
        before = place["HPOS"] + place["WIDTH"]
        add(element, "String", {"ID": f"word_{number}_{at}", **place, "CONTENT": text, "WC": f"{confidence:.2f}"})


def _place(box: Box, page: PlacedPage) -> dict[str, int]:
    left, top, right, bottom = to_pixels(box, page)
    return {"HPOS": left, "VPOS": top, "WIDTH": right - left, "HEIGHT": bottom - top}

"""What hOCR, ALTO and PAGE XML have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from visionocr.boxes import Box, TextLine
from visionocr.placed import PlacedPage, place_words, to_pixels

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Not characters of XML 1.0 (2.2): controls, halves of surrogate pairs, U+FFFE and U+FFFF."""
_BASELINE = 0.22
"""How far the baseline stands above the lower edge of a line's box, as a share of its height."""


def clean(text: str) -> str:
    """*text* without the characters that XML forbids."""
    return _FORBIDDEN.sub("", text)


def add(parent: ET.Element, tag: str, attributes: Mapping[str, object] | None = None, text: str = "") -> ET.Element:
    """A new child element. Attributes that are ``None`` or empty are left out."""
    given = {name: clean(str(value)) for name, value in (attributes or {}).items() if value is not None}
    child = ET.SubElement(parent, tag, {name: value for name, value in given.items() if value})
    child.text = clean(text) or None
    return child


def list_words(line: TextLine, page: PlacedPage) -> list[tuple[str, Box, float]]:
    """The words of a line that XML can hold, each with its place and confidence."""
    return [
        (text, word.box, line.confidence if word.confidence is None else word.confidence)
        for word in place_words(line, page.width, page.height)
        if (text := clean(word.text).strip())
    ]


def find_baseline(line: TextLine, page: PlacedPage) -> int:
    """How many pixels below the upper edge of the page the baseline of a line is."""
    _, top, _, bottom = to_pixels(line.box, page)
    return round(bottom - _BASELINE * (bottom - top))


def format_time(moment: datetime) -> str:
    """A moment as ``xsd:dateTime``, in UTC and whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def serialize(root: ET.Element) -> str:
    """A whole XML file."""
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'

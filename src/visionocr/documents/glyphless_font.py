"""A PDF font whose glyphs draw nothing, for text of every script."""

from __future__ import annotations

import base64
from typing import Any

_TRUETYPE = base64.b64decode(
    "AAEAAAAGAEAAAgAgZ2x5ZuxN3vkAAAD4AAAAFmhlYWRhC0M4AAAAbAAAADZoaGVhBRYBLgAAAKQAAAAkaG10eAH0AAAAAADoAAAABmxvY2EACwAA"
    "AAAA8AAAAAZtYXhwAAQABAAAAMgAAAAgAAEAAAABAACOStLcXw889QADA+gAAAAAAAAAAAAAAAAAAAAAAAD/OAH0AyAAAAADAAIAAAAAAAAAAQAA"
    "AyD/OAAAAfQAAAAAAfQAAQAAAAAAAAAAAAAAAAAAAAEAAQAAAAIAAgABAAAAAAACAAAAAAAAAAAAAAAAAAAAAAH0AAAAAAAAAAAAAAALAAAAAQAA"
    "/zgB9AMgAAEAABUBAfTIA+gAAAA="
)
"""Made with fontTools: 1,000 units an em and two glyphs of width 500. The second is a contour of two points, (0, -200)
and (500, 800): its area is nothing, so it draws nothing, but it has a box. mutool 1.21 prints no text whose glyphs have
none."""
WIDTH, DESCENT = 0.5, 0.2
"""Width of every glyph, and how far it goes below the baseline, in font sizes; above it goes the rest of 1."""
_FIRST_SPARE, _LAST_SPARE = 0xD800, 0xDFFF
"""Codes that are no characters: they stand for those above U+FFFF, given out as these come."""
_UNKNOWN = 0xFFFD
_HEAD = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
"""
_TAIL = "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
_SECTION = 100
"""Most entries in one section of a CMap (Adobe Technical Note 5014)."""


class GlyphlessFont:
    """The font of one document. Its codes are Unicode's, so it needs no table of them.

    A Type 0 font: every code has the same glyph, and ``ToUnicode`` gives each code its character back.
    """

    def __init__(self, pdf: Any) -> None:
        """*pdf* is a document of PyMuPDF."""
        self._pdf = pdf
        self._spare: dict[str, int] = {}
        self._to_unicode = self._add("<<>>")
        glyphs = self._add("<<>>", b"\0\1" * 0x10000)
        program = self._add("<<>>", _TRUETYPE)
        descriptor = self._add(
            "<</Type/FontDescriptor/FontName/GlyphLessFont/Flags 4/FontBBox[0 -200 500 800]/ItalicAngle 0"
            f"/Ascent 800/Descent -200/CapHeight 800/StemV 80/FontFile2 {program} 0 R>>"
        )
        descendant = self._add(
            "<</Type/Font/Subtype/CIDFontType2/BaseFont/GlyphLessFont/DW 500"
            "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            f"/CIDToGIDMap {glyphs} 0 R/FontDescriptor {descriptor} 0 R>>"
        )
        self.xref = self._add(
            "<</Type/Font/Subtype/Type0/BaseFont/GlyphLessFont/Encoding/Identity-H"
            f"/DescendantFonts[{descendant} 0 R]/ToUnicode {self._to_unicode} 0 R>>"
        )
        """The number of its object in the document."""

    def encode(self, text: str) -> str:
        """*text* as a hexadecimal string of a content stream, without its brackets."""
        return "".join(f"{ord(char) if ord(char) < 0x10000 else self._take_spare(char):04X}" for char in text)

    def finish(self) -> None:
        """Write the table of characters: to be called when all text is encoded."""
        rows = [row for row in range(0, 0x10000, 0x100) if not _FIRST_SPARE <= row <= _LAST_SPARE]
        # A range must not go beyond the last byte of its codes.
        ranges = [f"<{row:04X}> <{row + 0xFF:04X}> <{row:04X}>\n" for row in rows]
        spare = [f"<{code:04X}> <{char.encode('utf-16-be').hex()}>\n" for char, code in self._spare.items()]
        cmap = _HEAD + _sections("bfrange", ranges) + _sections("bfchar", spare) + _TAIL
        self._pdf.update_stream(self._to_unicode, cmap.encode())

    def _take_spare(self, char: str) -> int:
        """The code of a character above U+FFFF; after 2,048 different ones, that of the replacement character."""
        code = self._spare.get(char, _FIRST_SPARE + len(self._spare))
        if code > _LAST_SPARE:
            return _UNKNOWN
        self._spare[char] = code
        return code

    def _add(self, source: str, stream: bytes | None = None) -> int:
        xref: int = self._pdf.get_new_xref()
        self._pdf.update_object(xref, source)
        if stream is not None:
            self._pdf.update_stream(xref, stream)
        return xref


def _sections(kind: str, entries: list[str]) -> str:
    """Entries of a CMap in sections that are not too long."""
    parts = [entries[start : start + _SECTION] for start in range(0, len(entries), _SECTION)]
    return "".join(f"{len(part)} begin{kind}\n{''.join(part)}end{kind}\n" for part in parts)

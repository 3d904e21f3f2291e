"""A page with places that the tests of all XML formats write."""

from __future__ import annotations

from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine, Word
from visionocr.placed import PlacedBlock, PlacedPage

WIDTH, HEIGHT = 1000, 2000
"""Pixels."""


def line(text: str, left: float, top: float, right: float = 0.9, height: float = 0.02) -> TextLine:
    """A line without boxes of words, read with a confidence of 0.9."""
    return TextLine(text, Box(left, top, right, top + height), 0.9)


def make_page() -> PlacedPage:
    """Every kind of block, a table, a picture, two columns in one block, a line down, and words with their boxes."""
    words = (
        Word("Größe", Box(0.1, 0.1, 0.2, 0.12)),
        Word('<&">', Box(0.25, 0.1, 0.3, 0.12), 0.45),
        Word(" ", Box(0.3, 0.1, 0.31, 0.12)),
        Word("\x00\ud800\ufffe", Box(0.3, 0.1, 0.31, 0.12)),
        Word("con\x0btrol", Box(0.4, 0.1, 0.5, 0.12)),
    )
    heading = TextLine('Größe <&"> control', Box(0.1, 0.1, 0.5, 0.12), 0.9, words)
    blocks = [
        PlacedBlock(BlockKind.HEADING, heading.box, (heading,)),
        PlacedBlock(BlockKind.PICTURE, Box(0.1, 0.2, 0.9, 0.3)),
        PlacedBlock(BlockKind.TABLE, Box(0.1, 0.3, 0.9, 0.4), (line("A 1", 0.1, 0.3, 0.2), line("B 2", 0.5, 0.3, 0.6))),
        PlacedBlock(
            BlockKind.TEXT,
            Box(0.1, 0.5, 0.9, 0.6),
            (line("left column", 0.1, 0.5, 0.4), line("goes on", 0.1, 0.55, 0.4), line("right column", 0.5, 0.5)),
        ),
        PlacedBlock(BlockKind.TEXT, Box(0.1, 0.6, 0.9, 0.62), (line("כל בני האדם", 0.1, 0.6),)),
        PlacedBlock(BlockKind.TEXT, Box(0.95, 0.5, 0.97, 0.8), (line("down the page", 0.95, 0.5, 0.97, 0.3),)),
        PlacedBlock(BlockKind.TEXT, Box(0.1, 0.65, 0.9, 0.67), (TextLine("\x00", Box(0.1, 0.65, 0.9, 0.67)),)),
    ]
    others = [kind for kind in BlockKind if kind not in {block.kind for block in blocks}]
    blocks += [
        PlacedBlock(kind, Box(0.1, 0.7 + at / 50, 0.9, 0.71 + at / 50), (line(kind.value, 0.1, 0.7 + at / 50),))
        for at, kind in enumerate(others)
    ]
    blocks.append(PlacedBlock(BlockKind.FORMULA, Box(-0.1, 0.98, 1.2, 1.5)))
    return PlacedPage(3, WIDTH, HEIGHT, tuple(blocks), 300, 'my "scan"\x07.png', "de", "some/model Q8_0")


def list_texts() -> list[list[str]]:
    """The words of each line of that page, in order, as every format must give them back."""
    return [
        ["Größe", '<&">', "control"],
        ["A", "1"],
        ["B", "2"],
        ["left", "column"],
        ["goes", "on"],
        ["right", "column"],
        ["כל", "בני", "האדם"],
        ["down", "the", "page"],
        ["list-item"],
        ["formula"],
        ["code"],
        ["caption"],
        ["footnote"],
        ["header"],
        ["footer"],
        ["page-number"],
    ]

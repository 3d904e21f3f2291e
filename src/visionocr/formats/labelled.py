"""The parts of a page that a model labelled, each with its text in Markdown."""

from __future__ import annotations

import re

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.formats.islands import Scales, find_islands
from visionocr.formats.latex import to_dollars, unwrap
from visionocr.formats.pieces import Piece

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*?)[ \t]*#*[ \t]*")
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<marker>[-*+]|\d{1,4}[.)])[ \t]+(?P<text>\S.*)")
_CENTRE = re.compile(r"</?center>", re.IGNORECASE)
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#-]*)[^\n]*\n(?P<body>.*?)(?:\n?\1[ \t]*)?", re.DOTALL)
_PICTURE = re.compile(r"!\[(?P<words>[^\[\]]*)\]\([^()]*\)")


def read_labelled(kind: BlockKind, text: str, box: Box | None, scales: Scales, level: int = 1) -> tuple[Piece, ...]:
    """A part of a page that a model labelled, with its Markdown *text*. *level*: of a heading that has no ``#``."""
    text = to_dollars(_CENTRE.sub("", text)).strip()
    block = _one_block(kind, text, box, level)
    return (block,) if block is not None else find_islands(text, scales, box)


def _one_block(kind: BlockKind, text: str, box: Box | None, level: int) -> Block | None:
    """The block that *text* as a whole is; ``None`` when it may be several, or holds marks."""
    if kind is BlockKind.HEADING and "\n" not in text:
        heading = _HEADING.fullmatch(text)
        return Block(kind, heading[2] if heading else text, len(heading[1]) if heading else level, box)
    if kind is BlockKind.LIST_ITEM and (item := _ITEM.fullmatch(text)):
        depth = len(item["indent"].expandtabs(4)) // 2
        return Block(kind, item["text"], depth, box, marker=item["marker"])
    if kind is BlockKind.FORMULA:
        return Block(kind, unwrap(text), box=box)
    if kind is BlockKind.CODE:
        fence = _FENCE.fullmatch(text)
        return Block(kind, fence["body"] if fence else text, box=box, language=fence[2] if fence else "")
    if kind is BlockKind.PICTURE:
        picture = _PICTURE.fullmatch(text)
        return Block(kind, picture["words"] if picture else text, box=box)
    if kind in {BlockKind.HEADER, BlockKind.FOOTER, BlockKind.PAGE_NUMBER, BlockKind.CAPTION, BlockKind.FOOTNOTE}:
        return Block(kind, text, box=box)
    return None

"""Blocks as plain text."""

from __future__ import annotations

from collections.abc import Iterable

from visionocr.blocks import EDGES, Block, BlockKind
from visionocr.formats.inline import to_plain
from visionocr.formats.pieces import Passage, Piece
from visionocr.formats.table import table_plain
from visionocr.types import Headers

_LITERAL = {BlockKind.CODE, BlockKind.FORMULA}


def write_plain(pieces: Iterable[Piece], headers: Headers = Headers.KEEP) -> str:
    """The text of blocks without marks; cells are parted by tabs, paragraphs by an empty line.

    Passages stay as they are. What a model says about a picture stands in brackets: it is no text of the page.
    """
    parts: list[str] = []
    before: Piece | None = None
    for piece in pieces:
        if isinstance(piece, Block) and piece.kind in EDGES and headers is not Headers.KEEP:
            continue
        text = _write(piece)
        if text.strip():
            is_list = _is_item(before) and _is_item(piece)
            parts += ["\n" if is_list else "\n\n", text]
            before = piece
    return "".join(parts[1:])


def _is_item(piece: Piece | None) -> bool:
    return isinstance(piece, Block) and piece.kind is BlockKind.LIST_ITEM


def _write(piece: Piece) -> str:
    if isinstance(piece, Passage) or piece.kind in _LITERAL:
        return piece.text
    text = to_plain(piece.text).strip()
    if piece.kind is BlockKind.TABLE:
        return table_plain(piece.rows) or text
    if piece.kind is BlockKind.PICTURE:
        return f"[{text}]" if text else ""
    if piece.kind is BlockKind.LIST_ITEM:
        return f"{'  ' * piece.level}{piece.marker or '-'} {text}"
    return text

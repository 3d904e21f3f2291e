"""Blocks as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from visionocr.blocks import EDGES, Block, BlockKind
from visionocr.formats.pieces import Passage, Piece, picture_words
from visionocr.formats.table import table_markdown
from visionocr.types import Headers, Tables


def write_markdown(pieces: Iterable[Piece], tables: Tables = Tables.AUTO, headers: Headers = Headers.KEEP) -> str:
    """The Markdown of blocks; passages stay as they are."""
    lists = _ListIndent()
    parts: list[str] = []
    was_item = False
    for piece in with_captions(pieces):
        is_item = isinstance(piece, Block) and piece.kind is BlockKind.LIST_ITEM
        if not is_item:
            lists.reset()
        text = lists.item(piece) if is_item and isinstance(piece, Block) else _write(piece, tables, headers)
        if text.strip():
            parts += ["\n" if is_item and was_item else "\n\n", text]
            was_item = is_item
    return "".join(parts[1:])


def with_captions(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces with the caption of a picture as its words, where it follows at once and the picture has none.

    Not of one with a file: where that is displayed, its words are not.
    """
    pending: Block | None = None
    for piece in pieces:
        if pending is not None:
            if isinstance(piece, Block) and piece.kind is BlockKind.CAPTION:
                yield Block(BlockKind.PICTURE, piece.text, box=pending.box)
                pending = None
                continue
            yield pending
            pending = None
        if isinstance(piece, Block) and piece.kind is BlockKind.PICTURE and not (piece.text or piece.path):
            pending = piece
        else:
            yield piece
    if pending is not None:
        yield pending


def _write(piece: Piece, tables: Tables, headers: Headers) -> str:
    if isinstance(piece, Passage):
        return piece.text
    kind, text = piece.kind, piece.text
    if kind in EDGES and headers is not Headers.KEEP:
        return _comment(kind, text) if headers is Headers.COMMENT else ""
    if kind is BlockKind.HEADING:
        return f"{'#' * min(6, max(1, piece.level))} {' '.join(text.split())}"
    if kind is BlockKind.TABLE:
        return table_markdown(piece.rows, tables) or text
    if kind is BlockKind.FORMULA:
        return f"$$\n{_without_empty_lines(text)}\n$$" if text else ""
    if kind is BlockKind.CODE:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        return f"{fence}{piece.language}\n{text}\n{fence}"
    if kind is BlockKind.PICTURE:
        return f"![{picture_words(text)}]({piece.path})"
    return text


def _comment(kind: BlockKind, text: str) -> str:
    words = " ".join(text.split()).replace("--", "-\u200b-").strip("->")
    return f"<!-- {kind}: {words} -->"


def _without_empty_lines(text: str) -> str:
    return "\n".join(line for line in text.strip().splitlines() if line.strip())


class _ListIndent:
    """The indentation of list items: that of the text of the item above them."""

    def __init__(self) -> None:
        self._widths: list[int] = []

    def reset(self) -> None:
        """Begin a new list."""
        self._widths = []

    def item(self, block: Block) -> str:
        """One list item; a depth without an item above it is taken for the next depth that has one."""
        depth = min(block.level, len(self._widths))
        marker = block.marker or "-"
        del self._widths[depth:]
        indent = " " * sum(self._widths)
        self._widths.append(len(marker) + 1)
        inside = "\n" + indent + " " * (len(marker) + 1)
        return f"{indent}{marker} {inside.join(block.text.strip().splitlines())}"

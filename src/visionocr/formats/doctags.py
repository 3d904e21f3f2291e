"""DocTags, the language of granite-docling and SmolDocling (source: docling-core ``types/doc/tokens.py``).

Nothing in it is escaped, so that only known names in a place where a mark can stand are marks: ``<`` of the page is
text. Its places run from 0 to 500, whatever the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.escaping import escape
from visionocr.formats.code_regions import is_mostly_behind
from visionocr.formats.inline import code
from visionocr.formats.labels import page_number_or
from visionocr.formats.latex import unwrap
from visionocr.formats.otsl import CELLS, ROW_END, Place, otsl_rows
from visionocr.formats.places import Scale

SCALE = Scale(500, 500)

_KINDS = {
    "title": BlockKind.HEADING,
    "formula": BlockKind.FORMULA,
    "code": BlockKind.CODE,
    "list_item": BlockKind.LIST_ITEM,
    "otsl": BlockKind.TABLE,
    "document_index": BlockKind.TABLE,
    "picture": BlockKind.PICTURE,
    "chart": BlockKind.PICTURE,
    "caption": BlockKind.CAPTION,
    "footnote": BlockKind.FOOTNOTE,
    "page_header": BlockKind.HEADER,
    "page_footer": BlockKind.FOOTER,
    **{f"section_header_level_{level}": BlockKind.HEADING for level in range(7)},
    **dict.fromkeys(["text", "paragraph", "reference", "handwritten_text", "smiles", "form"], BlockKind.TEXT),
    **dict.fromkeys(("checkbox_selected", "checkbox_unselected"), BlockKind.TEXT),
}
_LISTS = {"ordered_list", "unordered_list"}
_CONTAINERS = {*_LISTS, "inline", "key_value_region", "group", "doctag"}
_HOLDERS = {"otsl", "picture", "chart", "document_index"}
"""Blocks with a caption inside."""
_NAMES = {*_KINDS, *_CONTAINERS, *CELLS, ROW_END, "page_break"}
_MARK = re.compile(
    rf"<(?P<end>/)?(?P<name>{'|'.join(sorted(_NAMES, key=len, reverse=True))}|(?:key|value|link)_\d{{1,4}})>"
    r"|<loc_(?P<place>\d{1,4})>|<_(?P<language>[\w+#.-]{1,20})_>|<(?P<class>[a-z][a-z_]{2,40})>"
)
_CUT_MARK = re.compile(r"(?<![ \t])</?(?P<name>[a-z_]*\d*)\Z|<_[\w+#.-]{0,20}\Z")
_BULLET = re.compile(r"(?:[•●▪■◦‣∙·*–-]|(\(?\d{1,4}[.)]))\s+")
_BEGINNING = re.compile(
    rf"<doctag>|<(?:{'|'.join(sorted(_KINDS))}|inline|(?:un)?ordered_list)>\s*<(?:loc_\d|list_item>)"
    r"|(?:<loc_\d{1,3}>){4}"
)
_PLACES_ONLY = re.compile(r"\s*(?:<loc_\d{1,3}>){4}")


def is_doctags(text: str) -> bool:
    """Whether *text* is DocTags rather than about it: most of its letters stand behind the first mark."""
    return is_mostly_behind(_BEGINNING, text)


def has_lost_marks(text: str) -> bool:
    """Whether the server left out the names of the blocks, so that only their places remain."""
    return _PLACES_ONLY.match(text) is not None and not re.search(r"</?(?:text|title|section_|otsl|page_)", text)


@dataclass(slots=True)
class _Open:
    """A block while it is read."""

    name: str
    places: list[float] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    cells: list[Place] = field(default_factory=list)
    captions: list[Block] = field(default_factory=list)
    language: str = ""
    is_implied: bool = False
    """Its beginning is missing; its end may still tell what it is."""
    is_begun: bool = False
    """Anything but places and marks has been read."""

    @property
    def text(self) -> str:
        return "".join(self.parts).strip()

    @property
    def box(self) -> Box | None:
        return SCALE.box(self.places)


def parse_doctags(text: str) -> tuple[Block, ...]:
    """The blocks of an answer in DocTags."""
    cut = _CUT_MARK.search(text, max(0, len(text) - 50))
    is_cut = cut is not None and any(name.startswith(cut["name"] or "") for name in (*_NAMES, "loc_", "key_", "value_"))
    reader = _Reader()
    end = 0
    text = text[: cut.start()] if cut is not None and is_cut else text
    for mark in _MARK.finditer(text):
        if reader.is_mark(mark, text[max(end, mark.start() - 100) : mark.start()]):
            reader.add_text(text[end : mark.start()])
            reader.add_mark(mark)
            end = mark.end()
    reader.add_text(text[end:])
    is_cut = is_cut or bool(reader.open)
    reader.close_all()
    blocks = _level_headings(reader.blocks)
    if is_cut and blocks:
        blocks[-1] = replace(blocks[-1], is_cut=True)
    return tuple(blocks)


class _Reader:
    """Reads marks and texts in turn."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.open: list[_Open] = []
        """A block, and a caption inside it."""
        self._containers: list[str] = []
        self._items: list[int] = []
        """Number of items so far, for each open list."""
        self._inline: list[str] | None = None
        self._inline_box: Box | None = None

    def is_mark(self, mark: re.Match[str], before: str) -> bool:
        """Whether what looks like a mark is one. *before* is the text between it and the mark in front of it."""
        name, top = mark["name"], self.open[-1] if self.open else None
        if mark["class"]:
            return top is not None and top.name in {"picture", "chart"} and not before.strip() and not top.is_begun
        if mark["language"]:
            return top is not None and top.name == "code" and not before.strip() and not top.is_begun
        if mark["place"] or name in CELLS or name in {ROW_END, "page_break", "doctag"} or not name:
            return True
        if mark["end"]:
            is_known = name in _CONTAINERS or any(block.name == name for block in self.open)
            return top is None or top.is_implied or is_known
        if self._inline is not None and name in {"text", "formula", "code"}:
            return True
        is_at_start = not before.strip(" \t") or before.rstrip(" \t").endswith("\n")
        return is_at_start or mark.string.startswith("<loc_", mark.end())

    def add_mark(self, mark: re.Match[str]) -> None:
        """Take one mark."""
        name = mark["name"]
        if mark["place"]:
            self._add_place(float(mark["place"]))
        elif mark["language"] and self.open:
            self.open[-1].language = "" if mark["language"] == "unknown" else mark["language"].lower()
        elif not name:
            return  # the class of a picture
        elif name in CELLS or name == ROW_END:
            if not self.open or self.open[-1].name not in _HOLDERS:
                self._start("otsl")
            self.open[-1].cells.append((name, ""))
            self.open[-1].is_begun = True
        elif name in _CONTAINERS:
            self._end_container(name) if mark["end"] else self._start_container(name)
        elif mark["end"]:
            if self.open and self.open[-1].is_implied and name in _KINDS:
                self.open[-1].name = name
            while any(block.name == name for block in self.open):
                self._close()
        elif name != "page_break":
            self._start(name)

    def add_text(self, text: str) -> None:
        """Take the text between two marks; outside any block it becomes a paragraph."""
        if not self.open and text.strip():
            self.open.append(_Open("text", is_implied=True))
        if self.open and text:
            block = self.open[-1]
            block.is_begun = block.is_begun or bool(text.strip())
            if block.cells:
                mark, before = block.cells[-1]
                block.cells[-1] = mark, before + text
            else:
                block.parts.append(text)

    def close_all(self) -> None:
        """End what the answer left open."""
        self._close_blocks()
        self._end_inline()

    def _add_place(self, number: float) -> None:
        if not self.open or len(self.open[-1].places) >= 4 or self.open[-1].is_begun:
            if self._inline is not None and not self.open and not self._inline:
                self.open.append(_Open("text"))
            elif not self.open or self.open[-1].is_begun:
                self._start("text")  # the mark of a block is missing: its places tell where it begins
                self.open[-1].is_implied = True
            else:
                return  # a place too many
        self.open[-1].places.append(number)

    def _start(self, name: str) -> None:
        is_inside = self.open and self.open[-1].name in _HOLDERS and name in {"caption", "smiles"}
        if self.open and not is_inside:
            self._close_blocks()
        self.open.append(_Open(name))

    def _start_container(self, name: str) -> None:
        if name == "doctag":
            return
        self._close_blocks()
        self._end_inline()
        self._containers.append(name)
        if name in _LISTS:
            self._items.append(0)
        elif name == "inline":
            self._inline, self._inline_box = [], None

    def _end_container(self, name: str) -> None:
        self._close_blocks()
        if name == "inline":
            self._end_inline()
        if name in self._containers[-8:]:
            while self._containers and self._containers.pop() != name:
                pass
            del self._items[sum(container in _LISTS for container in self._containers) :]

    def _end_inline(self) -> None:
        if self._inline:
            self.blocks.append(Block(BlockKind.TEXT, " ".join(self._inline), box=self._inline_box))
        self._inline = None

    def _close_blocks(self) -> None:
        while self.open:
            self._close()

    def _close(self) -> None:
        """End the innermost open block."""
        block = self.open.pop()
        kind = _KINDS.get(block.name, BlockKind.TEXT)
        holder = self.open[-1] if self.open else None
        if self._inline is not None and kind in {BlockKind.TEXT, BlockKind.FORMULA, BlockKind.CODE}:
            self._inline_box = self._inline_box or block.box
            if block.text:
                self._inline.append(_inline_text(kind, block.text))
            return
        made = self._make(kind, block)
        if holder is not None and holder.name in {"picture", "chart"}:
            holder.captions.extend(made)
        else:
            self.blocks.extend(made)

    def _make(self, kind: BlockKind, block: _Open) -> list[Block]:
        """The blocks that a block of the answer becomes; none when it is empty."""
        text, box = block.text, block.box
        made = [Block(kind, box=box)] if kind is BlockKind.PICTURE else []
        if kind in {BlockKind.PICTURE, BlockKind.TABLE}:
            made += [Block(BlockKind.TEXT, escape(text), box=box)] if text else []
            rows = otsl_rows(block.cells)
            made += [Block(BlockKind.TABLE, rows=rows, box=box)] if rows else []
            return made + block.captions
        if block.cells:  # marks of a table in something else
            made.append(Block(BlockKind.TABLE, rows=otsl_rows(block.cells), box=box))
        if not text:
            return made
        if block.name.startswith("checkbox"):
            text = f"{'☐' if 'unselected' in block.name else '☑'} {text}"
        if kind is BlockKind.CODE:
            return [Block(kind, text, box=box, language=block.language), *made]
        if kind is BlockKind.FORMULA:
            return [Block(kind, unwrap(text), box=box), *made]
        if kind is BlockKind.LIST_ITEM:
            return [self._list_item(text, box), *made]
        level = int(block.name[-1]) + 1 if block.name.startswith("section") else 1 if kind is BlockKind.HEADING else 0
        return [Block(page_number_or(kind, text), escape(text), level, box), *made]

    def _list_item(self, text: str, box: Box | None) -> Block:
        """A list item. Models often write its bullet or number into the text as well: that one is taken."""
        own = _BULLET.match(text)
        text = text[own.end() :] if own else text
        kinds = [container for container in self._containers if container in _LISTS]
        if self._items:
            self._items[-1] += 1
        marker = f"{self._items[-1]}." if kinds and kinds[-1] == "ordered_list" else "-"
        if own and own[1]:
            marker = own[1].lstrip("(")
        return Block(BlockKind.LIST_ITEM, escape(text), max(0, len(kinds) - 1), box, marker=marker)


def _inline_text(kind: BlockKind, text: str) -> str:
    if kind is BlockKind.FORMULA:
        return f"${' '.join(unwrap(text).split())}$"
    return code(text) if kind is BlockKind.CODE else escape(text)


def _level_headings(blocks: Sequence[Block]) -> list[Block]:
    """The blocks with the highest heading of the page at level 1: a page without a title begins below it."""
    levels = [block.level for block in blocks if block.kind is BlockKind.HEADING]
    surplus = min(levels, default=1) - 1
    return [
        replace(block, level=min(6, block.level - surplus)) if block.kind is BlockKind.HEADING else block
        for block in blocks
    ]

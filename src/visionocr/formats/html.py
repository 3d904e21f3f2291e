"""HTML answers: plain pages, and pages of blocks with places, as Chandra, Qwen-VL and Logics-Parsing write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.escaping import escape
from visionocr.formats.html_inline import Words, inline_text
from visionocr.formats.html_table import table_blocks
from visionocr.formats.html_tree import INLINE, Element, parse_tree
from visionocr.formats.inline import escape_tags
from visionocr.formats.labels import kind_of, page_number_or
from visionocr.formats.latex import unwrap
from visionocr.formats.places import Scale

_HEADING = re.compile(r"h([1-6])")
_BULLET = re.compile(r"^(?:[•●▪■◦‣∙·*–-]|(\d{1,4}[.)]))\s+")
_FORMULA_NUMBER = re.compile(r"^\((\w[\w.]{0,9})\)$")


def parse_html(text: str, scale: Scale | None = None, in_markdown: bool = False) -> tuple[Block, ...]:
    """The blocks of an HTML answer. *scale* is what its boxes are measured in; without it there are none.

    *in_markdown*: it stands in a Markdown answer, so that the text between its marks is Markdown.
    """
    root = parse_tree(text)
    blocks = list(_Walker(scale, escape_tags if in_markdown else escape).blocks(root, _Place()))
    if blocks and (root.is_cut or _is_open_at_end(root)):
        blocks[-1] = replace(blocks[-1], is_cut=True)
    return tuple(blocks)


def _is_open_at_end(element: Element) -> bool:
    """Whether an element was open where the text ended, but for those whose end may be left out."""
    while element.children and isinstance(last := element.children[-1], Element):
        if last.is_cut and last.name not in {"html", "body", "p", "li"}:
            return True
        element = last
    return False


@dataclass(frozen=True, slots=True)
class _Place:
    """What the elements around an element say about it."""

    kind: BlockKind = BlockKind.TEXT
    box: Box | None = None
    depth: int = -1
    """Of the lists around it; -1: in none."""


class _Walker:
    """Turns elements into blocks."""

    def __init__(self, scale: Scale | None, words: Words) -> None:
        self._scale = scale
        self._escape = words

    def blocks(self, element: Element, place: _Place) -> Iterator[Block]:
        """The blocks of what is inside *element*: text runs on until an element makes a block of its own."""
        run: list[Element | str] = []
        for child in element.children:
            if isinstance(child, str) or (child.name in INLINE and not child.has_block and not _is_display(child)):
                run.append(child)
                continue
            yield from self._paragraph(run, place)
            run = []
            yield from self._block(child, place)
        yield from self._paragraph(run, place)

    def _block(self, element: Element, place: _Place) -> Iterator[Block]:
        name = element.name
        box = self._box(element) or place.box
        if label := element.attributes.get("data-label", ""):
            yield from self._labelled(element, _Place(kind_of(label) or BlockKind.TEXT, box))
        elif name == "table":
            yield from table_blocks(element, self._escape, box)
        elif found := _HEADING.fullmatch(name):
            text = " ".join(inline_text(element.children, self._escape).split())
            if text:
                yield Block(BlockKind.HEADING, text, level=int(found[1]), box=box)
        elif name in {"ul", "ol"}:
            yield from self._list(element, replace(place, box=box, depth=place.depth + 1))
        elif name == "pre":
            yield from _code(element, box)
        elif _is_display(element) or "formula" in element.attributes.get("class", "").split(".")[0].split():
            yield from _formula(element, box)
        elif name == "figure" or _is_picture(element):
            yield from self._picture(element, replace(place, box=box), is_described=False)
        else:
            kind = {
                "header": BlockKind.HEADER,
                "footer": BlockKind.FOOTER,
                "figcaption": BlockKind.CAPTION,
                "caption": BlockKind.CAPTION,
            }.get(name, BlockKind.CAPTION if "caption" in element.attributes.get("class", "") else place.kind)
            yield from self.blocks(element, replace(place, kind=kind, box=box))

    def _labelled(self, element: Element, place: _Place) -> Iterator[Block]:
        """The blocks of one of Chandra's divisions."""
        if place.kind is BlockKind.PICTURE:
            yield from self._picture(element, place, is_described=True)
        elif place.kind is BlockKind.FORMULA:
            yield from _formula(element, place.box)
        elif place.kind is BlockKind.CODE:
            yield from _code(element, place.box)
        elif place.kind is BlockKind.HEADING:
            for block in self.blocks(element, replace(place, kind=BlockKind.TEXT)):
                is_text = block.kind is BlockKind.TEXT
                yield replace(block, kind=BlockKind.HEADING, level=1) if is_text else block
        else:
            says_more = place.kind not in {BlockKind.TABLE, BlockKind.LIST_ITEM}  # those have elements of their own
            yield from self.blocks(element, replace(place, kind=place.kind if says_more else BlockKind.TEXT))

    def _paragraph(self, run: list[Element | str], place: _Place) -> Iterator[Block]:
        """The block of a run of text; pictures that stand alone in it are blocks of their own."""
        shown = [child for child in run if isinstance(child, Element) or child.strip()]
        pictures = [child for child in shown if isinstance(child, Element) and child.name == "img"]
        if pictures and len(pictures) == len(shown):
            for picture in pictures:
                yield Block(BlockKind.PICTURE, _words(picture), box=self._box(picture) or place.box)
            return
        text = inline_text(run, self._escape)
        if not text.strip():
            return
        kind = page_number_or(place.kind, text)
        if kind is BlockKind.LIST_ITEM:
            yield Block(kind, text, level=max(0, place.depth), box=place.box, marker="-")
        else:
            yield Block(kind, text, box=place.box)

    def _list(self, element: Element, place: _Place) -> Iterator[Block]:
        start = element.attributes.get("start", "1")
        number = int(start) if start.isdecimal() and len(start) < 7 else 1
        for child in element.children:
            if isinstance(child, str) or child.name != "li":
                inside = child if isinstance(child, Element) else Element("li", children=[child])
                nested = isinstance(child, Element) and child.name in {"ul", "ol"}
                yield from (
                    self._block(inside, place) if nested else self.blocks(inside, replace(place, kind=BlockKind.TEXT))
                )
                continue
            marker = f"{number}." if element.name == "ol" else "-"
            number += 1
            is_first = True
            for block in self.blocks(child, replace(place, kind=BlockKind.TEXT, box=self._box(child) or place.box)):
                if is_first and block.kind is BlockKind.TEXT:
                    yield _list_item(block, marker, place.depth)
                else:
                    yield block
                is_first = False

    def _picture(self, element: Element, place: _Place, is_described: bool) -> Iterator[Block]:
        """A picture with what is said about it; captions, and tables or code made from a chart, stand behind it.

        *is_described*: the model was asked to describe it, so that text in it is no text of the page.
        """
        words: list[str] = []
        behind: list[Block] = []
        for block in self.blocks(element, replace(place, kind=BlockKind.TEXT)):
            if block.kind is BlockKind.PICTURE or (is_described and block.kind is BlockKind.TEXT):
                words.append(block.text)
            else:
                behind.append(block)
        yield Block(BlockKind.PICTURE, "\n".join(dict.fromkeys(filter(None, words))), box=place.box)
        yield from behind

    def _box(self, element: Element) -> Box | None:
        numbers = element.attributes.get("data-bbox")
        return self._scale.box(numbers) if numbers and self._scale else None


def _is_display(element: Element) -> bool:
    return element.name == "math" and element.attributes.get("display") == "block"


def _is_picture(element: Element) -> bool:
    classes = element.attributes.get("class", "").split()
    return element.name == "div" and bool({"image", "chart", "figure"} & {*classes}) and "caption" not in classes


def _words(picture: Element) -> str:
    return inline_text([picture.attributes.get("alt", "")])


def _list_item(block: Block, marker: str, depth: int) -> Block:
    """A list item; a bullet or number that stands in its text besides the list's own replaces that one."""
    own = _BULLET.match(block.text)
    if own is None:
        return replace(block, kind=BlockKind.LIST_ITEM, marker=marker, level=depth)
    return replace(block, kind=BlockKind.LIST_ITEM, text=block.text[own.end() :], marker=own[1] or marker, level=depth)


def _code(element: Element, box: Box | None) -> Iterator[Block]:
    text = element.text.strip("\n")
    inner: Element | None = element
    language = ""
    while inner is not None and not language:
        language = inner.attributes.get("class", "").partition(" ")[0].removeprefix("language-")
        inner = next((child for child in inner.children if isinstance(child, Element)), None)
    if text.strip():
        yield Block(BlockKind.CODE, text, box=box, language=language)


def _formula(element: Element, box: Box | None) -> Iterator[Block]:
    """One formula for each ``<math>``, with its number where one stands beside it; other text stays text."""
    text = element.text.strip()
    maths = [element] if element.name == "math" else list(_elements(element, "math"))
    if len(maths) > 1 or (maths and maths[0] is not element and maths[0].text.strip() != text):
        rest = _without_math(element)
        for math in maths:
            number = _FORMULA_NUMBER.match(rest)
            tag = rf" \tag{{{number[1]}}}" if number and len(maths) == 1 else ""
            yield Block(BlockKind.FORMULA, unwrap(math.text) + tag, box=box)
            rest = "" if tag else rest
        if rest:
            yield Block(BlockKind.TEXT, inline_text([rest]), box=box)
    elif text:
        yield Block(BlockKind.FORMULA, unwrap(text), box=box)
    else:
        for picture in _elements(element, "img"):
            yield Block(BlockKind.PICTURE, _words(picture), box=box)


def _elements(element: Element, name: str) -> Iterator[Element]:
    for child in element.children:
        if isinstance(child, Element):
            if child.name == name:
                yield child
            else:
                yield from _elements(child, name)


def _without_math(element: Element) -> str:
    """The text of *element* without its formulas, blanks joined."""
    parts = [
        child if isinstance(child, str) else _without_math(child)
        for child in element.children
        if isinstance(child, str) or child.name != "math"
    ]
    return " ".join(" ".join(parts).split())

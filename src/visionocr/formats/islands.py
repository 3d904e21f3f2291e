r"""Marks between plain Markdown: HTML and LaTeX tables, the tags of Nanonets and HunyuanOCR, figures with places.

Only these islands are touched; the Markdown around them stays to the letter, and nothing in code is taken for a mark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.formats.code_regions import regions
from visionocr.formats.html import parse_html
from visionocr.formats.latex import TABULAR, table_rows
from visionocr.formats.otsl import parse_otsl
from visionocr.formats.pieces import Passage, Piece
from visionocr.formats.places import Scale

_NUMBERS = r"[\d\s,.()\[\]-]{3,200}"
_ISLAND = re.compile(
    r"(?P<table><table\b[^<>]*>(?=\s*(?:<(?:caption|colgroup|thead|tbody|tr|th|td|/table)\b|\Z)))"
    r"|(?P<otsl>^(?:<otsl>\s*)?<(?:fcel|ecel|ched|rhed|srow)>)"
    rf"|(?:<!--\s*Table\s*\((?P<place>{_NUMBERS})\)\s*-->\s*)?(?P<tabular>\\begin\{{tabular)"
    rf"|<!--\s*(?P<comment>Image|Table)\s*\((?P<there>{_NUMBERS})\)\s*-->"
    rf"|<pFig>(?P<figure>[^<>\n]*+)(?:</pFig>)?(?:<quad>(?P<quad>{_NUMBERS})(?:</quad>)?)?"
    r"|<img>(?P<picture>(?:[^<]|<(?!/?img\b))*+(?=</img>)|[^<\n]*+)(?:</img>|$)"
    r"|!\[image\]\(image_\d{1,4}\.png\)[ \t]*(?P<corners>\d{1,4},[ ]?\d{1,4},[ ]?\d{1,4},[ ]?\d{1,4})"
    r"|!\[(?P<words>[^\[\]\n]*+)\]\(page_(?P<pixels>\d{1,5}_\d{1,5}_\d{1,5}_\d{1,5})\.png\)"
    r"|<page_number>(?P<number>[^<>\n]{0,40})(?:</page_number>|$)"
    r"|(?P<tag><(?P<name>watermark|signature|seal|stamp|pSeal|center)>(?=[^<>\n]*</(?P=name)>)"
    r"|</(?:watermark|signature|seal|stamp|pSeal|pFig|center|page_number|img)>|^[ \t]*<(?:watermark|signature|pSeal|center)>)"
    rf"|<(?P<reference>ref)>(?=[^<>\n]*</ref>\s?<box>)|</ref>\s?<box>{_NUMBERS}(?:</box>|\Z)"
    rf"|<\|(?:object_ref|box)_(?:start|end)\|>(?:{_NUMBERS}<\|box_end\|>)?",
    re.MULTILINE,
)
_TABLE_END = re.compile(r"<(?P<end>/)?table\b[^<>]*>|\n[ \t]*\n(?!\s*<)", re.IGNORECASE)
_OTSL_END = re.compile(r"</otsl>|\n[ \t]*\n(?![ \t]*<(?:fcel|ecel|lcel|ucel|xcel|ched|rhed|srow|nl)>)")
_MARK_START = re.compile(
    r"(?:<(?:table|otsl|fcel|ecel|ched|rhed|srow|!--|/?pFig|/?pSeal|/?quad|/?img|/?page_number|/?watermark"
    r"|/?signature|/?seal|/?stamp|/?center|/?ref|\|)|\\begin\{tabular|!\[)"
)
_COORDINATES_ONLY = re.compile(r"(?:\s*\(\d{1,4},\s?\d{1,4}\),?)+\s*")


@dataclass(frozen=True, slots=True)
class Scales:
    """What places are measured in: those of boxes, and those in olmOCR's names of figures, in pixels."""

    boxes: Scale | None = None
    pixels: Scale | None = None


def find_islands(text: str, scales: Scales = Scales(), box: Box | None = None) -> tuple[Piece, ...]:
    """The pieces of Markdown *text*: blocks for islands, passages for what is between them.

    *box*: the place of the whole text, for pieces that have none of their own. An answer of coordinates only has no text.
    """
    if _COORDINATES_ONLY.fullmatch(text):
        return ()
    if not _MARK_START.search(text):
        return (Passage(text, box),)
    return tuple(_joined(_pieces(text, scales, box), box))


def has_islands(text: str) -> bool:
    """Whether anything in *text* would be taken for a mark."""
    return find_islands(text) != (Passage(text),)


def _pieces(text: str, scales: Scales, box: Box | None) -> Iterator[Piece | str]:
    """Blocks, and strings between them."""
    end = 0
    for start, part in _plain_parts(text):
        at = max(0, end - start)
        while island := _ISLAND.search(part, at):
            yield text[end : start + island.start()]
            pieces, at = _READERS[_reader_name(island)](text, start, island, scales)
            for piece in pieces:
                yield replace(piece, box=piece.box or box) if isinstance(piece, Block) else piece
            end = start + at
            if at > len(part):
                break
    yield text[end:]


def _plain_parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of *text* that are no code, each with its offset."""
    offset = 0
    for is_code, part in regions(text):
        if not is_code:
            yield offset, part
        offset += len(part)


def _joined(pieces: Iterator[Piece | str], box: Box | None) -> Iterator[Piece]:
    """Strings in a row as one passage; a block that stands within a line of text becomes part of it."""
    run = ""
    for piece in pieces:
        if isinstance(piece, str):
            run += piece
        elif isinstance(piece, Passage):
            run += piece.text
        else:
            if run.strip():
                yield Passage(run.strip("\n"), box)
            run = ""
            yield piece
    if run.strip():
        yield Passage(run.strip("\n"), box)


# --- one reader for each kind of island: the pieces, and the offset behind it within its part of the text ---------------

_Found = tuple[list[Piece | str], int]


def _reader_name(island: re.Match[str]) -> str:
    return next((name for name in _READERS if island[name] is not None), "tag")


def _table(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    """An HTML table with those inside it; one that is never closed ends at an empty line, unless marks follow."""
    begin = start + island.start()
    depth = 1
    end = len(text)
    for mark in _TABLE_END.finditer(text, start + island.end()):
        if mark[0][0] == "\n":
            end = mark.start()
        else:
            depth += -1 if mark["end"] else 1
            end = mark.end()
        if depth == 0 or mark[0][0] == "\n":
            break
    else:
        end = len(text)
    return [*parse_html(text[begin:end], scales.boxes, in_markdown=True)], end - start


def _otsl(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    begin = start + island.start()
    found = _OTSL_END.search(text, begin)
    end = len(text) if found is None else found.end() if found[0].startswith("<") else found.start()
    return [*parse_otsl(text[begin:end])], end - start


def _tabular(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    """A LaTeX table; one that cannot be read stays as it is."""
    table = TABULAR.match(text, start + island.start("tabular"))
    if table is None:
        return [island[0]], island.end()
    box = _box(island["place"], scales.boxes)
    return [Block(BlockKind.TABLE, rows=table_rows(table["body"]), box=box)], table.end() - start


def _comment(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    is_image = island["comment"] == "Image"
    return [Block(BlockKind.PICTURE, box=_box(island["there"], scales.boxes))] if is_image else [], island.end()


def _figure(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    return [Block(BlockKind.PICTURE, island["figure"].strip(), box=_box(island["quad"], scales.boxes))], island.end()


def _picture(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    words = " ".join(island["picture"].split())
    if _is_whole_line(text, start + island.start(), start + island.end()):
        return [Block(BlockKind.PICTURE, words)], island.end()
    return [f"![{words.replace('[', '(').replace(']', ')')}]()"], island.end()


def _corners(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    return [Block(BlockKind.PICTURE, box=_box(island["corners"], scales.boxes))], island.end()


def _pixels(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    left, top, width, height = map(int, island["pixels"].split("_"))
    box = scales.pixels.box([left, top, left + width, top + height]) if scales.pixels else None
    if _is_whole_line(text, start + island.start(), start + island.end()):
        return [Block(BlockKind.PICTURE, island["words"], box=box)], island.end()
    return [f"![{island['words']}]()"], island.end()


def _number(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    number = island["number"].strip()
    return [Block(BlockKind.PAGE_NUMBER, number)] if number else [], island.end()


def _tag(text: str, start: int, island: re.Match[str], scales: Scales) -> _Found:
    return [""], island.end()


_READERS: dict[str, Callable[[str, int, re.Match[str], Scales], _Found]] = {
    "table": _table,
    "otsl": _otsl,
    "tabular": _tabular,
    "comment": _comment,
    "figure": _figure,
    "picture": _picture,
    "corners": _corners,
    "pixels": _pixels,
    "number": _number,
    "tag": _tag,
}


def _is_whole_line(text: str, start: int, end: int) -> bool:
    """Whether nothing else stands on the lines of a stretch of *text*."""
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    after = text[end : end + 200].partition("\n")[0]
    return not before.strip() and not after.strip()


def _box(numbers: str | None, scale: Scale | None) -> Box | None:
    return scale.box(numbers) if numbers and scale else None

r"""Marks between plain Markdown: HTML and LaTeX tables, the tags of Nanonets and HunyuanOCR, figures with places.

Only these islands are touched; the Markdown around them stays to the letter, and nothing in code is taken for a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.formats.code_regions import plain_parts
from visionocr.formats.html import parse_html
from visionocr.formats.latex import TABULAR, table_rows
from visionocr.formats.otsl import parse_otsl
from visionocr.formats.pieces import Passage, Piece, picture_words
from visionocr.formats.places import Scale

_NUMBERS = r"[\d\s,.()\[\]-]{3,200}"
_ISLAND = re.compile(
    r"(?P<table><table\b[^<>]*>(?=\s*(?:<(?:caption|colgroup|thead|tbody|tr|th|td|/table)\b|\Z))|^<tr>(?=\s*<t[dh]\b))"
    r"|^</table>[ \t]*$"
    r"|(?P<otsl>^(?:<otsl>\s*)?<(?:fcel|ecel|ched|rhed|srow)>)"
    rf"|(?:<!--\s*Table\s*\((?P<place>{_NUMBERS})\)\s*-->\s*)?(?P<tabular>\\begin\{{tabular)"
    rf"|<!--\s*(?P<comment>Image|Table)\s*\((?P<there>{_NUMBERS})\)\s*-->"
    rf"|<pFig>(?P<figure>[^<>\n]*+)(?:</pFig>)?(?:<quad>(?P<quad>{_NUMBERS})(?:</quad>)?)?"
    r"|<img>(?P<picture>(?:[^<]|<(?!/?img\b))*+(?=</img>)|[^<\n]*+)(?:</img>|$)"
    r"|!\[image\]\(image_\d{1,4}\.png\)[ \t]*(?P<corners>\d{1,4},[ ]?\d{1,4},[ ]?\d{1,4},[ ]?\d{1,4})"
    r"|!\[(?P<words>[^\[\]\n]*+)\]\(page_(?P<pixels>\d{1,5}_\d{1,5}_\d{1,5}_\d{1,5})\.png\)"
    r"|<page_number>(?P<number>[^<>\n]{0,40})(?:</page_number>|$)"
    r"|<(?P<name>watermark|signature|seal|stamp|pSeal|center)>(?P<inner>[^<>\n]*+)</(?P=name)>"
    rf"|<quad>{_NUMBERS}(?:</quad>|\Z)|</(?:watermark|signature|seal|stamp|pSeal|pFig|quad|center|page_number|img)>"
    r"|^[ \t]*<(?:watermark|signature|pSeal|center)>"
    rf"|<ref>(?=[^<>\n]*</ref>\s?<box>)|</ref>\s?<box>{_NUMBERS}(?:</box>|\Z)"
    rf"|<\|(?:object_ref|box)_(?:start|end)\|>(?:{_NUMBERS}<\|box_end\|>)?",
    re.MULTILINE,
)
_TABLE_END = re.compile(r"<(?P<end>/)?table\b[^<>]*>|\n[ \t]*\n(?!\s*<)", re.IGNORECASE)
_OTSL_END = re.compile(r"</otsl>|\n[ \t]*\n(?![ \t]*<(?:fcel|ecel|lcel|ucel|xcel|ched|rhed|srow|nl)>)")
_MARK_START = re.compile(
    r"(?:<(?:/?table|tr>|otsl|fcel|ecel|ched|rhed|srow|!--|/?pFig|/?pSeal|/?quad|/?img|/?page_number|/?watermark"
    r"|/?signature|/?seal|/?stamp|/?center|/?ref|\|)|\\begin\{tabular|!\[)"
)
_COORDINATES_ONLY = re.compile(r"(?:\s*\(\d{1,4},\s?\d{1,4}\),?)+\s*")


@dataclass(frozen=True, slots=True)
class Scales:
    """What places are measured in: those of boxes, and those in olmOCR's names of figures, in pixels."""

    boxes: Scale | None = None
    pixels: Scale | None = None


def find_islands(text: str, scales: Scales, box: Box | None = None) -> tuple[Piece, ...]:
    """The pieces of Markdown *text*: blocks for islands, passages for what is between them.

    *box*: the place of the whole text, for pieces without one of their own. An answer of coordinates only has no text.
    """
    if _COORDINATES_ONLY.fullmatch(text):
        return ()
    if not _MARK_START.search(text):
        return (Passage(text, box),)
    return tuple(_joined(_pieces(text, scales, box), box))


def _pieces(text: str, scales: Scales, box: Box | None) -> Iterator[Piece | str]:
    """Blocks, and strings between them."""
    end = 0
    for start, part in plain_parts(text):
        at = max(0, end - start)
        while island := _ISLAND.search(part, at):
            yield text[end : start + island.start()]
            pieces, end = _read(text, start, island, scales)
            for piece in pieces:
                yield replace(piece, box=piece.box or box) if isinstance(piece, Block) else piece
            at = end - start
    yield text[end:]


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


def _read(text: str, start: int, island: re.Match[str], scales: Scales) -> tuple[list[Piece | str], int]:
    """What an island becomes, and the offset in *text* behind it. *start*: where the part with the island begins."""
    begin, end = start + island.start(), start + island.end()
    if island["table"]:
        end = _table_end(text, end)
        html = text[begin:end] if island["table"].startswith("<table") else "<table>" + text[begin:end]
        return [*parse_html(html, scales.boxes, in_markdown=True)], end
    if island["otsl"]:
        found = _OTSL_END.search(text, begin)
        end = len(text) if found is None else found.end() if found[0].startswith("<") else found.start()
        return [*parse_otsl(text[begin:end])], end
    if island["tabular"]:
        table = TABULAR.match(text, start + island.start("tabular"))
        if table is None:
            return [island[0]], end  # cannot be read: stays as it is
        box = _box(island["place"], scales.boxes)
        return [Block(BlockKind.TABLE, rows=table_rows(table["body"]), box=box)], table.end()
    return _read_mark(island, _is_whole_line(text, begin, end), scales), end


def _table_end(text: str, start: int) -> int:
    """Where an HTML table ends, with those inside it; one that is never closed at an empty line before other text."""
    depth = 1
    for mark in _TABLE_END.finditer(text, start):
        if mark[0].startswith("\n"):
            return mark.start()
        depth += -1 if mark["end"] else 1
        if depth == 0:
            return mark.end()
    return len(text)


def _read_mark(island: re.Match[str], is_alone: bool, scales: Scales) -> list[Piece | str]:
    """What a short island becomes; one that is not alone on its lines becomes a part of the paragraph."""
    if island["comment"] == "Image":
        return [Block(BlockKind.PICTURE, box=_box(island["there"], scales.boxes))]
    if island["figure"] is not None:
        return [Block(BlockKind.PICTURE, island["figure"].strip(), box=_box(island["quad"], scales.boxes))]
    if island["corners"]:
        return [Block(BlockKind.PICTURE, box=_box(island["corners"], scales.boxes))]
    if island["picture"] is not None or island["words"] is not None:
        words = " ".join((island["picture"] or island["words"] or "").split())
        box = _figure_box(island["pixels"], scales.pixels)
        return [Block(BlockKind.PICTURE, words, box=box) if is_alone else f"![{picture_words(words)}]()"]
    if island["number"]:
        return [Block(BlockKind.PAGE_NUMBER, island["number"].strip())]
    if island["inner"] is not None:  # words of the page, in a tag that says what they are
        words = island["inner"].strip()
        return [Block(BlockKind.TEXT, words) if is_alone and words and island["name"] != "center" else words]
    return []


def _figure_box(numbers: str | None, scale: Scale | None) -> Box | None:
    """The box in the name that olmOCR gives a figure: left, top, width and height."""
    if not numbers or scale is None:
        return None
    left, top, width, height = map(int, numbers.split("_"))
    return scale.box([left, top, left + width, top + height])


def _is_whole_line(text: str, start: int, end: int) -> bool:
    """Whether nothing else stands on the lines of a stretch of *text*."""
    before = text[max(0, start - 200) : start].rpartition("\n")[2]
    after = text[end : end + 200].partition("\n")[0]
    return not before.strip() and not after.strip()


def _box(numbers: str | None, scale: Scale | None) -> Box | None:
    return scale.box(numbers) if numbers and scale else None

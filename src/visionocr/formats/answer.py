"""Recognises the format of an answer, and turns the answer into Markdown, or plain text, and blocks.

A preset says in which format its model answers, but the answer decides: users write prompts of their own, models fall
back on Markdown, and servers leave marks out. Each format is recognised by marks that a page *about* it does not have
in these places: nothing in a listing counts, nor marks behind most of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from visionocr.blocks import Block
from visionocr.formats import doctags, grounded
from visionocr.formats.code_regions import is_mostly_behind
from visionocr.formats.html import parse_html
from visionocr.formats.hunyuan import is_hunyuan, parse_hunyuan
from visionocr.formats.islands import Scales, find_islands
from visionocr.formats.latex import to_dollars
from visionocr.formats.layout_json import is_layout_json, parse_layout_json
from visionocr.formats.markdown import write_markdown
from visionocr.formats.markdown_reader import parse_markdown
from visionocr.formats.pieces import Passage, Piece
from visionocr.formats.places import Scale, make_scale, trust
from visionocr.formats.plain import write_plain
from visionocr.formats.spots import is_spots, parse_spots
from visionocr.types import AnswerFormat, Finding, FindingKind, Headers, Preset, Severity, Tables, Task

_PLACED_HTML = re.compile(r"<[a-z][a-z0-9]{0,9}\s[^<>]{0,200}\bdata-bbox\s*=", re.IGNORECASE)
_HTML_PAGE = re.compile(r"\s*(?:<!doctype html|<html\b|<body\b)", re.IGNORECASE)
_HTML_BLOCK = re.compile(r"</?(?:p|h[1-6]|div|table|ul|ol|math)\b[^<>]{0,200}>", re.IGNORECASE)
_FENCE = re.compile(r"```(?:json|xml|html|doctags)?[ \t]*\n(?P<body>(?:[^`]|`(?!``))*+)(?:```)?\s*")
_OWN = {AnswerFormat.DOCTAGS: "DocTags", AnswerFormat.HTML: "HTML", AnswerFormat.JSON: "JSON"}
"""Formats without which the structure of a page is lost."""


@dataclass(frozen=True, slots=True)
class Converted:
    """An answer in the form of the output."""

    text: str
    """Markdown, or plain text where the task asks for it."""
    blocks: tuple[Block, ...] = ()
    """The parts of the page, boxes as fractions of the picture that was sent; empty for plain Markdown."""
    findings: tuple[Finding, ...] = ()


def convert_answer(
    text: str,
    preset: Preset,
    task: Task,
    *,
    width: int = 0,
    height: int = 0,
    expected: AnswerFormat | None = None,
    tables: Tables = Tables.AUTO,
    headers: Headers = Headers.KEEP,
) -> Converted:
    """A clean answer as Markdown or plain text, and as blocks.

    *width* and *height*: of the picture in pixels, as the model saw it. *expected*: the format asked for, where that is
    not the preset's for the task: Markdown for a user's own prompt, ``preset.answer.grounded`` for a prompt that
    asks for boxes. An answer that describes a picture, and plain Markdown, stay as they are, but for the
    delimiters of formulas.
    """
    if task.caption:
        return Converted(text)
    expected = expected or preset.answer.format_of(task.name)
    scales = Scales(make_scale(preset.answer.boxes, width, height), Scale(width, height) if width and height else None)
    found, pieces = _parse(text, expected, scales)
    findings = _findings(text, expected, found)
    if pieces is None:
        return Converted(to_dollars(text) if task.markdown else text, findings=findings)
    blocks = _blocks(pieces)
    if found is AnswerFormat.JSON and blocks and not text.rstrip("` \n").endswith(("]", "}")):
        blocks = (*blocks[:-1], replace(blocks[-1], is_cut=True))
    written = write_markdown(pieces, tables, headers) if task.markdown else write_plain(pieces, headers)
    return Converted(written, blocks, findings)


def parse_answer(
    text: str, expected: AnswerFormat = AnswerFormat.MARKDOWN, scales: Scales | None = None
) -> tuple[Block, ...] | None:
    """The blocks of a clean answer in any format; ``None`` for plain Markdown.

    *expected* breaks ties. *scales*: what the answer's boxes are measured in; without them only DocTags have boxes.
    """
    pieces = _parse(text, expected, scales or Scales())[1]
    return None if pieces is None else _blocks(pieces)


def recognise(text: str, expected: AnswerFormat = AnswerFormat.MARKDOWN) -> AnswerFormat:
    """The format of *text*; Markdown also when other marks stand in it like islands."""
    if doctags.is_doctags(text):
        return AnswerFormat.DOCTAGS
    if is_layout_json(text):
        return AnswerFormat.JSON
    if is_hunyuan(text):
        return AnswerFormat.HUNYUAN
    if _is_html(text, expected):
        return AnswerFormat.HTML
    if grounded.is_grounded(text):
        return AnswerFormat.GROUNDED
    if expected is AnswerFormat.SPOTS and is_spots(text):
        return AnswerFormat.SPOTS
    return AnswerFormat.MARKDOWN


def _is_html(text: str, expected: AnswerFormat) -> bool:
    if _HTML_PAGE.match(text) or is_mostly_behind(_PLACED_HTML, text):
        return True
    # Without places it might be Markdown with a table in HTML, which has no marks in its first line.
    first_line = text.lstrip().partition("\n")[0]
    return expected is AnswerFormat.HTML and _HTML_BLOCK.search(first_line) is not None


def _parse(text: str, expected: AnswerFormat, scales: Scales) -> tuple[AnswerFormat, tuple[Piece, ...] | None]:
    """The format of an answer and its pieces; ``None`` when it is plain Markdown."""
    if expected in _OWN and (fence := _FENCE.fullmatch(text)) and recognise(fence["body"], expected) is expected:
        text = fence["body"]
    found = recognise(text, expected)
    pieces: tuple[Piece, ...]
    if found is AnswerFormat.DOCTAGS:
        pieces = doctags.parse_doctags(text)
    elif found is AnswerFormat.JSON:
        pieces = parse_layout_json(text, scales)
    elif found is AnswerFormat.HUNYUAN:
        pieces = parse_hunyuan(text, scales)
    elif found is AnswerFormat.HTML:
        pieces = parse_html(text, scales.boxes)
    elif found is AnswerFormat.GROUNDED:
        pieces = grounded.parse_grounded(text, scales)
    elif found is AnswerFormat.SPOTS:
        pieces = parse_spots(text, scales)
    else:
        if text.strip() == "null":  # olmOCR's word for a page without text
            return found, ()
        text = to_dollars(text)
        pieces = find_islands(text, scales)
        if pieces and all(isinstance(piece, Passage) and piece.text == text.strip("\n") for piece in pieces):
            return found, None
    return found, pieces


def _blocks(pieces: tuple[Piece, ...]) -> tuple[Block, ...]:
    """The pieces as blocks; those of a passage have its box."""
    blocks: list[Block] = []
    for piece in pieces:
        if isinstance(piece, Passage):
            blocks += [replace(block, box=piece.box) for block in parse_markdown(piece.text)]
        else:
            blocks.append(piece)
    return trust(blocks)


def _findings(text: str, expected: AnswerFormat, found: AnswerFormat) -> tuple[Finding, ...]:
    message = ""
    if found is AnswerFormat.DOCTAGS and doctags.has_lost_marks(text):
        message = (
            "The server left the model's special tokens out of the answer, and with them headings and tables: start "
            "llama-server with --special; Ollama and LM Studio cannot keep them."
        )
    elif expected in _OWN and found is not expected and text.strip():
        message = f"The answer is not in {_OWN[expected]}, as this model's answers are: it was taken as it is."
    return (Finding(FindingKind.FORMAT, message, Severity.INFO),) if message else ()

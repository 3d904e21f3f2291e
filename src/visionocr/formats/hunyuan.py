"""HunyuanOCR 1.5's layout: text, then ``<hy-meta>`` with its label and its place."""

from __future__ import annotations

import re

from visionocr.blocks import BlockKind
from visionocr.formats.code_regions import plain_parts
from visionocr.formats.islands import Scales
from visionocr.formats.labelled import read_labelled
from visionocr.formats.labels import kind_of, page_number_or
from visionocr.formats.pieces import Passage, Piece

_MARK = re.compile(
    r"<hy-meta>\s*(?:<layout>(?P<label>[\w -]{0,40})(?:</layout>)?)?\s*"
    r"(?:<(?:quad|poly)>(?P<places>[\d\s,.()\[\]-]*+)(?:</(?:quad|poly)>)?)?\s*(?:</hy-meta>)?"
    r"|</(?:hy-meta|layout|quad|poly)>|<(?:layout|quad|poly)>(?:[\d\s,.()\[\]-]*+(?=</))?"
)
_CUT_MARK = re.compile(r"</?(?:[hlqp][a-z-]{0,6})?\Z")


def is_hunyuan(text: str) -> bool:
    """Whether *text* has its marks outside of code."""
    return any("<hy-meta>" in part for _, part in plain_parts(text))


def parse_hunyuan(text: str, scales: Scales) -> tuple[Piece, ...]:
    """The pieces of such an answer."""
    text = _CUT_MARK.sub("", text)
    pieces: list[Piece] = []
    end = 0
    for mark in _MARK.finditer(text):
        words = text[end : mark.start()].strip()
        end = mark.end()
        label = mark["label"] or ""
        kind = page_number_or(kind_of(label) or BlockKind.TEXT, words)
        box = scales.boxes.box(mark["places"]) if scales.boxes and mark["places"] else None
        if words or kind is BlockKind.PICTURE:
            pieces += read_labelled(kind, words, box, scales, level=1 if label == "title" else 2)
    if rest := text[end:].strip():
        pieces.append(Passage(rest))
    return tuple(pieces)

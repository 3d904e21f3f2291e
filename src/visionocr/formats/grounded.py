"""Markdown with places in front, as DeepSeek-OCR and its descendants write it.

``<|ref|>label<|/ref|><|det|>[[x1, y1, x2, y2]]<|/det|>`` stands on a line, the content below. A server that leaves
special tokens out lets ``label[[x1, y1, x2, y2]]`` remain. Unlimited-OCR writes
``<|det|>label [x1, y1, x2, y2]<|/det|>content``. Where words of the page stand in place of labels, each has its own
place, and there are no other contents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box
from visionocr.formats.code_regions import is_mostly_behind
from visionocr.formats.islands import Scales, find_islands
from visionocr.formats.labelled import read_labelled
from visionocr.formats.labels import kind_of, page_number_or
from visionocr.formats.pieces import Passage, Piece

_NUMBER = r"\d{1,4}(?:\.\d+)?"
_BOX = rf"\[\s*{_NUMBER}(?:,\s*{_NUMBER}){{3}}\s*\]"
_BARE = (
    rf"^(?:(?P<bare>[a-z_]{{3,30}})[ \t]?(?P<there>\[{_BOX}\])[ \t]*$\n?"
    rf"|(?P<word>[a-z_]{{3,30}})[ \t]?(?P<where>{_BOX})(?=[^\s.,;:)\]]))"
)
_MARK = re.compile(
    r"(?:<\|ref\|>(?P<label>(?:[^<]|<(?!\|))*+)(?:<\|/ref\|>)?|^(?P<half>[a-z_]{3,30})<\|/ref\|>)[ \t]*"
    r"(?:<\|det\|>)?(?P<box>\[[\[\]\d., -]*+)?(?:<\|/det\|>)?[ \t]*\n?"
    rf"|<\|det\|>[ \t]*(?P<own>[a-z_]{{3,30}})[ \t]*(?P<its>{_BOX})(?:<\|/det\|>)?"
    rf"|{_BARE}"
    r"|<\|/?(?:ref|det|grounding)\|>(?:\[[\[\]\d., -]*+(?=<\|/det\|>))?",
    re.MULTILINE,
)
_LABEL = re.compile(r"[a-z_]{0,30}")
_CUT_MARK = re.compile(r"<(?:\|/?(?:r(?:ef?)?|d(?:et?)?)?\|?)?\Z|^[a-z_]{3,30}\[\[[\d\s,.]*\]?\Z", re.MULTILINE)
_SPECIAL = re.compile(r"<\|/?(?:ref|det)\|>")
_BEGINNING = re.compile(_BARE, re.MULTILINE)


def is_grounded(text: str) -> bool:
    """Whether *text* has DeepSeek's marks, or begins with a known label and a box."""
    if is_mostly_behind(_SPECIAL, text):
        return True
    first = _BEGINNING.match(text.lstrip())
    return first is not None and kind_of(first["bare"] or first["word"]) is not None


def parse_grounded(text: str, scales: Scales) -> tuple[Piece, ...]:
    """The pieces of an answer with places."""
    text = _CUT_MARK.sub("", text)
    marks = [mark for mark in _MARK.finditer(text) if not (mark["bare"] or mark["word"]) or kind_of(_label(mark))]
    labels = [mark["label"].strip() for mark in marks if mark["label"]]
    if 2 * sum(kind_of(label) is None for label in labels) > len(labels):
        return tuple(_lines(text, marks, scales))
    return tuple(_contents(text, marks, scales))


def _lines(text: str, marks: list[re.Match[str]], scales: Scales) -> Iterator[Piece]:
    """One paragraph for each place: what is referred to is the text itself."""
    end = 0
    for mark in marks:
        if rest := text[end : mark.start()].strip():
            yield Passage(rest)
        if words := _label(mark):
            yield Passage(words, _box(mark, scales))
        end = mark.end()
    if rest := text[end:].strip():
        yield Passage(rest)


def _contents(text: str, marks: list[re.Match[str]], scales: Scales) -> Iterator[Piece]:
    """Labels with what stands below them. Two marks in a row come before two contents: a table, and its caption."""
    waiting: list[tuple[str, Box | None]] = []
    end = 0
    for mark in [*marks, None]:
        content = text[end : len(text) if mark is None else mark.start()]
        if content.strip() or mark is None:
            yield from _content(content, waiting, scales)
            waiting = []
        if mark is not None:
            end = mark.end()
            label = _label(mark)
            if label and not _LABEL.fullmatch(label):
                yield Passage(label, _box(mark, scales))  # words of the page where a label should be
            elif label:
                waiting.append((label, _box(mark, scales)))


def _content(content: str, waiting: list[tuple[str, Box | None]], scales: Scales) -> Iterator[Piece]:
    places = {kind_of(label): box for label, box in reversed(waiting)}
    for label, box in waiting:
        if kind_of(label) is BlockKind.PICTURE:
            yield Block(BlockKind.PICTURE, box=box)
    if not content.strip():
        return
    label, box = waiting[-1] if waiting else ("text", None)
    kind = kind_of(label) or BlockKind.TEXT
    if kind is BlockKind.PICTURE:  # what stands below its own mark is not told apart from the text that follows
        kind, box = BlockKind.TEXT, None
    level = 1 if label == "title" else 2
    if BlockKind.TABLE in places and "<table" in content:  # with its caption in front
        for piece in find_islands(content.strip(), scales):
            if isinstance(piece, Block):
                yield replace(piece, box=places[BlockKind.TABLE])
            else:
                yield from read_labelled(
                    BlockKind.CAPTION if kind is BlockKind.CAPTION else BlockKind.TEXT, piece.text, box, scales
                )
    else:
        yield from read_labelled(page_number_or(kind, content), content, box, scales, level)


def _label(mark: re.Match[str]) -> str:
    return next((mark[name].strip() for name in ("label", "half", "own", "bare", "word") if mark[name]), "")


def _box(mark: re.Match[str], scales: Scales) -> Box | None:
    numbers = mark["box"] or mark["its"] or mark["there"] or mark["where"]
    return scales.boxes.box(numbers) if numbers and scales.boxes else None

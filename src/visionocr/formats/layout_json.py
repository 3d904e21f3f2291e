r"""Layouts in JSON, as dots.ocr writes them: a list of objects with a box, a label and a text.

A reader of this one shape instead of a JSON parser, because answers are cut in a string, lack commas and quotes, and
write LaTeX with single backslashes: to every JSON parser ``\frac`` is a form feed and ``\theta`` a tab, without error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from visionocr.answers.clean import neutralise
from visionocr.blocks import BlockKind
from visionocr.formats.islands import Scales
from visionocr.formats.labelled import read_labelled
from visionocr.formats.labels import kind_of, page_number_or
from visionocr.formats.pieces import Passage, Piece

_BOXES = "bbox_2d|box_2d|bbox|box|quad"
_LABELS = "layout_type|category|label|type"
_TEXTS = "text_content|content|text"
_KEYS = f"{_BOXES}|{_LABELS}|{_TEXTS}"
_KEY = re.compile(rf'"(?P<key>{_KEYS})"\s*+:\s*+')
_NUMBERS = re.compile(r'\s*+(?:"[\d\s.,()\[\]-]*+"?|[\[(](?:[\d\s.,()-]|\[[\d\s.,-]*+\]?)*+\]?)')
_STRING_END = re.compile(
    rf'(?<!\\)"(?=\s*+(?:[}}\]]|\Z|,\s*+(?:"(?:{_KEYS})"\s*+:|[{{\]}}])|"(?:{_KEYS})"\s*+:))'
    rf'|(?=\{{\s*+"(?:{_KEYS})"\s*+:)'
)
_BEGINNING = re.compile(
    rf'[\s\[{{,]*+(?:"(?:{_LABELS}|{_TEXTS}|layout|blocks)"\s*+:\s*+(?:"(?:[^"\\]|\\.)*+"\s*+,|\[\s*\{{)\s*+){{0,3}}'
    rf'"(?:{_BOXES})"\s*+:\s*+"?[\[(]'
)
_LEFTOVER = re.compile(r'"\w{1,30}"\s*:\s*(?:-?[\d.]+|true|false|null|\[\s*(?=\{))?|[\s\[\]{},:"]+|`{3}(?:json)?')
_LABEL = re.compile(r'"([^"\\\n]{0,60})"')
_CUT_KEY = re.compile(r'"\w{0,20}\Z')
_ESCAPE = re.compile(
    r"\\(?:u(?P<code>[0-9a-fA-F]{4})"
    r"|(?P<latex>(?:[fb]|t(?=(?:heta|au|imes|ext\w*|an|anh|op|ilde|frac|riangle|o)\b)|r(?=(?:ho|ight|angle|m|ceil)\b)"
    r"|n(?=(?:u|eq|abla|otin|leq|geq|exists|mid)\b))\w)"
    r"|(?P<plain>[\"\\/nrt]))"
)
_PLAIN = {"n": "\n", "r": "\n", "t": "\t"}


def is_layout_json(text: str) -> bool:
    """Whether *text* is such a list: its first object has a box."""
    return _BEGINNING.match(text) is not None


def parse_layout_json(text: str, scales: Scales) -> tuple[Piece, ...]:
    """The pieces of a layout in JSON; texts are Markdown. Text outside any value is kept."""
    pieces: list[Piece] = []
    for item in _items(text):
        box = scales.boxes.box(item["box"]) if scales.boxes and "box" in item else None
        label, words = item.get("label", ""), item.get("text", "").strip()
        kind = kind_of(label) or BlockKind.TEXT
        if words or kind is BlockKind.PICTURE:
            kind = page_number_or(kind, words)
            pieces += read_labelled(kind, words, box, scales, level=1 if label.lower() == "title" else 2)
        if stray := item.get("stray", "").strip():
            pieces.append(Passage(stray))
    return tuple(pieces)


def _items(text: str) -> Iterator[dict[str, str]]:
    """The objects as their box (numbers as they stand), label and text, and stray text behind each."""
    item: dict[str, str] = {}
    end = 0
    while key := _KEY.search(text, end):
        between = text[end : key.start()]
        field = "box" if key["key"] in _BOXES.split("|") else "label" if key["key"] in _LABELS.split("|") else "text"
        if item and (field in item or "{" in between):
            yield item | {"stray": _stray(between)}
            item = {}
        elif stray := _stray(between):
            yield item | {"stray": stray}
            item = {}
        item[field], end = _value(text, key.end(), field)
    yield item | {"stray": _stray(_CUT_KEY.sub("", text[end:]) if item else text[end:])}


def _value(text: str, start: int, field: str) -> tuple[str, int]:
    """The value that begins at *start*, and the offset behind it."""
    if field == "box":
        numbers = _NUMBERS.match(text, start)
        return (numbers[0], numbers.end()) if numbers else ("", start)
    if not text.startswith('"', start):
        return "", start
    if field == "label" and (label := _LABEL.match(text, start)):
        return label[1], label.end()
    found = _STRING_END.search(text, start + 1)
    until, end = (found.start(), found.end()) if found else (len(text), len(text))
    value = text[start + 1 : until]
    if found is not None and not found[0]:  # the next object begins: the end of the string is missing
        value = value.rstrip(' \n\t,}"')
    if found is None:  # cut, perhaps between a backslash and its letter
        value = re.sub(r'\s*[\]}`"\s]*\Z', "", value) if value.endswith(("]", "}", "`")) else value.removesuffix("\\")
    return _decode(value), end


def _stray(text: str) -> str:
    """The words of what stands between values, without JSON's own marks and other keys."""
    return _LEFTOVER.sub(" ", text).strip()


def _decode(value: str) -> str:
    text = _ESCAPE.sub(_character, value) if "\\" in value else value
    return neutralise(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _character(found: re.Match[str]) -> str:
    if found["code"]:
        return chr(int(found["code"], 16))
    if found["latex"]:
        return found[0]
    return _PLAIN.get(found["plain"], found["plain"])

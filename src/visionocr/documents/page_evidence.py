"""What is known of a page before the model is asked: its text layer, weighed against the pixels, and its print."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from visionocr.boxes import Box, TextLine, turn_box
from visionocr.documents import images
from visionocr.documents.garbling import find_garbling
from visionocr.documents.images import Picture
from visionocr.documents.print_measure import Print, measure_print, measure_small_print
from visionocr.documents.text_layer import LayerLine, TextLayer
from visionocr.evidence import Evidence

_INK = 12
"""Levels by which the pixels of a word differ at least: light grey on white has 30 and more."""
_INSET = 0.2
"""Share of a word's box above and below that is not looked at: neighbouring lines and rules may reach into it."""
_SAMPLE = 5
"""Lines that are looked at on a page of nothing but dark text and rules, which nothing can hide."""
_MOST_BARE = 0.5
"""Share of the lines that may have no print in their place: white ones, and those that something lies over."""
_LEAST_ELSEWHERE = 40
_MOST_ELSEWHERE = 0.05
"""Letters of print outside of the layer's lines, and their share of the layer's, from which on it is not complete.
Rules and logos are taken for up to 30, busy photographs for more."""
_OWN_FONT = 150
"""Letters from which on a font is judged by itself."""
_X_HEIGHT = 0.34
"""Height of small letters as a share of the box that PyMuPDF gives a word, from ascender to descender."""
_MOST_HEIGHT = 1.2
"""Of small letters, in widths of a letter: 0.7 in typewriter type, 0.9 in book faces, 1.3 in the narrowest."""
_SMALL_SHARE = 0.03
"""Share of the letters of a text layer that may be smaller than what is taken for its small print."""


def find_evidence(
    picture: Picture, layer: TextLayer | None = None, turn: int = 0, *, needs_small: bool = False
) -> Evidence:
    """The evidence of a page, given its picture as it is displayed and, of a PDF, its text layer.

    Its print is counted when the picture is turned by *turn* degrees clockwise, which are multiples of 90.
    *needs_small*: its small print is measured, too, which takes 10 to 50 ms where no text layer tells it.
    """
    evidence = _find_evidence(picture, layer, turn)
    return _add_small_print(evidence, picture, layer, turn) if needs_small else evidence


def _find_evidence(picture: Picture, layer: TextLayer | None, turn: int) -> Evidence:
    if layer is None:
        return _look_for_print(Evidence(*picture.size), picture, turn)
    shown = [line for line in layer.lines if line.is_painted and not line.is_covered]
    seen = _find_seen(shown, picture, everywhere=layer.has_more)
    is_bare = len(shown) - len(seen) > _MOST_BARE * len(shown)
    believed = shown if is_bare else seen
    lines = tuple(line.line for line in believed or layer.lines)
    distrust = "the page shows no print in its place" if is_bare else _find_distrust(layer, believed)
    turn_of_layer = _find_turn(believed or layer.lines)
    evidence = Evidence(layer.width, layer.height, lines, distrust, dpi=72.0, layer_turn=turn_of_layer)
    if not evidence.is_layer_trusted:
        return _look_for_print(evidence, picture, turn)
    own = _count_print(lines)
    if not layer.has_more:
        return _add_print(evidence, own)
    boxes = [line.line.box for line in believed if not line.is_slanted]
    elsewhere, aside = _measure(picture, turn, boxes), _measure(picture, turn + 90, boxes)
    is_complete = elsewhere.letters <= max(_LEAST_ELSEWHERE, _MOST_ELSEWHERE * own.letters)
    both = Print(own.lines + elsewhere.lines, own.letters + elsewhere.letters)
    may_lie_sideways = aside.letters > own.letters + elsewhere.letters
    return _add_print(replace(evidence, is_complete=is_complete, may_lie_sideways=may_lie_sideways), both)


def find_scan_evidence(picture: Picture, layer: TextLayer, turn: int = 0, *, needs_small: bool = False) -> Evidence:
    """The evidence of a page that is a scan and nothing else that can be seen; else as ``find_evidence``."""
    lines = tuple(line.line for line in layer.lines)
    evidence = Evidence(layer.width, layer.height, lines, _find_distrust(layer, ()), dpi=72.0)
    evidence = _look_for_print(evidence, picture, turn)
    return _add_small_print(evidence, picture, None, turn) if needs_small else evidence


def _look_for_print(evidence: Evidence, picture: Picture, turn: int = 0) -> Evidence:
    """The evidence with the print of a turned picture, and whether there is more of it from the side."""
    shown, aside = _measure(picture, turn), _measure(picture, turn + 90)
    return replace(_add_print(evidence, shown), may_lie_sideways=aside.letters > shown.letters)


def _measure(picture: Picture, turn: int, without: Sequence[Box] = ()) -> Print:
    """The print of a turned picture, leaving out boxes on the page as it is displayed."""
    return measure_print(images.turn(picture, turn % 360), [turn_box(box, turn) for box in without])


def _find_turn(lines: Sequence[LayerLine]) -> int:
    """How most of the letters of these lines are turned."""
    letters = Counter[int]()
    for line in lines:
        letters[line.turn] += len(line.line.text)
    return max(letters, key=lambda turn: letters[turn], default=0)


def _add_print(evidence: Evidence, amount: Print) -> Evidence:
    return replace(evidence, print_lines=amount.lines, print_letters=amount.letters)


def _count_print(lines: Sequence[TextLine]) -> Print:
    """How much print lines of text are, without looking at the pixels."""
    letters = sum(len(line.text) - line.text.count(" ") for line in lines)
    return Print(len(lines), letters)


def _add_small_print(evidence: Evidence, picture: Picture, layer: TextLayer | None, turn: int) -> Evidence:
    """The evidence with the size of the page's small print: of the text layer's, unless there is more or none."""
    own = None
    if layer is not None and evidence.is_layer_trusted:
        own = measure_small_type(layer)
        if evidence.is_complete:
            return replace(evidence, small_print=own)
    turn += 90 if evidence.may_lie_sideways else 0
    seen = measure_small_print(images.turn(picture, turn % 360))
    return replace(evidence, small_print=min((each for each in (own, seen) if each is not None), default=None))


def measure_small_type(layer: TextLayer) -> float | None:
    """About the x-height that nearly all visible letters have at least, as a share of the page's longer side."""
    heights = sorted((_measure_height(line, layer), len(line.line.text)) for line in layer.lines if line.is_painted)
    left = _SMALL_SHARE * sum(letters for _, letters in heights)
    for height, letters in heights:
        left -= letters
        if left < 0:
            return height
    return None


def _measure_height(line: LayerLine, layer: TextLayer) -> float:
    """About the height of a line's small letters, as a share of the page's longer side.

    Some fonts, such as those for formulas, claim several times the height of their letters, so width counts, too.
    """
    box = line.line.box
    sides = (box.right - box.left) * layer.width, (box.bottom - box.top) * layer.height
    length, height = sides[::-1] if line.turn in {90, 270} else sides
    x_height = min(_X_HEIGHT * height, _MOST_HEIGHT * length / len(line.line.text))
    return x_height / max(layer.width, layer.height)


# --- whether to believe the layer -------------------------------------------------------------------------


def _find_distrust(layer: TextLayer, believed: Sequence[LayerLine]) -> str:
    """Why not to believe the layer, of which the lines *believed* can be seen; empty where it may be, or is none."""
    if layer.is_too_much:
        return "it is more than can be checked"
    if layer.is_broken:
        return "it cannot be read"
    if not layer.lines:
        return ""
    if not believed:
        is_covered = any(line.is_covered for line in layer.lines)
        where = "hidden behind a picture" if is_covered else "invisible"
        return f"it is {where}, as programs leave it that read a scan before"
    fonts: dict[str, list[str]] = {}
    for line in believed:
        fonts.setdefault(line.font, []).append(line.line.text)
    texts = sorted((" ".join(lines) for lines in fonts.values()), key=len)
    small = [text for text in texts if len(text) < _OWN_FONT]
    return find_garbling([*texts[len(small) :], " ".join(small)])


def _find_seen(lines: list[LayerLine], picture: Picture, *, everywhere: bool) -> list[LayerLine]:
    """The lines that have print in their place, as far as a word of each tells.

    Not *everywhere*: only those are looked at that may have none, and some others.
    """
    step = max(1, len(lines) // _SAMPLE)
    seen = [
        line
        for at, line in enumerate(lines)
        if not (everywhere or line.is_doubtful or at % step == 0) or _has_ink(line, picture)
    ]
    return seen if everywhere or len(seen) == len(lines) else _find_seen(lines, picture, everywhere=True)


def _has_ink(line: LayerLine, picture: Picture) -> bool:
    """Whether there are different colours in the place of the line's longest word."""
    box = max(line.line.words, key=lambda word: len(word.text)).box
    inset = _INSET * (box.bottom - box.top)
    left, right = math.floor(box.left * picture.width), math.ceil(box.right * picture.width)
    top = math.floor((box.top + inset) * picture.height)
    bottom = max(top + 2, math.ceil((box.bottom - inset) * picture.height))
    extrema: Any = picture.crop((left, top, max(right, left + 2), bottom)).getextrema()
    bands = [extrema] if picture.mode == "L" else extrema[:3]  # the fourth means nothing
    return any(high - low >= _INK for low, high in bands)

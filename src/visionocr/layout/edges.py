"""Headers, footers and page numbers, told by what pages that follow each other repeat in the same place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from visionocr.blocks import EDGES, Block, BlockKind

EDGE = 0.12
"""Share of a page's height at its top and bottom in which headers and footers stand."""
PLACE = 0.02
"""Share of the page's height by which a header may stand higher or lower on the next page."""
LONGEST = 200
"""Characters of a header, at most."""
ALIKE = 0.9
"""Likeness of the letters of two headers, at least: an engine reads a letter wrong now and then."""
OUTERMOST = 12
"""Blocks from the beginning and from the end of a page among which headers and footers are looked for."""
DEEPEST = 3
"""Blocks from the top and from the bottom among which headers and footers are looked for where boxes are unknown."""

_DIGITS = re.compile(r"\b\d+\b")
_ROMAN = r"(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_NUMBER = re.compile(
    rf"^\W*(?:(?:page|seite|p\.|s\.)\s*)?(?:\d{{1,4}}|{_ROMAN})(?:\s*(?:/|of|von)\s*\d{{1,4}})?\W*$", re.IGNORECASE
)

Page = tuple[Block, ...]


def is_page_number(text: str) -> bool:
    """Whether a text is the number of a page and nothing else."""
    return bool(_NUMBER.match(text))


def mark_edges(page: Page, others: Sequence[tuple[int, Page]]) -> Page:
    """Name the headers, footers and page numbers of a page that *others* repeat.

    *others* are pages near it, each with its distance: 1 for the next one, -1 for the one before. A block is repeated
    when another page has it at the same height, with the same words; numbers in it are the same or have grown by the
    distance, as page numbers do. What is a heading must be the same to the letter, or it is one of a series.
    """
    marked = list(page)
    for at, is_top in _edge_blocks(page):
        block = page[at]
        if any(
            _repeats(block, other[there], distance)
            for distance, other in others
            for there, top in _edge_blocks(other)
            if top == is_top
        ):
            kind = BlockKind.HEADER if is_top else BlockKind.FOOTER
            kind = BlockKind.PAGE_NUMBER if is_page_number(block.text) else kind
            marked[at] = replace(block, kind=kind, level=0, marker="", is_open=None)
    return tuple(marked)


def _edge_blocks(page: Page) -> Iterator[tuple[int, bool]]:
    """The places of the outermost blocks at the edges of a page, true for the upper one."""
    kinds = {BlockKind.TEXT, BlockKind.HEADING, BlockKind.LIST_ITEM, *EDGES}
    for at in sorted({*range(min(OUTERMOST, len(page))), *range(max(0, len(page) - OUTERMOST), len(page))}):
        block = page[at]
        if block.kind not in kinds or not 0 < len(block.text) <= LONGEST:
            continue
        if block.box is None:
            if at < DEEPEST or at >= len(page) - DEEPEST:
                yield at, at < len(page) / 2
        elif block.box.bottom <= EDGE or block.box.top >= 1 - EDGE:
            yield at, block.box.bottom <= EDGE


def _repeats(block: Block, other: Block, distance: int) -> bool:
    if block.box and other.box and abs(block.box.top - other.box.top) > PLACE:
        return False
    if BlockKind.HEADING in {block.kind, other.kind}:
        return block.text == other.text
    mine, theirs = _DIGITS.findall(block.text), _DIGITS.findall(other.text)
    steps = [int(b[-9:]) - int(a[-9:]) for a, b in zip(mine, theirs, strict=False)]
    if len(mine) != len(theirs) or any(step not in {0, distance} for step in steps):
        return False
    words, others = (_DIGITS.sub("0", text).casefold().split() for text in (block.text, other.text))
    matcher = SequenceMatcher(None, " ".join(words), " ".join(others), autojunk=False)
    return words == others or (matcher.real_quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE)

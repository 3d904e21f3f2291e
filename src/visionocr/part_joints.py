"""Joins the answers to the parts of a page: paragraphs and tables that go on, lines that overlap, columns."""

from __future__ import annotations

import heapq
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from statistics import median_low

from visionocr.answers.align import align
from visionocr.answers.overlap import find_limits, is_within, join_overlapping
from visionocr.blocks import Block, BlockKind
from visionocr.boxes import TextLine, turn_box
from visionocr.layout.pages import join_pages
from visionocr.page_answer import PageAnswer
from visionocr.prompting.render import Question
from visionocr.transcript import write_blocks
from visionocr.types import PageImage

_MARKED = re.compile(r"\s*(?:[#>|<]|[-*+] |\d+[.)] |```|~~~|!\[|\$\$)")
"""The beginning of a line of Markdown that is no running text."""
_LONG = 60
"""Characters of the last line of a paragraph that may go on: shorter lines are entries, as on a receipt."""
_COLUMN = 3
"""Lines of a part that are read behind as many lines of the part below it, before the page has columns."""


def join_parts(
    images: Sequence[PageImage], answers: Sequence[PageAnswer], question: Question, lines: Sequence[TextLine] = ()
) -> tuple[str, tuple[Block, ...]]:
    """The text of a page, and its blocks where all parts have some, from the answers to its images.

    *lines*: those of the page in the order in which they are read, as its images show them, where they are known.
    """
    if len(answers) == 1:
        return answers[0].text, answers[0].blocks
    has_blocks = all(write_blocks(answer.blocks, question) == answer.text for answer in answers)
    if has_blocks and not any(image.overlaps for image in images):
        blocks = tuple(block for page in join_pages(answer.blocks for answer in answers) for block in page)
        return write_blocks(blocks, question), blocks
    markdown = question.task.markdown
    texts: list[str] = []
    for at, (image, answer) in enumerate(zip(images, answers, strict=True)):
        if image.overlaps and answer.text and answers[at - 1].text:
            texts[-1:] = join_overlapping(texts[-1], answer.text, markdown=markdown)
        else:
            texts.append(answer.text)
    gap = "\n\n" if markdown else "\n"
    pieces = [text.split(gap) if text else [] for text in texts]
    if all(texts) and _has_columns(images, lines):
        ranks = _rank(pieces, lines, gap, markdown=markdown)
        ordered = heapq.merge(*(zip(each, of, strict=True) for each, of in zip(ranks, pieces, strict=True)), key=_first)
        pieces = [[piece] for _, piece in ordered]
    return gap.join(_join_pieces(pieces) if markdown else (piece for each in pieces for piece in each)), ()


def drop_doubles(images: Sequence[PageImage], answers: Sequence[PageAnswer]) -> list[PageAnswer]:
    """The answers without lines and doubts about what another part shows better."""
    return [
        replace(
            answer,
            lines=tuple(line for line in answer.lines if is_within(line.box, image, limits)),
            doubts=tuple(doubt for doubt in answer.doubts if not doubt.box or is_within(doubt.box, image, limits)),
        )
        for image, answer, limits in zip(images, answers, find_limits(images), strict=True)
    ]


def _join_pieces(parts: Sequence[Sequence[str]]) -> Iterator[str]:
    """The paragraphs of all parts; one that goes on from a part to the next is one."""
    last: str | None = None
    for part in parts:
        for at, piece in enumerate(part):
            joined = _join_paragraphs(last, piece) if at == 0 and last else None
            if joined is None and last is not None:
                yield last
            last = joined or piece
        if not part and last is not None:  # a part that was not read
            yield last
            last = None
    if last is not None:
        yield last


def _join_paragraphs(last: str, first: str) -> str | None:
    """The last paragraph of a part with the first one of the next, where it goes on."""
    if len(last.rpartition("\n")[2]) < _LONG:
        return None
    if any(_MARKED.match(line) for paragraph in (last, first) for line in paragraph.split("\n")):
        return None
    pages = join_pages((Block(BlockKind.TEXT, paragraph),) for paragraph in (last, first))
    text = next(pages)[0].text
    return None if text == last else text


# --- columns ----------------------------------------------------------------------------------------------


def _has_columns(images: Sequence[PageImage], lines: Sequence[TextLine]) -> bool:
    """Whether a part of the page has lines that are read behind lines of the part below it."""
    regions = [turn_box(image.region, image.turn) for image in images]
    if regions[0].top == regions[1].top:
        return False  # they stand side by side
    cuts = [(above.bottom + below.top) / 2 for above, below in pairwise(regions)]
    parts = [bisect_right(cuts, (line.box.top + line.box.bottom) / 2) for line in lines]
    for part in range(len(images) - 1):
        above = [rank for rank, own in enumerate(parts) if own == part]
        below = [rank for rank, own in enumerate(parts) if own == part + 1]
        if min(len(above), len(below)) >= _COLUMN and below[_COLUMN - 1] < above[-_COLUMN]:
            return True
    return False


def _rank(parts: Sequence[Sequence[str]], lines: Sequence[TextLine], gap: str, *, markdown: bool) -> list[list[int]]:
    """For each piece of each part, which line of the page it stands in; where nothing tells, that of the one before."""
    ranks = []
    for pieces in parts:
        starts = [0, *accumulate(len(piece) + len(gap) for piece in pieces)]
        found: list[list[int | None]] = [[] for _ in pieces]
        for word in align(gap.join(pieces), lines, markdown=markdown).words:
            found[bisect_right(starts, word.start) - 1].append(word.line)
        own: list[int] = []
        for words in found:
            known = [line for line in words if line is not None]
            is_known = bool(known) and 2 * len(known) >= len(words)
            own.append(median_low(known) if is_known else own[-1] if own else -1)
        ranks.append(own)
    return ranks


def _first(ranked: tuple[int, str]) -> int:
    return ranked[0]

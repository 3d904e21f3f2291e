"""Joins the answers to the parts of a page: paragraphs and tables that go on, lines that overlap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from visionocr.answers.overlap import find_limits, is_within, join_overlapping
from visionocr.blocks import Block, BlockKind
from visionocr.layout.pages import join_pages
from visionocr.page_answer import PageAnswer
from visionocr.prompting.render import Question
from visionocr.transcript import write_blocks
from visionocr.types import PageImage

_MARKED = re.compile(r"\s*(?:[#>|<]|[-*+] |\d+[.)] |```|~~~|!\[|\$\$)")
"""The beginning of a line of Markdown that is no running text."""
_LONG = 60
"""Characters of the last line of a paragraph that may go on: shorter lines are entries, as on a receipt."""


def join_parts(
    images: Sequence[PageImage], answers: Sequence[PageAnswer], question: Question
) -> tuple[str, tuple[Block, ...]]:
    """The text of a page, and its blocks where all parts have some, from the answers to its images."""
    if len(answers) == 1:
        return answers[0].text, answers[0].blocks
    has_blocks = all(write_blocks(answer.blocks, question) == answer.text for answer in answers)
    if has_blocks and not any(image.overlaps for image in images):
        blocks = tuple(block for page in join_pages(answer.blocks for answer in answers) for block in page)
        return write_blocks(blocks, question), blocks
    text, last = "", 0
    for image, answer in zip(images, answers, strict=True):
        if answer.text:
            text = _join(text, answer.text, image, follows=image.part == last + 1, markdown=question.task.markdown)
            last = image.part
    return text, ()


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


def _join(text: str, more: str, image: PageImage, *, follows: bool, markdown: bool) -> str:
    """The text of the parts above with that of *image*; *follows*: the part just above it has a text, too."""
    if not text:
        return more
    if follows and image.overlaps and (joined := join_overlapping(text, more, markdown=markdown)) is not None:
        return joined
    if not markdown:
        return f"{text}\n{more}"
    before, gap, last = text.rpartition("\n\n")
    first, rest_gap, rest = more.partition("\n\n")
    joined = _join_paragraphs(last, first) if follows else None
    return f"{text}\n\n{more}" if joined is None else f"{before}{gap}{joined}{rest_gap}{rest}"


def _join_paragraphs(last: str, first: str) -> str | None:
    """The last paragraph of a part with the first one of the next, where it goes on."""
    if len(last.rpartition("\n")[2]) < _LONG:
        return None
    if any(_MARKED.match(line) for paragraph in (last, first) for line in paragraph.split("\n")):
        return None
    pages = join_pages((Block(BlockKind.TEXT, paragraph),) for paragraph in (last, first))
    text = next(pages)[0].text
    return None if text == last else text

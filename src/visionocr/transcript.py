"""The text of a page in the form that the task asks for, and the blocks that it is made of."""

from __future__ import annotations

from dataclasses import replace

from visionocr.blocks import Block
from visionocr.boxes import place_box
from visionocr.formats.answer import Converted, convert_answer
from visionocr.formats.markdown import write_markdown
from visionocr.formats.plain import write_plain
from visionocr.prompting.render import Question
from visionocr.types import Completion, PageImage


def convert_completion(completion: Completion, text: str, image: PageImage, question: Question) -> Converted:
    """An answer about *image* as Markdown or plain text, and its blocks, placed on the page.

    *text* is what cleaning left of the completion's; an engine that gives blocks needs neither cleaning nor parsing.
    """
    if completion.blocks:
        return Converted(write_blocks(completion.blocks, question), completion.blocks)
    converted = convert_answer(
        text,
        question.preset,
        question.task,
        width=image.width,
        height=image.height,
        expected=question.answer_format,
    )
    blocks = (
        replace(block, box=block.box and place_box(block.box, image.region, image.turn)) for block in converted.blocks
    )
    return replace(converted, blocks=tuple(blocks))


def write_blocks(blocks: tuple[Block, ...], question: Question) -> str:
    """The text of blocks."""
    return write_markdown(blocks) if question.task.markdown else write_plain(blocks)

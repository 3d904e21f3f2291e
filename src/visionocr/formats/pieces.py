"""What an answer is made of on its way to the output: blocks, and stretches of Markdown that stay to the letter."""

from __future__ import annotations

from dataclasses import dataclass

from visionocr.blocks import Block
from visionocr.boxes import Box


@dataclass(frozen=True, slots=True)
class Passage:
    """Markdown of one or more paragraphs, as the model wrote it."""

    text: str
    box: Box | None = None


Piece = Block | Passage

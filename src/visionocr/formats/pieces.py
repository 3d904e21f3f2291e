"""What an answer is made of on its way to the output: blocks, and stretches of Markdown that stay to the letter."""

from __future__ import annotations

import re
from dataclasses import dataclass

from visionocr.blocks import Block
from visionocr.boxes import Box


@dataclass(frozen=True, slots=True)
class Passage:
    """Markdown of one or more paragraphs, as the model wrote it."""

    text: str
    box: Box | None = None


Piece = Block | Passage


def picture_words(text: str) -> str:
    """Words that can stand between the brackets of a picture."""
    words = " ".join(text.split())
    depth = 0
    for letter in words.replace("\\[", "").replace("\\]", ""):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
    return words if depth == 0 else re.sub(r"(?<!\\)([\[\]])", r"\\\1", words)

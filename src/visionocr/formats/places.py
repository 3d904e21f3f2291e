"""Places in answers: the numbers of a box become fractions of the picture that was sent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from visionocr.blocks import Block
from visionocr.boxes import Box
from visionocr.types import BoxScale

_NUMBER = re.compile(r"-?\d{1,6}(?:\.\d{1,6})?")
_TOLERANCE = 1.02
"""A box may exceed its scale by this much before no box of the answer is believed any more."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What the numbers of boxes are measured in."""

    width: float
    """Number at the right edge of the picture."""
    height: float
    """Number at its lower edge."""
    is_y_first: bool = False

    def box(self, numbers: str | Sequence[float]) -> Box | None:
        """The box of four numbers, whatever stands between them; its corners may be swapped.

        It is not yet cut to the picture (see ``trust``). ``None`` unless there are four or eight (corners of a
        quadrilateral) that enclose an area.
        """
        values = [float(number) for number in _NUMBER.findall(numbers)] if isinstance(numbers, str) else [*numbers]
        if len(values) not in {4, 8}:
            return None
        across, down = values[0::2], values[1::2]
        if self.is_y_first:
            across, down = down, across
        left, right = min(across) / self.width, max(across) / self.width
        top, bottom = min(down) / self.height, max(down) / self.height
        return Box(left, top, right, bottom) if left < right and top < bottom else None


def make_scale(boxes: BoxScale | None, width: int, height: int) -> Scale | None:
    """The scale of a model's boxes on a picture of *width* x *height* pixels, as the model saw it."""
    if boxes is None:
        return None
    if boxes.full is not None:
        return Scale(boxes.full, boxes.full, boxes.is_y_first)
    if not (width and height):
        return None
    if boxes.multiple:
        width, height = smart_resize(width, height, boxes.multiple, boxes.min_pixels, boxes.max_pixels)
    return Scale(width, height, boxes.is_y_first)


def smart_resize(width: int, height: int, multiple: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """Width and height after the resizing of Qwen2-VL and its descendants, such as dots.ocr.

    Both become multiples of *multiple* with about the same proportion, the area within the limits (source:
    ``qwen_vl_utils``, ``dots_ocr/utils/image_utils.py``).
    """
    wide = max(multiple, round(width / multiple) * multiple)
    high = max(multiple, round(height / multiple) * multiple)
    if wide * high > max_pixels:
        factor = math.sqrt(width * height / max_pixels)
        wide = max(multiple, math.floor(width / factor / multiple) * multiple)
        high = max(multiple, math.floor(height / factor / multiple) * multiple)
    elif wide * high < min_pixels:
        factor = math.sqrt(min_pixels / (width * height))
        wide = math.ceil(width * factor / multiple) * multiple
        high = math.ceil(height * factor / multiple) * multiple
    return wide, high


def trust(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """The blocks with their boxes cut to the picture; without any when one of them lies outside.

    That one shows that the numbers mean something else than was thought.
    """
    blocks = tuple(blocks)
    boxes = [block.box for block in blocks if block.box is not None]
    is_wrong = any(min(box.left, box.top) < 1 - _TOLERANCE or max(box.right, box.bottom) > _TOLERANCE for box in boxes)
    return tuple(
        block if block.box is None else replace(block, box=None if is_wrong else _clip(block.box)) for block in blocks
    )


def _clip(box: Box) -> Box | None:
    clipped = Box(max(0.0, box.left), max(0.0, box.top), min(1.0, box.right), min(1.0, box.bottom))
    return clipped if clipped.left < clipped.right and clipped.top < clipped.bottom else None

"""Cuts figures out of the picture of a page, as PNGs. Which ones: see ``figures.py``."""

from __future__ import annotations

from dataclasses import replace

from visionocr.boxes import Box
from visionocr.documents import images
from visionocr.documents.blank import is_even
from visionocr.documents.figures import LONGEST, CutFigure, CutOrder
from visionocr.documents.fit import make_images
from visionocr.types import PageRef

_LEAST = 16
"""Pixels of a figure's shorter side: less shows nothing."""


def make_figure(
    picture: images.Picture,
    box: Box,
    order: CutOrder,
    page: PageRef,
    *,
    index: int | None = None,
    identity: str = "",
    full_colour: bool = True,
) -> CutFigure | None:
    """The figure that *picture*, the part of the page in *box*, shows; ``None`` where nothing is to be seen in it."""
    if min(picture.size) < _LEAST or is_even(picture):
        return None
    if max(picture.size) > LONGEST:
        scale = LONGEST / max(picture.size)
        picture = images.shrink(picture, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    picture = images.turn(picture, order.turn)
    image = None
    if order.spec is not None:
        # Of no evidence, never blank: it is not even.
        spec = replace(order.spec, turn=0, find_blank=False, find_evidence=False, split=False)
        (image,) = make_images(picture, page, spec, full_colour=full_colour)
    return CutFigure(box, images.encode_png(picture, order.mark), index, identity, image)


def crop_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box in whole pixels of a page of this size, within it."""
    left, top = max(0, round(box.left * width)), max(0, round(box.top * height))
    return left, top, min(width, round(box.right * width)), min(height, round(box.bottom * height))

"""Which pictures on a page are figures, to be cut out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from visionocr.boxes import Box
from visionocr.types import PageImage, RasterSpec

MOST = 32
"""Figures of a page; what is over that is left out. With ``LONGEST`` it bounds the memory that they take."""
LONGEST = 2048
"""Pixels of a figure's longer side."""
_LEAST_POINTS = 36.0
"""Points (half an inch) that both sides of a picture in a PDF have at least: smaller ones are icons, bullets, rules."""
_WHOLE = 0.8
"""Share of the page from which on a picture in a PDF is a scan of the page, or its background."""
_SAME = 0.5
"""Share of the smaller of two boxes that lies in the other one, from which on both mean the same picture."""
_APART = 1.0
"""Points up to which pictures in a PDF are strips or tiles of one: programs cut large ones up."""
_MOST_PIECES = 200
"""Pictures of a PDF page that are looked at; a page with more is a map or a pattern, and has none."""


@dataclass(frozen=True, slots=True)
class CutOrder:
    """Which pictures to cut out of a page, and in what form."""

    boxes: tuple[Box, ...] = ()
    """Places that an answer gives, on the page as it is displayed. Of a PDF its own pictures are cut out, too."""
    turn: int = 0
    """Degrees clockwise by which the page is turned to stand upright."""
    mark: str = ""
    """Is written into each PNG, so that it is known again."""
    spec: RasterSpec | None = None
    """What a model needs of the figures' images; ``None``: they are not asked for."""


@dataclass(frozen=True, slots=True)
class CutFigure:
    """A picture that was cut out of a page."""

    box: Box
    """On the page as it is displayed."""
    png: bytes = field(repr=False)
    index: int | None = None
    """Of its box in ``CutOrder.boxes``; ``None`` for a PDF's own picture that is in none of them."""
    identity: str = ""
    """Is the same for the same picture of a PDF, on whatever pages; empty where it is not known."""
    image: PageImage | None = None
    """For a model, where ``CutOrder.spec`` asks for it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A picture as it is placed on a PDF page. Points."""

    left: float
    top: float
    right: float
    bottom: float
    pixels: int
    """Width times height of the picture itself."""
    identity: str = ""

    @property
    def area(self) -> float:
        """Square points."""
        return max(0.0, self.right - self.left) * max(0.0, self.bottom - self.top)

    def box(self, width: float, height: float) -> Box:
        """Its place on a page of this size."""
        return Box(self.left / width, self.top / height, self.right / width, self.bottom / height)


def find_figures(pieces: Sequence[Piece], width: float, height: float) -> list[Piece]:
    """The pictures of a PDF page that are worth cutting out, top down; strips and tiles are put together.

    Not those that are the whole page (scans and backgrounds), nor small ones.
    """
    if len(pieces) > _MOST_PIECES:
        return []
    whole = _WHOLE * width * height
    merged: list[Piece] = []
    for piece in (_clip(piece, width, height) for piece in pieces):
        if not 0 < piece.area < whole:
            continue
        while (other := next((one for one in merged if _touches(one, piece)), None)) is not None:
            merged.remove(other)
            piece = _join(other, piece)
        merged.append(piece)
    found = [
        piece
        for piece in merged
        if piece.area < whole and min(piece.right - piece.left, piece.bottom - piece.top) >= _LEAST_POINTS
    ]
    return sorted(found, key=lambda piece: (piece.top, piece.left))


def is_among(box: Box, others: Sequence[Box]) -> bool:
    """Whether one of *others* is the same picture, contains it, or is a part of it."""
    shares = ((_area(_common(box, other)), min(_area(box), _area(other))) for other in others)
    return any(common > 0 and common >= _SAME * smaller for common, smaller in shares)


def _clip(piece: Piece, width: float, height: float) -> Piece:
    return replace(
        piece,
        left=max(0.0, piece.left),
        top=max(0.0, piece.top),
        right=min(width, piece.right),
        bottom=min(height, piece.bottom),
    )


def _touches(one: Piece, other: Piece) -> bool:
    return (
        one.left <= other.right + _APART
        and other.left <= one.right + _APART
        and one.top <= other.bottom + _APART
        and other.top <= one.bottom + _APART
    )


def _join(one: Piece, other: Piece) -> Piece:
    return Piece(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
        one.pixels + other.pixels,
        blake2b(f"{one.identity} {other.identity}".encode(), digest_size=16).hexdigest(),
    )


def _common(one: Box, other: Box) -> Box:
    return Box(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )


def _area(box: Box) -> float:
    return max(0.0, box.right - box.left) * max(0.0, box.bottom - box.top)

"""Makes a picture fit the request: cut, shrunk, padded and encoded within the limits of a model."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

from visionocr.boxes import Box, turn_box
from visionocr.documents import images
from visionocr.documents.blank import is_blank, is_even
from visionocr.documents.damage import is_incomplete
from visionocr.documents.images import Picture, Size
from visionocr.documents.print_fit import MOST_STRIPS, count_strips, limit_side
from visionocr.documents.strips import Piece, cut_strips, find_emptiest
from visionocr.errors import DocumentError
from visionocr.evidence import Evidence
from visionocr.text import printable
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

MAX_DPI = 300.0
"""Dots per inch beyond which a page on paper shows nothing more."""
MIN_SIDE = 28
"""Smallest side in pixels: encoders reject or garble less than one of their patches."""
PIECE_ASPECT = 1.4
"""Long side / short side of the pieces into which a strip is cut: the shape of a page, which models know best."""
_LONG_PIECE_ASPECT = 2.8
"""The same for a thin strip cut across its lines: with room for whole words."""
MAX_PARTS = 64
"""Pieces of a strip."""
_FREEDOM = 0.2
"""How far a cut may be from its even position, as a share of a piece's length."""
_LEGIBLE = 800
"""Long side in pixels of a page on which small print is certainly visible, if there is any."""

# --- sizes ------------------------------------------------------------------------------------------------


def fit_size(size: Size, max_side: int, max_pixels: int | None = None) -> Size:
    """The largest size of the same shape within the limits; never larger than *size*."""
    long, short = max(size), min(size)

    def scale_short(side: int) -> int:
        return max(1, round(short * side / long))

    side = min(long, max(max_side, MIN_SIDE))
    if max_pixels is not None:
        most = max(max_pixels, MIN_SIDE * MIN_SIDE)
        side = min(side, max(1, math.isqrt(most * long // short)))
        while side > 1 and side * scale_short(side) > most:
            side -= 1
    return (side, scale_short(side)) if size[0] >= size[1] else (scale_short(side), side)


def _pad_size(size: Size, max_aspect: float) -> Size:
    """The size of the canvas that keeps *size* from being too small or too long."""
    least = max(MIN_SIDE, math.ceil(max(size) / max(max_aspect, 1.0)))
    return max(size[0], least), max(size[1], least)


def compute_layout(size: Size, spec: RasterSpec) -> tuple[Size, Size]:
    """The size to which a picture is shrunk, and that of the white canvas around it (the same if none is needed)."""
    canvas = _pad_size(size, spec.max_aspect)
    side = max(fit_size(canvas, spec.max_side, spec.max_pixels))
    most = math.inf if spec.max_pixels is None else max(spec.max_pixels, MIN_SIDE * MIN_SIDE)
    while True:
        outer = _pad_size(fit_size(canvas, side), spec.max_aspect)
        if side <= MIN_SIDE or math.prod(outer) <= most:
            break
        side -= 1  # rounding up to the aspect exceeded the limit by a row
    scale = min(1.0, side / max(canvas))
    inner = (min(outer[0], max(1, round(size[0] * scale))), min(outer[1], max(1, round(size[1] * scale))))
    # A picture that fills the canvas but for a row of rounding is scaled to fill it.
    filled = (outer[0] if outer[0] - inner[0] < 2 else inner[0], outer[1] if outer[1] - inner[1] < 2 else inner[1])
    return (filled if filled[0] <= size[0] and filled[1] <= size[1] else inner), outer


def _is_strip(size: Size, spec: RasterSpec) -> bool:
    """Whether one side is too long for the other."""
    return max(size) > spec.max_aspect * min(size)


def needs_split(size: Size, spec: RasterSpec) -> bool:
    """Whether a picture is a strip that would have to be shrunk, so that its pieces show more than the whole."""
    canvas = _pad_size(size, spec.max_aspect)
    return spec.split and _is_strip(size, spec) and fit_size(canvas, spec.max_side, spec.max_pixels) != canvas


def compute_scale(size: Size, spec: RasterSpec) -> float:
    """The scale at which a picture (or its pieces) will be sent: finer detail is lost anyway.

    Where its print decides over strips, that is the scale of the whole: pictures are decoded half as fine again.
    """
    if needs_split(size, spec):
        breadth = min(size)
        return fit_size((breadth, breadth), spec.max_side, spec.max_pixels)[0] / breadth
    return _compute_strip_scale(size, spec, (spec.strips or 1) if spec.split else 1)


def compute_finest_scale(size: Size, spec: RasterSpec) -> float:
    """The largest scale at which strips of a picture may be sent."""
    counts = range(1, MOST_STRIPS + 1) if spec.strips is None else (1, spec.strips)
    return max(_compute_strip_scale(size, spec, count) for count in counts)


def _compute_strip_scale(size: Size, spec: RasterSpec, count: int) -> float:
    """The scale at which a picture is sent in so many strips, once it is turned; in one: as a whole."""
    width, height = size[::-1] if spec.turn in {90, 270} else size
    canvas = _pad_size((width, math.ceil(height / count)), spec.max_aspect)
    return max(fit_size(canvas, spec.max_side, spec.max_pixels)) / max(canvas)


def _count_pieces(size: Size, spec: RasterSpec, evidence: Evidence | None) -> int:
    """Into how many strips a page is cut because of its print; 1: it is sent as a whole."""
    if not spec.split or needs_split(size, spec):
        return 1
    x_height = _find_x_height(size, evidence)
    return count_strips(spec, x_height, lambda count: _compute_strip_scale(size, spec, count))


def is_sent_whole(size: Size, spec: RasterSpec, evidence: Evidence | None) -> bool:
    """Whether a page that fits is sent as it is, because its print needs all its pixels and no more."""
    return _count_pieces(size, spec, evidence) == 1 and _fit_spec(size, spec, _find_x_height(size, evidence)) == spec


def _fit_spec(size: Size, spec: RasterSpec, x_height: float | None) -> RasterSpec:
    """*spec* with no more pixels than the print of a picture needs; *x_height* is that of its small print."""
    inner, outer = compute_layout(size, spec)
    side = limit_side(spec, max(outer), x_height and x_height * max(inner) / max(size))
    return replace(spec, max_side=side) if side < max(outer) else spec


def _find_x_height(size: Size, evidence: Evidence | None) -> float | None:
    """The x-height of a page's small print in pixels of its picture; ``None``: not known."""
    return None if evidence is None or evidence.small_print is None else evidence.small_print * max(size)


# --- cutting ----------------------------------------------------------------------------------------------


def _cut(picture: Picture, spec: RasterSpec) -> tuple[list[Piece], Finding]:
    """A strip in pieces of a page's shape, in reading order, cut at its emptiest lines, with their places."""
    down = picture.height >= picture.width
    length = max(picture.size)
    count = _count_parts(picture.size, spec)
    piece = length / count
    reach = _FREEDOM * piece
    cuts = [0]
    for i in range(1, count):
        first, last = max(1, round(i * piece - reach)), min(length - 1, round(i * piece + reach))
        cuts.append(first + find_emptiest(images.measure_lines(picture, first, last + 1, down=down)))
    cuts.append(length)
    pieces = [
        Piece(
            images.crop_lines(picture, a, b, down=down),
            Box(0.0, a / length, 1.0, b / length) if down else Box(a / length, 0.0, b / length, 1.0),
        )
        for a, b in itertools.pairwise(cuts)
        if b > a
    ]
    words = f"a strip of {picture.width} x {picture.height} pixels was cut into {len(pieces)} parts"
    if count == MAX_PARTS:
        words += ", the maximum"
    return pieces, adjustment(words)


def _count_parts(size: Size, spec: RasterSpec) -> int:
    """Into how many pieces a strip is cut."""
    breadth = min(size)
    long_piece = math.ceil(_LONG_PIECE_ASPECT * breadth), breadth
    # Long pieces only where nothing is lost by them: one that would have to be shrunk had better be short.
    thin = size[0] > size[1] and fit_size(long_piece, spec.max_side, spec.max_pixels) == long_piece
    aspect = min(_LONG_PIECE_ASPECT if thin else PIECE_ASPECT, max(spec.max_aspect, 1.0))
    return max(2, min(MAX_PARTS, math.ceil(max(size) / (aspect * breadth))))


# --- images -----------------------------------------------------------------------------------------------


def adjustment(message: str) -> Finding:
    """The finding that a page was changed to fit."""
    return Finding(FindingKind.ADJUSTED, message, Severity.INFO)


def may_be_blank(spec: RasterSpec, findings: tuple[Finding, ...]) -> bool:
    """Whether to look for content at all. What a damaged file does not show may have been there: the model decides."""
    return spec.find_blank and not any(finding.kind is FindingKind.DAMAGED for finding in findings)


def make_images(
    picture: Picture,
    page: PageRef,
    spec: RasterSpec,
    findings: tuple[Finding, ...] = (),
    *,
    full_colour: bool = True,
    evidence: Evidence | None = None,
) -> tuple[PageImage, ...]:
    """The images of a page, given its picture as the page is displayed and its evidence.

    It is turned as *spec* says. A strip that would have to be shrunk is cut at its emptiest lines; any other is padded
    with white. A page with small print is cut into strips, one with large print shrunk, where *spec* says so.
    *full_colour* keeps the resolution of colour. A page is blank when all its parts are, a picture to be described only
    when it is of one colour. Raises ``DocumentError`` when nothing is left of a damaged one: no answer about it could
    be true.
    """
    has_text = evidence is not None and evidence.is_layer_trusted
    blank = may_be_blank(spec, findings) and not has_text and (spec.split or is_even(picture))
    if is_incomplete(findings) and (is_even(picture) or (spec.find_blank and spec.split and is_blank(picture))):
        words = f"page {page.number} of {printable(page.document)} is damaged: nothing of it can be seen"
        raise DocumentError(words, "export it again with the program that made it")
    if spec.turn:
        picture = images.turn(picture, spec.turn)
        findings = (*findings, adjustment(f"the page was turned by {spec.turn} degrees clockwise"))
    pieces, x_height = [Piece(picture, Box(0.0, 0.0, 1.0, 1.0))], _find_x_height(picture.size, evidence)
    if needs_split(picture.size, spec):
        pieces, cut = _cut(picture, spec)
        findings = (*findings, cut)
    elif (count := _count_pieces(picture.size, replace(spec, turn=0), evidence)) > 1:
        pieces = cut_strips(picture, count, x_height)
        findings = (*findings, adjustment(f"the page was cut into {len(pieces)} strips for its small print"))
    result = []
    for part, (piece, region, overlaps) in enumerate(pieces, 1):
        fitting = _fit_spec(piece.size, spec, x_height)
        fitted, padding = _fit(piece, fitting)
        if padding:
            region = _widen(region, compute_layout(piece.size, fitting))
        # Looked at without the padding, and before small print is shrunk away.
        if spec.split:
            blank = blank and is_blank(piece if padding or max(fitted.size) < _LEGIBLE else fitted)
        media_type, data = images.encode(fitted, spec.jpeg_quality, full_colour=full_colour)
        size, remarks = fitted.size, (*findings, *padding)
        region = turn_box(region, -spec.turn)
        image = PageImage(page, media_type, data, *size, part=part, parts=len(pieces), findings=remarks, region=region)
        largest = max(compute_layout(piece.size, spec)[1])
        result.append(replace(image, overlaps=overlaps, reduction=max(size) / largest))
    return tuple(replace(image, blank=blank, evidence=evidence, turn=spec.turn) for image in result)


def _fit(piece: Picture, spec: RasterSpec) -> tuple[Picture, tuple[Finding, ...]]:
    """A picture within the limits, and a finding if it was padded."""
    size = piece.size
    inner, outer = compute_layout(size, spec)
    if inner != size:
        piece = images.shrink(piece, inner)
    if outer == inner:
        return piece, ()
    why = "too long for its width" if _is_strip(size, spec) else "too small"
    finding = adjustment(f"a picture of {size[0]} x {size[1]} pixels is {why}: it was padded with white")
    return images.pad(piece, outer), (finding,)


def _widen(region: Box, layout: tuple[Size, Size]) -> Box:
    """The region that an image shows with its padding, as ``images.pad`` puts it around."""
    (width, height), outer = layout
    left, top = (outer[0] - width) // 2, (outer[1] - height) // 2
    across, down = (region.right - region.left) / width, (region.bottom - region.top) / height
    return Box(
        region.left - left * across,
        region.top - top * down,
        region.left + (outer[0] - left) * across,
        region.top + (outer[1] - top) * down,
    )

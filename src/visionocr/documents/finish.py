"""A picture becomes what is sent: cut, shrunk, padded and encoded within the limits of a model."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from itertools import pairwise

from visionocr.documents import images, measure
from visionocr.documents.geometry import (
    MAX_PARTS,
    Size,
    emptiest,
    is_strip,
    layout,
    parts_of,
    useful_scale,
    wants_split,
    windows,
)
from visionocr.documents.scan import Scan
from visionocr.errors import DocumentError
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

_MOST_BYTES = 1.0
"""Bytes a pixel of a JPEG that is sent as it is: three times what ours have."""
_LARGEST_GREY = 2048
"""Pixels of the long side of a grey JPEG that is sent as it is. Larger ones KoboldCpp shrinks, and before 1.86.1 it
garbles then what has not three channels."""
_GLANCE = 4
"""The part of a JPEG's bytes that is looked at first."""
_SHARP = 800
"""Pixels of the long side of a page from which on small print is certainly seen on it, if there is any."""


def adjusted(message: str) -> Finding:
    """The remark that a page was made to fit."""
    return Finding(FindingKind.ADJUSTED, message, Severity.INFO)


def finish(
    picture: images.Picture,
    page: PageRef,
    spec: RasterSpec,
    findings: tuple[Finding, ...] = (),
    *,
    full_colour: bool = True,
) -> tuple[PageImage, ...]:
    """The images of a page, given its picture.

    A strip that would have to be shrunk is cut at its emptiest lines; any other is padded with white. *full_colour*
    keeps the resolution of colour. A page is blank when all its parts are; a picture to be described never is.
    """
    blank = _may_be_blank(spec, findings)
    pieces = [picture]
    if wants_split(picture.size, spec):
        pieces, remark = _pieces(picture, spec)
        findings = (*findings, remark)
    result = []
    for part, piece in enumerate(pieces, 1):
        fitted, remarks = _fitted(piece, spec)
        # Without the white of padding, and before small print is shrunk away.
        blank = blank and measure.is_blank(piece if remarks or max(fitted.size) < _SHARP else fitted)
        media_type, data = images.encode(fitted, spec.jpeg_quality, full_colour=full_colour)
        size = fitted.size
        said = (*findings, *remarks)
        result.append(PageImage(page, media_type, data, *size, part=part, parts=len(pieces), findings=said))
    return tuple(replace(image, blank=blank) for image in result)


def from_scan(
    scan: Scan, page: PageRef, spec: RasterSpec, findings: tuple[Finding, ...] = ()
) -> tuple[PageImage, ...] | None:
    """The images of a page that is a JPEG: the bytes as they are where they fit, else decoded no finer than needed.

    ``None`` when the JPEG is not quite what the page shows, or is broken: the page has to be drawn.
    """
    try:
        with images.guarded(page.document):
            image = images.open_picture(io.BytesIO(scan.data), "JPEG", page.document)
            if image.size != (scan.width, scan.height) or not images.is_plain(image) or wants_split(image.size, spec):
                return None
            inner, outer = layout(image.size, spec)
            fits = inner == outer == image.size and len(scan.data) <= _MOST_BYTES * math.prod(outer)
            fits = fits and (image.mode == "RGB" or max(outer) <= _LARGEST_GREY)
            if not fits or not images.is_baseline(image, scan.data):
                picture = images.convert(image, lambda size: useful_scale(size, spec))
                return finish(picture, page, spec, findings, full_colour=False)
            blank = _may_be_blank(spec, findings) and _is_blank(scan.data, page.document)
    except DocumentError:
        return None
    return (PageImage(page, "image/jpeg", scan.data, image.width, image.height, findings=findings, blank=blank),)


def _may_be_blank(spec: RasterSpec, findings: tuple[Finding, ...]) -> bool:
    """Whether the pixels may be asked. What a damaged file does not show may have been there: the model must say."""
    return spec.find_blank and spec.split and not any(finding.kind is FindingKind.DAMAGED for finding in findings)


def _is_blank(jpeg: bytes, name: str) -> bool:
    """Most pages are seen to be full from their upper part, coarsely decoded; the others have to be decoded."""
    with images.guarded(name, tolerant=True):
        image = images.open_picture(io.BytesIO(jpeg[: len(jpeg) // _GLANCE]), "JPEG", name)
        image.draft("L", (image.width // 2, image.height // 2))
        if measure.is_full(image):
            return False
    image = images.open_picture(io.BytesIO(jpeg), "JPEG", name)
    return measure.is_blank(images.convert(image, lambda _: 1.0))


def _pieces(picture: images.Picture, spec: RasterSpec) -> tuple[list[images.Picture], Finding]:
    """A strip in pieces of a page's shape, in reading order."""
    down = picture.height >= picture.width
    length = max(picture.size)
    count = parts_of(picture.size, spec)
    cuts = [0]
    for first, last in windows(length, count):
        cuts.append(first + emptiest(measure.ink(picture, first, last + 1, down=down)))
    cuts.append(length)
    pieces = [images.across(picture, a, b, down=down) for a, b in pairwise(cuts) if b > a]
    words = f"a strip of {picture.width} x {picture.height} pixels was cut into {len(pieces)} parts"
    if count == MAX_PARTS:
        words += ", the most there may be"
    return pieces, adjusted(words)


def _fitted(piece: images.Picture, spec: RasterSpec) -> tuple[images.Picture, tuple[Finding, ...]]:
    """One picture within the limits, and what must be said about it."""
    inner, outer = layout(piece.size, spec)
    strip = is_strip(piece.size, spec)
    shape: Size = piece.size
    if inner != piece.size:
        piece = images.shrink(piece, inner)
    if outer == inner:
        return piece, ()
    why = "too long for its width" if strip else "too small"
    remark = adjusted(f"a picture of {shape[0]} x {shape[1]} pixels is {why}: it was padded with white")
    return images.enclose(piece, outer), (remark,)

"""Scanned pages: a page that is one JPEG and nothing else is sent as it is. In doubt it is rendered.

Drawing would decode the JPEG, scale it and compress it again. What stands over it (a redaction, a stamp, a note, typed
text) must never get lost, so whatever is not known to be harmless leads to drawing.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from visionocr.documents import images
from visionocr.documents.blank import has_much_print, is_blank, is_even
from visionocr.documents.conversion import convert, read_orientation
from visionocr.documents.fit import (
    compute_layout,
    compute_scale,
    is_sent_whole,
    make_images,
    may_be_blank,
    needs_split,
)
from visionocr.errors import DocumentError
from visionocr.evidence import Evidence
from visionocr.types import Finding, PageImage, PageRef, RasterSpec

_MAX_CONTENT = 1 << 18
"""Bytes of drawing instructions that are parsed: invisible text of a dense page has about 100,000."""
_MAX_JPEG = 1 << 26
"""Bytes of the JPEG."""
_STRINGS = re.compile(rb"\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f\s]*>|\[|\]", re.DOTALL)
_HARMLESS = frozenset(
    # The graphics state, and text: MuPDF says whether any of it is visible.
    b"q Q cm Do BT ET Tf Td TD Tm T* Tj TJ Tc Tw Tz TL Ts Tr ' \" w J j M d i ri g G rg RG k K BMC EMC".split()
)
_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)")
_NAME = re.compile(rb"/[A-Za-z0-9_.+-]{1,60}")
_TOLERANCE = 1.0
"""Points by which the picture's edges may miss the page's."""
_DISTORTION = 0.01
"""How far the shape of the picture may be from the page's, as a share."""
_COMMON_PROFILES = {b"RGB ": (b"sRGB",), b"GRAY": (b"sGray", b"Gray Gamma 2.2")}
"""Descriptions of the colour profiles that change nothing visible, by colour space."""
_INVISIBLE = frozenset({"ignore-text"})
"""What MuPDF calls text without fill and stroke, as programs put it under or over a scan so that it can be searched."""
_MAX_BYTES_PER_PIXEL = 1.0
"""Of a JPEG that is sent as it is: three times what ours have."""
_MAX_GREY_SIDE = 2048
"""Long side in pixels of a grey JPEG that is sent as it is. KoboldCpp shrinks larger ones, and before version 1.86.1 it
garbles then what has not three channels."""
_COARSE_SIDE = 1100
"""Long side in pixels to which a JPEG is decoded at least for its print to be measured."""
_FRACTION = 4
"""The part of a JPEG's bytes that is looked at first."""
_MAX_HEADERS = 2**22
"""Bytes of a JPEG in which its frame header is looked for: profiles and thumbnails come before it."""
_BASELINE = re.compile(rb"\xff[\xc0\xc1]\x00[\x0b\x11]\x08")
"""Start of a JPEG's frame: Huffman coding in one scan after the other, one or three channels of eight bits."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The JPEG that is a page."""

    data: bytes
    width: int
    height: int


# --- finding the JPEG -------------------------------------------------------------------------------------


def find_scan(pdf: Any, sheet: Any) -> Scan | None:
    """The JPEG that covers a page of a PDF and is all that can be seen of it; ``None``: draw the page.

    May raise what the PDF library raises.
    """
    if sheet.rotation or pdf.xref_get_key(sheet.xref, "Annots")[0] != "null":
        return None
    name = _find_only_picture(sheet.read_contents())
    if name is None or not _is_covered(sheet):
        return None
    kind, value = pdf.xref_get_key(sheet.xref, f"Resources/XObject/{name}")
    if kind != "xref":
        return None
    scan = _extract_jpeg(pdf, int(value.split()[0]))
    return scan if scan is not None and _has_shape_of(scan, sheet) else None


def _find_only_picture(content: bytes) -> str | None:
    """The name of the only thing painted, when all instructions are harmless and it lies upright, not mirrored."""
    if not 0 < len(content) <= _MAX_CONTENT or b"%" in content:
        return None
    tokens = _STRINGS.sub(b" ", content).split()
    words = {token for token in set(tokens) if not _NUMBER.fullmatch(token) and not _NAME.fullmatch(token)}
    if not words <= _HARMLESS or tokens.count(b"Do") != 1:
        return None
    if any(tokens[i - 1] != b"3" for i, token in enumerate(tokens) if token == b"Tr"):
        return None  # text may also cut out what follows
    at = tokens.index(b"Do")
    if at == 0 or not _NAME.fullmatch(tokens[at - 1]) or not _is_upright(tokens[: at - 1]):
        return None
    return tokens[at - 1][1:].decode("ascii")


def _is_upright(tokens: list[bytes]) -> bool:
    """Whether all that moves the coordinates before the picture only shifts and stretches, to the right and up."""
    for at, token in enumerate(tokens):
        if token == b"cm":
            if at < 6 or not all(_NUMBER.fullmatch(number) for number in tokens[at - 6 : at]):
                return False
            a, b, c, d = (float(number) for number in tokens[at - 6 : at - 2])
            if a <= 0 or d <= 0 or b or c:
                return False
    return True


def _is_covered(sheet: Any) -> bool:
    """Whether one picture fills the page, no more and no less, and nothing else is printed, in forms neither."""
    painted = [(kind, box) for kind, box, *_ in sheet.get_bboxlog() if kind not in _INVISIBLE]
    if [kind for kind, _ in painted] != ["fill-image"]:
        return False
    edges = sheet.rect
    page = (edges.x0, edges.y0, edges.x1, edges.y1)
    return all(abs(float(mine) - float(its)) <= _TOLERANCE for mine, its in zip(page, painted[0][1], strict=True))


def _has_shape_of(scan: Scan, sheet: Any) -> bool:
    """Whether the picture's pixels are squares on the page: those of faxes are not."""
    wide, high = float(sheet.rect.width) * scan.height, float(sheet.rect.height) * scan.width
    return abs(wide - high) <= _DISTORTION * min(wide, high)


def _extract_jpeg(pdf: Any, xref: int) -> Scan | None:
    """The picture's bytes as they lie in the file, when nothing in the PDF changes what they show."""

    def entry(key: str) -> tuple[str, str]:
        kind, value = pdf.xref_get_key(xref, key)
        return str(kind), str(value)

    changes = ("Decode", "DecodeParms", "SMask", "Mask", "ImageMask", "SMaskInData", "OC", "F")
    if entry("Subtype") != ("name", "/Image") or any(entry(key)[0] != "null" for key in changes):
        return None
    if entry("Filter")[1].strip("[] ") != "/DCTDecode" or entry("BitsPerComponent")[1] != "8":
        return None
    if not _has_common_colours(pdf, entry("ColorSpace")):
        return None
    data = pdf.xref_stream_raw(xref)
    sides = entry("Width")[1], entry("Height")[1]
    if not data or len(data) > _MAX_JPEG or not all(side.isascii() and side.isdigit() for side in sides):
        return None
    return Scan(bytes(data), int(sides[0]), int(sides[1]))


def _has_common_colours(pdf: Any, space: tuple[str, str]) -> bool:
    """Grey or RGB as every program shows it: without a profile, or with the usual one."""
    kind, value = space
    if kind == "xref":
        value = str(pdf.xref_object(int(value.split()[0]), compressed=True))
    if value in ("/DeviceRGB", "/DeviceGray"):
        return True
    profile = re.fullmatch(r"\[\s*/ICCBased\s+(\d+) 0 R\s*\]", value)
    if profile is None:
        return False
    head = bytes(pdf.xref_stream(int(profile[1])) or b"")[:4096]
    # They are known by their descriptions, which are in ASCII or in UTF-16.
    words = head.replace(b"\0", b"")
    return any(name in words for name in _COMMON_PROFILES.get(head[16:20], ()))


# --- its images -------------------------------------------------------------------------------------------


def load_scan(
    scan: Scan,
    page: PageRef,
    spec: RasterSpec,
    findings: tuple[Finding, ...] = (),
    find_evidence: Callable[[images.Picture], Evidence] | None = None,
) -> tuple[PageImage, ...] | None:
    """The images of a page that is a JPEG: the bytes as they are where they fit, else decoded no finer than needed.

    *find_evidence* finds it in the picture, whatever its size; without it, the images have none. ``None`` when the
    JPEG is not quite what the page shows, or is broken: the page has to be drawn.
    """
    try:
        with images.guarded(page.document):
            image = images.open_picture(io.BytesIO(scan.data), "JPEG", page.document)
            if image.size != (scan.width, scan.height) or needs_split(image.size, spec) or not _is_plain(image):
                return None
            inner, outer = compute_layout(image.size, spec)
            fits = (
                not spec.turn
                and inner == outer == image.size
                and len(scan.data) <= _MAX_BYTES_PER_PIXEL * math.prod(outer)
            )
            fits = fits and (image.mode == "RGB" or max(outer) <= _MAX_GREY_SIDE)
            fits = fits and _is_baseline(image, scan.data) and _is_complete(image, scan.data)
            evidence = find_evidence(_decode_coarsely(scan, page.document)) if fits and find_evidence else None
            if not (fits and is_sent_whole(image.size, spec, evidence)):
                picture = convert(image, lambda size: compute_scale(size, spec))
                if find_evidence is not None and evidence is None:
                    evidence = find_evidence(picture)
                return make_images(picture, page, spec, findings, full_colour=False, evidence=evidence)
        blank = may_be_blank(spec, findings) and _is_blank(scan.data, page.document, spec)
    except DocumentError:
        return None
    whole = PageImage(page, "image/jpeg", scan.data, image.width, image.height, findings=findings, blank=blank)
    return (replace(whole, evidence=evidence),)


def _decode_coarsely(scan: Scan, name: str) -> images.Picture:
    """The picture in grey, not much finer than print is measured at. May raise what Pillow raises."""
    scale = min(1.0, _COARSE_SIDE / max(scan.width, scan.height))
    picture: images.Picture = images.open_picture(io.BytesIO(scan.data), "JPEG", name)
    picture.draft("L", (math.ceil(scan.width * scale), math.ceil(scan.height * scale)))
    picture.load()
    return picture if picture.mode == "L" else picture.convert("L")


def _is_plain(image: Any) -> bool:
    """Whether an opened JPEG shows grey or RGB the way it is stored. Raises ``DocumentError`` for one too large."""
    images.check_size(image)
    images.check_scans(image)
    return image.mode in ("L", "RGB") and read_orientation(image) == 1


def _is_baseline(image: Any, data: bytes) -> bool:
    """Whether an opened JPEG is of the kind that every decoder knows."""
    return "progressive" not in image.info and _BASELINE.search(data[:_MAX_HEADERS]) is not None


def _is_complete(image: Any, jpeg: bytes) -> bool:
    """Whether the mark of its end follows the first scan of an opened JPEG, up to which Pillow has read it.

    Within compressed data the two bytes of the mark do not occur; a thumbnail before it has one of its own.
    """
    return jpeg.rfind(b"\xff\xd9", image.fp.tell()) >= 0


def _is_blank(jpeg: bytes, name: str, spec: RasterSpec) -> bool:
    """Most pages are seen to be full from their upper part, coarsely decoded; only the others are decoded whole."""
    with images.guarded(name, tolerant=True):
        image = images.open_picture(io.BytesIO(jpeg[: len(jpeg) // _FRACTION]), "JPEG", name)
        image.draft("L", (image.width // 2, image.height // 2))
        if has_much_print(image):
            return False
    with images.guarded(name):
        picture = convert(images.open_picture(io.BytesIO(jpeg), "JPEG", name), lambda _: 1.0)
        return is_blank(picture) if spec.split else is_even(picture)

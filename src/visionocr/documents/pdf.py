"""PDF documents become images. PyMuPDF must be called by one thread at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pymupdf

from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.fit import MAX_DPI, MAX_PARTS, PIECE_ASPECT, adjustment, fit_size, make_images
from visionocr.documents.scan import Scan, find_scan, load_scan
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import Finding, FindingKind, PageImage, PageRef, RasterSpec, Severity

_mupdf: Any = pymupdf
MAX_RASTER = 64_000_000
"""Pixels of a raster, whatever is asked for: 256 MB."""
_POSTER = 2400.0
"""Points; a page with a longer side is larger than A1."""
_LEGIBLE_DPI = 72.0
"""Dots per inch at which small print is ten pixels high, the least that can be read."""
_MIN_BLANK_DPI = 48.0
"""Dots per inch below which a page may look blank only because its print is too small to be seen."""
_MAX_PASSWORDS = 100
"""Passwords that are tried."""
_MAX_SAME = 3
"""Times the same wrong password may come in a row: a caller that knows only one would never end."""
_STORE_PAGES, _PICTURE_PAGES = 64, 16
"""Pages between two clearings of MuPDF's store, which would otherwise grow to 256 MB, and as how many of them a page
with a picture counts. The store also holds fonts: without them the next page takes twice as long."""
_DAMAGE = re.compile(r"error|cannot|truncated|missing|corrupt|invalid|only has", re.IGNORECASE)
_FAILURES = (
    *(RuntimeError, ValueError, TypeError, LookupError, AttributeError, OSError, ArithmeticError, AssertionError),
    _mupdf.mupdf.FzErrorBase,
)
"""What PyMuPDF raises for damaged documents."""
# MuPDF must not print: its warnings are fetched for the findings.
_mupdf.TOOLS.mupdf_display_errors(False)
_mupdf.TOOLS.mupdf_display_warnings(False)


class PdfFile:
    """A PDF as a document."""

    def __init__(self, content: Content, password: Callable[[str], str | None] | None = None) -> None:
        """Open a PDF; *password* is called where it needs one. Raises ``DocumentError``."""
        self._name = printable(content.name)
        self._drawn = 0
        """Pages since the store was cleared, see ``_STORE_PAGES``."""
        self.password: str | None = None
        """The one that opened it, where it needs one."""
        _mupdf.TOOLS.reset_mupdf_warnings()
        with guarded(self._name, "opened"):
            self._pdf = _open(content)
            self._unlock(content.name, password)
            self.pages = int(self._pdf.page_count)
            """How many pages it has."""
        if self.pages < 1:
            raise DocumentError(f"{self._name} has no pages")
        if self.pages > content.state()[0]:
            # Older versions of MuPDF believe it, and every one of two thousand million pages would fail.
            raise DocumentError(f"{self._name} is damaged: it claims to have {self.pages} pages")

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when it cannot be drawn."""
        if not 1 <= page.number <= self.pages:
            raise DocumentError(f"{self._name} has no page {page.number}")
        _mupdf.TOOLS.reset_mupdf_warnings()
        with guarded(f"page {page.number} of {self._name}", "drawn"):
            sheet = self._pdf.load_page(page.number - 1)
            zoom, remarks = _compute_zoom(float(sheet.rect.width), float(sheet.rect.height), spec)
            if self._has_no_area(sheet):
                remarks = (*remarks, adjustment("the page has no area; it was rendered as US Letter"))
            elif (scan := self._find_scan(sheet)) is not None:
                side = round(zoom * max(sheet.rect.width, sheet.rect.height))
                scan_spec = replace(spec, max_side=min(spec.max_side, side))
                whole = load_scan(scan, page, scan_spec, self._find_damage())
                if whole is not None:
                    self._clear_store(1)
                    return whole
            pixmap = _draw(sheet, zoom)
        if not (pixmap.w() and pixmap.h()):
            raise DocumentError(f"page {page.number} of {self._name} is too long for its width to be rendered")
        # The picture uses the pixmap's samples: the pixmap has to live as long.
        samples = _mupdf.mupdf.fz_pixmap_samples_memoryview(pixmap)
        picture = images.from_samples((pixmap.w(), pixmap.h()), samples, pixmap.stride())
        if zoom * 72 < _MIN_BLANK_DPI:
            spec = replace(spec, find_blank=False)
        result = make_images(picture, page, spec, (*self._find_damage(), *remarks))
        self._clear_store(_PICTURE_PAGES if self._has_pictures(sheet) else 1)
        return result

    @property
    def document(self) -> Any:
        """The open document of PyMuPDF."""
        return self._pdf

    def close(self) -> None:
        """Close the file and give its memory back."""
        self._pdf.close()
        _mupdf.TOOLS.store_shrink(100)

    def _unlock(self, name: str, password: Callable[[str], str | None] | None) -> None:
        """Try passwords until one opens the document. Raises ``DocumentError``."""
        if not self._pdf.needs_pass:
            return
        tried: list[str] = []
        while password is not None and len(tried) < _MAX_PASSWORDS:
            given = password(name)
            if given is None or tried[-_MAX_SAME:] == [given] * _MAX_SAME:
                break
            if _is_text(given) and self._pdf.authenticate(given):
                self.password = given
                return
            tried.append(given)
        self._pdf.close()
        words = "is encrypted" if not tried else "is encrypted, and the password is wrong"
        raise DocumentError(f"{self._name} {words}", "give --password-file FILE with the document's password in it")

    def _find_scan(self, sheet: Any) -> Scan | None:
        """The JPEG that is the page, where it certainly is."""
        try:
            return find_scan(self._pdf, sheet)
        except _FAILURES:
            return None  # what is broken is drawn as far as possible

    def _has_no_area(self, sheet: Any) -> bool:
        """Whether the page's own box is empty: MuPDF then silently takes a sheet of letter paper."""
        kind, box = self._pdf.xref_get_key(sheet.xref, "MediaBox")
        sides = re.findall(r"[-+.0-9]+", box) if kind == "array" else ()
        return len(sides) == 4 and (float(sides[0]) == float(sides[2]) or float(sides[1]) == float(sides[3]))

    def _find_damage(self) -> tuple[Finding, ...]:
        """What MuPDF reported about the file and about the page just drawn."""
        warnings = [line for line in _mupdf.TOOLS.mupdf_warnings().splitlines() if _DAMAGE.search(line)]
        messages = []
        if self._pdf.is_repaired:
            messages.append("the PDF is damaged; it was repaired as far as possible")
        if warnings:
            messages.append(f"the page is damaged; what can be read was rendered ({printable(warnings[0])[:200]})")
        return tuple(Finding(FindingKind.DAMAGED, message, Severity.INFO) for message in messages)

    def _has_pictures(self, sheet: Any) -> bool:
        """Whether MuPDF may have decoded pictures for a page."""
        try:
            return bool(sheet.get_images())
        except _FAILURES:
            return True  # the page was drawn all the same

    def _clear_store(self, pages: int) -> None:
        """Count *pages*, and from time to time clear what MuPDF keeps of them."""
        self._drawn += pages
        if self._drawn >= _STORE_PAGES:
            self._drawn = 0
            _mupdf.TOOLS.store_shrink(100)


@contextmanager
def guarded(name: str, action: str) -> Iterator[None]:
    """What PyMuPDF raises becomes a ``DocumentError`` that *name* cannot be opened, drawn or written."""
    try:
        yield
    except MemoryError as error:
        raise DocumentError(f"{name} does not fit into memory") from error
    except _FAILURES as error:
        reason = re.sub(r"^code=\d+:\s*", "", printable(str(error)))
        if reason and "Failed to open" not in reason:  # followed by the library's name for a stream
            action = f"{action}: {reason[:200]}"
        raise DocumentError(f"{name} is damaged and cannot be {action}") from error


def _open(content: Content) -> Any:
    # MuPDF wants names in UTF-8; other names, and what came through a pipe, it gets as bytes.
    if content.path and _is_text(content.path):
        pdf = _mupdf.open(content.path, filetype="pdf")
    else:
        with content.open() as stream:
            pdf = _mupdf.open(stream=content.data or stream.read(), filetype="pdf")
    if not pdf.is_pdf:
        raise ValueError("not a PDF")
    return pdf


def _draw(sheet: Any, zoom: float) -> Any:
    """A page on white paper with its annotations, as a pixmap of four channels, of which the last means nothing.

    Pillow uses such pixels without a copy, which it would need of three channels, as ``Page.get_pixmap`` makes them,
    and which takes longer than drawing them. Mixed colours may be rounded differently.
    """
    mupdf = _mupdf.mupdf
    drawing = sheet.get_displaylist(annots=True).this
    matrix = mupdf.FzMatrix(zoom, 0, 0, zoom, 0, 0)
    box = mupdf.fz_round_rect(mupdf.fz_transform_rect(mupdf.fz_bound_display_list(drawing), matrix))
    pixmap = mupdf.fz_new_pixmap_with_bbox(mupdf.fz_device_rgb(), box, mupdf.FzSeparations(), 1)
    mupdf.fz_clear_pixmap_with_value(pixmap, 0xFF)
    device = mupdf.fz_new_draw_device(matrix, pixmap)
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(drawing, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    mupdf.fz_close_device(device)
    return pixmap


def _is_text(text: str) -> bool:
    """Whether a string can be passed to C in UTF-8."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def _compute_zoom(width: float, height: float, spec: RasterSpec) -> tuple[float, tuple[Finding, ...]]:
    """The factor from points to pixels at which the raster's long side is exactly as long as it may be."""
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise ValueError("its size is invalid")
    wanted = spec.dpi or MAX_DPI
    long, short = max(width, height), min(width, height)
    # Measured in pixels at the wanted resolution, and limited as a picture of that size is.
    full = max(1, round(long * wanted / 72))
    size = full, max(1, min(full, math.ceil(short * wanted / 72 - 0.001)))
    max_side, max_pixels = _compute_limits(size, spec)
    side = max(fit_size(size, max_side, max_pixels))
    while side > 1 and side * math.ceil(side * short / long - 0.001) > max_pixels:
        side -= 1  # the renderer rounds up
    zoom = side / long
    remarks = []
    sheet = short * PIECE_ASPECT if max_side > spec.max_side else long
    if spec.dpi and side < full:
        remarks.append(f"rendered at {zoom * 72:.0f} dpi instead of {spec.dpi:g}, to fit {spec.max_side} pixels")
    elif sheet > _POSTER and zoom * 72 < _LEGIBLE_DPI and side < full:
        remarks.append(f"the page is {width / 72:.0f} x {height / 72:.0f} inches; rendered at {zoom * 72:.2g} dpi")
    return zoom, tuple(adjustment(remark) for remark in remarks)


def _compute_limits(size: tuple[int, int], spec: RasterSpec) -> tuple[int, int]:
    """The longest side and the most pixels of a raster. A strip to be cut gets them for each of its pieces."""
    most = MAX_RASTER if spec.max_pixels is None else min(MAX_RASTER, spec.max_pixels)
    aspect = size[0] / size[1]
    if not spec.split or aspect <= spec.max_aspect:
        return spec.max_side, most
    piece = max(PIECE_ASPECT, aspect / MAX_PARTS)
    pixels = MAX_RASTER if spec.max_pixels is None else min(MAX_RASTER, int(spec.max_pixels * aspect / piece))
    return math.floor(spec.max_side * aspect / piece), pixels

"""PDF documents become images. PyMuPDF must be called by one thread at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pymupdf

from visionocr.documents import images
from visionocr.documents.content import Content
from visionocr.documents.damage import TAIL, find_cut_object, find_damage, is_incomplete
from visionocr.documents.figures import CutFigure, CutOrder
from visionocr.documents.fit import make_images
from visionocr.documents.hidden_content import find_hidden_content, find_pinned_files
from visionocr.documents.page_drawing import draw, has_visible_text, load_sheet, record
from visionocr.documents.page_evidence import find_evidence, find_scan_evidence, measure_small_type
from visionocr.documents.pdf_figures import cut_pdf_figures
from visionocr.documents.raster_size import compute_zoom
from visionocr.documents.scan import Scan, find_scan, load_scan
from visionocr.documents.text_layer import TextLayer, read_text_layer
from visionocr.errors import DocumentError
from visionocr.evidence import Evidence
from visionocr.text import printable
from visionocr.types import Finding, PageImage, PageRef, RasterSpec

_mupdf: Any = pymupdf
_MIN_BLANK_DPI = 48.0
"""Dots per inch below which a page may look blank only because its print is too small to be seen."""
_MAX_PASSWORDS = 100
"""Passwords that are tried."""
_MAX_SAME = 3
"""Times the same wrong password may come in a row: a caller that knows only one would never end."""
_MAX_OBJECTS = 10_000
"""Objects among which pages are looked for that are in no tree."""
_STORE_PAGES, _PICTURE_PAGES = 64, 16
"""Pages between two clearings of MuPDF's store, which would otherwise grow to 256 MB, and as how many of them a page
with a picture counts. The store also holds fonts: without them the next page takes twice as long."""
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
        self._hidden: tuple[tuple[Finding, ...], tuple[Finding, ...]] | None = None
        """What ``find_hidden_content`` found; ``None`` before the first page."""
        self.password: str | None = None
        """The one that opened it, where it needs one."""
        _mupdf.TOOLS.reset_mupdf_warnings()
        with guarded(self._name, "opened"):
            self._pdf = _open(content)
            self._unlock(content.name, password)
            self.pages = self._count_pages()
            """How many pages it has."""
            self._cut_object = _find_cut_object(content) if self._pdf.is_repaired else None
            """The object in which the file ends."""
            is_lost = self.pages < 1 and self._has_loose_pages()
        if self.pages < 1:
            raise DocumentError(
                f"{self._name} " + ("is damaged: its pages cannot be found" if is_lost else "has no pages")
            )
        if self.pages > content.state()[0]:
            # Older versions of MuPDF believe it, and every one of two thousand million pages would fail.
            raise DocumentError(f"{self._name} is damaged: it claims to have {self.pages} pages")

    def load(self, page: PageRef, spec: RasterSpec, *, by_layer: bool = True) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when it cannot be drawn.

        *by_layer*: draw it in the size that the print of its text layer needs. Where the page turns out to have smaller
        print, or the layer is not believed, it is drawn again.
        """
        if not 1 <= page.number <= self.pages:
            raise DocumentError(f"{self._name} has no page {page.number}")
        _mupdf.TOOLS.reset_mupdf_warnings()
        with guarded(f"page {page.number} of {self._name}", "drawn"):
            sheet, remarks = load_sheet(self._pdf, page.number)
            remarks = (*remarks, *self._find_hidden_content(sheet))
            width, height = float(sheet.rect.width), float(sheet.rect.height)
            zoom, limits = compute_zoom(width, height, spec)
            scan = self._find_scan(sheet)
            if scan is not None:
                side = round(zoom * max(width, height))
                scan_spec = replace(spec, max_side=min(spec.max_side, side))
                look = _look_at_scan(_read_text_layer(sheet), spec) if spec.find_evidence else None
                whole = load_scan(scan, page, scan_spec, (*self._find_damage(), *remarks, *limits), look)
                if whole is not None:
                    self._clear_store(1)
                    return whole
            recording = record(sheet)
            layer = _read_text_layer(sheet, recording) if spec.find_evidence else None
            small = measure_small_type(layer) if layer is not None and spec.needs_print and by_layer else None
            largest = zoom
            if small is not None:
                zoom, limits = compute_zoom(width, height, spec, small)
                largest, _ = compute_zoom(width, height, replace(spec, strips=1))
            pixmap, incomplete = draw(recording, zoom)
            incomplete = incomplete or (self._cut_object is not None and self._cut_object in sheet.get_contents())
        if not (pixmap.w() and pixmap.h()):
            raise DocumentError(f"page {page.number} of {self._name} is too long for its width to be rendered")
        # The picture uses the pixmap's samples: the pixmap has to live as long.
        samples = _mupdf.mupdf.fz_pixmap_samples_memoryview(pixmap)
        picture = images.from_samples((pixmap.w(), pixmap.h()), samples, pixmap.stride())
        if zoom * 72 < _MIN_BLANK_DPI:
            spec = replace(spec, find_blank=False)
        damage = self._find_damage(incomplete)
        # A picture that is kept as far as it could be decoded would be damaged without a word on the next page.
        self._clear_store(_STORE_PAGES if is_incomplete(damage) else _PICTURE_PAGES if self._has_pictures(sheet) else 1)
        evidence = None
        if layer is not None:
            evidence = find_evidence(picture, layer, spec.turn, needs_small=spec.needs_print)
            if small is not None and zoom < largest and evidence.small_print != small:
                return self.load(page, spec, by_layer=False)
        result = make_images(picture, page, spec, (*damage, *remarks, *limits), evidence=evidence)
        if result[0].blank and self._has_visible_text(sheet, picture, zoom):
            result = tuple(replace(image, blank=False) for image in result)
        return tuple(replace(image, reduction=image.reduction * min(1.0, zoom / largest)) for image in result)

    def cut(self, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """The figures of one page; raises ``DocumentError`` when it cannot be drawn."""
        with guarded(f"page {page.number} of {self._name}", "drawn"):
            sheet, _ = load_sheet(self._pdf, page.number)
            figures = cut_pdf_figures(record(sheet), order, page)
        self._clear_store(_PICTURE_PAGES)
        return figures

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

    def _count_pages(self) -> int:
        """How many pages there are; a file that seems to have none is repaired first, which MuPDF does not do itself.

        Such a file may have lost its page tree to a cross-reference section that gives itself as the one before.
        """
        count = int(self._pdf.page_count)
        if count < 1 and not self._pdf.is_repaired:
            _mupdf.mupdf.pdf_repair_xref(_mupdf.mupdf.pdf_document_from_fz_document(self._pdf.this))
            count = int(self._pdf.page_count)
        return count

    def _has_loose_pages(self) -> bool:
        """Whether there are pages that belong to no tree."""
        numbers = range(1, min(int(self._pdf.xref_length()), _MAX_OBJECTS))
        return any(self._pdf.xref_get_key(number, "Type")[1] == "/Page" for number in numbers)

    def _find_scan(self, sheet: Any) -> Scan | None:
        """The JPEG that is the page, where it certainly is."""
        try:
            return find_scan(self._pdf, sheet)
        except _FAILURES:
            return None  # what is broken is drawn as far as possible

    def _find_hidden_content(self, sheet: Any) -> tuple[Finding, ...]:
        """What the document holds besides what is on its pages. What is broken there is no matter for the page."""
        try:
            if self._hidden is None:
                self._hidden = find_hidden_content(self._pdf)
            everywhere, on_first = self._hidden
            return (*everywhere, *(on_first if sheet.number == 0 else ()), *find_pinned_files(self._pdf, sheet))
        except _FAILURES:
            return ()

    def _find_damage(self, incomplete: bool = False) -> tuple[Finding, ...]:
        """What MuPDF reported about the file and about the page just drawn."""
        warnings = _mupdf.TOOLS.mupdf_warnings()
        return find_damage(warnings, repaired=bool(self._pdf.is_repaired), incomplete=incomplete)

    def _has_pictures(self, sheet: Any) -> bool:
        """Whether MuPDF may have decoded pictures for a page."""
        try:
            return bool(sheet.get_images())
        except _FAILURES:
            return True  # the page was drawn all the same

    def _has_visible_text(self, sheet: Any, picture: images.Picture, zoom: float) -> bool:
        """Whether the page has print after all: single letters look like dust to those who know only the pixels."""
        try:
            return has_visible_text(sheet, picture, zoom)
        except _FAILURES:
            return True  # in doubt it is not blank

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


def _find_cut_object(content: Content) -> int | None:
    with content.open() as stream:
        stream.seek(max(0, content.state(stream)[0] - TAIL))
        return find_cut_object(stream.read())


def _look_at_scan(layer: TextLayer, spec: RasterSpec) -> Callable[[images.Picture], Evidence]:
    """The function that finds the evidence of a page that is a scan with this text layer."""
    return lambda picture: find_scan_evidence(picture, layer, spec.turn, needs_small=spec.needs_print)


def _read_text_layer(sheet: Any, recording: Any = None) -> TextLayer:
    """The text of a page; an empty layer where it cannot be read."""
    try:
        return read_text_layer(recording or record(sheet))
    except (*_FAILURES, MemoryError):
        return TextLayer(float(sheet.rect.width), float(sheet.rect.height), is_broken=True)


def _is_text(text: str) -> bool:
    """Whether a string can be passed to C in UTF-8."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False

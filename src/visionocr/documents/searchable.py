"""Searchable PDFs: the original document with the text of its pages, invisible, over what they show."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pymupdf

from visionocr.documents.content import Content
from visionocr.documents.glyphless_font import GlyphlessFont
from visionocr.documents.invisible_text import write_text
from visionocr.documents.layer_removal import LayerRemover, find_text
from visionocr.documents.pdf import PdfFile, guarded
from visionocr.documents.picture_pdf import make_picture_pdf
from visionocr.errors import DocumentError, OutputError
from visionocr.placed import PlacedPage
from visionocr.text import printable

_mupdf: Any = pymupdf
NO_RESULT = "it was not read"
"""Why a page has no text that ``SearchablePdf.add`` was not called for."""
_HAS_TEXT = "it has text already"
_HAS_LAYER = "it has invisible text already (--replace-layer replaces that)"
_KEEPS_LAYER = "the invisible text that it has already cannot be taken out"
_IS_TAGGED = "it is tagged"
_OWNER = 4
"""What ``Document.authenticate`` answers to the owner's password; 2 to the user's, which may be empty."""
_NAME = "VisionOcrText"
"""Of the text among the page's resources."""
_CLEAR_EVERY = 64
"""Pages between two clearings of MuPDF's store, as in ``pdf.py``."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    pages: tuple[int, ...]
    """Numbers of the pages that have text now."""
    left: dict[int, str] = field(default_factory=dict)
    """The other pages, each with the reason why it was left as it was."""


class _Output:
    """A file that PyMuPDF writes to. It must not raise, for a traceback would be printed: the error is kept instead.

    Not a path: MuPDF deletes what is there, be it a device, and does not notice when the last bytes get lost.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self.truncate = file.seek, file.tell, file.truncate
        self.error: OSError | None = None
        self._file = file

    def write(self, data: memoryview) -> None:
        """Write, unless that failed before."""
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self.error = error


class SearchablePdf:
    """A document that gets text, page by page, and is saved as a new PDF.

    Nothing that is in a PDF is changed or lost: outline, labels, attachments, forms, metadata, encryption. What a page
    draws stays the same. PyMuPDF must be called by one thread at a time.
    """

    def __init__(
        self, content: Content, kind: str, password: str | None = None, *, replaces_layer: bool = False
    ) -> None:
        """Open a document whose format is *kind*, as ``sniff`` names it.

        *password* opens it, where it needs one; the owner's also allows what is forbidden to others.
        *replaces_layer*: invisible text that is on a page already is taken off, if it has no visible one. Raises
        ``DocumentError``, also for a PDF that must not be changed: signed, or protected by its owner.
        """
        self._name = printable(content.name)
        self._file: PdfFile | None = None
        if kind == "PDF":
            answers = iter([password])
            self._file = PdfFile(content, lambda _: next(answers, None))
            self._pdf = self._file.document
            try:
                self._refuse_protected(password)
            except DocumentError:
                self.close()
                raise
        else:
            self._pdf = make_picture_pdf(content, kind)
        self.pages = int(self._pdf.page_count)
        """How many pages it has."""
        self._remover = LayerRemover(self._pdf) if replaces_layer else None
        self._font: GlyphlessFont | None = None
        self._written: set[int] = set()
        self._left: dict[int, str] = {}

    def add(self, page: PlacedPage) -> None:
        """Put text on one page, once. A page that has text or tags, or is damaged, is left as it is.

        Raises ``DocumentError`` for a page that the document does not have.
        """
        if not 1 <= page.number <= self.pages:
            raise DocumentError(f"{self._name} has no page {page.number}")
        if page.number in self._written or page.number in self._left:
            raise ValueError(f"page {page.number} was added before")
        try:
            with guarded(f"page {page.number} of {self._name}", "written"):
                sheet = self._pdf.load_page(page.number - 1)
                reason = self._find_obstacle(sheet)
                if not reason:
                    self._put_text(sheet, page)
        except DocumentError as error:
            reason = error.message
        if reason:
            self._left[page.number] = reason
        else:
            self._written.add(page.number)
        if (len(self._written) + len(self._left)) % _CLEAR_EVERY == 0:
            _mupdf.TOOLS.store_shrink(100)

    def save(self, path: Path) -> Written:
        """Write the document to *path*, where no file may be. To be called once, as the last.

        Raises ``OutputError``, or ``DocumentError`` for a damaged one, and leaves no file then.
        """
        try:
            with path.open("xb") as file:
                output = _Output(file)
                with guarded(self._name, "written"):
                    if self._font is not None:
                        self._font.finish()
                    # 1: without what nothing refers to any more, such as text that was taken out.
                    garbage = int(self._remover is not None)
                    self._pdf.save(output, encryption=_mupdf.PDF_ENCRYPT_KEEP, garbage=garbage)
                if output.error is not None:
                    raise output.error
        except FileExistsError:
            raise OutputError(f"{printable(str(path))} exists already") from None
        except OSError as error:
            path.unlink(missing_ok=True)
            raise OutputError(f"cannot write {printable(str(path))}: {error.strerror or error}") from error
        except DocumentError:
            path.unlink(missing_ok=True)
            raise
        rest = set(range(1, self.pages + 1)) - self._written
        return Written(tuple(sorted(self._written)), {page: self._left.get(page, NO_RESULT) for page in sorted(rest)})

    def close(self) -> None:
        """Close the document."""
        (self._file or self._pdf).close()

    def __enter__(self) -> SearchablePdf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _refuse_protected(self, password: str | None) -> None:
        with guarded(self._name, "opened"):
            flags = self._pdf.get_sigflags()  # -1: no form; bit 0: it has a signature, or a field for one
            certified = self._pdf.xref_get_key(self._pdf.pdf_catalog(), "Perms")[0] != "null"
            is_owner = bool(password and self._pdf.authenticate(password) & _OWNER)
            allowed = is_owner or self._pdf.permissions & _mupdf.PDF_PERM_MODIFY
        if (flags > 0 and flags & 1) or certified:
            raise DocumentError(
                f"{self._name} is signed, and a text layer would break the signature", "choose another --format"
            )
        if not allowed:
            raise DocumentError(
                f"{self._name} is protected: its owner does not allow changes",
                "give --password-file FILE with the owner's password in it, or choose another --format",
            )

    def _find_obstacle(self, sheet: Any) -> str:
        """Why a page must be left as it is; empty where it need not, or not any more."""
        if self._pdf.xref_get_key(sheet.xref, "StructParents")[0] != "null":
            return _IS_TAGGED
        is_visible, is_invisible = find_text(sheet)
        if is_visible or not is_invisible:
            return _HAS_TEXT if is_visible else ""
        if self._remover is None:
            return _HAS_LAYER
        return "" if self._remover.strip(sheet) else _KEEPS_LAYER

    def _put_text(self, sheet: Any, page: PlacedPage) -> None:
        """Put the text before what the page draws, where no state that this leaves behind can move it."""
        mupdf = _mupdf.mupdf
        if self._font is None:
            self._font = GlyphlessFont(self._pdf)
        width, height = float(sheet.rect.width), float(sheet.rect.height)
        text = write_text(page, width, height, self._font.encode)
        if not text:
            return
        to_shown = mupdf.FzMatrix()
        # Not Page.derotation_matrix and its like: they are wrong for a turned page with a crop box or a user unit.
        mupdf.pdf_page_transform(sheet._pdf_page(), mupdf.FzRect(), to_shown)
        back = mupdf.fz_invert_matrix(to_shown)
        matrix = " ".join(f"{value:.6f}" for value in (back.a, back.b, back.c, back.d, back.e, back.f))
        form = self._add(
            f"<</Type/XObject/Subtype/Form/BBox[0 0 {width:.3f} {height:.3f}]/Matrix[{matrix}]"
            f"/Resources<</Font<</F {self._font.xref} 0 R>>>>>>",
            text,
        )
        name = self._add_resource(sheet, form)
        before = self._add("<<>>", f"q /{name} Do Q\n".encode())
        contents = " ".join(f"{xref} 0 R" for xref in (before, *sheet.get_contents()))
        self._pdf.xref_set_key(sheet.xref, "Contents", f"[{contents}]")

    def _add_resource(self, sheet: Any, form: int) -> str:
        """Give a page resources of its own with *form* among them: it may share those that it has with other pages.

        Returns the name of the form.
        """
        mupdf = _mupdf.mupdf
        own = sheet._pdf_page().obj()
        resources, forms = (mupdf.pdf_new_dict(mupdf.pdf_get_bound_document(own), 4) for _ in range(2))
        inherited = mupdf.pdf_dict_get_inheritable(own, mupdf.PDF_ENUM_NAME_Resources)
        if mupdf.pdf_is_dict(inherited):
            resources = mupdf.pdf_copy_dict(inherited)
        shared = mupdf.pdf_dict_gets(resources, "XObject")
        if mupdf.pdf_is_dict(shared):
            forms = mupdf.pdf_copy_dict(shared)
        # A text of ours that was taken out has left a form of that name.
        names = (f"{_NAME}{number or ''}" for number in itertools.count())
        name = next(name for name in names if mupdf.pdf_is_null(mupdf.pdf_dict_gets(forms, name)))
        mupdf.pdf_dict_puts(forms, name, mupdf.pdf_new_indirect(mupdf.pdf_get_bound_document(own), form, 0))
        mupdf.pdf_dict_puts(resources, "XObject", forms)
        mupdf.pdf_dict_puts(own, "Resources", resources)
        return name

    def _add(self, source: str, stream: bytes) -> int:
        xref: int = self._pdf.get_new_xref()
        self._pdf.update_object(xref, source)
        self._pdf.update_stream(xref, stream)
        return xref

"""Takes the invisible text of another program off the pages of a PDF, so that they can get a new one."""

from __future__ import annotations

from typing import Any

import pymupdf

from visionocr.documents.content_stream import strip_invisible_text

_pymupdf: Any = pymupdf
_mupdf: Any = _pymupdf.mupdf
_INKED = _mupdf.FZ_STEXT_FILLED | _mupdf.FZ_STEXT_STROKED
_DEEPEST = 8
"""Forms within each other that are looked into."""


def find_text(sheet: Any) -> tuple[bool, bool]:
    """Whether a page has visible text, and whether it has invisible text. May raise what MuPDF raises."""
    # Not Page.get_text, which also gives the text of annotations and form fields.
    options = _mupdf.FzStextOptions(_pymupdf.TEXT_MEDIABOX_CLIP)
    blocks = _pymupdf.TextPage(_mupdf.FzStextPage(sheet.this, options)).extractDICT()["blocks"]
    spans = (span for block in blocks for line in block.get("lines", ()) for span in line["spans"])
    visible = {bool(span["char_flags"] & _INKED) for span in spans if span["text"].strip()}
    return True in visible, False in visible


class LayerRemover:
    """Strips pages of one document. Forms with such text are copied, because other pages may draw them, too."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._copies: dict[tuple[int, int], Any] = {}
        """By number of a form and mode in which it begins: its copy, ``None`` where it needs none."""

    def strip(self, sheet: Any) -> bool:
        """Take the invisible text off a page; false, and the page is as it was, where some of it cannot be.

        May raise what MuPDF raises.
        """
        page = sheet._pdf_page().obj()
        before = {name: _mupdf.pdf_dict_gets(page, name) for name in ("Contents", "Resources")}
        resources = _mupdf.pdf_dict_get_inheritable(page, _mupdf.PDF_ENUM_NAME_Resources)
        content, stripped = self._strip(sheet.read_contents(), 0, resources, 0)
        after = {"Contents": self._add(content), "Resources": stripped}
        for name in ("Contents", "Resources") if stripped is not resources else ("Contents",):
            _mupdf.pdf_dict_puts(page, name, after[name])
        if not find_text(sheet)[1]:
            return True
        for name, value in before.items():
            if _mupdf.pdf_is_null(value):
                _mupdf.pdf_dict_dels(page, name)
            else:
                _mupdf.pdf_dict_puts(page, name, value)
        return False

    def _strip(self, content: bytes, mode: int, resources: Any, depth: int) -> tuple[bytes, Any]:
        """Instructions without invisible text, and their *resources*: the same, or a copy with other forms."""
        found = strip_invisible_text(content, mode)
        forms = _mupdf.pdf_dict_gets(resources, "XObject")
        copies = {}
        if depth < _DEEPEST and _mupdf.pdf_is_dict(forms):
            for name, begin in dict(found.drawn).items():
                form = _mupdf.pdf_dict_gets(forms, name.decode("latin-1"))
                if (copy := self._copy_form(form, begin, resources, depth)) is not None:
                    copies[name.decode("latin-1")] = copy
        if copies:
            resources, forms = _mupdf.pdf_copy_dict(resources), _mupdf.pdf_copy_dict(forms)
            for key, copy in copies.items():
                _mupdf.pdf_dict_puts(forms, key, copy)
            _mupdf.pdf_dict_puts(resources, "XObject", forms)
        return found.content, resources

    def _copy_form(self, form: Any, mode: int, outer: Any, depth: int) -> Any:
        """A copy of a form without its invisible text; ``None`` where it has none, or is no form.

        *outer*: the resources that it has unless it brings its own.
        """
        key = _mupdf.pdf_to_num(form), mode
        if not key[0] or _mupdf.pdf_to_name(_mupdf.pdf_dict_gets(form, "Subtype")) != "Form":
            return None
        if key not in self._copies:
            self._copies[key] = None  # while it is looked into, should it draw itself
            content = self._pdf.xref_stream(key[0])
            own = _mupdf.pdf_dict_gets(form, "Resources")
            own = own if _mupdf.pdf_is_dict(own) else outer
            stripped, resources = self._strip(content, mode, own, depth + 1)
            if stripped != content or resources is not own:
                copy = self._add(stripped, self._pdf.xref_object(key[0]))
                _mupdf.pdf_dict_puts(copy, "Resources", resources)
                self._copies[key] = copy
        return self._copies[key]

    def _add(self, stream: bytes, source: str = "<<>>") -> Any:
        """A new object with a *stream*, and the other entries of *source*."""
        xref = self._pdf.get_new_xref()
        self._pdf.update_object(xref, source)
        self._pdf.xref_set_key(xref, "DecodeParms", "null")  # of the stream that it had before
        self._pdf.update_stream(xref, stream)
        return _mupdf.pdf_new_indirect(_mupdf.pdf_document_from_fz_document(self._pdf.this), xref, 0)

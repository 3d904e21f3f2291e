"""Content of a PDF that is not on its pages: dynamic forms, portfolios, attached files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pymupdf

from visionocr.text import printable
from visionocr.types import Finding, FindingKind, Severity

_pymupdf: Any = pymupdf
_mupdf = _pymupdf.mupdf
_MOST_NAMES = 10
"""Attachments that are named; of the others the number is given."""
_MOST_COUNTED = 1000
"""Attachments, and branches of their tree, that are looked at: a tree may lead to the same branch again and again."""
_NAME_LENGTH = 80


def find_hidden_content(pdf: Any) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings for each page of a document, and for its first page only, about what it holds besides its pages.

    The pages of a dynamic form say only that the form cannot be shown. Of a portfolio the first page is a cover.
    """
    document = _mupdf.pdf_document_from_fz_document(pdf.this)
    catalog = _mupdf.pdf_dict_gets(_mupdf.pdf_trailer(document), "Root")
    everywhere: tuple[Finding, ...] = ()
    if _is_dynamic_form(catalog):
        message = "the document is a dynamic XFA form, which is not on its pages: open it in Adobe Acrobat and print it"
        everywhere = (Finding(FindingKind.HIDDEN_CONTENT, f"{message} to a new PDF"),)
    tree = _mupdf.pdf_dict_gets(_mupdf.pdf_dict_gets(catalog, "Names"), "EmbeddedFiles")
    names = _describe_files(list(_attached_files(tree)))
    if not _mupdf.pdf_is_null(_mupdf.pdf_dict_gets(catalog, "Collection")):
        message = f"the document is a portfolio, whose files are not on its pages: {names or 'none can be found'}"
        return everywhere, (Finding(FindingKind.HIDDEN_CONTENT, message),)
    return everywhere, _mention("document", names)


def find_pinned_files(pdf: Any, sheet: Any) -> tuple[Finding, ...]:
    """A finding about the files attached to a page as notes."""
    notes = [xref for xref, kind, *_ in sheet.annot_xrefs() if kind == _pymupdf.PDF_ANNOT_FILE_ATTACHMENT]
    if not notes:
        return ()
    document = _mupdf.pdf_document_from_fz_document(pdf.this)
    annotations = (_mupdf.pdf_load_object(document, xref) for xref in notes[:_MOST_COUNTED])
    return _mention("page", _describe_files([_mupdf.pdf_dict_gets(note, "FS") for note in annotations]))


def _is_dynamic_form(catalog: Any) -> bool:
    """Whether the form is described in XML alone. Others have it, too, but with fields on the pages that show all."""
    form = _mupdf.pdf_dict_gets(catalog, "AcroForm")
    if _mupdf.pdf_is_null(_mupdf.pdf_dict_gets(form, "XFA")):
        return False
    needs_rendering = _mupdf.pdf_to_bool(_mupdf.pdf_dict_gets(catalog, "NeedsRendering"))
    return bool(needs_rendering) or _mupdf.pdf_array_len(_mupdf.pdf_dict_gets(form, "Fields")) == 0


def _attached_files(tree: Any) -> Iterator[Any]:
    """The file specifications in a tree of names."""
    branches, found = [tree], 0
    for _ in range(_MOST_COUNTED):
        if not branches:
            return
        branch = branches.pop()
        names, kids = (_mupdf.pdf_dict_gets(branch, key) for key in ("Names", "Kids"))
        for at in range(1, _mupdf.pdf_array_len(names), 2):
            if found == _MOST_COUNTED:
                return
            found += 1
            yield _mupdf.pdf_array_get(names, at)
        count = min(_mupdf.pdf_array_len(kids), _MOST_COUNTED)
        branches += [_mupdf.pdf_array_get(kids, at) for at in reversed(range(count))]


def _describe_files(specifications: list[Any]) -> str:
    """The names of files, or of the first of them and how many there are."""
    names = ", ".join(map(_read_name, specifications[:_MOST_NAMES]))
    if len(specifications) <= _MOST_NAMES:
        return names
    at_least = "at least " if len(specifications) == _MOST_COUNTED else ""
    return f"{names} and {at_least}{len(specifications) - _MOST_NAMES} more"


def _read_name(specification: Any) -> str:
    for key in ("UF", "F"):
        name = printable(_mupdf.pdf_to_text_string(_mupdf.pdf_dict_gets(specification, key)))
        if name:
            return name[:_NAME_LENGTH]
    return "a file without a name"


def _mention(what: str, names: str) -> tuple[Finding, ...]:
    if not names:
        return ()
    return (Finding(FindingKind.HIDDEN_CONTENT, f"the {what} has attached files: {names}", Severity.INFO),)

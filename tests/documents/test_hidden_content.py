"""What a PDF holds besides its pages is said: dynamic forms, portfolios, attached files."""

from __future__ import annotations

import time
from typing import Any

import pymupdf
import pytest

from drawing import pdf_bytes
from hostile_files import raw_pdf, stream
from visionocr.documents.content import Content
from visionocr.documents.pdf import PdfFile
from visionocr.types import Finding, FindingKind, PageRef, RasterSpec, Severity

_mupdf: Any = pymupdf
XML = stream(b"<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")


def document(catalog: bytes, *objects: bytes, pages: int = 2) -> bytes:
    """A PDF whose pages say nothing of importance; its *objects* are numbered from 4."""
    kids = b"".join(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R>>" for _ in range(1))
    return raw_pdf(
        b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog,
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids * pages),
        stream(b"0 0 40 40 re f"),
        *objects,
    )


def findings(data: bytes, number: int = 1) -> list[Finding]:
    """The findings about hidden content on a page."""
    pdf = PdfFile(Content("doc.pdf", data=data))
    (image,) = pdf.load(PageRef("doc.pdf", number, pdf.pages), RasterSpec(300))
    return [finding for finding in image.findings if finding.kind is FindingKind.HIDDEN_CONTENT]


def attachments(*names: str, annotation: bool = False) -> bytes:
    """A PDF of two pages with files attached to it, or to its second page."""
    pdf = _mupdf.open(stream=pdf_bytes("one", "two"))
    for name in names:
        if annotation:
            pdf[1].add_file_annot((90, 90), b"data", name)
        else:
            pdf.embfile_add(f"key of {name}", b"data", filename=name, ufilename=name)
    return bytes(pdf.tobytes())


@pytest.mark.parametrize(
    "catalog",
    [
        b"/NeedsRendering true/AcroForm<</Fields[]/XFA 4 0 R>>",
        b"/NeedsRendering true/AcroForm<</Fields[5 0 R]/XFA 4 0 R>>",
        b"/AcroForm<</Fields[]/XFA[(template)4 0 R]>>",
        b"/AcroForm<</XFA 4 0 R>>",
    ],
)
def test_a_dynamic_form_is_suspect_on_every_page(catalog: bytes) -> None:
    """Pages that only say that the form cannot be shown are not good answers, and the user learns what to do."""
    for number in (1, 2):
        (finding,) = findings(document(catalog, XML, b"<</FT/Tx/T(a)>>"), number)
        assert finding.severity is Severity.SUSPECT
        assert "XFA" in finding.message
        assert "print" in finding.message


@pytest.mark.parametrize(
    "catalog",
    [b"/AcroForm<</Fields[5 0 R]/XFA 4 0 R>>", b"/AcroForm<</Fields[5 0 R]>>", b"/NeedsRendering true", b""],
)
def test_other_forms_show_all_that_they_have(catalog: bytes) -> None:
    """A form with fields on its pages has no finding, though it may have a description in XML as well."""
    assert findings(document(catalog, XML, b"<</FT/Tx/T(a)>>")) == []


@pytest.mark.parametrize("names", [("contract.pdf",), ("a.pdf", "b.pdf", "sums.xlsx")])
def test_the_cover_of_a_portfolio_is_suspect(names: tuple[str, ...]) -> None:
    """The first page of a portfolio is a cover: the finding names the files."""
    pdf = _mupdf.open(stream=attachments(*names))
    pdf.xref_set_key(pdf.pdf_catalog(), "Collection", "<</View/D>>")
    (finding,) = findings(pdf.tobytes())
    assert finding.severity is Severity.SUSPECT
    assert "portfolio" in finding.message
    assert all(name in finding.message for name in names)
    assert findings(pdf.tobytes(), 2) == []


def test_an_empty_portfolio_is_suspect() -> None:
    """A portfolio whose files cannot be found is none the less one."""
    (finding,) = findings(document(b"/Collection<<>>"))
    assert finding.severity is Severity.SUSPECT


def test_attached_files_are_mentioned_on_the_first_page() -> None:
    """Files attached to a document whose pages are its content are information."""
    data = attachments("factur-x.xml", "Anlage ä.pdf")
    (finding,) = findings(data)
    assert finding.severity is Severity.INFO
    assert finding.message.endswith("factur-x.xml, Anlage ä.pdf")
    assert findings(data, 2) == []


def test_files_pinned_to_a_page_are_mentioned_there() -> None:
    """A file attached as a note is named on the page with the note."""
    data = attachments("pinned.txt", annotation=True)
    assert findings(data) == []
    (finding,) = findings(data, 2)
    assert finding.severity is Severity.INFO
    assert "pinned.txt" in finding.message


def test_names_are_harmless_and_limited() -> None:
    """Many files are counted, long names are cut, and control characters stay out of messages."""
    (finding,) = findings(attachments(*(f"{number:02}.txt" for number in range(25))))
    assert "00.txt" in finding.message
    assert "and 15 more" in finding.message
    assert "15.txt" not in finding.message
    (finding,) = findings(attachments("x" * 5000, "two\nlines\x1b[2J"))
    assert len(finding.message) < 300
    assert finding.message.isprintable()


def branch(number: int) -> bytes:
    """A node of a tree of names that leads ten times to the next one."""
    return b"<</Kids[%s]>>" % (b"%d 0 R " % (number + 1) * 10)


@pytest.mark.parametrize(
    "tree",
    [
        (b"<</Kids[4 0 R 4 0 R]>>",),
        tuple(branch(4 + level) for level in range(12)),
        tuple(b"<</Kids[%d 0 R]>>" % (5 + level) for level in range(20_000)),
        (b"<</Names[" + b"(n)<</F(name)>>" * 50_000 + b"]>>",),
        (b"<</Names[(a)(b)(c)]/Kids 9>>",),
        (b"(no tree)",),
    ],
    ids=["circle", "fan", "deep", "wide", "odd", "none"],
)
def test_hostile_trees_of_names_take_no_time(tree: tuple[bytes, ...]) -> None:
    """A tree that has no end, or a great many files, costs a moment at most."""
    data = document(b"/Names<</EmbeddedFiles 4 0 R>>", *tree)
    pdf = PdfFile(Content("doc.pdf", data=data))
    begun = time.process_time()
    (image,) = pdf.load(PageRef("doc.pdf", 1, 2), RasterSpec(300))
    assert time.process_time() - begun < 2
    assert all(len(finding.message) < 1500 for finding in image.findings)

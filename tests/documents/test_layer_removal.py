"""Older invisible text is replaced: it is gone, and everything else is as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image, ImageDraw

from drawing import picture_bytes
from pdf_readers import READERS, check_with_qpdf
from searchable_files import write_searchable
from visionocr.blocks import BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.documents.content import Content
from visionocr.documents.searchable import Written
from visionocr.placed import PlacedBlock, PlacedPage

_mupdf: Any = pymupdf


def _scan(pages: int = 1) -> Any:
    """A PDF whose pages are pictures."""
    pdf = _mupdf.open()
    for _ in range(pages):
        picture = Image.new("RGB", (60, 80), (250, 240, 230))
        ImageDraw.Draw(picture).rectangle((10, 10, 40, 20), fill="black")
        page = pdf.new_page(width=400, height=500)
        page.insert_image(page.rect, stream=picture_bytes(picture, "PNG"))
        page.draw_line((10, 450), (390, 450), color=(1, 0, 0), width=3)
    return pdf


def _place(text: str, number: int = 1) -> PlacedPage:
    line = TextLine(text, Box(0.1, 0.1, 0.9, 0.13))
    return PlacedPage(number, 1000, 1400, (PlacedBlock(BlockKind.TEXT, line.box, (line,)),))


def _replace(data: bytes, path: Path, *pages: PlacedPage) -> Written:
    return write_searchable(Content("scan.pdf", data=data), "PDF", pages, path, replaces_layer=True)


def _add_stream(pdf: Any, source: str, content: bytes) -> int:
    xref: int = pdf.get_new_xref()
    pdf.update_object(xref, source)
    pdf.update_stream(xref, content)
    return xref


_FONT = "/Resources<</Font<</F <</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>"


def _add_form(pdf: Any, content: bytes, resources: str = _FONT) -> int:
    return _add_stream(pdf, f"<</Type/XObject/Subtype/Form/BBox[0 0 400 500]{resources}>>", content)


def _draw_form(pdf: Any, page: Any, form: int, before: bytes = b"") -> None:
    """Let a page draw a form after everything else."""
    mupdf, own = _mupdf.mupdf, page._pdf_page().obj()
    forms = mupdf.pdf_dict_gets(mupdf.pdf_dict_gets(own, "Resources"), "XObject")
    mupdf.pdf_dict_puts(forms, "Layer", mupdf.pdf_new_indirect(mupdf.pdf_get_bound_document(own), form, 0))
    contents = [*page.get_contents(), _add_stream(pdf, "<<>>", b"\nq " + before + b" /Layer Do Q")]
    pdf.xref_set_key(page.xref, "Contents", f"[{' '.join(f'{xref} 0 R' for xref in contents)}]")


_OLD = b"BT /F 12 Tf 3 Tr 1 0 0 1 40 450 Tm (old words) Tj 0 -20 Td [(of an) -250 (other)] TJ (program) ' ET"


def _in_the_page() -> bytes:
    pdf = _scan()
    pdf[0].insert_text((40, 60), ["old words", "of another program"], render_mode=3)
    return bytes(pdf.tobytes())


def _in_a_form() -> bytes:
    pdf = _scan()
    _draw_form(pdf, pdf[0], _add_form(pdf, _OLD))
    return bytes(pdf.tobytes())


def _in_a_form_within_a_form() -> bytes:
    """The mode is set by the page; the inner form has no resources of its own."""
    pdf = _scan()
    inner = _add_form(pdf, _OLD.replace(b"3 Tr", b""), "")
    outer = _FONT.replace("<</Font", f"<</XObject<</In {inner} 0 R>>/Font", 1)
    _draw_form(pdf, pdf[0], _add_form(pdf, b"1 0 0 1 0 0 cm /In Do 0 1 0 rg 5 5 9 9 re f", outer), b"3 Tr")
    return bytes(pdf.tobytes())


def _with_inherited_resources() -> bytes:
    pdf = _scan()
    _draw_form(pdf, pdf[0], _add_form(pdf, _OLD))
    tree = int(pdf.xref_get_key(pdf[0].xref, "Parent")[1].split()[0])
    pdf.xref_set_key(tree, "Resources", pdf.xref_get_key(pdf[0].xref, "Resources")[1])
    page = pdf[0]
    _mupdf.mupdf.pdf_dict_dels(page._pdf_page().obj(), "Resources")
    return bytes(pdf.tobytes())


def _of_ours() -> bytes:
    path = Path("first.pdf")
    _replace(_scan().tobytes(), path, _place("old words of ours"))
    return path.read_bytes()


_LAYERS: dict[str, Callable[[], bytes]] = {
    "page": _in_the_page,
    "form": _in_a_form,
    "form within a form": _in_a_form_within_a_form,
    "inherited": _with_inherited_resources,
    "ours": _of_ours,
}


def _draw_with_mupdf(data: bytes) -> bytes:
    with _mupdf.open(stream=data, filetype="pdf") as pdf:
        return b"".join(bytes(page.get_pixmap(dpi=60).samples) for page in pdf)


def _draw_with_pdfium(data: bytes) -> bytes:
    pdfium = pytest.importorskip("pypdfium2")
    pdf = pdfium.PdfDocument(data)
    pictures = b"".join(page.render(scale=1).to_pil().tobytes() for page in pdf)
    pdf.close()
    return pictures


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a test stand in its own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("draw", [_draw_with_mupdf, _draw_with_pdfium])
@pytest.mark.parametrize("layer", _LAYERS)
def test_the_old_text_is_gone_and_the_page_looks_the_same(layer: str, draw: Callable[[bytes], bytes]) -> None:
    """Every reader finds the new words and no others; every pixel is the same."""
    data = _LAYERS[layer]()
    path = Path("out.pdf")
    with _mupdf.open(stream=data, filetype="pdf") as before:
        assert "old words" in before[0].get_text()
    assert _replace(data, path, _place("new text")) == Written((1,))
    for name in ("mupdf", "pdfium", "poppler -raw"):
        assert READERS[name](path).split() == ["new", "text"], name
    assert draw(path.read_bytes()) == draw(data)
    check_with_qpdf(path)


def test_the_old_text_is_not_in_the_file_any_more() -> None:
    """Not in objects that nothing refers to either, and everything else is still there."""
    for layer in ("page", "form"):
        with _mupdf.open(stream=_LAYERS[layer](), filetype="pdf") as pdf:
            pdf.set_toc([[1, "first", 1]])
            pdf.embfile_add("data.txt", b"attached")
            pdf.set_metadata({"title": "A title"})
            data = pdf.tobytes()
        path = Path(f"{layer}.pdf")
        _replace(data, path, _place("new"))
        with _mupdf.open(path) as pdf:
            streams = [pdf.xref_stream(xref) or b"" for xref in range(1, pdf.xref_length()) if pdf.xref_is_stream(xref)]
            assert not any(b"old words" in stream or b"6f6c6420776f726473" in stream for stream in streams)
            assert (pdf.get_toc(), pdf.metadata["title"]) == ([[1, "first", 1]], "A title")
            assert pdf.embfile_get("data.txt") == b"attached"


def test_pages_without_a_result_keep_their_text() -> None:
    """Also where two pages draw the same form, or share their instructions."""
    pdf = _scan(2)
    form = _add_form(pdf, _OLD)
    for page in pdf:
        _draw_form(pdf, page, form)
    pdf.xref_set_key(pdf[1].xref, "Contents", pdf.xref_get_key(pdf[0].xref, "Contents")[1])
    pdf.xref_set_key(pdf[1].xref, "Resources", pdf.xref_get_key(pdf[0].xref, "Resources")[1])
    _replace(pdf.tobytes(), Path("out.pdf"), _place("new"))
    with _mupdf.open("out.pdf") as written:
        assert written[0].get_text().split() == ["new"]
        assert "old words" in written[1].get_text()


def test_visible_text_stays() -> None:
    """A page that has any is left as it is, with its invisible text: it would be there twice."""
    pdf = _scan()
    pdf[0].insert_text((40, 60), "old", render_mode=3)
    pdf[0].insert_text((40, 90), "Exhibit 7")
    written = _replace(pdf.tobytes(), Path("out.pdf"), _place("new"))
    assert written == Written((), {1: "it has text already"})
    with _mupdf.open("out.pdf") as after:
        assert after[0].get_text().split() == ["old", "Exhibit", "7"]


def test_what_cannot_be_taken_out_stays_whole() -> None:
    """Forms deeper within each other than anybody makes them: the page is as before."""
    pdf = _scan()
    form = _add_form(pdf, _OLD)
    for _ in range(12):
        form = _add_form(pdf, b"/In Do", f"/Resources<</XObject<</In {form} 0 R>>>>")
    pdf[0].insert_text((40, 90), "older", render_mode=3)
    _draw_form(pdf, pdf[0], form)
    written = _replace(pdf.tobytes(), Path("out.pdf"), _place("new"))
    assert written == Written((), {1: "the invisible text that it has already cannot be taken out"})
    with _mupdf.open("out.pdf") as after:
        assert {"old", "older"} <= set(after[0].get_text().split())


def test_a_form_that_draws_itself() -> None:
    """It ends."""
    pdf = _scan()
    form = _add_form(pdf, _OLD + b" /In Do")
    pdf.xref_set_key(form, "Resources/XObject", f"<</In {form} 0 R>>")
    _draw_form(pdf, pdf[0], form)
    written = _replace(pdf.tobytes(), Path("out.pdf"), _place("new"))
    assert set(written.pages) | set(written.left) == {1}

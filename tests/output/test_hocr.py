"""hOCR: a whole document with the places of its words."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from placed_pages import HEIGHT, WIDTH, list_texts, make_page
from visionocr.output import hocr
from visionocr.placed import PlacedPage

_NAMES = {"": "http://www.w3.org/1999/xhtml"}


def _render(*pages: PlacedPage) -> str:
    head = hocr.render_head("scan & <more>.pdf", 'a "model"', "de")
    return head + "".join(map(hocr.render_page, pages)) + hocr.TAIL


def _find(parent: ET.Element, name: str) -> list[ET.Element]:
    """The elements of a class."""
    return [element for element in parent.iter() if element.get("class") == name]


def _bbox(element: ET.Element) -> tuple[int, ...]:
    found = re.search(r"bbox (\d+) (\d+) (\d+) (\d+)", element.get("title", ""))
    assert found is not None
    return tuple(map(int, found.groups()))


def test_words_come_back() -> None:
    """Each line has its words in order; what XML forbids and words without text are left out."""
    root = ET.fromstring(_render(make_page()))
    lines = [[word.text for word in _find(line, "ocrx_word")] for line in _find(root, "ocr_line")]
    assert lines == list_texts()


def test_places_and_confidence() -> None:
    """Boxes are whole pixels, and a word's confidence its own or its line's, in percent."""
    root = ET.fromstring(_render(make_page()))
    (page,) = _find(root, "ocr_page")
    title = page.get("title", "")
    assert title == f"image \"my 'scan'.png\"; bbox 0 0 {WIDTH} {HEIGHT}; ppageno 2; scan_res 300 300"
    first, second, *_ = _find(root, "ocrx_word")
    assert first.get("title") == "bbox 100 200 200 240; x_wconf 90"
    assert second.get("title") == "bbox 250 200 300 240; x_wconf 45"
    assert _find(root, "ocr_line")[0].get("title") == "bbox 100 200 500 240; baseline 0 -9; x_size 40"


def test_every_box_is_on_the_page() -> None:
    """A box that reaches beyond the page is cut, and none is empty."""
    for element in ET.fromstring(_render(make_page())).iter():
        if element.get("title"):
            left, top, right, bottom = _bbox(element)
            assert 0 <= left < right <= WIDTH
            assert 0 <= top < bottom <= HEIGHT


def test_kinds_language_and_direction() -> None:
    """Blocks tell their kind, a picture is a photo, paragraphs their language and direction."""
    root = ET.fromstring(_render(make_page()))
    areas = [element for element in root.iter() if "x_kind" in element.get("title", "")]
    kinds = [(area.get("class"), re.findall(r"x_kind (\S+)", area.get("title", ""))[0]) for area in areas]
    # The block of two columns is two.
    plain = [("ocr_carea", "text")] * 4
    assert kinds[:7] == [("ocr_carea", "heading"), ("ocr_photo", "picture"), ("ocr_table", "table"), *plain]
    assert {kind: class_ for class_, kind in kinds[7:]} == {
        **dict.fromkeys(("list-item", "formula", "code", "footnote", "text"), "ocr_carea"),
        "caption": "ocr_caption",
        "header": "ocr_header",
        "footer": "ocr_footer",
        "page-number": "ocr_pageno",
    }
    (photo,) = _find(root, "ocr_photo")
    assert _bbox(photo) == (100, 400, 900, 600)
    paragraphs = _find(root, "ocr_par")
    assert {paragraph.get("lang") for paragraph in paragraphs} == {"de"}
    assert [paragraph.get("dir") for paragraph in paragraphs[:5]] == ["ltr", "ltr", "ltr", "ltr", "rtl"]


def test_columns_do_not_overlap() -> None:
    """A block that runs over two columns becomes two paragraphs, each round its own lines."""
    paragraphs = _find(ET.fromstring(_render(make_page())), "ocr_par")
    assert [_bbox(paragraph) for paragraph in paragraphs[2:4]] == [(100, 1000, 400, 1140), (500, 1000, 900, 1040)]


def test_a_file_of_several_pages() -> None:
    """The head names the program and the model; ids are unique, and an empty page is a page."""
    root = ET.fromstring(_render(make_page(), PlacedPage(4, 10, 20)))
    assert [page.get("id") for page in _find(root, "ocr_page")] == ["page_3", "page_4"]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    metas = {meta.get("name"): meta.get("content", "") for meta in root.iterfind(".//meta", _NAMES)}
    assert metas["ocr-system"].startswith("visionocr ")
    assert metas["ocr-system"].endswith(' with a "model"')
    assert root.findtext(".//title", namespaces=_NAMES) == "scan & <more>.pdf"


def test_ocrmypdf_reads_it(tmp_path: Path) -> None:
    """OCRmyPDF's parser finds each word, its place and its confidence."""
    parser = pytest.importorskip("ocrmypdf.hocrtransform.hocr_parser", reason="OCRmyPDF is not installed")
    path = tmp_path / "a.hocr"
    path.write_text(_render(make_page()), "utf-8")
    page = parser.HocrParser(path).parse()
    assert [[word.text for word in line.words] for line in page.lines] == list_texts()
    word = page.lines[0].words[1]
    assert (word.bbox.left, word.bbox.top, word.bbox.right, word.bbox.bottom) == (250, 200, 300, 240)
    assert word.confidence == pytest.approx(0.45)

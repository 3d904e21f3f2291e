"""ALTO 4.2: one file a page with the places of its words."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from placed_pages import HEIGHT, WIDTH, list_texts, make_page
from visionocr.output.alto import render_alto
from visionocr.placed import PlacedPage

_NAMES = {"": "http://www.loc.gov/standards/alto/ns-v4#"}
_MOMENT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def _parse(page: PlacedPage) -> ET.Element:
    return ET.fromstring(render_alto(page, _MOMENT))


@pytest.mark.parametrize("page", [make_page(), PlacedPage(1, 10, 20)], ids=["full", "empty"])
def test_it_is_valid(page: PlacedPage) -> None:
    """Against the rules of the schema for what is written."""
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    schema = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "alto-4.2-written.xsd"))
    schema.assertValid(etree.fromstring(render_alto(page, _MOMENT).encode()))


def test_words_come_back() -> None:
    """Each line has its words in order, with spaces between them."""
    lines = _parse(make_page()).findall(".//TextLine", _NAMES)
    assert [[word.get("CONTENT") for word in line.iterfind("String", _NAMES)] for line in lines] == list_texts()
    assert [len(line.findall("SP", _NAMES)) for line in lines] == [len(words) - 1 for words in list_texts()]


def test_places_and_confidence() -> None:
    """In pixels from the upper left corner; confidences from 0 to 1; the baseline as eScriptorium reads it."""
    root = _parse(make_page())
    line = root.find(".//TextLine", _NAMES)
    assert line is not None
    assert line.get("BASELINE") == "100 231 500 231"
    word = line.findall("String", _NAMES)[1]
    place = [word.get(name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT", "WC")]
    assert place == ["250", "200", "50", "40", "0.45"]
    page = root.find(".//Page", _NAMES)
    assert page is not None
    assert [page.get(name) for name in ("WIDTH", "HEIGHT", "PHYSICAL_IMG_NR")] == [str(WIDTH), str(HEIGHT), "3"]


def test_kinds_of_blocks() -> None:
    """Each block refers to a tag with its kind; a picture is an illustration."""
    root = _parse(make_page())
    labels = {tag.get("ID"): tag.get("LABEL") for tag in root.iterfind(".//OtherTag", _NAMES)}
    space = root.find(".//PrintSpace", _NAMES)
    assert space is not None
    kinds = [labels[block.get("TAGREFS")] for block in space]
    assert kinds[:5] == ["heading", "picture", "table", "text", "text"]
    assert space[1].tag.endswith("Illustration")


def test_where_it_comes_from() -> None:
    """The image's name, as eScriptorium looks for it, the language, and the model with program and time."""
    root = _parse(make_page())
    assert root.findtext(".//fileName", namespaces=_NAMES) == 'my "scan".png'
    assert root.findtext(".//processingStepSettings", namespaces=_NAMES) == "model: some/model Q8_0"
    assert root.findtext(".//processingDateTime", namespaces=_NAMES) == "2026-05-04T03:02:01Z"
    assert root.findtext(".//softwareName", namespaces=_NAMES) == "visionocr"
    assert {block.get("LANG") for block in root.iterfind(".//TextBlock", _NAMES)} == {"de"}


def test_the_schema_is_one_that_escriptorium_accepts() -> None:
    """It compares the location with a list that ends with 4.2."""
    location = _parse(make_page()).get("{http://www.w3.org/2001/XMLSchema-instance}schemaLocation")
    assert location == f"{_NAMES['']} http://www.loc.gov/standards/alto/v4/alto-4-2.xsd"

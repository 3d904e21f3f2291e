"""PAGE XML 2019: one file a page with the places of its words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from placed_pages import HEIGHT, WIDTH, list_texts, make_page
from visionocr.output.page_xml import render_page_xml
from visionocr.placed import PlacedPage

_NAMES = {"": "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"}
_MOMENT = datetime(2026, 5, 4, 5, 2, 1, 999_999, tzinfo=timezone(timedelta(hours=2)))


def _parse(page: PlacedPage) -> ET.Element:
    return ET.fromstring(render_page_xml(page, _MOMENT))


@pytest.mark.parametrize("page", [make_page(), PlacedPage(1, 10, 20)], ids=["full", "empty"])
def test_it_is_valid(page: PlacedPage) -> None:
    """Against the schema of 2019-07-15, as OCR-D has it."""
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    schema = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "page-2019-07-15.xsd"))
    schema.assertValid(etree.fromstring(render_page_xml(page, _MOMENT).encode()))


def test_words_come_back() -> None:
    """Each line has its words in order."""
    lines = _parse(make_page()).findall(".//TextLine", _NAMES)
    texts = [
        [word.findtext(".//Unicode", namespaces=_NAMES) for word in line.iterfind("Word", _NAMES)] for line in lines
    ]
    assert texts == list_texts()


def test_levels_agree() -> None:
    """A line's text is that of its words, and a region's that of its lines: OCR-D checks it."""
    for region in _parse(make_page()).iterfind(".//TextRegion", _NAMES):
        lines = region.findall("TextLine", _NAMES)
        texts = [line.findtext("TextEquiv/Unicode", namespaces=_NAMES) or "" for line in lines]
        for line, text in zip(lines, texts, strict=True):
            words = line.findall("Word", _NAMES)
            assert text == " ".join(word.findtext("TextEquiv/Unicode", "", _NAMES) for word in words)
        assert region.findtext("TextEquiv/Unicode", "", _NAMES) == "\n".join(texts)


def test_places_and_confidence() -> None:
    """Outlines and baselines in pixels; confidences from 0 to 1."""
    root = _parse(make_page())
    line = root.find(".//TextLine", _NAMES)
    page = root.find("Page", _NAMES)
    assert line is not None
    assert page is not None
    baseline, word = line.find("Baseline", _NAMES), line.findall("Word", _NAMES)[1]
    assert baseline is not None
    assert baseline.get("points") == "100,231 500,231"
    coordinates, text = word.find("Coords", _NAMES), word.find("TextEquiv", _NAMES)
    assert coordinates is not None
    assert text is not None
    assert coordinates.get("points") == "250,200 300,200 300,240 250,240"
    assert text.get("conf") == "0.45"
    assert (page.get("imageWidth"), page.get("imageHeight")) == (str(WIDTH), str(HEIGHT))
    assert page.get("imageXResolution") == "300"


def test_kinds_and_order_of_regions() -> None:
    """Regions have the schema's types and the block's kind, and stand in the reading order."""
    root = _parse(make_page())
    page = root.find("Page", _NAMES)
    assert page is not None
    regions = [element for element in page if element.tag.endswith("Region")]
    assert [region.tag.split("}")[1] for region in regions[:3]] == ["TextRegion", "ImageRegion", "TextRegion"]
    assert regions[-1].tag.endswith("MathsRegion")
    assert [region.get("type") for region in regions[:4]] == ["heading", None, "other", "paragraph"]
    assert regions[2].get("custom") == "structure {type:table;}"
    references = sorted(root.iterfind(".//RegionRefIndexed", _NAMES), key=lambda item: int(item.get("index", "")))
    assert [item.get("regionRef") for item in references] == [region.get("id") for region in regions]
    assert [region.get("readingDirection") for region in regions[3:6]] == [None, None, "right-to-left"]


def test_where_it_comes_from() -> None:
    """The image's name, the model as a step of processing, the language, and times in UTC."""
    root = _parse(make_page())
    page = root.find("Page", _NAMES)
    assert page is not None
    assert page.get("imageFilename") == 'my "scan".png'
    items = {item.get("type"): item for item in root.iterfind(".//MetadataItem", _NAMES)}
    assert items["processingStep"].get("value") == "some/model Q8_0"
    assert items["other"].get("value") == "de"
    assert root.findtext("Metadata/Created", namespaces=_NAMES) == "2026-05-04T03:02:01Z"

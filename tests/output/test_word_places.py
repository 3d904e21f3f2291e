"""Words are put in the places of the page's lines."""

from __future__ import annotations

import re
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import skewed_pages
from skewed_pages import skew, two_columns
from visionocr.blocks import Block, BlockKind, Cell
from visionocr.boxes import Box, PageSize, TextLine, turn_box, turn_line
from visionocr.layout.lines import to_text_line
from visionocr.output import hocr
from visionocr.output.alto import render_alto
from visionocr.output.page_xml import render_page_xml
from visionocr.output.places import place_page
from visionocr.placed import place_words
from visionocr.types import PageRef, PageResult, Status

TEXT = "The lessee keeps the roof\nand the chimney in repair\n\nat his own cost"
LINES = tuple(
    TextLine(text, Box(0.1, top, 0.1 + len(text) / 50, top + 0.03))
    for text, top in (
        ("The lessee keeps the rooof", 0.1),
        ("and the chimney in repair", 0.14),
        ("at his own cost", 0.4),
    )
)
WIDTH, HEIGHT = 600, 800


def result(turn: int, *, has_lines: bool) -> PageResult:
    """A page that reads upright only when it is turned, with all boxes as it is displayed."""
    width, height = (HEIGHT, WIDTH) if turn in {90, 270} else (WIDTH, HEIGHT)
    page = PageResult(PageRef("a.pdf", 1), TEXT, Status.OK, size=PageSize(width, height), turn=turn)
    if has_lines:
        return replace(page, lines=tuple(turn_line(line, -turn) for line in LINES))
    return replace(page, blocks=(Block(BlockKind.TEXT, TEXT, box=turn_box(Box(0.1, 0.1, 0.6, 0.4), -turn)),))


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize("has_lines", [True, False])
def test_a_turned_page_has_the_same_words_in_turned_places(turn: int, has_lines: bool) -> None:
    """Blocks, lines and words come in reading order, whichever way the page lies, and stand where they are seen."""
    upright, turned = (place_page(result(degrees, has_lines=has_lines)) for degrees in (0, turn))
    assert (turned.width < turned.height) == (turn == 180)
    assert upright.blocks
    for block, other in zip(turned.blocks, upright.blocks, strict=True):
        for line, straight in zip(block.lines, other.lines, strict=True):
            assert line.text == straight.text
            assert astuple(line.box) == pytest.approx(astuple(turn_box(straight.box, -turn)))
            if has_lines:
                words = place_words(line, turned.width, turned.height)
                expected = place_words(straight, upright.width, upright.height)
                assert [word.text for word in words] == [word.text for word in expected]
                for word, seen in zip(words, expected, strict=True):
                    assert astuple(word.box) == pytest.approx(astuple(turn_box(seen.box, -turn)))


def test_a_skewed_page_keeps_its_order() -> None:
    """Lines come in the order of a straight page, in the places where the page has them."""
    lines = [to_text_line(line, skewed_pages.WIDTH, skewed_pages.HEIGHT) for line in skew(two_columns(), 4)]
    text = "\n\n".join(line.text for line in two_columns())
    size = PageSize(skewed_pages.WIDTH, skewed_pages.HEIGHT)
    page = PageResult(PageRef("a.pdf", 1), text, Status.OK, size=size, lines=tuple(reversed(lines)))
    placed = [line for block in place_page(page).blocks for line in block.lines]
    assert [line.box for line in placed] == [line.box for line in lines]


PARTS = (
    (BlockKind.HEADER, "Annual report 1911", 0.03),
    (BlockKind.HEADING, "The state of the harbour", 0.1),
    (BlockKind.TEXT, "The committee looked into the accounts of the year before", 0.18),
    (BlockKind.TEXT, "Members asked about the costs of stone and timber", 0.26),
    (BlockKind.LIST_ITEM, "a new quay for the ferry", 0.34),
    (BlockKind.LIST_ITEM, "three lamps at the bridge", 0.38),
    (BlockKind.CAPTION, "Figure 2. The old crane", 0.62),
    (BlockKind.FOOTER, "Printed by the council", 0.95),
)


def page_of_parts(turn: int = 0) -> PageResult:
    """A page with a line for each part, a picture and a table of four cells, one of which was misread altogether."""
    lines = [TextLine(text, Box(0.1, top, 0.1 + len(text) / 90, top + 0.02)) for _, text, top in PARTS]
    cells = [("Stone", 0.1, 0.7), ("#~%", 0.5, 0.7), ("Timber", 0.1, 0.74), ("977", 0.5, 0.74)]
    lines += [TextLine(text, Box(left, top, left + 0.1, top + 0.02)) for text, left, top in cells]
    picture = Block(BlockKind.PICTURE, "A crane beside the quay", box=turn_box(Box(0.1, 0.44, 0.6, 0.6), -turn))
    rows = tuple(tuple(Cell(text) for text in row) for row in (("Stone", "1,204"), ("Timber", "977")))
    blocks = [Block(kind, text) for kind, text, _ in PARTS]
    blocks[6:6] = [picture]
    blocks[8:8] = [Block(BlockKind.TABLE, rows=rows)]
    text = "\n\n".join(text for _, text, _ in PARTS) + "\n\n| Stone | 1,204 |\n|---|---|\n| Timber | 977 |"
    size = PageSize(*((HEIGHT, WIDTH) if turn in {90, 270} else (WIDTH, HEIGHT)))
    return PageResult(
        *(PageRef("a.pdf", 1), text, Status.OK),
        blocks=tuple(blocks),
        lines=tuple(turn_line(line, -turn) for line in lines),
        size=size,
        turn=turn,
    )


@pytest.mark.parametrize("turn", [0, 90, 180])
def test_lines_get_the_kinds_of_the_blocks_that_hold_them(turn: int) -> None:
    """Each block has its lines, with those that were misread between them; pictures stand between blocks."""
    found = [(block.kind, [line.text for line in block.lines]) for block in place_page(page_of_parts(turn)).blocks]
    assert found == [
        *((kind, [text]) for kind, text, _ in PARTS[:6]),
        (BlockKind.PICTURE, []),
        (BlockKind.CAPTION, ["Figure 2. The old crane"]),
        (BlockKind.TABLE, ["Stone", "#~%", "Timber", "977"]),
        (BlockKind.FOOTER, ["Printed by the council"]),
    ]
    (picture,) = [block.box for block in place_page(page_of_parts(turn)).blocks if block.kind is BlockKind.PICTURE]
    assert astuple(picture) == pytest.approx(astuple(turn_box(Box(0.1, 0.44, 0.6, 0.6), -turn)))


def test_every_format_names_the_kinds_and_is_valid() -> None:
    """Classes in hOCR, tags in ALTO, types of regions in PAGE; the schemas of the last two are held."""
    page = place_page(page_of_parts())
    assert re.findall(r'class="(ocr_\w+)"[^>]*x_kind (\S+)"', hocr.render_page(page)) == [
        ("ocr_header", "header"),
        *(("ocr_carea", kind) for kind in ("heading", "text", "text", "list-item", "list-item")),
        ("ocr_photo", "picture"),
        ("ocr_caption", "caption"),
        ("ocr_table", "table"),
        ("ocr_footer", "footer"),
    ]
    alto, page_xml = (render(page, datetime.now(UTC)) for render in (render_alto, render_page_xml))
    kinds = ["header", "heading", "text", "text", "list-item", "list-item", "picture", "caption", "table", "footer"]
    assert re.findall(r'TAGREFS="kind_(\S+)"', alto) == kinds
    assert re.findall(r"structure \{type:(\S+);\}", page_xml) == kinds
    assert re.findall(r'<\w+Region [^>]*type="(\S+)"', page_xml) == [
        *("header", "heading", "paragraph", "paragraph", "paragraph", "paragraph", "caption", "other", "footer"),
    ]
    etree = pytest.importorskip("lxml.etree", reason="lxml is not installed")
    for name, text in (("alto-4.2-written", alto), ("page-2019-07-15", page_xml)):
        schema = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / f"{name}.xsd"))
        schema.assertValid(etree.fromstring(text.encode()))

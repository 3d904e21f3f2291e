"""Where words stand, in units that browsers count."""

from __future__ import annotations

from typing import Any

from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, DoubtKind, Evidence, Reference, Source
from visionocr.review.places import find_places
from visionocr.types import PageImage, PageRef

LINES = (
    TextLine("The quick brown fox jumps", Box(0.1, 0.1, 0.9, 0.15)),
    TextLine("over 17 lazy dogs today", Box(0.1, 0.2, 0.9, 0.25)),
    TextLine("and a third line ends the page", Box(0.1, 0.3, 0.9, 0.35)),
)
IMAGE = PageImage(PageRef("a.pdf", 1), "image/png", b"", 100, 100, evidence=Evidence(100, 100, LINES))


def places(text: str, **options: Any) -> dict[str, Any]:
    """The places of *text* on a page with ``LINES``."""
    return find_places(text, IMAGE, Reference(Source.TEXT_LAYER, LINES), markdown=True, **options)


def as_browser(text: str, start: int, end: int) -> str:
    """What JavaScript's ``slice`` gives."""
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")


def test_words_know_their_lines() -> None:
    """Each word of the text has the line in which it stands, in whatever order."""
    text = "over 17 lazy dogs today\n\nThe quick **brown** fox jumps\nand a third line ends the page"
    found = places(text)
    by_line: dict[int, list[str]] = {}
    for start, end, line in found["words"]:
        by_line.setdefault(line, []).append(as_browser(text, start, end))
    assert by_line[0][:2] == ["The", "quick"]
    assert by_line[1] == ["over", "17", "lazy", "dogs", "today"]
    assert found["lines"][1] == [0.1, 0.2, 0.9, 0.25]
    assert found["doubts"] == []


def test_offsets_are_those_of_a_browser() -> None:
    """An emoji is two units there and one character here."""
    text = "😀😀 The quick brown fox jumps over 71 lazy dogs today 😀 and a third line ends the page"
    (doubt,) = places(text)["doubts"]
    assert (doubt["kind"], doubt["instead"]) == ("number", "17")
    assert as_browser(text, doubt["start"], doubt["end"]) == "71"


def test_a_missing_line_has_a_place_on_the_page_only() -> None:
    """There is nothing to mark in the text."""
    (doubt,) = places("The quick brown fox jumps over 17 lazy dogs today")["doubts"]
    assert (doubt["kind"], doubt["start"], doubt["end"]) == ("missing", None, None)
    assert doubt["box"] == [0.1, 0.3, 0.9, 0.35]


def test_doubts_of_an_earlier_comparison_are_found_in_the_text() -> None:
    """Where nothing knows the lines now, those that the journal has are shown: each in its place, in order."""
    known = [Doubt(DoubtKind.ADDED, "lazy dogs"), Doubt(DoubtKind.ADDED, "gone"), Doubt(DoubtKind.ADDED, "dogs")]
    text = "dogs and **lazy** dogs or dogs"
    found = find_places(text, None, None, known, markdown=True)["doubts"]
    spans = [(each["start"], each["end"]) for each in found]
    assert as_browser(text, *spans[0]) == "**lazy** dogs"
    assert spans[1] == (None, None)
    assert spans[2] == (text.rindex("dogs"), len(text))


def test_hostile_text_takes_little_time() -> None:
    """Very many equal words and doubts about them."""
    known = [Doubt(DoubtKind.ADDED, "a " * 50 + "b")] * 300
    assert len(find_places("a " * 20_000, None, None, known, markdown=True)["doubts"]) == 300

"""Signs without letters get places."""

from __future__ import annotations

import pytest

from visionocr.answers.align import align
from visionocr.answers.signs import place_signs
from visionocr.boxes import Box, TextLine


def place(text: str, *lines: str) -> list[tuple[str, int | None, int, int]]:
    """The signs of *text*: each with its line and its place in the line's text."""
    height = 1 / len(lines)
    found = [TextLine(line, Box(0.1, at * height, 0.9, (at + 0.8) * height), 0.99) for at, line in enumerate(lines)]
    words = place_signs(text, align(text, found)).words
    return [(word.text, word.line, word.begin, word.close) for word in words if not word.letters]


@pytest.mark.parametrize("sign", ["&", "—", "=", "+", "→", "•", "§"])
def test_a_sign_between_words_stands_where_its_line_has_it(sign: str) -> None:
    """Its place is that of the same sign between the same words."""
    assert place(f"Billington {sign} Son", f"Billington {sign} Son") == [(sign, 0, 11, 12)]


def test_a_sign_that_the_line_lacks_fills_the_gap() -> None:
    """Whoever read the line may have missed it."""
    assert place("Billington & Son", "Billington Son") == [("&", 0, 10, 11)]


def test_signs_at_the_edges_of_lines() -> None:
    """A sign at a line's end or start belongs to the line that has it."""
    assert place("first line — second line", "first line —", "second line") == [("—", 0, 11, 12)]
    assert place("first line — second line", "first line", "— second line") == [("—", 1, 0, 1)]
    assert place("• one word", "• one word") == [("•", 0, 0, 1)]
    assert place("one word ?", "one word ?") == [("?", 0, 9, 10)]


def test_the_marks_of_markdown_are_no_signs() -> None:
    """Bars, rules, emphasis and headings are not on the page."""
    text = "# Heading\n\n| one | two |\n| --- | --- |\n| **three** | four |\n\n---\n\n> five"
    assert place(text, "Heading", "one two", "three four", "five") == []


def test_a_sign_that_nobody_knows_has_no_place() -> None:
    """Between two lines of which none has it."""
    assert place("first line — second line", "first line", "second line") == []

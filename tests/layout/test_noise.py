"""What is dropped of an engine's lines, and what is kept."""

from __future__ import annotations

import pytest

from visionocr.layout.lines import Line
from visionocr.layout.noise import drop_noise


def line(text: str, confidence: float) -> Line:
    """A line somewhere on the page."""
    return Line(0, 0, 100, 20, text, confidence)


PRINT = line("The committee met on the third of May", 0.99)


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("8888880888", 0.5),
        ("0000.....", 0.58),
        ("●..●●●●●0●000", 0.26),
        ("44444", 0.37),
        ("中业业中业业", 0.22),
        ("A", 0.41),
        ("·", 0.3),
    ],
)
def test_what_is_no_print_is_dropped(text: str, confidence: float) -> None:
    """Halftone, specks, and Chinese signs on an English page, all read with little confidence."""
    noise = line(text, confidence)
    assert drop_noise([PRINT, noise]) == ([PRINT], [noise])


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("8888880888", 0.97),
        ("1001", 0.6),
        ("a faint word", 0.3),
        ("中文", 0.95),
        ("12", 0.55),
    ],
)
def test_print_is_kept(text: str, confidence: float) -> None:
    """What the engine is sure of stays, and so do words and numbers that are hard to read."""
    assert drop_noise([PRINT, line(text, confidence)]) == ([PRINT, line(text, confidence)], [])


def test_a_chinese_page_keeps_what_is_hard_to_read() -> None:
    """Where sure lines are Chinese, doubtful ones are."""
    page = [line("委员会于五月三日开会", 0.98), line("审查账目", 0.4)]
    assert drop_noise(page) == (page, [])

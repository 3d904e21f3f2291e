"""Answers that say what their page says need no aligning: the verdict is the one that aligning would bring."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from visionocr.answers.align import align
from visionocr.answers.same_words import has_same_words
from visionocr.answers.verdict import weigh
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Source

PIECES = st.sampled_from(
    [
        "the",
        "The",
        "a",
        "naïve",
        "office",
        "oﬃce",
        "1",
        "12",
        "²²",
        "2.2",
        "22",
        "1,234",
        "۱۲",
        "ß",
        "か",
        "が",
        "漢",
        "ab" * 40,
    ]
)
JOINTS = st.sampled_from(
    [" ", "\n", "", "-\n", ". ", ", ", ".", ",", "**", "*", "$", " | ", "\n1. ", "\n\n- ", "\u3099"]
)


def make_lines(text: str) -> list[TextLine]:
    """The lines of a text, one below the other."""
    texts = [line for line in text.split("\n") if line]
    return [TextLine(line, Box(0.1, 0.2 + at / 200, 0.9, 0.2 + (at + 0.8) / 200)) for at, line in enumerate(texts)]


def mix(pieces: list[str], joints: list[str]) -> str:
    """Pieces with something between them."""
    return "".join(piece + joint for piece, joint in zip(pieces, joints, strict=False))


@given(st.lists(PIECES, min_size=1, max_size=12), *[st.lists(JOINTS, min_size=12, max_size=12)] * 2, st.booleans())
@example(["²²", "2.2", "22"], [" "] * 12, [" "] * 12, False)
def test_what_agrees_at_a_glance_agrees_when_aligned(
    pieces: list[str], joints: list[str], others: list[str], markdown: bool
) -> None:
    """However the letters of both are parted: there is nothing to find and nothing to doubt."""
    answer, lines = mix(pieces, joints), make_lines(mix(pieces, others))
    if has_same_words(answer, lines, markdown=markdown):
        assert weigh(align(answer, lines, markdown=markdown), Source.TEXT_LAYER) == ((), ())


@given(st.lists(PIECES, min_size=1, max_size=400), st.integers(1, 9))
def test_long_answers_that_repeat_themselves(pieces: list[str], length: int) -> None:
    """Runs of letters that stand nowhere twice are not needed."""
    answer = " ".join(pieces)
    lines = make_lines("\n".join(" ".join(pieces[at : at + length]) for at in range(0, len(pieces), length)))
    assert has_same_words(answer, lines, markdown=False)
    assert weigh(align(answer, lines, markdown=False), Source.TEXT_LAYER) == ((), ())


def test_marks_case_and_hyphens_do_not_matter() -> None:
    """They are no letters."""
    lines = make_lines("ANNUAL REPORT 2024\nThe commit-\ntee paid 1,234.50")
    assert has_same_words("# Annual *report* 2024\n\nThe committee paid **1,234.50**", lines, markdown=True)


def test_other_words_and_other_decimal_points_are_looked_at() -> None:
    """Swapped, missing, further and altered words, and amounts with other signs."""
    lines = make_lines("The committee paid\n1,234.50 dollars")
    for answer in (
        "The committee paid 1,23450 dollars",
        "1,234.50 dollars The committee paid",
        "The committee paid 1,234.50",
        "The committee paid 1,234.50 dollars now",
        "The committee said 1,234.50 dollars",
        "The committee paid 1,234.60 dollars",
    ):
        assert not has_same_words(answer, lines, markdown=True)

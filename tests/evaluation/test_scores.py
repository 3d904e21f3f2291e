"""Scores of a text against the known one."""

from __future__ import annotations

import pytest

from visionocr.evaluation.scores import average, normalise, score


def test_an_equal_text_is_perfect() -> None:
    """No errors, everything in order; without numbers and tables there is no score of them."""
    scores = score("The quick brown fox.", "The quick brown fox.")
    assert (scores.cer, scores.wer, scores.recall, scores.precision, scores.order) == (0, 0, 1, 1, 1)
    assert (scores.numbers, scores.cells, scores.letters) == (None, None, 20)


@pytest.mark.parametrize(
    "text",
    [
        "# The **quick** _brown_ fox’s “den”",
        'The quick\nbrown   fox\'s "den"',
        "- The quick brown fox&#39;s «den»",
        'The [quick](http://x.org) brown fox\'s `"den"`',
        '> The quick brown fox\'s "den"<!-- a comment -->',
    ],
)
def test_marks_and_typography_count_for_nothing(text: str) -> None:
    """Markdown, quotation marks, dashes, line breaks."""
    assert score('The quick brown fox\'s "den"', text).cer == 0


def test_errors_are_counted_in_characters_and_words() -> None:
    """One letter of twenty, one word of four."""
    scores = score("The quick brown fox.", "The quick brawn fox.")
    assert (scores.cer, scores.wer, scores.recall) == (0.05, 0.25, 0.75)


def test_order_is_apart_from_words() -> None:
    """Swapped halves have all words; half of them are in order."""
    scores = score("one two three four", "three four one two")
    assert (scores.recall, scores.precision, scores.order) == (1, 1, 0.5)
    assert scores.cer > 0.5


def test_nothing_found() -> None:
    """A missing text is wholly wrong, one that should be empty as well."""
    assert score("text", "").cer == 1
    assert score("text", "").recall == 0
    assert score("", "invented").cer == 1
    assert score("", "").cer == 0


def test_numbers_are_compared_as_a_bag() -> None:
    """Three of four are right, one is another: the F-score."""
    scores = score("1 2,50 10.07.1914 99", "99 10.07.1914 1 2,60")
    assert scores.numbers == pytest.approx(0.75)


def test_cells_of_both_kinds_of_table() -> None:
    """A pipe table and the same as HTML have the same cells; a paragraph has none."""
    known = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert score(known, "<table><tr><th>a</th><td>b</td></tr><tr><td>1</td><td>2</td></tr></table>").cells == 1
    assert score(known, known.replace("2", "3")).cells == pytest.approx(0.75)
    assert score(known, "a b 1 2").cells == 0
    assert score("a b", known).cells is None


def test_long_pages_weigh_more() -> None:
    """The average is that of all pages' characters."""
    whole = average([score("x" * 90, "x" * 90), score("y" * 10, "")])
    assert whole.cer == pytest.approx(0.1)
    assert (whole.letters, whole.numbers) == (100, None)


def test_normalised_text_is_one_line() -> None:
    """Rules of tables, marks and entities are gone."""
    assert normalise("## Head\n\n| a | b |\n|:--|--:|\n| ﬁ | &amp; |") == "Head a b fi &"

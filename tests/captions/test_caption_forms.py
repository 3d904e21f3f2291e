"""What answers about a picture must be."""

from __future__ import annotations

import pytest

from visionocr.captions.forms import AltForm, CaptionForm
from visionocr.captions.order import LONGEST_ALT
from visionocr.captions.word_rules import WordRules
from visionocr.types import Severity


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("A dog\non a beach.", "A dog on a beach."),
        ('"A dog on a beach."', "A dog on a beach."),
        ("Alt text: A dog.", "A dog."),
        ('"Stop" is written on a "sign"', '"Stop" is written on a "sign"'),
    ],
)
def test_an_alternative_text_is_one_line(answer: str, text: str) -> None:
    """Without label and quotes around it."""
    assert AltForm().judge(answer, is_cut=False) == (text, ())


def test_an_alternative_text_that_is_too_long_failed() -> None:
    """It is never cut."""
    assert not AltForm().judge("a" * LONGEST_ALT, is_cut=False)[1]
    _, (finding,) = AltForm().judge("a" * (LONGEST_ALT + 1), is_cut=False)
    assert (finding.severity, finding.message) == (Severity.FAILED, "it has 251 characters, 250 are allowed")


def test_a_caption_is_judged_by_its_words() -> None:
    """The message names the word."""
    form = CaptionForm(WordRules(("photo",), (("cat", "kitten"),)))
    assert form.judge("A kitten.", is_cut=False) == ("A kitten.", ())
    text, findings = form.judge("A photo of a dog.", is_cut=False)
    assert text == "A photo of a dog."
    assert [(finding.severity, finding.message) for finding in findings] == [
        (Severity.SUSPECT, "the caption has the banned word “photo”"),
        (Severity.SUSPECT, "the caption lacks the required word “cat” or “kitten”"),
    ]


def test_a_caption_differs_from_the_others() -> None:
    """Case and blanks make no other caption."""
    form = CaptionForm(others=("A dog.", "A cat."))
    assert form.judge("a  CAT.", is_cut=False)[1]
    assert not form.judge("A bird.", is_cut=False)[1]

"""What a model says about a page is told from the text of a page, in eleven languages."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path

import pytest

from visionocr.answers.clean import RemovalKind, clean
from visionocr.answers.phrases import is_description, is_refusal, says_nothing_there
from visionocr.types import ChatMarkers

PAGE = "Article 4\n\nThe lessee keeps the roof, the gutters and the chimney in repair at his own cost."

SPEECH = tomllib.loads((Path(__file__).parent.parent / "golden" / "speech.toml").read_text("utf-8"))
DESCRIPTIONS, REFUSALS, REMARKS = SPEECH["descriptions"], SPEECH["refusals"], SPEECH["remarks"]


def cleaned(answer: str) -> str:
    """The text of an answer of a model without chat markers."""
    return clean(answer, stop_sequences=(), chat=ChatMarkers()).text


@pytest.mark.parametrize("answer", DESCRIPTIONS)
def test_descriptions(answer: str) -> None:
    """An answer that says what the page looks like is known as such; it is no refusal."""
    assert is_description(answer)
    assert not is_refusal(answer)


@pytest.mark.parametrize("answer", REFUSALS)
def test_refusals(answer: str) -> None:
    """An answer that says that the page cannot be read is known as such."""
    assert is_refusal(answer)


@pytest.mark.parametrize("answer", SPEECH["nothing_there"])
def test_nothing_there(answer: str) -> None:
    """An answer that says that the page has no text is known as such."""
    assert says_nothing_there(answer)


@pytest.mark.parametrize("text", SPEECH["pages"])
def test_pages_are_no_speech(text: str) -> None:
    """Words that pages begin with are not accused, alone or before more text, and nothing is taken out."""
    for page in (text, f"{text}\n\n{PAGE}", f"{PAGE}\n\n{text}"):
        assert not is_description(page)
        assert not is_refusal(page)
        assert not says_nothing_there(page)
        assert cleaned(page) == page


@pytest.mark.parametrize("answer", DESCRIPTIONS)
def test_a_page_may_begin_like_a_description(answer: str) -> None:
    """A description before a text of several paragraphs is part of the page: a caption, or a report on a document."""
    page = f"{answer}\n\n" + "\n\n".join(
        f"{number}. {PAGE}" for number in range(answer.count(".") + answer.count("。") + 6)
    )
    assert not is_description(page)
    assert cleaned(page) == page


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_page_may_begin_like_a_refusal(answer: str) -> None:
    """A refusal before a long text is part of a letter."""
    assert not is_refusal(f"{answer}\n\n" + "\n\n".join([PAGE] * 5))


@pytest.mark.parametrize("remark", REMARKS)
def test_remarks_are_taken_out(remark: str) -> None:
    """A remark about the work goes word for word, before the text and after it, and is reported."""
    for answer in (f"{remark}\n\n{PAGE}", f"{PAGE}\n\n{remark}", f"{remark}\n\n{PAGE}\n\n{remark}"):
        found = clean(answer, stop_sequences=(), chat=ChatMarkers())
        assert found.text == PAGE
        assert {removal.kind for removal in found.removed} == {RemovalKind.REMARK}
        assert all(removal.text == remark and removal.is_expected for removal in found.removed)


@pytest.mark.parametrize("remark", REMARKS)
def test_remarks_within_the_text_stay(remark: str) -> None:
    """A paragraph between others is the page's own, whatever it says."""
    page = f"{PAGE}\n\n{remark}\n\n{PAGE}"
    assert cleaned(page) == page


@pytest.mark.parametrize("preamble", SPEECH["preambles"])
def test_preambles_are_taken_out(preamble: str) -> None:
    """The announcement of the text goes, in every language."""
    assert cleaned(f"{preamble}\n\n{PAGE}") == PAGE


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        *REMARKS[:2],
        SPEECH["preambles"][1],
        DESCRIPTIONS[1],
        REFUSALS[0],
        f"{REMARKS[1]}\n\nI hope this transcription helps!",
        "a. ",
        "\n\n(",
    ],
)
@pytest.mark.parametrize("joint", ["\n\n", "\n", " "])
def test_a_megabyte_of_speech_takes_no_longer_for_its_kind(piece: str, joint: str) -> None:
    """Four times the length takes about four times the time, whatever is repeated."""

    def seconds(length: int) -> float:
        text = (piece + joint) * (length // len(piece + joint))
        before = time.process_time()
        left = cleaned(text)
        is_description(left)
        is_refusal(left)
        return time.process_time() - before

    assert seconds(400_000) < 6 * seconds(100_000) + 0.2

"""Answers are weighed against the page: the text layer where it can be trusted, else a second reading of the page."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import pytest

from fakes.stand_ins import QUESTION, FakeEngine, answer, image_of
from visionocr.asking import Asker, Loaded
from visionocr.boxes import Box, TextLine
from visionocr.checking import Checker, Checks, open_checker
from visionocr.engines.second_reader import SecondReader
from visionocr.errors import ConfigurationError
from visionocr.evidence import DoubtKind, Evidence, Reference, Source
from visionocr.settings import CrossCheck, TextLayer
from visionocr.stop import Stop
from visionocr.types import FindingKind, FinishReason, PageImage, PageRef, PageResult, Severity, Status

LINES = (
    "The lessee keeps the roof, the gutters and the chimney in repair",
    "at his own cost. He pays 1,250.00 on the first day of every month.",
    "He may not keep any animals in the house without written consent.",
    "The lessor shows the house to others on the days that both agree on.",
)
TEXT = "\n".join(LINES)


def lines_of(*texts: str, confidence: float = 1.0) -> tuple[TextLine, ...]:
    """Lines one under the other."""
    return tuple(
        TextLine(text, Box(0.1, 0.1 + 0.03 * at, 0.1 + len(text) / 100, 0.12 + 0.03 * at), confidence)
        for at, text in enumerate(texts)
    )


def evidence(distrust: str = "") -> Evidence:
    """A page with a text layer."""
    return Evidence(595, 842, lines_of(*LINES), distrust)


def loaded(evidence: Evidence | None) -> Loaded:
    """A page with what is known of it."""
    page = PageRef("a.pdf", 1, 1)
    return Loaded(page, (replace(image_of(page), evidence=evidence),))


def read(
    *answers: str, evidence: Evidence | None = None, checker: Checker | None = None, max_asks: int = 1
) -> PageResult:
    """Read the page with a model that gives these answers."""
    engine = FakeEngine()
    engine.says[1] = list(answers)
    (result,) = Asker(engine, QUESTION, max_asks=max_asks, checker=checker).read([loaded(evidence)])
    return result


def test_an_answer_that_agrees_with_the_text_layer_is_ok() -> None:
    """It is said what it was compared with."""
    result = read(TEXT, evidence=evidence())
    assert (result.status, result.findings, result.doubts) == (Status.OK, (), ())
    assert result.checked_with == "text-layer"


def test_an_altered_amount_is_found_and_placed() -> None:
    """The doubt has the answer's number, the page's number and its place."""
    result = read(TEXT.replace("1,250.00", "1,520.00"), evidence=evidence())
    assert result.status is Status.SUSPECT
    assert [finding.kind for finding in result.findings] == [FindingKind.NUMBERS_DIFFER]
    (doubt,) = result.doubts
    assert (doubt.kind, doubt.text, doubt.instead) == (DoubtKind.NUMBER, "1,520.00", "1,250.00")
    assert doubt.box is not None
    assert 0.12 < doubt.box.top < 0.15


def test_numbers_can_be_repaired() -> None:
    """The page's number stands in the text, a finding says so, and the page is good."""
    wrong = TEXT.replace("1,250.00", "1,520.00")
    result = read(wrong, evidence=evidence(), checker=Checker(repair=True))
    assert (result.text, result.status, result.doubts) == (TEXT, Status.OK, ())
    assert [finding.severity for finding in result.findings] == [Severity.INFO]


def test_a_doubtful_answer_is_asked_for_again() -> None:
    """The second answer is compared as well, and taken when it agrees."""
    result = read(LINES[0], TEXT, evidence=evidence(), max_asks=2)
    assert (result.text, result.status, result.asks) == (TEXT, Status.OK, 2)


def test_of_two_doubtful_answers_the_less_doubtful_is_kept() -> None:
    """However long the other one is."""
    better = TEXT.replace("1,250.00", "1,520.00")
    invented = (
        "\n\nMoreover, tenants under the age of forty receive a discount of some percent on every second payment."
    )
    result = read(better, better + invented, evidence=evidence(), max_asks=2)
    assert (result.text, result.status, result.asks) == (better, Status.SUSPECT, 2)


def test_a_text_layer_that_cannot_be_trusted_accuses_nobody() -> None:
    """It is said that it was not used, and why."""
    result = read("Something else altogether", evidence=evidence("its letters are a cipher"))
    assert result.status is Status.OK
    (finding,) = result.findings
    assert (finding.kind, finding.severity) == (FindingKind.TEXT_LAYER, Severity.INFO)
    assert "its letters are a cipher" in finding.message


def test_a_text_layer_can_be_ignored() -> None:
    """Then nothing is compared with it."""
    result = read("Something else", evidence=evidence(), checker=Checker(TextLayer.IGNORE))
    assert (result.status, result.doubts) == (Status.OK, ())


def test_a_trusted_text_layer_can_be_taken_for_the_text() -> None:
    """The model is not asked; a page without such a layer is."""
    checker = Checker(TextLayer.USE)
    result = read("never asked", evidence=evidence(), checker=checker)
    assert (result.status, result.asks, result.checked_with) == (Status.OK, 0, "text-layer")
    assert result.text.split() == TEXT.split()
    assert [finding.kind for finding in result.findings] == [FindingKind.TEXT_LAYER]
    for other in (None, evidence("it is another page's")):
        assert read("asked", evidence=other, checker=checker).text == "asked"


class FakeReader(SecondReader):
    """A second reader that finds the same lines in every page, or never finds any."""

    def __init__(self, *lines: TextLine, confidence: float = 0.99) -> None:
        self.lines, self.confidence = lines, confidence
        self.asked = 0

    def begin(self, images: Sequence[PageImage]) -> Future[Reference | None]:
        """See ``SecondReader.begin``."""
        self.asked += 1
        future: Future[Reference | None] = Future()
        if self.lines:
            future.set_result(Reference(Source.SECOND_READER, self.lines, self.confidence))
        return future


@pytest.mark.parametrize("confidence", [0.99, 0.9])
def test_a_second_reading_counts_where_it_is_sure(confidence: float) -> None:
    """A page that the second reader reads badly is not checked by it."""
    reader = FakeReader(*lines_of(*LINES, confidence=confidence), confidence=confidence)
    result = read(LINES[0], checker=Checker(second_reader=reader))
    assert (result.status is Status.SUSPECT) == (confidence > 0.95)
    assert result.checked_with == ("second-reader" if confidence > 0.95 else "")


def test_a_page_with_a_text_layer_is_read_a_second_time_only_in_doubt() -> None:
    """Where the answer agrees with the layer there is nothing to find out."""
    reader = FakeReader(*lines_of(*LINES))
    assert read(TEXT, evidence=evidence(), checker=Checker(second_reader=reader)).status is Status.OK
    assert reader.asked == 0
    assert read(LINES[0], evidence=evidence(), checker=Checker(second_reader=reader)).status is Status.SUSPECT
    assert reader.asked == 1


def test_a_text_layer_that_the_page_contradicts_is_not_believed() -> None:
    """The layer of another page accuses every answer; the second reader sides with the answer."""
    other = [
        "Chapter seven, in which the captain loses his ship and finds an island",
        "that stands on no chart. The crew quarrel about the last of the water,",
        "and the mate, who has kept a barrel hidden from the others all the time,",
        "is put ashore with a knife, a kettle and the second volume of a novel.",
    ]
    layer = Evidence(595, 842, lines_of(*other))
    result = read(TEXT, evidence=layer, checker=Checker(second_reader=FakeReader(*lines_of(*LINES, confidence=0.99))))
    assert (result.status, result.checked_with, result.doubts) == (Status.OK, "second-reader", ())
    assert [finding.kind for finding in result.findings] == [FindingKind.TEXT_LAYER]
    assert read(TEXT, evidence=layer).status is Status.SUSPECT


def test_an_engine_that_sees_lines_is_its_own_second_reader() -> None:
    """The embedded engine's sure reading is not accused by a layer with another text."""
    layer = Evidence(595, 842, lines_of(*(line[::-1] for line in LINES)))
    engine = FakeEngine()
    engine.says[1] = [replace(answer(TEXT), lines=lines_of(*LINES, confidence=0.99), confidence=0.99)]
    (result,) = Asker(engine, QUESTION, max_asks=1).read([loaded(layer)])
    assert (result.status, result.doubts) == (Status.OK, ())
    assert [finding.kind for finding in result.findings] == [FindingKind.TEXT_LAYER]


def test_a_stopped_run_does_not_wait_for_the_second_reading() -> None:
    """The answer that is there is kept, unchecked."""
    stop = Stop()
    stop.request()
    result = read(TEXT, checker=Checker(second_reader=FakeReader(), stop=stop))
    assert (result.text, result.status, result.checked_with) == (TEXT, Status.OK, "")


def test_other_questions_are_not_compared_with_the_page() -> None:
    """A translation, or the answer to a prompt of the user's, has other words than the page."""
    for question in (replace(QUESTION, language="Latin"), replace(QUESTION, prompt="What is the rent?")):
        engine = FakeEngine()
        engine.says[1] = [answer("Something else", FinishReason.STOP)]
        (result,) = Asker(engine, question, max_asks=1, checker=Checker(TextLayer.USE)).read([loaded(evidence())])
        assert (result.text, result.status) == ("Something else", Status.OK)


def test_a_second_reader_that_is_required_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its package: an error that names it; where it is optional, nothing."""
    monkeypatch.setattr("visionocr.engines.local.installed", lambda model="auto": False)
    with pytest.raises(ConfigurationError, match="embedded engine"):
        open_checker(Checks(cross_check=CrossCheck.ON), Stop())
    assert open_checker(Checks(cross_check=CrossCheck.AUTO), Stop()).waiting == 0


@pytest.mark.parametrize(("cores", "waiting"), [(1, 0), (2, 2), (3, 4), (16, 4)])
def test_a_second_reader_needs_a_core_to_spare(monkeypatch: pytest.MonkeyPatch, cores: int, waiting: int) -> None:
    """It is left out on a machine with one core, and takes two cores at the most."""
    monkeypatch.setattr("visionocr.checking.count_cores", lambda: cores)
    checker = open_checker(Checks(cross_check=CrossCheck.AUTO), Stop())
    assert checker.waiting == waiting
    checker.close()

"""Reading one page or batch: ask, clean, judge, ask again."""

from __future__ import annotations

import pytest

from fakes.stand_ins import QUESTION, FakeEngine, answer, image_of
from visionocr.asking import Asker
from visionocr.errors import AnswerUnusable, DocumentError, RequestRefused, ServerRefused
from visionocr.loaded import Loaded
from visionocr.types import PAGE_MARK, Asked, Completion, Event, FindingKind, FinishReason, PageRef, PageResult, Status

LOOP = "A line of the page.\n" + "and again and again the same words " * 60


def loaded(number: int, parts: int = 1) -> Loaded:
    """A page with its images."""
    page = PageRef("a.pdf", number, 9)
    return Loaded(page, tuple(image_of(page, part, parts) for part in range(1, parts + 1)))


def read(engine: FakeEngine, *pages: Loaded, max_asks: int = 2, events: list[Event] | None = None) -> list[PageResult]:
    """Ask for a group of pages."""
    observer = events.append if events is not None else lambda event: None
    return Asker(engine, QUESTION, max_asks=max_asks, observer=observer).read(pages)


def test_a_good_answer_is_asked_for_once() -> None:
    """A page whose first answer is good takes one ask and has its costs."""
    engine = FakeEngine()
    (result,) = read(engine, loaded(3))
    assert (result.text, result.status, result.asks, len(engine.asked)) == ("text 3.1", Status.OK, 1, 1)
    assert (result.prompt_tokens, result.completion_tokens, result.seconds) == (120, 10, 0.5)
    assert (result.width, result.height, result.page.number) == (100, 140, 3)


def test_a_bad_answer_is_asked_for_again_differently() -> None:
    """The second ask has another seed and temperature, and after a loop a penalty; the better answer wins."""
    engine = FakeEngine()
    engine.says[1] = [answer(LOOP, FinishReason.LENGTH), "good"]
    events: list[Event] = []
    (result,) = read(engine, loaded(1), events=events)
    assert (result.text, result.status, result.asks) == ("good", Status.OK, 2)
    first, second = (request.sampler for request in engine.asked)
    assert second.seed != first.seed
    assert second.temperature > first.temperature
    assert second.rep_pen > first.rep_pen
    assert [event.ask for event in events if isinstance(event, Asked)] == [1, 2]
    assert result.completion_tokens == 20
    assert engine.asked[1].deep
    assert not engine.asked[0].deep


@pytest.mark.parametrize("most", [1, 2, 5])
def test_asks_are_limited(most: int) -> None:
    """A page whose answers stay bad is asked for ``max_asks`` times, each time with another seed."""
    engine = FakeEngine()
    engine.says[1] = [""] * 9
    (result,) = read(engine, loaded(1), max_asks=most)
    assert (result.status, result.asks, len(engine.asked)) == (Status.FAILED, most, most)
    assert len({request.sampler.seed for request in engine.asked}) == most


def test_the_better_of_two_bad_answers_is_kept() -> None:
    """A truncated answer beats an empty one, whichever came first."""
    for script in ([answer("half a page", FinishReason.LENGTH), ""], ["", answer("half a page", FinishReason.LENGTH)]):
        engine = FakeEngine()
        engine.says[1] = list(script)
        (result,) = read(engine, loaded(1))
        assert (result.text, result.status) == ("half a page", Status.SUSPECT)
        assert FindingKind.TRUNCATED in {finding.kind for finding in result.findings}


def test_a_loop_is_cut_to_one_round() -> None:
    """A page whose answers all loop keeps the text before the loop and one round of it."""
    engine = FakeEngine()
    engine.says[1] = [answer(LOOP, FinishReason.LENGTH)] * 2
    (result,) = read(engine, loaded(1))
    assert result.status is Status.SUSPECT
    assert result.text.startswith("A line of the page.")
    assert result.text.count("and again and again the same words") == 1


def test_an_unusable_answer_is_a_failed_ask() -> None:
    """After an unusable answer the page is asked once more; after two it has failed, with the server's message."""
    engine = FakeEngine()
    engine.says[1] = [AnswerUnusable("null"), "fine"]
    engine.says[2] = [AnswerUnusable("null"), AnswerUnusable("null again")]
    first, second = read(engine, loaded(1))[0], read(engine, loaded(2))[0]
    assert (first.status, first.text, first.asks) == (Status.OK, "fine", 2)
    assert (second.status, second.text) == (Status.FAILED, "")
    assert second.findings[0].kind is FindingKind.SERVER


def test_a_refused_request_is_not_repeated() -> None:
    """A request that the server refuses for good is sent once."""
    engine = FakeEngine()
    engine.says[1] = [RequestRefused("too large")]
    (result,) = read(engine, loaded(1), max_asks=5)
    assert (result.status, result.asks) == (Status.FAILED, 1)


def test_errors_of_the_server_end_the_run() -> None:
    """An error that would meet every page is raised, not recorded as a page's failure."""
    engine = FakeEngine()
    engine.says[1] = [ServerRefused("wrong key")]
    with pytest.raises(ServerRefused):
        read(engine, loaded(1))


def test_a_page_that_cannot_be_rendered_is_a_failed_page() -> None:
    """Its finding is the error, and no request is sent."""
    engine = FakeEngine()
    (result,) = read(engine, Loaded(PageRef("a.pdf", 4), error=DocumentError("page 4 is broken")))
    assert (result.status, result.asks, result.findings[0].message) == (Status.FAILED, 0, "page 4 is broken")
    assert not engine.asked


def test_a_strip_is_asked_in_parts_and_joined() -> None:
    """The parts of a split page are asked one by one, and their texts joined in order."""
    engine = FakeEngine()
    (result,) = read(engine, loaded(1, parts=3))
    assert result.text == "text 1.1\n\ntext 1.2\n\ntext 1.3"
    assert (result.status, result.asks) == (Status.OK, 3)


def test_a_failed_part_keeps_the_other_parts() -> None:
    """The text of the other parts is kept, and the page is suspect."""
    engine = FakeEngine()
    engine.says[1] = ["top", "", "", "bottom"]
    (result,) = read(engine, loaded(1, parts=3))
    assert (result.text, result.status, result.asks) == ("top\n\nbottom", Status.SUSPECT, 4)


def join_with_marks(*texts: str) -> str:
    """The answer to a batch."""
    return "\n".join(f"{PAGE_MARK.format(n=number)}\n{text}" for number, text in enumerate(texts, 1))


def test_a_batch_is_one_request_split_by_its_marks() -> None:
    """Each page gets its own text, and the pages' costs add up to the request's."""
    engine = FakeEngine()
    engine.batch_says = [join_with_marks("one", "two", "three")]
    results = read(engine, loaded(1), loaded(2), loaded(3))
    assert [result.text for result in results] == ["one", "two", "three"]
    assert len(engine.asked) == 1
    assert sum(result.prompt_tokens or 0 for result in results) == 120
    assert sum(result.completion_tokens or 0 for result in results) == 10
    assert PAGE_MARK.format(n=3) in engine.asked[0].prompt.text


@pytest.mark.parametrize(
    "text", [join_with_marks("one", "two"), "no marks at all", join_with_marks("a", "b", "c").replace("2", "3")]
)
def test_a_batch_without_its_marks_is_asked_page_by_page(text: str) -> None:
    """With missing, surplus or shuffled marks each page is asked alone, and the finding says why."""
    engine = FakeEngine()
    engine.batch_says = [text]
    results = read(engine, loaded(1), loaded(2), loaded(3))
    assert [result.text for result in results] == ["text 1.1", "text 2.1", "text 3.1"]
    assert all(result.findings[0].kind is FindingKind.MARKS and result.status is Status.OK for result in results)
    assert all(result.asks == 2 for result in results)


def test_only_the_bad_page_of_a_batch_is_asked_again() -> None:
    """An empty page in a good batch is asked alone; the others stand."""
    engine = FakeEngine()
    engine.batch_says = [join_with_marks("one", "", "three")]
    results = read(engine, loaded(1), loaded(2), loaded(3))
    assert [result.text for result in results] == ["one", "text 2.1", "three"]
    assert [result.asks for result in results] == [1, 2, 1]
    assert len(engine.asked) == 2


def test_a_truncated_batch_affects_its_last_page_only() -> None:
    """The pages before the cut are complete."""
    engine = FakeEngine()
    engine.batch_says = [Completion(join_with_marks("one", "tw"), FinishReason.LENGTH, 120, 20, 500)]
    results = read(engine, loaded(1), loaded(2))
    assert [(result.text, result.asks) for result in results] == [("one", 1), ("text 2.1", 2)]


def test_a_batch_over_the_body_limit_is_asked_page_by_page() -> None:
    """A batch that is larger than the server's body limit is not sent."""
    engine = FakeEngine(max_body=6)
    assert [result.text for result in read(engine, loaded(1), loaded(2))] == ["text 1.1", "text 2.1"]
    assert all(len(request.prompt.images) == 1 for request in engine.asked)

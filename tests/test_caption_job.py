"""The job that asks for all that is wanted of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from fakes.stand_ins import FakeEngine, answer
from visionocr import job as reading
from visionocr.caption_job import CaptionJob, prepare_captions
from visionocr.captions.order import CaptionOrder
from visionocr.captions.word_rules import WordRules
from visionocr.choices import DataSet
from visionocr.errors import RequestRefused, UsageError
from visionocr.job import Job
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import Completion, Event, Notice, Request

Prepare = Callable[..., Job]
ORDERS = {
    "keywords": CaptionOrder(keywords=True),
    "alt": CaptionOrder(alt=True),
    "captions": CaptionOrder(captions=3),
    "banned": CaptionOrder(words=WordRules(("photo",))),
    "required": CaptionOrder(words=WordRules(required=(("cat", "dog"),))),
    "tags": CaptionOrder(data_set=DataSet.KOHYA),
}


class Server(FakeEngine):
    """An engine with a context, that may refuse requests for answers of a form."""

    def __init__(self, context: int | None = None, *, refuses: bool = False) -> None:
        super().__init__()
        self.server = replace(self.server, model="Qwen2.5-VL-7B-Instruct", context_length=context)
        self._refuses = refuses

    def complete(self, request: Request) -> Completion:
        """Answer the test request."""
        if request.shape is not None and self._refuses:
            raise RequestRefused("unknown field")
        return answer("hello")


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepare a job with an engine."""

    def call(order: CaptionOrder, engine: Server | None = None, events: list[Event] | None = None, **given: Any) -> Job:
        monkeypatch.setattr(reading, "open_engine", lambda *_, **__: engine or Server())
        observer = events.append if events is not None else lambda event: None
        settings = Settings(**given)
        return prepare_captions(
            settings, Library(), order=order, look_up=lambda name: {"caption": name}, task="describe", observer=observer
        )

    return call


def test_captions_alone_are_asked_for_as_ever(prepare: Prepare) -> None:
    """The job is that of any other task, also for a trigger word, which is no question of the model's."""
    for order in (CaptionOrder(), CaptionOrder(data_set=DataSet.IMAGEFOLDER, trigger="x")):
        job = prepare(order, batch=2)
        assert type(job) is Job
        assert job.plan.batch == 2


def test_what_is_known_of_a_picture_needs_a_look_at_it(prepare: Prepare) -> None:
    """Only where the prompt names it."""
    assert type(prepare(CaptionOrder(), prompt="In {{language}}: {{name}}, {{date}}")) is Job
    assert isinstance(prepare(CaptionOrder(), prompt="It was {{ caption }}."), CaptionJob)


@pytest.mark.parametrize("name", ORDERS)
def test_each_wish_makes_another_job(prepare: Prepare, name: str) -> None:
    """Results of one are not taken for those of another; the trigger word alone makes no difference."""
    plain, wished = prepare(CaptionOrder()).fingerprint, prepare(ORDERS[name]).fingerprint
    assert wished != plain
    assert name in wished
    assert not set(plain) & set(ORDERS)
    assert prepare(replace(ORDERS[name], trigger="x")).fingerprint == wished


def test_everything_fits_into_the_context(prepare: Prepare) -> None:
    """The picture leaves room for the longest of the prompts and its answer."""
    order = CaptionOrder(keywords=True, alt=True)
    large, small = prepare(order), prepare(order, Server(2600), task="describe-short")
    assert isinstance(large, CaptionJob)
    assert isinstance(small, CaptionJob)
    alone = prepare(CaptionOrder(), Server(2600), task="describe-short")
    assert small.plan.spec.max_pixels is not None
    assert alone.plan.spec.max_pixels is not None
    assert small.plan.spec.max_pixels < alone.plan.spec.max_pixels
    for job in (large, small):
        questions = job.questions
        assert questions.keywords is not None
        assert questions.alt is not None
        assert (questions.keywords.max_length, questions.alt.max_length) == (256, 128)
    assert (large.plan.max_length, small.plan.max_length) == (512, 128)


@pytest.mark.parametrize("refuses", [False, True])
def test_a_form_is_sent_unless_a_server_refuses_it(prepare: Prepare, refuses: bool) -> None:
    """Keywords and tags alike."""
    for order in (CaptionOrder(keywords=True), CaptionOrder(data_set=DataSet.KOHYA)):
        job = prepare(order, Server(refuses=refuses))
        assert isinstance(job, CaptionJob)
        question = job.questions.keywords or job.questions.main
        assert question.form is not None
        assert (question.form.shape is None) == refuses


def test_another_prompt_for_tags_has_no_form(prepare: Prepare) -> None:
    """Neither one's own nor that of the task ``tags`` asks for JSON; a task that writes sentences is refused."""
    for given in ({"prompt": "Booru tags."}, {"task": "tags"}):
        job = prepare(ORDERS["tags"], **given)
        assert job.question.form is not None
        assert job.question.form.shape is None
    with pytest.raises(UsageError, match="writes tags"):
        prepare(ORDERS["tags"], task="describe")


def test_pictures_are_asked_for_one_by_one(prepare: Prepare) -> None:
    """That ``--batch`` is not used is said."""
    events: list[Event] = []
    job = prepare(CaptionOrder(captions=2), events=events, batch=2)
    assert job.plan.batch == 1
    assert "--batch is not used" in " ".join(event.message for event in events if isinstance(event, Notice))

"""Prepares the captioning of pictures: the job of reading, with all that is asked of each picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from visionocr import job as reading
from visionocr.asking import Asker
from visionocr.captioning import NOTES, Captioner, CaptionQuestions, LookUp
from visionocr.captions.forms import AltForm, CaptionForm, KeywordsForm
from visionocr.captions.keywords import RECORD
from visionocr.captions.order import CaptionOrder
from visionocr.captions.word_rules import WordRules
from visionocr.checking import Checker
from visionocr.engines.connect import servers_of, together
from visionocr.errors import UsageError
from visionocr.job import Job, make_question
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.prompting.render import LONGEST_NOTE, Question
from visionocr.reader import PageAsker
from visionocr.settings import Settings
from visionocr.shape_check import Obedience, find_obedience
from visionocr.stop import Stop
from visionocr.types import Engine, Notice, Observer, Task, ignore
from visionocr.vision_check import count_prompt

KEYWORDS, TAGS, ALT = "keywords", "tags", "alt-text"
"""Names of tasks."""


@dataclass(frozen=True, kw_only=True)
class CaptionJob(Job):
    """Everything that captions, keywords and alternative texts need, decided before the first picture."""

    order: CaptionOrder
    questions: CaptionQuestions
    look_up: LookUp = field(repr=False)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """See ``Job.fingerprint``."""
        words, questions = self.order.words, self.questions
        wanted: dict[str, Any] = {
            "keywords": questions.keywords and questions.keywords.template,
            "alt": questions.alt and questions.alt.template,
            "captions": self.order.captions if self.order.captions > 1 else None,
            "banned": words.banned,
            "required": words.required,
            "tags": self.order.wants_tags,
        }
        return super().fingerprint | {name: value for name, value in wanted.items() if value}

    def make_asker(self, checker: Checker | None = None) -> PageAsker:
        """See ``Job.make_asker``."""

        def ask(question: Question) -> Asker:
            return Asker(self.engine, question, max_asks=self.max_asks, checker=checker, observer=self.observer)

        return Captioner(ask, self.questions, self.look_up)


def prepare_captions(
    settings: Settings,
    library: Library,
    *,
    order: CaptionOrder,
    look_up: LookUp,
    task: str,
    observer: Observer = ignore,
    stop: Stop | None = None,
    opened: Callable[[], Engine] | None = None,
) -> Job:
    """Decide everything; see ``job.prepare``. *look_up* gives the values of placeholders for a picture."""
    if order.wants_tags:
        task = KEYWORDS
        if settings.task not in {None, KEYWORDS, TAGS}:
            origin = settings.origins.get("task", "task")
            raise UsageError(
                f"--for kohya writes tags, {origin} asks for {settings.task!r}",
                "Leave one of them out; for sentences use --sidecar .txt, and --trigger for a trigger word.",
            )
    job = reading.prepare(settings, library, task=task, observer=observer, stop=stop, opened=opened)
    try:
        with job.stop.waking(job.engine.cancel):
            return _complete(job, settings, library, order, look_up)
    except BaseException:
        job.engine.close()
        raise


def _complete(job: Job, settings: Settings, library: Library, order: CaptionOrder, look_up: LookUp) -> Job:
    """The job with its further questions; the same one where there is nothing but a caption to ask for."""
    main = job.question
    if order.is_plain and not main.uses(*NOTES):
        return job
    if settings.batch > 1:
        job.observer(Notice("pictures are asked for one by one: --batch is not used", warning=True))
    is_enforced = (order.keywords or order.wants_tags) and _is_form_taken(job)
    without_required = WordRules(order.words.banned)
    form: CaptionForm | KeywordsForm = CaptionForm(order.words)
    if order.wants_tags:
        form = KeywordsForm(order.words)
        if not is_enforced or main.template != library.task(KEYWORDS).prompt:
            form = replace(form, shape=None)  # another prompt asks for another form
    questions = CaptionQuestions(replace(main, form=form), captions=order.captions)
    own = replace(settings, prompt=None, boxes=False)
    if order.keywords:
        keywords = KeywordsForm(without_required)
        keywords = keywords if is_enforced else replace(keywords, shape=None)
        question = _make_part(job, own, library, library.task(KEYWORDS))
        questions = replace(questions, keywords=replace(question, form=keywords))
    if order.alt:
        question = _make_part(job, own, library, library.task(ALT))
        questions = replace(questions, alt=replace(question, form=AltForm(without_required)))
    return _fit(job, settings, order, questions, look_up)


def _make_part(job: Job, settings: Settings, library: Library, task: Task) -> Question:
    return make_question(settings, library, task, job.question.preset, job.engine.server)


def _fit(job: Job, settings: Settings, order: CaptionOrder, questions: CaptionQuestions, look_up: LookUp) -> CaptionJob:
    """The job with pictures and answers as large as fits with every one of the questions."""
    plans: list[budget.Plan] = []

    def fit(question: Question) -> Question:
        longest = tuple((note, "word " * (LONGEST_NOTE // 5)) for note in NOTES)
        plan = budget.plan(
            question.preset,
            job.engine.server,
            question.task,
            text_tokens=count_prompt(job.engine, replace(question, notes=longest)),
            max_length=settings.max_length,
            dpi=settings.dpi,
            max_side=settings.max_side,
            clamped_side=job.clamped_side,
        )
        plans.append(plan)
        return replace(question, max_length=plan.max_length)

    questions = replace(
        questions,
        main=fit(questions.main),
        keywords=questions.keywords and fit(questions.keywords),
        alt=questions.alt and fit(questions.alt),
    )
    for note in dict.fromkeys(note for plan in plans for note in plan.notes if note not in job.plan.notes):
        job.observer(Notice(note, warning=True))
    pixels = [plan.spec.max_pixels for plan in plans if plan.spec.max_pixels is not None]
    spec = replace(job.plan.spec, max_pixels=min(pixels, default=None))
    decided = {one.name: getattr(job, one.name) for one in fields(Job)}
    decided["question"] = questions.main
    decided["plan"] = replace(job.plan, spec=spec, max_length=questions.main.max_length, batch=1)
    return CaptionJob(**decided, order=order, questions=questions, look_up=look_up)


def _is_form_taken(job: Job) -> bool:
    """Whether every server takes the form that answers must have; what ignores it is as good as none."""
    found = together(lambda one: find_obedience(one, job.question, RECORD), servers_of(job.engine))
    return Obedience.REFUSES not in found

"""The eye chart: a picture whose words are known is read on exactly the path that a page takes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

from visionocr.asking import Asker, Loaded
from visionocr.check.diagnosis import Diagnosis, diagnose
from visionocr.check.score import Score, score
from visionocr.engines.proxy import EngineProxy
from visionocr.errors import AnswerUnusable, RequestRefused
from visionocr.job import Job
from visionocr.prompting.render import build_request
from visionocr.types import Completion, Engine, Event, Observer, PageImage, Progress, Request

LONGEST_ANSWER = 1024
"""Tokens. A chart has some 80 words; an answer that has not ended by then will not end."""
PAGE_CHARACTERS = 3000
"""Of a full page of print, about 500 words: what a page's time is estimated for."""


@dataclass(frozen=True, slots=True)
class ChartResult:
    """What came of showing a chart."""

    width: int
    """Of the picture that was sent, in pixels."""
    height: int
    score: Score
    diagnosis: Diagnosis | None
    """What is wrong; ``None``: the chart was read, whatever the smallest print."""
    image_tokens: int | None
    """Tokens of the picture with the texts that the server puts around it, where it counts."""
    completion_tokens: int | None
    seconds: float
    """From the question to the answer."""
    page_seconds: float | None
    """What a page of ``PAGE_CHARACTERS`` takes at the most; ``None`` when nothing was written."""
    slots: int
    """Pages that the engine works on at the same time."""
    text: str
    """The answer: cleaned, where a page with it would be kept."""

    @property
    def pages_per_hour(self) -> int | None:
        """Full pages that are read in an hour, at the least."""
        return int(3600 / self.page_seconds * self.slots) if self.page_seconds else None


class Watch:
    """An observer that notes for how long nothing was written: the time that the picture itself takes."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.looking = 0.0
        """Seconds."""

    def __call__(self, event: Event) -> None:
        """Note one event and hand it on."""
        if isinstance(event, Progress) and not event.characters:
            self.looking = event.seconds
        self._observer(event)


def sit(job: Job, seed: int, watch: Watch | None = None) -> ChartResult | None:
    """Draw the chart of *seed*, have it read and judge what comes back; ``None`` when pages are too small for one.

    *watch* is an observer that the job's engine was opened with: it sees how long the picture alone takes.

    Raises a ``ServerError`` when the server is gone, refuses us or stays busy.
    """
    from visionocr.check.chart_image import PAGE, SMALLEST_PAGE, draw, page_size  # loads Pillow

    spec = job.plan.spec
    if max(page_size(spec)) < SMALLEST_PAGE:
        return None
    chart = draw(spec, seed)
    watch = watch or Watch(job.observer)
    watch.looking = 0.0
    engine = _Recorder(job.engine)
    if job.engine.server.reads_only:
        _load_models(job, chart.images)
    question = replace(job.question, max_length=min(job.plan.max_length, LONGEST_ANSWER))
    (result,) = Asker(engine, question, max_asks=1, observer=job.observer).read([Loaded(PAGE, chart.images)])
    completion = engine.last
    # A failed page has no text; what was answered may show what is wrong all the same.
    text = result.text or (completion.text if completion else "")
    marks = score(chart.lines, text)
    server = job.engine.server
    return ChartResult(
        width=chart.images[0].width,
        height=chart.images[0].height,
        score=marks,
        diagnosis=diagnose(
            completion,
            marks,
            result.findings,
            question.preset.chat,
            vision_remedy=server.vision_remedy,
            context_remedy=server.context_remedy,
        ),
        image_tokens=_image_tokens(completion),
        completion_tokens=completion.completion_tokens if completion else None,
        seconds=result.seconds,
        page_seconds=_page_seconds(completion, watch.looking),
        slots=max(1, server.slots),
        text=text,
    )


class _Recorder(EngineProxy):
    """The same engine, which remembers its last answer as it came."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.last: Completion | None = None

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        self.last = None
        self.last = super().complete(request)
        return self.last


def _load_models(job: Job, images: tuple[PageImage, ...]) -> None:
    """Let an engine that loads its models with the first page do so before the time is taken."""
    with contextlib.suppress(AnswerUnusable, RequestRefused):
        job.engine.complete(build_request(job.question, images))


def _image_tokens(completion: Completion | None) -> int | None:
    if completion is None or completion.prompt_tokens is None or completion.text_tokens is None:
        return None
    return max(0, completion.prompt_tokens - completion.text_tokens)


def _page_seconds(completion: Completion | None, looking: float) -> float | None:
    """The picture takes what it took; writing takes longer by as much as a page has more text than the chart."""
    if completion is None or not completion.text.strip():
        return None
    looking = min(looking, completion.seconds)
    more = max(1.0, PAGE_CHARACTERS / len(completion.text))
    return looking + (completion.seconds - looking) * more

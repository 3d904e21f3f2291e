"""Has an eye chart read: a picture whose words are known, sent and judged exactly as a page is."""

from __future__ import annotations

import contextlib
import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from visionocr.asking import Asker
from visionocr.check.diagnosis import Diagnosis, diagnose
from visionocr.engines.proxy import EngineProxy
from visionocr.errors import AnswerUnusable, RequestRefused
from visionocr.job import Job
from visionocr.loaded import Loaded
from visionocr.prompting.render import build_request
from visionocr.types import Completion, Engine, Event, Observer, Progress, Request

if TYPE_CHECKING:
    from visionocr.check.chart_image import Line

LONGEST_ANSWER = 1024
"""Tokens. A chart has some 80 words; an answer that has not ended by then will not end."""
PAGE_CHARACTERS = 3000
"""Of a full page of print, about 500 words: what a page's time is estimated for."""


# --- what an answer shows of the chart ---------------------------------------------------------------------------

_PRINT_X_HEIGHT = 0.46
"""x-height of book faces, as a part of the type size: 0.45 in Times, 0.52 in Helvetica."""
_POINTS_PER_INCH = 72
_SAFETY = 1.25
"""How much larger than on the chart, which is clean and has short lines, letters should be on a page."""
_ALIKE = 0.8
"""Similarity from which a word of the answer counts as a misread word of the chart."""
_MOST = 20_000
"""Characters of an answer that are looked at; a chart has a few hundred."""
_FEWEST = 2
"""Number of the chart's words that no text holds by chance."""


@dataclass(frozen=True, slots=True)
class Score:
    """How much of a chart an answer shows."""

    read: int
    """Number of words read, including those with a wrong letter."""
    words: int
    """Number of words on the chart."""
    legible: float | None
    """x-height in pixels of the smallest line that was read; ``None`` when not even the largest was."""
    smallest: float
    """x-height of the chart's last line, the smallest that can be tested."""

    @property
    def seen(self) -> bool:
        """Whether more words were read than a text can hold by chance."""
        return self.read >= max(_FEWEST, math.ceil(self.words / 10))


def score(lines: Sequence[Line], text: str) -> Score:
    """What *text*, a model's answer, shows of the chart's *lines*, from large to small."""
    text = text[:_MOST].casefold()
    found = set(re.findall(r"[a-z]+", text))
    letters = re.sub(r"[^a-z]+", "", text)  # words that were run together or broken at a line's end were read
    read, legible, missed = 0, None, 0
    for line in lines:
        exact = [word for word in line.words if word in letters]
        others = set(line.words) - set(exact)
        read += len(exact) + sum(bool(difflib.get_close_matches(word, found, n=1, cutoff=_ALIKE)) for word in others)
        # One wrong word among four is chance; two lines in a row that cannot be read are not.
        if len(exact) * 4 >= len(line.words) * 3 and missed < 2:
            legible, missed = line.x_height, 0
        else:
            missed += 1
    return Score(read, sum(len(line.words) for line in lines), legible, lines[-1].x_height)


def dpi_for(x_height: float, points: float) -> int:
    """The resolution, rounded up to tens, that print of so many *points* needs, given the smallest *x_height* read."""
    return math.ceil(_POINTS_PER_INCH * x_height * _SAFETY / (_PRINT_X_HEIGHT * points) / 10) * 10


def points_at(x_height: float, dpi: float) -> float:
    """The smallest print in points that can be read at a resolution, given the smallest *x_height* read, in pixels."""
    return _POINTS_PER_INCH * x_height * _SAFETY / (_PRINT_X_HEIGHT * dpi)


# --- having it read ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChartResult:
    """How a chart was read."""

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


class ImageTimer:
    """An observer that measures the time until the answer begins, which is what the picture itself takes."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.seconds = 0.0

    def __call__(self, event: Event) -> None:
        """Note one event and hand it on."""
        if isinstance(event, Progress) and not event.characters:
            self.seconds = event.seconds
        self._observer(event)


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


def read_chart(job: Job, seed: int, timer: ImageTimer | None = None) -> ChartResult | None:
    """Draw the chart of *seed*, have it read and judge what comes back; ``None`` when pages are too small for one.

    *timer* is an observer that the job's engine was opened with: it sees how long the picture alone takes.

    Raises a ``ServerError`` when the server is gone, refuses us or stays busy.
    """
    from visionocr.check.chart_image import PAGE, SMALLEST_PAGE, draw, page_size  # loads Pillow

    spec = job.plan.spec
    if max(page_size(spec)) < SMALLEST_PAGE:
        return None
    chart = draw(spec, seed)
    if job.engine.server.reads_only:
        # The embedded engine loads its models with the first page: not while the time is taken.
        with contextlib.suppress(AnswerUnusable, RequestRefused):
            job.engine.complete(build_request(job.question, chart.images))
    timer = timer or ImageTimer(job.observer)
    timer.seconds = 0.0
    engine = _Recorder(job.engine)
    question = replace(job.question, max_length=min(job.plan.max_length, LONGEST_ANSWER))
    (result,) = Asker(engine, question, max_asks=1, observer=job.observer).read([Loaded(PAGE, chart.images)])
    server, completion = job.engine.server, engine.last
    # A failed page has no text; what was answered may show what is wrong all the same.
    text = result.text or (completion.text if completion else "")
    marks = score(chart.lines, text)
    return ChartResult(
        width=chart.images[0].width,
        height=chart.images[0].height,
        score=marks,
        diagnosis=diagnose(
            completion,
            result.findings,
            question.preset.chat,
            read=marks.seen,
            vision_remedy=server.vision_remedy,
            context_remedy=server.context_remedy,
        ),
        image_tokens=_count_image_tokens(completion),
        completion_tokens=completion.completion_tokens if completion else None,
        seconds=result.seconds,
        page_seconds=_estimate_page_seconds(completion, timer.seconds),
        slots=max(1, server.slots),
        text=text,
    )


def _count_image_tokens(completion: Completion | None) -> int | None:
    if completion is None or completion.prompt_tokens is None or completion.text_tokens is None:
        return None
    return max(0, completion.prompt_tokens - completion.text_tokens)


def _estimate_page_seconds(completion: Completion | None, image_seconds: float) -> float | None:
    """The picture takes as long as the chart did; writing takes longer in proportion to the text."""
    if completion is None or not completion.text.strip():
        return None
    image_seconds = min(image_seconds, completion.seconds)
    more = max(1.0, PAGE_CHARACTERS / len(completion.text))
    return image_seconds + (completion.seconds - image_seconds) * more

"""Asks the model of a job for descriptions of the figures on its pages."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from visionocr import vision_check
from visionocr.asking import Asker
from visionocr.engines.choose import VISION_HINT
from visionocr.errors import ServerRefused
from visionocr.job import Job, make_question
from visionocr.loaded import Loaded
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import PageImage, PageResult

TASK = "describe-short"


class Describer:
    """Asks the engine of a job, beside its pages, with the preset, the limits and the language of the job."""

    def __init__(self, job: Job, settings: Settings, library: Library) -> None:
        """Raises ``ServerRefused`` for an engine that only reads, ``ContextTooSmall``."""
        engine = job.engine
        if engine.server.reads_only:
            raise ServerRefused("the embedded engine only reads text; it cannot describe figures", VISION_HINT)
        task, preset = library.task(TASK), job.question.preset
        # The user's own prompt is about pages.
        own = replace(settings, prompt=None, system=None, boxes=False, max_length=None)
        question = make_question(own, library, task, preset, engine.server)
        text_tokens = vision_check.count_prompt(engine, question)
        plan = budget.plan(preset, engine.server, task, text_tokens=text_tokens, clamped_side=job.clamped_side)
        self.spec = replace(plan.spec, max_side=min(plan.spec.max_side, job.plan.spec.max_side))
        """What is required of the figures' images."""
        self._asker = Asker(engine, replace(question, max_length=plan.max_length), max_asks=job.max_asks)
        self._at_once = max(1, engine.server.in_flight)

    def describe(self, images: Sequence[PageImage]) -> list[PageResult]:
        """One result for each image. Raises a ``ServerError`` as ``Asker.read`` does, ``Interrupted``."""
        if not images:
            return []
        with ThreadPoolExecutor(min(len(images), self._at_once), "describe") as executor:
            return list(executor.map(self._describe, images))

    def _describe(self, image: PageImage) -> PageResult:
        return self._asker.read([Loaded(image.page, (image,))])[0]

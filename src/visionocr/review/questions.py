"""Asks a model for a page again, while a person waits."""

from __future__ import annotations

import difflib
import itertools
import re
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from typing import Any

from visionocr.asking import Asker
from visionocr.checking import Checker
from visionocr.engines.choose import open_engine
from visionocr.errors import UsageError
from visionocr.job import Job, decide
from visionocr.loaded import Loaded
from visionocr.prompting.library import Library
from visionocr.prompting.reask import resample, respecify
from visionocr.settings import Settings, load_settings
from visionocr.stop import Stop
from visionocr.types import Engine, Observer, PageImage, PageRef, PageResult, RasterSpec, ignore

Load = Callable[[RasterSpec], tuple[PageImage, ...]]
"""Draws the images of a page."""
WAIT = 20.0
"""Seconds for which a request for an answer waits before the browser has to ask again."""
_MOST_ASKS = 256
"""Answers that are kept for the browser to fetch."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be asked: each is ``None`` where the settings decide."""

    preset: str | None = None
    task: str | None = None
    max_side: int | None = None
    seed: int | None = None


class Questions:
    """Asks about pages, one after the other. The engine is opened with the first question. For any threads."""

    def __init__(
        self, settings: Settings, library: Library, *, task: str, observer: Observer = ignore, stop: Stop | None = None
    ) -> None:
        """*task*: where neither the question nor the settings name one."""
        self._settings = settings
        self._library = library
        self._task = task
        self._observer = observer
        self._stop = stop or Stop()
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._jobs: dict[tuple[str | None, str, int | None], Job] = {}
        self._asked: Counter[PageRef] = Counter()
        self._numbers = itertools.count(1)
        self._answers: dict[int, Future[PageResult]] = {}
        self._executor = ThreadPoolExecutor(1, "ask")

    @property
    def choices(self) -> dict[str, Any]:
        """What can be chosen, and what the settings say, as JSON."""
        return {
            "presets": sorted(preset.name for preset in self._library.presets()),
            "tasks": sorted(task.name for task in self._library.tasks()),
            "task": self._settings.task or self._task,
        }

    def begin(self, page: PageRef, ask: Ask, load: Load) -> int:
        """Begin to ask; the number under which the answer can be fetched. Raises ``VisionOcrError`` for bad choices."""
        if ask.preset:
            self._library.preset(ask.preset)
        self._library.task(ask.task or self._settings.task or self._task)
        load_settings({"max_side": ask.max_side, "seed": ask.seed}, environment={})  # checks their limits
        number = next(self._numbers)
        with self._lock:
            self._answers[number] = self._executor.submit(self._ask, page, ask, load)
            if len(self._answers) > _MOST_ASKS:
                self._answers.pop(next(iter(self._answers)))
        return number

    def wait(self, number: int, seconds: float = WAIT) -> PageResult | None:
        """The answer, or ``None`` when it takes longer. Raises what went wrong."""
        future = self._answers.get(number)
        if future is None:
            raise UsageError("there is no such question", "Ask again.")
        try:
            return future.result(seconds)
        except NotYet:
            return None

    def close(self) -> None:
        """End everything, for good; from any thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.cancel()
            engine.close()

    def _ask(self, page: PageRef, ask: Ask, load: Load) -> PageResult:
        self._stop.check()
        job = self._decide(ask)
        self._asked[page] += 1
        question = job.question
        # Without a seed of the user's, each answer differs from those before as it does on the re-ask ladder.
        sampler = resample(question.sampler, self._asked[page] + 1, ())
        if ask.seed is not None:
            sampler = replace(question.sampler, seed=ask.seed)
        question = replace(question, sampler=sampler)
        checker = Checker(turns_pages=job.checks.turn_pages)
        asker = Asker(job.engine, question, max_asks=1, checker=checker, observer=self._observer)
        spec = replace(job.plan.spec, find_blank=False)
        return asker.read([Loaded(page, load(spec))], lambda image, scale: load(respecify(spec, image, scale)))[0]

    def _decide(self, ask: Ask) -> Job:
        """The job for a question: the same for questions that differ in their seed only."""
        task = ask.task or self._settings.task or self._task
        key = ask.preset, task, ask.max_side
        if key not in self._jobs:
            settings = replace(self._settings, task=task, batch=1)
            if ask.preset is not None:
                settings = replace(settings, preset=ask.preset)
            if ask.max_side is not None:
                settings = replace(settings, max_side=ask.max_side)
            engine = self._open_engine()
            self._jobs[key] = decide(engine, settings, self._library, self._library.task(task), self._observer)
        return self._jobs[key]

    def _open_engine(self) -> Engine:
        if self._engine is None:
            engine = open_engine(self._settings, self._library, observer=self._observer, stop=self._stop)
            with self._lock:
                self._engine = engine
        return self._engine


def describe_answer(result: PageResult, text: str) -> dict[str, Any]:
    """An answer as JSON, with what it has otherwise than *text*."""
    return {
        "text": result.text,
        "status": result.status.value,
        "findings": [finding.message for finding in result.findings],
        "model": result.model,
        "seconds": round(result.seconds, 1),
        "parts": mark_changes(text, result.text),
    }


def mark_changes(old: str, new: str) -> list[tuple[bool, str]]:
    """*new* in pieces, each with whether it is otherwise than in *old*. Words are compared, not letters."""
    before, after = old.split(), re.findall(r"\S+\s*|\A\s+", new)
    words = [piece.strip() for piece in after]
    # With words that are very frequent left out of account: the time would grow with the square of their number.
    matcher = difflib.SequenceMatcher(None, before, words, autojunk=True)
    pieces = []
    for kind, _, _, start, end in matcher.get_opcodes():
        piece = "".join(after[start:end])
        bare = piece if kind == "equal" else piece.rstrip()
        pieces += [(kind != "equal", bare), (False, piece[len(bare) :])]
    return [(is_new, piece) for is_new, piece in pieces if piece]

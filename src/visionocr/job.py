"""Prepares a run from its settings: opens the engine and chooses preset, prompt and image size."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from visionocr import vision_check
from visionocr.asking import Asker
from visionocr.checking import Checker, Checks, open_checker
from visionocr.choices import CrossCheck, Rotate, TextLayer
from visionocr.engines import local
from visionocr.engines.choose import VISION_HINT, open_engine
from visionocr.engines.connect import servers_of, together
from visionocr.errors import ConfigurationError, ServerRefused
from visionocr.extras import install_hint
from visionocr.prompting import budget, placeholders
from visionocr.prompting.library import Library
from visionocr.prompting.presets import Match
from visionocr.prompting.render import Question
from visionocr.reader import PageAsker, Reader
from visionocr.server_info import log_server, warn_of_guess, warn_of_shrinking
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import (
    ChatMarkers,
    Engine,
    ImageFacts,
    Notice,
    Observer,
    PageRef,
    PageResult,
    PageSource,
    Preset,
    RasterSpec,
    Sampler,
    Server,
    Task,
    ignore,
)

LOCAL_SIDE = 2000
"""Longest side in pixels of pages for the embedded engine, about 170 dpi for A4: more reads no better."""
_LOCAL_PRESET = Preset(
    name="local", title="Embedded engine", chat=ChatMarkers(), image=ImageFacts(longest_side=LOCAL_SIDE)
)


@dataclass(frozen=True, slots=True)
class Job:
    """Everything a run needs, decided before the first page."""

    engine: Engine = field(repr=False)
    question: Question
    plan: budget.Plan
    match: Match
    max_asks: int
    observer: Observer = field(default=ignore, repr=False)
    clamped_side: int | None = None
    """The long side in pixels to which the server shrinks larger pictures, as measured."""
    checks: Checks = Checks()
    """What answers are compared with."""
    stop: Stop = field(default_factory=Stop, repr=False)
    """Ends a run of it."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Everything that an answer depends on except the page. Results are reused where it is the same."""
        question = self.question
        later = {"turn": 0, "fit_print": False, "strips": 1}  # left out as in journals of versions without them
        raster = {name: value for name, value in asdict(self.plan.spec).items() if value != later.get(name, "")}
        del raster["find_evidence"]
        changes = {"text_layer": "use"} if self.checks.text_layer is TextLayer.USE else {}
        return (
            changes
            | ({"repair_numbers": True} if self.checks.repair else {})
            | ({} if self.checks.turn_pages or "turn" in raster else {"rotate": "off"})
            | {
                "model": self.engine.server.model,
                "preset": question.preset.name,
                "chat": asdict(question.preset.chat),
                "task": question.task.name,
                "prompt": question.template,
                "system": question.system_template,
                "language": question.language,
                "sampler": asdict(question.sampler),
                "stop_sequences": list(question.preset.stop_sequences),
                "max_length": self.plan.max_length,
                "batch": self.plan.batch,
                "raster": raster,
            }
        )

    def read(
        self,
        source: PageSource,
        *,
        known: Callable[[PageRef], PageResult | None] = lambda page: None,  # noqa: ARG005
        record: Callable[[PageResult], None] = lambda result: None,  # noqa: ARG005
    ) -> Generator[PageResult, None, None]:
        """The results of all pages of *source*, in order.

        See ``Reader`` for ``known`` and ``record``, and ``Reader.results`` for what is raised when.
        """
        checker = open_checker(self.checks, self.stop, self.observer)
        with closing(checker), self.stop.waking(checker.close):
            reader = Reader(
                source,
                self.engine,
                self.make_asker(checker),
                self.plan.spec,
                batch=self.plan.batch,
                reserve=checker.waiting,
                known=known,
                record=record,
                observer=self.observer,
                stop=self.stop,
            )
            yield from reader.results()

    def make_asker(self, checker: Checker | None = None) -> PageAsker:
        """What turns loaded pages into results. *checker*: what weighs answers against their pages."""
        return Asker(self.engine, self.question, max_asks=self.max_asks, checker=checker, observer=self.observer)

    def close(self) -> None:
        """Give the engine back."""
        self.engine.close()


def prepare(
    settings: Settings,
    library: Library,
    *,
    task: str,
    observer: Observer = ignore,
    stop: Stop | None = None,
    opened: Callable[[], Engine] | None = None,
) -> Job:
    """Decide everything. *task* is the default where the settings name none. *stop* ends this and the run.

    *opened* opens another engine than that of the settings. Raises ``ConfigurationError`` for what is wrong on our
    side, a ``ServerError`` when the server cannot do it.
    """
    stop = stop or Stop()
    chosen = library.task(settings.task or task)
    for name in ("prompt", "system"):
        placeholders.check(getattr(settings, name) or "", settings.origins.get(name, name))
    if settings.preset is not None:
        library.preset(settings.preset)  # a misspelt name is found before a server is looked for
    opened = opened or (lambda: open_engine(settings, library, observer=observer, stop=stop))
    engine = opened()
    try:
        with stop.waking(engine.cancel):
            job = decide(engine, settings, library, chosen, observer)
        return replace(job, stop=stop)
    except BaseException:
        engine.close()
        raise


def choose_preset(settings: Settings, library: Library, model: str, told: str = "") -> Match:
    """The preset in the settings, else *told*, found by the model's file, else the one for the model's name."""
    if settings.preset is not None:
        return Match(
            library.preset(settings.preset), f"given by {settings.origins.get('preset', 'settings')}", given=True
        )
    return Match(library.preset(told), "the header of its file") if told else library.match(model)


def choose_sampler(settings: Settings, preset: Preset, task: Task) -> Sampler:
    """The preset's sampler for the kind of task, with what the settings say otherwise."""
    sampler = preset.sampler if task.caption else preset.reading_sampler
    names = ("temperature", "top_p", "top_k", "min_p", "rep_pen", "seed")
    given: dict[str, Any] = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
    if given.get("temperature", 0) > 0 and "top_k" not in given and sampler.top_k == 1:
        given["top_k"] = 0  # a preset's greedy top_k would cancel the temperature
    return replace(sampler, **given)


def make_question(settings: Settings, library: Library, task: Task, preset: Preset, server: Server) -> Question:
    """What is asked of every page, as far as that does not depend on what fits."""
    return Question(
        preset=preset,
        task=task,
        sampler=choose_sampler(settings, preset, task),
        max_length=settings.max_length or budget.default_max_length(task, preset, server),
        prompt=settings.prompt,
        system=settings.system,
        language=settings.language,
        boxes=settings.boxes,
        batch_prompt=library.batch_prompt(),
    )


def decide(engine: Engine, settings: Settings, library: Library, task: Task, observer: Observer = ignore) -> Job:
    """The job with an engine that is already open. Raises the same errors as ``prepare``."""
    server = engine.server
    if server.reads_only:
        if task.caption:
            raise ServerRefused(
                f"the embedded engine only reads text; it cannot do the task {task.name!r}", VISION_HINT
            )
        if settings.prompt is not None or settings.language is not None or task.name not in {"transcribe", "text"}:
            observer(Notice("the embedded engine ignores prompts: it reads all text as it is", warning=True))
        match = Match(_LOCAL_PRESET, "embedded engine")
    else:
        if server.vision is False:
            raise ServerRefused(
                f"{server.model or 'the model'} at {server.url} cannot see pictures", server.vision_remedy
            )
        match = choose_preset(settings, library, server.model, server.preset)
        for one in servers_of(engine):
            log_server(one.server, match, observer)
        warn_of_guess(server, match, observer)
        if (coarse := budget.explain_coarse_encoder(match.preset, server)) and not task.caption:
            observer(Notice(". ".join(coarse), warning=True))
    for warning in server.warnings:
        observer(Notice(warning, warning=True))
    preset = match.preset
    question = make_question(settings, library, task, preset, server)
    if settings.language and not question.uses_language and not server.reads_only:
        observer(
            Notice(
                f"the prompt of preset {preset.name} has no placeholder for a language, so --language is ignored",
                warning=True,
            )
        )
    kept = None if server.reads_only else _check_vision(engine, question, settings, observer)
    plan = budget.plan(
        preset,
        server,
        task,
        text_tokens=vision_check.count_prompt(engine, question),
        max_length=settings.max_length,
        batch=settings.batch,
        dpi=settings.dpi,
        max_side=settings.max_side,
        clamped_side=kept,
    )
    plan = replace(plan, spec=_complete_spec(plan.spec, settings, question))
    for note in plan.notes:
        observer(Notice(note, warning=True))
    question = replace(question, max_length=plan.max_length)
    return Job(engine, question, plan, match, settings.max_asks, observer, kept, choose_checks(settings, question))


def _complete_spec(spec: RasterSpec, settings: Settings, question: Question) -> RasterSpec:
    """What is wanted of the pages' rasters besides their size."""
    turn = 0 if settings.rotate in {Rotate.AUTO, Rotate.OFF} else int(settings.rotate)
    find_blank, reads = spec.find_blank and not settings.keep_blank, question.is_transcription
    is_free = settings.max_side is None and settings.dpi is None
    fit_print = is_free and not question.task.caption and budget.grows_with_picture(question.preset.image)
    strips = settings.strips or (None if is_free and reads and question.preset is not _LOCAL_PRESET else 1)
    strips = 1 if question.task.caption else strips
    return replace(spec, find_blank=find_blank, find_evidence=reads, fit_print=fit_print, strips=strips, turn=turn)


def choose_checks(settings: Settings, question: Question) -> Checks:
    """What the settings want answers to be compared with. Raises ``ConfigurationError`` where nothing gives places."""
    is_alone = question.preset is _LOCAL_PRESET  # the second reader would be the first one again
    cross_check = settings.cross_check if question.is_transcription and not is_alone else CrossCheck.OFF
    if settings.needs_places and not is_alone:
        cross_check = _require_places(settings, question)
    turn_pages = settings.rotate is Rotate.AUTO
    return Checks(settings.text_layer, cross_check, settings.repair_numbers, settings.needs_places, turn_pages)


def _require_places(settings: Settings, question: Question) -> CrossCheck:
    """How the places of words are found, for a format that says where they stand."""
    if not question.is_transcription:
        raise ConfigurationError(
            f"--format {settings.format} needs the page's own text", "Leave out --prompt, --language and --task."
        )
    if local.installed() and settings.cross_check is not CrossCheck.OFF:
        return CrossCheck.ON
    if not (settings.text_layer is TextLayer.USE or question.has_boxes):
        raise ConfigurationError(
            f"nothing tells where words stand on the page, which --format {settings.format} needs",
            f"Use --boxes with a model that gives places. {install_hint('local', 'To install the second reader')}",
        )
    return CrossCheck.OFF


def is_clamp_measured(settings: Settings, preset: Preset, server: Server) -> bool:
    """Whether it matters to which side the server shrinks pictures, so that a run tries to find out."""
    given = settings.max_side is not None or settings.dpi is not None
    return not given and budget.is_clamp_worth_measuring(preset, server)


def _check_vision(engine: Engine, question: Question, settings: Settings, observer: Observer) -> int | None:
    """Test that each server uses pictures; the smallest side to which one shrinks them, where it matters."""
    together(lambda one: vision_check.require_vision(one, question), servers_of(engine))
    if not is_clamp_measured(settings, question.preset, engine.server):
        return None
    sides = together(lambda one: vision_check.measure_clamped_side(one, question), servers_of(engine))
    kept = min((side for side in sides if side is not None), default=None)
    warn_of_shrinking(kept, question.preset, engine.server, observer)
    return kept

"""Everything that can be said of a server, as plain statements: good, or wrong with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from visionocr import job, local_llama
from visionocr.check import chart_run, results
from visionocr.check.diagnosis import Cause
from visionocr.check.results import CheckResult
from visionocr.engines.connect import connect
from visionocr.errors import ContextTooSmall, KeyRefused, PicturesIgnored, ServerError, ServerUnreachable
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.settings import DEFAULT_URL, Settings
from visionocr.threads import Workers
from visionocr.types import Engine, Notice, Observer, Preset, Server, Task, ignore

_PATIENCE = 10.0
"""Seconds to wait for a server that goes away during the check."""


Tell = Callable[[CheckResult], None]
_Result = TypeVar("_Result")


@dataclass(slots=True)
class Report:
    """What was found out about the server at one address."""

    url: str
    statements: list[CheckResult] = field(default_factory=list)
    server: Server | None = None
    """``None``: none answered."""
    preset: str = ""
    chart_result: chart_run.ChartResult | None = None
    """What came of the eye chart; ``None``: it was not shown."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return all(statement.good for statement in self.statements)


class _Ended(Exception):
    """What was found is so wrong that nothing more can be found out."""


def validate(settings: Settings, library: Library) -> None:
    """Find mistakes in the settings before a server is looked for. Raises ``UsageError`` or ``ConfigurationError``."""
    from visionocr.engines.address import base_url

    library.task(settings.task or "transcribe")
    if settings.preset is not None:
        library.preset(settings.preset)
    if not local_llama.wanted(settings):
        for address in settings.api_url:
            if address != job.LOCAL_URL:
                base_url(address)


def addresses(settings: Settings) -> list[tuple[str, ...]]:
    """Each address that the settings name by itself; none of them where they name none, or mean another engine."""
    return (
        [()] if local_llama.wanted(settings) or not settings.api_url else [(address,) for address in settings.api_url]
    )


def examine(
    settings: Settings,
    library: Library,
    *,
    seed: int | None = None,
    tell: Tell = lambda statement: None,  # noqa: ARG005
    observer: Observer = ignore,
) -> Report:
    """Examine the server that the settings mean; with a *seed* also with the eye chart drawn from it.

    *tell* hears every statement as soon as it can be made. Raises ``ConfigurationError`` for what is wrong on our side.
    """
    report = Report(
        local_llama.address(settings) if local_llama.wanted(settings) else (*settings.api_url, DEFAULT_URL)[0]
    )
    settings = replace(settings, wait_server=min(settings.wait_server, _PATIENCE))
    checkup = _Checkup(report, settings, library, tell, chart_run.Watch(observer))
    try:
        engine = checkup.open()
        try:
            plan = checkup.about(engine)
            if seed is not None:
                checkup.show_chart(engine, seed)
            elif plan is not None:
                checkup.images(plan, engine.server)
        except BaseException:
            engine.cancel()
            raise
        finally:
            engine.close()
    except _Ended:
        pass
    return report


class _Checkup:
    """One examination. Use once."""

    def __init__(
        self, report: Report, settings: Settings, library: Library, tell: Tell, watch: chart_run.Watch
    ) -> None:
        self._report, self._settings, self._library = report, settings, library
        self._tell, self._watch = tell, watch
        task = library.task(settings.task or "transcribe")
        self._captions = task.caption
        # A chart is for reading, whatever the model is wanted for.
        self._task: Task = library.task("transcribe") if task.caption else task

    def _say(self, topic: str, text: str) -> None:
        self._add(CheckResult(topic, True, text))

    def _complain(self, topic: str, text: str, remedy: str, cause: Cause) -> None:
        self._add(CheckResult(topic, False, text, remedy, cause))

    def _add(self, statement: CheckResult) -> None:
        self._report.statements.append(statement)
        self._tell(statement)

    # --- the server -------------------------------------------------------------------------------------------

    def open(self) -> Engine:
        """The engine, probed."""
        settings, url = self._settings, self._report.url
        try:
            if url == job.LOCAL_URL or local_llama.wanted(settings):
                engine = job.open_engine(settings, self._library, observer=self._watch)
            else:
                engine = connect(settings, url, self._watch)
        except ServerError as error:
            # A dialect's probe may have explained a refused key in its own way.
            key = isinstance(error, KeyRefused) or isinstance(error.__context__, KeyRefused)
            cause = Cause.KEY if key else Cause.UNREACHABLE if isinstance(error, ServerUnreachable) else Cause.SERVER
            self._complain("key" if key else "server", error.message, error.hint, cause)
            self._offer_local()
            raise _Ended from None
        self._report.server = engine.server
        return engine

    def _offer_local(self) -> None:
        from visionocr.engines import local

        if not self._settings.api_url and not local_llama.wanted(self._settings) and local.installed():
            self._say("note", "without a server, text is read with the embedded engine: visionocr check local:")

    def about(self, engine: Engine) -> budget.Plan | None:
        """What the server says of itself, and what follows from it; the plan that fits what it says."""
        server = engine.server
        name = f"{server.kind} {server.version}".strip()
        self._say("server", f"{name} answers at {server.url}, dialect {server.dialect}")
        for warning in server.warnings:
            self._say("warning", warning)
        if server.reads_only:
            self._say("model", f"{server.model}: reads text, cannot describe pictures")
            if self._captions:
                self._complain("task", "it cannot describe pictures", job.VISION_HINT, Cause.NO_VISION)
                raise _Ended
            return None
        self._say("key", "the key was accepted" if self._settings.api_key else "none is wanted")
        self._vision(server)
        match = job.choose_preset(self._settings, self._library, server.model, server.preset)
        self._report.preset = match.preset.name
        why = f"matched by {match.pattern}" if match.known else "no preset knows this model: a guess; see --preset"
        self._say("model", server.model or "without a name")
        self._say("preset", f"{match.preset.name} ({match.preset.title}; {why})")
        self._encoder(match.preset, server)
        return self._fitting(match.preset, server)

    def _vision(self, server: Server) -> None:
        if server.vision is False:
            self._complain(
                "vision", "the model cannot see: pictures would be ignored", server.vision_remedy, Cause.NO_VISION
            )
            raise _Ended
        self._say("vision", "the model can see pictures" if server.vision else "not said")

    def _encoder(self, preset: Preset, server: Server) -> None:
        coarse = budget.too_coarse(preset, server)
        if coarse and not self._captions:
            self._complain("encoder", *coarse, Cause.ENCODER)

    def _fitting(self, preset: Preset, server: Server) -> budget.Plan:
        settings = self._settings
        try:
            plan = budget.plan(
                preset, server, self._task, batch=settings.batch, dpi=settings.dpi, max_side=settings.max_side
            )
        except ContextTooSmall as error:
            self._complain("context", error.message, error.hint, Cause.CONTEXT)
            raise _Ended from None
        context = f"{server.context_length} tokens" if server.context_length else "unknown"
        self._say("context", f"{context}; answers of at most {plan.max_length} tokens")
        return plan

    def images(self, plan: budget.Plan, server: Server) -> None:
        """How large pictures are sent."""
        for note in plan.notes:
            self._say("note", note)
        self._say("images", f"at most {plan.spec.max_side} px on the long side, {server.max_images} a request")

    # --- the eye chart ----------------------------------------------------------------------------------------

    def show_chart(self, engine: Engine, seed: int) -> None:
        """Have the chart read, and say what follows from the answer."""
        try:
            work = self._aside(lambda: job.prepared(engine, self._settings, self._library, self._task))
            if work.clamped_side is not None:
                self._say("clamp", results.about_clamp(work.clamped_side, work.question.preset))
            self.images(work.plan, engine.server)
            self._watch(Notice("having an eye chart read: it takes about as long as a page"))
            chart_result = self._aside(lambda: chart_run.sit(work, seed, self._watch))
        except ServerError as error:
            cause = Cause.IMAGE_IGNORED if isinstance(error, PicturesIgnored) else Cause.SERVER
            cause = Cause.CONTEXT if isinstance(error, ContextTooSmall) else cause
            self._complain("chart", error.message, error.hint, cause)
            return
        if chart_result is None:
            side = work.plan.spec.max_side
            self._complain(
                "chart",
                f"pages of at most {side} px are too small for any print",
                "Give a larger --max-side or --dpi.",
                Cause.ENCODER,
            )
            return
        self._report.chart_result = chart_result
        for statement in results.about_chart(chart_result, work, captions=self._captions):
            self._add(statement)

    @staticmethod
    def _aside(function: Callable[[], _Result]) -> _Result:
        """What *function* returns, from a thread of its own: whoever stops the check stops what the server does."""
        workers = Workers(1, "check")
        try:
            return workers.submit(function).outcome()
        finally:
            workers.close()

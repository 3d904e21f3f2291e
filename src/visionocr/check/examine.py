"""Examines a server: queries it, has it read an eye chart, and reports the results."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace

from visionocr import job, vision_check
from visionocr.check.diagnosis import Cause
from visionocr.check.eye_chart import ImageTimer, read_chart
from visionocr.check.report import (
    CheckResult,
    Report,
    clamp_result,
    image_results,
    reading_results,
    unknown_clamp_result,
)
from visionocr.engines import llama
from visionocr.engines.choose import LOCAL_URL, VISION_HINT, open_engine
from visionocr.engines.connect import connect
from visionocr.errors import ContextTooSmall, KeyRefused, PicturesIgnored, ServerError, ServerUnreachable
from visionocr.extras import install_hint
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.settings import DEFAULT_URL, Settings
from visionocr.stop import Stop
from visionocr.types import Engine, Notice, Observer, Task, ignore

_WAIT_SERVER = 10.0
"""Seconds to wait at the most for a server that goes away during the check."""


def validate(settings: Settings, library: Library) -> None:
    """Find mistakes in the settings before a server is looked for. Raises ``UsageError`` or ``ConfigurationError``."""
    from visionocr.engines.address import base_url

    library.task(settings.task or "transcribe")
    if settings.preset is not None:
        library.preset(settings.preset)
    if not llama.is_configured(settings):
        for address in settings.api_url:
            if address != LOCAL_URL:
                base_url(address)


def addresses(settings: Settings) -> list[tuple[str, ...]]:
    """The addresses in the settings, each by itself; one empty tuple where no server is named."""
    if llama.is_configured(settings) or not settings.api_url:
        return [()]
    return [(address,) for address in settings.api_url]


def examine(
    settings: Settings,
    library: Library,
    *,
    seed: int | None = None,
    on_result: Callable[[CheckResult], object] | None = None,
    observer: Observer = ignore,
    stop: Stop | None = None,
) -> Report:
    """Examine the server that the settings mean; with a *seed* also with the eye chart drawn from it.

    *on_result* gets every result as soon as it is known. Raises ``ConfigurationError`` for what is wrong on our side,
    ``Interrupted`` when *stop* was requested.
    """
    url = llama.make_address(settings) if llama.is_configured(settings) else (*settings.api_url, DEFAULT_URL)[0]
    settings = replace(settings, wait_server=min(settings.wait_server, _WAIT_SERVER))
    report = Report(url)
    examination = _Examination(report, settings, library, ImageTimer(observer), stop or Stop())
    with closing(examination.results(seed)) as results:
        for result in results:
            report.results.append(result)
            if on_result is not None:
                on_result(result)
    return report


class _Unfit(Exception):
    """The server failed a check after which nothing more can be found out."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(result.text)
        self.result = result


class _Examination:
    """Examines one server. Use once."""

    def __init__(self, report: Report, settings: Settings, library: Library, timer: ImageTimer, stop: Stop) -> None:
        self._report, self._settings, self._library, self._timer, self._stop = report, settings, library, timer, stop
        task = library.task(settings.task or "transcribe")
        self._captions = task.caption
        # The chart is always transcribed, even where the task is to describe.
        self._task: Task = library.task("transcribe") if task.caption else task

    def results(self, seed: int | None) -> Generator[CheckResult, None, None]:
        """Everything that is found out, in order."""
        try:
            engine = self._open_engine()
        except ServerError as error:
            yield _connection_failure(error)
            if not self._settings.api_url and not llama.is_configured(self._settings):
                yield CheckResult("note", _explain_engines())
            return
        self._report.server = engine.server
        try:
            with self._stop.waking(engine.cancel):
                plan = yield from self._server_results(engine)
                if seed is not None:
                    yield from self._chart_results(engine, seed)
                elif plan is not None:
                    yield from image_results(plan, engine.server)
        except _Unfit as unfit:
            yield unfit.result
        finally:
            engine.close()

    def _open_engine(self) -> Engine:
        if self._report.url == LOCAL_URL or llama.is_configured(self._settings):
            return open_engine(self._settings, self._library, observer=self._timer, stop=self._stop)
        return connect(self._settings, self._report.url, self._timer, self._stop)

    def _server_results(self, engine: Engine) -> Generator[CheckResult, None, budget.Plan | None]:
        """What the server says of itself, and what follows from it; returns the plan that fits what it says."""
        server = engine.server
        name = f"{server.kind} {server.version}".strip()
        yield CheckResult("server", f"{name} answers at {server.url}, dialect {server.dialect}")
        for warning in server.warnings:
            yield CheckResult("warning", warning)
        if server.reads_only:
            yield CheckResult("model", f"{server.model}: reads text, cannot describe pictures")
            if self._captions:
                raise _Unfit(CheckResult("task", "it cannot describe pictures", VISION_HINT, Cause.NO_VISION))
            return None
        yield CheckResult("key", "the key was accepted" if self._settings.api_key else "none is needed")
        if server.vision is False:
            text = "the model cannot see pictures: they would be ignored"
            raise _Unfit(CheckResult("vision", text, server.vision_remedy, Cause.NO_VISION))
        yield CheckResult("vision", "the model can see pictures" if server.vision else "not said")
        match = job.choose_preset(self._settings, self._library, server.model, server.preset)
        preset = match.preset
        self._report.preset = preset.name
        why = match.reason if match.known else "a guess, as no preset knows this model; see --preset"
        yield CheckResult("model", server.model or "without a name")
        yield CheckResult("preset", f"{preset.name} ({preset.title}; {why})")
        coarse = budget.explain_coarse_encoder(preset, server)
        if coarse and not self._captions:
            yield CheckResult("encoder", *coarse, Cause.ENCODER)
        settings = self._settings
        question = job.make_question(settings, self._library, self._task, preset, server)
        try:
            plan = budget.plan(
                preset,
                server,
                self._task,
                text_tokens=vision_check.count_prompt(engine, question),
                max_length=settings.max_length,
                batch=settings.batch,
                dpi=settings.dpi,
                max_side=settings.max_side,
            )
        except ServerError as error:
            cause = Cause.CONTEXT if isinstance(error, ContextTooSmall) else Cause.SERVER
            raise _Unfit(CheckResult("context", error.message, error.hint, cause)) from None
        context = f"{server.context_length} tokens" if server.context_length else "unknown"
        yield CheckResult("context", f"{context}; answers of at most {plan.max_length} tokens")
        return plan

    def _chart_results(self, engine: Engine, seed: int) -> Iterator[CheckResult]:
        """What follows from the answer to the chart."""
        try:
            prepared = job.decide(engine, self._settings, self._library, self._task)
            if prepared.clamped_side is not None:
                yield clamp_result(prepared.clamped_side, prepared.question.preset)
            elif job.is_clamp_measured(self._settings, prepared.question.preset, engine.server):
                yield unknown_clamp_result(engine.server)
            yield from image_results(prepared.plan, engine.server)
            self._timer(Notice("reading the eye chart takes about as long as a page"))
            chart_result = read_chart(prepared, seed, self._timer)
        except ServerError as error:
            yield _chart_failure(error)
            return
        if chart_result is None:
            text = f"pages of at most {prepared.plan.spec.max_side} px are too small for any print"
            yield CheckResult("chart", text, "Give a larger --max-side or --dpi.", Cause.ENCODER)
            return
        self._report.chart_result = chart_result
        yield from reading_results(chart_result, prepared, self._captions)


def _explain_engines() -> str:
    """What to do for who has named no server."""
    from visionocr.engines import local

    if local.installed():
        return f"{VISION_HINT} The embedded engine needs no server: visionocr check local:"
    return f"{VISION_HINT} {install_hint('local', 'To read text without a server')}"


def _connection_failure(error: ServerError) -> CheckResult:
    # A dialect's probe may have explained a refused key in its own way.
    if isinstance(error, KeyRefused) or isinstance(error.__context__, KeyRefused):
        return CheckResult("key", error.message, error.hint, Cause.KEY)
    cause = Cause.UNREACHABLE if isinstance(error, ServerUnreachable) else Cause.SERVER
    return CheckResult("server", error.message, error.hint, cause)


def _chart_failure(error: ServerError) -> CheckResult:
    cause = Cause.IMAGE_IGNORED if isinstance(error, PicturesIgnored) else Cause.SERVER
    cause = Cause.CONTEXT if isinstance(error, ContextTooSmall) else cause
    return CheckResult("chart", error.message, error.hint, cause)

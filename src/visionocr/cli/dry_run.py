"""``--dry-run``: what would be read, by what, and how; without asking for a page, unless two are to tell the speed."""

from __future__ import annotations

import contextlib

from visionocr import job
from visionocr.asking import Asker, Loaded
from visionocr.cli.outcome import current_stop
from visionocr.cluster import cluster
from visionocr.errors import DocumentError, ExitCode, ServerError
from visionocr.job import Job
from visionocr.output.writer import write_stdout
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.speed import Speed, estimate_duration
from visionocr.text import page_label, printable
from visionocr.types import Event, Notice, PageRef, PageResult, PageSource, RasterSpec, Sampler

_PROBES = 2
"""Pages that are asked for to tell the speed."""
_SAMPLE = 64
"""Pages that are remembered to choose them from."""


def show_plan(settings: Settings, library: Library, source: PageSource, task: str, *, probe: bool = False) -> ExitCode:
    """Print the documents with their page counts, then the server, the preset, the raster and the sampler.

    *probe*: ask for two pages, and print how long all of them will take. Returns what the run would end with, as far
    as can be known.
    """
    sample = _Sample()
    code = _documents(source, sample)
    return max(code, _engine(settings, library, source, task, sample if probe else None))


def _engine(settings: Settings, library: Library, source: PageSource, task: str, sample: _Sample | None) -> ExitCode:
    lines: list[tuple[str, str]] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            lines.append(("warning" if event.warning else "engine", event.message))

    stop = current_stop.get()
    try:
        prepare = job.prepare if settings.cluster is None else cluster.prepare
        with contextlib.closing(prepare(settings, library, task=task, observer=note, stop=stop)) as prepared:
            _plan(prepared, lines)
            if sample is not None:
                with stop.waking(prepared.engine.cancel):
                    _forecast(prepared, source, sample)
    except ServerError as error:
        _print("cannot", error.message, error.hint)
        return ExitCode.SERVER
    return ExitCode.OK


def _plan(prepared: Job, lines: list[tuple[str, str]]) -> None:
    plan, question = prepared.plan, prepared.question
    lines += [
        ("task", f"{question.task.name}, answers of at most {plan.max_length} tokens"),
        ("images", f"at most {plan.spec.max_side} px on the long side, {_count(plan.batch, 'page')} a request"),
        ("sampler", _describe_sampler(question.sampler)),
    ]
    for topic, text in lines:
        _print(topic, text)


class _Sample:
    """A few pages from all over the documents, however many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: list[PageRef] = []
        self._step = 1

    def add(self, page: PageRef) -> None:
        """Take note of the next page."""
        if self.count % self._step == 0:
            self._kept.append(page)
            if len(self._kept) > _SAMPLE:
                self._kept, self._step = self._kept[::2], 2 * self._step
        self.count += 1

    def pages(self) -> list[PageRef]:
        """Those that are best asked for, first: from a third and two thirds of the way."""
        at = len(self._kept) // 3, 2 * len(self._kept) // 3
        chosen = [page for index, page in enumerate(self._kept) if index in at]
        return chosen + [page for page in self._kept if page not in chosen]


def _forecast(prepared: Job, source: PageSource, sample: _Sample) -> None:
    """Ask for two pages that are not blank, one after the other, and print what follows from them."""
    try:
        results = _ask(prepared, source, sample)
    except BaseException:
        prepared.engine.cancel()
        raise
    seconds = sum(result.seconds for result in results)
    if not seconds:
        _print("forecast", "no page could be asked for")
        return
    at_once = max(1, prepared.engine.server.slots)
    tokens = sum(result.completion_tokens or 0 for result in results)
    speed = Speed(len(results) / seconds * 60 * at_once, tokens / seconds * at_once)
    time = estimate_duration(sample.count, speed.pages_per_minute)
    said = f"{_count(len(results), 'page')} took {seconds:.1f} s; {_count(sample.count, 'page')} will take about {time}"
    _print("forecast", f"{said} ({speed})")


def _ask(prepared: Job, source: PageSource, sample: _Sample) -> list[PageResult]:
    asker = Asker(prepared.engine, prepared.question, max_asks=prepared.max_asks)
    results: list[PageResult] = []
    for page in sample.pages():
        try:
            loaded = Loaded(page, source.load(page, prepared.plan.spec))
        except DocumentError:
            continue
        (result,) = asker.read([loaded])
        if not result.asks:  # blank
            continue
        results.append(result)
        _print("asked", f"{page_label(page)}: {result.status}, {result.seconds:.1f} s")
        if len(results) == _PROBES:
            break
    return results


def _documents(source: PageSource, sample: _Sample) -> ExitCode:
    pages: dict[tuple[str, str], int] = {}
    problems: list[DocumentError] = []
    for page in source.pages():
        if page.number:
            key = page.document, page.digest
            pages[key] = pages.get(key, 0) + 1
            sample.add(page)
            continue
        try:
            source.load(page, RasterSpec(max_side=1))
        except DocumentError as error:
            problems.append(error)
    for (name, _), count in pages.items():
        _print("read", f"{printable(name)}: {_count(count, 'page')}")
    for problem in problems:
        _print("cannot", problem.message, problem.hint)
    _print("total", f"{_count(sum(pages.values()), 'page')} of {_count(len(pages), 'document')}")
    return ExitCode.DOCUMENT if problems else ExitCode.OK


def _describe_sampler(sampler: Sampler) -> str:
    return ", ".join(f"{name} {getattr(sampler, name):g}" for name in Sampler.__dataclass_fields__)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _print(topic: str, text: str, hint: str = "") -> None:
    write_stdout(f"{topic:8} {printable(text)}\n" + (f"         {printable(hint)}\n" if hint else ""))

"""``--dry-run``: shows what would be read and how. No page is asked for, but two with ``--probe-pages``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable

from visionocr.cli.outcome import current_stop
from visionocr.errors import DocumentError, ExitCode, ServerError
from visionocr.job import Job
from visionocr.loaded import Loaded
from visionocr.output.stdout import write_stdout
from visionocr.speed import Speed, estimate_duration
from visionocr.text import page_label, printable, write_count
from visionocr.types import Event, Notice, PageRef, PageResult, PageSource, RasterSpec, Sampler

_PROBES = 2
"""Pages that are asked for to measure the speed."""
_SAMPLE = 64
"""Pages from all over the documents that the probes are chosen from."""


def show_plan(
    source: PageSource,
    prepare: Callable[..., Job],
    *,
    plan_document: Callable[[str], str] | None = None,
    probe: bool = False,
) -> ExitCode:
    """Print the documents with their page counts, then the server, the preset, the raster and the sampler.

    *prepare* is called with an observer. *plan_document* tells what would become of a document's file, by its name.
    *probe*: ask for two pages, and print how long all of them will take. Returns what the run would end with, as far as
    can be known.
    """
    pages: list[PageRef] = []
    problems: list[DocumentError] = []
    for page in source.pages():
        if page.number:
            pages.append(page)
            continue
        try:
            source.load(page, RasterSpec(max_side=1))
        except DocumentError as error:
            problems.append(error)
    documents = Counter((page.document, page.digest) for page in pages)
    for (name, _), count in documents.items():
        _print("read", f"{printable(name)}: {write_count(count, 'page')}")
        if plan_document is not None:
            _print("write", plan_document(name))
    for problem in problems:
        _print("cannot", problem.message, problem.hint)
    _print("total", f"{write_count(len(pages), 'page')} of {write_count(len(documents), 'document')}")
    code = ExitCode.DOCUMENT if problems else ExitCode.OK
    try:
        _show_job(source, prepare, pages, probe)
    except ServerError as error:
        _print("cannot", error.message, error.hint)
        return max(code, ExitCode.SERVER)
    return code


def _show_job(source: PageSource, prepare: Callable[..., Job], pages: list[PageRef], probe: bool) -> None:
    notices: list[Event] = []
    with contextlib.closing(prepare(observer=notices.append)) as job:
        for notice in notices:
            if isinstance(notice, Notice):
                _print("warning" if notice.warning else "engine", notice.message)
        side, batch, sampler = job.plan.spec.max_side, write_count(job.plan.batch, "page"), job.question.sampler
        _print("task", f"{job.question.task.name}, answers of at most {job.plan.max_length} tokens")
        _print("images", f"at most {side} px on the long side, {batch} a request")
        _print("sampler", ", ".join(f"{name} {getattr(sampler, name):g}" for name in Sampler.__dataclass_fields__))
        if probe:
            with current_stop.get().waking(job.engine.cancel):
                _show_forecast(job, source, pages)


def _show_forecast(job: Job, source: PageSource, pages: list[PageRef]) -> None:
    """Ask for two pages that are not blank, one after the other, and print what follows from them."""
    results = _ask(job, source, pages[:: len(pages) // _SAMPLE + 1])
    seconds = sum(result.seconds for result in results)
    if not seconds:
        _print("forecast", "no page could be asked for")
        return
    slots = max(1, job.engine.server.slots)
    tokens = sum(result.completion_tokens or 0 for result in results)
    speed = Speed(len(results) / seconds * 60 * slots, tokens / seconds * slots)
    time = estimate_duration(len(pages), speed.pages_per_minute)
    asked = f"{write_count(len(results), 'page')} took {seconds:.1f} s"
    _print("forecast", f"{asked}; {write_count(len(pages), 'page')} will take about {time} ({speed})")


def _ask(job: Job, source: PageSource, pages: list[PageRef]) -> list[PageResult]:
    """The results of two of *pages*: best of those at a third and two thirds of the way."""
    best = {len(pages) // 3, 2 * len(pages) // 3}
    asker = job.make_asker()
    results: list[PageResult] = []
    for index in sorted(range(len(pages)), key=lambda index: index not in best):
        page = pages[index]
        try:
            loaded = Loaded(page, source.load(page, job.plan.spec))
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


def _print(topic: str, text: str, hint: str = "") -> None:
    write_stdout(f"{topic:8} {printable(text)}\n" + (f"         {printable(hint)}\n" if hint else ""))

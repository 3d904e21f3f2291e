"""``--dry-run``: what would be read, by what, and how; without asking for a single page."""

from __future__ import annotations

from visionocr.errors import DocumentError, ExitCode, ServerError
from visionocr.library import Library
from visionocr.output.writer import put
from visionocr.pipeline import job
from visionocr.printable import shown
from visionocr.settings import Settings
from visionocr.types import Event, Notice, PageSource, RasterSpec, Sampler


def show_plan(settings: Settings, library: Library, source: PageSource, task: str) -> ExitCode:
    """Print the documents with their page counts, then the server, the preset, the raster and the sampler.

    Returns what the run would end with, as far as can be known.
    """
    code = _documents(source)
    lines: list[tuple[str, str]] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            lines.append(("warning" if event.warning else "engine", event.message))

    try:
        prepared = job.prepare(settings, library, task=task, observer=note)
    except ServerError as error:
        _print("cannot", error.message, error.hint)
        return ExitCode.SERVER
    prepared.close()
    plan, question = prepared.plan, prepared.question
    lines += [
        ("task", f"{question.task.name}, answers of at most {plan.max_length} tokens"),
        ("images", f"at most {plan.spec.max_side} px on the long side, {_count(plan.batch, 'page')} a request"),
        ("sampler", _spoken(question.sampler)),
    ]
    for topic, text in lines:
        _print(topic, text)
    return code


def _documents(source: PageSource) -> ExitCode:
    pages: dict[tuple[str, str], int] = {}
    problems: list[DocumentError] = []
    for page in source.pages():
        if page.number:
            key = page.document, page.digest
            pages[key] = pages.get(key, 0) + 1
            continue
        try:
            source.load(page, RasterSpec(max_side=1))
        except DocumentError as error:
            problems.append(error)
    source.close()
    for (name, _), count in pages.items():
        _print("read", f"{shown(name)}: {_count(count, 'page')}")
    for problem in problems:
        _print("cannot", problem.message, problem.hint)
    _print("total", f"{_count(sum(pages.values()), 'page')} of {_count(len(pages), 'document')}")
    return ExitCode.DOCUMENT if problems else ExitCode.OK


def _spoken(sampler: Sampler) -> str:
    return ", ".join(f"{name} {getattr(sampler, name):g}" for name in Sampler.__dataclass_fields__)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _print(topic: str, text: str, hint: str = "") -> None:
    put(f"{topic:8} {shown(text)}\n" + (f"         {shown(hint)}\n" if hint else ""))

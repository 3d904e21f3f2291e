"""``--dry-run``: what would be read, by what, and how; without asking for a single page."""

from __future__ import annotations

import sys

from visionocr.errors import DocumentError, ServerError
from visionocr.library import Library
from visionocr.pipeline import job
from visionocr.printable import shown
from visionocr.settings import Settings
from visionocr.types import Event, Notice, PageSource, RasterSpec


def show_plan(settings: Settings, library: Library, source: PageSource, task: str) -> None:
    """Print the documents with their page counts, then the server, the preset, the raster and the sampler."""
    _documents(source)
    lines: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            lines.append(event.message)

    try:
        prepared = job.prepare(settings, library, task=task, observer=note)
    except ServerError as error:
        _print(f"server: {error.message}")
        return
    prepared.close()
    for line in lines:
        _print(f"note: {line}")
    plan, question = prepared.plan, prepared.question
    _print(f"task: {question.task.name}, answers of at most {plan.max_length} tokens")
    _print(f"images: at most {plan.spec.max_side} px on the long side, {plan.batch} page(s) a request")
    _print(f"sampler: {question.sampler}")


def _documents(source: PageSource) -> None:
    pages: dict[str, int] = {}
    problems: list[str] = []
    for page in source.pages():
        if page.number:
            pages[page.document] = pages.get(page.document, 0) + 1
            continue
        try:
            source.load(page, RasterSpec(max_side=1))
        except DocumentError as error:
            problems.append(error.message)
    source.close()
    for name, count in pages.items():
        _print(f"{shown(name)}: {count} page(s)")
    for problem in problems:
        _print(f"cannot be read: {problem}")
    _print(f"total: {sum(pages.values())} page(s) of {len(pages)} document(s)")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")

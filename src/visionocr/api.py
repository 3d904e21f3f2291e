"""The Python API."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

from visionocr import job
from visionocr.documents.discovery import discover
from visionocr.documents.selection import parse_pages
from visionocr.documents.source import Source
from visionocr.output.arrange import arrange
from visionocr.prompting.library import Library
from visionocr.settings import Settings, load_settings
from visionocr.types import Observer, PageResult, ignore

_open_runs: WeakSet[Generator[PageResult, None, None]] = WeakSet()
"""Runs that were begun and perhaps not read to their end."""


def transcribe(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    pages: str | None = None,
    recursive: bool = False,
    password: Callable[[str], str | None] | None = None,
    config: Path | None = None,
    presets: Path | None = None,
    observer: Observer = ignore,
    **settings: Any,
) -> Iterator[PageResult]:
    """Read documents, page by page.

    Yields one ``PageResult`` for every page, in order, as soon as it is finished. A page that could not be read is a
    result with status ``failed``; a document that could not be opened is one with page number 0.

    ``files`` are PDFs and images (folders with ``recursive``), or a single one. ``pages`` selects, such as
    ``"1-3,7,12-"``. ``password`` is called with the name of an encrypted PDF, again while it returns wrong ones.
    ``config`` is a config file, ``presets`` a folder with presets and tasks of your own; neither is looked for unless
    given. ``settings`` are the fields of ``Settings``: ``api_url``, ``task``, ``prompt``, ``language``, ``batch``
    and so on; environment variables count as on the command line.

    Raises a ``VisionOcrError`` (see ``visionocr.errors``) when nothing can be read: before the first page for wrong
    settings and absent servers, later when the server goes away for good.
    """
    chosen = load_settings(settings, config=config, required=config is not None)
    several = [files] if isinstance(files, str | os.PathLike) else files
    source = Source(
        discover([os.fspath(file) for file in several], recursive=recursive),
        selection=parse_pages(pages) if pages else None,
        password=password,
        workers=chosen.raster_workers,
        spool=chosen.cluster is not None,
    )
    run = _read(chosen, Library(presets), source, observer)
    _open_runs.add(run)
    return run


def _read(
    settings: Settings, library: Library, source: Source, observer: Observer
) -> Generator[PageResult, None, None]:
    prepare: Callable[..., job.Job] = job.prepare
    if settings.cluster is not None:
        from visionocr.cluster import cluster

        prepare = cluster.prepare
    prepared = prepare(settings, library, task="transcribe", observer=observer)
    try:
        yield from arrange(prepared.read(source), settings, markdown=prepared.question.task.markdown)
    finally:
        prepared.close()


def _close_open_runs() -> None:
    for run in list(_open_runs):
        with contextlib.suppress(ValueError):  # another thread is using the generator
            run.close()


# A program may end with pages unread. Python then waits for the threads of executors, and these for servers: before
# that, what runs is stopped. ``atexit`` comes after that wait, and Python has no public hook before it.
threading._register_atexit(_close_open_runs)  # type: ignore[attr-defined]

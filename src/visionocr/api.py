"""The Python API."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec
from weakref import WeakSet

from visionocr import job
from visionocr.cluster import cluster
from visionocr.documents.discovery import discover
from visionocr.documents.resumed import Source
from visionocr.documents.selection import parse_pages
from visionocr.prompting.library import Library
from visionocr.settings import load_settings
from visionocr.types import Observer, PageResult, ignore

_P = ParamSpec("_P")
_open: WeakSet[Generator[PageResult, None, None]] = WeakSet()
"""What was begun and perhaps not read to its end."""


def _closed_at_exit(
    reading: Callable[_P, Generator[PageResult, None, None]],
) -> Callable[_P, Iterator[PageResult]]:
    """Close what is left unread while there are threads to do it: Python's own tidying comes too late for them."""

    @wraps(reading)
    def begun(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[PageResult]:
        pages = reading(*args, **kwargs)
        _open.add(pages)
        return pages

    return begun


@atexit.register
def _close() -> None:
    for pages in list(_open):
        with contextlib.suppress(ValueError):  # another thread is in the middle of it
            pages.close()


@_closed_at_exit
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
) -> Generator[PageResult, None, None]:
    """Read documents, page by page.

    Yields one ``PageResult`` for every page, in order, as soon as it is there. A page that could not be read is a
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
    selection = parse_pages(pages) if pages else None
    several = [files] if isinstance(files, str | os.PathLike) else files
    found = discover([os.fspath(file) for file in several], recursive=recursive)
    source = Source(
        found,
        selection=selection,
        password=password,
        workers=chosen.raster_workers,
        spool=chosen.cluster is not None,
    )
    prepare = job.prepare if chosen.cluster is None else cluster.prepare
    prepared = prepare(chosen, Library(presets), task="transcribe", observer=observer)
    try:
        yield from prepared.read(source)
    finally:
        prepared.close()

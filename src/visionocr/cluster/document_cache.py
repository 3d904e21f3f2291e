"""The documents of a cluster run on a worker: opened where they lie, or kept when they had to be sent."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionocr.documents.discovery import Found
from visionocr.documents.source import Place, Source
from visionocr.processes.permits import Permits
from visionocr.types import PageImage, PageRef, RasterSpec

MOST_SENT = 256 << 20
"""Bytes of a document that is sent to a worker which does not find it."""
MOST_KEPT = 1 << 30
"""Bytes of such documents that a worker keeps."""
_REMEMBERED = 2048
"""Documents that are not looked for again; fewer than ``Source`` remembers."""
_LOCK = threading.Lock()
_FOLDERS: dict[str, Path] = {}
"""By run: documents that were sent."""


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive pages of a run."""

    pages: tuple[PageRef, ...]
    absent: frozenset[int] = frozenset()
    """Places in ``pages`` of those that are not wanted: they only keep the groups of a batch as they would be."""
    places: tuple[tuple[str, Place], ...] = ()
    """By digest: where the documents are."""


class Shelf:
    """The documents of a run. May be used from several threads."""

    def __init__(self, run: str, workers: int | None) -> None:
        self._run = run
        self._next: list[Found] = []
        self._passwords: dict[str, list[str]] = {}
        self._met: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Name and digest of documents that were opened: the path."""
        self._documents = Source(self, password=self._password, workers=workers)
        self._finding = threading.Lock()
        self._drawing = Permits(self._documents.concurrency)
        self.concurrency = self._documents.concurrency

    def __iter__(self) -> Iterator[Found]:
        """The file that is to be met next; ``Source`` asks."""
        while self._next:
            yield self._next.pop()

    def open(self, part: Part) -> tuple[str, ...]:
        """Meet the documents of *part*; the digests of those that are not here."""
        places = dict(part.places)
        wanted = {page.digest: page for place, page in enumerate(part.pages) if place not in part.absent}
        with self._finding, self._drawing:
            return tuple(digest for digest, page in wanted.items() if not self._meet(page, places[digest]))

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``PageSource.load``."""
        with self._drawing:
            return self._documents.load(page, spec)

    def close(self) -> None:
        """Close everything, for good."""
        self._documents.close()

    def _meet(self, page: PageRef, place: Place) -> bool:
        if os.path.isfile(self._met.get((page.document, page.digest), "")):
            return True
        folder = _FOLDERS.get(self._run)
        for path in (place.path, str(folder / page.digest) if folder else ""):
            if path and os.path.isfile(path):
                self._next = [Found(page.document, path)]
                self._passwords[page.document] = [] if place.password is None else [place.password]
                first = next(iter(self._documents.pages()), None)
                if first is not None and first.digest == page.digest:
                    self._met[page.document, page.digest] = path
                    if len(self._met) > _REMEMBERED:
                        self._met.popitem(last=False)
                    return True
        return False

    def _password(self, document: str) -> str | None:
        passwords = self._passwords.get(document)
        return passwords.pop() if passwords else None


@dataclass(frozen=True, slots=True)
class PartPages:
    """A part as a ``PageSource``."""

    part: Part
    shelf: Shelf

    @property
    def concurrency(self) -> int:
        """See ``PageSource.concurrency``."""
        return self.shelf.concurrency

    def pages(self) -> Iterator[PageRef]:
        """See ``PageSource.pages``."""
        return iter(self.part.pages)

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``PageSource.load``."""
        return self.shelf.load(page, spec)

    def close(self) -> None:
        """The shelf stays open: there will be more parts."""


def receive(run: str, digest: str, data: bytes, first: bool, last: bool, dask_worker: Any = None) -> None:
    """Keep a piece of a document that is not on this machine; the oldest ones go when there is too much."""
    folder = _folder(run, getattr(dask_worker, "local_directory", None))
    part = folder / f"{digest}.part"
    with open(part, "wb" if first else "ab") as file:
        file.write(data)
    if not last:
        return
    if (folder / digest).exists():  # it may be open
        part.unlink()
        return
    os.replace(part, folder / digest)
    kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path, total in zip(kept, itertools.accumulate(path.stat().st_size for path in kept), strict=True):
        if total > MOST_KEPT and path.name != digest:
            path.unlink(missing_ok=True)


def discard(run: str) -> None:
    """Delete what was sent for *run*."""
    with _LOCK:
        folder = _FOLDERS.pop(run, None)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(run: str, parent: str | None) -> Path:
    with _LOCK:
        if run not in _FOLDERS:
            _FOLDERS[run] = Path(tempfile.mkdtemp(prefix="visionocr-", dir=parent))
        return _FOLDERS[run]

"""Finds the documents that results were read from, and draws their pages."""

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentCache, DocumentHandle, Password, Rasterizer
from visionocr.documents.raster_pool import RasterPool
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, RasterSpec

PAGE_SIDE, THUMBNAIL_SIDE = 2000, 360
"""Longest side in pixels of the picture of a page, about 170 dpi for A4, and of one in a grid."""
_KEPT = 24
"""Pictures that are kept: about 10 MB."""

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document as a file of results names it."""

    name: str
    digest: str
    """Empty where nothing tells."""
    path: str
    """Where the state says that it was; empty where it does not."""
    output: Path
    """The file of results."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was found and opened."""

    handle: DocumentHandle
    digest: str
    pages: int


class Memo(Generic[_Key, _Value]):
    """Keeps the last values that were made; several threads that want the same one wait for the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[_Key, Future[_Value]] = OrderedDict()

    def get(self, key: _Key, make: Callable[[], _Value]) -> _Value:
        """The value of *key*, made where there is none. Raises what *make* raises; the next call tries again."""
        with self._lock:
            is_first = key not in self._values
            future = self._values.setdefault(key, Future())
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        if is_first:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - raised below, for everybody who waits
                future.set_exception(error)
                with self._lock:
                    self._values.pop(key, None)
        return future.result()


class Pictures:
    """Draws pages, in child processes unless *workers* is 0. For any threads.

    A file of results may come from a stranger and name any file, so names alone open nothing: a document is one that
    was *given* on the command line, or its digest is known and the same, or it lies in or below the folder of the
    results.
    """

    def __init__(self, given: Sequence[Path] = (), *, password: Password | None = None, workers: int | None = None):
        self._given = given
        self._password = password
        self._rasterizer: Rasterizer = DocumentCache() if workers == 0 else RasterPool(workers)
        self._numbers = itertools.count()
        self._documents: Memo[Wanted, Document] = Memo(_KEPT)
        self._images: Memo[tuple[Wanted, int, int, int], PageImage] = Memo(_KEPT)

    def find(self, wanted: Wanted) -> Document:
        """The document. Raises ``DocumentError`` where it cannot be found or opened."""
        return self._documents.get(wanted, lambda: self._open(wanted))

    def draw(self, wanted: Wanted, number: int, side: int = PAGE_SIDE, turn: int = 0) -> PageImage:
        """A page as one picture, with what is known of the page unless it is small. Raises ``DocumentError``.

        *turn*: degrees clockwise by which it is turned.
        """
        spec = RasterSpec(side, max_aspect=1e6, split=False, jpeg_quality=80, find_blank=False, turn=turn)
        spec = replace(spec, find_evidence=side >= PAGE_SIDE)
        return self._images.get((wanted, number, side, turn), lambda: self.load(wanted, number, spec)[0])

    def load(self, wanted: Wanted, number: int, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of a page as they are sent to a model. Raises ``DocumentError``."""
        document = self.find(wanted)
        return self._rasterizer.load(document.handle, _ref(wanted, document, number), spec)

    def close(self) -> None:
        """End the processes, for good."""
        self._rasterizer.close()

    def _open(self, wanted: Wanted) -> Document:
        problem = DocumentError(f"{printable(wanted.name)} was not found", "Name it with --document to see its pages.")
        for path, is_trusted in self._candidates(wanted):
            content = Content(wanted.name, str(path))
            try:
                state = content.state()
                kind, digest = content.identify()
            except DocumentError as error:
                problem = error
                continue
            if wanted.digest and digest != wanted.digest:
                if path.name != Path(wanted.name).name:
                    continue  # it was given for another document
                problem = DocumentError(f"{printable(wanted.name)} is not the document that was read: it has changed")
                continue
            if wanted.digest or is_trusted:
                handle = DocumentHandle(next(self._numbers), content, kind, state)
                return Document(handle, digest, self._rasterizer.count_pages(handle, self._password))
        raise problem

    def _candidates(self, wanted: Wanted) -> Iterator[tuple[Path, bool]]:
        """Regular files that may be the document, and whether they may be shown without knowing its digest."""
        name = Path(wanted.name)
        for given in self._given:
            if given.is_dir():
                yield from _inside(given, name)
                yield from _inside(given, Path(name.name))
            elif given.name == name.name:
                yield given, True
        folder = wanted.output.parent
        yield from _inside(folder, name)
        yield from _inside(folder, Path(name.name))
        if wanted.digest:
            yield from ((path, False) for path in (Path(wanted.path), name) if path.name and os.path.isfile(path))
            # It may have got another name since.
            yield from ((path, False) for path in self._given if path.name != name.name and path.is_file())


def _inside(folder: Path, name: Path) -> Iterator[tuple[Path, bool]]:
    """The file *name* in *folder*, unless it is elsewhere: through ``..``, an absolute name or a link."""
    try:
        root, path = folder.resolve(), (folder / name).resolve()
        if path.is_relative_to(root) and path.is_file():
            yield path, True
    except (OSError, ValueError):  # a name that no file can have
        return


def _ref(wanted: Wanted, document: Document, number: int) -> PageRef:
    if not 1 <= number <= document.pages:
        raise DocumentError(f"{printable(wanted.name)} has no page {number}")
    return PageRef(wanted.name, number, document.pages, document.digest)

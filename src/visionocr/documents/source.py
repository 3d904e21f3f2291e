"""The pages of found files. Unchanged files that an earlier run recorded are not opened."""

from __future__ import annotations

import itertools
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from visionocr.documents import raster_pool
from visionocr.documents.content import MEMORY_LIMIT, Content, read_content
from visionocr.documents.discovery import Found
from visionocr.documents.document_cache import DocumentCache, DocumentHandle, Password, Rasterizer
from visionocr.documents.figures import CutFigure, CutOrder
from visionocr.documents.selection import PageSelection
from visionocr.errors import DocumentError
from visionocr.text import printable, write_count
from visionocr.types import FileSignature, PageImage, PageRef, RasterSpec

_REMEMBERED = 4096
"""Documents that can be opened again: many more than have pages under way at any time."""


class EarlierRuns(Protocol):
    """What earlier runs know of files. A file is identified by its absolute path and its signature."""

    def is_complete(self, found: Found, signature: FileSignature) -> bool:
        """Whether the output of the document is there, so that nothing of it is needed."""
        ...

    def lookup(self, found: Found, signature: FileSignature, selection: PageSelection | None) -> tuple[str, int] | None:
        """Digest and number of pages, when the results of all selected pages are at hand."""
        ...

    def register(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """Remember a document that was opened or looked up."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document can be opened."""

    path: str
    """Absolute."""
    password: str | None = field(default=None, repr=False)
    """The one that opened it."""


class Source:
    """The pages of documents, in order: a ``PageSource``.

    *password* is called with a document's name, again while its answers are wrong; ``None`` gives up. *workers* is the
    number of processes that draw: ``None`` for as many as are needed, 0 to draw in this process, where nothing stops a
    document that takes for ever. *limit* is the time in seconds that they may take for a page. *hints* receives what
    can be done about pages that could not be loaded. With *spool*, what comes through a pipe is always kept in a file
    and never in memory, so that every document has a place. *open_all*: also open documents that ``earlier`` knows,
    because they are needed for more than their pages' text.
    """

    def __init__(
        self,
        found: Iterable[Found],
        *,
        selection: PageSelection | None = None,
        password: Password | None = None,
        workers: int | None = None,
        limit: float = raster_pool.LIMIT,
        hints: dict[PageRef, str] | None = None,
        spool: bool = False,
        open_all: bool = False,
    ) -> None:
        self.earlier: EarlierRuns | None = None
        """To be set before the first page is taken."""
        self._found = found
        self._selection = selection
        self._password = password
        self._hints = hints
        self._spool = spool
        self._open_all = open_all
        self._pipes: dict[str, Content] = {}
        """By path: what can be read only once is kept."""
        self._handles: OrderedDict[tuple[str, str], DocumentHandle] = OrderedDict()
        """By name and digest: two different documents may have the same name."""
        self._numbers = itertools.count()
        self._problems: dict[PageRef, DocumentError] = {}
        self._rasterizer: Rasterizer = DocumentCache() if workers == 0 else raster_pool.RasterPool(workers, limit=limit)
        self._closed = False

    @property
    def concurrency(self) -> int:
        """See ``PageSource.concurrency``."""
        return self._rasterizer.concurrency

    def pages(self) -> Iterator[PageRef]:
        """Every page asked for, in order; each document is opened when its turn comes, nothing is rendered.

        Documents that ``earlier`` knows are not opened, and those whose output is complete have no pages.
        """
        for found in self._found:
            try:
                document = self._open(found)
            except DocumentError as error:
                yield self._refuse(PageRef(found.name, 0), error)
                continue
            if document is not None:
                yield from self._select_pages(found.name, *document)

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when there are none, or why its document has no pages."""
        try:
            if page in self._problems:
                raise self._problems[page]
            return self._rasterizer.load(self._find(page), page, spec)
        except DocumentError as error:
            if self._hints is not None:
                self._hints[page] = error.hint
            raise

    def cut(self, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """The figures of one page; raises ``DocumentError`` when it cannot be drawn."""
        return self._rasterizer.cut(self._find(page), page, order)

    def warm(self) -> None:
        """Start loading the PDF renderer in the background, where that is possible."""
        self._rasterizer.warm()

    def place(self, page: PageRef) -> Place:
        """Where another process can open the document of *page*, which must have been opened here."""
        handle = self._handles[page.document, page.digest]
        return Place(os.path.abspath(handle.content.path), handle.password)

    def close(self) -> None:
        """Close all documents and delete what was kept of pipes."""
        self._closed = True
        self._rasterizer.close()
        while self._pipes:
            self._pipes.popitem()[1].discard()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, page: PageRef) -> DocumentHandle:
        handle = self._handles.get((page.document, page.digest))
        if handle is None:
            raise DocumentError(f"{printable(page.document)} is not among the documents")
        return handle

    def _open(self, found: Found) -> tuple[str, int] | None:
        """Digest and number of pages of a document, opened where they are not known; ``None`` to leave it out."""
        content = self._read(found)
        file_state = content.state()
        if self.earlier is None or found.pipe:
            return self._open_content(content, file_state)
        signature = FileSignature(*file_state[:2])
        if self.earlier.is_complete(found, signature):
            return None
        document = None if self._open_all else self.earlier.lookup(found, signature, self._selection)
        document = document or self._open_content(content, file_state)
        self.earlier.register(found, signature, *document)
        return document

    def _open_content(self, content: Content, file_state: tuple[int, ...]) -> tuple[str, int]:
        kind, digest = content.identify()
        handle = self._handles[content.name, digest] = DocumentHandle(next(self._numbers), content, kind, file_state)
        if len(self._handles) > _REMEMBERED:
            self._handles.popitem(last=False)
        return digest, self._rasterizer.count_pages(handle, self._password)

    def _read(self, found: Found) -> Content:
        if not found.pipe:
            return read_content(found)
        if found.path not in self._pipes:
            content = self._pipes[found.path] = read_content(found, memory=0 if self._spool else MEMORY_LIMIT)
            if self._closed:  # while it was being read
                content.discard()
        return self._pipes[found.path]

    def _select_pages(self, name: str, digest: str, count: int) -> Iterator[PageRef]:
        """The selected pages of a document, and a page 0 for those that it does not have."""
        numbers = range(1, count + 1) if self._selection is None else self._selection.numbers(count)
        is_empty = True
        for number in numbers:
            is_empty = False
            yield PageRef(name, number, count, digest)
        missing = self._selection.missing(count) if self._selection else ()
        if missing or is_empty:
            yield self._refuse(PageRef(name, 0, count, digest), _out_of_range(name, count, missing))

    def _refuse(self, page: PageRef, error: DocumentError) -> PageRef:
        self._problems[page] = error
        return page


def _out_of_range(name: str, count: int, missing: tuple[int, ...]) -> DocumentError:
    if not missing:
        words = "none of them is selected"
    elif len(missing) == 1:
        words = f"page {missing[0]} does not exist"
    else:
        words = f"pages {', '.join(map(str, missing))} do not exist"
    return DocumentError(f"{printable(name)} has {write_count(count, 'page')}; {words}", "see --pages")

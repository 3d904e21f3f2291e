"""Found files become pages, and pages become images."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from visionocr.documents import raster_pool
from visionocr.documents.content import MEMORY_LIMIT, PIPE_LIMIT, Content, take
from visionocr.documents.discovery import Found
from visionocr.documents.document_cache import DocumentCache, DocumentHandle, Password, Rasterizer
from visionocr.documents.kinds import advice, sniff
from visionocr.documents.selection import PageSelection
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, RasterSpec

_REMEMBERED = 4096
"""Documents that can be opened again: many more than have pages under way at any time."""

_Key = tuple[str, str]
"""A document's name and digest: two different documents may bear one name."""


class Documents:
    """The pages of documents, in order: a ``PageSource``.

    *password* is asked with a document's name, again while its answers are wrong, and says ``None`` to give up.
    *workers* is the number of processes that draw: ``None`` for as many as are needed, 0 to draw in this one, where
    nothing stops a document that takes for ever. *limit* is what a page may take them, in seconds. *pipe_limit* is the
    most bytes that standard input or a pipe may give.
    """

    def __init__(
        self,
        found: Iterable[Found],
        *,
        selection: PageSelection | None = None,
        password: Password | None = None,
        workers: int | None = None,
        limit: float = raster_pool.LIMIT,
        pipe_limit: int = PIPE_LIMIT,
        memory_limit: int = MEMORY_LIMIT,
    ) -> None:
        self._found = found
        self._selection = selection
        self._password = password
        self._pipe_limit = pipe_limit
        self._memory_limit = memory_limit
        self._pipes: dict[str, Content] = {}
        """By path: what can be read only once is kept."""
        self._known: OrderedDict[_Key, DocumentHandle] = OrderedDict()
        self._numbers = itertools.count()
        self._problems: dict[PageRef, DocumentError] = {}
        self._drawer: Rasterizer = DocumentCache() if workers == 0 else raster_pool.RasterPool(workers, limit=limit)
        self._closed = False

    @property
    def concurrency(self) -> int:
        """See ``PageSource.concurrency``."""
        return self._drawer.concurrency

    def pages(self) -> Iterator[PageRef]:
        """Every page asked for, in order; each document is opened when its turn comes, nothing is rendered."""
        for found in self._found:
            try:
                known, digest = self._meet(found)
                count = self._drawer.count_pages(known, self._password)
            except DocumentError as error:
                yield self._problem(PageRef(found.name, 0), error)
                continue
            yield from self._selected(found.name, count, digest)

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when there are none, or why its document has no pages."""
        if page in self._problems:
            raise self._problems[page]
        known = self._known.get((page.document, page.digest))
        if known is None:
            raise DocumentError(f"{printable(page.document)} is not among the documents")
        return self._drawer.load(known, page, spec)

    def warm(self) -> None:
        """A PDF will be read soon: get ready while a server is being looked for."""
        self._drawer.warm()

    def close(self) -> None:
        """Close all documents and delete what was kept of pipes."""
        self._closed = True
        self._drawer.close()
        while self._pipes:
            self._pipes.popitem()[1].discard()

    def __enter__(self) -> Documents:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _selected(self, name: str, count: int, digest: str) -> Iterator[PageRef]:
        numbers = range(1, count + 1) if self._selection is None else self._selection.numbers(count)
        nothing = True
        for number in numbers:
            nothing = False
            yield PageRef(name, number, count, digest)
        missing = self._selection.missing(count) if self._selection else ()
        if missing or nothing:
            yield self._problem(PageRef(name, 0, count, digest), _out_of_range(name, count, missing))

    def _problem(self, page: PageRef, error: DocumentError) -> PageRef:
        self._problems[page] = error
        return page

    def _meet(self, found: Found) -> tuple[DocumentHandle, str]:
        """Learn what a file is before it is opened, and the digest of its bytes."""
        content = self._content(found)
        state = content.state()
        head, digest = content.examine()
        kind = sniff(head)
        if kind is None:
            raise DocumentError(f"{printable(found.name)} is neither a PDF nor a picture", advice(head))
        known = self._known[found.name, digest] = DocumentHandle(next(self._numbers), content, kind, state)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known, digest

    def _content(self, found: Found) -> Content:
        if not found.pipe:
            return take(found)
        if found.path not in self._pipes:
            content = self._pipes[found.path] = take(found, self._pipe_limit, self._memory_limit)
            if self._closed:  # while it was being read
                content.discard()
        return self._pipes[found.path]


def _out_of_range(name: str, count: int, missing: tuple[int, ...]) -> DocumentError:
    has = f"{printable(name)} has {count} page{'' if count == 1 else 's'}"
    if not missing:
        return DocumentError(f"{has}; none of them was asked for", "see --pages")
    if len(missing) == 1:
        return DocumentError(f"{has}; page {missing[0]} does not exist", "see --pages")
    return DocumentError(f"{has}; pages {', '.join(map(str, missing))} do not exist", "see --pages")

"""Found files become pages, and pages become images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from visionocr.errors import DocumentError
from visionocr.pages.content import MEMORY_LIMIT, PIPE_LIMIT, Content, take
from visionocr.pages.discovery import Found
from visionocr.pages.kinds import advice, sniff
from visionocr.pages.selection import PageSelection
from visionocr.printable import shown
from visionocr.types import PageImage, PageRef, RasterSpec

_OPEN = 4
"""Documents that stay open: the one being read, and those whose last pages are still under way."""


class _Document(Protocol):
    """What a PDF and a picture file have in common."""

    pages: int

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]: ...

    def close(self) -> None: ...


_Key = tuple[str, str]
"""A document's name and digest: two different documents may bear one name."""


@dataclass(slots=True)
class _Known:
    """What is needed to open a document, the first time and again."""

    content: Content
    kind: str
    state: tuple[int, ...]
    """The file's, when its digest was taken."""
    password: str | None = field(default=None, repr=False)
    """The one that opened it."""


class Documents:
    """The pages of documents, in order: a ``PageSource``. All calls come from one thread.

    *password* is asked with a document's name, again while its answers are wrong, and says ``None`` to give up.
    *pipe_limit* is the most bytes that standard input or a pipe may give.
    """

    def __init__(
        self,
        found: Iterable[Found],
        *,
        selection: PageSelection | None = None,
        password: Callable[[str], str | None] | None = None,
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
        self._known: dict[_Key, _Known] = {}
        self._open: OrderedDict[_Key, _Document] = OrderedDict()
        self._problems: dict[PageRef, DocumentError] = {}

    def pages(self) -> Iterator[PageRef]:
        """Every page asked for, in order; each document is opened when its turn comes, nothing is rendered."""
        for found in self._found:
            try:
                digest = self._meet(found)
                count = self._document((found.name, digest)).pages
            except DocumentError as error:
                yield self._problem(PageRef(found.name, 0), error)
                continue
            yield from self._selected(found.name, count, digest)

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page; raises ``DocumentError`` when there are none, or why its document has no pages."""
        if page in self._problems:
            raise self._problems[page]
        return self._document((page.document, page.digest)).load(page, spec)

    def close(self) -> None:
        """Close all documents and delete what was kept of pipes."""
        while self._open:
            self._open.popitem()[1].close()
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

    def _meet(self, found: Found) -> str:
        """Learn what a file is before it is opened; the digest of its bytes."""
        content = self._content(found)
        state = content.state()
        head, digest = content.examine()
        kind = sniff(head)
        if kind is None:
            raise DocumentError(f"{shown(found.name)} is neither a PDF nor a picture", advice(head))
        self._known[found.name, digest] = _Known(content, kind, state)
        return digest

    def _content(self, found: Found) -> Content:
        if not found.pipe:
            return take(found)
        if found.path not in self._pipes:
            self._pipes[found.path] = take(found, self._pipe_limit, self._memory_limit)
        return self._pipes[found.path]

    def _document(self, key: _Key) -> _Document:
        """A document that was met before: still open, or opened now."""
        document = self._open.get(key)
        if document is None:
            document = self._open[key] = self._opened(key)
            while len(self._open) > _OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return document

    def _opened(self, key: _Key) -> _Document:
        known = self._known.get(key)
        if known is None:
            raise DocumentError(f"{shown(key[0])} is not among the documents")
        if known.content.state() != known.state:
            raise DocumentError(f"{shown(key[0])} was changed while it was being read", "run the command again")
        # The libraries are loaded with the first document: starting up must not wait for them.
        if known.kind != "PDF":
            from visionocr.pages.pictures import PictureFile

            return PictureFile(known.content, known.kind)
        from visionocr.pages.documents import PdfFile

        password = known.password
        pdf = PdfFile(known.content, self._password if password is None else lambda _: password)
        known.password = pdf.password
        return pdf


def _out_of_range(name: str, count: int, missing: tuple[int, ...]) -> DocumentError:
    has = f"{shown(name)} has {count} page{'' if count == 1 else 's'}"
    if not missing:
        return DocumentError(f"{has}; none of them was asked for", "see --pages")
    if len(missing) == 1:
        return DocumentError(f"{has}; page {missing[0]} does not exist", "see --pages")
    return DocumentError(f"{has}; pages {', '.join(map(str, missing))} do not exist", "see --pages")

"""Found files on their way to pages. What an earlier run knows of an unchanged file saves opening it."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from visionocr.documents.content import Content, take
from visionocr.documents.discovery import Found
from visionocr.documents.selection import PageSelection
from visionocr.documents.source import Documents
from visionocr.errors import DocumentError
from visionocr.text import printable
from visionocr.types import FileSignature, PageImage, PageRef, RasterSpec

_PLACES = 4096
"""Documents whose place is remembered: more than can be under way at a time."""


class Memory(Protocol):
    """What earlier runs know. Files are known by their absolute path and their stamp."""

    def done(self, found: Found, signature: FileSignature) -> bool:
        """Nothing of the document is wanted again: its output is there."""
        ...

    def recall(self, found: Found, signature: FileSignature, selection: PageSelection | None) -> tuple[str, int] | None:
        """Digest and number of pages, when the results of all pages asked for are at hand."""
        ...

    def meet(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """The document was opened, or recalled."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document can be opened."""

    path: str
    """Absolute."""
    password: str | None = field(default=None, repr=False)
    """The one that opened it."""


class Source:
    """The pages of found files: a ``PageSource`` over ``Documents`` that asks its ``memory`` before it opens a file.

    *workers* as for ``Documents``. *hints* gets what can be done about pages that could not be given. With *spool*,
    what comes through a pipe is kept in a temporary file, so that every document has a place.
    """

    def __init__(
        self,
        found: Iterable[Found],
        *,
        selection: PageSelection | None = None,
        password: Callable[[str], str | None] | None = None,
        workers: int | None = None,
        hints: dict[PageRef, str] | None = None,
        spool: bool = False,
    ) -> None:
        self._rest = iter(found)
        self._selection = selection
        self._password = password
        self.memory: Memory | None = None
        """To be set before the first page is taken."""
        self._hints = hints
        self._spool = spool
        self._spooled: list[Content] = []
        self._ended = False
        self._recalled: list[PageRef] = []
        self._signatures: dict[str, tuple[Found, FileSignature]] = {}
        """Of files that were handed on and not yet opened, by name; taken before anybody reads them."""
        self._places: OrderedDict[str, str] = OrderedDict()
        self._passwords: OrderedDict[str, str] = OrderedDict()
        asking = None if password is None else self._asked
        self._documents = Documents(_Unknown(self._unknown), selection=selection, password=asking, workers=workers)

    @property
    def concurrency(self) -> int:
        """See ``PageSource.concurrency``."""
        return self._documents.concurrency

    def pages(self) -> Iterator[PageRef]:
        """See ``PageSource.pages``."""
        while not self._ended:
            for page in self._documents.pages():  # up to the next document that is recalled, or to the end
                self._meet(page)
                yield page
            recalled, self._recalled = self._recalled, []
            yield from recalled

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``PageSource.load``."""
        try:
            return self._documents.load(page, spec)
        except DocumentError as error:
            if self._hints is not None:
                self._hints[page] = error.hint
            raise

    def warm(self) -> None:
        """See ``Documents.warm``."""
        self._documents.warm()

    def place(self, page: PageRef) -> Place:
        """Where the document of *page* can be opened by somebody else; for pages that are under way."""
        return Place(os.path.abspath(self._places[page.document]), self._passwords.get(page.document))

    def close(self) -> None:
        """See ``PageSource.close``."""
        self._documents.close()
        while self._spooled:
            self._spooled.pop().discard()

    def _unknown(self) -> Iterator[Found]:
        """The next files that must be opened, up to one that is recalled."""
        for found in self._rest:
            if found.problem is not None:
                yield found
            elif found.pipe:
                yield self._kept(found) if self._spool else found
            else:
                signature = _signature(found.path)
                if signature is not None and self.memory is not None:
                    if self.memory.done(found, signature):
                        continue
                    if self._recall(found, signature, self.memory):
                        return
                    self._signatures[found.name] = found, signature
                _put(self._places, found.name, found.path)
                yield found
        self._ended = True

    def _recall(self, found: Found, signature: FileSignature, memory: Memory) -> bool:
        recalled = memory.recall(found, signature, self._selection)
        if recalled is None:
            return False
        digest, count = recalled
        memory.meet(found, signature, digest, count)
        numbers = range(1, count + 1) if self._selection is None else self._selection.numbers(count)
        self._recalled = [PageRef(found.name, number, count, digest) for number in numbers]
        return True

    def _meet(self, page: PageRef) -> None:
        met = self._signatures.pop(page.document, None)
        if met is not None and self.memory is not None and page.digest and page.pages:
            self.memory.meet(*met, page.digest, page.pages)

    def _kept(self, found: Found) -> Found:
        try:
            content = take(found, memory=0)
        except DocumentError as error:
            return Found(found.name, problem=error)
        if not content.path:
            return Found(found.name, problem=DocumentError(f"{printable(found.name)} is empty: it has 0 bytes"))
        self._spooled.append(content)
        _put(self._places, found.name, content.path)
        return Found(found.name, content.path)

    def _asked(self, document: str) -> str | None:
        assert self._password is not None
        password = self._password(document)
        if password is not None:  # of those that are tried the last one opens it
            _put(self._passwords, document, password)
        return password


@dataclass(frozen=True, slots=True)
class _Unknown:
    """Can be iterated again and again: each time over the next files."""

    files: Callable[[], Iterator[Found]]

    def __iter__(self) -> Iterator[Found]:
        return self.files()


def _put(table: OrderedDict[str, str], key: str, value: str) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > _PLACES:
        table.popitem(last=False)


def _signature(path: str) -> FileSignature | None:
    """The stamp of a file; ``None`` where there is none, which opening it will explain."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return FileSignature(status.st_size, status.st_mtime_ns)

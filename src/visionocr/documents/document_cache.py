"""Opens documents when they are needed and keeps a few of them open. The libraries that read files are called here."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BufferedReader, BytesIO
from typing import TYPE_CHECKING, Protocol, TypeVar

from visionocr.documents.content import Content
from visionocr.errors import DocumentError, Interrupted
from visionocr.types import PageImage, PageRef, RasterSpec

if TYPE_CHECKING:
    from visionocr.documents.figures import CutFigure, CutOrder

_MOST_OPEN = 4
"""Documents that stay open: the one being read, and those whose last pages are still under way."""
_REOPEN_AFTER = 256
"""Pages of a PDF after which it is opened anew: the library keeps some memory of every page that it has drawn."""

_T = TypeVar("_T")
Password = Callable[[str], str | None]
"""Asked with a document's name, again while its answers are wrong; ``None`` gives up."""


@dataclass(slots=True)
class DocumentHandle:
    """What is needed to open a document, the first time and again."""

    number: int
    """No other document has it."""
    content: Content
    kind: str
    state: tuple[int, ...]
    """The file's, when its digest was taken."""
    password: str | None = field(default=None, repr=False)
    """The password that opened it."""


class Rasterizer(Protocol):
    """Opens documents and renders their pages, in this process or in others."""

    concurrency: int
    """Calls of ``load`` that it serves at once, at the most."""

    def count_pages(self, document: DocumentHandle, password: Password | None) -> int:
        """How many pages a document has. Raises ``DocumentError`` when it cannot be opened."""
        ...

    def load(self, document: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page. Raises ``DocumentError`` when it cannot be drawn."""
        ...

    def cut(self, document: DocumentHandle, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """The figures of one page. Raises ``DocumentError`` when it cannot be drawn."""
        ...

    def warm(self) -> None:
        """A PDF will be opened soon: get ready in the background, if that is possible."""
        ...

    def close(self) -> None:
        """Stop what runs and close what is open, for good: later calls raise ``Interrupted``. From any thread."""
        ...


class _Document(Protocol):
    """What a PDF and a picture file have in common."""

    pages: int

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]: ...

    def cut(self, page: PageRef, order: CutOrder) -> list[CutFigure]: ...

    def close(self) -> None: ...


class _Opened:
    """A document that is open, and a stream of its own by which a change of the file is seen."""

    def __init__(self, document: DocumentHandle, password: Password | None) -> None:
        """Open it. Raises ``DocumentError``, also when the file is no longer what its digest was taken of."""
        self._content = replace(document.content, expected=document.state)
        self._stream: BufferedReader | BytesIO = self._content.open()
        try:
            self._document = open_document(document, password)
            self._content.check_unchanged()  # it was opened by its path: that must have led to the file of the stream
        except BaseException:
            self._stream.close()
            raise
        self.pages = self._document.pages

    def read(self, action: Callable[[_Document], _T]) -> _T:
        """What *action* makes of it. Raises ``DocumentError``, also when the file was changed in its place.

        A file that was replaced or deleted can still be read; one that was overwritten cannot, and what was drawn of
        it meanwhile may be of either.
        """
        try:
            result = action(self._document)
        except DocumentError:
            self._content.check_unchanged(self._stream)  # that is why
            raise
        self._content.check_unchanged(self._stream)
        return result

    def close(self) -> None:
        """Close the document and the stream."""
        self._document.close()
        self._stream.close()


class DocumentCache:
    """Renders in this process: a ``Rasterizer``. One call at a time, for the PDF renderer is not thread-safe."""

    concurrency = 1

    def __init__(self) -> None:
        self._open: OrderedDict[int, _Opened] = OrderedDict()
        self._pages_drawn: Counter[int] = Counter()
        """By document that is open."""
        self._lock = threading.Lock()
        self._closed = False

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def count_pages(self, document: DocumentHandle, password: Password | None) -> int:
        """See ``Rasterizer.count_pages``."""
        with self._lock:
            return self._find(document, password and self._unlocked(password)).pages

    def load(self, document: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``Rasterizer.load``."""
        return self._read(document, lambda opened: opened.load(page, spec))

    def cut(self, document: DocumentHandle, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """See ``Rasterizer.cut``."""
        return self._read(document, lambda opened: opened.cut(page, order))

    def warm(self) -> None:
        """There is no background."""

    def close(self) -> None:
        """See ``Rasterizer.close``; waits for the page that is being drawn.

        A program that ends while another of its threads is inside the renderer is aborted: its frames of C++ do not
        survive how Python ends threads.
        """
        self._closed = True
        with self._lock:
            while self._open:
                self._drop(next(iter(self._open)))

    def _read(self, document: DocumentHandle, action: Callable[[_Document], _T]) -> _T:
        with self._lock:
            found = self._find(document, None)
            self._pages_drawn[document.number] += 1
            return found.read(action)

    def _unlocked(self, password: Password) -> Password:
        """Release the lock while the user is asked for a password, so that other threads can go on."""

        def ask(name: str) -> str | None:
            self._lock.release()
            try:
                given = password(name)
            finally:
                self._lock.acquire()
            self._check_open()
            return given

        return ask

    def _check_open(self) -> None:
        if self._closed:
            raise Interrupted("stopped")

    def _find(self, document: DocumentHandle, password: Password | None) -> _Opened:
        self._check_open()
        if self._pages_drawn[document.number] >= _REOPEN_AFTER and _can_reopen(document):
            self._drop(document.number)
        found = self._open.get(document.number)
        if found is None:
            found = self._open[document.number] = _Opened(document, password)
            while len(self._open) > _MOST_OPEN:
                self._drop(next(iter(self._open)))
        self._open.move_to_end(document.number)
        return found

    def _drop(self, number: int) -> None:
        del self._pages_drawn[number]
        self._open.pop(number).close()


def _can_reopen(document: DocumentHandle) -> bool:
    """Whether it may be closed and opened again.

    Not files that changed or were deleted, which can be read only while they are open, nor bytes from a pipe. Pictures
    stay open too, because finding the frames of a long TIFF again would be slow.
    """
    try:
        return document.kind == "PDF" and document.content.state() == document.state
    except DocumentError:
        return False


def open_document(document: DocumentHandle, password: Password | None) -> _Document:
    """Open a document whose kind is known. Raises ``DocumentError``."""
    content = replace(document.content, expected=document.state)
    # The libraries are loaded with the first document: starting up must not wait for them.
    if document.kind != "PDF":
        from visionocr.documents.picture import PictureFile

        return PictureFile(content, document.kind)
    from visionocr.documents.pdf import PdfFile

    known = document.password
    pdf = PdfFile(content, password if known is None else lambda _: known)
    document.password = pdf.password
    return pdf

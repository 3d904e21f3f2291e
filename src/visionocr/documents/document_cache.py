"""Documents at hand: opened when they are needed, a few at a time. Where the libraries that read files really run."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from visionocr.documents.content import Content
from visionocr.errors import DocumentError, Interrupted
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, RasterSpec

_OPEN = 4
"""Documents that stay open: the one being read, and those whose last pages are still under way."""

_RENEWED = 256
"""Pages of a PDF after which it is opened anew: the library keeps something of every page that it has drawn."""

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
    """The one that opened it."""


class Rasterizer(Protocol):
    """Opens documents and draws their pages, here or elsewhere."""

    concurrency: int
    """Calls of ``load`` that it serves at once, at the most."""

    def pages(self, known: DocumentHandle, password: Password | None) -> int:
        """How many pages a document has. Raises ``DocumentError`` when it cannot be opened."""
        ...

    def load(self, known: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The images of one page. Raises ``DocumentError`` when it cannot be drawn."""
        ...

    def warm(self) -> None:
        """A PDF will be opened soon: get ready in the background, if that is possible."""
        ...

    def grow(self) -> None:
        """Somebody waits for pages: draw more of them at once, if that is possible."""
        ...

    def close(self) -> None:
        """Stop what runs and close what is open, for good: later calls are ``Interrupted``. From any thread."""
        ...


class _Document(Protocol):
    """What a PDF and a picture file have in common."""

    pages: int

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]: ...

    def close(self) -> None: ...


class DocumentCache:
    """Draws in this process: a ``Rasterizer``. One call at a time, for the PDF renderer is not thread-safe."""

    concurrency = 1

    def __init__(self) -> None:
        self._open: OrderedDict[int, _Document] = OrderedDict()
        self._drawn: Counter[int] = Counter()
        """Pages of each of them."""
        self._lock = threading.Lock()
        self._closed = False

    def __contains__(self, number: int) -> bool:
        return number in self._open

    def pages(self, known: DocumentHandle, password: Password | None) -> int:
        """See ``Rasterizer.pages``."""
        with self._lock:
            return self._document(known, password and self._patient(password)).pages

    def load(self, known: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``Rasterizer.load``."""
        with self._lock:
            document = self._document(known, None)
            self._drawn[known.number] += 1
            return document.load(page, spec)

    def warm(self) -> None:
        """There is no background."""

    def grow(self) -> None:
        """There is no more than this one process."""

    def close(self) -> None:
        """See ``Rasterizer.close``; waits for the page that is being drawn, and nothing is opened or drawn after it.

        A program that ends while another of its threads is inside the renderer is aborted: its frames of C++ do not
        survive how Python ends threads.
        """
        self._closed = True
        with self._lock:
            while self._open:
                self._drop(next(iter(self._open)))

    def _patient(self, password: Password) -> Password:
        """Whoever is asked may take for ever: meanwhile other documents can be drawn, and everything closed."""

        def asked(name: str) -> str | None:
            self._lock.release()
            try:
                given = password(name)
            finally:
                self._lock.acquire()
            self._go_on()
            return given

        return asked

    def _go_on(self) -> None:
        if self._closed:
            raise Interrupted("reading was stopped")

    def _document(self, known: DocumentHandle, password: Password | None) -> _Document:
        self._go_on()
        if self._drawn[known.number] >= _RENEWED and _can_be_opened_again(known):
            self._drop(known.number)
        document = self._open.get(known.number)
        if document is None:
            document = self._open[known.number] = _opened(known, password)
            while len(self._open) > _OPEN:
                self._drop(next(iter(self._open)))
        self._open.move_to_end(known.number)
        return document

    def _drop(self, number: int) -> None:
        del self._drawn[number]
        self._open.pop(number).close()


def _can_be_opened_again(known: DocumentHandle) -> bool:
    """Not when it was changed or is gone: while it is open it can be read. Nor when its bytes came through a pipe.

    Pictures need not be: all frames of a long TIFF would have to be looked for again.
    """
    try:
        return known.kind == "PDF" and known.content.state() == known.state
    except DocumentError:
        return False


def _opened(known: DocumentHandle, password: Password | None) -> _Document:
    if known.content.state() != known.state:
        raise DocumentError(
            f"{printable(known.content.name)} was changed while it was being read", "run the command again"
        )
    # The libraries are loaded with the first document: starting up must not wait for them.
    if known.kind != "PDF":
        from visionocr.documents.picture import PictureFile

        return PictureFile(known.content, known.kind)
    from visionocr.documents.pdf import PdfFile

    right = known.password
    pdf = PdfFile(known.content, password if right is None else lambda _: right)
    known.password = pdf.password
    return pdf

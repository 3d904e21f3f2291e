"""Child processes that render pages: a hostile document can at most crash one of them and lose its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from visionocr.documents.document_cache import DocumentHandle, Password
from visionocr.documents.figures import CutFigure, CutOrder
from visionocr.documents.raster_worker import decode_figures, decode_images, encode_question
from visionocr.errors import ConfigurationError, DocumentError
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, RasterSpec
from visionocr.worker_main import Frame, Head, count_cores
from visionocr.workers import CallFailed, Worker, WorkerDied, WorkerPool

LIMIT = 120.0
"""Seconds that rendering a page, or opening a document, may take."""
_MOST_WORKERS = 8

_Answer = TypeVar("_Answer")


class RasterPool:
    """Renders in child processes: a ``Rasterizer``. They start when they are first needed and live until ``close``.

    *workers*: how many there may be; ``None``: one, and more while pages are waited for, up to one for each core.
    *limit*: seconds for a page. *command*: the program to run, for tests.
    """

    def __init__(
        self, workers: int | None = None, *, limit: float = LIMIT, command: Sequence[str] | None = None
    ) -> None:
        self.concurrency = workers or min(_MOST_WORKERS, count_cores())
        self._limit = limit
        self._command = command
        self._pool = WorkerPool(self._start, self.concurrency, first=workers or 1)

    def count_pages(self, document: DocumentHandle, password: Password | None) -> int:
        """See ``Rasterizer.count_pages``."""

        def answer(head: Head) -> Head:
            name = head.get("password")
            return {"password": password(name) if password is not None and isinstance(name, str) else None}

        def read(frame: Frame) -> int:
            used = frame[0]["password"]
            document.password = used if isinstance(used, str) else document.password
            return int(frame[0]["pages"])

        what = f"{printable(document.content.name)} cannot be opened"
        return self._call(what, document, encode_question(document), read, answer)

    def load(self, document: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``Rasterizer.load``."""
        what = f"page {page.number} of {printable(document.content.name)} cannot be rendered"
        question = encode_question(document, page, spec)
        return self._call(what, document, question, lambda frame: decode_images(frame, page))

    def cut(self, document: DocumentHandle, page: PageRef, order: CutOrder) -> list[CutFigure]:
        """See ``Rasterizer.cut``."""
        what = f"figures of page {page.number} of {printable(document.content.name)} cannot be cut out"
        question = encode_question(document, page, figures=order)
        return self._call(what, document, question, lambda frame: decode_figures(frame, page, order))

    def warm(self) -> None:
        """See ``Rasterizer.warm``."""
        self._pool.add(self._start(warm=True))

    def close(self) -> None:
        """See ``Rasterizer.close``."""
        self._pool.close()

    def _call(
        self,
        what: str,
        document: DocumentHandle,
        question: Head,
        read: Callable[[Frame], _Answer],
        answer: Callable[[Head], Head] | None = None,
    ) -> _Answer:
        """Ask any worker and *read* its reply. *what* begins the sentence that says that it failed."""
        with self._pool.acquire() as worker:
            try:
                frame = worker.call(question, timeout=self._limit, answer=answer)
                if "send" in frame[0]:
                    frame = worker.call(question, document.content.data, timeout=self._limit, answer=answer)
                if "refused" in frame[0]:
                    raise DocumentError(*map(str, frame[0]["refused"]))
                return read(frame)
            except CallFailed as error:
                if error.setup:
                    raise ConfigurationError(
                        f"pages cannot be rendered: {error}",
                        "PyMuPDF or Pillow may not suit this system: reinstall them.",
                    ) from None
                raise DocumentError(f"{what}: {printable(str(error))[:200]}") from None
            except WorkerDied as error:
                if self._pool.is_closed:
                    raise
                why = f"it took longer than {self._limit:g} s" if error.hung else f"the renderer crashed ({error})"
                raise DocumentError(f"{what}: {why}") from None
            except (LookupError, TypeError, ValueError, AttributeError):
                worker.kill()
                raise DocumentError(f"{what}: the renderer returned invalid data") from None

    def _start(self, *, warm: bool = False) -> Worker:
        try:
            return Worker("visionocr.documents.raster_worker", {"warm": warm}, command=self._command)
        except OSError as error:
            raise ConfigurationError(f"the process that renders pages failed to start: {error}") from None

"""Processes that draw pages: what a hostile document does to one of them costs a page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from visionocr.documents.document_cache import DocumentHandle, Password
from visionocr.documents.raster_worker import images_in, question
from visionocr.errors import ConfigurationError, DocumentError, Interrupted
from visionocr.processes.hiring import Hiring, cores
from visionocr.processes.permits import Permits
from visionocr.processes.piped import Failed, Frame, Head, Lost, Piped
from visionocr.text import printable
from visionocr.types import PageImage, PageRef, RasterSpec

LIMIT = 120.0
"""Seconds that drawing a page, or opening a document, may take."""
MOST = 8
"""Processes that are started because pages are waited for."""

_Answer = TypeVar("_Answer")


class RasterPool:
    """Draws in processes of its own: a ``Rasterizer``. They start when they are first needed, and live until ``close``.

    *hands*: how many there may be; ``None``: one, and more, up to one for each core, while ``grow`` is called.
    *limit*: seconds for a page. *command*: the program to run, for tests.
    """

    def __init__(
        self, concurrency: int | None = None, *, limit: float = LIMIT, command: Sequence[str] | None = None
    ) -> None:
        self.concurrency = concurrency or min(MOST, cores())
        self._limit = limit
        self._command = command
        self._growth = 0 if concurrency else self.concurrency - 1
        """Processes by which it may still grow."""
        self._free = Permits(concurrency or 1)
        self._growing = threading.Lock()
        self._hiring: Hiring[Piped] = Hiring()

    def pages(self, known: DocumentHandle, password: Password | None) -> int:
        """See ``Rasterizer.pages``."""

        def answered(head: Head) -> Head:
            name = head.get("password")
            return {"password": password(name) if password is not None and isinstance(name, str) else None}

        def read(frame: Frame) -> int:
            used = frame[0]["password"]
            known.password = used if isinstance(used, str) else known.password
            return int(frame[0]["pages"])

        return self._asked(f"{printable(known.content.name)} cannot be opened", known, question(known), read, answered)

    def load(self, known: DocumentHandle, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """See ``Rasterizer.load``."""
        what = f"page {page.number} of {printable(known.content.name)} cannot be drawn"
        return self._asked(what, known, question(known, page, spec), lambda frame: images_in(frame, page))

    def warm(self) -> None:
        """See ``Rasterizer.warm``."""
        with self._hiring.hired(partial(self._started, warm=True)):
            """It loads its libraries meanwhile."""

    def grow(self) -> None:
        """Let one process more draw, while there are cores for it."""
        with self._growing:
            if self._growth == 0:
                return
            self._growth -= 1
        self._free.release()

    def close(self) -> None:
        """End all processes, for good; ``Interrupted`` is what waits for them gets."""
        self._hiring.close()

    def _asked(
        self,
        what: str,
        known: DocumentHandle,
        head: Head,
        read: Callable[[Frame], _Answer],
        answered: Callable[[Head], Head] | None = None,
    ) -> _Answer:
        """One question to any process. *what* begins the sentence that says it came to nothing."""
        with self._free, self._hiring.hired(self._started) as hired:
            try:
                frame = hired.call(head, timeout=self._limit, answer=answered)
                if "send" in frame[0]:
                    frame = hired.call(head, known.content.data, timeout=self._limit, answer=answered)
                if "refused" in frame[0]:
                    raise DocumentError(*map(str, frame[0]["refused"]))
                return read(frame)
            except Failed as error:
                if error.setup:
                    raise ConfigurationError(
                        f"pages cannot be drawn: {error}",
                        "PyMuPDF or Pillow may not fit this system; install them again.",
                    ) from None
                raise DocumentError(f"{what}: {printable(str(error))[:200]}") from None
            except Lost as error:
                if self._hiring.closed:
                    raise Interrupted("reading was stopped") from None
                why = f"it takes longer than {self._limit:g} s" if error.hung else f"it breaks the reader ({error})"
                raise DocumentError(f"{what}: {why}") from None
            except (LookupError, TypeError, ValueError, AttributeError):
                hired.end()
                raise DocumentError(f"{what}: it confuses the reader") from None

    def _started(self, *, warm: bool = False) -> Piped:
        try:
            return Piped("visionocr.documents.raster_worker", {"warm": warm}, command=self._command)
        except OSError as error:
            raise ConfigurationError(f"the process that draws pages does not start: {error}") from None

"""The sink that writes searchable PDFs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from visionocr.console import Console
from visionocr.documents.searchable_worker import SearchableWriter
from visionocr.documents.source import Place
from visionocr.errors import DocumentError
from visionocr.output.files import AtomicFile
from visionocr.output.places import count_homeless, place_page
from visionocr.output.writer import Sink
from visionocr.text import printable
from visionocr.types import Notice, PageRef, PageResult, Status

_NAMED = 10
"""Pages of a document that are named one by one."""


class SearchableSink(Sink):
    """One document as a searchable PDF.

    A document that cannot get text (signed, protected, damaged) gets no file; the run goes on.
    """

    def __init__(
        self,
        path: Path,
        page: PageRef,
        place: Callable[[PageRef], Place],
        console: Console,
        *,
        refuse: Callable[[DocumentError], None],
        replaces_layer: bool,
    ) -> None:
        """*page* is the first one that will come; *place* tells where its document is.

        *refuse* is told why a document gets no file. *replaces_layer*: see ``SearchablePdf``.
        """
        self._console = console
        self._refuse = refuse
        self._name = printable(page.document)
        self._writer: SearchableWriter | None = None
        self._homeless: dict[int, int] = {}
        """By page: how many words stand nowhere on it."""
        self._file = AtomicFile(path)
        if page.number:
            try:
                found = place(page)
                self._writer = SearchableWriter(
                    page.document, found.path, found.password, replaces_layer=replaces_layer
                )
            except DocumentError as error:
                self._refuse(error)

    def write(self, result: PageResult) -> None:
        """Put the page's text on it; a page without a result stays as it is."""
        if self._writer is None or not result.page.number or result.status is Status.FAILED:
            return
        self._homeless[result.page.number] = count_homeless(result)
        try:
            self._writer.add(place_page(result))
        except DocumentError as error:
            self._refuse(error)
            self._close()

    def finish(self) -> None:
        """Save the document, and say which pages have no new text."""
        if self._writer is None:
            self._file.discard()
            return
        try:
            saved, left = self._writer.save()
            self._file.copy(saved)
            self._file.commit()
        except DocumentError as error:
            self._refuse(error)
            self._file.discard()
        else:
            self._report(left)
        finally:
            self._close()

    def discard(self) -> None:
        """Leave what was there before."""
        self._close()
        self._file.discard()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _report(self, left: dict[int, str]) -> None:
        by_reason: dict[str, list[int]] = {}
        for number, reason in left.items():
            by_reason.setdefault(reason, []).append(number)
        for reason, numbers in by_reason.items():
            pages = ", ".join(map(str, numbers[:_NAMED])) + (" …" if len(numbers) > _NAMED else "")
            what = f"pages {pages} are left as they are" if len(numbers) > 1 else f"page {pages} is left as it is"
            self._console(Notice(f"{self._name}: {what}: {reason}"))
        if count := sum(words for page, words in self._homeless.items() if page not in left):
            words = "1 word stands" if count == 1 else f"{count} words stand"
            self._console(Notice(f"{self._name}: {words} nowhere on the page, and not in the PDF"))

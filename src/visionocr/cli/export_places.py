"""Finds where the words of results stand that were written before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from visionocr.documents.document_cache import Password
from visionocr.documents.source import Place
from visionocr.engines import local
from visionocr.errors import ConfigurationError, DocumentError
from visionocr.extras import install_hint
from visionocr.loaded import size_of
from visionocr.output.stored import StoredDocument
from visionocr.review.pictures import Document, Pictures, Wanted
from visionocr.review.places import Lines
from visionocr.stop import Stop
from visionocr.text import page_label, printable
from visionocr.types import Notice, Observer, PageRef, PageResult, ignore


class Placer:
    """Opens the documents of stored results, and reads the places of words from their text layers or pictures."""

    def __init__(
        self,
        results: Path,
        given: Sequence[Path] = (),
        *,
        password: Password | None = None,
        workers: int | None = None,
        observer: Observer = ignore,
        stop: Stop | None = None,
    ) -> None:
        """*results*: the file or folder of results. *given*: documents, or folders of them."""
        self._results = results / "." if results.is_dir() else results
        self._pictures = Pictures(given, password=password, workers=workers)
        self._lines = Lines()
        self._observer = observer
        self._stop = stop or Stop()
        self._documents: dict[str, Document] = {}
        """Those that were found, by name."""

    def add_places(self, document: StoredDocument, *, needs_document: bool) -> None:
        """Add to the results of a document the places that they lack, and look whether it is still there.

        Without *needs_document*, it is only looked for when places are missing. Raises ``DocumentError`` where it is
        gone or has changed, ``ConfigurationError`` where nothing gives places.
        """
        wanted = Wanted(document.name, document.digest, document.path, self._results)
        found = self._find(wanted) if needs_document else None
        lacks_places = False
        for number in document.numbers:
            self._stop.check()
            result = document.read(number)
            if result is None:
                continue
            placed = result
            if result.text and not result.lines:
                if not lacks_places:
                    self._observer(Notice(f"{printable(document.name)}: looking for the places of its words"))
                lacks_places = True
                try:
                    found = found or self._find(wanted)
                    placed = self._read_places(wanted, result)
                except (DocumentError, ConfigurationError):
                    if not any(block.box is not None for block in result.blocks):  # which would tell roughly
                        raise
            if found is not None:
                placed = replace(placed, page=replace(placed.page, pages=found.pages, digest=found.digest))
            if placed != result:
                document.keep(placed)

    def place(self, page: PageRef) -> Place:
        """Where the document of *page* can be opened; it must have been found before."""
        handle = self._documents[page.document].handle
        return Place(os.path.abspath(handle.content.path), handle.password)

    def close(self) -> None:
        """End what reads and draws; from any thread."""
        self._lines.close()
        self._pictures.close()

    def _find(self, wanted: Wanted) -> Document:
        found = self._documents[wanted.name] = self._pictures.find(wanted)
        return found

    def _read_places(self, wanted: Wanted, result: PageResult) -> PageResult:
        image = self._pictures.draw(wanted, result.page.number, turn=result.turn)
        reference = self._lines.find(image)
        if reference is None and not local.installed():
            raise ConfigurationError(
                f"nothing tells where the words of {page_label(result.page)} stand",
                "Read the document again with --boxes and a model that gives places. "
                + install_hint("local", "To install the second reader"),
            )
        return replace(result, size=size_of(image), lines=() if reference is None else reference.lines)

"""The program part of a child process that writes a searchable PDF, and the parent's handle of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from visionocr.documents.content import Content
from visionocr.errors import DocumentError, OutputError
from visionocr.placed import PlacedPage
from visionocr.text import printable
from visionocr.worker_main import Ask, Frame, Handler, Head
from visionocr.workers import CallFailed, Worker, WorkerDied

LIMIT = 120.0
"""Seconds that opening a document, or adding a page, may take."""
_SAVE_LIMIT = 3600.0
"""Seconds that saving may take: it copies the whole document."""


class SearchableWriter:
    """Writes a searchable PDF in a child process: the document is an untrusted file."""

    def __init__(
        self,
        name: str,
        path: str,
        password: str | None = None,
        *,
        replaces_layer: bool = False,
        command: Sequence[str] | None = None,
    ) -> None:
        """Open the document at *path*, which is called *name*. Raises ``DocumentError``.

        *replaces_layer*: see ``SearchablePdf``. *command*: the program to run, for tests.
        """
        self._name = printable(name)
        self._folder = tempfile.TemporaryDirectory(prefix="visionocr-")
        self._worker = Worker("visionocr.documents.searchable_worker", command=command)
        try:
            options = {"password": password, "replaces_layer": replaces_layer}
            self._call({"open": path, "name": name, "options": options}, LIMIT)
        except BaseException:
            self.close()
            raise

    def add(self, page: PlacedPage) -> None:
        """Put text on one page. Raises ``DocumentError``."""
        self._call({"add": asdict(page)}, LIMIT)

    def save(self) -> tuple[Path, dict[int, str]]:
        """Write the document to a temporary file; its path, and the pages without new text, each with the reason.

        Raises ``DocumentError`` and ``OutputError``.
        """
        path = Path(self._folder.name) / "searchable.pdf"
        head = self._call({"save": str(path)}, _SAVE_LIMIT)
        return path, {int(number): str(reason) for number, reason in head["left"].items()}

    def close(self) -> None:
        """End the process and delete the temporary file."""
        self._worker.close()
        self._folder.cleanup()

    def _call(self, question: Head, limit: float) -> Head:
        try:
            head, _ = self._worker.call(question, timeout=limit)
        except (CallFailed, WorkerDied) as error:
            why = f"it took longer than {limit:g} s" if isinstance(error, WorkerDied) and error.hung else str(error)
            raise DocumentError(f"cannot write text into {self._name}: {printable(why)[:200]}") from None
        if "refused" in head:
            message, hint, is_output = head["refused"]
            raise (OutputError if is_output else DocumentError)(str(message), str(hint))
        return head


def serve() -> Handler:
    """Answer the frames of ``SearchableWriter``: ``open``, then ``add`` for each page, then ``save``."""
    from visionocr.documents.searchable import SearchablePdf

    opened: list[SearchablePdf] = []

    def write(head: Head, _body: bytes, _ask: Ask) -> Frame:
        try:
            return _do(head, opened), b""
        except (DocumentError, OutputError) as error:
            return {"refused": [error.message, error.hint, isinstance(error, OutputError)]}, b""

    return write


def _do(head: Head, opened: list[Any]) -> Head:
    from visionocr.documents.searchable import SearchablePdf

    if "open" in head:
        content = Content(head["name"], head["open"])
        opened.append(SearchablePdf(content, content.identify()[0], **head["options"]))
        return {}
    if "add" in head:
        opened[0].add(msgspec.convert(head["add"], PlacedPage))
        return {}
    return {"left": opened[0].save(Path(head["save"])).left}

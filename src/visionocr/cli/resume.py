"""What earlier runs left: where journals are, what of them is taken, and what is said about it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionocr.console import Console
from visionocr.errors import OutputError, UsageError
from visionocr.output.files import is_stream
from visionocr.output.writer import FolderSink, Sink
from visionocr.types import FileSignature, Notice, PageRef, PageResult, Status

if TYPE_CHECKING:
    from visionocr.documents.discovery import Found
    from visionocr.documents.selection import PageSelection
    from visionocr.output.journal import Journal

_FOLDER_JOURNAL = ".visionocr.journal"
_MOST_PAGES = 1_000_000
"""A range of ``--redo`` without an end goes so far."""


def journal_path(output: str | None, given: Path | None) -> Path | None:
    """Beside the output file, inside the output folder, or where ``--journal`` says; ``None``: there is none."""
    if given is not None or output is None or output == "-":
        return given
    path = Path(output)
    if is_stream(path) and not path.is_dir():
        return None
    if output.endswith(("/", os.sep)) or path.is_dir():
        return path / _FOLDER_JOURNAL
    return Path(f"{output}.journal")


class Resume:
    """The ``State`` of a run: its journal and the output folder, or nothing where there is neither."""

    def __init__(
        self, path: Path | None, fingerprint: Mapping[str, Any], *, redo: str | None, keep: bool, console: Console
    ) -> None:
        """Open the journal. Raises ``OutputError`` (in use, unreadable) and ``UsageError`` (``--redo``)."""
        self._console = console
        self._keep = keep
        self._journal: Journal | None = None
        self._bad = 0
        self._folder: FolderSink | None = None
        self._done = 0
        asked_again = _redo(redo)
        # A document that is done has no page that is not good.
        self._skips = redo is None or {word.strip() for word in redo.split(",")} <= {Status.FAILED, Status.SUSPECT}
        if path is None:
            return
        from visionocr.output.journal import Journal

        if path.name == _FOLDER_JOURNAL:
            _make_folder(path.parent)
        journal = self._journal = Journal(path, fingerprint)
        if journal.changes:
            console(Notice(f"not resuming {path}: {'; '.join(journal.changes)}", warning=True))
            console(Notice(f"the old journal is kept as {path}.old"))
        if asked_again is not None and len(journal):
            journal.forget(asked_again)
        if len(journal):
            console(Notice(f"going on: {len(journal)} pages are in {path}"))

    def writes_to(self, sink: Sink) -> None:
        """Where the results go: into a folder, documents that are done there are left out."""
        self._folder = sink if isinstance(sink, FolderSink) else None

    def is_complete(self, found: Found, signature: FileSignature) -> bool:
        """See ``State.is_complete``."""
        done = self._skips and self._folder is not None and self._folder.done(found.name, signature)
        self._done += done
        return done

    def lookup(self, found: Found, signature: FileSignature, selection: PageSelection | None) -> tuple[str, int] | None:
        """See ``State.lookup``."""
        noted = self._journal.noted(os.path.abspath(found.path), signature) if self._journal is not None else None
        if noted is None or self._journal is None:
            return None
        digest, count = noted
        if selection is not None and selection.missing(count):
            return None
        numbers = list(range(1, count + 1) if selection is None else selection.numbers(count))
        return noted if numbers and all(self._journal.holds(digest, number) for number in numbers) else None

    def register(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """See ``State.register``."""
        path = os.path.abspath(found.path)
        if self._journal is not None and self._journal.noted(path, signature) is None:
            self._journal.note(path, signature, digest, pages)
        if self._folder is not None:
            self._folder.expect(found.name, signature)

    def known(self, page: PageRef) -> PageResult | None:
        """The result of *page* from an earlier run."""
        return self._journal.known(page) if self._journal is not None else None

    def record(self, result: PageResult) -> None:
        """Keep a result. Raises ``OutputError``."""
        if self._journal is not None:
            self._journal.record(result)

    def count(self, result: PageResult) -> None:
        """Take note of a result that is part of the output."""
        self._bad += result.status in {Status.FAILED, Status.SUSPECT} and result.page.number > 0

    def finish(self) -> None:
        """The output is complete: the journal goes, unless something in it is worth asking again."""
        if self._done:
            documents = "1 document is" if self._done == 1 else f"{self._done} documents are"
            self._console(Notice(f"{documents} done already and unchanged: left out (--redo all reads them again)"))
        if self._journal is None:
            return
        keep = self._keep or self._bad > 0
        self._journal.close(remove=not keep)
        if self._bad:
            self._console(
                Notice(
                    f"to ask again for what is not good, repeat the command with --redo failed,suspect "
                    f"({self._journal.path} is kept for it)"
                )
            )

    def interrupted(self) -> bool:
        """The run ended early. Says how to go on; ``False`` when nothing was kept."""
        if self._journal is None:
            return False
        kept = len(self._journal)
        self._journal.close(remove=kept == 0)
        if kept:
            self._console.line(f"{kept} pages are in {self._journal.path}: repeat the command to go on")
        return True


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot use the folder {folder}: {error.strerror}") from None


def _redo(text: str | None) -> Callable[[int, Status], bool] | None:
    """``failed``, ``suspect``, ``all``, pages, or several of them with commas."""
    if text is None:
        return None
    words = {word.strip() for word in text.split(",")}
    statuses = {Status(word) for word in words & {Status.FAILED, Status.SUSPECT, Status.BLANK}}
    everything = "all" in words
    pages = ",".join(sorted(words - {"all", *(str(status) for status in statuses)}))
    if not pages:
        return lambda number, status: everything or status in statuses  # noqa: ARG005
    from visionocr.documents.selection import parse_pages

    try:
        selection = parse_pages(pages)
    except UsageError as error:
        raise UsageError(
            f"--redo: {error.message}", "It takes failed, suspect, blank, all, or pages such as 3,7-9."
        ) from None
    if any(first < 0 for first, _ in selection.ranges):
        raise UsageError("--redo does not count pages from the end", "Give their numbers.")
    ranges = [(first, last if last > 0 else _MOST_PAGES) for first, last in selection.ranges]
    return lambda number, status: (
        everything or status in statuses or any(first <= number <= last for first, last in ranges)
    )

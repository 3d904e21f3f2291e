"""What earlier runs left: what of it is taken, and what is said about it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionocr.console import Console
from visionocr.errors import OutputError, UsageError
from visionocr.output.folder import Origin, OutputFolder, make_folder
from visionocr.output.formats import Formatter
from visionocr.output.state import FOLDER_STATE, State
from visionocr.output.writer import FolderSink
from visionocr.text import page_label
from visionocr.types import FileSignature, Notice, PageRef, PageResult, Status

if TYPE_CHECKING:
    from visionocr.documents.discovery import Found
    from visionocr.documents.selection import PageSelection

_MOST_PAGES = 1_000_000
"""A range of ``--redo`` without an end goes so far."""


class Resume:
    """The ``EarlierRuns`` of a run: its state and its output folder, or nothing where there is neither."""

    def __init__(
        self,
        path: Path | None,
        folder: Path | None,
        fingerprint: Mapping[str, Any],
        *,
        redo: str | None,
        keep: bool,
        console: Console,
    ) -> None:
        """Open the state at *path*, and that of the output *folder*, which may be the same.

        Raises ``OutputError`` (in use, unreadable) and ``UsageError`` (``--redo``, something else at *path*).
        """
        self._console = console
        self._redo = _parse_redo(redo)
        # A document that is done has no page that is not good.
        self._skips = redo is None or {word.strip() for word in redo.split(",")} <= {Status.FAILED, Status.SUSPECT}
        self._state: State | None = None
        self._folder_state: State | None = None
        self._sink: FolderSink | None = None
        self._done = self._bad = 0
        try:
            if folder is not None:
                make_folder(folder)
                own = path is not None and os.path.realpath(path) == os.path.realpath(folder / FOLDER_STATE)
                self._folder_state = State(folder / FOLDER_STATE, fingerprint, self._redo)
                self._state = self._folder_state if own else None
            if path is not None and self._state is None:
                self._state = State(path, fingerprint, self._redo)
        except BaseException:
            self.close()
            raise
        self._keep = keep or self._state is self._folder_state
        if self._state is not None:
            self._announce(self._state)

    def _announce(self, state: State) -> None:
        count = len(state)
        if not count and (differences := state.differences()):
            self._console(Notice(f"not resuming {state.path}: {'; '.join(differences)}", warning=True))
            self._console(Notice("what was read with the other settings is kept in it"))
        if count and not (state is self._folder_state and state.is_finished):
            self._console(Notice(f"going on: {count} pages are in {state.path}"))

    def folder_sink(self, folder: Path, formatter: Callable[[], Formatter], job: str) -> FolderSink:
        """One file for each document in *folder*. *job* stands for all that they depend on but their documents."""
        assert self._folder_state is not None
        outputs = OutputFolder(folder, formatter().suffix, self._folder_state, job)
        self._sink = FolderSink(outputs, formatter)
        return self._sink

    def is_complete(self, found: Found, signature: FileSignature) -> bool:
        """See ``EarlierRuns.is_complete``."""
        done = self._skips and self._sink is not None and self._sink.is_complete(found.name, Origin(signature))
        self._done += done
        return done

    def lookup(self, found: Found, signature: FileSignature, selection: PageSelection | None) -> tuple[str, int] | None:
        """See ``EarlierRuns.lookup``."""
        if self._state is None or (known := self._state.find_file(os.path.abspath(found.path), signature)) is None:
            return None
        digest, count = known
        if selection is not None and selection.missing(count):
            return None
        numbers = list(range(1, count + 1) if selection is None else selection.numbers(count))
        return known if numbers and self._state.has_pages(digest, numbers) else None

    def register(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """See ``EarlierRuns.register``."""
        path = os.path.abspath(found.path)
        if self._state is not None and self._state.find_file(path, signature) != (digest, pages):
            self._state.register_file(path, signature, digest, pages)
        if self._sink is not None:
            below = os.path.relpath(os.path.dirname(found.path), found.top) if found.top else ""
            self._sink.expect(found.name, Origin(signature, below))

    def known(self, page: PageRef) -> PageResult | None:
        """The result of *page* from an earlier run."""
        return self._state.lookup(page) if self._state is not None else None

    def record(self, result: PageResult) -> None:
        """Keep a result. Raises ``OutputError``."""
        if self._state is not None:
            self._state.record(result)

    def choose(self, result: PageResult) -> PageResult:
        """The result for the output: *result*, or a better one of the same page that an earlier run got."""
        if self._state is not None and self._redo is not None and result.page.number:
            kept = self._state.lookup(result.page) or result
            if kept != result:
                self._console(Notice(f"{page_label(result.page)}: the earlier answer was better, and is kept"))
            result = kept
        self._bad += result.status in {Status.FAILED, Status.SUSPECT} and result.page.number > 0
        return result

    def finish(self) -> None:
        """The output is complete: what was read is forgotten, unless something of it is worth asking again."""
        if self._done:
            documents = "1 document is" if self._done == 1 else f"{self._done} documents are"
            self._console(Notice(f"{documents} done already and unchanged: left out (--redo all reads them again)"))
        if self._state is None:
            return
        if not self._bad:
            self._state.finish(forget=not self._keep)
            return
        self._console(
            Notice(
                "to ask again for what is not good, repeat the command with --redo failed,suspect "
                f"({self._state.path} is kept for it)"
            )
        )

    def interrupt(self) -> None:
        """The run ended early: say how to go on."""
        if self._state is not None:
            with contextlib.suppress(OutputError):
                if count := len(self._state):
                    self._console.line(f"{count} pages are in {self._state.path}: repeat the command to go on")

    def close(self) -> None:
        """Give the files back. Never raises."""
        for state in {self._state, self._folder_state} - {None}:
            assert state is not None
            state.close()


def _parse_redo(text: str | None) -> Callable[[int, Status], bool] | None:
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

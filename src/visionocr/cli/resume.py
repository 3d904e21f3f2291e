"""Uses what earlier runs read and wrote again, and says so."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.documents.selection import PageSelection, parse_pages
from visionocr.errors import OutputError, UsageError
from visionocr.output.folder import FolderSink, Origin, OutputKind, make_folder
from visionocr.output.state import FOLDER_STATE, State
from visionocr.paths import path_key
from visionocr.settings import Settings
from visionocr.text import page_label
from visionocr.types import FileSignature, Notice, PageRef, PageResult, Status

if TYPE_CHECKING:
    from visionocr.documents.discovery import Found


class Resume:
    """The ``EarlierRuns`` of a run: its state and its output folder, or nothing where there is neither."""

    def __init__(
        self,
        options: ReadOptions,
        settings: Settings,
        fingerprint: Mapping[str, Any],
        kinds: Sequence[OutputKind],
        console: Console,
    ) -> None:
        """Open the state, and that of the output folder, which may be the same.

        *fingerprint* stands for everything that an answer depends on but the page, *kinds* are the files of a document
        in the folder. Raises ``OutputError`` (in use, unreadable) and ``UsageError`` (``--redo``, another file in the
        state's place).
        """
        self._console = console
        self._redo = parse_redo(options.redo)
        self._redoes_checked = self._redo is not None and self._redo(0, Status.CHECKED)
        # A document that is complete has no page that is not good.
        self._skips = {word.strip() for word in (options.redo or "failed").split(",")} <= {"failed", "suspect"}
        self._state: State | None = None
        self.folder_sink: FolderSink | None = None
        """Where results go when the output is a folder."""
        self._complete = self._bad = 0
        self._keep, is_in_folder = options.keep_journal, False
        path = options.state_path
        with contextlib.ExitStack() as stack:
            if options.folder is not None:
                make_folder(options.folder)
                state = State(options.folder / FOLDER_STATE, fingerprint, self._redo)
                stack.callback(state.close)
                suffixes = [kind.suffix for kind in kinds]
                look = [suffixes, settings.page_breaks, options.pages, options.command == "describe"]
                look += [settings.tables, settings.headers, settings.join_pages]
                look += ["front matter"] if settings.front_matter else []
                if options.figures is not None:
                    look += [os.path.abspath(options.figures), options.describe_figures]
                job = blake2b(json.dumps([fingerprint, look], sort_keys=True).encode(), digest_size=8).hexdigest()
                self.folder_sink = FolderSink(options.folder, kinds, state, job, by_content=options.by_content)
                if path is not None and os.path.realpath(path) == os.path.realpath(state.path):
                    self._state, self._keep, is_in_folder = state, True, True
            if path is not None and self._state is None:
                self._state = State(path, fingerprint, self._redo)
                stack.callback(self._state.close)
            if self._state is not None:
                count = len(self._state)
                if not count and (differences := self._state.differences()):
                    console(Notice(f"not resuming {path}: {'; '.join(differences)}", warning=True))
                    console(Notice("what was read with the other settings is kept in it"))
                if count and not (is_in_folder and self._state.is_finished):
                    console(Notice(f"going on: {count} pages are in {path}"))
                if (checked := self._state.count_corrections()) and not self._redoes_checked:
                    pages = "1 page that was" if checked == 1 else f"{checked} pages that were"
                    console(Notice(f"{path} has {pages} corrected by hand: kept (--redo checked reads them again)"))
            self.close = stack.pop_all().close

    def is_complete(self, found: Found, signature: FileSignature) -> bool:
        """See ``EarlierRuns.is_complete``."""
        sink = self.folder_sink
        is_complete = self._skips and sink is not None and sink.is_complete(found.name, signature)
        self._complete += is_complete
        return is_complete

    def lookup(self, found: Found, signature: FileSignature, selection: PageSelection | None) -> tuple[str, int] | None:
        """See ``EarlierRuns.lookup``."""
        if self._state is None or (known := self._state.find_file(path_key(found.path), signature)) is None:
            return None
        digest, count = known
        if selection is not None and selection.missing(count):
            return None
        numbers = list(range(1, count + 1) if selection is None else selection.numbers(count))
        return known if numbers and self._state.has_pages(digest, numbers) else None

    def register(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """See ``EarlierRuns.register``."""
        path = path_key(found.path)
        if self._state is not None and self._state.find_file(path, signature) != (digest, pages):
            self._state.register_file(path, signature, digest, pages)
        if self.folder_sink is not None:
            below = os.path.relpath(os.path.dirname(found.path), found.top) if found.top else ""
            self.folder_sink.expect(found.name, Origin(signature, below))

    def note_move(self, page: PageRef, path: Path, arrived: FileSignature, output: Path | None, good: bool) -> None:
        """The document of *page* lies at *path* now: ``review`` and later runs find it, and its *output*, there."""
        if self._state is not None:
            self._state.register_file(path_key(str(path)), arrived, page.digest, page.pages or 1)
        if self.folder_sink is not None and output is not None:
            self.folder_sink.assign(output, str(path), arrived if good else None)

    def renew(self, page: PageRef) -> None:
        """The file of *page* was written into, and is the same document still: its results remain known."""
        status = os.stat(page.document)
        signature = FileSignature(status.st_size, status.st_mtime_ns)
        if self._state is not None:
            path = path_key(page.document)
            self._state.register_file(path, signature, page.digest, page.pages or 1)
        if self.folder_sink is not None:
            self.folder_sink.renew(page.document, signature)

    def find_page(self, page: PageRef) -> PageResult | None:
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
        """The output is complete: delete the results, unless some of them are worth asking again."""
        if self._complete:
            documents = "1 document is" if self._complete == 1 else f"{self._complete} documents are"
            self._console(Notice(f"{documents} done already and unchanged: left out (--redo all reads them again)"))
        if self._state is not None and not self._bad:
            self._state.finish(forget=not self._keep)
        elif self._state is not None:
            what = "to ask again for what is not good, repeat the command with --redo failed,suspect"
            self._console(Notice(f"{what} ({self._state.path} is kept for it)"))

    def interrupt(self) -> None:
        """The run ended early: say how to resume it."""
        if self._state is not None:
            with contextlib.suppress(OutputError):
                if count := len(self._state):
                    self._console.line(f"{count} pages are in {self._state.path}: repeat the command to go on")


def parse_redo(text: str | None) -> Callable[[int, Status], bool] | None:
    """Whether a page with a number and a status is to be asked for again.

    *text* is ``failed``, ``suspect``, ``blank``, ``all``, pages, or several of them with commas. What a person has
    checked is asked for again only when *text* names ``checked``.
    """
    if text is None:
        return None
    words = {word.strip() for word in text.split(",")}
    statuses = words & {Status.FAILED, Status.SUSPECT, Status.BLANK, Status.CHECKED}
    ranges: tuple[tuple[int, int], ...] = ()
    if pages := ",".join(sorted(words - statuses - {"all"})):
        try:
            ranges = parse_pages(pages).ranges
        except UsageError as error:
            hint = "It takes failed, suspect, blank, checked, all, or pages such as 3,7-9."
            raise UsageError(f"--redo: {error.message}", hint) from None
    if any(first < 0 for first, _ in ranges):
        raise UsageError("--redo does not count pages from the end", "Give their numbers.")

    def is_named(number: int, status: Status) -> bool:
        inside = any(first <= number and (last < 0 or number <= last) for first, last in ranges)
        return "all" in words or status in statuses or inside

    if Status.CHECKED in words:
        return is_named
    return lambda number, status: status is not Status.CHECKED and is_named(number, status)

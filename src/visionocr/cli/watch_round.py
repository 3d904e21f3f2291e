"""Reads the documents that are there now, and says of each what became of it."""

from __future__ import annotations

import contextlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from visionocr.cli.outputs import make_kinds
from visionocr.cli.passwords import Passwords
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.resume import Resume
from visionocr.cli.run import make_source
from visionocr.console import Console
from visionocr.documents.discovery import Found
from visionocr.errors import DocumentError, ExitCode, OutputError
from visionocr.job import Job
from visionocr.output.arrange import arrange
from visionocr.settings import Settings
from visionocr.text import printable, reasons, write_count
from visionocr.types import FindingKind, Notice, PageRef, PageResult, Status
from visionocr.watching.inbox import Arrival, Inbox
from visionocr.watching.moving import move_file

_BADNESS = [ExitCode.OK, ExitCode.PAGES, ExitCode.OUTPUT, ExitCode.DOCUMENT]
"""The better first."""
_MOST_NAMED = 3
"""Failed pages of a document whose reasons are given."""


def worse(one: ExitCode, other: ExitCode) -> ExitCode:
    """The worse code of two documents: one that could not be opened is worse than pages that could not be read."""
    return max(one, other, key=_BADNESS.index)


class Log:
    """``--log``: what happened, one JSON object a line. Opened for each line, so that it can be rotated."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, event: str, **fields: Any) -> None:
        """Append a line. Raises ``OutputError``."""
        if self._path is None:
            return
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({name: value for name, value in entry.items() if value is not None}) + "\n")
        except OSError as error:
            raise OutputError(f"cannot write the log {self._path}: {error.strerror}") from None


@dataclass(slots=True)
class Outcome:
    """What the pages of a document came to."""

    page: PageRef
    """The last one."""
    counts: Counter[Status] = field(default_factory=Counter)
    seconds: float = 0.0
    tokens: int = 0
    suspect: list[int] = field(default_factory=list)
    """Numbers of pages."""
    failures: list[PageResult] = field(default_factory=list)
    """The first of them."""
    blames_server: bool = False
    output: Path | None = None
    """Its first file, when that is in place."""

    def add(self, result: PageResult) -> None:
        """Count one more page."""
        self.page = result.page
        self.counts[result.status] += 1
        self.seconds += result.seconds
        self.tokens += result.completion_tokens or 0
        if result.status is Status.SUSPECT:
            self.suspect.append(result.page.number)
        if result.status is Status.FAILED:
            self.failures += [result] if len(self.failures) < _MOST_NAMED else []
            self.blames_server |= any(finding.kind is FindingKind.SERVER for finding in result.findings)

    @property
    def is_whole(self) -> bool:
        """Whether all pages came: those after one on which the server failed for good do not."""
        return self.page.number == 0 or self.counts.total() == self.page.pages

    def describe(self) -> str:
        """How many pages are how, and which are suspect."""
        count = self.counts.total()
        words = f"{write_count(count, 'page')}: "
        words += ", ".join(f"{self.counts[status]} {status}" for status in Status if self.counts[status])
        return words + (f" (pages {', '.join(map(str, self.suspect))})" if self.suspect and count > 1 else "")

    def explain(self) -> str:
        """Why it failed."""
        why = [
            (f"page {result.page.number}: " if result.page.number and result.page.pages != 1 else "")
            + reasons(result.findings)
            for result in self.failures
        ]
        more = self.counts[Status.FAILED] - len(why)
        return "; ".join(why) + (f"; and {more} more" if more else "")

    def as_json(self) -> dict[str, Any]:
        """For the log."""
        counts = {str(status): count for status, count in self.counts.items()}
        figures: dict[str, Any] = {"seconds": round(self.seconds, 3), "tokens": self.tokens}
        figures["output"] = None if self.output is None else printable(str(self.output))
        return {"pages": self.page.pages, "statuses": counts, "suspect": self.suspect or None, **figures}


@dataclass(frozen=True, slots=True)
class Places:
    """Where documents go that are done with; ``None``: they stay."""

    done: Path | None = None
    failed: Path | None = None


class Round:
    """Reads documents with one job. Use once."""

    def __init__(
        self,
        options: ReadOptions,
        settings: Settings,
        inbox: Inbox,
        places: Places,
        console: Console,
        log: Log,
    ) -> None:
        self._options, self._settings, self._places = options, settings, places
        self._inbox, self._console, self._log = inbox, console, log
        self._hints: dict[PageRef, str] = {}
        self._code = ExitCode.OK
        self._stuck: list[tuple[Arrival, Path, Outcome]] = []
        """Documents that could not be moved yet: on Windows, what is open cannot be."""

    def read(self, arrivals: Sequence[Arrival], job: Job) -> ExitCode:
        """Read *arrivals*; how bad the worst of those is that nothing more is done for.

        Raises a ``ServerError`` when the server fails for good. Then no try is counted for what it was asked last.
        """
        waiting = {arrival.path: arrival for arrival in arrivals}
        blaming: list[tuple[Arrival, Outcome]] = []
        with contextlib.ExitStack() as stack:
            passwords = Passwords(self._options.password_file, self._console, may_ask=False)
            found = (Found(arrival.path, arrival.path, top=arrival.top) for arrival in arrivals)
            source = stack.enter_context(make_source(found, self._settings, passwords, self._hints))
            kinds = make_kinds(self._options, self._settings, source.place, self._console, self._refuse, several=True)
            # What it has to say is about commands that are repeated.
            resume = Resume(self._options, self._settings, job.fingerprint, kinds, Console(-1))
            stack.callback(resume.close)
            sink = resume.folder_sink
            assert sink is not None
            source.earlier = resume
            results = job.read(source, known=resume.find_page, record=resume.record)
            chosen = arrange(map(resume.choose, results), self._settings, markdown=job.question.task.markdown)
            try:
                for path, pages in groupby(chosen, key=lambda result: result.page.document):
                    arrival, outcome = waiting.pop(path), Outcome(PageRef(path, 0))
                    for result in pages:
                        sink.write(result)
                        outcome.add(result)
                    if not arrival.is_unchanged() or not outcome.is_whole:
                        sink.discard()  # what it has become is read when that is complete
                        continue
                    if outcome.failures and not self._inbox.is_last_try(arrival):
                        sink.discard()
                    else:
                        sink.finish()
                        outcome.output = sink.path if outcome.page.number else None
                    if not outcome.failures:
                        self._finish(arrival, outcome, resume)
                    elif outcome.blames_server:
                        blaming.append((arrival, outcome))
                    else:
                        self._fail(arrival, outcome, resume)
            except BaseException:
                results.close()
                sink.discard()
                raise
            for arrival, outcome in blaming:
                self._fail(arrival, outcome, resume)
            for arrival, folder, outcome in self._stuck:
                self._move(arrival, folder, outcome, resume, is_last=True)
            for arrival in waiting.values():  # their output is there from an earlier run
                self._clear(arrival, resume)
            resume.finish()
        return self._code

    def _refuse(self, error: DocumentError) -> None:
        """Report a document that cannot have one of the outputs."""
        self._console.error(error.message, error.hint)
        self._code = worse(self._code, ExitCode.OUTPUT)

    def _finish(self, arrival: Arrival, outcome: Outcome, resume: Resume) -> None:
        """Its output is in place."""
        self._inbox.settle(arrival)
        moved = self._move(arrival, self._places.done, outcome, resume)
        if self._settings.strict and outcome.suspect:
            self._code = worse(self._code, ExitCode.PAGES)
        self._console(
            Notice(f"{printable(arrival.path)}: {outcome.describe()}, {outcome.seconds:.1f} s: {outcome.output}")
        )
        self._write("done", arrival, moved, **outcome.as_json())

    def _clear(self, arrival: Arrival, resume: Resume) -> None:
        """Its output was in place before; nobody said then where it goes, or it could not be moved."""
        if not arrival.is_unchanged():
            return
        self._inbox.settle(arrival)
        moved = self._move(arrival, self._places.done, Outcome(PageRef(arrival.path, 0)), resume, is_last=True)
        if moved is not None:
            self._console(Notice(f"{printable(arrival.path)}: was read before, now {printable(str(moved))}"))
            self._write("done", arrival, moved)

    def _fail(self, arrival: Arrival, outcome: Outcome, resume: Resume) -> None:
        """It could not be read, or some of its pages."""
        name, why = printable(arrival.path), outcome.explain()
        wait = self._inbox.fail(arrival)
        moved = None
        if wait is None:
            self._code = worse(self._code, ExitCode.PAGES if outcome.page.number else ExitCode.DOCUMENT)
            moved = self._move(arrival, self._places.failed, outcome, resume)
            what = "given up" + (f", now {printable(str(moved))}" if moved is not None else "")
        else:
            what = f"tried again in {wait:.0f} s"
        hint = next((self._hints[one.page] for one in outcome.failures if self._hints.get(one.page)), "")
        self._console.error((why if why.startswith(name) else f"{name}: {why}") + f" ({what})", hint)
        self._write("retry" if wait is not None else "failed", arrival, moved, reason=why, **outcome.as_json())

    def _move(
        self, arrival: Arrival, folder: Path | None, outcome: Outcome, resume: Resume, *, is_last: bool = False
    ) -> Path | None:
        """Where the document is now; ``None`` when it stays, or is tried again when documents are closed."""
        if folder is None or not arrival.is_unchanged():
            return None
        below = os.path.relpath(os.path.dirname(arrival.path), arrival.top)
        try:
            moved = move_file(Path(arrival.path), folder / below)
        except OutputError as error:
            if is_last:
                self._console.error(error.message, error.hint)
                self._code = worse(self._code, ExitCode.OUTPUT)
            else:
                self._stuck.append((arrival, folder, outcome))
            return None
        if outcome.page.digest:
            is_good = not outcome.failures and not outcome.suspect
            resume.note_move(outcome.page, moved, arrival.signature, outcome.output, is_good)
        return moved

    def _write(self, event: str, arrival: Arrival, moved: Path | None, **fields: Any) -> None:
        names = {"document": arrival.path, "moved": None if moved is None else str(moved)}
        safe = {key: value and printable(value) for key, value in names.items()}
        self._log.write(event, **safe, **fields)

"""Tells people what happens, on standard error: progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from visionocr.printable import reasons, shown, spoken_page
from visionocr.types import Answered, Asked, Event, Notice, PageResult, Planned, Retrying, Severity, Status

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Console:
    """An ``Observer`` that writes for people. Safe to call from any thread.

    ``verbosity`` -1 says only errors, 0 what matters, 1 also retries and re-asks. ``selected`` tells how many
    pages of a document with so many are read; it makes a total where there is one document.
    """

    def __init__(
        self, verbosity: int = 0, stream: TextIO | None = None, selected: Callable[[int], int] = lambda pages: pages
    ) -> None:
        self._selected = selected
        self._stream = stream or sys.stderr
        self._verbosity = verbosity
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._seen: Counter[Status] = Counter()
        self._tokens = 0
        self._started = time.monotonic()
        self._total: int | None = None
        self._documents = 0
        self._shares_terminal = sys.stdout is not None and sys.stdout.isatty()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            match event:
                case Planned():
                    self._total, self._documents = event.pages, event.documents
                    self._started = time.monotonic()
                    self._show_progress()
                case Asked() if event.ask > 1 and self._verbosity > 0:
                    self._say(f"{spoken_page(event.page)}: asking again: {event.reason}")
                case Retrying() if self._verbosity > 0:
                    self._say(f"{event.reason}; trying again in {event.wait:.1f} s")
                case Answered():
                    self._answered(event.result)
                case Notice() if self._verbosity >= 0 or event.warning:
                    self._say(f"{'warning: ' if event.warning else ''}{event.message}")
                case _:
                    pass

    def error(self, message: str, hint: str = "") -> None:
        """One line for what failed, one for what to do."""
        with self._lock:
            self._say(f"error: {message}")
            if hint:
                self._say(f"  {hint}")

    def line(self, text: str) -> None:
        """Something that a person asked to see."""
        with self._lock:
            self._say(text)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """While results go to the same terminal, the progress line is out of the way."""
        with self._lock:
            hide = self._progress is not None and self._shares_terminal
            if hide and self._progress is not None:
                self._progress.stop()
            try:
                yield
            finally:
                if hide and self._progress is not None:
                    self._progress.start()

    def close(self) -> None:
        """Take the progress line away."""
        with self._lock:
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def summary(self) -> None:
        """How many pages ended how, and how fast."""
        self.close()
        pages = sum(self._seen.values())
        if self._verbosity < 0 or pages < 2:
            return
        seconds = time.monotonic() - self._started
        counts = ", ".join(f"{self._seen[status]} {status}" for status in Status if self._seen[status])
        speed = f", {self._tokens / seconds:.0f} tokens/s" if self._tokens and seconds > 0 else ""
        self.line(f"{pages} pages: {counts}; {seconds:.1f} s, {pages / max(seconds, 1e-9) * 60:.1f} pages/min{speed}")

    def _answered(self, result: PageResult) -> None:
        self._seen[result.status] += 1
        self._tokens += result.completion_tokens or 0
        if self._total is None and self._documents == 1 and result.page.pages:
            self._total = self._selected(result.page.pages)
        worth_a_word = result.status in {Status.FAILED, Status.SUSPECT}
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, advance=1, total=self._total, description=self._tally())
        if self._verbosity < 0 or (self._progress is not None and not worth_a_word and self._verbosity == 0):
            return
        name = spoken_page(result.page)
        cost = f" ({result.seconds:.1f} s" + (
            f", {result.completion_tokens} tokens)" if result.completion_tokens else ")"
        )
        self._say(f"{name}: {result.status}" + (f": {reasons(result.findings)}" if worth_a_word else cost))
        if self._verbosity > 0:
            for finding in result.findings:
                if finding.severity is Severity.INFO:
                    self._say(f"  {shown(finding.message)}")

    def _tally(self) -> str:
        bad = self._seen[Status.FAILED] + self._seen[Status.SUSPECT]
        return "reading" + (f" ({bad} not good)" if bad else "")

    def _show_progress(self) -> None:
        if self._verbosity < 0 or not self._stream.isatty() or self._progress is not None:
            return
        # rich costs a quarter of the start-up, so it is loaded only where there is a terminal to draw on.
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as Eta

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("eta"),
            Eta(),
            console=RichConsole(file=self._stream, highlight=False),
            transient=True,
            refresh_per_second=4,
        )
        self._bar = self._progress.add_task("reading", total=self._total)
        self._progress.start()

    def _say(self, text: str) -> None:
        safe = "\n".join(shown(line) for line in text.split("\n"))
        if self._progress is not None:
            self._progress.console.print(safe, markup=False, highlight=False, soft_wrap=True)
            return
        with contextlib.suppress(OSError, ValueError):  # nobody reads our messages: that is no reason to fail
            self._stream.write(safe + "\n")
            self._stream.flush()

"""Messages for people, on standard error: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from visionocr.speed import Speed, SpeedMeter
from visionocr.text import page_label, page_labels, printable, reasons, write_count
from visionocr.types import Answered, Asked, Event, Notice, PageRef, PageResult, Planned, Retrying, Severity, Status
from visionocr.types import Progress as Growing

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


_MOST_NAMED = 10
"""Pages that the last line names for each status; it says how many more there are."""


class Console:
    """An ``Observer`` that writes for people. Safe to call from any thread.

    *verbosity*: -1 for errors only, 0 for the usual messages, 1 for retries and re-asks too. *selected* gives how many
    pages of a document with so many are read, for the total of the progress bar. *hint_for* gives what can be done
    about a page that failed. *noun*: what the results are called.
    """

    def __init__(
        self,
        verbosity: int = 0,
        stream: TextIO | None = None,
        selected: Callable[[int], int] = lambda pages: pages,
        hint_for: Callable[[PageRef], str] = lambda page: "",  # noqa: ARG005
        noun: str = "page",
    ) -> None:
        self._selected = selected
        self._noun = noun
        self._hint_for = hint_for
        self._stream = stream or sys.stderr or io.StringIO()  # standard error may be closed
        self._verbosity = verbosity
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._bar: TaskID | None = None
        self._seen: Counter[Status] = Counter()
        """Pages by what became of them."""
        self._doubtful: dict[Status, list[PageRef]] = {Status.SUSPECT: [], Status.FAILED: []}
        """The first pages that are not good, by document and number."""
        self._unopened = 0
        """Documents, instead of pages, that could not be read."""
        self._resumed = 0
        """Pages that an earlier run had read."""
        self._tokens = 0
        self._speed_meter = SpeedMeter()
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
                    self._say(f"{page_label(event.page)}: asking again: {event.reason}")
                case Retrying() if self._verbosity > 0:
                    self._say(f"{event.reason}; trying again in {event.wait:.1f} s")
                case Growing():
                    self._show_growth(event)
                case Answered():
                    self._show_result(event.result, known=event.known)
                case Notice() if self._verbosity >= 0:
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
        """Print one line, whatever the verbosity."""
        with self._lock:
            self._say(text)

    def writing(self, write: Callable[[], object]) -> None:
        """Call *write*, with the progress bar out of the way where results go to the same terminal."""
        with self.asking() if self._shares_terminal else contextlib.nullcontext():
            write()

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """Hide the progress line within the block, while the user is asked something. Events are still accepted."""
        with self._lock:
            if self._progress is not None:
                self._progress.stop()
        try:
            yield
        finally:
            with self._lock:
                if self._progress is not None:
                    self._progress.start()

    def close(self) -> None:
        """Take the progress line away."""
        with self._lock:
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def summary(self) -> None:
        """How many pages ended how, and how fast; as the last line of all, which pages are suspect or failed."""
        self.close()
        if self._verbosity < 0:
            return
        if sum(self._seen.values()) + self._unopened > 1:
            self._show_totals()
        if doubtful := [f"{status}: {self._name_pages(status)}" for status in self._doubtful if self._seen[status]]:
            self.line("; ".join(doubtful))

    def _show_totals(self) -> None:
        pages = sum(self._seen.values())
        seconds = max(time.monotonic() - self._started, 1e-9)
        counts = [f"{self._seen[status]} {status}" for status in Status if self._seen[status]]
        said = [f"{write_count(pages, self._noun)}: {', '.join(counts)}"] if pages else []
        said += [f"{write_count(self._unopened, 'document')} could not be read"] if self._unopened else []
        said += [f"{self._resumed} of them from the journal"] if self._resumed else []
        if pages > self._resumed:
            speed = Speed((pages - self._resumed) / seconds * 60, self._tokens / seconds)
            said.append(f"{seconds:.1f} s, {speed}")
        self.line("; ".join(said))
        if len(self._speed_meter.shares) > 1:
            for server, share in sorted(self._speed_meter.shares.items(), key=lambda item: -item[1].pages):
                self.line(f"  {server}: {share}")

    def _name_pages(self, status: Status) -> str:
        named = self._doubtful[status]
        more = self._seen[status] - len(named)
        return page_labels(named) + (f" and {more} more" if more else "")

    def _show_result(self, result: PageResult, *, known: bool) -> None:
        self._count_result(result, known=known)
        worth_a_word = result.status in {Status.FAILED, Status.SUSPECT} and not known
        if not worth_a_word and (known or self._verbosity < 0 or (self._progress is not None and self._verbosity == 0)):
            return
        self._say(self._describe(result))
        if worth_a_word and (hint := self._hint_for(result.page)):
            self._say(f"  {hint}")
        if self._verbosity > 0:
            for finding in result.findings:
                if finding.severity is Severity.INFO:
                    self._say(f"  {printable(finding.message)}")

    def _count_result(self, result: PageResult, *, known: bool) -> None:
        if result.page.number:
            self._seen[result.status] += 1
            if (named := self._doubtful.get(result.status)) is not None:
                insort(named, result.page, key=lambda page: (page.document, page.number))
                del named[_MOST_NAMED:]
        else:
            self._unopened += 1
        if known:
            self._resumed += 1
        else:
            self._tokens += result.completion_tokens or 0
            self._speed_meter.add(result, time.monotonic())
        if self._total is None and self._documents == 1 and result.page.pages:
            self._total = self._selected(result.page.pages)
        if self._progress is not None and self._bar is not None:
            step = 1 if result.page.number or self._documents > 1 else 0
            pace = str(self._speed_meter.measure() or "")
            self._progress.update(
                self._bar, advance=step, total=self._total, description=self._describe_counts(), pace=pace
            )

    def _show_growth(self, event: Growing) -> None:
        """Show on the progress line that a slow page makes progress."""
        if self._progress is not None and self._bar is not None:
            written = f"{event.characters} characters" if event.characters else "processing"
            name = f"page {event.page.number}" if event.page.pages != 1 else "picture"
            self._progress.update(self._bar, description=f"{name}: {written}, {event.seconds:.0f} s")

    def _describe(self, result: PageResult) -> str:
        name, why = page_label(result.page), reasons(result.findings)
        if result.page.number == 0:
            return f"error: {why}"
        if result.status in {Status.FAILED, Status.SUSPECT}:
            return f"{result.status}: {why}" if why.startswith(name) else f"{name}: {result.status}: {why}"
        tokens = f", {result.completion_tokens} tokens" if result.completion_tokens else ""
        return f"{name}: {result.status} ({result.seconds:.1f} s{tokens})"

    def _describe_counts(self) -> str:
        bad = self._seen[Status.FAILED] + self._seen[Status.SUSPECT] + self._unopened
        return "reading" + (f" ({bad} not good)" if bad else "")

    def _show_progress(self) -> None:
        if self._verbosity < 0 or not self._stream.isatty() or self._progress is not None:
            return
        # rich costs a quarter of the start-up, so it is loaded only where there is a terminal to draw on.
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeLeft
        from rich.text import Text

        class Eta(TimeLeft):
            """The time that is left, where the number of pages is known."""

            def render(self, task: Task) -> Text:
                """Nothing instead of a label without a time."""
                return Text("eta ") + super().render(task) if task.total else Text()

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            Eta(),
            TextColumn("{task.fields[pace]}"),
            console=RichConsole(file=self._stream, highlight=False),
            transient=True,
            refresh_per_second=4,
        )
        self._bar = self._progress.add_task("reading", total=self._total, pace="")
        self._progress.start()

    def _say(self, text: str) -> None:
        safe = printable(text)
        if self._progress is not None:
            self._progress.console.print(safe, markup=False, highlight=False, soft_wrap=True)
            return
        with contextlib.suppress(
            OSError, ValueError, AttributeError
        ):  # messages that cannot be written are no reason to fail
            self._stream.write(safe + "\n")
            self._stream.flush()

"""Sinks for results: standard output and a file. Those for folders and captions stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from visionocr.errors import OutputError
from visionocr.output.files import AtomicFile, read_head, write_file
from visionocr.output.formats import Formatter
from visionocr.output.places import place_page
from visionocr.output.stdout import write_stdout
from visionocr.placed import PlacedPage
from visionocr.types import PageResult, Status


class Sink:
    """Takes results in page order."""

    def write(self, result: PageResult) -> None:
        """Take one page. Raises ``OutputError``."""
        raise NotImplementedError

    def finish(self) -> None:
        """All pages are there: make the result final. Raises ``OutputError``."""

    def discard(self) -> None:
        """The run ended early: leave what is unfinished as it was before. Never raises."""


class SeveralSinks(Sink):
    """The same results in several outputs."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    def write(self, result: PageResult) -> None:
        """Write one page to each."""
        for sink in self._sinks:
            sink.write(result)

    def finish(self) -> None:
        """Finish each."""
        for sink in self._sinks:
            sink.finish()

    def discard(self) -> None:
        """Discard each."""
        for sink in self._sinks:
            sink.discard()


class StdoutSink(Sink):
    """Standard output, page by page as they come."""

    def __init__(self, formatter: Formatter) -> None:
        self._formatter = formatter
        self._started = False

    def write(self, result: PageResult) -> None:
        """Print one page at once: the next command of a pipe can start."""
        write_stdout(("" if self._started else self._formatter.head()) + self._formatter.page(result))
        self._started = True

    def finish(self) -> None:
        """Print the end of the format."""
        write_stdout(("" if self._started else self._formatter.head()) + self._formatter.tail())


_SIGNED = 4096
"""Bytes at the beginning of an ALTO or PAGE file within which its software is named."""


class PageFilesSink(Sink):
    """One file a page: at *path* for a document of one page, else with the page's number before the suffixes."""

    def __init__(self, path: Path, suffix: str, render: Callable[[PlacedPage, datetime], str]) -> None:
        self._stem = path.with_name(path.name.removesuffix(suffix))
        self._suffix = suffix
        self._render = render
        self._moment = datetime.now(UTC)

    def write(self, result: PageResult) -> None:
        """Write the page's file; of a page that failed there is none, and the results say why."""
        if not result.page.number or result.status is Status.FAILED:
            return
        number = f".{result.page.number:04}" if (result.page.pages or 1) > 1 else ""
        path = self._stem.with_name(f"{self._stem.name}{number}{self._suffix}")
        if number and (head := read_head(path, _SIGNED)) and b"visionocr" not in head:
            raise OutputError(f"{path} is not a file of visionocr", "Move it away, or choose another output.")
        write_file(path, self._render(place_page(result), self._moment))


class FileSink(Sink):
    """One file, complete or not there; not there either when no document at all could be opened."""

    def __init__(self, path: Path, formatter: Formatter) -> None:
        self.path = path
        self._formatter = formatter
        self._file = AtomicFile(path)
        self._file.write(formatter.head())
        self._has_pages = self._has_problems = False

    def write(self, result: PageResult) -> None:
        """Add one page."""
        self._file.write(self._formatter.page(result))
        if result.page.number:
            self._has_pages = True
        else:
            self._has_problems = True

    def finish(self) -> None:
        """Move the file into place."""
        if self._has_problems and not self._has_pages:
            self._file.discard()
            return
        self._file.write(self._formatter.tail())
        self._file.commit()

    def discard(self) -> None:
        """Leave the file as it was."""
        self._file.discard()

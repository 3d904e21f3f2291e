"""Where results go: standard output, a file, a folder, or files beside the pictures."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from visionocr.errors import OutputError, UsageError
from visionocr.output.files import AtomicFile, encoded, remove_leftovers
from visionocr.output.formats import Formatter
from visionocr.types import PageResult, Status

if TYPE_CHECKING:  # it opens databases, which --help need not load
    from visionocr.output.folder import Origin, OutputFolder


class PipeClosed(Exception):
    """Whoever read our standard output has gone (``| head``)."""


class Sink:
    """Takes results in page order."""

    def write(self, result: PageResult) -> None:
        """Take one page. Raises ``OutputError``."""
        raise NotImplementedError

    def finish(self) -> None:
        """All pages are there: make the result final. Raises ``OutputError``."""

    def discard(self) -> None:
        """The run ended early: leave what is unfinished as it was before. Never raises."""


def write_stdout(text: str) -> None:
    """Write to standard output, at once. Raises ``PipeClosed`` when nobody reads it, else ``OutputError``."""
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    try:
        sys.stdout.buffer.write(encoded(text))
        sys.stdout.buffer.flush()
    except OSError as error:
        raise failed_output(error) from None


def failed_output(error: OSError) -> Exception:
    """What it means that standard output failed: ``PipeClosed`` or an ``OutputError``."""
    with contextlib.suppress(OSError, ValueError):
        # Python flushes standard output once more at its end, and would complain there again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL:  # the latter on Windows
        return PipeClosed()
    return OutputError(f"cannot write to standard output: {error.strerror}")


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
        """Print what stands after the last page."""
        write_stdout(("" if self._started else self._formatter.head()) + self._formatter.tail())


class FileSink(Sink):
    """One file, complete or not there; not there either when no document at all could be opened."""

    def __init__(self, path: Path, formatter: Formatter) -> None:
        self.path = path
        self._formatter = formatter
        self._file = AtomicFile(path)
        self._started = self._any = False

    def write(self, result: PageResult) -> None:
        """Add one page."""
        self._start()
        self._file.write(self._formatter.page(result))
        self._any = self._any or result.page.number > 0

    def finish(self) -> None:
        """Move the file into place."""
        if self._started and not self._any:
            self._file.discard()
            return
        self._start()
        self._file.write(self._formatter.tail())
        self._file.commit()

    def discard(self) -> None:
        """Leave the file as it was."""
        self._file.discard()

    def _start(self) -> None:
        if not self._started:
            self._file.write(self._formatter.head())
        self._started = True


class FolderSink(Sink):
    """One file for each document, each complete or not there."""

    def __init__(self, folder: OutputFolder, formatter: Callable[[], Formatter]) -> None:
        self._folder = folder
        self._make_formatter = formatter
        self._origins: dict[str, Origin] = {}
        """Of the documents that are under way, by name."""
        self._is_good = True
        """All pages of the document that is being written are."""
        self._document: tuple[str, str] | None = None
        """Name and digest of the one being written: two documents may bear one name."""
        self._sink: FileSink | None = None

    def is_complete(self, document: str, origin: Origin) -> bool:
        """Whether an earlier run finished *document*: see ``OutputFolder.is_complete``."""
        return self._folder.is_complete(document, origin.signature)

    def expect(self, document: str, origin: Origin) -> None:
        """The pages of *document*, a file, will come."""
        self._origins[document] = origin

    def write(self, result: PageResult) -> None:
        """Add one page to its document's file; a new document finishes the one before.

        A document that could not be opened gets no file: an empty one would look like a result.
        """
        document = result.page.document, result.page.digest
        if result.page.number == 0 and document != self._document:
            self._origins.pop(document[0], None)
            return
        if self._sink is None or document != self._document:
            self.finish()
            self._document = document
            path = self._folder.path_for(*document, self._origins.get(document[0]))
            self._sink = FileSink(path, self._make_formatter())
            self._is_good = True
        self._is_good = self._is_good and result.status not in {Status.FAILED, Status.SUSPECT}
        self._sink.write(result)

    def finish(self) -> None:
        """Put the current document's file in place."""
        if self._sink is not None and self._document is not None:
            self._sink.finish()
            path, self._sink = self._sink.path, None
            origin = self._origins.pop(self._document[0], None)
            self._folder.register(path, *self._document, origin, is_good=self._is_good)

    def discard(self) -> None:
        """Leave the current document's file as it was; those before are in place."""
        if self._sink is not None:
            self._sink.discard()


class SidecarSink(Sink):
    """A caption file beside each picture: ``photo.jpg`` gets ``photo.txt``. One that cannot be written costs itself."""

    def __init__(
        self,
        path_for: Callable[[str], Path],
        report: Callable[[OutputError], None],
        prefix: str = "",
        suffix: str = "",
    ) -> None:
        """*report* hears of each caption that cannot be written."""
        self._path_for = path_for
        self._report = report
        self._prefix, self._suffix = prefix, suffix
        self._missing = 0
        self._swept: set[Path] = set()

    def write(self, result: PageResult) -> None:
        """Write one caption; a picture without one gets no file. Only a first frame is captioned."""
        if result.status in {Status.FAILED, Status.BLANK} or result.page.number > 1:
            return
        path = self._path_for(result.page.document)
        if path.parent not in self._swept:
            self._swept.add(path.parent)
            remove_leftovers(path.parent)
        try:
            file = AtomicFile(path)
            try:
                file.write(f"{self._prefix}{' '.join(result.text.split())}{self._suffix}\n")
                file.commit()
            finally:
                file.discard()  # nothing is left to discard when all went well
        except OutputError as error:
            self._missing += 1
            self._report(error)

    def finish(self) -> None:
        """Raise ``OutputError`` when there are captions that could not be written."""
        if self._missing:
            count = "1 caption" if self._missing == 1 else f"{self._missing} captions"
            raise OutputError(f"{count} could not be written", "Repeat the command to describe those pictures again.")


def sidecar_path(picture: Path, ending: str) -> Path:
    """``photo.jpg`` + ``.txt`` = ``photo.txt``; without a dot as well. Raises ``UsageError`` for what is no ending."""
    ending = ending if ending.startswith(".") else f".{ending}"
    if len(ending) < 2 or not ending.isprintable() or any(char in ending for char in '/\\:*?"<>|'):
        raise UsageError(f"--sidecar {ending!r} is not an ending of file names", "Example: --sidecar .txt")
    path = picture.with_name(picture.stem + ending)
    if path == picture:
        raise UsageError(f"the caption of {picture} would overwrite the picture", "Choose another --sidecar ending.")
    return path

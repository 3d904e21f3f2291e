"""Where results go: standard output, a file, a folder, or files beside the pictures."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from visionocr.errors import OutputError, UsageError
from visionocr.output.files import AtomicFile, encoded
from visionocr.output.formats import Formatter
from visionocr.output.names import OutputFolder
from visionocr.types import FileSignature, PageResult, Status


class PipeClosed(Exception):
    """Whoever read our standard output has gone (``| head``)."""


class Sink(Protocol):
    """Takes results in page order."""

    def write(self, result: PageResult) -> None:
        """Take one page. Raises ``OutputError``."""
        ...

    def finish(self) -> None:
        """All pages are there: make the result final. Raises ``OutputError``."""
        ...

    def abandon(self) -> Path | None:
        """The run ended early: keep what there is, and say where; must not raise."""
        ...


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


class StdoutSink:
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

    def abandon(self) -> Path | None:
        """What is printed is printed."""
        return None


class FileSink:
    """One file, complete or not there; not there either when no document at all could be opened."""

    def __init__(self, path: Path, formatter: Formatter) -> None:
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

    def abandon(self) -> Path | None:
        """Keep what was read as ``FILE.part``, well formed."""
        if not self._any:
            self._file.discard()
            return None
        with contextlib.suppress(OutputError):
            self._file.write(self._formatter.tail())
        return self._file.keep_partial()

    def _start(self) -> None:
        if not self._started:
            self._file.write(self._formatter.head())
        self._started = True


class FolderSink:
    """One file for each document, each complete or not there."""

    def __init__(self, folder: Path, formatter: Callable[[], Formatter], job: str = "") -> None:
        self._make = formatter
        self._folder = OutputFolder(folder, formatter().suffix, job)
        self._signatures: dict[str, FileSignature] = {}
        """Of the documents that are under way, by name."""
        self._good = True
        """All pages of the document that is being written are."""
        self._document: tuple[str, str] | None = None
        """Name and digest of the one being written: two documents may bear one name."""
        self._sink: FileSink | None = None
        self._path = folder

    def done(self, document: str, signature: FileSignature) -> bool:
        """Whether an earlier run finished *document*: see ``OutputFolder.done``."""
        return self._folder.done(document, signature)

    def expect(self, document: str, signature: FileSignature) -> None:
        """The pages of *document* will come; it had this *stamp* before it was opened."""
        self._signatures[document] = signature

    def write(self, result: PageResult) -> None:
        """Add one page to its document's file; a new document finishes the one before.

        A document that could not be opened gets no file: an empty one would look like a result.
        """
        document = result.page.document, result.page.digest
        if result.page.number == 0 and document != self._document:
            self._signatures.pop(document[0], None)
            return
        if self._sink is None or document != self._document:
            self.finish()
            self._document = document
            self._path = self._folder.path_for(result.page.document)
            self._sink = FileSink(self._path, self._make())
            self._good = True
        self._good = self._good and result.status not in {Status.FAILED, Status.SUSPECT}
        self._sink.write(result)

    def finish(self) -> None:
        """Put the current document's file in place."""
        if self._sink is not None and self._document is not None:
            sink, self._sink = self._sink, None
            sink.finish()
            signature = self._signatures.pop(self._document[0], None)
            self._folder.written(self._path, self._document[0], signature if self._good else None)

    def abandon(self) -> Path | None:
        """Keep the current document as ``NAME.part``; those before are in place."""
        return self._sink.abandon() if self._sink is not None else None


class SidecarSink:
    """A caption file beside each picture: ``photo.jpg`` gets ``photo.txt``."""

    def __init__(self, path_for: Callable[[str], Path], prefix: str = "", suffix: str = "") -> None:
        self._path_for = path_for
        self._prefix, self._suffix = prefix, suffix
        self._frames: dict[str, int] = {}

    def write(self, result: PageResult) -> None:
        """Write one caption; a picture without one gets no file. Only a first frame is captioned."""
        if result.status in {Status.FAILED, Status.BLANK} or result.page.number > 1:
            return
        file = AtomicFile(self._path_for(result.page.document))
        file.write(f"{self._prefix}{' '.join(result.text.split())}{self._suffix}\n")
        file.commit()

    def finish(self) -> None:
        """Every file is in place already."""

    def abandon(self) -> Path | None:
        """Every file is in place already."""
        return None


def sidecar_path(picture: Path, ending: str) -> Path:
    """``photo.jpg`` + ``.txt`` = ``photo.txt``; without a dot as well. Raises ``UsageError`` for what is no ending."""
    ending = ending if ending.startswith(".") else f".{ending}"
    if len(ending) < 2 or not ending.isprintable() or any(char in ending for char in '/\\:*?"<>|'):
        raise UsageError(f"--sidecar {ending!r} is not an ending of file names", "Example: --sidecar .txt")
    path = picture.with_name(picture.stem + ending)
    if path == picture:
        raise UsageError(f"the caption of {picture} would overwrite the picture", "Choose another --sidecar ending.")
    return path

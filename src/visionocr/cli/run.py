"""The one path that ``pdf``, ``image`` and ``describe`` share: options in, results out."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from visionocr.cli.options import config_folder, settings_from
from visionocr.cli.outcome import Tally, reported
from visionocr.cli.sinks import formatter_for, sink_for
from visionocr.console import Console
from visionocr.errors import ConfigurationError, ExitCode
from visionocr.library import Library
from visionocr.output.writer import Sink
from visionocr.settings import Settings
from visionocr.types import Planned


@dataclass
class Reading:
    """What was typed, for the commands that read documents."""

    files: list[str]
    kind: str
    """What is looked for in folders: ``pdf`` or ``image``."""
    task: str
    """The task unless the settings name another."""
    flags: dict[str, Any]
    pages: str | None = None
    recursive: bool = False
    output: str | None = None
    password_file: Path | None = None
    config: Path | None = None
    dry_run: bool = False
    quiet: bool = False
    verbose: int = 0
    captions: bool = False
    sink: Callable[[Settings], Sink] | None = None
    """Another place for the results than ``output``."""
    wanted: Callable[[str], bool] = field(default=lambda path: True)  # noqa: ARG005
    """Whether the file at a path is to be read at all."""


def run(reading: Reading) -> None:
    """Read, write, and end with the right exit code."""
    # The command line must answer --help at once, so what opens documents and servers is loaded here.
    from visionocr.pages.discovery import discover
    from visionocr.pages.kinds import Kind
    from visionocr.pages.selection import parse_pages
    from visionocr.pages.source import Documents
    from visionocr.pipeline import job

    selection = None
    console = Console(
        -1 if reading.quiet else reading.verbose,
        selected=lambda count: count if selection is None else sum(1 for _ in selection.numbers(count)),
    )
    with reported(console, reading.verbose):
        selection = parse_pages(reading.pages) if reading.pages else None
        settings = settings_from(reading.flags, reading.config)
        found = (
            item
            for item in discover(reading.files, recursive=reading.recursive, kinds=[Kind(reading.kind)])
            if item.problem is not None or reading.wanted(item.path)
        )
        source = Documents(found, selection=selection, password=_Passwords(reading.password_file, reading.files))
        library = Library(config_folder())
        if reading.dry_run:
            from visionocr.cli.dry_run import show_plan

            show_plan(settings, library, source, reading.task)
            return
        several = len(reading.files) > 1 or reading.recursive
        formatter = formatter_for(settings, captions=reading.captions, several=several)
        prepared = job.prepare(settings, library, task=reading.task, observer=console)
        sink = reading.sink(settings) if reading.sink else sink_for(reading.output, formatter, reading.files)
        console(_planned(reading))
        tally = Tally(settings.strict)
        try:
            _copy(prepared.read(source), sink, tally, console)
        finally:
            prepared.close()
        console.summary()
        if tally.code is not ExitCode.OK:
            raise typer.Exit(tally.code)


def _copy(results: Iterable[Any], sink: Sink, tally: Tally, console: Console) -> None:
    try:
        for result in results:
            tally.add(result)
            with console.writing():
                sink.write(result)
        with console.writing():
            sink.finish()
    except BaseException:
        if isinstance(results, Iterator) and hasattr(results, "close"):
            results.close()
        console.close()
        kept = sink.abandon()
        if kept is not None:
            console.line(f"what was read so far is in {kept}")
        raise


def _planned(reading: Reading) -> Planned:
    if reading.recursive:
        return Planned(0)
    count = len(reading.files)
    return Planned(count, count if reading.kind == "image" and count > 1 else None)


class _Passwords:
    """Passwords for encrypted PDFs: from a file, one a line, then by asking where somebody sits at a terminal."""

    def __init__(self, file: Path | None, files: list[str]) -> None:
        self._known: list[str] = []
        self._tried: dict[str, int] = {}
        self._may_ask = sys.stdin is not None and sys.stdin.isatty() and "-" not in files
        if file is not None:
            try:
                self._known = [line for line in file.read_text("utf-8").splitlines() if line]
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"cannot read the password file {file}: {error}") from None

    def __call__(self, document: str) -> str | None:
        """The next password to try, or ``None`` when there is none left."""
        tried = self._tried[document] = self._tried.get(document, 0) + 1
        if tried <= len(self._known):
            return self._known[tried - 1]
        if not self._may_ask or tried > len(self._known) + 3:
            return None
        try:
            return getpass.getpass(f"Password of {document}: ", stream=sys.stderr) or None
        except (EOFError, OSError):
            return None


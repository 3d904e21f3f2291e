"""The one path that ``pdf``, ``image`` and ``describe`` share: options in, results out."""

from __future__ import annotations

import getpass
import itertools
import json
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visionocr.cli.listing import listed
from visionocr.cli.options import config_folder, readable_key, settings_from
from visionocr.cli.outcome import Tally, reported
from visionocr.cli.resume import Resume, journal_path
from visionocr.cli.sinks import check_output, formatter_for, sink_for
from visionocr.console import Console
from visionocr.errors import ConfigurationError, ExitCode, UsageError
from visionocr.output.formats import Formatter
from visionocr.output.writer import Sink
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.text import printable
from visionocr.types import Notice, PageRef, PageResult, Planned

if TYPE_CHECKING:
    from visionocr.documents.discovery import Found


@dataclass
class Reading:
    """What was typed, for the commands that read documents."""

    files: list[str]
    kind: str
    """What is looked for in folders: ``pdf`` or ``image``."""
    task: str
    """The task unless the settings name another."""
    flags: dict[str, Any] = field(repr=False)  # the key may be among them
    files_from: str | None = None
    pages: str | None = None
    recursive: bool = False
    output: str | None = None
    password_file: Path | None = None
    journal: Path | None = None
    keep_journal: bool = False
    redo: str | None = None
    config: Path | None = None
    dry_run: bool = False
    probe_pages: bool = False
    quiet: bool = False
    verbose: int = 0
    captions: bool = False
    mistake: str = ""
    """What does not make sense about it."""
    sink: Callable[[Settings], Sink] | None = None
    """Another place for the results than ``output``."""
    wanted: Callable[[str], bool] = field(default=lambda path: True)  # noqa: ARG005
    """Whether the file at a path is to be read at all."""


def run(reading: Reading) -> None:
    """Read, write, and end with the right exit code."""
    # The command line must answer --help at once, so what opens documents and servers is loaded here.
    from visionocr import job
    from visionocr.cluster import cluster
    from visionocr.documents.resumed import Source
    from visionocr.documents.selection import parse_pages

    selection = None
    hints: dict[PageRef, str] = {}
    console = Console(
        -1 if reading.quiet else reading.verbose,
        selected=lambda count: count if selection is None else sum(1 for _ in selection.numbers(count)),
        hint_for=lambda page: hints.get(page, ""),
    )
    with reported(console, reading.verbose):
        if not reading.files and reading.files_from is None:
            raise UsageError(
                "missing argument 'FILE'", f"See: visionocr {'describe' if reading.captions else reading.kind} --help"
            )
        if reading.mistake:
            raise UsageError(reading.mistake)
        if reading.probe_pages and not reading.dry_run:
            raise UsageError("--probe-pages needs --dry-run")
        selection = parse_pages(reading.pages) if reading.pages is not None else None
        settings = settings_from(reading.flags, reading.config)
        if warning := readable_key(settings):
            console(Notice(warning, warning=True))
        if reading.sink is None:
            check_output(reading.output, reading.files)
        passwords = _Passwords(reading.password_file, [*reading.files, reading.files_from], console)
        found = _wanted(reading, console)
        how: dict[str, Any] = {"selection": selection, "password": passwords, "workers": settings.raster_workers}
        library = Library(config_folder())
        if reading.dry_run:
            from visionocr.cli.dry_run import show_plan

            source = Source(found, **how)
            raise typer.Exit(show_plan(settings, library, source, reading.task, probe=reading.probe_pages))
        found = _something(found, console)
        source = Source(found, **how, hints=hints, spool=settings.cluster is not None)
        if reading.kind == "pdf":
            source.warm()
        several = len(reading.files) > 1 or reading.recursive or reading.files_from is not None
        formatter = formatter_for(settings, captions=reading.captions, several=several)
        tally = Tally(settings.strict)
        prepare = job.prepare if settings.cluster is None else cluster.prepare
        prepared = prepare(settings, library, task=reading.task, observer=console)
        try:
            resume = Resume(
                None if reading.sink else journal_path(reading.output, reading.journal),
                prepared.fingerprint,
                redo=reading.redo,
                keep=reading.keep_journal,
                console=console,
            )
            sink = _sink(reading, settings, formatter, resume, _key(reading, settings, prepared.fingerprint))
            resume.writes_to(sink)
            source.memory = resume
            console(_planned(reading))
            _copy(prepared.read(source, known=resume.known, record=resume.record), sink, tally, console, resume)
        finally:
            passwords.leave()
            prepared.close()
            source.close()
        console.summary()
        if tally.code is not ExitCode.OK:
            raise typer.Exit(tally.code)


def _wanted(reading: Reading, console: Console) -> Iterator[Found]:
    """The files to read: each once, however often it is named."""
    from visionocr.documents.discovery import discover
    from visionocr.documents.kinds import Kind

    seen: set[bytes] = set()  # short hashes: there may be very many files
    files = itertools.chain(reading.files, listed(reading.files_from))
    for item in discover(files, recursive=reading.recursive, kinds=[Kind(reading.kind)]):
        if item.problem is None and not item.pipe:
            path = blake2b(os.fsencode(os.path.abspath(item.path)), digest_size=12).digest()
            if path in seen:
                console(Notice(f"{item.name} is given more than once: it is read once"))
                continue
            seen.add(path)
            if not reading.wanted(item.path):
                continue
        yield item


def _something(found: Iterator[Found], console: Console) -> Iterator[Found]:
    """The same files. Where there is nothing to read among them, the command ends before a server is asked."""
    first: list[Found] = []
    for item in found:
        first.append(item)
        if item.problem is None:
            return itertools.chain(first, found)
    for item in first:
        if item.problem is not None:
            console.error(item.problem.message, item.problem.hint)
    if not first:
        console(Notice("nothing to do: every picture has its caption (--force writes them again)"))
    raise typer.Exit(ExitCode.DOCUMENT if first else ExitCode.OK)


def _sink(reading: Reading, settings: Settings, formatter: Callable[[], Formatter], resume: Resume, key: str) -> Sink:
    try:
        return reading.sink(settings) if reading.sink else sink_for(reading.output, formatter, key)
    except BaseException:
        resume.interrupted()
        raise


def _key(reading: Reading, settings: Settings, fingerprint: Mapping[str, Any]) -> str:
    """Stands for everything that the files in an output folder depend on but their documents."""
    look = [settings.format, settings.page_breaks, reading.pages, reading.captions]
    return blake2b(json.dumps([fingerprint, look], sort_keys=True).encode(), digest_size=8).hexdigest()


def _copy(
    results: Generator[PageResult, None, None], sink: Sink, tally: Tally, console: Console, resume: Resume
) -> None:
    try:
        for result in results:
            tally.add(result)
            resume.count(result)
            console.writing(partial(sink.write, result))
        console.writing(sink.finish)
    except BaseException:
        results.close()
        console.close()
        kept = sink.abandon()
        if resume.interrupted():  # the journal has it all, and can be gone on with
            if kept is not None:
                kept.unlink(missing_ok=True)
        elif kept is not None:
            console.line(f"what was read so far is in {kept}")
        raise
    resume.finish()


def _planned(reading: Reading) -> Planned:
    if (
        reading.recursive or reading.files_from is not None or reading.sink is not None
    ):  # sidecars: some pictures may have theirs
        return Planned(0)
    count = len(reading.files)
    return Planned(count, count if reading.kind == "image" and count > 1 else None)


class _Passwords:
    """Passwords for encrypted PDFs: from a file, one a line, then by asking where somebody sits at a terminal."""

    def __init__(self, file: Path | None, files: list[str | None], console: Console) -> None:
        self._console = console
        self._leave: Callable[[], None] | None = None
        self._known: list[str] = []
        self._check_vision: dict[str, int] = {}
        self._may_ask = sys.stdin is not None and sys.stdin.isatty() and "-" not in files
        if file is not None:
            try:
                self._known = [line for line in file.read_text("utf-8").splitlines() if line]
            except OSError as error:
                raise ConfigurationError(f"cannot read the password file {file}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise ConfigurationError(f"the password file {file} is not in UTF-8") from None

    def __call__(self, document: str) -> str | None:
        """The next password to try, or ``None`` when there is none left."""
        tried = self._check_vision[document] = self._check_vision.get(document, 0) + 1
        if tried <= len(self._known):
            return self._known[tried - 1]
        if not self._may_ask or tried > len(self._known) + 3:
            return None
        with self._console.asking():
            self._leave = self._leave or terminal_keeper()
            try:
                return getpass.getpass(f"Password of {printable(document)}: ", stream=sys.stderr) or None
            except (EOFError, OSError):
                return None

    def leave(self) -> None:
        """Let the terminal show again what is typed: Ctrl-C may have come while it did not."""
        if self._leave is not None:
            self._leave()


def terminal_keeper() -> Callable[[], None]:
    """A function that puts the terminal back as it is now; it does nothing where there is none of that kind."""
    try:
        import termios
    except ImportError:  # Windows, where asking changes nothing
        return lambda: None
    try:
        state = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):
        return lambda: None
    return lambda: termios.tcsetattr(sys.stdin, termios.TCSANOW, state)

"""The one path that ``pdf``, ``image`` and ``describe`` share: options in, results out."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visionocr.cli.listing import list_files
from visionocr.cli.options import check_key_file, config_folder, settings_from
from visionocr.cli.outcome import Tally, current_stop, reported
from visionocr.cli.passwords import Passwords
from visionocr.cli.sidecars import Sidecars
from visionocr.cli.sinks import check_paths, formatter_for, output_folder, sink_for, state_path
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.output.writer import Sink
from visionocr.prompting.library import Library
from visionocr.settings import CONFIG_NAME, Settings
from visionocr.types import Notice, PageRef, PageResult, Planned

if TYPE_CHECKING:
    from visionocr.cli.resume import Resume
    from visionocr.documents.discovery import Found
    from visionocr.job import Job


@dataclass
class ReadOptions:
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
    sidecars: Sidecars | None = None
    """Files beside the pictures, as another place for the results than ``output``."""

    def check(self) -> None:
        """Raise ``UsageError`` for what does not make sense together."""
        if not self.files and self.files_from is None:
            raise UsageError(
                "missing argument 'FILE'", f"See: visionocr {'describe' if self.captions else self.kind} --help"
            )
        if self.mistake:
            raise UsageError(self.mistake)
        if self.probe_pages and not self.dry_run:
            raise UsageError("--probe-pages needs --dry-run")

    def inputs(self) -> Iterator[tuple[str, str]]:
        """Files that are read and must not be written, each with what it is."""
        yield from ((name, "one of the documents to read") for name in self.files if name != "-")
        config = self.config or config_folder() / CONFIG_NAME
        named = {"--files-from": self.files_from, "--password-file": self.password_file, "--config": config}
        for name in ("prompt", "system"):
            text = str(self.flags.get(name) or os.environ.get(f"VISIONOCR_{name.upper()}") or "")
            named[f"--{name}"] = text[1:] if text.startswith("@") else None
        yield from ((str(path), f"the file of {option}") for option, path in named.items() if path)

    @property
    def is_open_ended(self) -> bool:
        """Whether more or fewer documents may be read than are named."""
        return self.recursive or self.files_from is not None


def run(options: ReadOptions) -> None:
    """Read, write, and end with the right exit code."""
    # The command line must answer --help at once, so what opens documents and servers is loaded here.
    from visionocr import job
    from visionocr.cluster import cluster
    from visionocr.documents.selection import parse_pages
    from visionocr.documents.source import Source

    selection = None
    hints: dict[PageRef, str] = {}
    console = Console(
        -1 if options.quiet else options.verbose,
        selected=lambda count: count if selection is None else sum(1 for _ in selection.numbers(count)),
        hint_for=lambda page: hints.get(page, ""),
    )
    with reported(console, options.verbose):
        options.check()
        selection = parse_pages(options.pages) if options.pages is not None else None
        settings = settings_from(options.flags, options.config)
        if warning := check_key_file(settings):
            console(Notice(warning, warning=True))
        if options.sidecars is None:
            check_paths(options.output, options.journal, options.inputs())
        may_ask = "-" not in (*options.files, options.files_from)
        passwords = Passwords(options.password_file, console, may_ask=may_ask)
        found = _find(options, console)
        how: dict[str, Any] = {"selection": selection, "password": passwords, "workers": settings.raster_workers}
        library = Library(config_folder())
        if options.dry_run:
            from visionocr.cli.dry_run import show_plan

            source = Source(found, **how)
            raise typer.Exit(show_plan(settings, library, source, options.task, probe=options.probe_pages))
        found = _require_some(found, console)
        source = Source(found, **how, hints=hints, spool=settings.cluster is not None)
        if options.kind == "pdf":
            source.warm()
        tally = Tally(settings.strict)
        stop = current_stop.get()
        prepare = job.prepare if settings.cluster is None else cluster.prepare
        prepared = prepare(settings, library, task=options.task, observer=console, stop=stop)
        try:
            resume = _resume(options, prepared, console)
            try:
                sink = _sink(options, settings, prepared, resume, console)
                source.earlier = resume
                console(_planned(options))
                results = prepared.read(source, known=resume.known, record=resume.record)
                _write(results, sink, tally, console, resume)
            finally:
                resume.close()
        finally:
            passwords.close()
            prepared.close()
            source.close()
        console.summary()
        if tally.code is not ExitCode.OK:
            raise typer.Exit(tally.code)


def _find(options: ReadOptions, console: Console) -> Iterator[Found]:
    """The files to read: each once, however often it is named."""
    from visionocr.documents.discovery import discover
    from visionocr.documents.kinds import Kind

    seen: set[bytes] = set()  # short hashes: there may be very many files
    files = itertools.chain(options.files, list_files(options.files_from))
    for item in discover(files, recursive=options.recursive, kinds=[Kind(options.kind)]):
        if item.problem is None and not item.pipe:
            path = blake2b(os.fsencode(os.path.abspath(item.path)), digest_size=12).digest()
            if path in seen:
                console(Notice(f"{item.name} is given more than once: it is read once"))
                continue
            seen.add(path)
            if options.sidecars is not None and not options.sidecars.is_wanted(item.path):
                continue
        yield item


def _require_some(found: Iterator[Found], console: Console) -> Iterator[Found]:
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


def _resume(options: ReadOptions, prepared: Job, console: Console) -> Resume:
    from visionocr.cli.resume import Resume

    has_state = options.sidecars is None
    return Resume(
        state_path(options.output, options.journal) if has_state else None,
        output_folder(options.output) if has_state else None,
        prepared.fingerprint,
        redo=options.redo,
        keep=options.keep_journal,
        console=console,
    )


def _sink(options: ReadOptions, settings: Settings, prepared: Job, resume: Resume, console: Console) -> Sink:
    if options.sidecars is not None:
        return options.sidecars.sink(lambda error: console.error(error.message, error.hint))
    several = len(options.files) > 1 or options.is_open_ended
    formatter = formatter_for(settings, captions=options.captions, several=several)
    folder = output_folder(options.output)
    if folder is None:
        return sink_for(options.output, formatter)
    return resume.folder_sink(folder, formatter, _output_key(options, settings, prepared.fingerprint))


def _output_key(options: ReadOptions, settings: Settings, fingerprint: Mapping[str, Any]) -> str:
    """Stands for everything that the files in an output folder depend on but their documents."""
    look = [settings.format, settings.page_breaks, options.pages, options.captions]
    return blake2b(json.dumps([fingerprint, look], sort_keys=True).encode(), digest_size=8).hexdigest()


def _write(
    results: Generator[PageResult, None, None], sink: Sink, tally: Tally, console: Console, resume: Resume
) -> None:
    try:
        for result in map(resume.choose, results):
            tally.add(result)
            console.writing(partial(sink.write, result))
        console.writing(sink.finish)
    except BaseException:
        results.close()
        console.close()
        sink.discard()
        resume.interrupt()
        raise
    resume.finish()


def _planned(options: ReadOptions) -> Planned:
    if options.is_open_ended or options.sidecars is not None:  # some pictures may have their captions
        return Planned(0)
    count = len(options.files)
    return Planned(count, count if options.kind == "image" and count > 1 else None)

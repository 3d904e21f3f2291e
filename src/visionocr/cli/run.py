"""The one path that ``pdf``, ``image`` and ``describe`` share: options in, results out."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from operator import call
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from visionocr.choices import Format
from visionocr.cli.figures import FigureCutter, link_kind
from visionocr.cli.listing import list_files
from visionocr.cli.options import check_key_file, config_folder, settings_from
from visionocr.cli.outcome import Tally, current_stop, reported
from visionocr.cli.outputs import check_outputs, make_kinds, make_sink
from visionocr.cli.passwords import Passwords
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.sidecars import SidecarSink
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.output.arrange import arrange
from visionocr.output.figures import LinkedSink
from visionocr.output.formats import Formatter
from visionocr.output.writer import Sink
from visionocr.prompting.library import Library
from visionocr.types import Notice, PageRef, PageResult, Planned

if TYPE_CHECKING:
    from visionocr.cli.resume import Resume
    from visionocr.documents.discovery import Found
    from visionocr.documents.source import Source
    from visionocr.job import Job
    from visionocr.settings import Settings


def run(
    options: ReadOptions,
    prepare_job: Callable[..., Job] | None = None,
    formatter: Callable[[], Formatter] | None = None,
) -> None:
    """Read, write, and end with the right exit code.

    *prepare_job* and *formatter* replace those that the settings ask for.
    """
    # The command line must answer --help at once, so what opens documents and servers is loaded here.
    from visionocr.cli.resume import Resume
    from visionocr.documents.selection import parse_pages
    from visionocr.documents.source import Source

    selection = None
    hints: dict[PageRef, str] = {}
    console = Console(
        -1 if options.quiet else options.verbose,
        selected=lambda count: options.count_results(count, selection),
        hint_for=lambda page: hints.get(page, ""),
        noun="record" if options.command == "extract" else "page",
    )
    with reported(console, options.verbose):
        options.check()
        selection = parse_pages(options.pages) if options.pages is not None else None
        settings = settings_from(options.flags, options.config)
        if warning := check_key_file(settings):
            console(Notice(warning, warning=True))
        options.check_files()
        if formatter is not None:
            settings = replace(settings, format=Format.JSONL)  # what pages are written as means nothing here
        check_outputs(options, settings)
        stop = current_stop.get()
        tally = Tally(settings.strict)
        may_ask = "-" not in (*options.files, options.files_from)
        passwords = Passwords(options.password_file, console, may_ask=may_ask)
        sidecars = _make_sidecars(options, console)
        found = _find(options, sidecars, console)
        if not options.dry_run:
            found = _require_some(found, console)
        with contextlib.ExitStack() as stack:
            stack.callback(passwords.restore_terminal)
            stack.enter_context(stop.waking(passwords.restore_terminal))
            source = Source(
                found,
                selection=selection,
                password=passwords,
                workers=settings.raster_workers,
                hints=hints,
                spool=settings.cluster is not None or settings.needs_places,
                open_all=settings.needs_places or options.figures is not None,
            )
            stack.enter_context(source)
            prepare = partial(
                prepare_job or partial(_choose_prepare(settings), task=options.task),
                settings,
                Library(config_folder()),
                stop=stop,
            )
            if options.dry_run:
                from visionocr.cli.dry_run import show_plan

                raise typer.Exit(show_plan(source, prepare, probe=options.probe_pages))
            if options.kind == "pdf":
                source.warm()
            prepared = stack.enter_context(contextlib.closing(prepare(observer=console)))
            several = len(options.files) > 1 or options.is_open_ended
            kinds = make_kinds(options, settings, source, console, several=several, formatter=formatter)
            if options.figures is not None:
                kinds = [link_kind(kind, options.figures) for kind in kinds]
            resume = Resume(options, settings, prepared.fingerprint, kinds, console)
            stack.callback(resume.close)
            sink: Sink | None = sidecars or resume.folder_sink
            if sink is None:
                sink = make_sink(options, settings, source, console, several=several, formatter=formatter)
                if options.figures is not None:
                    to_stdout = options.output in (None, "-")
                    sink = LinkedSink(sink, options.figures, Path() if to_stdout else Path(str(options.output)).parent)
            source.earlier = resume
            count = 0 if options.is_open_ended else len(options.files)
            console(Planned(count, count if options.kind == "image" and count > 1 else None))
            results = prepared.read(source, known=resume.find_page, record=resume.record)
            chosen: Iterable[PageResult] = map(resume.choose, results)
            if options.figures is not None:
                chosen = map(_open_cutter(options, settings, source, prepared, console, resume).add, chosen)
            if formatter is None:
                chosen = arrange(chosen, settings, markdown=prepared.question.task.markdown)
            _write(results, chosen, sink, tally, console, resume)
        console.summary()
        if tally.code is not ExitCode.OK:
            raise typer.Exit(tally.code)


def _choose_prepare(settings: Settings) -> Callable[..., Job]:
    """The function that prepares the job, here or on a cluster."""
    if settings.cluster is not None:
        from visionocr.cluster import cluster

        return cluster.prepare
    from visionocr import job

    return job.prepare


def _open_cutter(
    options: ReadOptions, settings: Settings, source: Source, job: Job, console: Console, resume: Resume
) -> FigureCutter:
    """What gives pages their figures. Raises ``OutputError``, and what ``Describer`` raises."""
    describer = None
    if options.describe_figures:
        if settings.cluster is not None:
            raise UsageError("--describe-figures does not go with --cluster", "Leave out one of them.")
        from visionocr.describing import Describer

        describer = Describer(job, settings, Library(config_folder()))
    return FigureCutter(
        Path(str(options.figures)),
        source,
        console,
        stop=job.stop,
        markdown=job.question.task.markdown,
        record=resume.record,
        describer=describer,
    )


def _make_sidecars(options: ReadOptions, console: Console) -> SidecarSink | None:
    if options.sidecar is None:
        return None
    return SidecarSink(
        options.sidecar,
        lambda error: console.error(error.message, error.hint),
        prefix=options.prefix,
        suffix=options.suffix,
        force=options.force,
    )


def _find(options: ReadOptions, sidecars: SidecarSink | None, console: Console) -> Iterator[Found]:
    """The files to read: each once, however often it is named."""
    from visionocr.documents.discovery import discover
    from visionocr.documents.kinds import Kind

    seen: set[int] = set()  # hashes: there may be very many files
    files = itertools.chain(options.files, list_files(options.files_from))
    for item in discover(files, recursive=options.recursive, kinds=map(Kind, options.kinds)):
        if item.problem is None and not item.pipe:
            path = hash(os.path.abspath(item.path))
            if path in seen:
                console(Notice(f"{item.name} is given more than once: it is read once"))
                continue
            seen.add(path)
            if sidecars is not None and not sidecars.is_wanted(item.path):
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


def _write(
    results: Generator[PageResult, None, None],
    arranged: Iterable[PageResult],
    sink: Sink,
    tally: Tally,
    console: Console,
    resume: Resume,
) -> None:
    # A caption that cannot be written is reported on the console, which must not be held for it.
    writing = call if isinstance(sink, SidecarSink) else console.writing
    try:
        for result in arranged:
            tally.add(result)
            writing(partial(sink.write, result))
        writing(sink.finish)
    except BaseException:
        results.close()
        console.close()
        sink.discard()
        resume.interrupt()
        raise
    resume.finish()

"""The one path that ``pdf``, ``image`` and ``describe`` share: options in, results out."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from visionocr.choices import DataSet, Existing, Format
from visionocr.cli.caption_options import choose_style
from visionocr.cli.figures import FigureCutter, link_kinds, link_sink
from visionocr.cli.listing import list_files
from visionocr.cli.metadata_sink import MetadataSink
from visionocr.cli.options import check_key_file, config_folder, settings_from
from visionocr.cli.outcome import Tally, current_stop, reported
from visionocr.cli.outputs import check_outputs, make_kinds, make_sink
from visionocr.cli.passwords import Passwords
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.report import Report
from visionocr.cli.sidecars import SidecarSink, look_up
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.output.arrange import arrange
from visionocr.output.formats import Formatter
from visionocr.output.image_folder import find_name
from visionocr.output.writer import SeveralSinks, Sink
from visionocr.paths import path_key
from visionocr.prompting.library import Library
from visionocr.types import Notice, PageRef, PageResult, Planned

if TYPE_CHECKING:
    from visionocr.cli.resume import Resume
    from visionocr.documents.discovery import Found
    from visionocr.documents.document_cache import Password
    from visionocr.documents.selection import PageSelection
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
        tally = Tally(settings.strict, console)
        may_ask = "-" not in (*options.files, options.files_from)
        passwords = Passwords(options.password_file, console, may_ask=may_ask)
        report = Report(options, settings, tally, console)
        captions = _make_captions(options, console)
        found = _find(options, captions, console)
        if not options.dry_run:
            found = _require_some(found, console, options.again)
        with contextlib.ExitStack() as stack:
            stack.callback(passwords.restore_terminal)
            stack.enter_context(stop.waking(passwords.restore_terminal))
            source = make_source(found, settings, passwords, hints, selection, open_all=options.figures is not None)
            stack.enter_context(source)
            prepare = partial(
                prepare_job or partial(_choose_prepare(options, settings, captions), task=options.task),
                settings,
                Library(config_folder()),
                stop=stop,
            )
            if options.dry_run:
                from visionocr.cli.dry_run import show_plan

                if not isinstance(captions, MetadataSink):
                    raise typer.Exit(show_plan(source, prepare, probe=options.probe_pages))
                code = show_plan(source, prepare, plan_document=captions.plan, probe=options.probe_pages)
                captions.report()
                raise typer.Exit(code)
            if options.kind == "pdf":
                source.warm()
            stack.enter_context(report.written())
            prepared = stack.enter_context(contextlib.closing(prepare(observer=report)))
            report.model, report.preset = prepared.engine.server.model, prepared.match.preset.name
            several = len(options.files) > 1 or options.is_open_ended
            kinds = make_kinds(
                options, settings, source.place, console, tally.refuse, several=several, formatter=formatter
            )
            kinds = link_kinds(kinds, options.figures)
            resume = Resume(options, settings, prepared.fingerprint, kinds, console)
            stack.callback(resume.close)
            # Before there is an output: what is wrong with its folder leaves no part of one.
            cutter = _make_cutter(options, settings, source, prepared, console, resume)
            sink: Sink | None = captions if options.goes_to_pictures else resume.folder_sink
            if sink is None:
                sink = make_sink(
                    options, settings, source.place, console, tally.refuse, several=several, formatter=formatter
                )
                sink = link_sink(sink, options.figures, options.output)
            if isinstance(captions, MetadataSink):
                captions.changed = resume.renew
                sink = sink if sink is captions else SeveralSinks([sink, captions])
            source.earlier = resume
            count = 0 if options.is_open_ended else len(options.files)
            console(Planned(count, count if options.kind == "image" and count > 1 else None))
            results = prepared.read(source, known=resume.find_page, record=resume.record)
            chosen: Iterable[PageResult] = map(resume.choose, results)
            if cutter is not None:
                chosen = map(cutter.add, chosen)
            if formatter is None:
                chosen = arrange(chosen, settings, markdown=prepared.question.task.markdown)
            _write(results, chosen, sink, tally, console, resume)
        console.summary()
        if tally.code is not ExitCode.OK:
            raise typer.Exit(tally.code)


def make_source(
    found: Iterable[Found],
    settings: Settings,
    password: Password,
    hints: dict[PageRef, str],
    selection: PageSelection | None = None,
    *,
    open_all: bool = False,
) -> Source:
    """The pages of *found* files, as the settings want them opened. *hints* and *open_all*: see ``Source``."""
    from visionocr.documents.source import Source

    return Source(
        found,
        selection=selection,
        password=password,
        workers=settings.raster_workers,
        hints=hints,
        spool=settings.cluster is not None or settings.needs_places,
        open_all=open_all or settings.needs_places,
    )


def _choose_prepare(
    options: ReadOptions, settings: Settings, captions: SidecarSink | MetadataSink | None
) -> Callable[..., Job]:
    """The function that prepares the job, here or on a cluster."""
    if settings.cluster is not None:
        from visionocr.cluster import cluster

        if not options.order.is_plain:
            raise UsageError("on a cluster there is one caption a picture", "Leave out --cluster, or the options.")
        return cluster.prepare
    if options.command == "describe":
        from visionocr.caption_job import prepare_captions

        sidecars = captions if isinstance(captions, SidecarSink) else None
        return partial(prepare_captions, order=options.order, look_up=partial(look_up, sidecars))
    from visionocr import job

    return job.prepare


def _make_cutter(
    options: ReadOptions, settings: Settings, source: Source, job: Job, console: Console, resume: Resume
) -> FigureCutter | None:
    """What gives the results the figures of their pages, where they are wanted.

    Raises ``OutputError``, and what ``Describer`` raises.
    """
    if options.figures is None:
        return None
    describer = None
    if options.describe_figures:
        if settings.cluster is not None:
            raise UsageError("--describe-figures does not go with --cluster", "Leave out one of them.")
        from visionocr.figure_describer import Describer

        describer = Describer(job, settings, Library(config_folder()))
    return FigureCutter(
        options.figures,
        source,
        console,
        stop=job.stop,
        markdown=job.question.task.markdown,
        record=resume.record,
        describer=describer,
    )


def _make_captions(options: ReadOptions, console: Console) -> SidecarSink | MetadataSink | None:
    """What puts captions into pictures or beside them."""
    if options.write is not None:
        return MetadataSink(options, console)
    if options.sidecar is None:
        return None
    return SidecarSink(
        options.sidecar,
        lambda error: console.error(error.message, error.hint),
        prefix=options.prefix,
        suffix=options.suffix,
        existing=Existing.REPLACE if options.force else options.existing,
        style=choose_style(options.order),
    )


def _find(options: ReadOptions, captions: SidecarSink | MetadataSink | None, console: Console) -> Iterator[Found]:
    """The files to read: each once, however often it is named."""
    from visionocr.documents.discovery import discover
    from visionocr.documents.kinds import Kind

    seen: set[int] = set()  # hashes: there may be very many files
    files = itertools.chain(options.files, list_files(options.files_from))
    for item in discover(files, recursive=options.recursive, kinds=map(Kind, options.kinds)):
        if item.problem is None and not item.pipe:
            # A file that is written into is described once, however many links lead to it.
            path = hash(path_key(item.path if options.write is None else os.path.realpath(item.path)))
            if path in seen:
                console(Notice(f"{item.name} is given more than once: it is read once"))
                continue
            seen.add(path)
            if captions is not None and not captions.is_wanted(item.path):
                continue
            if options.order.data_set is DataSet.IMAGEFOLDER:
                find_name(Path(str(options.output)).parent, item.path)  # told before anything is asked
        yield item


def _require_some(found: Iterator[Found], console: Console, remedy: str) -> Iterator[Found]:
    """The same files. Where there is nothing to read among them, the command ends before a server is asked.

    *remedy* says how to describe pictures that have captions.
    """
    first: list[Found] = []
    for item in found:
        first.append(item)
        if item.problem is None:
            return itertools.chain(first, found)
    for item in first:
        if item.problem is not None:
            console.error(item.problem.message, item.problem.hint)
    if not first:
        console(Notice(f"nothing to do: every picture has its caption ({remedy})"))
    raise typer.Exit(ExitCode.DOCUMENT if first else ExitCode.OK)


def _write(
    results: Generator[PageResult, None, None],
    arranged: Iterable[PageResult],
    sink: Sink,
    tally: Tally,
    console: Console,
    resume: Resume,
) -> None:
    try:
        for result in arranged:
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

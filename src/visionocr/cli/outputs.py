"""The outputs that the options ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from visionocr.choices import DataSet, Format
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.documents.source import Place
from visionocr.errors import DocumentError, UsageError
from visionocr.output import alto, page_xml
from visionocr.output.files import remove_leftovers
from visionocr.output.folder import OutputKind
from visionocr.output.formats import Formatter, formatter_for
from visionocr.output.front_matter import WithFrontMatter
from visionocr.output.writer import FileSink, PageFilesSink, Sink, StdoutSink
from visionocr.settings import Settings
from visionocr.types import PageRef, PageResult

_PAGE_FILES = {Format.ALTO: (".alto.xml", alto.render_alto), Format.PAGE: (".page.xml", page_xml.render_page_xml)}
Refuse = Callable[[DocumentError], None]
_NO_STREAM = {Format.PDF, Format.ALTO, Format.PAGE}
"""Formats that are no text that could be printed page by page."""


def check_outputs(options: ReadOptions, settings: Settings) -> None:
    """Raise ``UsageError`` for formats that do not suit the output."""
    _check_parts(options, settings)
    is_folder = options.folder is not None
    several = len(settings.formats) > 1
    if options.goes_to_pictures or is_folder:
        return
    if several:
        raise UsageError("several formats need a folder", "Give --output DIR/ with a slash at its end.")
    (kind,) = settings.formats
    if kind not in _NO_STREAM:
        return
    if options.output in (None, "-"):
        raise UsageError(f"--format {kind} cannot be printed", "Give --output FILE, or a folder.")
    if len(options.files) > 1 or options.is_open_ended:
        raise UsageError(
            f"--format {kind} is one output a document", "For several documents give --output DIR/ with a slash."
        )


def _check_parts(options: ReadOptions, settings: Settings) -> None:
    """Raise ``UsageError`` where keywords or alternative texts are asked for, but stand in no output."""
    order = options.order
    in_results = options.sidecar is None and not {Format.JSON, Format.JSONL}.isdisjoint(settings.formats)
    if in_results or options.write is not None or order.data_set is DataSet.IMAGEFOLDER:
        return
    if order.keywords or order.alt:
        name = "--keywords" if order.keywords else "--alt"
        raise UsageError(f"{name}: no output has a place for it", "Use -f jsonl, --write, or --for imagefolder.")


def make_kinds(
    options: ReadOptions,
    settings: Settings,
    place: Callable[[PageRef], Place],
    console: Console,
    refuse: Refuse,
    *,
    several: bool,
    formatter: Callable[[], Formatter] | None = None,
) -> list[OutputKind]:
    """The files that each document gets. *several*: more than one document may come.

    *place* tells where the document of a page can be opened. *refuse* is called where a document cannot have such an
    output. *formatter* replaces those of the settings.
    """
    if formatter is not None:
        return [OutputKind(formatter().suffix, partial(_make_file, formatter))]
    return [_make_kind(kind, options, settings, place, console, refuse, several) for kind in settings.formats]


def _make_kind(
    kind: Format,
    options: ReadOptions,
    settings: Settings,
    place: Callable[[PageRef], Place],
    console: Console,
    refuse: Refuse,
    several: bool,
) -> OutputKind:
    if kind is Format.PDF:
        from visionocr.cli.searchable import SearchableSink

        make = partial(
            SearchableSink, place=place, console=console, refuse=refuse, replaces_layer=settings.replace_layer
        )
        return OutputKind(".pdf", make)
    if kind in _PAGE_FILES:
        suffix, render = _PAGE_FILES[kind]
        return OutputKind(suffix, lambda path, _: PageFilesSink(path, suffix, render))
    formatter = _choose_formatter(kind, options, settings, several)
    return OutputKind(formatter().suffix, partial(_make_file, formatter))


def make_sink(
    options: ReadOptions,
    settings: Settings,
    place: Callable[[PageRef], Place],
    console: Console,
    refuse: Refuse,
    *,
    several: bool,
    formatter: Callable[[], Formatter] | None = None,
) -> Sink:
    """The sink for standard output or a single file; see ``make_kinds``."""
    (kind,) = settings.formats
    formatter = formatter or _choose_formatter(kind, options, settings, several)
    if kind not in _NO_STREAM and options.output in (None, "-"):
        return StdoutSink(formatter())
    path = Path(str(options.output))
    remove_leftovers(path.parent)
    if kind is Format.PDF:
        return _LateOutput(path, make_kinds(options, settings, place, console, refuse, several=several)[0])
    if kind in _PAGE_FILES:
        return PageFilesSink(path, path.suffix, _PAGE_FILES[kind][1])
    return FileSink(path, formatter())


def _choose_formatter(kind: Format, options: ReadOptions, settings: Settings, several: bool) -> Callable[[], Formatter]:
    captions, has_lines = options.command == "describe", options.order.captions > 1
    make = formatter_for(settings, kind, captions=captions, several=several, has_lines=has_lines)
    return (lambda: WithFrontMatter(make())) if settings.front_matter and kind is Format.MD else make


def _make_file(formatter: Callable[[], Formatter], path: Path, _page: PageRef) -> FileSink:
    return FileSink(path, formatter())


class _LateOutput(Sink):
    """An output that is begun with the first page, because it needs that page's document."""

    def __init__(self, path: Path, kind: OutputKind) -> None:
        self._path, self._kind = path, kind
        self._sink: Sink | None = None

    def write(self, result: PageResult) -> None:
        """Add one page."""
        if self._sink is None:
            self._sink = self._kind.make(self._path, result.page)
        self._sink.write(result)

    def finish(self) -> None:
        """Finish it."""
        if self._sink is not None:
            self._sink.finish()

    def discard(self) -> None:
        """Discard it."""
        if self._sink is not None:
            self._sink.discard()

"""Writes results of earlier runs again: completes them, then gives them to the sinks of a run."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from visionocr.choices import Format
from visionocr.cli.export_places import Placer
from visionocr.cli.options import config_folder
from visionocr.cli.outcome import Tally, current_stop
from visionocr.cli.outputs import check_outputs, make_kinds, make_sink
from visionocr.cli.passwords import Passwords
from visionocr.cli.read_options import ReadOptions
from visionocr.console import Console
from visionocr.errors import ConfigurationError, DocumentError, ExitCode, UsageError
from visionocr.loaded import unreadable
from visionocr.output.arrange import arrange
from visionocr.output.figures import has_links
from visionocr.output.folder import FolderSink, make_folder
from visionocr.output.state import FOLDER_STATE
from visionocr.output.stored import Store, StoredDocument, open_results
from visionocr.output.writer import Sink
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.text import printable
from visionocr.types import Answered, Notice, PageRef, PageResult, Planned


def write_again(
    results: Path,
    output: str | None,
    settings: Settings,
    console: Console,
    hints: dict[PageRef, str],
    *,
    given: Sequence[Path],
    passwords: Passwords,
) -> ExitCode:
    """Write *results*, a folder or a file, in the formats that the settings name; the code to end with.

    *output*: as ``--output`` names it. *given*: where documents may be. *hints* receives what can be done about
    documents that are needed and cannot be had. Raises ``VisionOcrError`` before anything is written.
    """
    with contextlib.ExitStack() as stack:
        documents, store = stack.enter_context(open_results(results))
        read = _make_options(results, output, documents)
        read.check_files()
        check_outputs(read, settings)
        if settings.needs_places and not all(document.is_transcript for document in documents):
            raise ConfigurationError(f"--format {settings.format} needs the page's own text", "Choose another format.")
        stop = current_stop.get()
        placer = Placer(
            results, given, password=passwords, workers=settings.raster_workers, observer=console, stop=stop
        )
        stack.callback(placer.close)
        stack.enter_context(stop.waking(placer.close))
        tally = Tally(settings.strict, console)
        console(Planned(len(documents), sum(len(document.numbers) for document in documents)))
        ready = []
        for document in documents:
            try:
                if settings.needs_places:
                    placer.add_places(document, needs_document=Format.PDF in settings.formats)
                ready.append(document)
            except DocumentError as error:
                refused = unreadable(PageRef(document.name, 0, digest=document.digest), error)
                hints[refused.page] = error.hint
                tally.add(refused)
                console(Answered(refused))
        sink = _open_sink(read, settings, placer, store, console, tally, stack, documents)
        try:
            for document in ready:
                if isinstance(sink, FolderSink):
                    sink.expect(document.name, document.origin)
                pages = None
                for result in arrange(_read(document, stop), settings, markdown=_is_markdown(document.task)):
                    pages = result.page.pages
                    tally.add(result)
                    console(Answered(result, known=True))
                    console.writing(partial(sink.write, result))
                if pages is not None and (missing := pages - len(document.numbers)):
                    console(Notice(f"{printable(document.name)}: {missing} of {pages} pages were never read"))
            console.writing(sink.finish)
        except BaseException:
            sink.discard()
            raise
        return tally.code


def _make_options(results: Path, output: str | None, documents: Sequence[StoredDocument]) -> ReadOptions:
    """The options of a run that would have read the documents for this output. Raises ``UsageError``."""
    if not documents:
        raise UsageError(
            f"{printable(str(results))} has no results of pages", "Records of visionocr extract are not exported."
        )
    if output is None and results.is_dir():
        output = f"{results}/"
    if output is not None and results.is_file() and os.path.exists(output) and results.samefile(output):
        raise UsageError(f"--output {output} is the file of results", "Choose another name.")
    are_captions = all(document.task == "describe" for document in documents)
    files = [document.path or document.name for document in documents]
    return ReadOptions(files, "describe" if are_captions else "pdf", "transcribe", {}, output=output)


def _open_sink(
    read: ReadOptions,
    settings: Settings,
    placer: Placer,
    store: Store | None,
    console: Console,
    tally: Tally,
    stack: contextlib.ExitStack,
    documents: Sequence[StoredDocument],
) -> Sink:
    """Where the results go. *store*: the state that they come from. Raises ``UsageError``, ``OutputError``."""
    several = len(documents) > 1
    if read.folder is None:
        if read.output not in (None, "-"):
            _check_links(Path(str(read.output)))
        return make_sink(read, settings, placer.place, console, tally.refuse, several=several)
    make_folder(read.folder)
    path = read.folder / FOLDER_STATE
    if store is None or os.path.realpath(path) != os.path.realpath(store.path):
        store = Store(path)
        stack.callback(store.close)
    kinds = make_kinds(read, settings, placer.place, console, tally.refuse, several=several)
    for document in documents:
        for kind in kinds:
            _check_links(read.folder / document.origin.below / f"{document.origin.stem}{kind.suffix}")
    return FolderSink(read.folder, kinds, store)


def _check_links(output: Path) -> None:
    """Raise ``UsageError`` where links to figures would get lost: the state does not know the figures' files."""
    if has_links(output):
        raise UsageError(
            f"{output} has links to figures, which are not exported",
            "Choose another --output, or repeat the command with --figures and this format: nothing is asked again.",
        )


def _read(document: StoredDocument, stop: Stop) -> Iterator[PageResult]:
    """The results of a document."""
    for number in document.numbers:
        stop.check()
        if (result := document.read(number)) is not None:
            yield result


def _is_markdown(task: str) -> bool:
    """Whether the answers to a task are Markdown, as those to most are."""
    try:
        return Library(config_folder()).task(task).markdown
    except ConfigurationError:  # it is not there any more
        return True

"""Chooses where results and the state go, and how results look, from the options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import OutputError, UsageError
from visionocr.output.files import is_stream, remove_leftovers
from visionocr.output.formats import Captions, Formatter, Json, JsonLines, PagesText
from visionocr.output.writer import FileSink, Sink, StdoutSink
from visionocr.settings import Format, PageBreaks, Settings

_ANOTHER_NAME = "Choose another name."


def formatter_for(settings: Settings, *, captions: bool = False, several: bool = False) -> Callable[[], Formatter]:
    """A maker of formatters, one for each output file."""
    match settings.format:
        case Format.JSON:
            return Json
        case Format.JSONL:
            return JsonLines
    suffix = f".{settings.format}"
    if captions:
        return lambda: Captions(suffix, several)
    default = PageBreaks.COMMENT if settings.format is Format.MD else PageBreaks.FORMFEED
    return lambda: PagesText(suffix, settings.page_breaks or default)


def check_paths(output: str | None, journal: Path | None, inputs: Iterable[tuple[str, str]]) -> None:
    """Find out early what can be known early about ``--output`` and ``--journal``.

    *inputs* are paths of files that must not be overwritten, each with what it is. Raises ``UsageError`` where
    something would be lost, ``OutputError`` for a folder that is not there.
    """
    from visionocr.output.database import is_foreign

    if output == "":
        raise UsageError("--output is given, but empty", "Give the name of a file, or of a folder with a slash.")
    if output is not None and output != "-" and output_folder(output) is None:
        path = Path(output)
        if not os.path.isdir(path.parent):
            raise OutputError(f"there is no folder {path.parent}", "Create it first, or give another --output.")
        for name, what in inputs:
            if os.path.exists(path) and os.path.exists(name) and path.samefile(name):
                raise UsageError(f"--output {output} is {what}", _ANOTHER_NAME)
        if content := _irreplaceable_content(path):
            raise UsageError(f"--output {output} would overwrite {content}", _ANOTHER_NAME)
        if journal is not None and os.path.realpath(journal) == os.path.realpath(path):
            raise UsageError("--journal and --output are the same file", _ANOTHER_NAME)
    state = state_path(output, journal)
    if state is not None and is_foreign(state):
        raise UsageError(f"{state} is not a journal of visionocr", "Choose another name, or move it away.")


def output_folder(output: str | None) -> Path | None:
    """The folder that ``--output`` names: with a slash at its end, or one that exists; ``None`` when it is none."""
    if output is None or not (output.endswith(("/", os.sep)) or os.path.isdir(output)):
        return None
    return Path(output)


def state_path(output: str | None, journal: Path | None) -> Path | None:
    """Where ``--journal`` says, else beside the output file or in the output folder; ``None``: there is no state."""
    from visionocr.output.state import FOLDER_STATE

    if journal is not None or output is None or output == "-":
        return journal
    if (folder := output_folder(output)) is not None:
        return folder / FOLDER_STATE
    return None if is_stream(Path(output)) else Path(f"{output}.journal")


def sink_for(output: str | None, formatter: Callable[[], Formatter]) -> Sink:
    """Standard output or a file."""
    if output is None or output == "-":
        return StdoutSink(formatter())
    remove_leftovers(Path(output).parent)
    return FileSink(Path(output), formatter())


def is_document(path: Path) -> bool:
    """Whether a PDF or a picture lies there: no file of ours is one."""
    return sniff(_head(path)) is not None


def _irreplaceable_content(path: Path) -> str:
    """What lies there, when nobody can want it to be overwritten by a text; empty when it may be."""
    head = _head(path)
    if sniff(head) is not None:
        return "a PDF or a picture"
    return {b"GGUF": "a model file", b"SQLi": "a database"}.get(head[:4], "")


def _head(path: Path) -> bytes:
    if not os.path.isfile(path):
        return b""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""

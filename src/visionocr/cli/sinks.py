"""Chooses where results go and how they look, from the options."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import OutputError, UsageError
from visionocr.output.formats import Captions, Formatter, Json, JsonLines, PagesText
from visionocr.output.writer import FileSink, FolderSink, Sink, StdoutSink
from visionocr.settings import Format, PageBreaks, Settings


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


def check_output(output: str | None, inputs: list[str]) -> None:
    """Find out early what can be known early. Raises ``UsageError`` where a document or a picture would be lost."""
    if output is None or output == "-":
        return
    if not output:
        raise UsageError("--output is given, but empty", "Give the name of a file, or of a folder with a slash.")
    path = Path(output)
    if _is_folder(output, path):
        return
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent}", "Create it first, or give another --output.")
    for name in inputs:
        if name != "-" and path.exists() and Path(name).exists() and path.samefile(name):
            raise UsageError(f"--output {output} is one of the documents to read", "Choose another name.")
    if is_document(path):
        raise UsageError(f"--output {output} would overwrite a PDF or a picture", "Choose another name.")


def sink_for(output: str | None, formatter: Callable[[], Formatter], job: str = "") -> Sink:
    """Standard output, ``FILE``, or ``DIR/`` (a trailing slash, or a folder that exists).

    *job* stands for all that the files in a folder depend on but their documents.
    """
    if output is None or output == "-":
        return StdoutSink(formatter())
    path = Path(output)
    return FolderSink(path, formatter, job) if _is_folder(output, path) else FileSink(path, formatter())


def is_document(path: Path) -> bool:
    """Whether a PDF or a picture lies there: no file of ours is one."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return sniff(file.read(HEAD)) is not None
    except OSError:
        return False


def _is_folder(output: str, path: Path) -> bool:
    return output.endswith(("/", os.sep)) or path.is_dir()

"""Chooses where results go and how they look, from the options."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from visionocr.errors import UsageError
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


def sink_for(output: str | None, formatter: Callable[[], Formatter], inputs: list[str]) -> Sink:
    """Standard output, ``FILE``, or ``DIR/`` (a trailing slash, or a folder that exists).

    Raises ``UsageError`` when the output would overwrite an input.
    """
    if output is None or output == "-":
        return StdoutSink(formatter())
    path = Path(output)
    if output.endswith(("/", os.sep)) or path.is_dir():
        return FolderSink(path, formatter)
    for name in inputs:
        if name != "-" and path.exists() and Path(name).exists() and path.samefile(name):
            raise UsageError(f"--output {output} is one of the documents to read", "Choose another name.")
    return FileSink(path, formatter())

"""``visionocr gguf``: what model files hold, and whether a projector works with a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ConfigurationError, ExitCode, UsageError
from visionocr.output.writer import write_stdout
from visionocr.prompting.library import Library
from visionocr.text import printable
from visionocr.types import Notice, Preset

Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A language model in GGUF, or a folder of such files.", show_default=False),
]
Projector = Annotated[
    Path | None,
    typer.Argument(metavar="PROJECTOR", help="Its projector (mmproj), to judge the pair.", show_default=False),
]


def gguf(
    model: Model,
    projector: Projector = None,
    recursive: options.Recursive = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = 0,
) -> None:
    """Say what model files hold, and which projector works with which model.

    Reads the headers only. Exit code 3: a file is broken, or no pair can be loaded.
    """
    console = Console(verbose)
    with reported(console, verbose):
        presets = Library(options.config_folder()).presets()
        if model.is_dir():
            if projector is not None:
                raise UsageError("a folder is paired within itself", "Give two files, or one folder.")
            text, report, good = _folder(model, presets, recursive, console)
        else:
            text, report, good = _files(model, projector, presets)
        write_stdout(json.dumps(report, indent=2) + "\n" if as_json else text)
        if not good:
            raise typer.Exit(ExitCode.CONFIGURATION)


def _files(model: Path, projector: Path | None, presets: tuple[Preset, ...]) -> tuple[str, dict[str, Any], bool]:
    """Text, JSON and whether all is well, for one or two files."""
    # The command line must answer --help at once, so what reads model files is loaded here.
    from visionocr.cli import gguf_report
    from visionocr.gguf.compatibility import Fit, judge
    from visionocr.gguf.facts import ProjectorFacts
    from visionocr.gguf.pair import examine, inspect

    if projector is not None:
        verdict = examine(model, projector, presets)
    else:
        facts = inspect(model, presets)
        if isinstance(facts, ProjectorFacts):
            return gguf_report.projector_text(facts), {"projector": gguf_report.projector_fields(facts)}, True
        verdict = judge(facts, None, presets)
    return gguf_report.pair_text(verdict), gguf_report.pair_fields(verdict), verdict.fit is not Fit.CANNOT_LOAD


def _folder(
    folder: Path, presets: tuple[Preset, ...], recursive: bool, console: Console
) -> tuple[str, dict[str, Any], bool]:
    from visionocr.cli import gguf_report
    from visionocr.gguf.compatibility import Fit
    from visionocr.gguf.folder import examine_folder

    found = examine_folder(folder, presets, recursive=recursive)
    for file in found.unreadable:
        console(Notice(f"{file.message}. {file.hint}".rstrip(), warning=True))
    if not found.models and not found.projectors:
        raise ConfigurationError(f"no model file in {printable(str(folder))} can be read")
    good = not found.unreadable and (not found.pairs or any(p.fit is not Fit.CANNOT_LOAD for p in found.pairs))
    return gguf_report.folder_text(found), gguf_report.folder_fields(found), good

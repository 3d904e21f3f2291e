"""``visionocr gguf``: what model files hold, and whether a projector works with a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ConfigurationError, ExitCode, UsageError
from visionocr.output.writer import write_stdout
from visionocr.prompting.library import Library
from visionocr.text import printable
from visionocr.types import Notice, Preset

if TYPE_CHECKING:
    from visionocr.cli.gguf_report import Report

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
        if not model.is_dir():
            report = _report_files(model, projector, presets)
        elif projector is None:
            report = _report_folder(model, presets, recursive, console)
        else:
            raise UsageError("a folder is paired within itself", "Give two files, or one folder.")
        write_stdout(json.dumps(report.fields, indent=2) + "\n" if as_json else report.text)
        if not report.good:
            raise typer.Exit(ExitCode.CONFIGURATION)


def _report_files(model: Path, projector: Path | None, presets: tuple[Preset, ...]) -> Report:
    """One or two files. A model and its projector are judged; either may be alone."""
    # The command line must answer --help at once, so what reads model files is loaded here.
    from visionocr.cli.gguf_report import describe_pair, describe_projector
    from visionocr.gguf.compatibility import examine_pair, judge_pair
    from visionocr.gguf.facts import ProjectorFacts, load_facts

    if projector is not None:
        return describe_pair(examine_pair(model, projector, presets))
    facts = load_facts(model, presets)
    if isinstance(facts, ProjectorFacts):
        return describe_projector(facts)
    return describe_pair(judge_pair(facts, None, presets))


def _report_folder(folder: Path, presets: tuple[Preset, ...], recursive: bool, console: Console) -> Report:
    from visionocr.cli.gguf_report import describe_folder
    from visionocr.gguf.folder import examine_folder

    found = examine_folder(folder, presets, recursive=recursive)
    for error in found.unreadable.values():
        console(Notice(f"{error.message}. {error.hint}".rstrip(), warning=True))
    if not found.models and not found.projectors:
        raise ConfigurationError(f"no model file in {printable(str(folder))} can be read")
    return describe_folder(found)

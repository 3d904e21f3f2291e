"""``visionocr gguf``: what model files hold, and whether a projector works with a model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.output.writer import write_stdout
from visionocr.prompting.library import Library

Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A language model (GGUF file), or a folder of them.", show_default=False),
]
Projector = Annotated[
    Path | None,
    typer.Argument(metavar="PROJECTOR", help="Its projector (mmproj), to check the pair.", show_default=False),
]


def gguf(
    model: Model,
    projector: Projector = None,
    recursive: options.Recursive = False,
    as_json: options.AsJson = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show what model files contain, and which belong together.

    Reads the headers only. Exit code 3: a file is broken, or no pair can be loaded.
    """
    console = Console(verbose)
    with reported(console, verbose):
        from visionocr.cli.gguf_report import report_files, report_folder  # late: --help must answer at once

        presets = Library(options.config_folder()).presets()
        if not os.path.isdir(model):  # unlike the method it raises nothing for paths that may not be looked at
            report = report_files(model, projector, presets)
        elif projector is None:
            report = report_folder(model, presets, recursive, console)
        else:
            raise UsageError("a projector cannot be given with a folder", "Give two files, or one folder.")
        write_stdout(json.dumps(report.fields, indent=2) + "\n" if as_json else report.text)
        if not report.good:
            raise typer.Exit(ExitCode.CONFIGURATION)

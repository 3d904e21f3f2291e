"""``visionocr gguf``: what model files hold, and whether a projector works with a model."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ExitCode, UsageError
from visionocr.output.stdout import write_stdout
from visionocr.prompting.library import Library
from visionocr.text import printable, write_count
from visionocr.types import Notice

Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="A language model (GGUF file), or a folder of them.", show_default=False),
]
Projector = Annotated[
    Path | None,
    typer.Argument(metavar="PROJECTOR", help="Its projector (mmproj), to check the pair.", show_default=False),
]
Rename = Annotated[
    bool,
    typer.Option(
        "--rename",
        help="Rename projectors whose names say nothing (mmproj-model-f16.gguf) after the model that they belong to "
        "(mmproj-MODEL-TYPE.gguf). Asks first.",
    ),
]
Undo = Annotated[bool, typer.Option("--undo", help="Give files that --rename renamed in the folder their old names.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before renaming.")]


def gguf(
    model: Model,
    projector: Projector = None,
    recursive: options.Recursive = False,
    as_json: options.AsJson = False,
    rename: Rename = False,
    undo: Undo = False,
    yes: Yes = False,
    verbose: options.Verbose = 0,
) -> None:
    """Show what model files contain, and which belong together.

    Reads the headers only. Exit code 3: a file is broken, or no pair can be loaded.
    """
    console = Console(verbose)
    with reported(console, verbose):
        from visionocr.cli.gguf_report import report_files, report_folder  # late: --help must answer at once

        if rename or undo:
            if (rename and undo) or as_json or projector is not None or not os.path.isdir(model):
                raise UsageError("--rename and --undo take one folder, and exclude each other and --json")
            if undo:
                _undo(model, yes, console)
            else:
                _rename(model, recursive, yes, console)
            return
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


def _rename(folder: Path, recursive: bool, yes: bool, console: Console) -> None:
    """Give projectors whose names say nothing the names of their models, if the user agrees."""
    from visionocr.gguf.folder import examine_folder  # late, as above
    from visionocr.gguf.naming import propose_names
    from visionocr.gguf.renaming import rename_files

    renames = []
    for one in propose_names(examine_folder(folder, Library(options.config_folder()).presets(), recursive=recursive)):
        path = one.projector.path
        if one.name:
            renames.append((path, path.with_name(one.name)))
        else:
            console(Notice(f"{printable(str(path))} is not renamed: {one.reason}", warning=True))
    if _confirm(renames, yes, console):
        rename_files(folder, renames)
        console(Notice(f"{write_count(len(renames), 'file')} renamed; --undo gives the old names back"))


def _undo(folder: Path, yes: bool, console: Console) -> None:
    """Give files their old names back, if the user agrees."""
    from visionocr.gguf.renaming import list_renamed, undo_renames

    renames = list_renamed(folder)
    if _confirm(renames, yes, console):
        undo_renames(folder, renames)
        console(Notice(f"{write_count(len(renames), 'file')} renamed"))


def _confirm(renames: Sequence[tuple[Path, Path]], yes: bool, console: Console) -> bool:
    """Show what would be renamed, and ask unless *yes*. Raises ``UsageError`` where there is no terminal to ask at."""
    write_stdout("".join(f"{printable(str(old))} -> {printable(new.name)}\n" for old, new in renames))
    if not renames:
        console(Notice("nothing to rename"))
        return False
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("renaming needs a yes, and there is no terminal to ask at", "Give --yes to rename unasked.")
    console.line("Rename? [y/N]")
    is_agreed = sys.stdin.readline().strip().lower() in {"y", "yes"}
    if not is_agreed:
        console(Notice("nothing is renamed"))
    return is_agreed

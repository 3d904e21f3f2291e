"""The options of the commands. Those that are settings get their name, type and help from ``Settings``."""

from __future__ import annotations

import contextlib
import functools
import getpass
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from enum import EnumType
from inspect import Parameter
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from visionocr.choices import Format
from visionocr.errors import ConfigurationError, UsageError
from visionocr.settings import CONFIG_NAME, FIELDS, TYPES, Settings, load_settings

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Files, folders (with -r), or - for standard input.", show_default=False),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="LIST",
        help="Also read the files named in LIST, one per line or each ended by NUL; - is standard input.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Config file to use instead of the default one.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only print errors.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Print more; -vv shows tracebacks.", show_default=False)
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Read folders and everything below them.")]
Pages = Annotated[
    str | None,
    typer.Option(
        "--pages", metavar="LIST", help="Pages to read, such as 1-3,7,12- (-1 is the last).", show_default=False
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/",
        help="Write to a file, or to one file per document in a folder.",
        show_default=False,
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="Passwords of encrypted PDFs, one per line.", show_default=False
    ),
]
Documents = Annotated[
    list[Path] | None,
    typer.Option(
        "--document",
        metavar="FILE|DIR",
        help="Where the documents are, if not beside the results. Repeat it for several.",
        show_default=False,
    ),
]
JournalFile = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Record finished pages in FILE, to resume an interrupted run (always done with -o).",
        show_default=False,
    ),
]
KeepJournal = Annotated[bool, typer.Option("--keep-journal", help="Keep the journal after a complete run.")]
Redo = Annotated[
    str | None,
    typer.Option(
        "--redo",
        metavar="WHICH",
        help="Read pages in the journal again: failed, suspect, blank, checked, all, or 3,7-9.",
        show_default=False,
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write what became of the run to FILE: as JSON (.json), else as tables to read.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, without doing it.")]
ProbePages = Annotated[
    bool, typer.Option("--probe-pages", help="With --dry-run: read two pages to estimate how long all will take.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Figures = Annotated[
    Path | None,
    typer.Option(
        "--figures",
        metavar="DIR",
        help="Cut the pictures out of the pages, into this folder, and link them in the Markdown.",
        show_default=False,
    ),
]
DescribeFigures = Annotated[
    bool, typer.Option("--describe-figures", help="With --figures: ask the model for their alternative texts.")
]

_READING: dict[str, tuple[Any, Any]] = {
    "files_from": (FilesFrom, None),
    "pages": (Pages, None),
    "output": (Output, None),
    "recursive": (Recursive, False),
    "password_file": (PasswordFile, None),
    "journal": (JournalFile, None),
    "keep_journal": (KeepJournal, False),
    "redo": (Redo, None),
    "report": (ReportFile, None),
    "dry_run": (DryRun, False),
    "probe_pages": (ProbePages, False),
    "config": (Config, None),
    "quiet": (Quiet, False),
    "verbose": (Verbose, 0),
    "figures": (Figures, None),
    "describe_figures": (DescribeFigures, False),
}
"""Options of the commands that read documents, with their defaults."""
_PANELS = {
    "Server": (
        *("api_url", "api_key", "dialect", "model", "timeout", "max_time", "wait_server"),
        *("local_model", "cluster"),
    ),
    "Model without a server": ("gguf", "mmproj", "threads", "gpu_layers", "context"),
    "Model": ("preset", "temperature", "top_p", "top_k", "min_p", "rep_pen", "seed", "max_length"),
    "Question": ("task", "prompt", "system", "language", "boxes", "batch", "max_asks"),
    "Check": ("text_layer", "cross_check", "repair_numbers"),
    "Image": ("dpi", "max_side", "strips", "rotate", "keep_blank", "raster_workers"),
    "Result": ("format", "tables", "headers", "join_pages", "page_breaks", "front_matter", "replace_layer", "strict"),
}
"""The settings under the headings of the help, in its order."""
_METAVARS = {
    "api_url": "URL",
    "api_key": "KEY",
    "model": "NAME",
    "cluster": "ADDRESS",
    "preset": "NAME",
    "task": "NAME",
    "prompt": "TEXT|@FILE",
    "system": "TEXT|@FILE",
    "language": "NAME",
    "timeout": "SECONDS",
    "max_time": "SECONDS",
    "wait_server": "SECONDS",
    "max_side": "auto|PIXELS",
    "strips": "auto|off|N",
    "max_length": "TOKENS",
    "format": "NAME,...",
    "gguf": "FILE",
    "mmproj": "FILE",
    "context": "TOKENS",
}
_COMPLETED: dict[str, list[str]] = {"format": list(Format)}
"""What shell completion offers for settings that are lists."""
_SECOND_NAMES = {"api_key": "--api-password", "format": "-f"}

Command = Callable[..., None]


def with_settings(*names: str, helps: Mapping[str, str] = MappingProxyType({})) -> Callable[[Command], Command]:
    """Give a command an option for each setting in *names* (all of them when empty).

    *helps* has other help texts than the settings' own, by name.

    The command gets what was typed as its argument ``flags``; an option that was not typed is ``None`` there.
    """
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=_option(name, panel, helps.get(name)))
        for panel, members in _PANELS.items()
        for name in members
        if not names or name in names
    ]
    return functools.partial(_replace_argument, "flags", options)


def with_reading(*without: str) -> Callable[[Command], Command]:
    """Give a command the options of all commands that read documents, but those named.

    The command gets what was typed as its argument ``typed``.
    """
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _READING.items()
        if name not in without
    ]
    return functools.partial(_replace_argument, "typed", options)


def _replace_argument(argument: str, options: list[Parameter], command: Command) -> Command:
    """Replace an argument of *command* by options; the command gets their values as a dictionary."""

    @functools.wraps(command)
    def wrapper(**values: Any) -> None:
        typed = {option.name: values.pop(option.name) for option in options}
        command(**values, **{argument: typed})

    parameters: list[Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += options if parameter.name == argument else [parameter]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
    return wrapper


def _option(name: str, panel: str, help_: str | None) -> Any:
    """The annotation of a parameter that is the setting *name*."""
    kind = TYPES[name]
    flag = "--" + name.replace("_", "-")
    words: list[str] = list(kind) if isinstance(kind, EnumType) else _COMPLETED.get(name, [])
    flags = [f"{flag}/--no-{name.replace('_', '-')}"] if kind is bool else [flag]
    if name in _SECOND_NAMES:
        flags.append(_SECOND_NAMES[name])
    option = typer.Option(
        *flags,
        help=help_ or _help(name),
        show_default=False,
        rich_help_panel=panel,
        metavar=None if kind is bool else _METAVARS.get(name) or "|".join(words) or "N",
        autocompletion=(lambda: words) if words else None,
    )
    # All values but switches are texts, for ``Settings`` to convert: its messages are the same for every layer.
    text: Any = list[str] if kind == tuple[str, ...] else str
    return Annotated[(bool if kind is bool else text) | None, option]


def _help(name: str) -> str:
    """The setting's help with its default."""
    text: str = FIELDS[name].metadata["help"]
    default = FIELDS[name].default
    if default is None or default is False or default == ():
        return text
    return f"{text.removesuffix('.')} (default {str(default).removesuffix('.0')})."


def settings_from(flags: dict[str, Any], config: Path | None) -> Settings:
    """The settings for what was typed. ``--api-key -`` asks for the key without showing it.

    Raises ``UsageError`` where what was typed is wrong, ``ConfigurationError`` for the layers below.
    """
    if flags.get("api_key") == "-":
        flags = {**flags, "api_key": _ask_for_key()}
    try:
        load_settings(flags, environment={})
    except ConfigurationError as error:
        raise UsageError(error.message, error.hint) from None
    return load_settings(flags, config=config or config_folder() / CONFIG_NAME, required=config is not None)


def _ask_for_key() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass("API key: ", stream=sys.stderr)
    except getpass.GetPassWarning:  # there is no terminal: a script pipes the key in
        key = sys.stdin.readline() if sys.stdin else ""
    if not key.strip():
        raise UsageError("no API key was given", "Type it, or set VISIONOCR_API_KEY.")
    return key.strip()


def check_key_file(settings: Settings) -> str:
    """A warning when the key comes from a config file that others may read; else empty."""
    file = Path(settings.origins.get("api_key", ""))
    if os.name == "posix" and file.suffix == ".toml":
        with contextlib.suppress(OSError):
            if file.stat().st_mode & 0o077:
                return f"{file} holds the API key and can be read by others: chmod 600 it, or use VISIONOCR_API_KEY"
    return ""


def config_folder() -> Path:
    """The platform's folder for this program's configuration."""
    return Path(typer.get_app_dir("visionocr"))

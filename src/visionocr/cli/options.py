"""The options of the commands. Those that are settings get their name, type and help from ``Settings``."""

from __future__ import annotations

import functools
import getpass
import inspect
import os
import sys
import typing
import warnings
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from visionocr.errors import ConfigurationError, UsageError
from visionocr.settings import CONFIG_NAME, FIELDS, TYPES, Settings, load_settings

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Files; folders with -r; - for standard input.", show_default=False),
]
FilesFrom = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="LIST",
        help="Read the files named in LIST too, one a line or ended by NUL; - is standard input.",
        show_default=False,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Config file instead of the usual one.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Say more; -vv shows tracebacks.", show_default=False)
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Read folders with everything in them.")]
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
        help="Write to a file, or to one file a document in a folder.",
        show_default=False,
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help="Passwords of encrypted PDFs, one a line.", show_default=False
    ),
]
JournalFile = Annotated[
    Path | None,
    typer.Option(
        "--journal",
        metavar="FILE",
        help="Keep what was read in FILE, to go on after an interruption (with -o there always is one).",
        show_default=False,
    ),
]
KeepJournal = Annotated[bool, typer.Option("--keep-journal", help="Keep the journal of a complete run.")]
Redo = Annotated[
    str | None,
    typer.Option(
        "--redo",
        metavar="WHICH",
        help="Ask again for pages in the journal: failed, suspect, blank, all, or 3,7-9.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
ProbePages = Annotated[
    bool,
    typer.Option("--probe-pages", help="With --dry-run: really ask for two pages, to tell how long all will take."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Sidecar = Annotated[
    str | None,
    typer.Option(
        "--sidecar", metavar=".EXT", help="Write each caption beside its picture, such as .txt.", show_default=False
    ),
]
Prefix = Annotated[
    str, typer.Option("--prefix", metavar="TEXT", help="Text before each sidecar caption.", show_default=False)
]
Suffix = Annotated[
    str, typer.Option("--suffix", metavar="TEXT", help="Text after each sidecar caption.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Write sidecar files that exist already again.")]

_PANELS = {
    "Server": (
        "api_url",
        "api_key",
        "dialect",
        "model",
        "timeout",
        "max_time",
        "wait_server",
        "local_model",
        "cluster",
    ),
    "Model without a server": ("gguf", "mmproj", "threads", "gpu_layers", "context"),
    "Model": ("preset", "temperature", "top_p", "top_k", "min_p", "rep_pen", "seed", "max_length"),
    "Question": ("task", "prompt", "system", "language", "batch", "max_asks"),
    "Image": ("dpi", "max_side", "keep_blank", "raster_workers"),
    "Result": ("format", "page_breaks", "strict"),
}
_PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names}
_NAMES = {"api_key": ("--api-key", "--api-password"), "format": ("--format", "-f")}


_READING: dict[str, tuple[Any, Any]] = {
    "files_from": (FilesFrom, None),
    "pages": (Pages, None),
    "output": (Output, None),
    "recursive": (Recursive, False),
    "password_file": (PasswordFile, None),
    "journal": (JournalFile, None),
    "keep_journal": (KeepJournal, False),
    "redo": (Redo, None),
    "dry_run": (DryRun, False),
    "probe_pages": (ProbePages, False),
    "config": (Config, None),
    "quiet": (Quiet, False),
    "verbose": (Verbose, 0),
}
"""Options of the commands that read documents, with their defaults."""

Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def with_settings(*names: str) -> Decorator:
    """Give a command an option for each setting in *names* (all of them when empty).

    The command gets what was typed as its argument ``flags``; an option that was not typed is ``None`` there.
    """
    return _with("flags", [_parameter(name) for name in names or tuple(_PANEL_OF)])


def with_reading(*without: str) -> Decorator:
    """Give a command the options of all commands that read documents, but those named.

    The command gets what was typed as its argument ``typed``.
    """
    return _with(
        "typed",
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in _READING.items()
            if name not in without
        ],
    )


def _with(argument: str, extra: list[inspect.Parameter]) -> Decorator:
    """Replace one argument of a command by parameters whose values it gets as a dictionary."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != argument]

        @functools.wraps(command)
        def wrapper(**arguments: Any) -> None:
            gathered = {parameter.name: arguments.pop(parameter.name) for parameter in extra}
            command(**arguments, **{argument: gathered})

        # Typer reads signatures. What a further decorator will replace has to stay at the end.
        parameters = sorted([*own, *extra], key=lambda p: (p.kind, p.name in {"flags", "typed"}))
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def settings_from(flags: dict[str, Any], config: Path | None) -> Settings:
    """The settings for what was typed. ``--api-key -`` asks for the key without showing it.

    Raises ``UsageError`` where what was typed is wrong, ``ConfigurationError`` for the layers below.
    """
    if flags.get("api_key") == "-":
        flags = {**flags, "api_key": _asked_key()}
    try:
        load_settings(flags, environment={})
    except ConfigurationError as error:
        raise UsageError(error.message, error.hint) from None
    return load_settings(flags, config=config or config_folder() / CONFIG_NAME, required=config is not None)


def _asked_key() -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass("API key: ", stream=sys.stderr)
    except getpass.GetPassWarning:  # no terminal: a script gives it
        key = sys.stdin.readline() if sys.stdin else ""
    if not key.strip():
        raise UsageError("no API key was given", "Type it, or set VISIONOCR_API_KEY.")
    return key.strip()


def readable_key(settings: Settings) -> str:
    """A warning when the key comes from a config file that others may read; empty when all is well."""
    file = Path(settings.origins.get("api_key", ""))
    if os.name != "posix" or file.suffix != ".toml":
        return ""
    try:
        open_to_others = file.stat().st_mode & 0o077
    except OSError:
        return ""
    if not open_to_others:
        return ""
    return f"{file} holds the API key and can be read by others: chmod 600 it, or use VISIONOCR_API_KEY"


def config_folder() -> Path:
    """The platform's folder for this program's configuration."""
    return Path(typer.get_app_dir("visionocr"))


def _parameter(name: str) -> inspect.Parameter:
    setting, hint = FIELDS[name], TYPES[name]
    several = typing.get_origin(hint) is tuple
    plain = [option for option in typing.get_args(hint) if option is not type(None)] or [hint]
    switch = plain[0] is bool
    words = [str(member) for member in plain[0]] if issubclass(plain[0], StrEnum) else []
    flags = _NAMES.get(name, (f"--{name.replace('_', '-')}",))
    option = typer.Option(
        *((f"{flags[0]}/--no-{flags[0][2:]}",) if switch else flags),
        help=_help(setting.metadata["help"], setting.default, words if name in _METAVARS else []),
        show_default=False,
        rich_help_panel=_PANEL_OF[name],
        metavar=None if switch else _METAVARS.get(name) or "|".join(words) or "N",
        autocompletion=(lambda: words) if words else None,
    )
    # Texts, for ``Settings`` to check: its words are the same whichever layer a value comes from.
    kind: Any = bool if switch else list[str] if several else str
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option]
    )


def _help(text: str, default: Any, words: list[str]) -> str:
    """The setting's help, with the words it takes and its default."""
    text = text.removesuffix(".")
    if words:
        text += f": {', '.join(words)}"
    if isinstance(default, float | int) and not isinstance(default, bool):
        text += f" (default {default:g})"
    elif isinstance(default, str):
        text += f" (default {default})"
    return f"{text}."


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
    "max_side": "PIXELS",
    "max_length": "TOKENS",
    "page_breaks": "HOW",
    "gguf": "FILE",
    "mmproj": "FILE",
    "context": "TOKENS",
}

"""``visionocr check``: says whether a server is fit for the work, and what will be asked of it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ConfigurationError, ExitCode, ServerError
from visionocr.library import Library
from visionocr.output.writer import put
from visionocr.pipeline import job
from visionocr.printable import shown
from visionocr.prompting import budget
from visionocr.settings import DEFAULT_URL, Settings
from visionocr.types import Notice, Server

Address = Annotated[
    str | None, typer.Argument(metavar="URL", help="Address of the server, instead of --api-url.", show_default=False)
]


@dataclass(frozen=True, slots=True)
class Statement:
    """One line of the report."""

    topic: str
    good: bool
    text: str
    remedy: str = ""


_LOOKED_AT = (
    *("api_url", "api_key", "dialect", "model", "timeout", "local_model"),
    *("preset", "task", "batch", "dpi", "max_side"),
)


@options.with_settings(*_LOOKED_AT)
def check(
    url: Address = None,
    as_json: options.AsJson = False,
    config: options.Config = None,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Say whether a server is fit for the work.

    Looks at address, key, vision, model, preset, context and image size.
    """
    console = Console(verbose)
    with reported(console, verbose):
        settings = options.settings_from({**flags, "api_url": url or flags["api_url"]}, config)
        if warning := options.readable_key(settings):
            console(Notice(warning, warning=True))
        statements, server = examine(settings, Library(options.config_folder()))
        good = all(statement.good for statement in statements)
        if as_json:
            report = {
                "good": good,
                "server": None if server is None else dataclasses.asdict(server),
                "statements": [dataclasses.asdict(statement) for statement in statements],
                "settings": _settings(settings),
            }
            put(json.dumps(report, indent=2) + "\n")
        else:
            put(_lines(statements) + (_table(_settings(settings)) if verbose else ""))
        if not good:
            raise typer.Exit(ExitCode.SERVER)


def examine(settings: Settings, library: Library) -> tuple[list[Statement], Server | None]:
    """Everything that can be said of the server that the settings mean, and the server where one answered."""
    from visionocr.engines import local

    url = settings.api_url[0] if settings.api_url else DEFAULT_URL
    try:
        engine = job.open_engine(settings) if url == job.LOCAL_URL else job.connect(settings, url)
    except (ServerError, ConfigurationError) as error:
        statements = [Statement("server", False, error.message, error.hint)]
        if not settings.api_url and local.installed():
            statements.append(Statement("note", True, "without a server, text is read with the embedded engine"))
        return statements, None
    try:
        return _about(engine.server, settings, library), engine.server
    finally:
        engine.close()


def _about(server: Server, settings: Settings, library: Library) -> list[Statement]:
    statements = [Statement("server", True, f"{server.kind} {server.version} answers at {server.url}")]
    statements += [Statement("warning", True, warning) for warning in server.warnings]
    if server.reads_only:
        return [*statements, Statement("model", True, f"{server.model}: reads text, cannot describe pictures")]
    if server.vision is False:
        remedy = "Start it with --mmproj PROJECTOR.gguf, the projector that belongs to its model."
        statements.append(Statement("vision", False, "no projector is loaded: pictures would be ignored", remedy))
    else:
        statements.append(Statement("vision", True, "a projector is loaded" if server.vision else "not said"))
    match = job.choose_preset(settings, library, server.model)
    why = f"matched by {match.pattern}" if match.known else "no preset knows this model; a guess: choose with --preset"
    statements.append(Statement("model", True, server.model or "without a name"))
    statements.append(Statement("preset", True, f"{match.preset.name} ({match.preset.title}; {why})"))
    task = library.task(settings.task or "transcribe")
    try:
        plan = budget.plan(
            match.preset, server, task, batch=settings.batch, dpi=settings.dpi, max_side=settings.max_side
        )
    except ServerError as error:
        return [*statements, Statement("context", False, error.message, error.hint)]
    context = f"{server.context_length} tokens" if server.context_length else "unknown"
    statements.append(Statement("context", True, f"{context}; answers of at most {plan.max_length} tokens"))
    statements.append(
        Statement("images", True, f"at most {plan.spec.max_side} px on the long side, {server.max_images} a request")
    )
    statements += [Statement("note", True, note) for note in plan.notes]
    return statements


def _lines(statements: list[Statement]) -> str:
    coloured = sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    lines = []
    for statement in statements:
        mark = "ok  " if statement.good else "FAIL"
        if coloured:
            mark = typer.style(mark, fg=typer.colors.GREEN if statement.good else typer.colors.RED)
        lines.append(f"{mark} {statement.topic:8} {shown(statement.text)}\n")
        if statement.remedy:
            lines.append(f"              {shown(statement.remedy)}\n")
    return "".join(lines)


def _table(settings: dict[str, dict[str, Any]]) -> str:
    rows = [(name, _spoken(entry["value"]), entry["origin"]) for name, entry in settings.items()]
    width = max(len(name) for name, _, _ in rows)
    return "\nsettings\n" + "".join(f"  {name:{width}}  {shown(value)}  ({origin})\n" for name, value, origin in rows)


def _spoken(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(value) or "-"
    return "-" if value is None else str(value)


def _settings(settings: Settings) -> dict[str, dict[str, Any]]:
    """Every setting with where it came from; a secret only as given or not."""
    report = {}
    for field in dataclasses.fields(settings):
        if field.name == "origins":
            continue
        value = getattr(settings, field.name)
        if field.metadata.get("secret"):
            value = "given" if value else None
        report[field.name] = {"value": value, "origin": settings.origins.get(field.name, "default")}
    return report

"""``visionocr check``: says whether servers are fit for the work, and what will be asked of them."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ExitCode
from visionocr.output.writer import write_stdout
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.text import printable
from visionocr.types import Notice

if TYPE_CHECKING:
    from visionocr.check.examine import Report
    from visionocr.check.results import CheckResult

Addresses = Annotated[
    list[str] | None,
    typer.Argument(metavar="URL", help="Addresses of servers, instead of --api-url.", show_default=False),
]
NoChart = Annotated[
    bool, typer.Option("--no-chart", help="Ask what the server is, and do not have it read the eye chart.")
]

_LOOKED_AT = (
    *("api_url", "api_key", "dialect", "model", "timeout", "local_model"),
    *("gguf", "mmproj", "threads", "gpu_layers", "context"),
    *("preset", "task", "batch", "dpi", "max_side"),
)


@options.with_settings(*_LOOKED_AT)
def check(
    urls: Addresses = None,
    no_chart: NoChart = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Say whether a server is fit for the work.

    Looks at address, key, vision, model, preset, context and image size; then has an eye chart read: random words
    in falling sizes.
    """
    from visionocr.check import examine  # the command line must answer --help at once

    console = Console(verbose)
    with reported(console, verbose):
        typed = [flags | {"api_url": [url]} for url in urls or ()] or [flags]
        given = [options.settings_from(one, config) for one in typed]
        wanted = [
            dataclasses.replace(settings, api_url=address)
            for settings in given
            for address in examine.addresses(settings)
        ]
        if warning := options.check_key_file(wanted[0]):
            console(Notice(warning, warning=True))
        library = Library(options.config_folder())
        for settings in wanted:
            examine.validate(settings, library)
        reports = []
        for settings in wanted:
            if len(wanted) > 1 and not as_json:
                write_stdout(f"{printable(' '.join(settings.api_url))}\n")
            seed = None if no_chart else secrets.randbits(64)
            tell = _hear if as_json else _show
            reports.append(examine.examine(settings, library, seed=seed, tell=tell, observer=console))
            if not as_json:
                write_stdout(_settings_table(settings) if verbose else "")
                write_stdout("\n" if len(wanted) > 1 else "")
        _conclude(reports, wanted, as_json=as_json)
        if not all(report.good for report in reports):
            raise typer.Exit(ExitCode.SERVER)


def _conclude(reports: list[Report], wanted: list[Settings], *, as_json: bool) -> None:
    """What is to be said at the end."""
    warning = models_differ(reports)
    if as_json:
        servers = [
            _record(report) | {"settings": _settings(settings)}
            for report, settings in zip(reports, wanted, strict=True)
        ]
        good = all(report.good for report in reports)
        write_stdout(
            json.dumps({"good": good, "warnings": [warning] if warning else [], "servers": servers}, indent=2) + "\n"
        )
    elif len(reports) > 1:
        write_stdout(_overview(reports) + (f"\nwarning: {printable(warning)}\n" if warning else ""))


def models_differ(reports: list[Report]) -> str:
    """A warning when the servers have different models; empty when they agree."""
    models = dict.fromkeys(report.server.model for report in reports if report.server is not None)
    if len(models) < 2:
        return ""
    names = ", ".join(name or "one without a name" for name in models)
    return f"the servers have different models ({names}): pages of one document would be read differently"


def _hear(statement: CheckResult) -> None:
    """Nothing is shown before the end."""


def _show(statement: CheckResult) -> None:
    """One statement, as soon as it is made."""
    mark = "ok  " if statement.good else "FAIL"
    if sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        mark = typer.style(mark, fg=typer.colors.GREEN if statement.good else typer.colors.RED)
    write_stdout(f"{mark} {statement.topic:8} {printable(statement.text)}\n")
    if statement.remedy:
        write_stdout(f"              {printable(statement.remedy)}\n")


def _overview(reports: list[Report]) -> str:
    """One line for each server."""
    rows = [("SERVER", "VERDICT", "MODEL", "PRESET", "LEGIBLE FROM", "PAGES/HOUR")]
    for report in reports:
        chart_result = report.chart_result
        legible = chart_result.score.legible if chart_result else None
        wrong = dict.fromkeys(str(line.cause or line.topic) for line in report.statements if not line.good)
        rows.append(
            (
                report.url,
                ", ".join(wrong) or "ok",
                report.server.model if report.server else "-",
                report.preset or "-",
                f"{legible:.1f} px" if legible else "-",
                f"{chart_result.pages_per_hour:,}" if chart_result and chart_result.pages_per_hour else "-",
            )
        )
    widths = [max(len(printable(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )


def _record(report: Report) -> dict[str, Any]:
    """A report for programs."""
    chart_result = report.chart_result
    chart = None
    if chart_result is not None:
        chart = dataclasses.asdict(chart_result) | {
            "pages_per_hour": chart_result.pages_per_hour,
            "seen": chart_result.score.seen,
        }
    return {
        "url": report.url,
        "good": report.good,
        "server": None if report.server is None else dataclasses.asdict(report.server),
        "preset": report.preset,
        "statements": [dataclasses.asdict(statement) for statement in report.statements],
        "chart": chart,
    }


def _settings_table(settings: Settings) -> str:
    report = _settings(settings)
    rows = [(name, _spoken(e["value"]), e["origin"]) for name, e in report.items()]
    width = max(len(name) for name, _, _ in rows)
    return "\nsettings\n" + "".join(
        f"  {name:{width}}  {printable(value)}  ({origin})\n" for name, value, origin in rows
    )


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

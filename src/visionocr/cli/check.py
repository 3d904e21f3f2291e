"""``visionocr check``: checks whether servers can read pages, and with which settings."""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import current_stop, reported
from visionocr.console import Console
from visionocr.errors import ExitCode
from visionocr.output.stdout import write_stdout
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.text import printable
from visionocr.types import Notice

if TYPE_CHECKING:
    from visionocr.check.report import CheckResult, Report

Addresses = Annotated[
    list[str] | None,
    typer.Argument(metavar="URL", help="Addresses of servers, instead of --api-url.", show_default=False),
]
NoChart = Annotated[bool, typer.Option("--no-chart", help="Only query the server; do not have it read the eye chart.")]

_SETTINGS = (
    *("api_url", "api_key", "dialect", "model", "timeout", "local_model"),
    *("gguf", "mmproj", "threads", "gpu_layers", "context"),
    *("preset", "task", "batch", "dpi", "max_side"),
)


@options.with_settings(*_SETTINGS)
def check(
    urls: Addresses = None,
    no_chart: NoChart = False,
    as_json: options.AsJson = False,
    config: options.Config = None,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Check whether a server can read pages.

    Checks address, key, vision, model, preset, context and image size, then has the server read an eye chart:
    random words in ever smaller print.
    """
    from visionocr.check import examine  # the command line must answer --help at once

    console = Console(verbose)
    with reported(console, verbose):
        layers = [flags | {"api_url": [url]} for url in urls or ()] or [flags]
        each = [
            dataclasses.replace(settings, api_url=address)
            for settings in (options.settings_from(layer, config) for layer in layers)
            for address in examine.addresses(settings)
        ]
        if warning := options.check_key_file(each[0]):
            console(Notice(warning, warning=True))
        library = Library(options.config_folder())
        for settings in each:
            examine.validate(settings, library)
        stop = current_stop.get()
        reports = []
        for settings in each:
            if len(each) > 1 and not as_json:
                write_stdout(f"{printable(' '.join(settings.api_url))}\n")
            report = examine.examine(
                settings,
                library,
                seed=None if no_chart else secrets.randbits(64),
                on_result=None if as_json else _write_result,
                observer=console,
                stop=stop,
            )
            reports.append(report)
            if not as_json:
                write_stdout(_format_settings(settings) if verbose else "")
                write_stdout("\n" if len(each) > 1 else "")
        warning = models_differ(reports)
        if as_json:
            _write_json(reports, each, warning)
        elif len(reports) > 1:
            write_stdout(_format_overview(reports) + (f"\nwarning: {printable(warning)}\n" if warning else ""))
        if not all(report.good for report in reports):
            raise typer.Exit(ExitCode.SERVER)


def models_differ(reports: list[Report]) -> str:
    """A warning when the servers have different models; empty when they agree."""
    models = dict.fromkeys(report.server.model for report in reports if report.server is not None)
    if len(models) < 2:
        return ""
    names = ", ".join(name or "one without a name" for name in models)
    return f"the servers have different models ({names}): pages of one document would be read differently"


def _write_result(result: CheckResult) -> None:
    """Write one result, as soon as it is known."""
    mark = "ok  " if result.good else "FAIL"
    if sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        mark = typer.style(mark, fg=typer.colors.GREEN if result.good else typer.colors.RED)
    write_stdout(f"{mark} {result.topic:8} {printable(result.text)}\n")
    if result.remedy:
        write_stdout(f"              {printable(result.remedy)}\n")


def _format_overview(reports: list[Report]) -> str:
    """One line for each server."""
    rows = [("SERVER", "VERDICT", "MODEL", "PRESET", "LEGIBLE FROM", "PAGES/HOUR")]
    for report in reports:
        chart = report.chart_result
        causes = dict.fromkeys(str(result.cause) for result in report.results if not result.good)
        rows.append(
            (
                report.url,
                ", ".join(causes) or "ok",
                report.server.model if report.server else "-",
                report.preset or "-",
                f"{chart.score.legible:.1f} px" if chart and chart.score.legible else "-",
                f"{chart.pages_per_hour:,}" if chart and chart.pages_per_hour else "-",
            )
        )
    widths = [max(len(printable(row[column])) for row in rows) for column in range(len(rows[0]))]
    return "".join(
        "  ".join(printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )


def _format_settings(settings: Settings) -> str:
    """A line for each setting: its value and where it came from."""
    table = _settings_table(settings)
    width = max(map(len, table))
    return "\nsettings\n" + "".join(
        f"  {name:{width}}  {printable(_format_value(entry['value']))}  ({entry['origin']})\n"
        for name, entry in table.items()
    )


def _format_value(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(value) or "-"
    return "-" if value is None else str(value)


def _write_json(reports: list[Report], each: list[Settings], warning: str) -> None:
    servers = [
        _report_record(report) | {"settings": _settings_table(settings)}
        for report, settings in zip(reports, each, strict=True)
    ]
    good = all(report.good for report in reports)
    record = {"good": good, "warnings": [warning] if warning else [], "servers": servers}
    write_stdout(json.dumps(record, indent=2) + "\n")


def _report_record(report: Report) -> dict[str, Any]:
    """A report for programs."""
    chart = None
    if report.chart_result is not None:
        chart = dataclasses.asdict(report.chart_result) | {
            "pages_per_hour": report.chart_result.pages_per_hour,
            "seen": report.chart_result.score.seen,
        }
    return {
        "url": report.url,
        "good": report.good,
        "server": None if report.server is None else dataclasses.asdict(report.server),
        "preset": report.preset,
        "statements": [
            {
                "topic": result.topic,
                "good": result.good,
                "text": result.text,
                "remedy": result.remedy,
                "cause": result.cause,
            }
            for result in report.results
        ],
        "chart": chart,
    }


def _settings_table(settings: Settings) -> dict[str, dict[str, Any]]:
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

"""``visionocr export``: results of earlier runs, in another format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.cli.passwords import Passwords
from visionocr.console import Console
from visionocr.errors import ExitCode
from visionocr.types import PageRef

Results = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS", help="An output folder, or a Markdown, text, JSON or JSON Lines file of results."
    ),
]
_SETTINGS = (
    "format",
    "tables",
    "headers",
    "join_pages",
    "page_breaks",
    "front_matter",
    "replace_layer",
    "strict",
    "raster_workers",
)


@options.with_settings(*_SETTINGS)
def export(
    results: Results,
    output: options.Output = None,
    documents: options.Documents = None,
    password_file: options.PasswordFile = None,
    config: options.Config = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    *,
    flags: dict[str, Any],
) -> None:
    """Write results of an earlier run in another format.

    Nothing is asked again, and no server is needed. What was corrected with visionocr review is used. The output of a
    folder goes into that folder unless --output says otherwise.
    """
    # The command line must answer --help at once, so what opens documents and states is loaded here.
    from visionocr.cli.exporting import write_again

    hints: dict[PageRef, str] = {}
    console = Console(-1 if quiet else verbose, hint_for=lambda page: hints.get(page, ""))
    with reported(console, verbose):
        settings = options.settings_from(flags, config)
        passwords = Passwords(password_file, console, may_ask=False)
        code = write_again(results, output, settings, console, hints, given=documents or (), passwords=passwords)
        console.summary()
        if code is not ExitCode.OK:
            raise typer.Exit(code)

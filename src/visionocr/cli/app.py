"""The command line as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from visionocr import __version__
from visionocr.cli.check import check
from visionocr.cli.describe import describe
from visionocr.cli.presets import presets
from visionocr.cli.read import image, pdf

app = typer.Typer(
    name="visionocr",
    help="Read documents with a vision language model running on your own machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"visionocr {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Read documents with a vision language model running on your own machine."""


for command in (pdf, image, describe, check, presets):
    app.command()(command)

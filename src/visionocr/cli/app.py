"""The command line as a whole, and how it explains itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from visionocr import __version__
from visionocr.cli.check import check
from visionocr.cli.describe import describe
from visionocr.cli.eval import evaluate
from visionocr.cli.export import export
from visionocr.cli.extract import extract
from visionocr.cli.gguf import gguf
from visionocr.cli.outcome import current_stop, reported
from visionocr.cli.presets import presets
from visionocr.cli.read import image, pdf
from visionocr.cli.review import review
from visionocr.cli.watch import watch
from visionocr.console import Console
from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import UsageError
from visionocr.output.files import read_head
from visionocr.output.stdout import output_error, write_stdout
from visionocr.stop import Stop, run_stoppable
from visionocr.text import printable

_Mistake: Any = typer.BadParameter.__base__
"""Every error of Typer's about a command line; it has no public name."""

_WIDEST = 28
"""Characters of an option's names; the text of longer ones starts on the next line."""


def _format_options(command: Any, context: Any, formatter: Any) -> None:
    """Write the options under the headings of their panels, with nothing after a name that is only a switch."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            panels.setdefault("Arguments", []).append((parameter.metavar, parameter.help))
            continue
        names = ", ".join(sorted((*parameter.opts, *parameter.secondary_opts), key=len))
        value = (
            "" if parameter.is_flag or parameter.count else f" {parameter.metavar or parameter.display_type(context)}"
        )
        panel = getattr(parameter, "rich_help_panel", None) or "Options"
        panels.setdefault(panel, []).append((names + value, parameter.help or ""))
    width = min(_WIDEST, max(len(names) for rows in panels.values() for names, _ in rows))
    for panel, rows in panels.items():
        with formatter.section(panel):
            formatter.write_dl([(names.ljust(width), text) for names, text in rows], col_max=width)


class Command(TyperCommand):
    """A command whose help is plain text, grouped."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """See ``_format_options``."""
        _format_options(self, ctx, formatter)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line without Typer's braces."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class Program(TyperGroup):
    """The commands together. Mistakes in the command line are reported as all other errors are."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options, then the commands."""
        _format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named first; who names a document instead is told which command reads it."""
        kind = None if self.get_command(ctx, args[0]) else sniff(read_head(Path(args[0]), HEAD))
        if kind is not None:
            reader = "pdf" if kind == "PDF" else "image"
            raise UsageError(f"{printable(args[0])} is not a command", f"To read this file: visionocr {reader} FILE")
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run, and leave with an exit code."""
        extra["standalone_mode"] = False
        try:
            with reported(Console(), 0):
                code = run_stoppable(lambda stop: self._main(stop, args, *rest, **extra))
        except typer.Exit as end:
            code = end.exit_code
        sys.exit(code if isinstance(code, int) else 0)

    def _main(self, stop: Stop, *args: Any, **extra: Any) -> Any:
        current_stop.set(stop)
        try:
            return super().main(*args, **extra)
        except _Mistake as error:
            where = error.ctx.command_path if error.ctx else "visionocr"
            if type(error).__name__ == "NoArgsIsHelpError":
                console = Console()
                for line in error.format_message().splitlines():
                    console.line(line)
                raise typer.Exit(UsageError.exit_code) from None
            words = error.format_message().replace("Value error, ", "").rstrip(".")  # Typer quotes pydantic
            raise UsageError(words[:1].lower() + words[1:], f"See: {where} --help") from None
        except OSError as error:  # from printing help; the commands handle their own
            raise output_error(error) from None


app = typer.Typer(
    name="visionocr",
    cls=Program,
    help="Read documents with a vision language model running on your own machine.",
    epilog="First steps: visionocr check looks for a server, visionocr pdf FILE reads a document, "
    "and visionocr COMMAND --help lists the options of a command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(value: bool) -> None:
    if value:
        write_stdout(f"visionocr {__version__}\n")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Read documents with a vision language model running on your own machine."""


for command in (pdf, image, describe, extract, watch, review, export, check, presets, gguf):
    app.command(cls=Command)(command)
app.command("eval", cls=Command)(evaluate)

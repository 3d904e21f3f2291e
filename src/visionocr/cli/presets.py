"""``visionocr presets``: lists the model presets, or shows one."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any

import typer

from visionocr.cli import options
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.output.stdout import write_stdout
from visionocr.prompting.library import Library
from visionocr.types import Preset

Name = Annotated[str | None, typer.Argument(metavar="NAME", help="Show all fields of one preset.", show_default=False)]


def presets(name: Name = None, as_json: options.AsJson = False, verbose: options.Verbose = 0) -> None:
    """List the model presets, or show one."""
    with reported(Console(verbose), verbose):
        library = Library(options.config_folder())
        if name is not None:
            preset = library.preset(name)
            write_stdout((json.dumps(dataclasses.asdict(preset), indent=2) if as_json else _describe(preset)) + "\n")
            return
        known = library.presets()
        if as_json:
            write_stdout(json.dumps([dataclasses.asdict(preset) for preset in known], indent=2) + "\n")
            return
        write_stdout(_table([_row(preset) for preset in known]) + "\n")


def _row(preset: Preset) -> tuple[str, ...]:
    context = str(preset.context_length or "?")
    return preset.name, preset.group, context, f"{preset.image.longest_side} px", preset.title


def _table(rows: list[tuple[str, ...]]) -> str:
    rows = [("PRESET", "GROUP", "CONTEXT", "LONG SIDE", "MODEL"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    )


def _describe(preset: Preset) -> str:
    lines = []
    for field in dataclasses.fields(preset):
        value: Any = getattr(preset, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            lines.append(f"{field.name}:")
            lines += [f"  {key}: {item!r}" for key, item in dataclasses.asdict(value).items() if item not in (None, "")]
        elif isinstance(value, tuple):
            if not value:
                continue
            lines.append(f"{field.name}:")
            lines += [f"  {' '.join(map(repr, item)) if isinstance(item, tuple) else item}" for item in value]
        elif value not in (None, ""):
            lines.append(f"{field.name}: {value}")
    return "\n".join(lines)

"""Renames model files, never over an existing one, and keeps a record in their folder to go back by."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from visionocr.errors import ConfigurationError, OutputError
from visionocr.output.files import write_file
from visionocr.text import printable

RECORD = ".visionocr-renamed.json"
"""In the folder that was searched: a list of ``{"from": …, "to": …}``, paths below the folder, oldest first."""

Renamed = tuple[Path, Path]
"""A file's path before and after."""


def rename_files(folder: Path, renames: Sequence[Renamed]) -> None:
    """Rename files below *folder*; the record is on the disk before the first of them.

    Raises ``OutputError`` at the first that cannot be renamed; the record names none that was not renamed then.
    """
    earlier = _read_record(folder)
    steps = [{"from": old.relative_to(folder).as_posix(), "to": new.name} for old, new in renames]
    _write_record(folder, [*earlier, *steps])
    for done, (old, new) in enumerate(renames):
        try:
            _rename(old, new)
        except OutputError:
            _write_record(folder, [*earlier, *steps[:done]])
            raise


def list_renamed(folder: Path) -> list[Renamed]:
    """What was renamed in *folder* and still has its new name, the newest first, each as it would be renamed back.

    Raises ``ConfigurationError`` when there is no record, or it is damaged.
    """
    if not (folder / RECORD).is_file():
        raise ConfigurationError(f"nothing was renamed in {printable(str(folder))}", f"There is no {RECORD} in it.")
    pairs = [(folder / step["from"], (folder / step["from"]).with_name(step["to"])) for step in _read_record(folder)]
    # One may have been renamed back by hand, and then again.
    return [(new, old) for old, new in dict.fromkeys(reversed(pairs)) if os.path.lexists(new)]


def undo_renames(folder: Path, renames: Sequence[Renamed]) -> None:
    """Give files their old names back, then delete the record. Raises ``OutputError``, and keeps the record then."""
    for new, old in renames:
        _rename(new, old)
    _write_record(folder, [])


def _rename(old: Path, new: Path) -> None:
    """Rename a file where the new name is free. Raises ``OutputError``."""
    name = printable(str(old))
    try:
        with new.open("x"):  # nobody else can take the name between looking and renaming
            pass
        try:
            os.replace(old, new)
        except OSError:
            new.unlink()
            raise
    except FileExistsError:
        raise OutputError(f"{name} is not renamed: there is a file {printable(new.name)} already") from None
    except OSError as error:
        hint = "End the program that has it open, and try again." if isinstance(error, PermissionError) else ""
        raise OutputError(f"cannot rename {name}: {error.strerror or error}", hint) from None


def _read_record(folder: Path) -> list[dict[str, str]]:
    """The record of *folder*, empty where there is none. Raises ``ConfigurationError`` for one that is no record."""
    path = folder / RECORD
    try:
        steps: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"cannot read {printable(str(path))}: {error}", "Delete it to do without.") from None
    if not isinstance(steps, list) or not all(map(_is_step, steps)):
        raise ConfigurationError(f"{printable(str(path))} is no record of visionocr's", "Delete it to do without.")
    return steps


def _is_step(step: Any) -> bool:
    """Whether a part of a record names two model files of one folder below it; anybody could have written it."""
    if not (isinstance(step, dict) and isinstance(step.get("from"), str) and isinstance(step.get("to"), str)):
        return False
    old, new = PurePath(step["from"]), PurePath(step["to"])
    is_inside = not old.is_absolute() and not old.drive and ".." not in old.parts and new.name == step["to"]
    return is_inside and old.suffix.lower() == new.suffix.lower() == ".gguf"


def _write_record(folder: Path, steps: Sequence[dict[str, str]]) -> None:
    """Write the record, or delete it where there is nothing to record. Raises ``OutputError``."""
    if not steps:
        with contextlib.suppress(FileNotFoundError):
            (folder / RECORD).unlink()
        return
    write_file(folder / RECORD, json.dumps(steps, indent=1) + "\n")

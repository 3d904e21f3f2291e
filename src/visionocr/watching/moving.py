"""Moves a document that is done with into another folder, never over a file that is there."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
from pathlib import Path

from visionocr.errors import OutputError
from visionocr.output.files import AtomicFile, remove_leftovers
from visionocr.output.folder import make_folder
from visionocr.text import printable


def move_file(source: Path, folder: Path) -> Path:
    """Move *source* into *folder*, which is made if need be; where it is now.

    It keeps its name, or gets a number where another file has that name. To another file system it is copied, and
    deleted when the copy is on the disk. Raises ``OutputError``.
    """
    make_folder(folder)
    try:
        target = _reserve(folder, source.name)
        try:
            os.replace(source, target)
        except OSError as error:
            target.unlink()
            if error.errno != errno.EXDEV:
                raise
            target = _copy(source, folder)
            try:
                source.unlink()
            except OSError:
                target.unlink()
                raise
    except OSError as error:
        why = f"cannot move {printable(str(source))} to {folder}: {error.strerror or error}"
        raise OutputError(why) from None
    return target


def _copy(source: Path, folder: Path) -> Path:
    """Copy it under a name of its own; it is complete there or not there."""
    remove_leftovers(folder)
    file = AtomicFile(folder / source.name)
    try:
        file.copy(source)
        file.path = _reserve(folder, source.name)
        try:
            file.commit()
        except OutputError:
            file.path.unlink()
            raise
    except BaseException:
        file.discard()
        raise
    with contextlib.suppress(OSError):  # not every file system has what the other one has
        shutil.copystat(source, file.path)
    return file.path


def _reserve(folder: Path, name: str) -> Path:
    """A path in *folder* that nobody had: there is an empty file now, to be replaced."""
    stem, suffix = os.path.splitext(name)
    for number in itertools.count(1):
        path = folder / (name if number == 1 else f"{stem}-{number}{suffix}")
        with contextlib.suppress(FileExistsError), path.open("x"):
            return path
    raise AssertionError("numbers do not end")

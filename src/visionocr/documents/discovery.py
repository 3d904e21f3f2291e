"""Finds the files that arguments name: lazily, in order, without opening any of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from visionocr.documents.kinds import SUFFIXES, Kind
from visionocr.errors import DocumentError
from visionocr.paths import explain_long_path
from visionocr.text import printable

_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One file to read, or the reason why an argument gives none."""

    name: str
    """As the user gave it, or as it was found in a directory; ``stdin`` for standard input."""
    path: str = ""
    """Empty for standard input."""
    pipe: bool = False
    """Whether it can be read only once, from the beginning to the end."""
    problem: DocumentError | None = None
    top: str = ""
    """The folder that was named, where it was found below one."""


def discover(paths: Iterable[str], *, recursive: bool = False, kinds: Iterable[Kind] = Kind) -> Iterator[Found]:
    """The files that *paths* name, in order; ``-`` is standard input.

    A file given by name is accepted whatever it is called: its content decides later. Directories are walked only when
    *recursive*, for files with the suffixes of *kinds*. What cannot be used comes with its ``problem``.
    """
    suffixes = frozenset(suffix for kind in kinds for suffix in SUFFIXES[kind])
    pipes: set[str] = set()
    for path in paths:
        for found in _find(path, recursive, suffixes):
            if found.pipe and found.problem is None:
                if found.path in pipes:
                    found = _refuse(found.name, "can be read only once", "give it only once")
                pipes.add(found.path)
            yield found


def _find(path: str, recursive: bool, suffixes: frozenset[str]) -> Iterator[Found]:
    """The files that one argument names."""
    if path == "-":
        yield Found("stdin", pipe=True)
        return
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        hint = explain_long_path(path) or ("check the name" if isinstance(error, FileNotFoundError) else "")
        yield _refuse(path, _explain(error), hint)
        return
    if stat.S_ISDIR(mode):
        if recursive:
            yield from _find_in_directory(path, suffixes)
        else:
            yield _refuse(path, "is a directory", "use -r to read the documents in it")
    elif stat.S_ISREG(mode):
        yield Found(path, path)
    elif stat.S_ISFIFO(mode):
        yield Found(path, path, pipe=True)
    else:
        yield _refuse(path, "is not a file", "devices and sockets are not read")


def _find_in_directory(top: str, suffixes: frozenset[str]) -> Iterator[Found]:
    """The documents in a directory given by the user and below it, or the problem that there are none."""
    empty = True
    for found in _walk(top, suffixes, set()):
        empty = False
        yield replace(found, top=top)
    if empty:
        pictures = "; to read pictures: visionocr image -r" if suffixes == SUFFIXES[Kind.PDF] else ""
        yield _refuse(
            top, "holds no document", f"only files ending in {', '.join(sorted(suffixes))} are read{pictures}"
        )


def _walk(folder: str, suffixes: frozenset[str], seen: set[tuple[int, int]]) -> Iterator[Found]:
    """Depth first, the entries of each directory in natural order; every directory once, however links lead to it."""
    try:
        status = os.stat(folder)
        if status.st_ino and (status.st_dev, status.st_ino) in seen:  # some network drives number nothing
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            ordered = sorted(
                (entry for entry in entries if not entry.name.startswith(".")), key=_natural_key, reverse=True
            )
    except OSError as error:
        yield _refuse(folder, _explain(error), explain_long_path(folder))
        return
    while ordered:  # popped, because an entry keeps what the system said about it, and there may be very many
        entry = ordered.pop()
        if _is_directory(entry):
            yield from _walk(entry.path, suffixes, seen)
        elif os.path.splitext(entry.name)[1].lower() in suffixes and not _is_special(entry):
            yield Found(entry.path, entry.path)


def _natural_key(entry: os.DirEntry[str]) -> tuple[str, str]:
    """Sorts ``scan2`` before ``scan10``, as people number pages; numbers come before letters."""
    return _NUMBER.sub(_pad_number, entry.name.casefold()), entry.name


def _pad_number(number: re.Match[str]) -> str:
    """A number as a string that sorts as it does. Tuples of numbers would take more memory in a large directory."""
    digits = number.group().lstrip("0")
    return f"\0{len(digits):03}{digits}"


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether reading it could block or do harm. A dangling link is not special: opening it explains what is wrong."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False


def _explain(error: Exception) -> str:
    """Why a path cannot be used, in words that follow its name."""
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _refuse(name: str, reason: str, hint: str) -> Found:
    return Found(name, name, problem=DocumentError(f"{printable(name)} {reason}", hint))

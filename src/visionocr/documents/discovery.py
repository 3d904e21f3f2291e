"""Arguments become files to read: found lazily, in order, without opening any of them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from visionocr.documents.kinds import SUFFIXES, Kind
from visionocr.errors import DocumentError
from visionocr.text import printable

ALL_KINDS = frozenset(Kind)
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One file to read, or the reason why an argument gives none."""

    name: str
    """As the user gave it, or as it was found below a directory; ``stdin`` for standard input."""
    path: str = ""
    """Where it is; empty for standard input."""
    pipe: bool = False
    """It can be read only once, from the beginning to the end."""
    problem: DocumentError | None = None
    top: str = ""
    """The folder that was named, where it was found below one."""


def discover(paths: Iterable[str], *, recursive: bool = False, kinds: Collection[Kind] = ALL_KINDS) -> Iterator[Found]:
    """The files that *paths* name, in order; ``-`` is standard input.

    A file given by name is taken whatever it is called: its content decides later. Directories are walked only when
    *recursive*, and give files with the suffixes of *kinds*. What cannot be used comes with its ``problem``.
    """
    suffixes = frozenset(suffix for kind in kinds for suffix in SUFFIXES[kind])
    pipes: set[str] = set()
    for path in paths:
        for found in _argument(path, recursive, suffixes):
            if found.pipe and found.problem is None:
                if found.path in pipes:
                    found = _problem(found.name, "can be read only once", "give it only once")
                pipes.add(found.path)
            yield found


def _argument(path: str, recursive: bool, suffixes: frozenset[str]) -> Iterator[Found]:
    if path == "-":
        yield Found("stdin", pipe=True)
        return
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        yield _problem(path, _reason(error), "check the name" if isinstance(error, FileNotFoundError) else "")
        return
    if stat.S_ISDIR(mode):
        if recursive:
            yield from _directory(path, suffixes)
        else:
            yield _problem(path, "is a directory", "use -r to read the documents in it")
    elif stat.S_ISREG(mode):
        yield Found(path, path)
    elif stat.S_ISFIFO(mode):
        yield Found(path, path, pipe=True)
    else:
        yield _problem(path, "is not a file", "devices and sockets are not read")


def _directory(top: str, suffixes: frozenset[str]) -> Iterator[Found]:
    """The documents below a directory given by the user, or the problem that there are none."""
    empty = True
    for found in _walk(top, suffixes, set()):
        empty = False
        yield replace(found, top=top)
    if empty:
        yield _problem(top, "holds no document", "files with the suffixes " + " ".join(sorted(suffixes)) + " are read")


def _walk(folder: str, suffixes: frozenset[str], seen: set[tuple[int, int]]) -> Iterator[Found]:
    """Depth first, each directory's entries in natural order; every directory once, however links lead to it."""
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            ordered = sorted((entry for entry in entries if not entry.name.startswith(".")), key=_natural, reverse=True)
    except OSError as error:
        yield _problem(folder, _reason(error), "")
        return
    while ordered:  # what has been looked at is let go: entries grow with what is asked of them
        entry = ordered.pop()
        if _is_directory(entry):
            yield from _walk(entry.path, suffixes, seen)
        elif os.path.splitext(entry.name)[1].lower() in suffixes and not _is_special(entry):
            yield Found(entry.path, entry.path)


def _natural(entry: os.DirEntry[str]) -> tuple[str, str]:
    """Sorts ``scan2`` before ``scan10``, as people number their pages; before letters, after a name that ends."""
    return _NUMBER.sub(_comparable, entry.name.casefold()), entry.name


def _comparable(number: re.Match[str]) -> str:
    """A number as a text that sorts as it does: one string for a name, because a folder may hold very many."""
    digits = number.group().lstrip("0")
    return f"\0{len(digits):03}{digits}"


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether reading it could block or do harm. A dangling link is no such thing: opening it says what is wrong."""
    try:
        return not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False


def _reason(error: Exception) -> str:
    """Why the system refuses a path, in words that follow its name."""
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "may not be read: permission denied"
    return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def _problem(name: str, reason: str, hint: str) -> Found:
    return Found(name, name, problem=DocumentError(f"{printable(name)} {reason}", hint))

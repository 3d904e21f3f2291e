"""``--files-from``: names of documents from a list, read as they are needed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import IO

from visionocr.documents.kinds import HEAD, sniff
from visionocr.errors import UsageError

_CHUNK = 1 << 16
_LONGEST = 1 << 15
"""Bytes of a path; no system allows more."""
_MARK = b"\xef\xbb\xbf"
_HINT = "A list has one path a line, or paths that end with NUL, as find -print0 writes them."


def list_files(source: str | None) -> Iterator[str]:
    """The paths in the list *source* (``-``: standard input; ``None``: there is none), in order.

    They end with NUL if there is one in the first 64 KiB, else with the line. Raises ``UsageError`` for what is no
    list, when it is met.
    """
    if source is None:
        return
    try:
        if source != "-":
            with open(source, "rb") as stream:
                yield from _paths(stream, source)
        elif sys.stdin is None:
            raise UsageError("--files-from: standard input is closed", _HINT)
        else:
            yield from _paths(sys.stdin.buffer, "standard input")
    except OSError as error:
        raise UsageError(f"--files-from: cannot read {source}: {error.strerror or error}") from None


def _paths(stream: IO[bytes], name: str) -> Iterator[str]:
    # What there is: a list on standard input need not be complete before the first page is read.
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    chunk = read(_CHUNK)
    if chunk.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"--files-from: {name} is in UTF-16", "Save it in UTF-8.")
    if sniff(chunk[:HEAD]) is not None:
        raise UsageError(f"--files-from: {name} is a document, not a list", _HINT)
    end = b"\0" if b"\0" in chunk else b"\n"
    rest = chunk.removeprefix(_MARK)
    while chunk or rest:
        # At the end of the list the rest is a path as well.
        *lines, rest = rest.split(end) if chunk else (rest, b"")
        for line in lines:
            if path := os.fsdecode(line.removesuffix(b"\r") if end == b"\n" else line):
                yield os.path.join(os.curdir, path) if path == "-" else path  # a file of that name, not standard input
        if len(rest) > _LONGEST:
            raise UsageError(f"--files-from: {name} has a path of more than {_LONGEST:,} bytes", _HINT)
        chunk = read(_CHUNK)
        rest += chunk

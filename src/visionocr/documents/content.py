"""The bytes of one document: a file where it lies, or what came through a pipe."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from visionocr.documents.discovery import Found
from visionocr.documents.kinds import HEAD
from visionocr.errors import DocumentError
from visionocr.text import printable

_CHUNK = 1 << 20
PIPE_LIMIT = 2 << 30
"""Bytes that a pipe may deliver."""
MEMORY_LIMIT = 64 << 20
"""Bytes from a pipe that are kept in memory; more go to a temporary file."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that can be opened again and again."""

    name: str
    path: str = ""
    """Empty when the bytes are in memory."""
    data: bytes = field(default=b"", repr=False)
    temporary: bool = False
    """``path`` is ours to delete."""

    def open(self) -> IO[bytes]:
        """A fresh binary stream of the bytes."""
        try:
            return open(self.path, "rb") if self.path else io.BytesIO(self.data)
        except OSError as error:
            raise _unreadable(self.name, error) from error

    def state(self) -> tuple[int, ...]:
        """The number of bytes, and what else changes when somebody changes the file."""
        if not self.path:
            return (len(self.data),)
        try:
            status = os.stat(self.path)
        except OSError as error:
            raise _unreadable(self.name, error) from error
        return status.st_size, status.st_mtime_ns, status.st_ino

    def examine(self) -> tuple[bytes, str]:
        """The first bytes, and the SHA-256 of all of them; raises ``DocumentError`` when there are none."""
        digest = hashlib.sha256()
        head = b""
        with self.open() as stream:
            try:
                while chunk := stream.read(_CHUNK):
                    head = head or chunk[:HEAD]
                    digest.update(chunk)
            except OSError as error:
                raise _unreadable(self.name, error) from error
        if not head:
            raise DocumentError(f"{printable(self.name)} is empty: it has 0 bytes")
        return head, digest.hexdigest()

    def discard(self) -> None:
        """Delete what was kept on disk."""
        if self.temporary:
            Path(self.path).unlink(missing_ok=True)


def take(found: Found, limit: int = PIPE_LIMIT, memory: int = MEMORY_LIMIT) -> Content:
    """The content of a file that was found. A pipe is read to its end here, and only here."""
    if found.problem is not None:
        raise found.problem
    if not found.pipe:
        return Content(found.name, found.path)
    try:
        if found.path:
            with open(found.path, "rb") as stream:
                return _spool(found.name, stream, limit, memory)
        return _spool(found.name, _standard_input(), limit, memory)
    except OSError as error:
        raise _unreadable(found.name, error) from error


def _standard_input() -> IO[bytes]:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.closed:
        raise DocumentError("standard input is closed", "pipe a document in, or name a file")
    if stream.isatty():
        raise DocumentError("standard input is a terminal", "pipe a document in: visionocr … - < document.pdf")
    return stream  # type: ignore[no-any-return]


def _spool(name: str, stream: IO[bytes], limit: int, memory: int) -> Content:
    """Keep what the stream gives: in memory while it is small, else in a temporary file."""
    kept = bytearray()
    while len(kept) <= memory:
        chunk = stream.read(_CHUNK)
        if not chunk:
            return Content(name, data=bytes(kept))
        kept += chunk
        _check_size(name, len(kept), limit)
    handle, path = tempfile.mkstemp(prefix="visionocr-")
    content = Content(name, path, temporary=True)
    try:
        with open(handle, "wb") as file:
            size = file.write(kept)
            kept.clear()
            while chunk := stream.read(_CHUNK):
                size += file.write(chunk)
                _check_size(name, size, limit)
    except BaseException:
        content.discard()
        raise
    return content


def _check_size(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise DocumentError(f"{printable(name)} gave more than {limit:,} bytes", "save it to a file and name that")


def _unreadable(name: str, error: OSError) -> DocumentError:
    return DocumentError(f"{printable(name)} cannot be read: {error.strerror or error}")

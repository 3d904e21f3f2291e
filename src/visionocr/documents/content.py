"""The bytes of one document: a file, or what came through a pipe."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO

from visionocr.documents.discovery import Found
from visionocr.documents.kinds import HEAD, sniff, suggest_remedy
from visionocr.errors import DocumentError
from visionocr.text import printable

_CHUNK = 1 << 20
"""Bytes read from a pipe at a time."""
PIPE_LIMIT = 2 << 30
"""Bytes that a pipe may deliver."""
MEMORY_LIMIT = 64 << 20
"""Bytes from a pipe that are kept in memory; more go to a temporary file."""


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that can be opened any number of times."""

    name: str
    path: str = ""
    """Empty when the bytes are in memory."""
    data: bytes = field(default=b"", repr=False)
    temporary: bool = False
    """The file at ``path`` was made here and is deleted by ``discard``."""
    expected: tuple[int, ...] = ()
    """The state that the file must have whenever it is opened; empty: any."""

    def open(self) -> BufferedReader | BytesIO:
        """A new binary stream of the bytes. Raises ``DocumentError``, also where the file is not as ``expected``."""
        if not self.path:
            return BytesIO(self.data)
        try:
            stream = open(self.path, "rb")  # noqa: SIM115 (it is the caller's to close)
        except OSError as error:
            raise _unreadable(self.name, error) from error
        try:
            self.check_unchanged(stream)
        except DocumentError:
            stream.close()
            raise
        return stream

    def check_unchanged(self, stream: BufferedReader | BytesIO | None = None) -> None:
        """Raise ``DocumentError`` when the file (or the one that *stream* reads) is not as ``expected``."""
        if self.expected and self.state(stream) != self.expected:
            raise DocumentError(f"{printable(self.name)} was changed while it was being read", "run the command again")

    def state(self, stream: BufferedReader | BytesIO | None = None) -> tuple[int, ...]:
        """The size in bytes and, of a file, when it was changed (nanoseconds) and its inode. Raises ``DocumentError``.

        A file whose state is the same has not been changed. With *stream*, of the file that it reads, which need no
        longer be the one at ``path``.
        """
        if not self.path:
            return (len(self.data),)
        try:
            status = os.stat(self.path if stream is None else stream.fileno())
        except OSError as error:
            raise _unreadable(self.name, error) from error
        return status.st_size, status.st_mtime_ns, status.st_ino

    def identify(self) -> tuple[str, str]:
        """The format, as ``sniff`` names it, and the SHA-256 of all bytes, hexadecimal.

        Raises ``DocumentError``; where the first bytes are not a document's, without reading the rest.
        """
        with self.open() as stream:
            try:
                head = stream.read(HEAD)
                kind = sniff(head)
                if not head:
                    raise DocumentError(f"{printable(self.name)} is empty: it has 0 bytes")
                if kind is None:
                    words = f"{printable(self.name)} is neither a PDF nor a picture"
                    raise DocumentError(words, suggest_remedy(head))
                stream.seek(0)
                return kind, hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise _unreadable(self.name, error) from error

    def discard(self) -> None:
        """Delete the temporary file, where there is one."""
        if self.temporary:
            Path(self.path).unlink(missing_ok=True)


def read_content(found: Found, limit: int = PIPE_LIMIT, memory: int = MEMORY_LIMIT) -> Content:
    """The content of a file that was found. A pipe is read to its end.

    Of a pipe, up to *memory* bytes are kept in memory, and more than *limit* bytes are refused. Raises
    ``DocumentError``, also for the problem with which *found* came.
    """
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
    """Keep the bytes of a stream in memory or, when there are more than *memory*, in a temporary file."""
    chunks = _chunks(name, stream, limit)
    kept = bytearray()
    for chunk in chunks:
        kept += chunk
        if len(kept) > memory:
            break
    else:
        return Content(name, data=bytes(kept))
    handle, path = tempfile.mkstemp(prefix="visionocr-")
    content = Content(name, path, temporary=True)
    try:
        with open(handle, "wb") as file:
            file.write(kept)
            kept.clear()
            file.writelines(chunks)
    except BaseException:
        content.discard()
        raise
    return content


def _chunks(name: str, stream: IO[bytes], limit: int) -> Iterator[bytes]:
    """The bytes of a stream, piece by piece. Raises ``DocumentError`` after *limit* bytes."""
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise DocumentError(f"{printable(name)} is larger than {limit:,} bytes", "save it to a file and give that")
        yield chunk


def _unreadable(name: str, error: OSError) -> DocumentError:
    return DocumentError(f"{printable(name)} cannot be read: {error.strerror or error}")

"""The bytes of documents, from files and from pipes."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drawing import pdf_bytes
from visionocr.documents.content import Content, read_content
from visionocr.documents.discovery import Found, discover
from visionocr.errors import DocumentError

posix = pytest.mark.skipif(os.name != "posix", reason="special files of POSIX")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash is standard input, read to its end, once."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"%PDF-data")))
    found, again = discover(["-", "-"])
    assert found == Found("stdin", pipe=True)
    assert again.problem is not None
    content = read_content(found)
    assert content.data == b"%PDF-data"
    assert content.identify() == ("PDF", hashlib.sha256(b"%PDF-data").hexdigest())


def test_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is closed is a document error."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DocumentError, match="closed"):
        read_content(Found("stdin", pipe=True))


def test_terminal_as_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input that is a terminal is a document error, not an endless wait."""

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Terminal()))
    with pytest.raises(DocumentError, match="terminal"):
        read_content(Found("stdin", pipe=True))


def test_large_pipes_are_kept_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for memory is kept in a temporary file, which can be deleted."""
    data = os.urandom(3 << 20)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    content = read_content(Found("stdin", pipe=True), memory=1 << 20)
    assert content.temporary
    assert Path(content.path).read_bytes() == data
    content.discard()
    assert not Path(content.path).exists()


@pytest.mark.parametrize("memory", [1 << 10, 1 << 30])
def test_endless_pipes_are_refused(memory: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pipe that sends more than the limit is refused, and nothing stays on disk."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bytes(5 << 20))))
    with pytest.raises(DocumentError, match="larger than"):
        read_content(Found("stdin", pipe=True), limit=2 << 20, memory=memory)
    assert not list(tmp_path.iterdir())


@posix
def test_fifo_is_read_like_standard_input(tmp_path: Path) -> None:
    """A named pipe, as a shell's process substitution makes it, is read once and kept."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    data = pdf_bytes()
    found, again = discover([str(path), str(path)])
    assert found.pipe
    assert again.problem is not None
    writer = threading.Thread(target=path.write_bytes, args=(data,))
    writer.start()
    content = read_content(found)
    writer.join()
    assert content.data == data


@posix
def test_open_descriptor_is_a_pipe() -> None:
    """``/dev/fd/N`` of a pipe works."""
    read, write = os.pipe()
    os.write(write, b"GIF89a")
    os.close(write)
    (found,) = discover([f"/dev/fd/{read}"])
    assert read_content(found).data == b"GIF89a"
    os.close(read)


def test_empty_file_is_an_error(tmp_path: Path) -> None:
    """A file of 0 bytes is refused by name."""
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(DocumentError, match="0 bytes"):
        Content("a.pdf", str(tmp_path / "a.pdf")).identify()


def test_unknown_files_are_refused_by_their_first_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of any size that is no document is refused without hashing the rest of it."""

    class Words(io.RawIOBase):
        """Words without end, of which only the first are expected to be read."""

        size = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            self.size += len(buffer)
            assert self.size < 1 << 20
            buffer[:] = b"x" * len(buffer)
            return len(buffer)

    monkeypatch.setattr(Content, "open", lambda _: io.BufferedReader(Words()))
    with pytest.raises(DocumentError, match="neither a PDF nor a picture"):
        Content("a.pdf", "a.pdf").identify()

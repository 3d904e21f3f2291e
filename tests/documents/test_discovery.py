"""Arguments become files, files and pipes become bytes."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drawing import pdf_bytes
from visionocr.documents.content import Content, read_content
from visionocr.documents.discovery import Found, discover
from visionocr.documents.kinds import Kind, sniff, suggest_remedy
from visionocr.errors import DocumentError
from visionocr.text import printable

posix = pytest.mark.skipif(os.name != "posix", reason="names and special files of POSIX")


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def _names(found: list[Found], top: Path) -> list[str]:
    return [os.path.relpath(item.name, top) for item in found]


def test_files_come_as_given() -> None:
    """Files given by name are taken in the order given, whatever their suffix, without being opened."""
    here = __file__
    found = list(discover([here, here]))
    assert [item.name for item in found] == [here, here]
    assert all(item.problem is None and not item.pipe for item in found)


def test_directory_needs_recursive(tmp_path: Path) -> None:
    """A directory without -r is a problem that says so."""
    (found,) = discover([str(tmp_path)])
    assert found.problem is not None
    assert "is a directory" in found.problem.message
    assert "-r" in found.problem.hint


def test_directory_is_walked_in_natural_order(tmp_path: Path) -> None:
    """Documents below a directory come by suffix, page 2 before page 10; hidden and other files are left out."""
    _touch(tmp_path, "scan10.PNG", "scan2.png", "b/deep/x.pdf", "b/y.jpeg", "a.txt", ".hidden.pdf", ".git/z.pdf")
    found = list(discover([str(tmp_path)], recursive=True))
    assert _names(found, tmp_path) == ["b/deep/x.pdf", "b/y.jpeg", "scan2.png", "scan10.PNG"]


def test_kinds_narrow_directories_only(tmp_path: Path) -> None:
    """The kinds wanted choose among the files of a directory, not among files given by name."""
    _touch(tmp_path, "a.pdf", "b.png")
    assert _names(list(discover([str(tmp_path)], recursive=True, kinds=[Kind.PDF])), tmp_path) == ["a.pdf"]
    assert [f.problem for f in discover([str(tmp_path / "b.png")], kinds=[Kind.PDF])] == [None]


def test_directory_without_documents_is_a_problem(tmp_path: Path) -> None:
    """A directory in which nothing can be read does not pass in silence."""
    _touch(tmp_path, "a.txt")
    (found,) = discover([str(tmp_path)], recursive=True)
    assert found.problem is not None
    assert ".pdf" in found.problem.hint


@posix
def test_links_do_not_loop(tmp_path: Path) -> None:
    """Links to directories are followed, each directory is visited once, and dangling links are reported later."""
    _touch(tmp_path, "a/x.pdf")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.pdf").symlink_to(tmp_path / "nowhere.pdf")
    found = list(discover([str(tmp_path)], recursive=True))
    assert _names(found, tmp_path) == ["a/x.pdf", "c.pdf"]


def test_walking_is_lazy(tmp_path: Path) -> None:
    """The first file is there before the directories after it are looked at."""
    _touch(tmp_path, "a/x.pdf", "b/y.pdf")
    walk = discover([str(tmp_path)], recursive=True)
    assert next(walk).name.endswith("x.pdf")
    _touch(tmp_path, "b/z.pdf")
    assert len(list(walk)) == 2


def test_absent_file_is_a_problem() -> None:
    """A name with no file behind it is a problem of its own; the other files are still found."""
    gone, here = discover(["no such file.pdf", __file__])
    assert gone.problem is not None
    assert gone.problem.message == "no such file.pdf does not exist"
    assert here.problem is None
    (nul,) = discover(["a\0b"])
    assert nul.problem is not None


@posix
def test_special_files_are_refused(tmp_path: Path) -> None:
    """Devices and sockets are problems, and are skipped in directories."""
    (device,) = discover([os.devnull])
    assert device.problem is not None
    with socket.socket(socket.AF_UNIX) as server:
        path = tmp_path / "s.pdf"
        server.bind(os.path.relpath(path))
        (found,) = discover([str(path)])
        assert found.problem is not None
        _touch(tmp_path, "a.pdf")
        assert _names(list(discover([str(tmp_path)], recursive=True)), tmp_path) == ["a.pdf"]


@posix
@pytest.mark.parametrize("name", ["a\nb.pdf", "quo'\"te.pdf", "😀 é.pdf", "-rf.pdf", "bad\udcff.pdf", " .pdf", "*.pdf"])
def test_odd_names_work(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any name that a file can have is found, read and spoken of on one line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"bytes")
    for paths, recursive in ([name], False), ([str(tmp_path)], True):
        (found,) = discover(paths, recursive=recursive)
        with read_content(found).open() as stream:
            assert stream.read() == b"bytes"
        assert Path(found.name).name == name
    assert printable(name).isprintable()


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
    """Standard input that is a terminal is a document error, not a wait for ever."""

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=Terminal()))
    with pytest.raises(DocumentError, match="terminal"):
        read_content(Found("stdin", pipe=True))


def test_large_pipes_go_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too large for memory is kept in a temporary file, which can be deleted."""
    data = os.urandom(3 << 20)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    content = read_content(Found("stdin", pipe=True), memory=1 << 20)
    assert content.temporary
    assert Path(content.path).read_bytes() == data
    content.discard()
    assert not Path(content.path).exists()


@pytest.mark.parametrize("memory", [1 << 10, 1 << 30])
def test_endless_pipes_are_cut_off(memory: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A pipe that gives more than the limit is refused, and nothing stays on disk."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(bytes(5 << 20))))
    with pytest.raises(DocumentError, match="more than"):
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
    _touch(tmp_path, "a.pdf")
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(DocumentError, match="0 bytes"):
        Content("a.pdf", str(tmp_path / "a.pdf")).identify()


def test_what_is_no_document_is_refused_by_its_first_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of any size that is no document is refused at once: the rest of it is not read to be hashed."""

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


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"junk" * 200 + b"%PDF-1.4", "PDF"),
        (b"junk" * 300 + b"%PDF-1.4", None),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"GIF87a", "GIF"),
        (b"II*\0....", "TIFF"),
        (b"MM\0*....", "TIFF"),
        (b"II+\0....", "TIFF"),
        (b"RIFF\1\2\3\4WEBPVP8 ", "WEBP"),
        (b"RIFF\1\2\3\4WAVEfmt ", None),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "BMP"),
        (b"BMW is a maker of cars, not a bitmap", None),
        (b"plain text", None),
        (b"%!PS-Adobe-3.0 EPSF-3.0", None),
        (b"", None),
    ],
)
def test_content_decides(head: bytes, kind: str | None) -> None:
    """The first bytes tell what a file is."""
    assert sniff(head) == kind


def test_refusals_say_what_to_do() -> None:
    """Well-known files that are not accepted come with the way to make them so."""
    assert "export it as PDF" in suggest_remedy(b"PK\x03\x04....")
    assert "web page" in suggest_remedy(b"\n <!DOCTYPE HTML><html>")
    assert "git lfs pull" in suggest_remedy(b"version https://git-lfs.github.com/spec/v1")
    assert "JPEG" in suggest_remedy(b"\x01\x02")

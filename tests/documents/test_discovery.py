"""Files are found by the arguments that name them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from visionocr.documents.content import read_content
from visionocr.documents.discovery import Found, discover
from visionocr.documents.kinds import Kind
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
    """The wanted kinds select files of a directory, not files given by name."""
    _touch(tmp_path, "a.pdf", "b.png")
    assert _names(list(discover([str(tmp_path)], recursive=True, kinds=[Kind.PDF])), tmp_path) == ["a.pdf"]
    assert [f.problem for f in discover([str(tmp_path / "b.png")], kinds=[Kind.PDF])] == [None]


def test_directory_without_documents_is_a_problem(tmp_path: Path) -> None:
    """A directory in which nothing can be read is reported."""
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
    """The first file is yielded before the directories after it are read."""
    _touch(tmp_path, "a/x.pdf", "b/y.pdf")
    walk = discover([str(tmp_path)], recursive=True)
    assert next(walk).name.endswith("x.pdf")
    _touch(tmp_path, "b/z.pdf")
    assert len(list(walk)) == 2


def test_missing_file_is_a_problem() -> None:
    """A path without a file is a problem of its own; the other files are still found."""
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
def test_unusual_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any name that a file can have is found, and shown on one line."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"bytes")
    for paths, recursive in ([name], False), ([str(tmp_path)], True):
        (found,) = discover(paths, recursive=recursive)
        with read_content(found).open() as stream:
            assert stream.read() == b"bytes"
        assert Path(found.name).name == name
    assert printable(name).isprintable()

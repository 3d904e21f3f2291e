"""Moving documents that are done with: nothing is overwritten, nothing is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from visionocr.errors import OutputError
from visionocr.watching.moving import move_file


@pytest.fixture
def other_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder into which nothing can be renamed from outside."""
    folder, rename = tmp_path / "other", os.replace

    def replace(source: Any, target: Any) -> None:
        if Path(target).parent == folder != Path(source).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    return folder


def write(path: Path, text: str) -> Path:
    """A file with a time of its own."""
    path.write_text(text)
    os.utime(path, ns=(1_000, 1_000_000_000))
    return path


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    """The folder is made; what lies there stays."""
    done = tmp_path / "done" / "2026"
    moved = [move_file(write(tmp_path / "a.tar.pdf", str(number)), done) for number in range(3)]
    assert [path.name for path in moved] == ["a.tar.pdf", "a.tar-2.pdf", "a.tar-3.pdf"]
    assert [path.read_text() for path in moved] == ["0", "1", "2"]
    assert [path.stat().st_mtime_ns for path in moved] == [1_000_000_000] * 3
    assert not (tmp_path / "a.tar.pdf").exists()


def test_to_another_file_system_it_is_copied(tmp_path: Path, other_file_system: Path) -> None:
    """With its time, beside what is there, and the source is gone."""
    other_file_system.mkdir()
    write(other_file_system / "a.pdf", "other")
    moved = move_file(write(tmp_path / "a.pdf", "ours"), other_file_system)
    assert (moved.name, moved.read_text()) == ("a-2.pdf", "ours")
    assert moved.stat().st_mtime_ns == 1_000_000_000
    assert sorted(os.listdir(other_file_system)) == ["a-2.pdf", "a.pdf"]
    assert not (tmp_path / "a.pdf").exists()


@pytest.mark.usefixtures("other_file_system")
def test_a_copy_that_fails_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk: the source is still there, and the folder has no half file."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    source = write(tmp_path / "a.pdf", "ours")
    with pytest.raises(OutputError, match="No space left"):
        move_file(source, tmp_path / "other")
    assert source.read_text() == "ours"
    assert os.listdir(tmp_path / "other") == []


@pytest.mark.usefixtures("other_file_system")
def test_a_source_that_cannot_be_deleted_leaves_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows no open file can be: it is moved later, and is there once then."""
    source, unlink = write(tmp_path / "a.pdf", "ours"), Path.unlink

    def refuse(path: Path, *options: Any) -> None:
        if path == source:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, *options)

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        move_file(source, tmp_path / "other")
    assert source.read_text() == "ours"
    assert os.listdir(tmp_path / "other") == []


def test_what_cannot_be_moved_stays(tmp_path: Path) -> None:
    """The message names both places."""
    source = write(tmp_path / "a.pdf", "ours")
    with pytest.raises(OutputError, match="is no folder"):
        move_file(source, source)
    source.unlink()
    with pytest.raises(OutputError, match=r"cannot move .*a\.pdf to .*done: No such file"):
        move_file(source, tmp_path / "done")
    assert os.listdir(tmp_path / "done") == []

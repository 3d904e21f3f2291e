"""Which files in watched folders are complete, and when they are to be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from visionocr.watching.inbox import UNFINISHED, Inbox

SETTLE, TRIES, WAIT = 5.0, 4, 30.0


class Watched:
    """An inbox at a folder, with a clock that a test sets."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.now = 1000.0
        values: dict[str, Any] = {"settle": SETTLE, "tries": TRIES, "retry_wait": WAIT, **options}
        self.inbox = Inbox([str(folder)], clock=lambda: self.now, **values)

    def look(self, after: float = 0.0) -> list[str]:
        """The names of what is to be read so much later."""
        self.now += after
        return [os.path.basename(arrival.path) for arrival in self.inbox.scan()]

    def take(self, after: float = SETTLE) -> Any:
        """The one document that is to be read so much later."""
        self.now += after
        (arrival,) = self.inbox.scan()
        return arrival


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """An inbox at the test's folder."""
    return Watched(tmp_path)


def test_a_file_is_complete_when_it_has_not_changed_for_a_while(watched: Watched, tmp_path: Path) -> None:
    """Every change of size or time begins the wait anew."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    assert watched.look() == []
    assert watched.look(SETTLE - 0.1) == []
    path.write_bytes(b"%PDF-1.7")
    assert watched.look(SETTLE) == []
    os.utime(path, ns=(0, 12_345))
    assert watched.look(SETTLE) == []
    assert watched.look(SETTLE - 0.1) == []
    assert watched.look(0.1) == ["a.pdf"]


def test_a_file_that_was_moved_in_is_read_however_old_it_is(watched: Watched, tmp_path: Path) -> None:
    """What counts is when it was seen first, not its own time, which another machine may have set."""
    watched.look()
    (tmp_path / "tomorrow.pdf").touch()
    os.utime(tmp_path / "tomorrow.pdf", (2e9, 2e9))
    (tmp_path / "old.pdf").touch()
    os.utime(tmp_path / "old.pdf", (1, 1))
    assert watched.look(100) == []
    assert watched.look(SETTLE) == ["old.pdf", "tomorrow.pdf"]


@pytest.mark.parametrize(
    "name",
    [
        *(f"a.pdf{ending}" for ending in UNFINISHED),
        *(".a.pdf", ".a.pdf.Xy12Zz", "~$a.pdf", "~syncthing~a.pdf.tmp", ".syncthing.a.pdf.tmp", "a.docx", "Thumbs.db"),
    ],
)
def test_temporary_and_foreign_names_are_left_alone(watched: Watched, tmp_path: Path, name: str) -> None:
    """Names of downloads, of programs that synchronise, lock files and what is no document; a rename ends that."""
    (tmp_path / name).write_bytes(b"%PDF")
    assert watched.look() + watched.look(SETTLE) == []
    (tmp_path / name).rename(tmp_path / "b.PDF")
    assert watched.look() + watched.look(SETTLE) == ["b.PDF"]


@pytest.mark.parametrize("ending", [".part", ".aria2", ".PART"])
def test_a_file_with_its_download_beside_it_is_not_complete(watched: Watched, tmp_path: Path, ending: str) -> None:
    """Firefox keeps an empty file of the final name, aria2 one of the final size, until all is there."""
    (tmp_path / "a.pdf").touch()
    (tmp_path / f"a.pdf{ending}").touch()
    assert watched.look() + watched.look(SETTLE) == []
    (tmp_path / f"a.pdf{ending}").unlink()
    assert watched.look() + watched.look(SETTLE) == ["a.pdf"]


def test_folders_below_are_read_with_recursive_only(tmp_path: Path) -> None:
    """Not those that are excluded or hidden; links to folders could lead round in circles."""
    for folder in ("sub/deep", "done", ".hidden"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{folder[:3]}.pdf").touch()
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    flat = Watched(tmp_path)
    deep = Watched(tmp_path, recursive=True, excluded={os.path.realpath(tmp_path / "done")})
    assert flat.look() + flat.look(SETTLE) == []
    assert deep.look() + deep.look(SETTLE) == ["sub.pdf"]


def test_what_a_folder_says_is_checked_at_the_file_itself(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network drive may say of a file what was true a minute ago; the open file says what is true."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    watched.look()
    grown = os.stat_result((0o100644, 1, 1, 1, 0, 0, 4_000, 0, 0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda _: grown)
        assert watched.look(SETTLE) == []
    assert watched.look() == []
    assert watched.look(SETTLE) == ["a.pdf"]


def test_a_settled_file_comes_again_when_it_changes(watched: Watched, tmp_path: Path) -> None:
    """And when it went and came back."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    watched.look()
    watched.inbox.settle(watched.take())
    assert watched.inbox.is_idle
    assert watched.look(1000) == []
    path.write_bytes(b"%PDF-1.7")
    assert watched.look() == []
    assert not watched.inbox.is_idle
    watched.inbox.settle(watched.take())
    path.unlink()
    watched.look()
    path.write_bytes(b"%PDF-1.7")
    assert watched.look() + watched.look(SETTLE) == ["a.pdf"]


def test_waits_between_tries_grow_until_a_file_is_set_aside(watched: Watched, tmp_path: Path) -> None:
    """Four tries, and nothing more until the file changes; then all begins anew."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"torn")
    watched.look()
    waits = []
    after = SETTLE
    for number in range(TRIES):
        arrival = watched.take(after)
        assert watched.inbox.is_last_try(arrival) == (number == TRIES - 1)
        waits.append(wait := watched.inbox.fail(arrival))
        assert watched.look() == []
        after = wait or 0.0
    assert waits == [WAIT, 4 * WAIT, 16 * WAIT, None]
    assert watched.look(1e6) == []
    assert watched.inbox.is_idle
    path.write_bytes(b"torn again")
    watched.look()
    assert watched.inbox.fail(watched.take()) == WAIT


def test_a_folder_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """What was done there is not done again when it comes back."""
    folder = tmp_path / "drive"
    folder.mkdir()
    (folder / "a.pdf").touch()
    watched = Watched(folder)
    watched.look()
    watched.inbox.settle(watched.take())
    folder.rename(tmp_path / "away")
    assert watched.look() == []
    assert watched.inbox.problem == f"cannot look into {folder}: No such file or directory"
    assert not watched.inbox.is_idle
    (tmp_path / "away").rename(folder)
    assert watched.look() + watched.look(SETTLE) == []
    assert watched.inbox.is_idle


def test_an_arrival_knows_whether_it_changed(watched: Watched, tmp_path: Path) -> None:
    """So that nothing is moved away that was not read."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF")
    watched.look()
    arrival = watched.take()
    assert arrival.is_unchanged()
    path.write_bytes(b"%PDF-1.7")
    assert not arrival.is_unchanged()
    path.unlink()
    assert not arrival.is_unchanged()

"""Captions beside their pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from visionocr.choices import Existing
from visionocr.cli.sidecars import SidecarSink, sidecar_path
from visionocr.errors import OutputError, UsageError
from visionocr.types import PageRef, PageResult, Status


def caption(picture: Path, number: int = 1, text: str = "text") -> PageResult:
    """A good caption of a frame."""
    return PageResult(PageRef(str(picture), number, 3, "d"), text, Status.OK)


@pytest.mark.parametrize("ending", [".txt", "txt"])
def test_a_caption_stands_beside_its_picture(ending: str) -> None:
    """The ending takes the place of the picture's own, with or without a dot."""
    assert sidecar_path(Path("x/photo.of.dog.jpg"), ending) == Path("x/photo.of.dog.txt")


@pytest.mark.parametrize("ending", ["", ".", "/x", "..\\x", "a:b", "\n"])
def test_nonsense_is_no_ending(ending: str) -> None:
    """An ending cannot lead to another folder, nor be empty."""
    with pytest.raises(UsageError, match="not an ending"):
        sidecar_path(Path("photo.jpg"), ending)


def test_a_caption_never_overwrites_its_picture() -> None:
    """The picture's own ending is refused."""
    with pytest.raises(UsageError, match="would overwrite"):
        sidecar_path(Path("photo.jpg"), ".jpg")


def refuse(error: OutputError) -> None:
    """No error is to be reported."""
    raise error


def test_captions_are_one_line_with_their_frame(tmp_path: Path) -> None:
    """Prefix and suffix stand around a caption without line breaks; only the first frame has one."""
    sink = SidecarSink(".txt", refuse, prefix="<", suffix=">")
    sink.write(caption(tmp_path / "film.gif", 1, "A dog.\nIt sits."))
    sink.write(caption(tmp_path / "film.gif", 2, "It runs."))
    sink.finish()
    assert (tmp_path / "film.txt").read_text() == "<A dog. It sits.>\n"


def test_a_picture_without_caption_gets_no_file(tmp_path: Path) -> None:
    """Failed and blank pictures leave no file that looks like a caption."""
    sink = SidecarSink(".txt", refuse)
    sink.write(PageResult(PageRef(str(tmp_path / "a.jpg"), 0), "", Status.FAILED))
    sink.write(PageResult(PageRef(str(tmp_path / "b.jpg"), 1, 1, "d"), "", Status.BLANK))
    sink.finish()
    assert os.listdir(tmp_path) == []


def test_a_caption_that_cannot_be_written_costs_itself(tmp_path: Path) -> None:
    """The others are written; it is said once for each, and in the end that there were some."""
    (tmp_path / "b.txt").mkdir()
    said: list[str] = []
    sink = SidecarSink(".txt", lambda error: said.append(error.message))
    for name in ("a.jpg", "b.jpg", "gone/c.jpg", "d.jpg"):
        sink.write(caption(tmp_path / name))
    assert [message.split()[0] for message in said] == ["cannot", "there"]
    with pytest.raises(OutputError, match="2 captions could not be written"):
        sink.finish()
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt", "d.txt"]


def test_what_is_no_text_is_not_appended_to(tmp_path: Path) -> None:
    """A file in another encoding stays as it is, and is reported."""
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    said: list[str] = []
    sink = SidecarSink(".txt", lambda error: said.append(error.message), existing=Existing.APPEND)
    assert sink.is_wanted(str(tmp_path / "a.jpg"))
    sink.write(caption(tmp_path / "a.jpg"))
    assert said == [f"cannot read {tmp_path / 'a.txt'}: it is not UTF-8"]
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xe9\n"


def test_a_file_that_has_the_caption_is_left_alone(tmp_path: Path) -> None:
    """Appending what is there already does not touch the file; a new caption is a further line."""
    path = tmp_path / "a.txt"
    path.write_text("text")
    before = path.stat()
    sink = SidecarSink(".txt", refuse, existing=Existing.APPEND)
    sink.write(caption(tmp_path / "a.jpg"))
    assert (path.stat().st_ino, path.read_text()) == (before.st_ino, "text")
    sink.write(caption(tmp_path / "a.jpg", text="other"))
    assert path.read_text() == "text\nother\n"

"""Paths on Windows and macOS, simulated: spellings of one file, files that others have open, and paths too long."""

from __future__ import annotations

import ntpath
import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from visionocr.documents.discovery import discover
from visionocr.errors import OutputError
from visionocr.output import files
from visionocr.output.files import AtomicFile
from visionocr.output.folder import FolderSink, Origin, OutputKind
from visionocr.output.formats import PagesText
from visionocr.output.state import FOLDER_STATE, State
from visionocr.output.writer import FileSink
from visionocr.paths import explain_long_path, path_key
from visionocr.types import FileSignature, PageRef, PageResult, Status

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Müller.pdf") for form in ("NFC", "NFD"))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this system for Windows, as far as names go."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os.path, "normcase", ntpath.normcase)


@pytest.fixture
def macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this system for macOS."""
    monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.usefixtures("windows")
def test_case_on_windows() -> None:
    """Spellings that differ in case only are one file."""
    assert path_key("Scans/A.PDF") == path_key("scans/a.pdf")


@pytest.mark.usefixtures("macos")
def test_accents_on_macos() -> None:
    """What is typed and what a folder lists may be different forms of one name."""
    assert path_key(COMPOSED) == path_key(DECOMPOSED)


@pytest.mark.skipif(sys.platform != "linux", reason="about Linux")
def test_linux_tells_all_names_apart() -> None:
    """Twins in form or case are two files."""
    assert path_key(COMPOSED) != path_key(DECOMPOSED)
    assert path_key("A.pdf") != path_key("a.pdf")


def write_output(folder: Path, document: str) -> None:
    """Write the output of a document of one page into a folder."""
    state = State(folder / FOLDER_STATE, {})
    sink = FolderSink(folder, [OutputKind(".md", lambda path, _: FileSink(path, PagesText(".md", "none")))], state)
    sink.expect(document, Origin(FileSignature(1, 1)))
    sink.write(PageResult(PageRef(document, 1, 1, "digest"), "text", Status.OK))
    sink.finish()
    state.close()


@pytest.mark.usefixtures("macos")
def test_another_spelling_of_a_document_gets_the_same_output(tmp_path: Path) -> None:
    """A document that was found in a folder and is then named by hand does not get a second output."""
    write_output(tmp_path, DECOMPOSED)
    before = sorted(path.name for path in tmp_path.glob("*.md"))
    write_output(tmp_path, COMPOSED)
    assert sorted(path.name for path in tmp_path.glob("*.md")) == before


@pytest.mark.usefixtures("macos")
def test_a_document_that_was_moved_is_known_in_any_spelling(tmp_path: Path) -> None:
    """A later run that meets it at its new place does not write its output again."""
    write_output(tmp_path, "a.pdf")
    state, signature = State(tmp_path / FOLDER_STATE, {}), FileSignature(1, 1)
    sink = FolderSink(tmp_path, [OutputKind(".md", lambda path, _: FileSink(path, PagesText(".md", "none")))], state)
    sink.assign(tmp_path / "a.md", DECOMPOSED, signature)
    assert sink.is_complete(COMPOSED, signature)
    state.close()


Replace = Callable[[Path, Path], None]


def refusing(times: int) -> Replace:
    """A way to replace files that Windows refuses some times, because another program has the file open."""
    real, left = os.replace, [times]

    def replace(old: Path, new: Path) -> None:
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied")
        real(old, new)

    return replace


@pytest.mark.usefixtures("windows")
def test_a_file_that_a_scanner_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that passes in a moment is no error."""
    waits: list[float] = []
    monkeypatch.setattr(files.time, "sleep", waits.append)  # type: ignore[attr-defined]
    monkeypatch.setattr(os, "replace", refusing(3))
    (tmp_path / "out.md").write_text("old")
    file = AtomicFile(tmp_path / "out.md")
    file.write("new")
    file.commit()
    assert (tmp_path / "out.md").read_text() == "new"
    assert len(waits) == 3
    assert sum(waits) < 2


@pytest.mark.usefixtures("windows")
def test_a_file_that_stays_open_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the old file stays, nothing is left beside it, and the hint says what to do."""
    monkeypatch.setattr(files.time, "sleep", lambda _seconds: None)  # type: ignore[attr-defined]
    monkeypatch.setattr(os, "replace", refusing(99))
    (tmp_path / "out.md").write_text("old")
    file = AtomicFile(tmp_path / "out.md")
    file.write("new")
    with pytest.raises(OutputError, match="Access is denied") as caught:
        file.commit()
    file.discard()
    assert "Close the program" in caught.value.hint
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.md": "old"}


@pytest.mark.usefixtures("windows")
def test_paths_that_are_too_long(tmp_path: Path) -> None:
    """Windows says of them that they do not exist; the hint says why, for documents and for outputs."""
    long = tmp_path / ("folder" * 20) / ("deeper" * 20) / "scan.pdf"
    assert len(str(long)) > 260
    assert "Windows takes 259" in explain_long_path(long)
    assert explain_long_path(tmp_path / "scan.pdf") == ""
    (found,) = discover([str(long)])
    assert found.problem is not None
    assert "Windows takes 259" in found.problem.hint
    with pytest.raises(OutputError) as caught:
        AtomicFile(long)
    assert "Windows takes 259" in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="about the others")
def test_long_paths_elsewhere() -> None:
    """Other systems take them."""
    assert explain_long_path("folder/" * 100) == ""


def test_folders_without_numbers_are_all_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On network drives that give every folder the number 0, no folder is taken for one that was seen."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scan.pdf").write_bytes(b"%PDF-")
    real = os.stat

    def stat(path: str) -> os.stat_result:
        return os.stat_result([0 if index == 1 else value for index, value in enumerate(real(path)[:10])])

    monkeypatch.setattr("visionocr.documents.discovery.os.stat", stat)
    assert len(list(discover([str(tmp_path)], recursive=True))) == 2

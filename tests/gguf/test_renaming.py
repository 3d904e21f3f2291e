"""``visionocr gguf FOLDER --rename`` and ``--undo``: files are renamed, never lost, and get their old names back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import weights
from visionocr.cli.app import app
from visionocr.errors import OutputError
from visionocr.gguf import renaming
from visionocr.gguf.renaming import RECORD, list_renamed, rename_files, undo_renames

Run = Callable[..., tuple[int, str, str]]
OLD, NEW = "mmproj-model-f16.gguf", "mmproj-Qwen2.5-VL-7B-F16.gguf"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in the folder of the files: its exit code, standard output and standard error."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, ["gguf", *arguments])
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    return run_it


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A model with a projector that is called after its conversion."""
    weights.model(tmp_path / "Qwen2.5-VL-7B-Q4_K_M.gguf", "qwen2vl", 3584)
    weights.projector(tmp_path / OLD, "qwen2.5vl_merger", {"mm.2.bias": (3584,)}, general__file_type=1)
    return tmp_path


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir() if path.name != "config"}


def test_the_report_proposes_a_name(run: Run, files: Path) -> None:
    """Without ``--rename`` the name is shown and nothing is changed; JSON has it too."""
    before = names(files)
    code, out, _ = run(".")
    assert code == 0
    assert f"name       {OLD}\n           -> {NEW}: it belongs to Qwen2.5-VL-7B\n" in out
    assert "--rename gives these names" in out
    assert json.loads(run(".", "--json")[1])["names"] == [
        {"projector": OLD, "name": NEW, "reason": "it belongs to Qwen2.5-VL-7B"}
    ]
    assert names(files) == before


def test_rename_and_undo(run: Run, files: Path) -> None:
    """The file has its new name with its bytes, then its old one again, and no record stays."""
    before, data = names(files), (files / OLD).read_bytes()
    code, out, err = run(".", "--rename", "--yes")
    assert (code, out) == (0, f"{OLD} -> {NEW}\n")
    assert err == "1 file renamed; --undo gives the old names back"
    assert names(files) == before - {OLD} | {NEW, RECORD}
    assert (files / NEW).read_bytes() == data
    assert run(".", "--rename", "--yes")[1:] == ("", "nothing to rename")
    assert run(".", "--undo", "--yes") == (0, f"{NEW} -> {OLD}\n", "1 file renamed")
    assert names(files) == before
    assert (files / OLD).read_bytes() == data


def test_nothing_is_renamed_unasked(run: Run, files: Path) -> None:
    """Without a terminal and without ``--yes`` the plan is shown, nothing is done, and the exit code is 2."""
    before = names(files)
    code, out, err = run(".", "--rename")
    assert (code, out) == (2, f"{OLD} -> {NEW}\n")
    assert "Give --yes" in err
    assert names(files) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "is_renamed"), [(b"y\n", True), (b"\n", False), (b"no\n", False), (b"\x04", False)])
def test_it_asks_at_a_terminal(files: Path, answer: bytes, is_renamed: bool) -> None:
    """Only a yes renames: an empty answer, a no and the end of input do not."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "visionocr", "gguf", str(files), "--rename"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        os.write(ours, answer)
        _, err = process.communicate(timeout=60)
        os.close(ours)
    assert process.returncode == 0
    assert "Rename? [y/N]" in err
    assert (files / NEW).exists() == is_renamed
    assert (files / OLD).exists() != is_renamed


def test_folders_below(run: Run, files: Path) -> None:
    """With ``-r`` files of folders below are renamed where they are; one record in the folder brings all back."""
    (files / "other").mkdir()
    weights.model(files / "other" / "Qwen3-VL-8B.gguf", "qwen3vl", 4096, ARCH__n_deepstack_layers=3)
    shapes = {"mm.2.bias": (4096,), **weights.DEEPSTACK_TENSORS}
    weights.projector(files / "other" / "mmproj.gguf", "qwen3vl_merger", shapes, general__file_type=32)
    assert run(".", "-r", "--rename", "--yes")[0] == 0
    assert (files / NEW).exists()
    assert names(files / "other") == {"Qwen3-VL-8B.gguf", "mmproj-Qwen3-VL-8B-BF16.gguf"}
    assert run(".", "--undo", "--yes")[0] == 0
    assert names(files / "other") == {"Qwen3-VL-8B.gguf", "mmproj.gguf"}
    assert RECORD not in names(files)


def test_what_is_not_renamed_is_told(run: Run, files: Path) -> None:
    """A projector that fits several models is named in a warning with the reason."""
    weights.model(files / "olmOCR-7B.gguf", "qwen2vl", 3584)
    code, out, err = run(".", "--rename", "--yes")
    assert (code, out) == (0, "")
    assert f"warning: {OLD} is not renamed: it fits several models: Qwen2.5-VL-7B, olmOCR-7B" in err
    assert err.endswith("nothing to rename")


@pytest.mark.parametrize(
    "arguments",
    [(".", "--rename", "--undo"), (".", "--rename", "--json"), (OLD, "--rename"), (".", OLD, "--undo")],
)
def test_mistakes(run: Run, files: Path, arguments: tuple[str, ...]) -> None:
    """Only one of both, for a folder; exit code 2."""
    before = names(files)
    assert run(*arguments, "--yes")[0] == 2
    assert names(files) == before


def test_an_existing_file_is_never_replaced(files: Path) -> None:
    """A file that appeared under the new name after the plan was made stays, and so does the old one."""
    (files / NEW).write_text("mine")
    before = (files / OLD).read_bytes()
    with pytest.raises(OutputError, match="already"):
        rename_files(files, [(files / OLD, files / NEW)])
    assert (files / NEW).read_text() == "mine"
    assert (files / OLD).read_bytes() == before
    assert RECORD not in names(files)


def test_undo_knows_what_was_renamed(files: Path) -> None:
    """Not the file of somebody else whose name was wanted; a step that was repeated is undone once."""
    second = weights.mlp(files / "second.gguf")
    (files / "2.gguf").write_text("mine")
    for _ in range(2):
        with pytest.raises(OutputError, match="already"):
            rename_files(files, [(files / OLD, files / NEW), (second, files / "2.gguf")])
        assert list_renamed(files) == [(files / NEW, files / OLD)]
        (files / NEW).rename(files / OLD)  # by hand
    rename_files(files, [(files / OLD, files / NEW)])
    second.unlink()
    undo_renames(files, list_renamed(files))
    assert names(files) == {"Qwen2.5-VL-7B-Q4_K_M.gguf", OLD, "2.gguf"}


def test_undo_replaces_nothing_either(run: Run, files: Path) -> None:
    """Where the old name is taken by now, both files stay, the exit code is 6, and the record is kept."""
    run(".", "--rename", "--yes")
    (files / OLD).write_text("another")
    code, _, err = run(".", "--undo", "--yes")
    assert code == 6
    assert f"there is a file {OLD} already" in err
    assert {NEW, OLD, RECORD} <= names(files)
    (files / OLD).unlink()
    assert run(".", "--undo", "--yes")[0] == 0


def test_a_file_that_is_open_elsewhere(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to rename a file that a server has open: nothing is left behind, and the hint says why."""

    def refuse(old: Path, new: Path) -> None:
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    with monkeypatch.context() as patched:
        patched.setattr("visionocr.gguf.renaming.os.replace", refuse)
        with pytest.raises(OutputError) as caught:
            renaming._rename(files / OLD, files / NEW)
    assert "being used" in caught.value.message
    assert "has it open" in caught.value.hint
    assert names(files) == {"Qwen2.5-VL-7B-Q4_K_M.gguf", OLD}


def test_the_record_is_written_first(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed while it renames leaves a record of everything it had begun."""
    weights.mlp(files / "second.gguf")

    def die(_old: Path, new: Path) -> None:
        if new.name == "2.gguf":
            raise KeyboardInterrupt
        os.rename(files / OLD, new)

    monkeypatch.setattr(renaming, "_rename", die)
    with pytest.raises(KeyboardInterrupt):
        rename_files(files, [(files / OLD, files / "1.gguf"), (files / "second.gguf", files / "2.gguf")])
    monkeypatch.undo()
    undo_renames(files, list_renamed(files))
    assert names(files) == {"Qwen2.5-VL-7B-Q4_K_M.gguf", OLD, "second.gguf"}


@pytest.mark.parametrize(
    "record",
    [
        "no JSON",
        "{}",
        "[1]",
        '[{"from": "../a.gguf", "to": "b.gguf"}]',
        '[{"from": "/etc/a.gguf", "to": "b.gguf"}]',
        '[{"from": "a.gguf", "to": "../b.gguf"}]',
        '[{"from": "a.gguf", "to": "b.sh"}]',
        "[" * 100_000,
    ],
)
def test_a_record_that_is_none(run: Run, files: Path, record: str) -> None:
    """A damaged record, or one that names files elsewhere or of another kind, is refused; exit code 3."""
    (files / RECORD).write_text(record)
    before = names(files)
    code, out, err = run(".", "--undo", "--yes")
    assert (code, out) == (3, "")
    assert RECORD in err
    assert "Traceback" not in err
    assert names(files) == before


def test_undo_without_a_record(run: Run, files: Path) -> None:
    """Where nothing was renamed, that is said."""
    code, _, err = run(".", "--undo")
    assert code == 3
    assert "nothing was renamed in ." in err

"""Somebody's first commands: each that cannot work leads on by its own words."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.pictures import make_image, make_pdf
from visionocr.check import examine
from visionocr.engines import local
from visionocr.extras import install_command
from visionocr.prompting.library import Library
from visionocr.settings import Settings

Ran = subprocess.CompletedProcess[str]
Run = Callable[..., Ran]

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def run() -> Run:
    """Run the program as a shell does."""

    def run_it(*arguments: str, **environment: str) -> Ran:
        return subprocess.run(
            [sys.executable, "-m", "visionocr", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environment},
            stdin=subprocess.DEVNULL,
        )

    return run_it


def test_the_program_alone(run: Run) -> None:
    """It shows its commands, line by line, and the first steps; exit code 2."""
    ran = run()
    lines = ran.stderr.splitlines()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert lines[0].startswith("Usage: visionocr")
    assert any(line.strip().startswith("pdf ") for line in lines)
    assert "visionocr pdf FILE reads a document" in " ".join(ran.stderr.split())
    assert "\\n" not in ran.stderr


@pytest.mark.parametrize(("name", "command"), [("scan.pdf", "pdf"), ("photo.jpg", "image")])
def test_a_document_in_place_of_a_command(run: Run, name: str, command: str) -> None:
    """Who gives a document only is told the command that reads it."""
    make_pdf("scan.pdf")
    make_image("photo.jpg", 1, "JPEG")
    ran = run(name)
    assert ran.returncode == 2
    assert f"{name} is not a command" in ran.stderr
    assert f"visionocr {command} FILE" in ran.stderr


def test_other_words_in_place_of_a_command(run: Run) -> None:
    """A misspelt command, and a file that is no document, are no commands."""
    Path("notes.txt").write_text("words")
    assert "Did you mean 'pdf'?" in run("pfd").stderr
    ran = run("notes.txt")
    assert "no such command 'notes.txt'" in ran.stderr
    assert "See: visionocr --help" in ran.stderr


@pytest.mark.parametrize("is_installed", [False, True])
def test_a_check_without_any_server(is_installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no server is told how one is started, and how to do without."""
    with socket.socket() as taken:  # bound, but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(examine, "DEFAULT_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setattr(local, "installed", lambda: is_installed)
        report = examine.examine(Settings(), Library())
    failure, note = report.results
    assert "connection refused" in failure.text
    assert "--mmproj PROJECTOR.gguf" in note.text
    assert ("visionocr check local:" in note.text) == is_installed
    assert (install_command("local") in note.text) == (not is_installed)


def test_completion_is_installed(run: Run, tmp_path: Path) -> None:
    """``--install-completion`` writes a script for the shell at hand, which completes commands."""
    home = tmp_path / "new home"
    home.mkdir()
    places = {"HOME": str(home), "USERPROFILE": str(home), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    ran = run("--install-completion", "bash", **places)
    assert ran.returncode == 0, ran.stderr
    scripts = [path for path in home.rglob("*") if path.is_file() and "VISIONOCR" in path.read_text()]
    assert scripts
    words = run(_VISIONOCR_COMPLETE="complete_bash", COMP_WORDS="visionocr d", COMP_CWORD="1").stdout.split()
    assert words == ["describe"]

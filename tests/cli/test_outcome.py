"""How commands end where the system refuses something: plain messages, the right exit code, never "a bug"."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_image, make_pdf
from visionocr.cli.app import app
from visionocr.cli.outcome import reported
from visionocr.console import Console
from visionocr.errors import ExitCode

LONG = "n" * 300
"""A name that no file system takes: what looks at it fails, as it does for a path that may not be looked at."""


@pytest.fixture(autouse=True)
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture ``isolated`` of conftest, rendering in this process to save time."""
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")


def command(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command line: code and standard error."""
    result = CliRunner().invoke(app, arguments, env=environment, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stderr_bytes.decode()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("can't start new thread"), "no more threads"),
        (MemoryError(), "not enough memory"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "Too many open files"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "temporarily unavailable"),
        (ImportError("libz.so.1: failed to map segment from shared object"), "libz.so.1: failed to map"),
    ],
)
def test_tight_limits_are_no_bug(error: Exception, words: str) -> None:
    """What the system's limits cause is named as such, with the limit to raise."""
    stream = io.StringIO()
    with pytest.raises(typer.Exit) as ended, reported(Console(stream=stream), 0):
        raise error
    assert ended.value.exit_code == ExitCode.UNEXPECTED
    assert words in stream.getvalue()
    assert "limit" in stream.getvalue()
    assert "bug" not in stream.getvalue()


def test_other_errors_are_bugs() -> None:
    """Anything else is reported as a fault of the program."""
    stream = io.StringIO()
    with pytest.raises(typer.Exit), reported(Console(stream=stream), 0):
        raise ValueError("half a page")
    assert "ValueError: half a page" in stream.getvalue()
    assert "bug in visionocr" in stream.getvalue()


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that was deleted, what needs it says so."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    stream = io.StringIO()
    with pytest.raises(typer.Exit), reported(Console(stream=stream), 0):
        os.getcwd()
    assert "current folder is not there" in stream.getvalue()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pdf", "a.pdf", "-o", f"{LONG}.md"), ExitCode.OUTPUT),
        (("pdf", "a.pdf", "-o", f"{LONG}/"), ExitCode.OUTPUT),
        (("pdf", "a.pdf", "-o", f"{LONG}/a.md"), ExitCode.OUTPUT),
        (("pdf", "a.pdf", "--journal", LONG), ExitCode.OUTPUT),
        (("pdf", f"{LONG}.pdf"), ExitCode.DOCUMENT),
        (("pdf", "a.pdf", "--files-from", LONG), ExitCode.USAGE),
        (("pdf", "a.pdf", "--prompt", f"@{LONG}"), ExitCode.USAGE),
        (("pdf", "a.pdf", "--config", LONG), ExitCode.CONFIGURATION),
        (("pdf", "a.pdf", "--gguf", LONG, "--mmproj", LONG), ExitCode.CONFIGURATION),
        (("gguf", LONG), ExitCode.CONFIGURATION),
        (("gguf", "a.pdf", LONG), ExitCode.CONFIGURATION),
        (("describe", "a.png", "--sidecar", f".{LONG}"), ExitCode.OUTPUT),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_names_that_cannot_be_looked_at(arguments: tuple[str, ...], code: ExitCode, koboldcpp: FakeKoboldCpp) -> None:
    """A path that the system refuses is an error of its kind, wherever it is given."""
    make_pdf(Path("a.pdf"), 1)
    make_image(Path("a.png"), 1)
    server = () if "gguf" in " ".join(arguments) else ("--api-url", koboldcpp.url)
    ended, err = command(*arguments, *server)
    assert ended == code
    assert "error:" in err
    assert "unexpected" not in err


def test_a_config_folder_that_may_not_be_entered(koboldcpp: FakeKoboldCpp) -> None:
    """Where the user's folder cannot be looked at there is no configuration, and that is no error."""
    make_pdf(Path("a.pdf"), 1)
    for arguments in (("pdf", "a.pdf", "--api-url", koboldcpp.url), ("presets",), ("gguf", "a.pdf")):
        code, err = command(*arguments, XDG_CONFIG_HOME=f"/{LONG}")
        assert code == (ExitCode.CONFIGURATION if arguments[0] == "gguf" else ExitCode.OK)
        assert LONG not in err


def test_a_config_file_that_cannot_be_read_is_an_error(tmp_path: Path, koboldcpp: FakeKoboldCpp) -> None:
    """A file that is there and cannot be read is not passed over."""
    make_pdf(Path("a.pdf"), 1)
    (tmp_path / "config" / "visionocr" / "config.toml").mkdir(parents=True)  # a folder in its place
    code, err = command("pdf", "a.pdf", "--api-url", koboldcpp.url)
    assert code == ExitCode.CONFIGURATION
    assert "config.toml" in err

"""Hints for missing extras: they name the tool that installed the program, and systems that there are no builds for."""

from __future__ import annotations

import json
import platform
import shlex
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from visionocr import extras
from visionocr.extras import explain_missing_build, install_command, install_hint

Installed = Callable[..., Path]
WHEEL = {"url": "file:///downloads/visionocr-0.1.0-py3-none-any.whl", "archive_info": {}}


class Distribution:
    """An installed package with the note of where it came from."""

    def __init__(self, origin: dict[str, Any] | None) -> None:
        self._text = json.dumps(origin) if origin else None

    def read_text(self, name: str) -> str | None:
        """The text of a file of the package's metadata."""
        return self._text if name == "direct_url.json" else None


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Pretend that the program runs in a folder with such files, installed from *origin*; the folder."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)

    def pretend(files: Mapping[str, str] = {}, *, folder: str = ".venv", origin: dict[str, Any] | None = None) -> Path:
        prefix = tmp_path / folder
        prefix.mkdir(parents=True)
        for name, text in {"pyvenv.cfg": "", **files}.items():
            (prefix / name).write_text(text)
        monkeypatch.setattr(sys, "executable", str(prefix / "bin" / "python"))
        monkeypatch.setattr(metadata, "distribution", lambda _name: Distribution(origin))
        return prefix

    return pretend


def receipt(*names: str) -> str:
    """What uv writes into the folder of a tool."""
    return f'[tool]\nrequirements = [{{ name = "visionocr", extras = {list(names)} }}]\n'


def test_uv_tool(installed: Installed) -> None:
    """With uv the whole tool is installed again, with the extras that it has already."""
    installed({"uv-receipt.toml": receipt("heic")})
    assert install_command("local") == 'uv tool install "visionocr[heic,local]"'


def test_pipx(installed: Installed) -> None:
    """With pipx the extra is injected into the environment, whose name may have a suffix."""
    installed({"pipx_metadata.json": "{}"}, folder="pipx/venvs/visionocr-2")
    assert install_command("local") == 'pipx inject visionocr-2 "visionocr[local]"'


def test_programs_run_without_being_installed(installed: Installed) -> None:
    """Of ``uvx`` and ``pipx run`` nothing stays that could be added to: the same with the extra is another run."""
    installed(folder="cache/uv/archive-v0/_l1DVDLp")
    assert install_command("raw") == 'uvx --from "visionocr[raw]" visionocr'
    installed({"pipx_metadata.json": "{}"}, folder="cache/pipx/fa23d09f8228457")
    assert install_command("raw") == 'pipx run --spec "visionocr[raw]" visionocr'


def test_virtual_environments(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """An active environment's ``pip`` is the one on the path; of another the interpreter is named."""
    prefix = installed()
    monkeypatch.setattr(extras, "find_spec", lambda name: name)
    assert install_command("eval") == f'{prefix / "bin" / "python"} -m pip install "visionocr[eval]"'
    monkeypatch.setenv("VIRTUAL_ENV", str(prefix))
    assert install_command("eval") == 'pip install "visionocr[eval]"'


def test_virtual_environments_without_pip(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no pip, as in environments of uv's, uv installs into it."""
    prefix = installed()
    monkeypatch.setattr(extras, "find_spec", lambda _name: None)
    assert install_command("eval") == f'uv pip install --python {prefix / "bin" / "python"} "visionocr[eval]"'
    monkeypatch.setenv("VIRTUAL_ENV", str(prefix))
    assert install_command("eval") == 'uv pip install "visionocr[eval]"'


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (WHEEL, '"/downloads/visionocr-0.1.0-py3-none-any.whl[raw]"'),
        ({"url": "file:///my%20clone", "dir_info": {}}, '"/my clone[raw]"'),
        ({"url": "file:///my%20clone", "dir_info": {"editable": True}}, '-e "/my clone[raw]"'),
        (
            {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "requested_revision": "v1", "commit_id": "abc"}},
            '"visionocr[raw] @ git+https://host/x.git@v1"',
        ),
        ({"url": "https://host/v.whl", "archive_info": {}}, '"visionocr[raw] @ https://host/v.whl"'),
    ],
    ids=["wheel", "clone", "editable clone", "repository", "address"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX")
def test_where_it_was_installed_from(installed: Installed, origin: dict[str, Any], wanted: str) -> None:
    """What did not come from the index by its name is asked for where it came from, as one argument of a shell."""
    installed({"uv-receipt.toml": receipt()}, origin=origin)
    assert install_command("raw") == f"uv tool install {wanted}"
    assert len(shlex.split(wanted.removeprefix("-e "))) == 1


def system(monkeypatch: pytest.MonkeyPatch, name: str, processor: str, version: str = "", libc: str = "glibc") -> None:
    """Pretend to run on a system; *version*: of its C library, or of macOS."""
    monkeypatch.setattr(platform, "system", lambda: name)
    monkeypatch.setattr(platform, "machine", lambda: processor)
    monkeypatch.setattr(sysconfig, "get_platform", lambda: f"{name.lower()}-{processor}")
    monkeypatch.setattr(platform, "libc_ver", lambda: (libc, version))
    monkeypatch.setattr(platform, "mac_ver", lambda: (version, ("", "", ""), processor))


@pytest.mark.parametrize(
    ("extra", "where", "words"),
    [
        ("local", ("Linux", "x86_64", "2.34"), ""),
        ("local", ("Linux", "x86_64", "2.31"), "faster-paddle has no build for glibc 2.31 on x86_64: it needs 2.34"),
        ("local", ("Linux", "aarch64", "2.28"), ""),
        ("local", ("Linux", "riscv64", "2.39"), "no build for Linux on riscv64"),
        ("local", ("Linux", "x86_64", "", "musl"), "no build for Linux without glibc, such as Alpine"),
        ("local", ("Linux", "x86_64", "", ""), "no build for Linux without glibc, such as Alpine"),
        ("local", ("Darwin", "arm64", "14.6.1"), ""),
        ("local", ("Darwin", "x86_64", "14.6.1"), "no build for macOS on x86_64"),
        ("local", ("Windows", "amd64"), ""),
        ("local", ("Windows", "arm64"), "no build for Windows on arm64"),
        ("llama", ("Linux", "x86_64", "2.17"), ""),
        ("llama", ("Linux", "x86_64", "", "musl"), "xllamacpp has no build for Linux without glibc"),
        ("llama", ("Darwin", "x86_64", "13.0"), ""),
        ("llama", ("Darwin", "x86_64", "12.7"), "xllamacpp has no build for macOS 12.7 on x86_64: it needs 13.0"),
        ("llama", ("Windows", "arm64"), "no build for Windows on arm64"),
        ("heic", ("Windows", "arm64"), ""),
    ],
)
def test_systems_without_a_build(
    monkeypatch: pytest.MonkeyPatch, extra: str, where: tuple[str, ...], words: str
) -> None:
    """Where a package has no wheel, the hint says so, and what to do instead, and names no command that would fail."""
    system(monkeypatch, *where)
    why = explain_missing_build(extra)
    assert words in why
    assert bool(why) == bool(words)
    hint = install_hint(extra, "To do it")
    assert ("install" in hint) == (not words)
    assert ("--api-url" in hint) == bool(words)
    assert hint.startswith("To do it: ") or words


@pytest.mark.source_tree
@pytest.mark.parametrize("extra", extras.BUILDS)
def test_nothing_is_installed_where_there_is_no_build(extra: str) -> None:
    """On a Mac or Windows without a wheel, pip leaves the package out instead of failing to build it."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    (wanted,) = map(Requirement, project["optional-dependencies"][extra])
    assert wanted.name == extras.BUILDS[extra].package
    assert wanted.marker is not None
    for system, python, processor in (
        ("Darwin", "darwin", "arm64"),
        ("Darwin", "darwin", "x86_64"),
        ("Windows", "win32", "AMD64"),
        ("Windows", "win32", "ARM64"),
    ):
        has_build = (system, processor.lower()) in extras.BUILDS[extra].oldest
        assert wanted.marker.evaluate({"sys_platform": python, "platform_machine": processor}) == has_build


def test_this_system_is_judged_by_its_own_facts() -> None:
    """Where the package could be installed, nothing is said against it."""
    for extra, module in (("local", "faster_paddle"), ("llama", "xllamacpp")):
        if find_spec(module):
            assert explain_missing_build(extra) == ""

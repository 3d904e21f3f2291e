"""README, help, changelog and code say the same."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from visionocr import __version__
from visionocr.check.diagnosis import Cause
from visionocr.choices import PageBreaks
from visionocr.errors import ExitCode
from visionocr.output.formats import record
from visionocr.prompting.library import Library
from visionocr.settings import Settings, load_settings
from visionocr.types import PageRef, PageResult, Status

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = ("pdf", "image", "describe", "extract", "check", "presets", "gguf")

pytestmark = pytest.mark.source_tree


def command_after(comment: str) -> str:
    """The shell line in the README under a comment."""
    return README.split(f"# {comment}\n", 1)[1].split("\n", 1)[0]


def help_text(*command: str) -> str:
    """The program's help as plain text of 100 columns."""
    environment = {**os.environ, "COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    result = subprocess.run(
        [sys.executable, "-m", "visionocr", *command, "--help"], capture_output=True, env=environment, check=True
    )
    return "\n".join(line.rstrip() for line in result.stdout.decode().splitlines()).strip()


def test_the_help_in_the_readme_is_the_programs() -> None:
    """What stands between the markers is what ``visionocr pdf --help`` prints."""
    shown = re.search(r"<!-- help pdf -->\n```text\n(.*?)\n```\n<!-- /help -->", README, re.DOTALL)
    assert shown is not None
    assert shown[1] == help_text("pdf")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    """The table of commands names each."""
    assert f"`visionocr {command} " in README


def test_causes_are_documented() -> None:
    """The README names every cause that a check can find, in order."""
    listed = README.split("with a `cause` for each fault (", 1)[1].split(")", 1)[0]
    assert re.findall(r"`([\w-]+)`", listed) == [str(cause) for cause in Cause]


def test_exit_codes_are_documented() -> None:
    """The table holds every code, and no other."""
    table = README.split("### Exit codes", 1)[1].split("## Settings", 1)[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {code.value for code in ExitCode}


def test_json_fields_are_documented() -> None:
    """The table of fields is the record's fields, in order."""
    table = README.split("### Output", 1)[1].split("### Exit codes", 1)[0].split("| field | meaning |", 1)[1]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    documented = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert documented == list(record(PageResult(PageRef("a.pdf", 1), "", Status.OK)))


def test_page_breaks_are_documented() -> None:
    """Each way to tell pages apart has its row."""
    assert re.findall(
        r"^\| `(\w+)` \|", README.split("`--page-breaks` chooses", 1)[1].split("`--format jsonl`", 1)[0], re.M
    ) == [str(value) for value in PageBreaks]


def test_the_number_of_presets_and_the_tasks_are_true() -> None:
    """The README counts the model families and names the tasks that ship."""
    library = Library()
    families = [preset for preset in library.presets() if preset.group != "fallback"]
    assert f"{len(families)} model families" in README
    listed = README.split("The tasks that ship:", 1)[1].split(".\n", 1)[0]
    assert set(re.findall(r"`([\w-]+)`", listed)) == {task.name for task in library.tasks()}


def test_links_name_existing_files() -> None:
    """Links to files of the repository name files that exist."""
    for document in ("README.md", "CONTRIBUTING.md", "examples/README.md", "docs/captions.md", "docs/extraction.md"):
        text = (ROOT / document).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}"


def test_the_changelog_knows_this_version() -> None:
    """The newest entry is for the version of the code."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## (\S+)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == __version__


def test_the_example_config_file_holds_every_common_setting_and_loads() -> None:
    """With every line's comment mark taken away, the example is a valid config file."""
    text = (ROOT / "examples" / "visionocr.toml").read_text("utf-8")
    lines = [re.sub(r"^#\s?(?=\w+ = )", "", line) for line in text.splitlines()]
    path = ROOT / "examples" / "visionocr.toml"
    settings = load_settings(config=path, required=True, environment={})
    assert settings.api_url == ("http://localhost:5001",)
    names = {field.name for field in dataclasses.fields(Settings)}
    keys = [match[1] for line in lines if (match := re.match(r"(\w+) = ", line))]
    assert len(keys) > 5
    assert set(keys) <= names


def test_contributing_lists_every_package() -> None:
    """Every package and file in CONTRIBUTING's drawing exists, and every package is in it."""
    drawing = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("```")[1]
    source = ROOT / "src" / "visionocr"
    packages = {path.name + "/" for path in source.iterdir() if path.is_dir() and path.name != "__pycache__"}
    modules = {path.stem for path in source.glob("*.py")} - {"__init__", "__main__", "api"}
    words = {word for line in drawing.splitlines() for word in re.split(r"\s{3,}", line)[0].split()}
    assert packages | modules <= words, packages | modules - words
    assert all((source / word).exists() or (source / f"{word}.py").exists() for word in words - {"prompts/", "api.py"})

"""README, help, changelog and code say the same."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

import help_pages
from visionocr import __version__
from visionocr.check.diagnosis import Cause
from visionocr.choices import PageBreaks
from visionocr.cli.app import app
from visionocr.errors import ExitCode
from visionocr.output.formats import record
from visionocr.prompting.library import Library
from visionocr.settings import FIELDS, Settings, load_settings
from visionocr.types import PageRef, PageResult, Status

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "examples" / "README.md"])
    if path.name != "CHANGELOG.md"
}
PROGRAM: Any = typer.main.get_command(app)
COMMANDS = sorted(PROGRAM.commands)

pytestmark = pytest.mark.source_tree


@pytest.mark.slow
def test_the_help_in_the_docs_is_the_programs() -> None:
    """``docs/commands.md`` holds what each command's ``--help`` prints; ``python tests/help_pages.py`` renews it."""
    page = help_pages.PAGE.read_text("utf-8")
    assert sorted(help_pages.listed_commands(page)) == sorted(COMMANDS)
    assert page == help_pages.renew(page)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown(command: str) -> None:
    """The README or a page of the documentation shows how to use each."""
    assert any(re.search(rf"^(?:.*\| )?visionocr {command}\b", text, re.MULTILINE) for text in PAGES.values())


def test_causes_are_documented() -> None:
    """The page names every cause that a check can find, in order."""
    listed = PAGES["docs/servers.md"].split("with a `cause` for each fault (", 1)[1].split(")", 1)[0]
    assert re.findall(r"`([\w-]+)`", listed) == [str(cause) for cause in Cause]


def test_exit_codes_are_documented() -> None:
    """The table holds every code, and no other."""
    table = PAGES["docs/commands.md"].split("## Exit codes", 1)[1].split("\n## ", 1)[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == {code.value for code in ExitCode}


def test_json_fields_are_documented() -> None:
    """The table of fields is the record's fields, in order."""
    table = PAGES["docs/outputs.md"].split("| field | meaning |", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    documented = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert documented == list(record(PageResult(PageRef("a.pdf", 1), "", Status.OK)))


def test_page_breaks_are_documented() -> None:
    """Each way to tell pages apart has its row."""
    table = PAGES["docs/outputs.md"].split("## Page breaks", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [str(value) for value in PageBreaks]


def test_the_number_of_presets_and_the_tasks_are_true() -> None:
    """The page about models counts the families and names the tasks that ship."""
    library = Library()
    families = [preset for preset in library.presets() if preset.group != "fallback"]
    assert f"{len(families)} model families" in PAGES["docs/models.md"]
    listed = PAGES["docs/models.md"].split("The tasks that ship:", 1)[1].split(".\n", 1)[0]
    assert set(re.findall(r"`([\w-]+)`", listed)) == {task.name for task in library.tasks()}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    """Links within the repository name files that exist, and headings in them."""
    for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", PAGES[name]):
        if "://" in target:
            continue
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name} links to {target}"
        if anchor:
            assert anchor in _anchors(path.read_text("utf-8")), f"{name} links to {target}#{anchor}"


def _anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_the_readme() -> None:
    """The README's list of pages is complete."""
    assert {name for name in PAGES if name.startswith("docs/")} <= set(re.findall(r"\]\((docs/[^)#]+\.md)\)", README))


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_that_are_shown_are_understood(name: str) -> None:
    """Each ``visionocr`` command line in a page has only options, and values of settings, that the program knows."""
    for line in shown_commands(PAGES[name]):
        command, *arguments = shlex.split(line)[1:] or ["--help"]
        if command.startswith("-"):
            continue
        with PROGRAM.commands[command].make_context(command, arguments) as context:
            given = {option.name for option in PROGRAM.commands[command].params if option.param_type_name == "option"}
            flags = {name: value for name, value in context.params.items() if name in given & FIELDS.keys() and value}
            if command == "extract":
                flags.pop("format", None)  # it has other formats than the settings
            load_settings(flags, environment={})


def shown_commands(page: str) -> list[str]:
    """The command lines of the program in the page's shell blocks and tables, without comments and redirections."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"^\|.*\| `(visionocr [^`]+)`", page, re.MULTILINE)
    lines = [line.split('"$(')[0] + "OUTPUT" if '"$(' in line else line for line in lines]
    found = [re.search(r"(?:^|\| |\$ |/|\$\()(visionocr .*)", line) for line in lines if not line.startswith("#")]
    return [re.split(r"\s+(?:#|>|\||&&|&|2>|<)(?:\s|$)", match[1])[0].rstrip(";") for match in found if match]


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

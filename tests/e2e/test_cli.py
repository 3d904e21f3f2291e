"""The command line: options, errors, exit codes, and the output of each command."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_frames, make_image
from fakes.pictures import make_pdf as pdf_file
from setting_samples import SAMPLES, UNCHECKED
from visionocr import __version__, job
from visionocr.cli.app import app
from visionocr.errors import ServerError
from visionocr.output.state import FOLDER_STATE
from visionocr.prompting.library import Library
from visionocr.settings import Settings

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
COMMANDS = ("pdf", "image", "describe", "extract", "check", "presets", "gguf")
KEY = "k3y-nobody-may-see"


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., CommandResult]


@pytest.fixture(autouse=True)
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture ``isolated`` of conftest, with a fixed line length."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run() -> Run:
    """Run a command line: ``run("pdf", "a.pdf", stdin=b"")``."""

    def run_it(*arguments: str, stdin: bytes = b"", **environment: str) -> CommandResult:
        result = CliRunner().invoke(app, arguments, input=stdin, env=environment, prog_name="visionocr")
        assert isinstance(result.exception, SystemExit | None), result.exc_info
        return CommandResult(result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode())

    return run_it


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment, for small pictures.

    They are drawn in this process: where nothing is said of drawing, starting another one is all that would take time.
    """
    with FakeKoboldCpp(model=MODEL) as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        yield fake


def settings_of(run: Run, monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> Settings:
    """The settings that reach the pipeline."""
    caught: list[Settings] = []

    def prepare(settings: Settings, *_: Any, **__: Any) -> None:
        caught.append(settings)
        raise ServerError("seen enough")

    monkeypatch.setattr(job, "prepare", prepare)
    for name in UNCHECKED:
        monkeypatch.delenv(name)
    pdf_file("settings.pdf")
    ran = run(*arguments, "settings.pdf", **environment)
    assert ran.err == "error: seen enough\n", ran
    return caught[0]


# --- help --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_plain_and_fits(run: Run, command: str) -> None:
    """Every command's help is plain text, without frames, types or cut sentences."""
    ran = run(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: visionocr {command} [OPTIONS]")
    assert max(map(len, ran.out.splitlines())) <= 100
    assert not re.search(r"[│╭<>{}]|[a-z]\.\.\.|\bbool\b", ran.out)
    assert run(command, "-h") == ran


def test_help_lists_the_commands(run: Run) -> None:
    """The program's own help names every command with a whole sentence."""
    ran = run("--help")
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z][^\n]*\.$", ran.out, re.MULTILINE)


@pytest.mark.parametrize("command", ["pdf", "image", "describe"])
def test_every_setting_is_an_option(run: Run, command: str) -> None:
    """What can be set at all can be set on the command line, and says what it is for."""
    text = run(command, "--help").out
    for field in fields(Settings):
        if field.name != "origins":
            option = "--" + field.name.replace("_", "-")
            assert re.search(rf"^  (-\w, )?{option}\b[^\n]*(\n +)?[ ,]*[A-Z-]", text, re.MULTILINE), option


def test_help_tells_defaults_and_choices(run: Run) -> None:
    """The help of an option has its default and its choices."""
    text = " ".join(run("pdf", "--help").out.split())
    assert "given up (default 300)." in text
    assert "Output format: md, txt, json, jsonl, hocr, alto, page, pdf" in text
    assert "--page-breaks comment|rule|heading|formfeed|none" in text


def test_without_a_command_help_is_shown(run: Run) -> None:
    """It is a usage error: the help goes to standard error."""
    ran = run()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("Usage: visionocr")


def test_version(run: Run) -> None:
    """``--version`` prints one line: name and version."""
    assert run("--version") == CommandResult(0, f"visionocr {__version__}\n", "")


# --- options and settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_an_option_becomes_its_setting(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An option's value arrives with its type and the flag as its origin; other settings keep their defaults."""
    text, value = SAMPLES[name]
    option = "--" + name.replace("_", "-")
    arguments = [option] if value is True else [option, text]
    settings = settings_of(run, monkeypatch, "pdf", *arguments)
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)
    assert dict(settings.origins) == {name: option}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_a_variable_becomes_its_setting(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each setting has an environment variable."""
    text, value = SAMPLES[name]
    variable = f"VISIONOCR_{name.upper()}"
    settings = settings_of(run, monkeypatch, "pdf", **{variable: text})
    assert getattr(settings, name) == value
    assert dict(settings.origins) == {name: variable}


def test_flag_beats_environment_beats_file(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each layer covers the one below; the usual config file is found without being named."""
    folder = tmp_path / "config" / "visionocr"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('language = "file"\nbatch = 2\nseed = 1\nstrict = true\n')
    settings = settings_of(
        run, monkeypatch, "pdf", "--seed", "3", "--no-strict", VISIONOCR_SEED="2", VISIONOCR_BATCH="3"
    )
    assert (settings.language, settings.batch, settings.seed, settings.strict) == ("file", 3, 3, False)
    assert settings.origins["language"] == str(folder / "config.toml")


def test_a_named_config_file_replaces_the_usual_one(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``--config`` reads that file only."""
    folder = tmp_path / "config" / "visionocr"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("batch = 4\n")
    (tmp_path / "own.toml").write_text("seed = 5\n")
    settings = settings_of(run, monkeypatch, "pdf", "--config", "own.toml")
    assert (settings.batch, settings.seed) == (1, 5)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True), (0o640, True)])
def test_a_key_in_a_world_readable_file_is_a_warning(
    run: Run, server: FakeKoboldCpp, tmp_path: Path, mode: int, warned: bool
) -> None:
    """A config file with a key that others can read is a warning, which does not show the key."""
    file = tmp_path / "own.toml"
    file.write_text(f'api_key = "{KEY}"\n')
    file.chmod(mode)
    ran = run("check", server.url, "--config", str(file))
    assert ("can be read by others" in ran.err) is warned
    assert KEY not in ran.err + ran.out


def test_a_prompt_can_come_from_a_file(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``@FILE`` stands for what is in it."""
    (tmp_path / "prompt.txt").write_text("Read é\n")
    assert settings_of(run, monkeypatch, "pdf", "--prompt", "@prompt.txt").prompt == "Read é"


def test_the_key_can_be_read_from_a_prompt(run: Run, server: FakeKoboldCpp) -> None:
    """``--api-key -`` takes it from the terminal, or from standard input where there is none."""
    server.password = KEY
    pdf_file("a.pdf")
    assert run("pdf", "a.pdf", "--api-key", "-", stdin=f"{KEY}\n".encode()).code == 0
    ran = run("pdf", "a.pdf", "--api-key", "-")
    assert (ran.code, ran.out) == (2, "")
    assert "no API key was given" in ran.err


def test_choices_are_completed() -> None:
    """Shell completion offers the choices of an option."""
    environment = {
        "_VISIONOCR_COMPLETE": "complete_bash",
        "COMP_WORDS": "visionocr pdf --format j",
        "COMP_CWORD": "3",
    }
    result = CliRunner().invoke(app, [], env=environment, prog_name="visionocr")
    assert result.stdout.split() == ["json", "jsonl"]


# --- errors ------------------------------------------------------------------------------------------------


def parse_errors(text: str) -> list[tuple[str, str]]:
    """Error messages with their hints; fails on any other line on standard error."""
    lines = text.splitlines()
    found: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith("error: "):
            found.append((line.removeprefix("error: "), ""))
        else:
            assert line.startswith("  "), text
            found[-1] = found[-1][0], line.strip()
    return found


USAGE: dict[str, tuple[list[str], str, str]] = {
    "no such command": (["pfd", "a.pdf"], "no such command 'pfd'. Did you mean 'pdf'?", "See: visionocr --help"),
    "no file": (["pdf"], "missing argument 'FILE'", "See: visionocr pdf --help"),
    "no such option": (["pdf", "a.pdf", "--fromat", "md"], "no such option: --fromat", "See: visionocr pdf --help"),
    "a leading dash": (["pdf", "-dash.pdf"], "no such option: -d", "See: visionocr pdf --help"),
    "no value": (["pdf", "a.pdf", "--format"], "option '--format' requires an argument", "See: visionocr"),
    "no such word": (["pdf", "a.pdf", "-f", "doc"], "--format: 'doc' is no output format", "Known: md, txt"),
    "no number": (["pdf", "a.pdf", "--batch", "two"], "--batch: 'two' is not a whole number", ""),
    "out of range": (["pdf", "a.pdf", "--dpi", "3"], "--dpi: 3 must be between 10 and 1200", ""),
    "not a number": (["pdf", "a.pdf", "--temperature", "nan"], "--temperature: 'nan' is not a number", ""),
    "no such page": (["pdf", "a.pdf", "--pages", "x"], "'x' is not a page or a range of pages", "for example"),
    "no pages": (["pdf", "a.pdf", "--pages", ""], "no pages are given", "for example"),
    "no prompt file": (["pdf", "a.pdf", "--prompt", "@none"], "--prompt: cannot read none", ""),
    "empty output": (["pdf", "a.pdf", "-o", ""], "--output is given, but empty", "Give the name"),
    "output is input": (["pdf", "a.pdf", "-o", "./a.pdf"], "--output ./a.pdf is one of the documents", "Choose"),
    "output is a PDF": (["pdf", "a.pdf", "-o", "b.pdf"], "--output b.pdf would overwrite a PDF", "Choose another"),
    "credentials": (["check", "http://u:p@h"], "the server's address contains a user name", "Leave it out"),
    "no address": (["pdf", "a.pdf", "--api-url", "ftp://x"], "'ftp://x' is not an address", "Example"),
    "two outputs": (["describe", "c.png", "-o", "x", "--sidecar", ".txt"], "--sidecar and --output exclude", ""),
    "prefix alone": (["describe", "c.png", "--prefix", "x"], "--prefix needs --sidecar", ""),
    "force alone": (["describe", "c.png", "--force"], "--force needs --sidecar", ""),
    "sidecar of a pipe": (["describe", "-", "--sidecar", ".txt"], "standard input has no place", ""),
    "sidecar elsewhere": (["describe", "c.png", "--sidecar", "x/y"], "--sidecar '.x/y' is not an ending", "Example"),
    "sidecar is picture": (["describe", "c.png", "--sidecar", ".png"], "would overwrite the picture", "Choose"),
    "too many arguments": (["presets", "a", "b"], "got unexpected extra argument", "See: visionocr presets --help"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_errors(run: Run, case: str) -> None:
    """A usage error is code 2 with a message and a hint, before a server is asked and without output."""
    arguments, message, hint = USAGE[case]
    pdf_file("a.pdf")
    pdf_file("b.pdf")
    make_image("c.png", 1)
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    ran = run(*arguments, VISIONOCR_API_URL="" if "--api-url" in arguments else "http://127.0.0.1:9")
    assert (ran.code, ran.out) == (2, "")
    ((said, advice),) = parse_errors(ran.err)
    assert message in said
    assert advice.startswith(hint) if hint else not advice
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before


CONFIGURATION: dict[str, tuple[list[str], str, str]] = {
    "no such preset": (["--preset", "qwen2.5-v"], "there is no preset 'qwen2.5-v'", "Did you mean qwen2.5-vl?"),
    "no such task": (["--task", "transcibe"], "there is no task 'transcibe'", "Did you mean transcribe?"),
    "no config file": (["--config", "none.toml"], "there is no config file none.toml", ""),
    "unknown key": (["--config", "unknown.toml"], "has an unknown key 'apiurl'", "Did you mean api_url?"),
    "wrong type": (["--config", "type.toml"], "type.toml: 'x' is not a number", ""),
    "no TOML": (["--config", "broken.toml"], "broken.toml is not valid TOML", ""),
    "placeholder": (["--prompt", "{{xyz}}"], "--prompt has an unknown placeholder {{xyz}}", "Known: language"),
    "password file": (["--password-file", "none"], "cannot read the password file none: No such file", ""),
}


@pytest.mark.parametrize("case", CONFIGURATION)
def test_configuration_errors(run: Run, case: str) -> None:
    """A bad setting, preset, task or config file is code 3, before a server is asked."""
    arguments, message, hint = CONFIGURATION[case]
    pdf_file("a.pdf")
    Path("unknown.toml").write_text("apiurl = 1\n")
    Path("type.toml").write_text('timeout = "x"\n')
    Path("broken.toml").write_text("timeout =\n")
    ran = run("pdf", "a.pdf", *arguments, VISIONOCR_API_URL="http://127.0.0.1:9")
    assert (ran.code, ran.out) == (3, "")
    ((said, advice),) = parse_errors(ran.err)
    assert message in said
    assert advice.startswith(hint) if hint else not advice


def test_a_bad_variable_is_a_configuration_error(run: Run) -> None:
    """The message names the environment variable."""
    pdf_file("a.pdf")
    ran = run("pdf", "a.pdf", VISIONOCR_DPI="x")
    assert (ran.code, ran.err) == (3, "error: VISIONOCR_DPI: 'x' is not a number\n")


def test_missing_documents_end_the_run_before_a_server_is_asked(run: Run) -> None:
    """Without a readable document: code 4, each problem with its remedy, no output."""
    Path("folder").mkdir()
    ran = run("pdf", "none.pdf", "folder", VISIONOCR_API_URL="http://127.0.0.1:9")
    assert (ran.code, ran.out) == (4, "")
    assert parse_errors(ran.err) == [
        ("none.pdf does not exist", "check the name"),
        ("folder is a directory", "use -r to read the documents in it"),
    ]
    ran = run("pdf", "folder", "-r", VISIONOCR_API_URL="http://127.0.0.1:9")
    assert (ran.code, ran.out) == (4, "")
    hint = "only files ending in .pdf are read; to read pictures: visionocr image -r"
    assert parse_errors(ran.err) == [("folder holds no document", hint)]


def test_a_bad_document_does_not_stop_the_others(run: Run, server: FakeKoboldCpp) -> None:
    """The others are read; the bad one is marked in the output and reported with its remedy; the code is 4."""
    pdf_file("a.pdf")
    pdf_file("locked.pdf", password="sesame")
    Path("corrupt.pdf").write_bytes(Path("a.pdf").read_bytes()[:200])
    Path("empty.pdf").touch()
    ran = run("pdf", "none.pdf", "locked.pdf", "corrupt.pdf", "empty.pdf", "a.pdf", "-f", "jsonl", "-q")
    assert ran.code == 4
    records = [json.loads(line) for line in ran.out.splitlines()]
    assert [(r["document"], r["page"], r["status"]) for r in records] == [
        ("none.pdf", None, "failed"),
        ("locked.pdf", None, "failed"),
        ("corrupt.pdf", None, "failed"),
        ("empty.pdf", None, "failed"),
        ("a.pdf", 1, "ok"),
    ]
    told = dict(parse_errors(ran.err))
    assert set(told) == {record["findings"][0]["message"] for record in records[:4]}
    assert "--password-file" in told["locked.pdf is encrypted"]


def test_an_unreadable_document_keeps_the_old_output(run: Run, server: FakeKoboldCpp) -> None:
    """A document that cannot be opened does not replace an existing output."""
    Path("corrupt.pdf").write_bytes(b"%PDF-1.7\nnonsense")
    Path("out.md").write_text("yesterday")
    assert run("pdf", "corrupt.pdf", "-o", "out.md").code == 4
    assert Path("out.md").read_text() == "yesterday"


def test_a_page_that_does_not_exist(run: Run, server: FakeKoboldCpp) -> None:
    """The pages that exist are read; the others are an error of the document."""
    pdf_file("a.pdf", 3)
    ran = run("pdf", "a.pdf", "--pages", "2,7", "-f", "txt", "-q")
    assert ran.code == 4
    assert page_text(2) in ran.out
    assert parse_errors(ran.err) == [("a.pdf has 3 pages; page 7 does not exist", "see --pages")]


SERVERS: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "wants a key": ({"password": KEY}, [], "The server wants a key: set VISIONOCR_API_KEY"),
    "another key": ({"password": KEY}, ["--api-key", "wrong"], "The server did not accept the key"),
    "no vision": ({"vision": False}, [], "Start it with --mmproj"),
    "no model": ({"llm": False}, [], "Start it with --model"),
    "small context": ({"context": 700}, [], "Start the server with a larger context"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SERVERS)
def test_unsuitable_servers_are_exit_code_5(run: Run, case: str) -> None:
    """A run, its dry run and the check say what is wrong and what to do, with code 5 and no output."""
    options, arguments, remedy = SERVERS[case]
    pdf_file("a.pdf")
    with FakeKoboldCpp(model=MODEL, **options) as server:
        ran = run("pdf", "a.pdf", "-o", "out.md", "-q", "--api-url", server.url, *arguments)
        assert (ran.code, ran.out) == (5, "")
        ((_, advice),) = parse_errors(ran.err)
        assert advice.startswith(remedy)
        checked = run("check", server.url, *arguments)
        assert (checked.code, checked.err) == (5, "")
        assert f"\n              {remedy}" in checked.out
        planned = run("pdf", "a.pdf", "--dry-run", "--api-url", server.url, *arguments)
        assert (planned.code, planned.err) == (5, "")
        assert remedy in planned.out
        assert not any(1 in arrival.numbers for arrival in server.generated)
    assert not Path("out.md").exists()


def test_an_unreachable_server_is_exit_code_5(run: Run, koboldcpp: FakeKoboldCpp) -> None:
    """A server that cannot be reached is code 5, and the message has its address."""
    koboldcpp.close()
    pdf_file("a.pdf")
    ran = run("pdf", "a.pdf", "--api-url", koboldcpp.url)
    assert (ran.code, ran.out) == (5, "")
    ((message, advice),) = parse_errors(ran.err)
    assert koboldcpp.url in message
    assert "--api-url" in advice


def test_an_unexpected_error_is_reported_without_traceback(
    run: Run, server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is code 1 and one line; the traceback comes with ``-vv`` only."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("oops")

    monkeypatch.setattr(job, "prepare", broken)
    pdf_file("a.pdf")
    ran = run("pdf", "a.pdf")
    assert (ran.code, ran.out) == (1, "")
    assert parse_errors(ran.err)[0][0] == "unexpected error: RuntimeError: oops"
    assert "Traceback" in run("pdf", "a.pdf", "-vv").err


# --- results -----------------------------------------------------------------------------------------------


def test_the_result_and_nothing_else_is_on_standard_output(run: Run, server: FakeKoboldCpp) -> None:
    """Results go to standard output, messages to standard error; with ``-q`` there are none."""
    pdf_file("a.pdf", 2)
    ran = run("pdf", "a.pdf", "-f", "txt")
    assert (ran.code, ran.out) == (0, f"{page_text(1)}\n\f{page_text(2)}\n")
    assert [line for line in ran.err.splitlines() if line.startswith("page 2 of a.pdf: ok")]
    assert run("pdf", "a.pdf", "-f", "txt", "-q") == CommandResult(0, ran.out, "")


def test_an_output_file_and_its_folder(run: Run, server: FakeKoboldCpp) -> None:
    """``-o FILE`` holds what standard output would; a missing folder is an output error."""
    pdf_file("a.pdf", 2)
    text = run("pdf", "a.pdf", "-q").out
    assert run("pdf", "a.pdf", "-q", "-o", "out.md") == CommandResult(0, "", "")
    assert Path("out.md").read_bytes() == text.encode()
    ran = run("pdf", "a.pdf", "-o", "none/out.md")
    assert (ran.code, parse_errors(ran.err)[0][0]) == (6, "there is no folder none")


def test_an_output_folder(run: Run, server: FakeKoboldCpp) -> None:
    """``-o DIR/`` gives each document its file, in subfolders as ``-r`` found it; a second run uses the same names."""
    Path("in/sub").mkdir(parents=True)
    pdf_file("in/a.pdf", numbers=[1, 2])
    pdf_file("in/sub/a.pdf", numbers=[3])
    make_image("in/c.png", 4)
    for _ in range(2):
        assert run("pdf", "in", "-r", "-o", "out/", "-q").code == 0
        assert sorted(os.listdir("out")) == [FOLDER_STATE, "a.md", "sub"]
        assert os.listdir("out/sub") == ["a.md"]
    assert page_text(2) in Path("out/a.md").read_text()
    assert page_text(3) in Path("out/sub/a.md").read_text()
    assert run("image", "in", "-r", "-q", "-f", "txt").out == f"{page_text(4)}\n"


def test_a_file_given_twice_is_read_once(run: Run, server: FakeKoboldCpp) -> None:
    """Two spellings of one path are one document, and a message says so."""
    pdf_file("a.pdf", 1)
    ran = run("pdf", "a.pdf", "./a.pdf", ".", "-r", "-f", "txt")
    assert ran.out == f"{page_text(1)}\n"
    assert "./a.pdf is given more than once" in ran.err
    assert server.asked[1] == 1


@pytest.mark.parametrize("name", ["new\nline.pdf", "emoji 🎉.pdf", "-dash.pdf", "bad\udcff.pdf", "  .pdf", "%s{}.pdf"])
def test_unusual_file_names(run: Run, server: FakeKoboldCpp, name: str) -> None:
    """A document with any name that the system allows is read, reported on one line, and gets an output file."""
    try:
        pdf_file("plain.pdf", 1).rename(name)
    except OSError:
        pytest.skip("this file system has no such names")
    ran = run("pdf", "-v", "-o", "out/", "--", name)
    assert ran.code == 0
    assert all(line.isprintable() for line in ran.err.splitlines())
    (output,) = Path("out").glob("[!.]*")
    assert page_text(1) in output.read_text()


def test_standard_input(run: Run, server: FakeKoboldCpp) -> None:
    """``-`` is a document, PDF or picture; empty standard input is an error of the document."""
    data = pdf_file("a.pdf", 2).read_bytes()
    assert run("pdf", "-", "-q", "-f", "txt", "--pages", "2", stdin=data).out == f"{page_text(2)}\n"
    assert run("image", "-", "-q", "-f", "txt", stdin=make_image("c.png", 3).read_bytes()).out == f"{page_text(3)}\n"
    ran = run("pdf", "-", "-q", "-f", "txt")
    assert ran.code == 4
    assert ran.out.endswith(" -->\n[stdin is empty: it has 0 bytes]\n")


def test_pages_of_pictures(run: Run, server: FakeKoboldCpp) -> None:
    """Frames are pages, for ``--pages`` too."""
    make_frames("scan.tiff", [1, 2, 3])
    assert run("image", "scan.tiff", "--pages", "2-", "-q", "-f", "txt").out == f"{page_text(2)}\n\f{page_text(3)}\n"


def test_passwords_come_from_a_file(run: Run, server: FakeKoboldCpp) -> None:
    """Every line of the file is tried; passwords are never shown."""
    pdf_file("a.pdf", 1, password="sesame")
    Path("passwords").write_text("wrong\nsesame\n")
    ran = run("pdf", "a.pdf", "--password-file", "passwords", "-f", "txt", "-vv")
    assert (ran.code, ran.out) == (0, f"{page_text(1)}\n")
    assert "sesame" not in ran.err
    Path("passwords").write_text("wrong\n")
    ran = run("pdf", "a.pdf", "--password-file", "passwords", "-q")
    assert ran.code == 4
    assert parse_errors(ran.err)[0][0] == "a.pdf is encrypted, and the password is wrong"


def test_strict_makes_suspect_pages_a_failure(run: Run, server: FakeKoboldCpp) -> None:
    """A suspect page is kept and marked; with ``--strict`` it makes the run fail."""
    server.plan[2] = faults.Truncated()
    pdf_file("a.pdf", 3)
    plain, strict = run("pdf", "a.pdf", "-q"), run("pdf", "a.pdf", "-q", "--strict")
    assert (plain.code, strict.code) == (0, 7)
    assert plain.out == strict.out
    assert 'page="2" status="suspect"' in plain.out
    assert "page 2 of a.pdf: suspect" in plain.err


def test_failed_pages_are_code_7(run: Run, server: FakeKoboldCpp) -> None:
    """A run with failed pages goes to its end, and marks them in their places."""
    server.plan[2] = faults.Empty()
    pdf_file("a.pdf", 3)
    ran = run("pdf", "a.pdf", "-q", "-o", "out.md")
    assert (ran.code, ran.out) == (7, "")
    text = Path("out.md").read_text()
    assert text.index(page_text(1)) < text.index("Page 2 of a.pdf could not be read") < text.index(page_text(3))


# --- describe ----------------------------------------------------------------------------------------------


def expected_caption(number: int) -> str:
    """The caption that the fake server gives for a picture."""
    return " ".join(page_text(number).split())


def test_one_caption_or_several(run: Run, server: FakeKoboldCpp) -> None:
    """One picture: the caption alone; several: with their names."""
    make_image("a.png", 1)
    make_image("b.png", 2)
    assert run("describe", "a.png", "-q").out == f"{expected_caption(1)}\n"
    assert (
        run("describe", "a.png", "b.png", "-q", "-f", "txt").out
        == f"a.png: {expected_caption(1)}\nb.png: {expected_caption(2)}\n"
    )
    assert run("describe", "a.png", "b.png", "-q").out.startswith("**a.png**: ")


def test_sidecars_are_written_once(run: Run, server: FakeKoboldCpp) -> None:
    """Captions are written beside their pictures; existing ones are kept, unless ``--force`` is given."""
    make_image("a.png", 1)
    make_image("a.jpg", 2, "JPEG")
    assert run("describe", "a.png", "a.jpg", "--sidecar", ".txt", "-q") == CommandResult(0, "", "")
    assert Path("a.txt").read_text() == f"{expected_caption(1)}\n"
    assert Path("a.jpg.txt").read_text() == f"{expected_caption(2)}\n"
    Path("a.txt").write_text("mine")
    make_image("c.png", 3)
    arguments = "describe", "a.png", "a.jpg", "c.png", "--sidecar", "txt", "-q"
    assert run(*arguments).code == 0
    assert Path("a.txt").read_text() == "mine"
    assert (server.asked[1], server.asked[2], server.asked[3]) == (1, 1, 1)
    assert run(*arguments, "--force", "--prefix", "<", "--suffix", ">").code == 0
    assert Path("a.txt").read_text() == f"<{expected_caption(1)}>\n"


def test_describe_without_new_pictures_needs_no_server(run: Run) -> None:
    """When every picture has its caption the command says so and connects to no server."""
    make_image("a.png", 1)
    Path("a.txt").write_text("mine")
    ran = run("describe", "a.png", "--sidecar", ".txt", VISIONOCR_API_URL="http://127.0.0.1:9")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == "nothing to do: every picture has its caption (--force writes them again)\n"


def test_a_caption_never_overwrites_another_picture(run: Run, server: FakeKoboldCpp) -> None:
    """Not even with ``--force``."""
    make_image("a.jpg", 1, "JPEG")
    before = make_image("a.png", 2).read_bytes()
    ran = run("describe", "a.jpg", "--sidecar", ".png", "--force")
    assert (ran.code, ran.out) == (6, "")
    assert "would overwrite a.png" in ran.err
    assert Path("a.png").read_bytes() == before


# --- dry run, check, presets -------------------------------------------------------------------------------


def test_a_dry_run_asks_for_no_page(run: Run, server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows documents, pages, engine, task, images and sampler; nothing is written, no page is sent."""
    monkeypatch.delenv("VISIONOCR_MAX_SIDE")
    pdf_file("a.pdf", 3)
    ran = run("pdf", "a.pdf", "--pages", "2-", "-o", "out.md", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    topics = [line.split()[0] for line in ran.out.splitlines()]
    assert topics == ["read", "total", "engine", "warning", "task", "images", "sampler"]
    assert "a.pdf: 2 pages" in ran.out
    assert "preset qwen2.5-vl" in ran.out
    assert "seed 1\n" in ran.out
    assert set(server.asked) <= {None}
    assert not Path("out.md").exists()


def test_a_dry_run_has_the_exit_code_of_the_run(run: Run, server: FakeKoboldCpp) -> None:
    """Documents that cannot be read are code 4, with what to do."""
    pdf_file("a.pdf", 1)
    pdf_file("locked.pdf", 1, password="sesame")
    ran = run("pdf", "a.pdf", "locked.pdf", "none.pdf", "--dry-run")
    assert (ran.code, ran.err) == (4, "")
    assert "cannot   locked.pdf is encrypted\n         give --password-file" in ran.out
    assert "total    1 page of 1 document\n" in ran.out


def test_probe_pages_estimates_the_duration(run: Run, server: FakeKoboldCpp) -> None:
    """With ``--probe-pages`` two pages that are not blank are read, and the duration of the run is estimated."""
    server.service_seconds = 0.1
    pdf_file("a.pdf", 9)
    ran = run("pdf", "a.pdf", "-o", "out.md", "--dry-run", "--probe-pages")
    assert (ran.code, ran.err) == (0, "")
    assert sum(server.asked[number] for number in range(1, 10)) == 2
    assert re.findall(r"^asked +page (\d) of a.pdf: ok, 0\.\d s$", ran.out, re.MULTILINE) == ["4", "7"]
    assert re.search(r"^forecast 2 pages took 0\.\d s; 9 pages will take about \d s \(\d+ pages/min, ", ran.out, re.M)
    assert not Path("out.md").exists()


def test_probe_pages_needs_a_page_and_a_dry_run(run: Run, server: FakeKoboldCpp) -> None:
    """Without a readable page there is no estimate, and without ``--dry-run`` nothing is probed."""
    ran = run("pdf", "none.pdf", "--dry-run", "--probe-pages")
    assert ran.code == 4
    assert "forecast no page could be asked for" in ran.out
    ran = run("pdf", "none.pdf", "--probe-pages")
    assert (ran.code, ran.err) == (2, "error: --probe-pages needs --dry-run\n")


def test_check_of_a_good_server(run: Run, server: FakeKoboldCpp) -> None:
    """Server, key, vision, model, preset, context and images have ``ok`` each; no colours in a pipe."""
    ran = run("check", "--no-chart")
    assert (ran.code, ran.err) == (0, "")
    topics = re.findall(r"^ok   (\w+) +\S", ran.out, re.MULTILINE)
    assert topics == ["server", "key", "vision", "model", "preset", "context", "images"]
    assert "\x1b" not in ran.out
    assert server.generated == []


def test_check_as_json(run: Run, server: FakeKoboldCpp) -> None:
    """The JSON report has exact keys, also when something is wrong."""
    for vision, code in ((True, 0), (False, 5)):
        server.vision = vision
        ran = run("check", server.url, "--json", "--no-chart")
        whole = json.loads(ran.out)
        (report,) = whole["servers"]
        assert ran.code == code
        assert set(whole) == {"good", "warnings", "servers"}
        assert set(report) == {"url", "good", "server", "preset", "statements", "chart", "settings"}
        assert whole["good"] is report["good"] is vision
        assert report["server"]["model"] == MODEL
        assert all(set(line) == {"topic", "good", "text", "remedy", "cause"} for line in report["statements"])
        assert set(report["settings"]) == set(SAMPLES)
        assert report["settings"]["api_url"] == {"value": [server.url], "origin": "--api-url"}
    server.close()
    (report,) = json.loads(run("check", server.url, "--json").out)["servers"]
    assert (report["good"], report["server"], report["chart"]) == (False, None, None)


def test_check_shows_where_settings_come_from(run: Run, server: FakeKoboldCpp) -> None:
    """``-v`` lists every setting with its value and its origin."""
    ran = run("check", "-v", "--no-chart", "--batch", "2", VISIONOCR_FORMAT="txt")
    lines = [line.split() for line in ran.out.split("settings\n")[1].splitlines()]
    table = {line[0]: line[1:] for line in lines}
    assert set(table) == set(SAMPLES)
    assert table["batch"] == ["2", "(--batch)"]
    assert table["format"] == ["txt", "(VISIONOCR_FORMAT)"]
    assert table["api_url"] == [server.url, "(VISIONOCR_API_URL)"]
    assert table["seed"] == ["-", "(default)"]


def test_check_reports_an_unknown_model(run: Run) -> None:
    """A model without a preset is reported but is no failure; a preset that is named counts."""
    with FakeKoboldCpp(model="mystery") as server:
        ran = run("check", server.url, "--no-chart")
        assert ran.code == 0
        assert "no preset knows this model" in ran.out
        assert "gemma-4" in run("check", server.url, "--no-chart", "--preset", "gemma-4").out


def test_check_of_the_embedded_engine(run: Run) -> None:
    """``check`` with ``local:`` needs no server."""
    pytest.importorskip("faster_paddle")
    ran = run("check", "local:", "--no-chart")
    assert (ran.code, ran.err) == (0, "")
    assert "reads text, cannot describe pictures" in ran.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["check", "-v"],
        ["check", "--json"],
        ["check", "-vv", "--task", "none"],
        ["pdf", "a.pdf", "-vv"],
        ["pdf", "a.pdf", "--dry-run", "-vv"],
        ["pdf", "a.pdf", "-vv", "-f", "json"],
        ["pdf", "a.pdf", "-vv", "--dpi", "x"],
        ["describe", "c.png", "-vv"],
    ],
)
@pytest.mark.parametrize("password", [KEY, "another", ""])
def test_the_key_is_never_shown(run: Run, server: FakeKoboldCpp, arguments: list[str], password: str) -> None:
    """The key is in no result, report, error or traceback: right, wrong or unneeded, from flag or variable."""
    pdf_file("a.pdf")
    make_image("c.png", 1)
    server.password = password
    for ran in (run(*arguments, "--api-key", KEY), run(*arguments, VISIONOCR_API_KEY=KEY)):
        assert KEY not in ran.out + ran.err
        assert ran.out + ran.err
        assert ran.code != 1


def test_presets_are_listed(run: Run) -> None:
    """Every preset has a line, or an object with ``--json``."""
    known = [preset.name for preset in Library().presets()]
    lines = run("presets").out.splitlines()
    assert lines[0].split()[0] == "PRESET"
    assert [line.split()[0] for line in lines[1:]] == known
    assert [preset["name"] for preset in json.loads(run("presets", "--json").out)] == known


def test_a_preset_is_shown(run: Run) -> None:
    """All fields of a preset, as text and as JSON."""
    text = run("presets", "qwen2.5-vl").out
    assert "user_start: '<|im_start|>user\\n'" in text
    assert "longest_side: 2128" in text
    assert "reading_sampler:\n  temperature: 0.0\n" in text
    assert json.loads(run("presets", "qwen2.5-vl", "--json").out)["image"]["longest_side"] == 2128
    ran = run("presets", "qwen2.5-v")
    assert (ran.code, ran.out) == (3, "")
    assert parse_errors(ran.err) == [("there is no preset 'qwen2.5-v'", "Did you mean qwen2.5-vl?")]


def test_own_presets_and_tasks_override_shipped_ones(run: Run, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Files in the config folder are listed, shown and used."""
    folder = tmp_path / "config" / "visionocr"
    (folder / "models").mkdir(parents=True)
    (folder / "tasks").mkdir()
    (folder / "models" / "mine.toml").write_text(f'name_patterns = ["{MODEL}"]\n[image]\nlongest_side = 500\n')
    (folder / "tasks" / "shout.md").write_text("READ {{document}} LOUDLY")
    assert re.search(r"^mine ", run("presets").out, re.MULTILINE)
    assert str(folder / "models" / "mine.toml") in run("presets", "mine").out
    pdf_file("a.pdf")
    ran = run("pdf", "a.pdf", "--task", "shout")
    assert (ran.code, "preset mine" in ran.err) == (0, True)
    assert "READ a.pdf LOUDLY" in server.generated[-1].prompt

"""The program as a process: streams, pipes, signals, start-up."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import sysconfig
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from exit_hook import with_exit_hook
from fakes import faults
from fakes.answers import Answer
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.loopback import Arrival
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from setting_samples import UNCHECKED

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
PROGRAM = [sys.executable, "-m", "visionocr"]
PATIENCE = 30
"""Seconds after which a process that should have ended is a failure."""
PROMPTLY = 2.0
"""Seconds that a person waits for a command to stop."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and terminals of POSIX")

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def server() -> Iterator[FakeKoboldCpp]:
    """A server with a known model."""
    with FakeKoboldCpp(model=MODEL) as fake:
        yield fake


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment without anybody's configuration; small pictures are quick."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    return {**kept, **UNCHECKED, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "VISIONOCR_MAX_SIDE": "500"}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start the program with pipes; what still runs at the end of the test is killed."""
    processes: list[subprocess.Popen[bytes]] = []

    def start_it(*arguments: str, program: list[str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [*(program or PROGRAM), *arguments], cwd=tmp_path, env=environment, **{**pipes, **options}
        )
        processes.append(process)
        return process

    yield start_it
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_end(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


# --- start-up ----------------------------------------------------------------------------------------------


def loaded_by(environment: dict[str, str], *arguments: str) -> set[str]:
    """The top-level packages that are loaded when a command line has been answered."""
    script = with_exit_hook("print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr, flush=True)")
    result = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, check=True
    )
    loaded = set(result.stderr.decode().split())
    assert "visionocr" in loaded
    return loaded


def test_version_loads_no_library(environment: dict[str, str]) -> None:
    """``--version`` loads no library: scripts call it often."""
    heavy = {"typer", "rich", "requests", "pymupdf", "PIL", "numpy", "faster_paddle", "msgspec"}
    assert not loaded_by(environment, "--version") & heavy


@pytest.mark.parametrize("arguments", [["--help"], ["pdf", "--help"], ["presets"]])
def test_help_and_presets_load_no_heavy_library(environment: dict[str, str], arguments: list[str]) -> None:
    """Libraries for documents, servers and the terminal are not loaded for help and presets."""
    heavy = {"requests", "urllib3", "pymupdf", "PIL", "numpy", "faster_paddle", "rich"}
    assert not loaded_by(environment, *arguments) & heavy


@pytest.mark.slow
def test_module_and_script_are_the_same(environment: dict[str, str]) -> None:
    """``python -m visionocr`` and ``visionocr`` give the same output and call themselves ``visionocr``."""
    script = Path(sysconfig.get_path("scripts"), "visionocr")
    for arguments in (["--version"], ["pdf"]):
        answers = [
            subprocess.run([*command, *arguments], env=environment, capture_output=True, check=False)
            for command in (PROGRAM, [str(script)])
        ]
        assert answers[0].returncode == answers[1].returncode == (0 if "--version" in arguments else 2)
        assert answers[0].stdout == answers[1].stdout
        assert answers[0].stderr == answers[1].stderr
    assert answers[1].stderr.decode() == "error: missing argument 'FILE'\n  See: visionocr pdf --help\n"


# --- streams -----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_standard_output_holds_only_the_result(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Every command's standard output is its result, byte for byte; messages go elsewhere."""
    server.plan[2] = [faults.Busy(), faults.Empty()]
    pdf_file(tmp_path / "a.pdf", 2)
    data = (tmp_path / "a.pdf").read_bytes()
    (tmp_path / "torn.pdf").write_bytes(data[: data.rindex(b"startxref")])  # repaired, with complaints
    make_image(tmp_path / "c.png", 3)
    said = page_text(3)
    url = ["--api-url", server.url, "-vv"]
    running = {
        "pdf": start("pdf", "a.pdf", "-f", "txt", *url),
        "torn": start("pdf", "torn.pdf", "-f", "txt", *url),
        "image": start("image", "c.png", "-f", "txt", *url),
        "describe": start("describe", "c.png", *url),
        "json": start("image", "c.png", "-f", "json", *url),
    }
    results = {name: wait_for_end(process) for name, process in running.items()}
    assert all(code == 0 and "KoboldCpp at" in err for code, _, err in results.values()), results
    assert results["pdf"][1] == results["torn"][1] == f"{page_text(1)}\n\f{page_text(2)}\n"
    assert results["image"][1] == f"{said}\n"
    assert results["describe"][1] == " ".join(said.split()) + "\n"
    assert json.loads(results["json"][1])[0]["text"] == said
    checked = {
        "check": start("check", server.url, "--no-chart", "--json", "-vv"),
        "presets": start("presets", "--json", "-vv"),
    }
    for process in checked.values():
        code, out, err = wait_for_end(process)
        assert (code, err) == (0, "")
        json.loads(out)


@pytest.mark.slow
def test_a_pipe_that_closes_early_ends_the_run_quietly(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """``| head -1``: code 0, no complaint, and the rest of the document is not read."""
    pdf_file(tmp_path / "a.pdf", 40)
    server.service_seconds = 0.02
    process = start("pdf", "a.pdf", "-q", "--api-url", server.url)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"<!-- visionocr page=")
    process.stdout.close()
    process.stdout = None
    code, _, err = wait_for_end(process)
    assert (code, err) == (0, "")
    assert len(server.generated) < 30


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["presets", "--json"], ["pdf", "--help"], ["--version"]])
def test_a_closed_standard_output_is_no_error(start: Start, arguments: list[str]) -> None:
    """Output into a pipe that nobody reads causes no message."""
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)
    _, _, err = wait_for_end(process)
    assert err == ""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_output_error(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """Whatever was to be printed: code 6 and one line, without a traceback."""
    pdf_file(tmp_path / "a.pdf")
    url = ["--api-url", server.url]
    with open("/dev/full", "wb") as full:
        running = [
            start(*arguments, stdout=full)
            for arguments in (
                ["pdf", "a.pdf", "-q", *url],
                ["pdf", "a.pdf", "--dry-run", *url],
                ["check", server.url],
                ["presets"],
                ["pdf", "--help"],
                ["--version"],
            )
        ]
        for process in running:
            code, _, err = wait_for_end(process)
            assert (code, err) == (6, "error: cannot write to standard output: No space left on device\n")
    process = start("pdf", "a.pdf", "-q", "-o", "/dev/full", *url)
    assert wait_for_end(process) == (6, "", "error: cannot write /dev/full: No space left on device\n")


# --- signals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_and_keeps_results(
    start: Start, server: FakeKoboldCpp, tmp_path: Path, number: signal.Signals
) -> None:
    """Within two seconds: code 130, the generation aborted by its own key, the results kept and named."""
    pdf_file(tmp_path / "a.pdf", 5)
    server.plan[3] = faults.Hang()
    server.service_seconds = 0.1  # with pages drawn one after the other, they arrive in their order
    command = ["pdf", "a.pdf", "-o", "out.md", "--api-url", server.url, "--raster-workers", "0"]
    process = start(*command)
    server.wait_for(lambda: server.asked[4] == 1 and server.waiting == 1, PATIENCE)  # page 4 waits behind page 3
    keys = set(server.genkeys[-2:])
    began = time.monotonic()
    process.send_signal(number)
    code, out, err = wait_for_end(process)
    assert time.monotonic() - began < PROMPTLY
    assert (code, out) == (130, "")
    assert err.endswith("2 pages are in out.md.journal: repeat the command to go on\nstopped\n")
    server.wait_for(lambda: server.running is None and not server.waiting)
    assert set(server.abort_keys) == keys
    assert server.asked[5] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a.pdf", "out.md.journal"}
    process = start(*command)
    server.plan.clear()
    assert wait_for_end(process)[0] == 0
    assert [server.asked[number] for number in range(1, 6)] == [1, 1, 2, 2, 1]
    assert {path.name for path in tmp_path.iterdir()} == {"a.pdf", "out.md"}
    assert all(page_text(number) in (tmp_path / "out.md").read_text() for number in range(1, 6))


@pytest.mark.slow
def test_an_ignored_signal_stays_ignored(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A run under ``nohup`` goes on when its terminal is closed."""
    pdf_file(tmp_path / "a.pdf", 3)
    server.service_seconds = 0.1
    ignore = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    script = ignore + "from visionocr.__main__ import main; main()"
    arguments = ["pdf", "a.pdf", "-q", "-f", "txt", "--api-url", server.url]
    process = start(program=[sys.executable, "-c", script, *arguments])
    server.wait_for(lambda: server.asked[1] == 1, PATIENCE)
    process.send_signal(signal.SIGHUP)
    code, out, _ = wait_for_end(process)
    assert (code, out.count("Here ends page")) == (0, 3)


def test_ctrl_c_during_imports(start: Start, tmp_path: Path) -> None:
    """The process ends with code 130 and without a traceback."""
    script = """
import os, signal, sys
class Strike:
    def find_spec(self, name, path=None, target=None):
        if name == "visionocr.cli.app":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Strike())
from visionocr.__main__ import main
main()
"""
    assert wait_for_end(start(program=[sys.executable, "-c", script, "presets"])) == (130, "", "")


@pytest.mark.slow
def test_a_second_signal_exits_at_once(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for a server that does not answer the abort."""
    pdf_file(tmp_path / "a.pdf")
    server.plan[1] = faults.Hang()
    server.plan["/api/extra/abort"] = faults.ServerFault(Answer(body=b" " * 1000, pause=1.0))
    process = start("pdf", "a.pdf", "-q", "--api-url", server.url)
    server.wait_for(lambda: server.running is not None, PATIENCE)
    process.send_signal(signal.SIGINT)
    server.wait_for(lambda: any(arrival.path.endswith("abort") for arrival in server.requests))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, out, err = wait_for_end(process)
    assert time.monotonic() - began < 0.5
    assert (code, out, err) == (130, "", "")


@pytest.mark.slow
def test_an_unanswered_abort_is_not_waited_for(start: Start, server: FakeKoboldCpp, tmp_path: Path) -> None:
    """After one Ctrl-C the abort is waited for two seconds at most."""
    pdf_file(tmp_path / "a.pdf")
    server.plan[1] = faults.Hang()
    server.plan["/api/extra/abort"] = faults.ServerFault(Answer(body=b" " * 1000, pause=1.0))
    process = start("pdf", "a.pdf", "-q", "--api-url", server.url)
    server.wait_for(lambda: server.running is not None, PATIENCE)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert wait_for_end(process) == (130, "", "stopped\n")
    assert time.monotonic() - began < PROMPTLY + 0.5


# --- a terminal --------------------------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal with the program in it."""

    def __init__(self, start: Start, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self.process = start(
            *arguments, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal
        )
        self._theirs = theirs

    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self._ours)[3] & termios.ECHO)

    def until(self, text: str) -> None:
        """Read until *text* is shown."""
        while text not in self.shown:
            self.shown += os.read(self._ours, 4096).decode()

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._ours, text.encode())

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        os.close(self._theirs)
        with suppress(OSError):  # the terminal has no other end any more
            while data := os.read(self._ours, 4096):
                self.shown += data.decode()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Give it back."""
        os.close(self._ours)


def _take_terminal() -> None:
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(start: Start) -> Iterator[Callable[..., Terminal]]:
    """Start the program in a terminal."""
    made: list[Terminal] = []

    def open_one(*arguments: str) -> Terminal:
        made.append(Terminal(start, *arguments))
        return made[-1]

    yield open_one
    for one in made:
        one.close()


@pytest.mark.slow
def test_a_password_prompt_does_not_echo(
    terminal: Callable[..., Terminal], server: FakeKoboldCpp, tmp_path: Path
) -> None:
    """The prompt is repeated while the password is wrong, and the password is never shown."""
    pdf_file(tmp_path / "a.pdf", 1, password="sesame")
    screen = terminal("pdf", "a.pdf", "-f", "txt", "--api-url", server.url)
    for question, word in (("Password of a.pdf: ", "wrong"), ("Wrong password. Password of a.pdf: ", "sesame")):
        screen.until(question)
        screen.shown = ""
        assert not screen.echoes()
        screen.type(f"{word}\n")
    screen.until("Here ends page 1.")
    assert "sesame" not in screen.shown
    assert screen.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_ctrl_c_at_the_password_prompt(
    workers: str, terminal: Callable[..., Terminal], server: FakeKoboldCpp, tmp_path: Path
) -> None:
    """The command ends, and the terminal echoes what is typed again."""
    pdf_file(tmp_path / "a.pdf", 1, password="sesame")
    screen = terminal("pdf", "a.pdf", "--api-url", server.url, "--raster-workers", workers)
    screen.until("Password of a.pdf: ")
    assert not screen.echoes()
    screen.type("\x03")
    screen.until("stopped")
    assert screen.process.wait(PATIENCE) == 130
    assert screen.echoes()


@pytest.mark.slow
def test_text_and_progress_share_a_terminal(
    terminal: Callable[..., Terminal], server: FakeKoboldCpp, tmp_path: Path
) -> None:
    """Page text appears on lines of its own: the progress bar is cleared before each, and is gone at the end."""
    pdf_file(tmp_path / "a.pdf", 3)
    screen = terminal("pdf", "a.pdf", "-f", "txt", "--api-url", server.url)
    screen.until("pages/min")
    assert screen.wait() == 0
    lines = screen.shown.replace("\r", "").split("\n")
    for number in (1, 2, 3):
        for line in page_text(number).splitlines():
            assert any(shown.lstrip("\f").endswith(line) for shown in lines)
    assert "reading" in screen.shown
    assert "3 pages: 3 ok" in lines[-2]


@pytest.mark.slow
@pytest.mark.parametrize("profiled", [False, True])
def test_the_process_exits_without_cleanup(profiled: bool, tmp_path: Path, environment: dict[str, str]) -> None:
    """Interpreter cleanup is skipped, except under a profiler; all output arrives."""
    script = "import atexit, sys; atexit.register(print, 'tidied', file=sys.stderr); sys.argv[1:] = ['presets']; "
    script += "sys.setprofile(lambda *_: None); " * profiled + "from visionocr.__main__ import main; main()"
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0
    assert "qwen2.5-vl" in ran.stdout
    assert ran.stdout.endswith("\n")
    assert ("tidied" in ran.stderr) is profiled


@pytest.mark.slow
@pytest.mark.parametrize("last", ["", "sys.exit(3)", "for page in pages: sys.exit(3)", "1 / 0"])
def test_a_script_may_end_with_an_unfinished_iterator(
    last: str, server: FakeKoboldCpp, tmp_path: Path, environment: dict[str, str]
) -> None:
    """A script that leaves results unread ends, and the request that runs is aborted."""
    pdf_file(tmp_path / "a.pdf", pages=12)
    stuck: list[Arrival] = []

    def hang(arrival: Arrival) -> faults.Fault | None:
        answered = {number for earlier in server.generated if earlier.status for number in earlier.numbers}
        if not {1, 2} <= answered:  # two pages are asked at once, in either order
            return None
        stuck.append(arrival)
        return faults.Hang()

    server.plan |= dict.fromkeys(range(3, 7), hang)
    script = f"import sys, visionocr; pages = visionocr.transcribe('a.pdf', raster_workers=0, api_url={server.url!r})\n"
    script += f"print(next(pages).text)\nsys.stdin.read()\n{last}"
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment, **pipes)
    try:
        server.wait_for(lambda: bool(stuck) and server.waiting == 1, PATIENCE)
        code, out, err = wait_for_end(process)
    finally:
        process.kill()
        process.communicate()
    assert (code, out) == ({"": 0, "1 / 0": 1}.get(last, 3), page_text(1) + "\n")
    assert not err or last == "1 / 0"
    server.wait_for(lambda: server.running is None and not server.waiting, PATIENCE)

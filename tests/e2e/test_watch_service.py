"""``visionocr watch`` as a service: signals, and the examples in its page of the documentation."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_pdf as pdf_file
from visionocr.cli.app import app

PAGE = Path(__file__).parent.parent.parent / "docs" / "watch.md"
PATIENCE = 60
"""Seconds after which it should have begun, on a busy machine too."""
PROMPTLY = 4
"""Seconds in which a service is to end: two, and what a busy machine needs."""


def block(language: str) -> str:
    """The example in the page."""
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def understand(arguments: list[str]) -> None:
    """Parse the arguments of an example as the program does."""
    command = typer.main.get_command(app).commands["watch"]  # type: ignore[attr-defined]
    program, name, *rest = arguments
    assert (Path(program).name, name) == ("visionocr", "watch")
    with command.make_context("watch", rest) as context:
        assert context.params["inboxes"]
        assert context.params["output"].endswith("/")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.usefixtures("isolated")
def test_sigterm_ends_it_in_order(tmp_path: Path, koboldcpp: FakeKoboldCpp) -> None:
    """In the middle of a page: the request is aborted, the exit code is 130, and the document stays in the folder."""
    koboldcpp.plan[1] = faults.Hang()
    (tmp_path / "inbox").mkdir()
    pdf_file(tmp_path / "inbox" / "a.pdf", numbers=[1])
    quick = ["--interval", "0.05", "--settle", "0.05", "--max-side", "500", "--done", "done", "--log", "log"]
    command = [sys.executable, "-m", "visionocr", "watch", "inbox", "-o", "out/", "--api-url", koboldcpp.url, *quick]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        try:
            koboldcpp.wait_for(lambda: koboldcpp.running is not None, PATIENCE)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PROMPTLY)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "stopped"
    koboldcpp.wait_for(lambda: koboldcpp.running is None)
    assert set(koboldcpp.abort_keys) == set(koboldcpp.genkeys)
    assert os.listdir(tmp_path / "inbox") == ["a.pdf"]
    assert not list((tmp_path / "out").glob("*.md"))


@pytest.mark.source_tree
def test_the_example_for_launchd() -> None:
    """A property list whose program arguments the program understands."""
    values = plistlib.loads(block("xml").encode())
    understand(values["ProgramArguments"])
    assert values["Label"] == "local.visionocr.watch"


@pytest.mark.source_tree
def test_the_example_for_systemd(tmp_path: Path) -> None:
    """A unit that systemd, where it is installed, does not complain of; the program understands its command."""
    unit = block("ini")
    line = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert line is not None
    understand(line[1].split())
    if (analyze := shutil.which("systemd-analyze")) is None:
        return
    path = tmp_path / "visionocr-watch.service"
    path.write_text(unit.replace("%h/.local/bin/visionocr", sys.executable))
    checked = subprocess.run([analyze, "verify", path], capture_output=True, check=False)
    complaints = [line for line in checked.stderr.decode().splitlines() if path.name in line]
    assert not complaints

"""``visionocr review`` as a command, and what later runs make of corrections."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image, make_pdf
from result_files import result, write_results
from review_client import Client, serving
from visionocr.cli.app import app
from visionocr.output.files import remove_leftovers

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server whose address stands in the environment."""
    with FakeKoboldCpp() as fake:
        for name, value in {"API_URL": fake.url, "RASTER_WORKERS": "0", "WAIT_SERVER": "0", "MAX_SIDE": "500"}.items():
            monkeypatch.setenv(f"VISIONOCR_{name}", value)
        yield fake


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    done = CliRunner().invoke(app, arguments, prog_name="visionocr")
    return done.exit_code, done.stdout, done.stderr


def correct(client: Client, page: int, text: str) -> None:
    """Do in the browser what a person does."""
    mark = client.ask(f"pages/{page}").json["mark"]
    assert client.ask(f"pages/{page}", "PUT", {"text": text, "mark": mark}).status == 200


@pytest.mark.parametrize(
    ("output", "is_good"),
    [
        ("out.md", True),
        ("out/", False),
        pytest.param("out.md", False, marks=pytest.mark.slow),
        pytest.param("out.jsonl", True, marks=pytest.mark.slow),
    ],
)
def test_later_runs_keep_what_a_person_corrected(
    server: FakeKoboldCpp, tmp_path: Path, output: str, is_good: bool
) -> None:
    """Also where the first run ended well and its journal is gone; other settings and ``--redo`` change nothing."""
    make_pdf(tmp_path / "a.pdf", 3)
    kind = ["-f", "jsonl"] if output.endswith("l") else []
    if not is_good:
        server.plan[2] = faults.Refusal()
    assert command("pdf", "a.pdf", "-o", output, "--max-asks", "1", *kind)[0] == (0 if is_good else 7)
    with serving([tmp_path / output]) as client:
        correct(client, 1, "by hand")
    server.plan.clear()
    for more in ([], ["--redo", "failed,suspect,all,2"], ["--temperature", "0.5"]):
        asked = server.asked[2]
        code, _, errors = command("pdf", "a.pdf", "-o", output, *more, *kind)
        assert code == 0, errors
        assert server.asked[2] == asked, more
        with serving([tmp_path / output]) as client:
            assert [client.ask(f"pages/{page}").json["text"] for page in range(3)] == [
                page_text(1),
                "by hand",
                page_text(3),
            ]
            assert client.ask("pages").json["pages"][1]["status"] == "checked"
    assert "--redo checked" in errors
    assert command("pdf", "a.pdf", "-o", output, "--redo", "checked", *kind)[0] == 0
    with serving([tmp_path / output]) as client:
        assert client.ask("pages/1").json["text"] == page_text(2)


def test_a_page_that_was_marked_blank_stays_blank(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """It has no text, and no line that says that something is missing."""
    make_pdf(tmp_path / "a.pdf", 2)
    server.plan[2] = faults.Refusal()
    command("pdf", "a.pdf", "-o", "out.md", "--max-asks", "1")
    with serving([tmp_path / "out.md"]) as client:
        correct(client, 1, "")
    saved = (tmp_path / "out.md").read_text()
    assert saved.endswith('<!-- visionocr page="2" status="checked" document="a.pdf" -->\n\n')
    assert command("pdf", "a.pdf", "-o", "out.md", "--redo", "failed")[0] == 0
    assert (tmp_path / "out.md").read_text() == saved


def test_captions_are_corrected(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """In the file of several pictures; a later run keeps them."""
    for number in (1, 2, 3):
        make_image(tmp_path / f"{number}.png", number)
    server.plan[2] = faults.Refusal()
    command("describe", "1.png", "2.png", "3.png", "-o", "captions.md", "--max-asks", "1")
    with serving([tmp_path / "captions.md"]) as client:
        assert client.ask("pages").json["captions"]
        assert len(client.ask("texts").json) == 3
        assert client.ask("pages/1/thumbnail").status == 200
        correct(client, 1, "a caption\nby hand")
    assert "**2.png**: a caption by hand\n" in (tmp_path / "captions.md").read_text()
    assert command("describe", "1.png", "2.png", "3.png", "-o", "captions.md", "--redo", "all")[0] == 0
    assert "**2.png**: a caption by hand\n" in (tmp_path / "captions.md").read_text()


def test_captions_beside_pictures_are_corrected(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """In the files that were written there; a later run keeps them, and a conflict is told."""
    (tmp_path / "set").mkdir()
    for number in (1, 2):
        make_image(tmp_path / "set" / f"{number}.png", number)
    assert command("describe", "set", "-r", "--sidecar", ".txt")[0] == 0
    with serving([tmp_path / "set"]) as client:
        assert client.ask("pages").json["captions"]
        assert [each["text"] for each in client.ask("texts").json] == [
            (tmp_path / "set" / f"{number}.txt").read_text().strip() for number in (1, 2)
        ]
        assert client.ask("pages/0/thumbnail").status == 200
        mark = client.ask("pages/0").json["mark"]
        correct(client, 0, "a caption\nby hand")
        assert client.ask("pages/0", "PUT", {"text": "another", "mark": mark}).status == 409
    asked = server.asked.copy()
    assert command("describe", "set", "-r", "--sidecar", ".txt")[0] == 0
    assert server.asked == asked
    assert (tmp_path / "set" / "1.txt").read_text() == "a caption by hand\n"
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"1.png", "1.txt", "2.png", "2.txt"}


def test_mistakes_are_explained(tmp_path: Path) -> None:
    """Files without pages, folders without results, names that are no HTML file's."""
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "empty").mkdir()
    good = str(write_results(tmp_path / "out.md", [result(1, "one")]))
    for arguments, code, words in [
        (["notes.md"], 4, "--page-breaks"),
        (["none.md"], 4, "cannot read none.md"),
        (["empty"], 2, "no results"),
        ([good, "--html", "out.md"], 2, ".html"),
        ([], 2, "OUTPUT"),
    ]:
        done = command("review", *arguments)
        assert (done[0], done[1]) == (code, ""), arguments
        assert words in done[2]
    assert (tmp_path / "out.md").read_text().endswith("one\n\n")


def test_an_html_file_is_written(tmp_path: Path) -> None:
    """Nothing is served; standard output stays empty."""
    write_results(tmp_path / "out.md", [result(1, "one")])
    code, output, errors = command("review", "out.md", "--html", "out.html")
    assert (code, output) == (0, "")
    assert "out.html: 1 page, " in errors
    assert "one" in (tmp_path / "out.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
@pytest.mark.parametrize("end", ["done", "signal"])
def test_the_program_serves_until_it_is_ended(tmp_path: Path, end: str) -> None:
    """It prints the address alone, and ends well with Done or Ctrl-C."""
    path = write_results(tmp_path / "out.md", [result(1, "one")])
    arguments = [sys.executable, "-m", "visionocr", "review", str(path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
            with urllib.request.urlopen(address) as reply:
                assert b"<!doctype html>" in reply.read()
            if end == "done":
                kind = {"Content-Type": "application/json"}
                urllib.request.urlopen(urllib.request.Request(f"{address}done", b"{}", kind)).close()
            else:
                process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            assert process.stdout.read() == ""
        finally:
            process.kill()


_SAVER = """
import os, sys, time
from pathlib import Path
from visionocr.review.book import Book

path = Path(sys.argv[1])
for number in range(100):
    ready, ring = os.pipe()
    child = os.fork()
    if child == 0:
        book = Book([path])
        os.write(ring, b"x")
        for turn in range(10_000):
            text = f"{number} {turn} " + "word " * 20_000 + "end"
            book.save(turn % 3, text, book.read(turn % 3).mark, "d1", 3)
        os._exit(1)
    os.read(ready, 1)
    time.sleep(number % 25 / 1000)
    os.kill(child, 9)
    os.waitpid(child, 0)
    book = Book([path])
    texts = [book.read(index).text for index in range(3)]
    assert all(text.endswith("end") for text in texts), number
    for text in texts:
        if text != "end":
            assert text.count("word") == 20_000
print("ok")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_kill_while_saving_loses_nothing(tmp_path: Path) -> None:
    """A hundred times: the file is the one before or the one after, whole; what is left over can be removed."""
    path = write_results(tmp_path / "out.md", [result(number, "end") for number in (1, 2, 3)])
    done = subprocess.run([sys.executable, "-c", _SAVER, str(path)], capture_output=True, text=True, timeout=250)
    assert done.stdout == "ok\n", done.stderr
    remove_leftovers(tmp_path)
    assert {each.name for each in tmp_path.iterdir()} <= {
        *("out.md", "out.md.journal", "out.md.journal.lock", "out.md.journal-journal"),
        *("home", "config"),
    }

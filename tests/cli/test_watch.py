"""``visionocr watch``: what becomes of documents that appear in a folder."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from fakes.restarting_server import RestartingServer
from visionocr.cli import watcher
from visionocr.cli.app import app
from visionocr.cli.read_options import ReadOptions
from visionocr.cli.watch_round import Places
from visionocr.cli.watcher import Plan, Watcher
from visionocr.console import Console
from visionocr.errors import Interrupted
from visionocr.output.corrections import read_state
from visionocr.output.saved import split_pages
from visionocr.output.state import FOLDER_STATE
from visionocr.settings import load_settings
from visionocr.stop import Stop
from visionocr.watching.inbox import Inbox

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
LOG = Path("log.jsonl")
STAY = Places()
QUICK = ("--interval", "0.02", "--settle", "0.02", "--retry-wait", "0.02")
PATIENCE = 20
"""Seconds after which something that should happen has failed to."""

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture(autouse=True)
def folders(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An inbox in the test's own folder; pages are small and rendered in this process."""
    Path("inbox").mkdir()
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
    monkeypatch.setenv("VISIONOCR_WAIT_SERVER", "0")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment."""
    with FakeKoboldCpp(model=MODEL) as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        yield fake


def run(*arguments: str, code: int = 0) -> list[str]:
    """Run the command to its end, which must have *code*: its lines on standard error."""
    result: Any = CliRunner().invoke(app, ["watch", *arguments], prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    return result.stderr_bytes.decode().splitlines()  # type: ignore[no-any-return]


def once(*arguments: str, code: int = 0) -> list[str]:
    """Read what is in the inbox."""
    return run("inbox", "-o", "out/", "--once", *QUICK, *arguments, code=code)


@contextmanager
def watching(places: Places = STAY, **flags: Any) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Watch the inbox within the block, in another thread; gives a function that waits for a condition."""
    stop, console = Stop(), Console()
    options = ReadOptions(
        ["inbox"], "watch", "transcribe", {}, output="out/", redo="failed", by_content=places.done is not None
    )
    inbox = Inbox(["inbox"], settle=0.02, tries=4, retry_wait=0.02)
    loop = Watcher(inbox, Plan(options, load_settings(flags), places=places, log=LOG), console, stop)
    with ThreadPoolExecutor(1) as executor:
        run = executor.submit(loop.run, 0.02, once=False)

        def wait_for(condition: Callable[[], object]) -> None:
            deadline = time.monotonic() + PATIENCE
            while not condition():
                assert not wait([run], 0.01).done, run.exception()
                assert time.monotonic() < deadline, "it does not happen"

        try:
            yield wait_for
        finally:
            stop.request()
    with pytest.raises(Interrupted):
        run.result()


def log(event: str = "") -> list[dict[str, Any]]:
    """The lines of the log, or those of one kind."""
    lines = [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []
    return [line for line in lines if event in ("", line["event"])]


def outputs(folder: str = "out") -> dict[str, str]:
    """The pages' texts in each output file, by its path."""
    paths = [path for path in Path(folder).rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {
        str(path.relative_to(folder)): "|".join(page.text for page in split_pages(path.read_text())) for path in paths
    }


def names(folder: str) -> list[str]:
    """The files in and below a folder."""
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


# --- once --------------------------------------------------------------------------------------------------


def test_pdfs_and_pictures_are_read(server: FakeKoboldCpp) -> None:
    """Each gets its output, one line on standard error and one in the log; the server is asked once for each page."""
    pdf_file("inbox/a.pdf", numbers=[1, 2])
    make_image("inbox/b.png", 3)
    Path("inbox/notes.txt").write_text("no document")
    lines = once("--log", str(LOG))
    assert outputs() == {"a.md": f"{page_text(1)}|{page_text(2)}", "b.md": page_text(3)}
    assert len(lines) == 3  # the first is about the server
    assert re.fullmatch(r"inbox/a\.pdf: 2 pages: 2 ok, \d+\.\d s: out/a\.md", lines[1])
    assert re.fullmatch(r"inbox/b\.png: 1 page: 1 ok, \d+\.\d s: out/b\.md", lines[2])
    assert dict(server.asked) == {1: 1, 2: 1, 3: 1}
    done = log("done")
    assert [(line["document"], line["output"], line["pages"], line["statuses"]) for line in done] == [
        ("inbox/a.pdf", "out/a.md", 2, {"ok": 2}),
        ("inbox/b.png", "out/b.md", 1, {"ok": 1}),
    ]
    server.asked.clear()
    assert len(once()) == 1
    assert not server.asked.total()
    assert names("inbox") == ["a.pdf", "b.png", "notes.txt"]


def test_nothing_to_do_needs_no_server() -> None:
    """For cron: an empty folder is no error, and nobody is asked."""
    assert once() == []


def test_pictures_can_be_described(server: FakeKoboldCpp) -> None:
    """The prompt that is given is for them; PDFs are transcribed as ever, with the same connection."""
    pdf_file("inbox/a.pdf", numbers=[1])
    make_image("inbox/b.png", 2)
    once("--pictures", "describe", "--prompt", "What colour is it?")
    by_number = {
        arrival.numbers[0]: arrival.prompt
        for arrival in server.generated
        if 1 in arrival.numbers or 2 in arrival.numbers
    }
    assert "What colour is it?" in by_number[2]
    assert "What colour is it?" not in by_number[1]
    assert outputs()["a.md"] == page_text(1)
    assert Path("out/b.md").read_text().startswith("**inbox/b.png**: ")


def test_what_is_done_is_moved(server: FakeKoboldCpp) -> None:
    """Into the same subfolders; never over a file that is there; ``review`` finds it where it is."""
    Path("inbox/sub").mkdir()
    Path("inbox/done").mkdir()
    Path("inbox/done/a.pdf").write_text("older")
    pdf_file("inbox/a.pdf", numbers=[1])
    pdf_file("inbox/sub/b.pdf", numbers=[2])
    lines = once("-r", "--done", "inbox/done", "--log", str(LOG))
    assert names("inbox") == ["done/a-2.pdf", "done/a.pdf", "done/sub/b.pdf"]
    assert Path("inbox/done/a.pdf").read_text() == "older"
    assert outputs() == {"a.md": page_text(1), "sub/b.md": page_text(2)}
    assert [line["moved"] for line in log("done")] == ["inbox/done/a-2.pdf", "inbox/done/sub/b.pdf"]
    paths = read_state(Path("out", FOLDER_STATE)).paths.values()
    assert set(paths) == {os.path.abspath("inbox/done/a-2.pdf"), os.path.abspath("inbox/done/sub/b.pdf")}
    assert not any("error" in line for line in lines)


def test_a_name_that_comes_again_is_another_document(server: FakeKoboldCpp) -> None:
    """Scanners begin to count anew: with ``--done`` no output is replaced, each belongs to a document there."""
    for number in (1, 2):
        data = pdf_file("inbox/scan.pdf", numbers=[number]).read_bytes()
        once("--done", "done")
    Path("inbox/scan.pdf").write_bytes(data)  # a copy of the second one
    once("--done", "done")
    assert sorted(outputs().values()) == [page_text(1), page_text(2), page_text(2)]
    assert names("done") == ["scan-2.pdf", "scan-3.pdf", "scan.pdf"]
    assert (server.asked[1], server.asked[2]) == (1, 1)
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*.md")}
    result = CliRunner().invoke(app, ["pdf", "-r", "done", "-o", "out/"], prog_name="visionocr")
    assert "3 documents are done already" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in Path("out").glob("*.md")} == before


def test_without_done_a_changed_file_renews_its_output(server: FakeKoboldCpp) -> None:
    """As when ``pdf`` is repeated."""
    for number in (1, 2):
        pdf_file("inbox/scan.pdf", numbers=[number])
        once()
    assert outputs() == {"scan.md": page_text(2)}


def test_what_cannot_be_moved_is_tried_again_when_documents_are_closed(
    server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows what is open cannot be moved. What can never be moved is named once, and is not read again."""
    tries: Counter[str] = Counter()
    replace = os.replace

    def refuse(source: Any, target: Any) -> None:
        name = Path(source).name
        tries[name] += 1
        if name == "b.pdf" or (name == "a.pdf" and tries[name] == 1):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    for number, name in enumerate("ab", 1):
        pdf_file(f"inbox/{name}.pdf", numbers=[number])
    lines = once("--done", "done", code=6)
    assert (names("inbox"), names("done")) == (["b.pdf"], ["a.pdf"])
    assert [line for line in lines if "error" in line] == ["error: cannot move inbox/b.pdf to done: Permission denied"]
    assert tries["b.pdf"] == 2
    assert {number: server.asked[number] for number in (1, 2)} == {1: 1, 2: 1}


def test_a_folder_that_is_named_twice_is_watched_once(server: FakeKoboldCpp) -> None:
    """Also by a link to it."""
    Path("link").symlink_to("inbox", target_is_directory=True)
    pdf_file("inbox/a.pdf", numbers=[1])
    lines = once("./inbox", "link", str(Path("inbox").absolute()))
    assert sum("1 page: 1 ok" in line for line in lines) == 1
    assert outputs() == {"a.md": page_text(1)}
    assert server.asked[1] == 1


def test_what_was_read_before_is_moved_too(server: FakeKoboldCpp) -> None:
    """Where ``--done`` was given only later; the next document of that name does not replace its output."""
    pdf_file("inbox/a.pdf", numbers=[1])
    once()
    once("--done", "done", "--log", str(LOG))
    assert (names("inbox"), names("done")) == ([], ["a.pdf"])
    assert [line["moved"] for line in log("done")] == ["done/a.pdf"]
    pdf_file("inbox/a.pdf", numbers=[2])
    once("--done", "done")
    assert sorted(outputs().values()) == [page_text(1), page_text(2)]
    assert names("done") == ["a-2.pdf", "a.pdf"]
    assert (server.asked[1], server.asked[2]) == (1, 1)


def test_a_document_that_cannot_have_an_output_shows_in_the_code(
    server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signed PDF gets no text layer: its Markdown is there, it is moved, and the others go on. Exit code 6."""
    monkeypatch.setenv("VISIONOCR_TEXT_LAYER", "auto")
    with pymupdf.open(pdf_file("a.pdf", numbers=[1])) as pdf:
        form = pdf.get_new_xref()
        pdf.update_object(form, "<< /SigFlags 3 /Fields [] >>")
        pdf.xref_set_key(pdf.pdf_catalog(), "AcroForm", f"{form} 0 R")
        pdf.save("inbox/a.pdf")
    pdf_file("inbox/b.pdf", numbers=[2])
    lines = once("-f", "md,pdf", "--boxes", "--done", "done", code=6)
    assert sum("signed" in line for line in lines) == 1
    assert (names("inbox"), names("done")) == ([], ["a.pdf", "b.pdf"])
    assert {"a.md", "b.md", "b.pdf"} == {path.name for path in Path("out").glob("*.*") if path.name[0] != "."}


def test_a_broken_file_is_set_aside(server: FakeKoboldCpp) -> None:
    """After four tries, with its reason; the others are read, and nothing is written for it. Exit code 4."""
    Path("inbox/torn.pdf").write_text("not a PDF")
    pdf_file("inbox/a.pdf", numbers=[1])
    lines = once("--failed", "failed", "--done", "done", "--log", str(LOG), code=4)
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 4
    assert all("torn.pdf is neither a PDF nor a picture" in line for line in errors)
    assert "tried again in 0 s" in errors[0]
    assert "given up, now failed/torn.pdf" in errors[3]
    assert (names("failed"), names("done"), names("inbox")) == (["torn.pdf"], ["a.pdf"], [])
    assert outputs() == {"a.md": page_text(1)}
    assert [line["event"] for line in log() if line.get("document") == "inbox/torn.pdf"] == ["retry"] * 3 + ["failed"]
    assert log("failed")[0]["moved"] == "failed/torn.pdf"


def test_failed_pages_alone_are_asked_for_again(server: FakeKoboldCpp) -> None:
    """A document of which a page failed has no output until it is good; the good pages are kept."""
    server.plan[2] = [faults.Empty()] * 3
    pdf_file("inbox/a.pdf", numbers=[1, 2, 3])
    lines = once()
    assert any(line.startswith("error: inbox/a.pdf: page 2: ") and "tried again" in line for line in lines)
    assert outputs() == {"a.md": "|".join(map(page_text, (1, 2, 3)))}
    assert {number: server.asked[number] for number in (1, 2, 3)} == {1: 1, 2: 4, 3: 1}


def test_a_document_with_pages_that_stay_bad_is_written_in_the_end(server: FakeKoboldCpp) -> None:
    """With a mark in the place of the page: the others are worth having. Exit code 7."""
    server.plan[2] = faults.Empty()
    pdf_file("inbox/a.pdf", numbers=[1, 2])
    once("--tries", "2", "--failed", "failed", code=7)
    assert outputs() == {"a.md": f"{page_text(1)}|"}
    assert names("failed") == ["a.pdf"]


def test_suspect_pages_are_named(server: FakeKoboldCpp) -> None:
    """They are no failure: the document is done. Under ``--strict`` the exit code is 7."""
    server.plan[2] = faults.Truncated()
    pdf_file("inbox/a.pdf", numbers=[1, 2])
    lines = once("--done", "done", "--strict", "--log", str(LOG), code=7)
    assert any("inbox/a.pdf: 2 pages: 1 ok, 1 suspect (pages 2), " in line for line in lines)
    assert log("done")[0]["suspect"] == [2]
    assert names("done") == ["a.pdf"]


def test_quiet_tells_of_failures_only(server: FakeKoboldCpp) -> None:
    """``-q``."""
    pdf_file("inbox/a.pdf", numbers=[1])
    assert once("-q") == []
    Path("inbox/torn.pdf").write_text("not a PDF")
    assert once("-q", "--tries", "1", code=4)[0].startswith("error: inbox/torn.pdf")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "missing argument 'INBOX'"),
        (["inbox"], "watch writes into a folder"),
        (["inbox", "-o", "out.md"], "watch writes into a folder"),
        (["none", "-o", "out/"], "there is no folder none"),
        (["inbox", "-o", "inbox/"], "inbox is the folder that is watched"),
        (["inbox", "-o", "out/", "--done", "./inbox"], "inbox is the folder that is watched"),
        (["inbox", "-o", "out/", "--failed", "x/../inbox"], "is the folder that is watched"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    """Folders that would feed themselves, and what is missing."""
    assert any(message in line for line in run(*arguments, code=2))


def test_a_server_that_is_away_ends_a_single_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5; cron will come again."""
    monkeypatch.setenv("VISIONOCR_API_URL", "http://127.0.0.1:9")
    pdf_file("inbox/a.pdf")
    once(code=5)
    assert names("inbox") == ["a.pdf"]


# --- until it is stopped -----------------------------------------------------------------------------------


def test_the_engine_stays_open_between_files(server: FakeKoboldCpp) -> None:
    """The second file costs one request: nothing is found out about the server again."""
    with watching() as wait_for:
        pdf_file("inbox/1.pdf", numbers=[1])
        wait_for(lambda: len(log("done")) == 1)
        before = len(server.requests)
        pdf_file("inbox/2.pdf", numbers=[2])
        wait_for(lambda: len(log("done")) == 2)
        new = server.requests[before:]
    assert [arrival.numbers for arrival in new if arrival in server.generated] == [(2,)]
    assert not [arrival.path for arrival in new if "version" in arrival.path or "model" in arrival.path]


def test_another_model_is_noticed_after_a_pause(server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees a server that is started again while nothing is asked, so after a while it is looked at again."""
    monkeypatch.setattr(watcher, "_TRUSTED", 0.0)
    with watching(front_matter=True) as wait_for:
        for number, model in enumerate((MODEL, "gemma-3-4b"), 1):
            server.model = model
            pdf_file(f"inbox/{number}.pdf", numbers=[number])
            wait_for(lambda number=number: len(log("done")) == number)  # type: ignore[misc]
    assert [f'model: "{MODEL}"' in Path(f"out/{number}.md").read_text() for number in (1, 2)] == [True, False]
    assert 'model: "gemma-3-4b"' in Path("out/2.md").read_text()


def test_a_file_that_is_written_slowly_is_read_when_it_is_whole(server: FakeKoboldCpp) -> None:
    """Under its own name, piece by piece, with less than the time to settle between them."""
    data = pdf_file("slow.pdf", numbers=[1]).read_bytes()
    with watching() as wait_for:
        with open("inbox/slow.pdf", "wb", buffering=0) as file:
            for at in range(0, len(data), len(data) // 30):
                file.write(data[at : at + len(data) // 30])
                seen = time.monotonic() + 0.005
                wait_for(lambda seen=seen: time.monotonic() > seen)  # type: ignore[misc]
        wait_for(lambda: log("done"))
    assert outputs() == {"slow.md": page_text(1)}
    assert server.asked[1] == 1


@pytest.mark.slow
def test_a_server_that_goes_away_costs_no_try() -> None:
    """It dies over a page in the middle of a document, and is waited for; no file is half, none counts as failed."""
    documents = {"1": [1, 2, 3], "2": [4], "3": [5, 6]}
    with RestartingServer(model=MODEL) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISIONOCR_API_URL", server.url)
        server.stay_down()
        server.plan[2] = [faults.Die()]
        with watching(Places(done=Path("done"), failed=Path("failed"))) as wait_for:
            for name, pages in documents.items():
                pdf_file(f"inbox/{name}.pdf", numbers=pages)
            wait_for(lambda: log("waiting"))
            server.come_back()
            wait_for(lambda: len(log("done")) == 3)
    assert names("done") == ["1.pdf", "2.pdf", "3.pdf"]
    assert outputs() == {f"{name}.md": "|".join(map(page_text, pages)) for name, pages in documents.items()}
    assert not log("retry")
    assert not log("failed")
    assert max(count for page, count in server.asked.items() if page) <= 2


def test_a_server_may_come_after_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a machine starts: what is there is read when the server is."""
    with FakeKoboldCpp(model=MODEL) as first:
        port = first.server_address[1]
    monkeypatch.setenv("VISIONOCR_API_URL", f"http://127.0.0.1:{port}")
    pdf_file("inbox/a.pdf", numbers=[1])
    with watching() as wait_for:
        wait_for(lambda: log("waiting"))
        with FakeKoboldCpp(model=MODEL, port=port):
            wait_for(lambda: log("done"))
    assert outputs() == {"a.md": page_text(1)}


def test_a_file_that_changes_while_it_is_read_is_read_again(server: FakeKoboldCpp) -> None:
    """What was read of it goes nowhere, and that is no failure."""
    server.plan[1] = faults.Hang()
    with watching(Places(done=Path("done"))) as wait_for:
        pdf_file("inbox/a.pdf", numbers=[1])
        wait_for(lambda: server.running)
        pdf_file("inbox/a.pdf", numbers=[2, 3])
        server.release()
        wait_for(lambda: log("done"))
    assert outputs() == {"a.md": f"{page_text(2)}|{page_text(3)}"}
    assert not log("retry")


def test_a_file_that_is_renamed_while_it_is_read_is_asked_for_once(server: FakeKoboldCpp) -> None:
    """Its pages are known by its content when it comes again under its new name."""
    server.plan[1] = [faults.Hang()]
    with watching() as wait_for:
        pdf_file("inbox/a.pdf", numbers=[1])
        wait_for(lambda: server.running)
        os.rename("inbox/a.pdf", "inbox/b.pdf")
        server.release()
        wait_for(lambda: log("done"))
    assert outputs() == {"b.md": page_text(1)}
    assert server.asked[1] == 1

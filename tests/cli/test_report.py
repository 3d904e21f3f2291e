"""``--report``: what is written of a run, and the last line of all commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from visionocr.cli.app import app

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server whose second page fails, whose third is suspect and whose fourth needs two asks."""
    with FakeKoboldCpp(model=MODEL) as fake:
        fake.plan = {2: faults.Empty(), 3: faults.Truncated(), 4: [faults.Empty()]}
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_API_KEY", "sesame")
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        monkeypatch.setenv("VISIONOCR_WAIT_SERVER", "0")
        yield fake


def run(*arguments: str) -> tuple[int, list[str]]:
    """Exit code and the lines on standard error."""
    result: Any = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stderr_bytes.decode().splitlines()


def test_the_report_counts_pages_findings_and_costs(server: FakeKoboldCpp) -> None:
    """What was asked, what became of the pages and why, tokens, time, and who did the work. No key."""
    pdf_file("a.pdf", numbers=[1, 2, 3, 4])
    Path("torn.pdf").write_text("not a PDF")
    code, _ = run("pdf", "a.pdf", "torn.pdf", "-o", "out/", "--report", "run.json", "--max-asks", "2")
    text = Path("run.json").read_text()
    report = json.loads(text)
    assert code == report["exit_code"] == 4
    assert "sesame" not in text
    assert (report["command"], report["documents"], report["output"]) == ("pdf", ["a.pdf", "torn.pdf"], "out/")
    assert report["settings"]["max_asks"] == 2
    assert report["settings"]["api_url"] == [server.url]
    assert (report["model"], report["error"]) == (MODEL, None)
    assert (report["pages"], report["unreadable_documents"], report["from_journal"]) == (4, 1, 0)
    assert report["statuses"] == {"ok": 2, "suspect": 1, "failed": 1}
    findings = {(one["kind"], one["severity"]): one["pages"] for one in report["findings"]}
    assert findings["empty", "failed"] == findings["truncated", "suspect"] == findings["unreadable", "failed"] == 1
    assert (report["asks"], report["retries"]) == (1 + 2 + 2 + 2, 0)
    assert report["completion_tokens"] > 100
    assert report["seconds_per_page"] <= report["seconds"]
    (share,) = report["servers"]
    assert (share["server"], share["pages"], share["share"]) == (server.url, 4, 1.0)
    bad = [(one["document"], one["page"], one["status"]) for one in report["not_good"]]
    assert bad == [("a.pdf", 2, "failed"), ("a.pdf", 3, "suspect"), ("torn.pdf", None, "failed")]
    assert all(one["reasons"] for one in report["not_good"])


def test_a_repeated_run_says_what_came_from_the_journal(server: FakeKoboldCpp) -> None:
    """Those pages cost nothing this time."""
    pdf_file("a.pdf", numbers=[1, 3])
    run("pdf", "a.pdf", "-o", "a.md")
    run("pdf", "a.pdf", "-o", "a.md", "--report", "run.json")
    report = json.loads(Path("run.json").read_text())
    assert (report["pages"], report["from_journal"], report["asks"]) == (2, 2, 0)
    assert (report["seconds_per_page"], report["servers"]) == (None, [])


def test_another_ending_gives_tables_to_read(server: FakeKoboldCpp) -> None:
    """The same figures; names of files can break no table."""
    pdf_file("a|b.pdf", numbers=[1, 2])
    run("pdf", "a|b.pdf", "-o", "out.md", "--report", "run.md")
    lines = Path("run.md").read_text().splitlines()
    assert lines[0] == "# visionocr pdf: 2 pages, exit code 7"
    assert any(line.startswith("| ok ") and "| 1 " in line for line in lines)
    assert any("page 2 of a\\|b.pdf" in line and "| failed |" in line for line in lines)
    tables = "\n".join(lines[2:]).split("\n\n")
    assert len(tables) == 5
    for table in tables:
        assert len({len(line) for line in table.splitlines()}) == 1


def test_a_run_that_ends_early_is_reported_as_well(server: FakeKoboldCpp) -> None:
    """What was read until then, and what ended it."""
    server.plan[3] = faults.Die()
    pdf_file("a.pdf", numbers=[1])
    pdf_file("b.pdf", numbers=[3])
    run("pdf", "a.pdf", "-o", "out.md", "--keep-journal")
    code, _ = run("pdf", "a.pdf", "b.pdf", "-o", "out.md", "--report", "run.json")
    report = json.loads(Path("run.json").read_text())
    assert code == report["exit_code"] == 5
    assert report["statuses"] == {"ok": 1, "failed": 1}
    assert "became unreachable" in report["error"]


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("a.pdf", "--report a.pdf is one of the documents to read"),
        ("b.png", "--report b.png would overwrite a PDF or a picture"),
        ("out.md", "--report and --output are the same file"),
        ("none/run.json", "there is no folder none"),
        (".", "--report . is no file"),
        ("-", "--report - is no file"),
    ],
)
def test_a_report_overwrites_nothing_of_value(report: str, words: str) -> None:
    """Found before anything is asked."""
    pdf_file("a.pdf")
    make_image("b.png", 1)
    code, lines = run("pdf", "a.pdf", "-o", "out.md", "--report", report)
    assert code in {2, 6}
    assert lines[0] == f"error: {words}"


def test_a_report_holds_no_password(server: FakeKoboldCpp) -> None:
    """An address with one is refused, and does not stand in the report of that."""
    pdf_file("a.pdf")
    for address in (server.url.replace("//", "//user:sesame@"), f"{server.url}/?key=sesame"):
        run("pdf", "a.pdf", "-o", "out.md", "--report", "run.json", "--api-url", address)
        assert "sesame" not in Path("run.json").read_text()


def test_a_run_whose_output_nobody_reads_any_more_is_reported(server: FakeKoboldCpp) -> None:
    """As with ``| head``."""
    pdf_file("a.pdf", numbers=[1, 2])
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "visionocr", "pdf", "a.pdf", "--report", "run.json"]
    try:
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(writing)
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("run.json").read_text())["pages"] >= 1


@pytest.mark.slow
@pytest.mark.parametrize("command", [["pdf"], ["image"], ["describe"], ["extract", "--fields", "title"]])
def test_the_last_line_names_what_is_not_good(server: FakeKoboldCpp, command: list[str]) -> None:
    """Whatever was read, and also where it is a single page."""
    server.plan = dict.fromkeys((1, 2, 3), faults.Empty())
    files = ["a.pdf"]
    if command == ["pdf"]:
        pdf_file("a.pdf", numbers=[9, 2, 3])
    else:
        files = [str(make_image(f"{number}.png", number)) for number in (2, 3)]
    _, lines = run(*command, *files)
    assert lines[-1] == ("failed: pages 2, 3 of a.pdf" if command == ["pdf"] else "failed: 2.png, 3.png")
    _, lines = run(*command, files[-1], *(["--pages", "3"] if command == ["pdf"] else []))
    assert lines[-1] == ("failed: page 3 of a.pdf" if command == ["pdf"] else "failed: 3.png")


def test_front_matter_is_added_without_asking_again(server: FakeKoboldCpp) -> None:
    """A folder's documents are written again for it: their Markdown, and nothing else has it."""
    pdf_file("a.pdf", numbers=[1])
    run("pdf", "a.pdf", "-o", "out/", "-f", "md,txt,jsonl")
    plain = Path("out/a.md").read_text()
    asked = server.asked.copy()
    for _ in range(2):
        run("pdf", "a.pdf", "-o", "out/", "-f", "md,txt,jsonl", "--front-matter")
        text = Path("out/a.md").read_text()
        assert text.startswith('---\nsource: "a.pdf"\npages: 1\nmodel: "')
        assert text.endswith(f"status: ok\n---\n\n{plain}")
    assert "source:" not in Path("out/a.txt").read_text() + Path("out/a.jsonl").read_text()
    assert server.asked == asked

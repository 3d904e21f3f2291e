"""``visionocr eval``: results and known texts become a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_pdf
from visionocr.cli.app import app


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the command: code, standard output, standard error."""
    result = CliRunner().invoke(app, ["eval", *arguments], prog_name="visionocr")
    return result.exit_code, result.stdout, result.stderr


def write(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def comment(number: int, status: str = "ok") -> str:
    """The comment before a page."""
    return f'<!-- visionocr page="{number}" status="{status}" document="a.pdf" -->'


def record(text: str) -> dict[str, Any]:
    """A page as in JSON Lines."""
    return {"document": "b.pdf", "page": 1, "status": "ok", "text": text, "findings": []}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Three known documents; the result of one is missing, one page of another failed."""
    truth, result = tmp_path / "truth", tmp_path / "result"
    write(truth / "a.txt", "one two\fthree four")
    write(truth / "deep" / "b.txt", "all is well")
    write(truth / "c.md", "never read")
    write(result / "a.md", f"{comment(1)}\none two\n\n{comment(2, 'failed')}\n> **[could not be read]**\n")
    write(result / "deep" / "b.jsonl", json.dumps(record("all is well")) + "\n")
    return truth, result


def test_the_worst_pages_come_first(folders: tuple[Path, Path]) -> None:
    """A line a page, then all together; what has no result counts as wrong and is said."""
    code, out, err = run(*map(str, folders))
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["cer", "wer", "recall", "order", "numbers", "cells"]
    assert [line[0] for line in lines[1:]] == ["a", "c", "a", "deep/b", "all"]
    assert (lines[1][1:4], lines[1][-1]) == (["p.", "2", "100.0%"], "failed")
    assert lines[2][-1] == "missing"
    assert lines[4][1] == "0.0%"
    assert "some documents have no result" in err


def test_json(folders: tuple[Path, Path]) -> None:
    """The same for programs."""
    code, out, _ = run(*map(str, folders), "--json")
    assert code == 0
    (report,) = json.loads(out)
    assert [page["document"] for page in report["pages"]] == ["a", "c", "a", "deep/b"]
    wrong = len("three four") + len("never read")
    letters = len("one two") + len("all is well") + wrong
    assert report["summary"]["cer"] == pytest.approx(wrong / letters)


def test_a_document_whose_pages_cannot_be_told_apart_is_compared_as_a_whole(tmp_path: Path) -> None:
    """Known text without page breaks, result with them."""
    truth = write(tmp_path / "a.txt", "one two three four")
    result = write(tmp_path / "other.md", f"{comment(1)}\none two\n\n{comment(2)}\nthree four\n")
    code, out, _ = run(str(truth), str(result))
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["a", "0.0%"]


@pytest.mark.slow
@pytest.mark.usefixtures("isolated")
def test_settings_are_compared_on_the_same_documents(
    tmp_path: Path, koboldcpp: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run reads the documents beside the known texts, once: repeated, it only scores."""
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
    write(tmp_path / "truth" / "a.txt", f"{page_text(1)}\f{page_text(2)}")
    make_pdf(tmp_path / "truth" / "a.pdf", 2)
    runs = [f"--api-url {koboldcpp.url} --seed {seed}" for seed in (1, 2)]
    arguments = [str(tmp_path / "truth"), "--json", *(part for each in runs for part in ("--run", each))]
    for _ in range(2):
        code, out, err = run(*arguments)
        assert code == 0, err
        assert [report["results"] for report in json.loads(out)] == runs
        assert all(report["summary"]["cer"] == 0 for report in json.loads(out))
    assert koboldcpp.asked[1] == koboldcpp.asked[2] == 2


@pytest.mark.usefixtures("isolated")
def test_a_run_that_fails_is_an_error(tmp_path: Path) -> None:
    """With the code of the run."""
    make_pdf(tmp_path / "a.pdf", 1)
    write(tmp_path / "a.txt", "text")
    code, out, err = run(str(tmp_path), "--run", "--preset nonsense")
    assert (code, out) == (3, "")
    assert "failed" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["truth"], 2, "either RESULT or --run"),
        (["nowhere", "result"], 4, "there is no file or folder"),
        (["result", "truth"], 4, "there are no known texts"),
        (["truth", "--run", "--prompt 'open"], 2, "No closing quotation"),
        (["alone", "--run", "-q"], 4, "there are no documents beside"),
    ],
)
@pytest.mark.usefixtures("isolated")
def test_mistakes(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    """Each has its message."""
    write(tmp_path / "truth" / "a.txt", "text")
    make_pdf(tmp_path / "truth" / "a.pdf", 1)
    write(tmp_path / "alone" / "a.txt", "text")
    (tmp_path / "result").mkdir()
    found, out, err = run(*arguments)
    assert (found, out) == (code, "")
    assert words in err

"""The examples run, and the sample documents have the texts beside them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pymupdf
import pytest

from fakes.koboldcpp import FakeKoboldCpp
from visionocr import transcribe

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ROOT = EXAMPLES.parent

pytestmark = pytest.mark.source_tree


def normalize(text: str) -> str:
    """A text with its white space, Markdown and typographic variants evened out."""
    text = re.sub(r"<!--.*?-->|[#*|\\]|^-{3,}$", " ", text, flags=re.DOTALL | re.MULTILINE)
    return " ".join(text.translate(str.maketrans("‘’“”—–", "''\"\"--")).split())


def distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


def error_rate(read: str, truth: str) -> float:
    """Character error rate."""
    return distance(normalize(read), normalize(truth)) / len(normalize(truth))


@pytest.mark.parametrize(
    ("document", "truth", "limit"),
    [
        ("photo.jpg", "photo.txt", 0.02),
        pytest.param("letter.pdf", "letter.txt", 0.02, marks=pytest.mark.slow),
        pytest.param("columns.pdf", "columns.txt", 0.03, marks=pytest.mark.slow),
    ],
)
def test_the_embedded_engine_reads_the_samples(document: str, truth: str, limit: float) -> None:
    """Each sample is transcribed with few errors, in reading order."""
    pytest.importorskip("faster_paddle")
    pages = list(transcribe([EXAMPLES / document], api_url="local:"))
    read = "\n".join(page.text for page in pages)
    assert error_rate(read, (EXAMPLES / truth).read_text("utf-8").replace("\f", "\n")) < limit


@pytest.mark.slow
def test_samples_can_be_made_again(tmp_path: Path) -> None:
    """The script that made the samples makes the same texts and page sizes."""
    subprocess.run([sys.executable, str(EXAMPLES / "make_samples.py"), "--out", str(tmp_path)], check=True)
    for name in ("letter.txt", "columns.txt", "photo.txt"):
        assert (tmp_path / name).read_text("utf-8") == (EXAMPLES / name).read_text("utf-8")
    for name in ("letter.pdf", "columns.pdf"):
        with pymupdf.open(tmp_path / name) as made, pymupdf.open(EXAMPLES / name) as kept:
            assert [page.rect for page in made] == [page.rect for page in kept]


@pytest.mark.slow
def test_the_python_example_runs(koboldcpp: FakeKoboldCpp) -> None:
    """The Python example prints every page of its document."""
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / "transcribe.py"), str(EXAMPLES / "columns.pdf"), "--api-url", koboldcpp.url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "columns.pdf" in result.stdout


@pytest.mark.slow
def test_the_shell_example_runs(tmp_path: Path) -> None:
    """The shell script runs from end to end with the embedded engine."""
    pytest.importorskip("faster_paddle")
    program = Path(sys.executable).parent
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VISIONOCR_")}
    environment["PATH"] = f"{program}{os.pathsep}{environment['PATH']}"
    result = subprocess.run(
        ["sh", str(EXAMPLES / "pipelines.sh")], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "King" in result.stdout

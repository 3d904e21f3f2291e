"""Outputs that say where words stand, by the whole command with the embedded engine."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from typer.testing import CliRunner

from fakes.koboldcpp import FakeKoboldCpp
from visionocr.cli.app import app
from visionocr.engines import local

WORDS = ["The", "lessee", "keeps", "the", "roof", "and", "the", "chimney", "in", "repair", "at", "his", "own", "cost"]
pytestmark = pytest.mark.skipif(not local.installed(), reason="the embedded engine is not installed")


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    result = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def draw_scan(path: Path, *, pages: int = 1) -> Path:
    """A PDF whose pages are pictures of two lines, and nothing that is text."""
    mupdf: Any = pymupdf
    with mupdf.open() as text, mupdf.open() as scan:
        for number in range(1, pages + 1):
            sheet = text.new_page(width=420, height=300)
            sheet.insert_text((40, 80), " ".join(WORDS[:7]), fontsize=14, fontname="tiro")
            sheet.insert_text((40, 110), " ".join([*WORDS[7:], str(number)]), fontsize=14, fontname="tiro")
            picture = sheet.get_pixmap(dpi=150)
            scan.new_page(width=420, height=300).insert_image((0, 0, 420, 300), pixmap=picture)
        scan.save(path)
    return path


@pytest.fixture
def scan(tmp_path: Path, isolated: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan of two pages; answers may be compared with a second reading."""
    monkeypatch.delenv("VISIONOCR_CROSS_CHECK")
    return draw_scan(tmp_path / "scan.pdf", pages=2)


@pytest.mark.slow
def test_one_run_writes_every_format(scan: Path) -> None:
    """Each document has a file of each format, and the PDF shows the same and can be searched."""
    code, out, err = command("pdf", str(scan), "--api-url", "local:", "-f", "md,jsonl,hocr,alto,page,pdf", "-o", "out/")
    assert (code, out) == (0, ""), err
    names = {path.name for path in Path("out").iterdir() if not path.name.startswith(".")}
    one_a_page = {f"scan.{number}.{kind}.xml" for number in ("0001", "0002") for kind in ("alto", "page")}
    assert names == {"scan.md", "scan.jsonl", "scan.hocr", "scan.pdf"} | one_a_page
    mupdf: Any = pymupdf
    with mupdf.open("out/scan.pdf") as written, mupdf.open(scan) as original:
        for number in (1, 2):
            sheet = written[number - 1]
            assert sheet.get_text().split() == [*WORDS, str(number)]
            assert sheet.get_pixmap(dpi=72).samples == original[number - 1].get_pixmap(dpi=72).samples
            (box,) = sheet.search_for("chimney")
            assert 35 < box.x0 < 280
            assert 90 < box.y1 < 120
    hocr = Path("out/scan.hocr").read_text("utf-8")
    assert len(re.findall(r'class="ocrx_word"', hocr)) == 2 * (len(WORDS) + 1)
    records = [json.loads(line) for line in Path("out/scan.jsonl").read_text().splitlines()]
    assert all(block["box"] is not None for record in records for block in record["blocks"])


@pytest.mark.slow
def test_another_format_is_written_without_asking_again(scan: Path, koboldcpp: FakeKoboldCpp) -> None:
    """The places are found afterwards, by the second reader."""
    arguments = ["pdf", str(scan), "--api-url", koboldcpp.url, "-o", "out/", "--max-side", "700", "--max-asks", "1"]
    assert command(*arguments)[0] == 0
    asked = koboldcpp.asked.copy()
    code, _, err = command(*arguments, "-f", "pdf")
    assert code == 0, err
    assert koboldcpp.asked == asked
    assert Path("out/scan.pdf").is_file()


@pytest.mark.slow
def test_pages_that_have_text_are_left_and_named(tmp_path: Path, isolated: None) -> None:
    """A born-digital page is searchable as it is."""
    mupdf: Any = pymupdf
    with mupdf.open() as document:
        document.new_page().insert_text((72, 72), "text of its own", fontsize=14)
        document.save(tmp_path / "a.pdf")
    code, _, err = command("pdf", "a.pdf", "--api-url", "local:", "-f", "pdf", "-o", "b.pdf")
    assert code == 0
    assert "page 1 is left as it is: it has text already" in err


@pytest.mark.slow
def test_a_document_that_cannot_have_an_output_shows_in_the_exit_code(tmp_path: Path, isolated: None) -> None:
    """A signed document gets no searchable PDF, which would break the signature; the others get theirs."""
    draw_scan(tmp_path / "a.pdf")
    draw_scan(tmp_path / "b.pdf")
    mupdf: Any = pymupdf
    with mupdf.open(tmp_path / "a.pdf") as document:
        document.xref_set_key(document.pdf_catalog(), "AcroForm", "<</Fields[]/SigFlags 3>>")
        document.save(tmp_path / "signed.pdf")
    code, _, err = command("pdf", "signed.pdf", "b.pdf", "--api-url", "local:", "-f", "pdf,md", "-o", "out/")
    assert code == 6
    assert "signed.pdf is signed" in err
    assert sorted(path.name for path in Path("out").glob("[!.]*")) == ["b.md", "b.pdf", "signed.md"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-f", "pdf"], 2, "cannot be printed"),
        (["-f", "alto", "-o", "-"], 2, "cannot be printed"),
        (["-f", "md,pdf"], 2, "several formats need a folder"),
        (["-f", "md,nonsense"], 2, "'nonsense' is no output format"),
        (["b.pdf", "-f", "pdf", "-o", "c.pdf"], 2, "one output a document"),
        (["-f", "hocr", "--prompt", "Translate."], 3, "needs the page's own text"),
        (["-f", "hocr", "--cross-check", "off"], 3, "nothing tells where words stand"),
    ],
)
@pytest.mark.usefixtures("isolated")
def test_mistakes(koboldcpp: FakeKoboldCpp, tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    """Said before the first page is asked."""
    for name in ("a.pdf", "b.pdf"):
        draw_scan(tmp_path / name)
    found, out, err = command("pdf", "a.pdf", "--api-url", koboldcpp.url, *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert not koboldcpp.asked

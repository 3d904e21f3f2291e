"""``visionocr export``: results of earlier runs in another format, without asking."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pymupdf
import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image, make_pdf
from result_files import result, write_results
from review_client import serving
from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.cli.app import app
from visionocr.documents.content import Content
from visionocr.engines import local
from visionocr.evidence import Reference, Source
from visionocr.extras import install_command
from visionocr.output.state import FOLDER_STATE, State
from visionocr.output.stored import Store
from visionocr.review.places import Lines
from visionocr.types import FileSignature, PageImage

_mupdf: Any = pymupdf
pytestmark = pytest.mark.usefixtures("isolated")


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    done = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(done.exception, SystemExit | None), done.exc_info
    return done.exit_code, done.stdout_bytes.decode(), done.stderr_bytes.decode()


def make_results(
    *documents: Path, says: Callable[[int], str] = page_text, task: str = "transcribe", **settings: object
) -> None:
    """What a run leaves in the folder ``out``: a state, and a Markdown file for each document."""
    folder = Path("out")
    folder.mkdir(exist_ok=True)
    state = State(folder / FOLDER_STATE, {"task": task, **settings})
    for document in documents:
        content = Content(document.name, str(document))
        _, digest = content.identify()
        with _mupdf.open(document) as opened:
            count = opened.page_count
        signature = FileSignature(*content.state()[:2])
        state.register_file(str(document), signature, digest, count)
        pages = [result(n, says(n), document=document.name, pages=count, digest=digest) for n in range(1, count + 1)]
        for page in pages:
            state.record(page)
        path = write_results(folder / f"{document.stem}.md", pages)
        state.register_output(path.name, str(document), signature, "job")
    state.close()


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are drawn without child processes."""
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")


def make_scan(path: Path, pages: int = 1) -> Path:
    """A PDF whose pages are pictures."""
    with _mupdf.open(make_pdf(path, pages)) as text, _mupdf.open() as scan:
        for sheet in text:
            scan.new_page(width=sheet.rect.width, height=sheet.rect.height).insert_image(
                sheet.rect, pixmap=sheet.get_pixmap(dpi=60)
            )
        data = scan.tobytes()
    path.write_bytes(data)
    return path


@pytest.fixture
def second_reader(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the second reader: it finds each page's lines below each other. Lists what it was asked for."""
    asked: list[str] = []

    def find(_self: Lines, image: PageImage) -> Reference:
        asked.append(f"{image.page.document} {image.page.number}")
        texts = [line for line in page_text(image.page.number).splitlines() if line]
        lines = [TextLine(text, Box(0.1, at / 30, 0.9, at / 30 + 0.02), 0.99) for at, text in enumerate(texts, 1)]
        return Reference(Source.SECOND_READER, tuple(lines), 0.99)

    monkeypatch.setattr(Lines, "find", find)
    return asked


def listed(folder: str) -> list[str]:
    """The files in a folder and below that are not hidden."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in Path(folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    )


@pytest.mark.slow
def test_a_folder_is_written_in_every_format(
    koboldcpp: FakeKoboldCpp, tmp_path: Path, second_reader: list[str]
) -> None:
    """Beside what is there, under the same names; places are looked for once, and nobody is asked anything."""
    make_scan(tmp_path / "a.pdf", 2)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    make_scan(tmp_path / "in" / "sub" / "a.pdf")
    assert command("pdf", "a.pdf", "in", "-r", "-o", "out/", "--api-url", koboldcpp.url, "--max-side", "500")[0] == 0
    asked = koboldcpp.asked.copy()
    koboldcpp.close()
    assert listed("out") == ["a.md", "sub/a.md"]
    code, out, err = command("export", "out", "-f", "txt,jsonl,hocr,alto,page,pdf")
    assert (code, out) == (0, ""), err
    assert err.endswith("3 pages: 3 ok; 3 of them from the journal\n")
    one_a_page = [f"a.{number}.{kind}.xml" for number in ("0001", "0002") for kind in ("alto", "page")]
    files = ["a.hocr", "a.jsonl", "a.md", "a.pdf", "a.txt"]
    below = [f"sub/{name}" for name in (*files, "a.alto.xml", "a.page.xml")]
    assert listed("out") == sorted([*files, *one_a_page, *below])
    with _mupdf.open("out/a.pdf") as pdf:
        assert [page.get_text().split()[:5] for page in pdf] == [page_text(n).split()[:5] for n in (1, 2)]
    first = json.loads(Path("out/a.jsonl").read_text().splitlines()[0])
    assert (first["document"], first["page"], first["text"]) == ("a.pdf", 1, page_text(1))
    seen = len(second_reader)
    assert seen == 3
    assert command("export", "out", "-f", "txt,md", "-o", "other/")[0] == 0
    assert (len(second_reader), koboldcpp.asked) == (seen, asked)
    assert listed("other") == ["a.md", "a.txt", "sub/a.md", "sub/a.txt"]
    assert Path("out/a.md").read_bytes() == Path("other/a.md").read_bytes()


def test_corrections_are_used(tmp_path: Path) -> None:
    """Of a folder, and of a file whose run left no state."""
    make_results(make_scan(tmp_path / "a.pdf", 2))
    write_results(Path("one.md"), [result(number, page_text(number)) for number in (1, 2)])
    for path in ("out/a.md", "one.md"):
        with serving([Path(path)]) as client:
            mark = client.ask("pages/1").json["mark"]
            assert client.ask("pages/1", "PUT", {"text": "by hand", "mark": mark}).status == 200
    for results in ("out", "one.md"):
        code, out, err = command("export", results, "-f", "jsonl", "-o", "-")
        records = [json.loads(line) for line in out.splitlines()]
        assert code == 0, err
        assert [record["text"] for record in records] == [page_text(1), "by hand"]
        assert [record["status"] for record in records] == ["ok", "checked"]


@pytest.mark.usefixtures("second_reader")
def test_a_file_without_a_state(tmp_path: Path) -> None:
    """Its texts, also where they were edited since; the document is found beside it."""
    make_scan(tmp_path / "a.pdf", 2)
    write_results(Path("one.md"), [result(number, page_text(number)) for number in (1, 2)])
    Path("one.md").write_text(Path("one.md").read_text().replace("Here ends page 1.", "Here ends the first page."))
    assert command("export", "one.md", "-f", "pdf", "-o", "one.pdf")[0] == 0
    with _mupdf.open("one.pdf") as pdf:
        assert "ends" in pdf[0].get_text()
        assert "first" not in pdf[0].get_text().split("Here")[0]
        assert pdf[1].search_for("ends page 2")
    assert command("export", "one.md", "-f", "alto", "-o", "x.xml")[0] == 0
    assert {path.name for path in tmp_path.glob("x*.xml")} == {"x.0001.xml", "x.0002.xml"}


@pytest.mark.slow
@pytest.mark.usefixtures("second_reader")
def test_documents_that_are_gone_or_changed_are_named(tmp_path: Path) -> None:
    """The rest is written; what does not need the documents is written of all."""
    make_results(*(make_scan(tmp_path / f"{name}.pdf", pages) for pages, name in enumerate("abc", 1)))
    (tmp_path / "a.pdf").unlink()
    make_scan(tmp_path / "b.pdf", 5)
    code, out, err = command("export", "out", "-f", "pdf,md", "-o", "new/")
    assert (code, out) == (4, "")
    assert "a.pdf was not found" in err
    assert "--document" in err
    assert "b.pdf is not the document that was read: it has changed" in err
    assert listed("new") == ["c.md", "c.pdf"]
    assert command("export", "out", "-f", "md", "-o", "all/")[0] == 0
    assert listed("all") == ["a.md", "b.md", "c.md"]
    (tmp_path / "moved").mkdir()
    (tmp_path / "c.pdf").rename(tmp_path / "moved" / "c.pdf")
    assert command("export", "out", "-f", "pdf", "--document", "moved")[0] == 4
    assert "c.pdf" in listed("out")


@pytest.mark.slow
@pytest.mark.usefixtures("second_reader")
def test_an_older_text_layer_is_replaced_on_request(tmp_path: Path) -> None:
    """Else the page is left, and the message says how."""
    document = make_scan(tmp_path / "a.pdf")
    with _mupdf.open(document) as pdf:
        pdf[0].insert_text((72, 72), "olden words", render_mode=3)
        data = pdf.tobytes()
    document.write_bytes(data)
    make_results(document)
    code, _, err = command("export", "out", "-f", "pdf")
    assert (code, "--replace-layer" in err) == (0, True)
    assert _mupdf.open("out/a.pdf")[0].get_text().split() == ["olden", "words"]
    code, _, err = command("export", "out", "-f", "pdf", "--replace-layer")
    assert (code, "--replace-layer" in err) == (0, False)
    assert _mupdf.open("out/a.pdf")[0].get_text().split()[:3] == page_text(1).split()[:3]


def test_bad_pages_decide_the_code(koboldcpp: FakeKoboldCpp, tmp_path: Path) -> None:
    """As after the run itself: failed pages, and with --strict suspect ones; pages that nobody read are counted."""
    make_scan(tmp_path / "a.pdf", 3)
    koboldcpp.plan[2] = faults.Refusal()
    run = ["--api-url", koboldcpp.url, "--max-side", "500", "--max-asks", "1"]
    assert command("pdf", "a.pdf", "--pages", "1-2", "-o", "out/", *run)[0] == 7
    code, _, err = command("export", "out", "-f", "jsonl")
    assert code == 7
    assert "failed: page 2 of a.pdf" in err
    assert "a.pdf: 1 of 3 pages were never read" in err
    records = [json.loads(line) for line in Path("out/a.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["ok", "failed"]


@pytest.mark.parametrize("kind", ["pdf", "md,alto"])
def test_without_places_both_ways_out_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Before anything is written, also where an earlier document has them."""
    make_results(make_pdf(tmp_path / "a.pdf", 1), make_scan(tmp_path / "b.pdf"))
    monkeypatch.setattr(local, "installed", lambda: False)
    code, out, err = command("export", "out", "-f", kind, "-o", "new/")
    assert (code, out) == (3, "")
    assert "nothing tells where the words of b.pdf stand" in err
    assert install_command("local") in err
    assert "--boxes" in err
    assert not Path("new").exists()
    assert command("export", "out", "-f", "txt")[0] == 0


def test_places_of_blocks_are_enough_where_nothing_tells_those_of_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a model gives them; also where the document is gone."""
    document = make_scan(tmp_path / "a.pdf")
    make_results(document)
    store = Store(Path("out") / FOLDER_STATE)
    (stored,) = store.list_documents()
    page = stored.read(1)
    assert page is not None
    block = Block(BlockKind.TEXT, page.text, box=Box(0.1, 0.1, 0.9, 0.9))
    stored.keep(replace(page, blocks=(block,), width=600, height=800))
    store.close()
    monkeypatch.setattr(local, "installed", lambda: False)
    assert command("export", "out", "-f", "hocr")[0] == 0
    assert Path("out/a.hocr").read_text().count("ocrx_word") > 20
    document.unlink()
    assert command("export", "out", "-f", "alto")[0] == 0
    assert command("export", "out", "-f", "pdf")[0] == 4


def test_descriptions_have_no_places(tmp_path: Path) -> None:
    """What a model says about pictures stands nowhere on them; it is written as captions."""
    make_results(*(make_image(tmp_path / f"{name}.png", pages) for pages, name in enumerate("ab")), task="describe")
    code, _, err = command("export", "out", "-f", "pdf")
    assert code == 3
    assert "needs the page's own text" in err
    assert command("export", "out", "-f", "md", "-o", "-")[1].startswith("**a.png**: ")


def test_documents_with_two_names(tmp_path: Path) -> None:
    """A document that was read under two names is written once for each that is still there."""
    document = make_scan(tmp_path / "a.pdf")
    make_results(document)
    document = document.rename(tmp_path / "b.pdf")
    make_results(document)
    assert command("export", "out", "-f", "txt")[0] == 0
    assert listed("out") == ["a.md", "b.md", "b.txt"]
    document.with_name("c.pdf").write_bytes(document.read_bytes())
    make_results(document.with_name("c.pdf"))
    assert command("export", "out", "-f", "jsonl")[0] == 0
    assert listed("out") == ["a.md", "b.jsonl", "b.md", "b.txt", "c.jsonl", "c.md"]


def test_documents_come_in_the_order_of_the_run(tmp_path: Path) -> None:
    """Whichever was ready first."""
    documents = [make_scan(tmp_path / f"{name}.pdf", pages) for pages, name in enumerate("cab", 1)]
    make_results(*documents)
    for document in (documents[2], documents[0]):
        store = Store(Path("out") / FOLDER_STATE)
        stored = next(each for each in store.list_documents() if each.name == document.name)
        page = stored.read(1)
        assert page is not None
        stored.keep(page)
        store.close()
    records = command("export", "out", "-f", "jsonl", "-o", "-")[1].splitlines()
    assert [json.loads(record)["document"] for record in records] == ["c.pdf", *["a.pdf"] * 2, *["b.pdf"] * 3]


def test_the_newest_answers_count(tmp_path: Path) -> None:
    """Of a folder with results of several settings, those that were asked for last; records have no pages."""
    document = make_scan(tmp_path / "a.pdf")
    make_results(document, model="a")
    make_results(document, says=lambda number: f"the newest of page {number}", model="b")
    make_results(document, says=lambda _: "{}", schema="s")
    assert command("export", "out", "-f", "txt", "-o", "-")[1].strip() == "the newest of page 1"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none"], 2, "there is no none"),
        (["empty"], 2, "has no results"),
        (["a.pdf"], 2, "is not a journal"),
        (["notes.md"], 4, "--page-breaks"),
        (["out", "-f", "pdf", "-o", "-"], 2, "cannot be printed"),
        (["out/a.md", "-f", "pdf"], 2, "cannot be printed"),
        (["out", "-f", "md,txt", "-o", "x.md"], 2, "several formats need a folder"),
        (["out", "-f", "pdf", "-o", "x.pdf"], 2, "one output a document"),
        (["out/a.md", "-f", "md", "-o", "out/a.md"], 2, "is the file of results"),
        (["out", "-f", "md", "-o", "a.pdf"], 2, "one of the documents"),
        (["out", "-o", "nowhere/x.md"], 6, "there is no folder"),
    ],
)
def test_mistakes(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    """Each is one line, and nothing is written."""
    make_results(make_pdf(tmp_path / "a.pdf", 1), make_pdf(tmp_path / "b.pdf", 2))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.md").write_text("mine")
    before = listed(".")
    found, out, err = command("export", *arguments)
    assert (found, out) == (code, "")
    assert words in err
    assert listed(".") == before


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    """A run is writing there."""
    make_results(make_pdf(tmp_path / "a.pdf", 1))
    state = State(tmp_path / "out" / FOLDER_STATE, {})
    code, _, err = command("export", "out", "-f", "txt")
    state.close()
    assert code == 6
    assert "another visionocr" in err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_kill_leaves_whole_files(tmp_path: Path) -> None:
    """At any moment: each file is the one before, the new one, or not there; the next export is complete."""
    make_results(make_scan(tmp_path / "a.pdf", 3))
    lines = tuple(TextLine(f"line {at}", Box(0.1, at / 40, 0.9, at / 40 + 0.01)) for at in range(1, 40))
    store = Store(tmp_path / "out" / FOLDER_STATE)
    (stored,) = store.list_documents()
    for number in stored.numbers:
        page = stored.read(number)
        assert page is not None
        stored.keep(replace(page, text="\n".join(line.text for line in lines), lines=lines))
    store.close()
    command_line = [sys.executable, "-m", "visionocr", "export", "out", "-f", "pdf,jsonl,hocr"]
    for number in range(20):
        with subprocess.Popen(command_line, stderr=subprocess.DEVNULL) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.3 + number / 10)
            process.kill()
        if (tmp_path / "out" / "a.pdf").exists():
            with _mupdf.open("out/a.pdf") as pdf:
                assert ["line 39" in page.get_text() for page in pdf] == [True] * 3
        if (tmp_path / "out" / "a.hocr").exists():
            ET.parse("out/a.hocr")
    assert subprocess.run(command_line, stderr=subprocess.DEVNULL).returncode == 0
    assert listed("out") == ["a.hocr", "a.jsonl", "a.md", "a.pdf"]

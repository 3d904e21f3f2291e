"""Jobs of very many documents: lists of names, and what earlier runs save."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_image
from fakes.pictures import make_pdf as pdf_file
from visionocr.cli.app import app
from visionocr.cli.listing import listed
from visionocr.errors import UsageError
from visionocr.output.names import LEDGER, OutputFolder
from visionocr.types import FileSignature

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment, for small and quick pictures."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct-Q4_K_M") as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        yield fake


def run(*arguments: str, stdin: bytes = b"", code: int = 0) -> str:
    """Run a command line that must end with *code*; what it said on standard error."""
    result: Any = CliRunner().invoke(app, arguments, input=stdin, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    assert result.exit_code == code, result.stderr
    return result.stderr_bytes.decode()  # type: ignore[no-any-return]


def pages_asked(server: FakeKoboldCpp) -> dict[int, int]:
    """How often each page was asked for since the last look."""
    asked = {number: count for number, count in server.asked.items() if number is not None and count}
    server.asked.clear()
    return dict(asked)


def spoil(path: str) -> None:
    """Other bytes, the same size and time: who opens the file gives himself away."""
    status = os.stat(path)
    Path(path).write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- lists -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (b"a.pdf\nb b.pdf\n", ["a.pdf", "b b.pdf"]),
        (b"a.pdf\r\n\r\nb.pdf", ["a.pdf", "b.pdf"]),
        (b"\xef\xbb\xbfa.pdf\n", ["a.pdf"]),
        (b"a\nb.pdf\0c.pdf\r\0", ["a\nb.pdf", "c.pdf\r"]),
        (b"-\n", [os.path.join(os.curdir, "-")]),
        (b"\xff.pdf\n", [os.fsdecode(b"\xff.pdf")]),
        (b"x" * 30_000 + b"\n" + b"y" * 30_000 + b"\n" + b"z" * 30_000, [c * 30_000 for c in "xyz"]),
        (b"", []),
    ],
)
def test_lists(tmp_path: Path, data: bytes, paths: list[str]) -> None:
    """Lines or NULs end a path, wherever the pieces that are read begin and end; nothing else is special in it."""
    (tmp_path / "list").write_bytes(data)
    assert list(listed(str(tmp_path / "list"))) == paths


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", "a.pdf\n".encode("utf-16"), b"x" * 200_000])
def test_what_is_no_list(tmp_path: Path, data: bytes) -> None:
    """A document, another encoding or an endless line is refused, not taken for names."""
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(UsageError, match="--files-from"):
        list(listed(str(tmp_path / "list")))


@pytest.mark.skipif(os.name == "nt", reason="names of descriptors")
def test_a_list_is_read_as_it_grows() -> None:
    """The first name is used while the list is still being written."""
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb", buffering=0) as list_:
        list_.write(b"a.pdf\nb.p")
        names = listed(f"/dev/fd/{reading}")
        assert next(names) == "a.pdf"
        list_.write(b"df\n")
        assert next(names) == "b.pdf"


def test_files_and_lists_together(server: FakeKoboldCpp) -> None:
    """Arguments come first; a file that is named in both places is read once; each document gets its file."""
    for number in (1, 2, 3):
        make_image(Path(f"{number}.png"), number)
    said = run("image", "2.png", "--files-from", "-", "-o", "out/", stdin=b"1.png\n2.png\nabsent.png\n3.png\n", code=4)
    assert pages_asked(server) == {1: 1, 2: 1, 3: 1}
    assert "2.png is given more than once" in said
    assert "absent.png does not exist" in said
    assert sorted(os.listdir("out"))[-3:] == ["1.md", "2.md", "3.md"]


def test_neither_files_nor_a_list() -> None:
    """Without anything to read the command line does not make sense; an absent list neither."""
    assert run("describe", code=2) == "error: missing argument 'FILE'\n  See: visionocr describe --help\n"
    assert "cannot read absent" in run("pdf", "--files-from", "absent", code=2)


# --- what is done ------------------------------------------------------------------------------------------


def test_a_folder_knows_what_is_done(server: FakeKoboldCpp) -> None:
    """Unchanged documents whose output is there are not even opened; changed ones and lost outputs are read again."""
    for number in (1, 2, 3):
        make_image(Path(f"{number}.png"), number)
    files = ("1.png", "2.png", "3.png")
    run("image", *files, "-o", "out/")
    assert pages_asked(server) == {1: 1, 2: 1, 3: 1}
    make_image(Path("2.png"), 5)
    os.utime("2.png", ns=(1, 1))
    Path("out/3.md").unlink()
    spoil("1.png")
    said = run("image", *files, "-o", "out/")
    assert pages_asked(server) == {5: 1, 3: 1}
    assert "1 document is done already and unchanged" in said
    assert page_text(5) in Path("out/2.md").read_text()
    assert "3 documents are done" in run("image", *files, "-o", "out/")
    assert not pages_asked(server)


@pytest.mark.parametrize("other", [["-f", "txt"], ["--redo", "all"], ["--redo", "blank"], ["--seed", "2"]])
def test_another_job_is_not_done(server: FakeKoboldCpp, other: list[str]) -> None:
    """What was written in another form, with other settings, or is asked for again, counts for nothing."""
    make_image(Path("1.png"), 1)
    run("image", "1.png", "-o", "out/")
    run("image", "1.png", "-o", "out/", *other)
    assert pages_asked(server) == {1: 2}


def test_what_is_not_good_is_not_done(server: FakeKoboldCpp) -> None:
    """A document with a failed page stays open: --redo asks for that page, and for nothing else."""
    server.plan[2] = faults.Empty()
    pdf_file(Path("a.pdf"), 2)
    make_image(Path("7.png"), 7)
    run("pdf", "a.pdf", "7.png", "-o", "out/", code=7)
    del server.plan[2]
    pages_asked(server)
    spoil("7.png")
    run("pdf", "a.pdf", "7.png", "-o", "out/", "--redo", "failed")
    assert pages_asked(server) == {2: 1}
    assert page_text(2) in Path("out/a.md").read_text()
    assert not Path("out/.visionocr.journal").exists()


@pytest.mark.parametrize("pages", [[], ["--pages", "2-"]])
def test_a_journal_knows_unchanged_files(server: FakeKoboldCpp, pages: list[str]) -> None:
    """Documents of which every page asked for is in the journal are not opened while their stamps are the same."""
    pdf_file(Path("a.pdf"), 3)
    pdf_file(Path("b.pdf"), 2, numbers=[7, 8])
    files = ["pdf", "a.pdf", "b.pdf", "-o", "out.jsonl", "-f", "jsonl", *pages, "--keep-journal"]
    run(*files)
    before = Path("out.jsonl").read_bytes()
    pages_asked(server)
    spoil("a.pdf")
    run(*files)
    assert Path("out.jsonl").read_bytes() == before
    assert not pages_asked(server)
    os.utime("a.pdf", ns=(1, 1))
    assert "a.pdf" in run(*files, code=4)


def test_a_journal_that_lacks_a_page_opens_the_file(server: FakeKoboldCpp) -> None:
    """A note alone is not enough: pages that are not in the journal are read, in their places."""
    pdf_file(Path("a.pdf"), 3)
    make_image(Path("9.png"), 9)
    files = ["pdf", "9.png", "a.pdf", "-o", "out.txt", "-f", "txt", "--keep-journal"]
    run(*files, "--pages", "1")
    run(*files)
    assert pages_asked(server) == {9: 1, 1: 1, 2: 1, 3: 1}
    assert Path("out.txt").read_text() == "\n\f".join(map(page_text, (9, 1, 2, 3))) + "\n"


# --- names in a folder -------------------------------------------------------------------------------------


def test_documents_keep_their_names_in_another_order(tmp_path: Path) -> None:
    """Which output belongs to which document does not depend on the order of a later run."""
    documents = [f"{letter}/{letter}/scan.pdf" for letter in "abcd"]
    first = OutputFolder(tmp_path, ".md")
    paths = {document: first.path_for(document) for document in documents}
    for document, path in paths.items():
        path.touch()
        first.written(path, document)
    later = OutputFolder(tmp_path, ".md")
    assert {document: later.path_for(document) for document in reversed(documents)} == paths


@pytest.mark.parametrize("name", ["../escaped.md", ".hidden.md", "a.txt", "x/y.md"])
def test_a_ledger_chooses_no_path(tmp_path: Path, name: str) -> None:
    """A name from the ledger is used only where we could have given it."""
    (tmp_path / "out").mkdir()
    line = f'{{"output": "{name}", "document": "{tmp_path / "a.pdf"}"}}\n'
    (tmp_path / "out" / LEDGER).write_text(line)
    assert OutputFolder(tmp_path / "out", ".md").path_for(str(tmp_path / "a.pdf")) == tmp_path / "out" / "a.md"


def test_done_needs_everything_to_agree(tmp_path: Path) -> None:
    """Size, time, job, and a file that is still there and still that document's."""
    signature = FileSignature(5, 7)
    folder = OutputFolder(tmp_path, ".md", "job")
    path = folder.path_for("a.pdf")
    path.touch()
    folder.written(path, "a.pdf", signature)
    assert OutputFolder(tmp_path, ".md", "job").done("a.pdf", signature)
    assert not OutputFolder(tmp_path, ".md", "job").done("b.pdf", signature)
    assert not OutputFolder(tmp_path, ".md", "job").done("a.pdf", FileSignature(5, 8))
    assert not OutputFolder(tmp_path, ".md", "job").done("a.pdf", FileSignature(6, 7))
    assert not OutputFolder(tmp_path, ".md", "other").done("a.pdf", signature)
    folder.written(path, "b.pdf")
    assert not OutputFolder(tmp_path, ".md", "job").done("a.pdf", signature)

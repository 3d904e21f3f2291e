"""Jobs of very many documents: lists of names, and what earlier runs save."""

from __future__ import annotations

import contextlib
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
from visionocr.cli.listing import list_files
from visionocr.errors import UsageError
from visionocr.output.folder import FolderSink, Origin, OutputKind
from visionocr.output.formats import PagesText
from visionocr.output.state import FOLDER_STATE, State
from visionocr.output.writer import FileSink
from visionocr.types import FileSignature

pytestmark = pytest.mark.usefixtures("isolated")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment, for small pictures rendered here."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct-Q4_K_M") as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")  # saves the start of a process
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
    assert list(list_files(str(tmp_path / "list"))) == paths


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", "a.pdf\n".encode("utf-16"), b"x" * 200_000])
def test_what_is_no_list(tmp_path: Path, data: bytes) -> None:
    """A document, another encoding or an endless line is refused, not taken for names."""
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(UsageError, match="--files-from"):
        list(list_files(str(tmp_path / "list")))


@pytest.mark.skipif(os.name == "nt", reason="names of descriptors")
def test_a_list_is_read_as_it_grows() -> None:
    """The first name is used while the list is still being written."""
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "wb", buffering=0) as list_:
        list_.write(b"a.pdf\nb.p")
        names = list_files(f"/dev/fd/{reading}")
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
    """Unchanged documents with an output are not even opened; changed ones are read again; lost outputs come back."""
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
    assert pages_asked(server) == {5: 1}
    assert page_text(3) in Path("out/3.md").read_text()
    assert "1 document is done already and unchanged" in said
    assert page_text(5) in Path("out/2.md").read_text()
    assert "3 documents are done" in run("image", *files, "-o", "out/")
    assert not pages_asked(server)


@pytest.mark.slow
@pytest.mark.parametrize("other", [["--redo", "all"], ["--seed", "2"]])
def test_another_job_is_not_done(server: FakeKoboldCpp, other: list[str]) -> None:
    """What was read with other settings, or is asked for again, counts for nothing."""
    make_image(Path("1.png"), 1)
    run("image", "1.png", "-o", "out/")
    run("image", "1.png", "-o", "out/", *other)
    assert pages_asked(server) == {1: 2}


@pytest.mark.parametrize("other", [["-f", "txt"], ["--page-breaks", "rule"], ["--redo", "blank"]])
def test_another_form_asks_for_nothing(server: FakeKoboldCpp, other: list[str]) -> None:
    """The folder's state holds what was read: outputs in another form are written from it."""
    make_image(Path("1.png"), 1)
    run("image", "1.png", "-o", "out/")
    said = run("image", "1.png", "-o", "out/", *other)
    assert pages_asked(server) == {1: 1}
    assert "going on" not in said
    assert all(page_text(1) in path.read_text() for path in Path("out").glob("[!.]*"))


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
    assert "2 documents are done" in run("pdf", "a.pdf", "7.png", "-o", "out/")


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


# --- what earlier runs read --------------------------------------------------------------------------------


def interrupted(server: FakeKoboldCpp, document: str, *arguments: str) -> None:
    """A run of which the server refuses to read more than the pages before number 5."""
    server.plan[5] = faults.Raw(401, b"{}")
    run("pdf", document, *arguments, code=5)
    server.plan.clear()
    pages_asked(server)


@pytest.mark.slow
@pytest.mark.parametrize("where", [["-o", "out/"], ["-o", "out.md", "--journal", "j"], ["--journal", "j"]])
def test_a_good_run_leaves_the_results_of_others(server: FakeKoboldCpp, where: list[str]) -> None:
    """Two jobs in one state: when one of them ends well, the other one still goes on where it was."""
    pdf_file(Path("a.pdf"), 5)
    pdf_file(Path("b.pdf"), 1, numbers=[9])
    interrupted(server, "a.pdf", *where, "--max-asks", "1")
    run("pdf", "b.pdf", *where, "--max-asks", "1")
    pages_asked(server)
    run("pdf", "a.pdf", *where, "--max-asks", "1")
    asked = pages_asked(server)
    assert asked.get(5) == 1
    assert 1 not in asked
    assert not Path("j").exists()


def test_a_mistaken_command_costs_nothing(server: FakeKoboldCpp) -> None:
    """Other settings say what differs; the right command goes on where it was, however often they alternate."""
    pdf_file(Path("a.pdf"), 5)
    command = ["a.pdf", "-o", "out.md"]
    interrupted(server, *command)
    for _ in range(2):
        said = run("pdf", *command, "--seed", "7")
        assert "not resuming out.md.journal: sampler seed: 1 is now 7\n" in said
        assert pages_asked(server) == dict.fromkeys(range(1, 6), 1)
    assert "going on: " in run("pdf", *command)
    assert 1 not in pages_asked(server)
    assert sorted(os.listdir()) == ["a.pdf", "out.md"]


@pytest.mark.parametrize("name", ["notes.txt", "a.pdf"])
def test_a_journal_that_is_none_stays_as_it_is(server: FakeKoboldCpp, name: str) -> None:
    """A file of somebody else, or the document itself: refused before a server is asked, and not touched."""
    pdf_file(Path("a.pdf"), 1)
    Path("notes.txt").write_text("mine")
    before = {path: Path(path).read_bytes() for path in os.listdir()}
    for _ in range(2):
        said = run("pdf", "a.pdf", "-o", "out.md", "--journal", name, code=2)
        assert f"{name} is not a journal of visionocr" in said
    assert {path: Path(path).read_bytes() for path in os.listdir()} == before
    assert not server.requests


OVERWRITTEN = {
    "journal": ["-o", "x.md", "--journal", "./x.md"],
    "list": ["-o", "list", "--files-from", "list"],
    "passwords": ["-o", "list", "--password-file", "list"],
    "config": ["-o", "c.toml", "--config", "c.toml"],
    "prompt": ["-o", "list", "--prompt", "@list"],
    "system": ["-o", "list", "--system", "@./list"],
    "model": ["-o", "m.gguf"],
    "state": ["-o", "old.journal"],
}


@pytest.mark.parametrize("case", OVERWRITTEN)
def test_an_output_overwrites_nothing_that_is_needed(server: FakeKoboldCpp, case: str) -> None:
    """Files that the command reads, models and states are no place for a result: refused before anything is done."""
    pdf_file(Path("a.pdf"), 1)
    Path("list").write_text("a.pdf\n")
    Path("c.toml").write_text("seed = 1\n")
    Path("m.gguf").write_bytes(b"GGUF" + bytes(40))
    run("pdf", "a.pdf", "--journal", "old.journal", "--keep-journal")
    server.requests.clear()
    before = {path: Path(path).read_bytes() for path in os.listdir() if Path(path).is_file()}
    assert "output" in run("pdf", "a.pdf", *OVERWRITTEN[case], code=2)
    assert {path: Path(path).read_bytes() for path in os.listdir() if Path(path).is_file()} == before
    assert not server.requests


def test_a_text_is_not_replaced_by_nothing(server: FakeKoboldCpp) -> None:
    """A suspect page that is asked for again and comes back empty keeps its text, in the output and in the state."""
    pdf_file(Path("a.pdf"), 2)
    server.plan[2] = faults.Truncated()
    command = ["pdf", "a.pdf", "-o", "out.md", "--redo", "suspect"]
    run(*command)
    before = Path("out.md").read_bytes()
    assert b'page="2" status="suspect"' in before
    server.plan[2] = faults.Empty()
    assert "page 2 of a.pdf: the earlier answer was better, and is kept" in run(*command)
    assert Path("out.md").read_bytes() == before
    server.plan.clear()
    run(*command)
    assert page_text(2) in Path("out.md").read_text()
    assert not Path("out.md.journal").exists()


def test_documents_from_standard_input_do_not_overwrite_each_other(server: FakeKoboldCpp) -> None:
    """Two of them, in two runs, are two files; the same one again is not read again."""
    data = [pdf_file(Path("a.pdf"), 1, numbers=[number]).read_bytes() for number in (1, 2)]
    for document in (data[0], data[1], data[0]):
        run("pdf", "-", "-o", "out/", stdin=document)
    texts = "".join(path.read_text() for path in Path("out").glob("[!.]*"))
    assert [texts.count(page_text(number)) for number in (1, 2)] == [1, 1]
    assert pages_asked(server) == {1: 1, 2: 1}


def test_a_caption_that_cannot_be_written_costs_itself(server: FakeKoboldCpp) -> None:
    """The others are written; code 6, one message for it, in every repeat."""
    for number in (1, 2, 3):
        make_image(Path(f"{number}.png"), number)
    for _ in range(2):
        server.plan[2] = lambda arrival: Path("2.txt").mkdir(exist_ok=True)
        said = run("describe", "1.png", "2.png", "3.png", "--sidecar", ".txt", code=6)
        assert said.count("cannot write 2.txt") == 1
        assert "error: 1 caption could not be written" in said
        assert Path("1.txt").is_file()
        assert Path("3.txt").is_file()
        Path("2.txt").rmdir()


def test_a_last_rename_that_fails_is_an_output_error(server: FakeKoboldCpp) -> None:
    """Code 6, and what was read is kept for the next try."""
    pdf_file(Path("a.pdf"), 1)
    server.plan[1] = lambda arrival: Path("out.md").mkdir(exist_ok=True)
    said = run("pdf", "a.pdf", "-o", "out.md", code=6)
    assert "cannot write out.md" in said
    assert "1 pages are in out.md.journal" in said
    Path("out.md").rmdir()
    pages_asked(server)
    run("pdf", "a.pdf", "-o", "out.md")
    assert not pages_asked(server)
    assert sorted(os.listdir()) == ["a.pdf", "out.md"]


# --- names in a folder -------------------------------------------------------------------------------------


ORIGIN = Origin(FileSignature(5, 7))


@contextlib.contextmanager
def opened(folder: Path, job: str = "") -> Iterator[FolderSink]:
    """A folder for outputs, with its state."""
    state = State(folder / FOLDER_STATE, {})
    try:
        kind = OutputKind(".md", lambda path, _: FileSink(path, PagesText(".md", "comment")))
        yield FolderSink(folder, [kind], state, job)
    finally:
        state.close()


def test_documents_keep_their_names_in_another_order(tmp_path: Path) -> None:
    """Which output belongs to which document does not depend on the order of a later run."""
    documents = [f"{letter}/{letter}/scan.pdf" for letter in "abcd"]
    with opened(tmp_path) as first:
        paths = {document: first.path_for(document, "d", ORIGIN) for document in documents}
        for document, path in paths.items():
            path.touch()
            first.register(path, document, "d", ORIGIN, is_good=False)
    with opened(tmp_path) as later:
        assert {document: later.path_for(document, "d", ORIGIN) for document in reversed(documents)} == paths


@pytest.mark.parametrize("name", ["../escaped.md", ".hidden.md", "a.txt", "../x/y.md", "/x.md"])
def test_a_state_chooses_no_path(tmp_path: Path, name: str) -> None:
    """A name from the state is used only where we could have given it."""
    (tmp_path / "out").mkdir()
    document = str(tmp_path / "a.pdf")
    with opened(tmp_path / "out") as folder:
        folder._state.register_output(name, document, None, "")
        assert folder.path_for(document, "d", ORIGIN) == tmp_path / "out" / "a.md"


def test_done_needs_everything_to_agree(tmp_path: Path) -> None:
    """Size, time, job, and a file that is still there and still that document's."""
    signature = ORIGIN.signature
    with opened(tmp_path, "job") as folder:
        path = folder.path_for("a.pdf", "d", ORIGIN)
        path.touch()
        folder.register(path, "a.pdf", "d", ORIGIN, is_good=True)
    with opened(tmp_path, "other") as folder:
        assert not folder.is_complete("a.pdf", signature)
    with opened(tmp_path, "job") as folder:
        assert folder.is_complete("a.pdf", signature)
        assert not folder.is_complete("b.pdf", signature)
        assert not folder.is_complete("a.pdf", FileSignature(5, 8))
        assert not folder.is_complete("a.pdf", FileSignature(6, 7))
        folder.register(path, "b.pdf", "e", ORIGIN, is_good=False)
        assert not folder.is_complete("a.pdf", signature)

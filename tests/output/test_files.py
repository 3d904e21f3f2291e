"""Files that are complete or not there, and folders where nothing is lost."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import string
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionocr.errors import OutputError
from visionocr.output.files import AtomicFile, encode_text, remove_leftovers
from visionocr.output.folder import FolderSink, Origin, OutputKind, make_folder, safe_name
from visionocr.output.formats import Formatter, Json, JsonLines, PagesText
from visionocr.output.state import FOLDER_STATE, State
from visionocr.output.stdout import PipeClosed, write_stdout
from visionocr.output.writer import FileSink, StdoutSink
from visionocr.types import FileSignature, Finding, FindingKind, PageRef, PageResult, Severity, Status


def page(number: int = 1, document: str = "a.pdf", digest: str = "d", text: str = "text") -> PageResult:
    """A good page; number 0 is a document that could not be opened."""
    if number == 0:
        finding = Finding(FindingKind.UNREADABLE, f"{document} is damaged", Severity.FAILED)
        return PageResult(PageRef(document, 0), "", Status.FAILED, (finding,))
    return PageResult(PageRef(document, number, 3, digest), text, Status.OK)


def markdown() -> PagesText:
    """The usual formatter."""
    return PagesText(".md", "comment")


def mode(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


# --- one file ----------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    """Until ``commit`` the old content stands; afterwards the new one, and nothing else is left in the folder."""
    path = tmp_path / "out.md"
    path.write_text("old")
    file = AtomicFile(path)
    file.write("new " * 10_000)
    assert path.read_text() == "old"
    file.commit()
    assert path.read_text() == "new " * 10_000
    assert os.listdir(tmp_path) == ["out.md"]


def test_a_file_made_elsewhere_is_put_in_place(tmp_path: Path) -> None:
    """The bytes of another file are what the new one holds; one that is not there leaves the old content."""
    made, path = tmp_path / "made", tmp_path / "out.pdf"
    made.write_bytes(bytes(range(256)) * 1000)
    file = AtomicFile(path)
    file.copy(made)
    file.commit()
    assert path.read_bytes() == made.read_bytes()
    file = AtomicFile(path)
    with pytest.raises(OutputError, match=r"cannot write .*out\.pdf"):
        file.copy(tmp_path / "missing")
    file.discard()
    assert path.read_bytes() == made.read_bytes()


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """The umask decides, as for what ``>`` makes."""
    before = os.umask(0o027)
    try:
        file = AtomicFile(tmp_path / "out.md")
        file.commit()
    finally:
        os.umask(before)
    assert mode(tmp_path / "out.md") == 0o640


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A private result stays private when it is made again."""
    path = tmp_path / "out.md"
    path.write_text("old")
    path.chmod(0o600)
    file = AtomicFile(path)
    file.commit()
    assert mode(path) == 0o600


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """What a link in the output's place points at is never touched."""
    (tmp_path / "precious.txt").write_text("precious")
    path = tmp_path / "out.md"
    path.symlink_to("precious.txt")
    file = AtomicFile(path)
    file.write("new")
    file.commit()
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """Devices and pipes stay what they are: ``-o /dev/null`` must not make a file of it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        file = AtomicFile(path)
        file.write("through")
        file.commit()
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_what_is_discarded_leaves_no_trace(tmp_path: Path) -> None:
    """The old result stays as it was, whatever was written by then."""
    path = tmp_path / "out.md"
    path.write_text("old")
    file = AtomicFile(path)
    file.write("half")
    file.discard()
    file.discard()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.md"]


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    """Unfinished files that nobody writes any more go; those of a run that is under way, and all others, stay."""
    script = (
        "import os; from pathlib import Path; from visionocr.output.files import AtomicFile;"
        f"f = AtomicFile(Path({str(tmp_path)!r}, 'a.md')); f.write('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script], check=False)
    (left,) = os.listdir(tmp_path)
    others = ["a.md.part", ".visionocr-notes.txt", "visionocr-1.part"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".visionocr-link.part").symlink_to("a.md.part")
    file = AtomicFile(tmp_path / "b.md")
    remove_leftovers(tmp_path)
    assert left not in os.listdir(tmp_path)
    file.commit()
    assert sorted(os.listdir(tmp_path)) == sorted([*others, ".visionocr-link.part", "b.md"])


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    """A name of 255 bytes in a script of three bytes a letter is no trouble."""
    path = tmp_path / ("漢" * 84 + ".md")
    file = AtomicFile(path)
    file.write("text")
    file.commit()
    assert path.read_text() == "text"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The error says which folder and what to do."""
    with pytest.raises(OutputError, match="there is no folder") as caught:
        AtomicFile(tmp_path / "none" / "out.md")
    assert caught.value.hint


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    """Not even then is anything half written, or left behind."""
    (tmp_path / "out.md").mkdir()
    (tmp_path / "out.md" / "x").touch()
    file = AtomicFile(tmp_path / "other.md")
    file.path = tmp_path / "out.md"
    file.write("text")
    with pytest.raises(OutputError, match=r"cannot write .*out\.md"):
        file.commit()
    file.discard()
    assert os.listdir(tmp_path) == ["out.md"]


def test_text_that_is_no_text_can_be_written() -> None:
    """A lone surrogate becomes an escape; everything else is UTF-8."""
    assert encode_text("é\ud800") == "é\\ud800".encode()


# --- sinks -------------------------------------------------------------------------------------------------


def test_a_file_sink_writes_all_or_nothing(tmp_path: Path) -> None:
    """The file is there after ``finish`` and not before."""
    sink = FileSink(tmp_path / "out.json", Json())
    sink.write(page(1))
    assert not (tmp_path / "out.json").exists()
    sink.finish()
    assert [entry["page"] for entry in json.loads((tmp_path / "out.json").read_text())] == [1]


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    """No file holds some of the pages, before the first one as little as later: they are in the state."""
    for pages in ([], [page(1), page(2)]):
        sink = FileSink(tmp_path / "out.json", Json())
        for one in pages:
            sink.write(one)
        sink.discard()
        assert os.listdir(tmp_path) == []


def test_a_last_rename_that_fails_is_an_output_error(tmp_path: Path) -> None:
    """And leaves nothing behind, when the run ends because of it."""
    sink = FileSink(tmp_path / "out.md", markdown())
    sink.write(page(1))
    (tmp_path / "out.md").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*out\.md"):
        sink.finish()
    sink.discard()
    assert os.listdir(tmp_path) == ["out.md"]


def test_documents_that_cannot_be_opened_do_not_replace_a_result(tmp_path: Path) -> None:
    """With nothing read, the good result of an earlier run stays."""
    (tmp_path / "out.md").write_text("good")
    sink = FileSink(tmp_path / "out.md", markdown())
    sink.write(page(0))
    sink.finish()
    assert (tmp_path / "out.md").read_text() == "good"
    assert os.listdir(tmp_path) == ["out.md"]


def test_no_pages_at_all_make_an_empty_result(tmp_path: Path) -> None:
    """Nothing to read and nothing wrong: the file is there, and valid."""
    sink = FileSink(tmp_path / "out.json", Json())
    sink.finish()
    assert json.loads((tmp_path / "out.json").read_text()) == []


class _Stream(io.BytesIO):
    """A standard output that fails in a given way."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def write(self, data: object, /) -> int:
        raise self._error


def _with_stdout(monkeypatch: pytest.MonkeyPatch, raw: io.BytesIO | None) -> None:
    monkeypatch.setattr("sys.stdout", None if raw is None else io.TextIOWrapper(raw, "ascii"))


def test_standard_output_is_always_utf8_and_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the locale's encoding nor the platform's line ends touch the text; each page is out at once."""
    raw = io.BytesIO()
    _with_stdout(monkeypatch, raw)
    sink = StdoutSink(Json())
    sink.write(page(1, text="é"))
    first = raw.getvalue()
    assert first.startswith(b"[\n{")
    write_stdout("é\n")
    assert raw.getvalue() == first + "é\n".encode()


@pytest.mark.parametrize(
    ("error", "expected"),
    [(BrokenPipeError(32, "Broken pipe"), PipeClosed), (OSError(28, "No space left on device"), OutputError)],
)
def test_a_failing_standard_output_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, error: OSError, expected: type[Exception]
) -> None:
    """A reader that has gone is no error; a full disk is one."""
    _with_stdout(monkeypatch, _Stream(error))
    with pytest.raises(expected):
        write_stdout("text")
    monkeypatch.undo()


def test_a_closed_standard_output_is_an_output_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """``>&-`` leaves no stream at all."""
    _with_stdout(monkeypatch, None)
    with pytest.raises(OutputError, match="standard output is closed"):
        write_stdout("text")


# --- folders -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(folder: Path, *formatters: Callable[[], Formatter]) -> Iterator[FolderSink]:
    """A folder for outputs, with its state."""
    make_folder(folder)
    state = State(folder / FOLDER_STATE, {})

    def kind(formatter: Callable[[], Formatter]) -> OutputKind:
        return OutputKind(formatter().suffix, lambda path, _: FileSink(path, formatter()))

    try:
        yield FolderSink(folder, [kind(formatter) for formatter in formatters or (markdown,)], state)
    finally:
        state.close()


ORIGIN = Origin(FileSignature(5, 7))


def write_all(folder: Path, *results: PageResult, pipe: bool = False) -> dict[str, str]:
    """Write results into a folder, of files unless they came through a *pipe*; its outputs with their texts."""
    with opened(folder) as sink:
        for result in results:
            if not pipe:
                sink.expect(result.page.document, ORIGIN)
            sink.write(result)
        sink.finish()
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file() and path.name != FOLDER_STATE}


def test_a_folder_gets_a_file_for_each_document(tmp_path: Path) -> None:
    """Pages of one document stand together, in a folder that is made when needed."""
    files = write_all(tmp_path / "new" / "out", page(1), page(2), page(1, "b.pdf", "e"))
    assert sorted(files) == ["a.md", "b.md"]
    assert files["a.md"].count("<!-- visionocr") == 2


def test_documents_with_one_name_get_two_files(tmp_path: Path) -> None:
    """Same name, other bytes: the second does not end up in the file of the first."""
    for pipe in (True, False):
        files = write_all(tmp_path / str(pipe), page(1, "a", "d", "one"), page(1, "a", "e", "two"), pipe=pipe)
        assert len(files) == 2
        assert {"one" in text for text in files.values()} == {True, False}


def test_documents_from_pipes_are_known_by_their_content(tmp_path: Path) -> None:
    """In run after run, another document of the same name gets another file, and the same one its own again."""
    for text, digest in (("one", "d" * 64), ("two", "e" * 64), ("new", "d" * 64)):
        files = write_all(tmp_path, page(1, "stdin", digest, text), pipe=True)
    assert sorted(files) == ["stdin-eeeeeeeeeeee.md", "stdin.md"]
    assert "new" in files["stdin.md"]
    assert "two" in files["stdin-eeeeeeeeeeee.md"]
    assert "file" in write_all(tmp_path, page(1, "stdin", "f", "file"))["stdin-2.md"]


def test_a_document_that_cannot_be_opened_gets_no_file(tmp_path: Path) -> None:
    """An empty file would look like a result; but a missing page of an open document is noted in its file."""
    assert write_all(tmp_path / "x", page(0)) == {}
    missing = PageResult(PageRef("a.pdf", 0, 3, "d"), "", Status.FAILED)
    files = write_all(tmp_path / "y", page(1), missing)
    assert files["a.md"].count("<!-- visionocr") == 2


def test_a_discarded_folder_keeps_what_is_finished(tmp_path: Path) -> None:
    """Finished documents stay in place, of the current one there is nothing."""
    with opened(tmp_path) as sink:
        sink.write(page(1))
        sink.write(page(1, "b.pdf", "e"))
        sink.discard()
    assert {path.name for path in tmp_path.iterdir()} == {"a.md", FOLDER_STATE}


def test_no_file_of_others_is_overwritten_in_any_format(tmp_path: Path) -> None:
    """As a PDF that is read and written in one folder; files of a run that failed are known to be ours."""

    class FullDisk(JsonLines):
        def tail(self) -> str:
            raise OutputError("cannot write b.jsonl: no space left")

    (tmp_path / "a.jsonl").write_text("mine")
    for _ in range(2):
        with opened(tmp_path, markdown, JsonLines) as sink:
            sink.expect("a.pdf", ORIGIN)
            sink.write(page(1))
            sink.finish()
        assert {path.name for path in tmp_path.glob("[!.]*")} == {"a.jsonl", "a.pdf.md", "a.pdf.jsonl"}
    assert (tmp_path / "a.jsonl").read_text() == "mine"
    with opened(tmp_path, markdown, FullDisk) as sink:
        sink.write(page(1, "b.pdf", "e"))
        with pytest.raises(OutputError):
            sink.finish()
        sink.discard()
    assert {path.name for path in tmp_path.glob("b*")} == {"b.md"}
    with opened(tmp_path, markdown, JsonLines) as sink:
        sink.write(page(1, "b.pdf", "e"))
        sink.finish()
    assert {path.name for path in tmp_path.glob("b*")} == {"b.md", "b.jsonl"}


def test_the_name_of_an_output_that_was_discarded_is_free_for_others(tmp_path: Path) -> None:
    """What somebody puts there after an interrupted run is not ours; an earlier output of ours that stayed is."""
    for text in ("old", "new"):
        write_all(tmp_path, page(1, text=text))
        with opened(tmp_path) as sink:
            for result in (page(1, text="lost"), page(1, "b.pdf", "e")):
                sink.expect(result.page.document, ORIGIN)
                sink.write(result)
                sink.discard()
    (tmp_path / "b.md").write_text("mine")
    files = write_all(tmp_path, page(1, "b.pdf", "e"))
    assert sorted(files) == ["a.md", "b.md", "b.pdf.md"]
    assert "new" in files["a.md"]
    assert files["b.md"] == "mine"


def names(folder: FolderSink, *documents: str) -> list[str]:
    """The names that documents get, which are files."""
    return [folder.path_for(document, "d", ORIGIN).name for document in documents]


def test_names_never_collide(tmp_path: Path) -> None:
    """Same stem, other case, accents written otherwise: each document has its own file."""
    with opened(tmp_path) as folder:
        given_names = names(folder, "x/a.pdf", "y/a.pdf", "y/A.pdf", "z/a.png", "w/é.pdf", "w/e\u0301.pdf")
    assert given_names[:2] == ["a.md", "a.pdf.md"]
    assert len({name.casefold() for name in given_names}) == 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(string.printable + "éÉẞ漢🎉\udcff\u202e", min_size=1, max_size=120), min_size=1, max_size=12))
def test_any_documents_have_safe_different_names(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str]
) -> None:
    """Whatever documents are called, their files lie in the folder, are different, visible and can be made."""
    folder = tmp_path_factory.mktemp("out")
    with opened(folder, JsonLines) as outputs:
        given_names = names(outputs, *documents)
    assert len({name.casefold() for name in given_names}) == len(documents)
    for name in given_names:
        assert name == Path(name).name
        assert not name.startswith((".", "-", " "))
        assert name.isprintable()
        (folder / name).touch()


@pytest.mark.parametrize("name", ["CON", "nul", "Com1", "lpt9.x", "aux.tar", "", ".", "...", " . "])
def test_reserved_and_empty_names_are_made_harmless(name: str) -> None:
    """Names that mean a device on some system, or nothing at all, get an underscore."""
    assert safe_name(name).startswith("_")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b\\c:d", "a_b_c_d"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("a\nb", "a_b"),
        ("dots...", "dots"),
        ("ok é", "ok é"),
    ],
)
def test_names_are_kept_where_they_can_be(name: str, safe: str) -> None:
    """Only what could do harm is changed."""
    assert safe_name(name) == safe


def test_long_names_fit_with_what_is_added(tmp_path: Path) -> None:
    """Even the third document of one long name gets a name that the system takes."""
    long = "漢" * 80
    with opened(tmp_path, JsonLines) as folder:
        for parent in (long, "b" * 250, "c" * 250):
            file = AtomicFile(folder.path_for(f"{parent}/{long}.pdf", "d", ORIGIN))
            file.commit()
        assert len(list(tmp_path.glob("[!.]*"))) == 3


def test_foreign_files_are_never_overwritten(tmp_path: Path) -> None:
    """A file that is not ours keeps its content, and so does what a dangling link stands for."""
    (tmp_path / "a.md").write_text("mine")
    (tmp_path / "a.pdf.md").symlink_to("nowhere")
    files = write_all(tmp_path / ".", page(1, "dir/a.pdf"))
    assert files["a.md"] == "mine"
    assert (tmp_path / "a.pdf.md").is_symlink()
    assert "text" in files["dir-a.md"]


def test_the_same_document_gets_its_own_file_again(tmp_path: Path) -> None:
    """A second run replaces what the first one wrote, and nothing else."""
    write_all(tmp_path, page(1, "x/a.pdf", "d", "one"), page(1, "y/a.pdf", "e", "two"))
    files = write_all(tmp_path, page(1, "y/a.pdf", "e", "new"), page(1, "x/a.pdf", "d", "newer"))
    assert sorted(files) == ["a.md", "a.pdf.md"]
    assert "newer" in files["a.md"]
    assert "new\n" in files["a.pdf.md"]


def test_outputs_lie_as_the_documents_were_found(tmp_path: Path) -> None:
    """Subfolders are made for the folders below the one that was named, under harmless names, and found again."""
    for text in ("one", "two"):
        with opened(tmp_path) as sink:
            for below in ("", "sub", "sub/.deep"):
                document = f"tree/{below}/a.pdf"
                sink.expect(document, Origin(FileSignature(5, 7), below))
                sink.write(page(1, document, below, text))
            sink.finish()
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("[!.]*") if path.is_file()}
    assert found == {"a.md", "sub/a.md", "sub/deep/a.md"}
    assert "two" in (tmp_path / "sub/deep/a.md").read_text()


@pytest.mark.parametrize("there", ["link", "file"])
def test_nothing_leads_out_of_the_folder(tmp_path: Path, there: str) -> None:
    """Where a link or a file has the name of a subfolder, the output lies beside it, in run after run."""
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").symlink_to("../elsewhere") if there == "link" else (out / "sub").touch()
    for _ in range(2):
        with opened(out) as outputs:
            origin = Origin(FileSignature(5, 7), "sub/../..")
            path = outputs.path_for("tree/sub/a.pdf", "d", origin)
            path.touch()
            outputs.register(path, "tree/sub/a.pdf", "d", origin, is_good=True)
        assert path == out / "a.md"
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """``-o a.pdf/`` is answered in words."""
    (tmp_path / "a.pdf").touch()
    for path in (tmp_path / "a.pdf", tmp_path / "a.pdf" / "b"):
        with pytest.raises(OutputError, match="is no folder"):
            make_folder(path)

"""Files that are complete or not there, folders where nothing is lost, and captions beside their pictures."""

from __future__ import annotations

import io
import json
import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionocr.errors import OutputError, UsageError
from visionocr.output.files import AtomicFile, encoded
from visionocr.output.formats import Json, PagesText
from visionocr.output.names import LEDGER, OutputFolder, safe_name
from visionocr.output.writer import (
    FileSink,
    FolderSink,
    PipeClosed,
    SidecarSink,
    StdoutSink,
    sidecar_path,
    write_stdout,
)
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status


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


def test_what_is_kept_stands_beside_the_old(tmp_path: Path) -> None:
    """``keep_partial`` leaves the old result alone and names the new one ``.part``."""
    path = tmp_path / "out.md"
    path.write_text("old")
    file = AtomicFile(path)
    file.write("half")
    assert file.keep_partial() == tmp_path / "out.md.part"
    assert path.read_text() == "old"
    assert (tmp_path / "out.md.part").read_text() == "half"


def test_nothing_is_kept_of_nothing(tmp_path: Path) -> None:
    """A run that ends before its first page leaves no trace."""
    assert AtomicFile(tmp_path / "out.md").keep_partial() is None
    AtomicFile(tmp_path / "out.md").discard()
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_renamed_is_kept_all_the_same(tmp_path: Path) -> None:
    """Where ``.part`` cannot be had, the answer says where the text really is."""
    (tmp_path / "out.md.part").mkdir()
    file = AtomicFile(tmp_path / "out.md")
    file.write("half")
    kept = file.keep_partial()
    assert kept is not None
    assert kept.read_text() == "half"


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
    """Not even then is anything half written, and the text can still be kept."""
    (tmp_path / "out.md").mkdir()
    (tmp_path / "out.md" / "x").touch()
    file = AtomicFile(tmp_path / "other.md")
    file.path = tmp_path / "out.md"
    file.write("text")
    with pytest.raises(OutputError, match=r"cannot write .*out\.md"):
        file.commit()
    assert file.keep_partial() is not None


def test_text_that_is_no_text_can_be_written() -> None:
    """A lone surrogate becomes an escape; everything else is UTF-8."""
    assert encoded("é\ud800") == "é\\ud800".encode()


# --- sinks -------------------------------------------------------------------------------------------------


def test_a_file_sink_writes_all_or_nothing(tmp_path: Path) -> None:
    """The file is there after ``finish`` and not before."""
    sink = FileSink(tmp_path / "out.json", Json())
    sink.write(page(1))
    assert not (tmp_path / "out.json").exists()
    sink.finish()
    assert [entry["page"] for entry in json.loads((tmp_path / "out.json").read_text())] == [1]


def test_an_abandoned_file_can_be_read(tmp_path: Path) -> None:
    """What was read is kept as ``.part``, whole pages only, and is valid JSON where it should be."""
    sink = FileSink(tmp_path / "out.json", Json())
    sink.write(page(1))
    sink.write(page(2))
    assert sink.abandon() == tmp_path / "out.json.part"
    assert [entry["page"] for entry in json.loads((tmp_path / "out.json.part").read_text())] == [1, 2]


def test_abandoning_before_the_first_page_leaves_nothing(tmp_path: Path) -> None:
    """No file holds only what stands before the first page."""
    sink = FileSink(tmp_path / "out.json", Json())
    assert sink.abandon() is None
    assert os.listdir(tmp_path) == []


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


def write_all(folder: Path, *results: PageResult) -> dict[str, str]:
    """Write results into a folder; its files with their texts, the ledger left out."""
    sink = FolderSink(folder, markdown)
    for result in results:
        sink.write(result)
    sink.finish()
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file() and path.name != LEDGER}


def test_a_folder_gets_a_file_for_each_document(tmp_path: Path) -> None:
    """Pages of one document stand together, in a folder that is made when needed."""
    files = write_all(tmp_path / "new" / "out", page(1), page(2), page(1, "b.pdf", "e"))
    assert sorted(files) == ["a.md", "b.md"]
    assert files["a.md"].count("<!-- visionocr") == 2


def test_documents_with_one_name_get_two_files(tmp_path: Path) -> None:
    """Same name, other bytes: the second does not end up in the file of the first."""
    files = write_all(tmp_path, page(1, "stdin", "d", "one"), page(1, "stdin", "e", "two"))
    assert len(files) == 2
    assert {"one" in text for text in files.values()} == {True, False}


def test_a_document_that_cannot_be_opened_gets_no_file(tmp_path: Path) -> None:
    """An empty file would look like a result; but a missing page of an open document is noted in its file."""
    assert write_all(tmp_path / "x", page(0)) == {}
    missing = PageResult(PageRef("a.pdf", 0, 3, "d"), "", Status.FAILED)
    files = write_all(tmp_path / "y", page(1), missing)
    assert files["a.md"].count("<!-- visionocr") == 2


def test_an_abandoned_folder_keeps_what_is_finished(tmp_path: Path) -> None:
    """Finished documents stay in place, the current one is kept as ``.part``."""
    sink = FolderSink(tmp_path, markdown)
    sink.write(page(1))
    sink.write(page(1, "b.pdf", "e"))
    assert sink.abandon() == tmp_path / "b.md.part"
    assert {path.name for path in tmp_path.iterdir()} == {"a.md", "b.md.part", LEDGER}


def names(folder: OutputFolder, *documents: str) -> list[str]:
    """The names that documents get."""
    return [folder.path_for(document).name for document in documents]


def test_names_never_collide(tmp_path: Path) -> None:
    """Same stem, other case, accents written otherwise: each document has its own file."""
    given_names = names(
        OutputFolder(tmp_path, ".md"), "x/a.pdf", "y/a.pdf", "y/A.pdf", "z/a.png", "w/é.pdf", "w/e\u0301.pdf"
    )
    assert given_names[:2] == ["a.md", "a.pdf.md"]
    assert len({name.casefold() for name in given_names}) == 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(string.printable + "éÉẞ漢🎉\udcff\u202e", min_size=1, max_size=120), min_size=1, max_size=12))
def test_any_documents_have_safe_different_names(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str]
) -> None:
    """Whatever documents are called, their files lie in the folder, are different, visible and can be made."""
    folder = tmp_path_factory.mktemp("out")
    given_names = names(OutputFolder(folder, ".jsonl"), *documents)
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
    folder = OutputFolder(tmp_path, ".jsonl")
    for parent in (long, "b" * 250, "c" * 250):
        file = AtomicFile(folder.path_for(f"{parent}/{long}.pdf"))
        file.commit()
    assert len(list(tmp_path.iterdir())) == 3


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


def test_a_torn_ledger_costs_one_entry(tmp_path: Path) -> None:
    """After a crash in the middle of a line that one file counts as foreign; later entries are kept whole."""
    write_all(tmp_path, page(1, "a.pdf"), page(1, "b.pdf", "e"))
    ledger = tmp_path / LEDGER
    ledger.write_bytes(ledger.read_bytes()[:-9])
    files = write_all(tmp_path, page(1, "b.pdf", "e", "again"), page(1, "c.pdf", "f"))
    assert sorted(files) == ["a.md", "b.md", "b.pdf.md", "c.md"]
    assert sorted(write_all(tmp_path, page(1, "c.pdf", "f"), page(1, "a.pdf"), page(1, "b.pdf", "e"))) == sorted(files)


@pytest.mark.parametrize("garbage", [b"\xff\xfe\n", b"[]\n", b"null\n", b'{"output": 3}\n', b"{" * 50 + b"\n"])
def test_a_ledger_may_hold_anything(tmp_path: Path, garbage: bytes) -> None:
    """Lines that mean nothing are passed over."""
    (tmp_path / LEDGER).write_bytes(garbage)
    assert list(write_all(tmp_path, page(1))) == ["a.md"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """``-o a.pdf/`` is answered in words."""
    (tmp_path / "a.pdf").touch()
    for path in (tmp_path / "a.pdf", tmp_path / "a.pdf" / "b"):
        with pytest.raises(OutputError, match="is no folder"):
            OutputFolder(path, ".md")


# --- sidecars ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".txt", "txt"])
def test_a_caption_stands_beside_its_picture(ending: str) -> None:
    """The ending takes the place of the picture's own, with or without a dot."""
    assert sidecar_path(Path("x/photo.of.dog.jpg"), ending) == Path("x/photo.of.dog.txt")


@pytest.mark.parametrize("ending", ["", ".", "/x", "..\\x", "a:b", "\n"])
def test_nonsense_is_no_ending(ending: str) -> None:
    """An ending cannot lead to another folder, nor be empty."""
    with pytest.raises(UsageError, match="not an ending"):
        sidecar_path(Path("photo.jpg"), ending)


def test_a_caption_never_overwrites_its_picture() -> None:
    """The picture's own ending is refused."""
    with pytest.raises(UsageError, match="would overwrite"):
        sidecar_path(Path("photo.jpg"), ".jpg")


def test_captions_are_one_line_with_their_frame(tmp_path: Path) -> None:
    """Prefix and suffix stand around a caption without line breaks; only the first frame has one."""
    sink = SidecarSink(lambda picture: tmp_path / f"{picture}.txt", "<", ">")
    sink.write(page(1, "film.gif", text="A dog.\nIt sits."))
    sink.write(page(2, "film.gif", text="It runs."))
    sink.finish()
    assert (tmp_path / "film.gif.txt").read_text() == "<A dog. It sits.>\n"


def test_a_picture_without_caption_gets_no_file(tmp_path: Path) -> None:
    """Failed and blank pictures leave no file that looks like a caption."""
    sink = SidecarSink(lambda picture: tmp_path / "caption.txt")
    sink.write(page(0))
    sink.write(PageResult(PageRef("b.jpg", 1, 1, "d"), "", Status.BLANK))
    assert sink.abandon() is None
    assert os.listdir(tmp_path) == []

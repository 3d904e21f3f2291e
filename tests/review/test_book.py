"""Pages under review: their order, and saving that loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fakes.pictures import make_image
from result_files import result, write_results
from visionocr.boxes import Box
from visionocr.errors import DocumentError, OutputError, UsageError
from visionocr.evidence import Doubt, DoubtKind
from visionocr.output.corrections import read_state
from visionocr.output.page_file import TextRefused
from visionocr.output.state import State
from visionocr.review.book import Book, Conflict
from visionocr.types import PageRef, PageResult, Status

PRINT = {"model": "m", "task": "transcribe", "language": None}
RESULTS = (
    result(1, "one", digest="d1"),
    result(2, "two", Status.SUSPECT, digest="d1"),
    result(3, "", Status.FAILED, digest="d1"),
)


def doubtful(number: int, doubts: int) -> PageResult:
    """A page with doubts."""
    doubt = Doubt(DoubtKind.DIFFERENT, "two", "too", Box(0, 0, 1, 1))
    return PageResult(PageRef("a.pdf", number, 9, "d1"), f"page {number}", Status.OK, doubts=(doubt,) * doubts)


def test_pages_are_ordered_by_doubt(tmp_path: Path) -> None:
    """Failed, suspect, then those with the most doubts, which the journal knows; the rest as they come."""
    results = (*RESULTS, doubtful(4, 1), doubtful(5, 3))
    path = write_results(tmp_path / "out.md", results)
    state = State(tmp_path / "out.md.journal", PRINT)
    for each in results:
        state.record(each)
    state.close()
    book = Book([path])
    assert [entry.number for entry in sorted(book.entries, key=lambda entry: entry.rank)] == [3, 2, 5, 4, 1]
    assert {entry.digest for entry in book.entries} == {"d1"}


def test_saving_reaches_the_file_and_the_state(tmp_path: Path) -> None:
    """The page is checked in both; its entry is, too."""
    path = write_results(tmp_path / "out.md", RESULTS)
    state = State(tmp_path / "out.md.journal", PRINT)
    for each in RESULTS:
        state.record(each)
    state.close()
    book = Book([path])
    book.save(1, "two\n", book.read(1).mark, "d1", 9)
    assert (book.entries[1].status, book.entries[1].findings) == ("checked", "")
    assert (book.read(1).text, book.read(1).status) == ("two", "checked")
    assert read_state(tmp_path / "out.md.journal").pages["a.pdf", 2][-1].result.status is Status.CHECKED
    again = Book([path])
    assert [entry.status for entry in again.entries] == ["ok", "checked", "failed"]


def test_a_page_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """The conflict has the text of the file, and the mark with which it can be replaced on purpose."""
    path = write_results(tmp_path / "out.md", RESULTS)
    book = Book([path])
    mark = book.read(0).mark
    path.write_text(path.read_text().replace("one", "other"))
    with pytest.raises(Conflict) as caught:
        book.save(0, "mine", mark, "", None)
    assert "mine" not in path.read_text()
    assert caught.value.page is not None
    assert caught.value.page.text == "other"
    book.save(0, "mine", caught.value.page.mark, "", None)
    assert book.read(0).text == "mine"


def test_changes_of_other_pages_are_no_conflict_and_stay(tmp_path: Path) -> None:
    """An editor that has the same file open may change other pages, and put text before and behind them."""
    path = write_results(tmp_path / "out.md", RESULTS)
    book = Book([path])
    mark = book.read(0).mark
    path.write_text("# Title\n\n" + path.read_text().replace("two", "zwei") + "\nThe end.\n")
    book.save(0, "mine", mark, "", None)
    text = path.read_text()
    assert text.startswith("# Title\n\n<!--")
    assert "zwei" in text
    assert text.endswith("The end.\n")


def test_a_page_that_is_gone_is_a_conflict(tmp_path: Path) -> None:
    """Nothing is written in its place."""
    path = write_results(tmp_path / "out.md", RESULTS)
    book = Book([path])
    mark = book.read(2).mark
    before = write_results(path, RESULTS[:2]).read_bytes()
    with pytest.raises(Conflict):
        book.save(2, "mine", mark, "", None)
    assert path.read_bytes() == before


def test_nothing_is_written_while_a_run_is_writing(tmp_path: Path) -> None:
    """At its end it would write its own text over the correction."""
    path = write_results(tmp_path / "out.md", RESULTS)
    before = path.read_bytes()
    book = Book([path])
    state = State(tmp_path / "out.md.journal", PRINT)
    with pytest.raises(OutputError, match="another visionocr"):
        book.save(0, "mine", book.read(0).mark, "d1", 9)
    state.close()
    assert path.read_bytes() == before


def test_a_text_with_a_page_comment_is_refused(tmp_path: Path) -> None:
    """It would move the pages behind it."""
    path = write_results(tmp_path / "out.md", RESULTS)
    before = path.read_bytes()
    book = Book([path])
    with pytest.raises(TextRefused):
        book.save(0, '<!-- visionocr page="2" status="ok" -->', book.read(0).mark, "", None)
    assert path.read_bytes() == before


def test_equal_pages_are_told_apart(tmp_path: Path) -> None:
    """Two documents of one name, in one file."""
    path = write_results(tmp_path / "out.md", [result(1, "one"), result(1, "another")])
    book = Book([path])
    book.save(1, "mine", book.read(1).mark, "", None)
    assert [book.read(index).text for index in range(2)] == ["one", "mine"]


def test_folders_are_searched_for_results(tmp_path: Path) -> None:
    """Files of others are left out, hidden ones too."""
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    write_results(folder / "sub" / "b.md", RESULTS)
    write_results(folder / "a.jsonl", RESULTS[:1])
    write_results(folder / ".hidden" / "c.md", RESULTS)
    (folder / "notes.md").write_text("my own notes")
    empty = tmp_path / "empty"
    empty.mkdir()
    book = Book([folder])
    assert [entry.path.name for entry in book.entries] == ["a.jsonl", *["b.md"] * 3]
    book.save(1, "mine", book.read(1).mark, "d1", 9)
    assert [book.read(index).text for index in range(3)] == ["one", "mine", "two"]
    with pytest.raises(UsageError):
        Book([empty])
    with pytest.raises(DocumentError):
        Book([folder / "notes.md"])


def test_captions_are_recognised(tmp_path: Path) -> None:
    """Several pictures with a line each; a new text may have more, where the file can hold them."""
    results = [result(1, f"caption {n}", document=f"{n}.png", pages=1) for n in range(3)]
    book = Book([write_results(tmp_path / "c.jsonl", results)])
    assert book.are_captions
    assert book.task == "describe"
    book.save(0, "two\nlines", book.read(0).mark, "", None)
    assert book.read(0).text == "two\nlines"
    single = write_results(tmp_path / "c.md", results, captions=True)
    book = Book([single])
    book.save(0, "two\nlines", book.read(0).mark, "", None)
    assert book.read(0).text == "two lines"
    assert not Book([write_results(tmp_path / "t.jsonl", RESULTS)]).are_captions


def test_a_journal_may_have_another_place(tmp_path: Path) -> None:
    """It is read and written where it is named."""
    path = write_results(tmp_path / "out.md", RESULTS)
    state = State(tmp_path / "elsewhere", PRINT)
    state.record(RESULTS[0])
    state.close()
    book = Book([path], journal=tmp_path / "elsewhere")
    assert book.entries[0].digest == "d1"
    book.save(0, "mine", book.read(0).mark, "", None)
    assert read_state(tmp_path / "elsewhere").pages["a.pdf", 1][-1].result.text == "mine"
    assert not (tmp_path / "out.md.journal").exists()


def make_captions(folder: Path, **captions: str) -> Path:
    """Pictures with a caption beside each, as ``describe --sidecar .txt`` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in captions.items():
        make_image(folder / f"{name}.png", 1, size=(80, 100))
        (folder / f"{name}.txt").write_bytes(text.encode())
    return folder


def test_captions_beside_pictures_are_pages(tmp_path: Path) -> None:
    """In a folder and below; what lies beside no picture is left out."""
    folder = make_captions(tmp_path / "set", a="a cat\n", b="two dogs", many="one\ncaption\nmore\n", c="")
    make_captions(folder / "sub", a="another cat\r\n")
    (folder / "notes.txt").write_text("mine")
    (folder / "a.jpg").write_bytes((folder / "a.png").read_bytes())
    (folder / "a.png.txt").write_text("the second of that name")
    (folder / "b.caption").write_text("for another trainer")
    book = Book([folder])
    found = [(entry.path.relative_to(folder).as_posix(), entry.document) for entry in book.entries]
    assert found == [
        ("a.png.txt", "a.png"),
        ("a.txt", "a.jpg"),
        ("b.caption", "b.png"),
        ("b.txt", "b.png"),
        ("c.txt", "c.png"),
        ("many.txt", "many.png"),
        ("sub/a.txt", "a.png"),
    ]
    assert book.are_captions
    assert book.task == "describe"
    assert [book.read(at).text for at in (1, 3, 4)] == ["a cat", "two dogs", ""]
    assert [entry.document for entry in Book([folder / "b.txt"]).entries] == ["b.png"]
    assert Book([folder / "b.txt"]).task == "describe"
    with pytest.raises(DocumentError):
        Book([folder / "notes.txt"])


def test_a_caption_beside_its_picture_is_saved(tmp_path: Path) -> None:
    """One caption as one line that ends as before, several as lines; nothing else appears beside the pictures."""
    folder = make_captions(tmp_path / "set", a="a cat\n", b="two dogs", c="", d="four\r\n", e="one\r\ntwo\r\n")
    before = {path.name for path in folder.iterdir()}
    book = Book([folder])
    for at in range(5):
        book.save(at, f"text\nof {at}", book.read(at).mark, f"digest {at}", 1)
    texts = [(folder / f"{name}.txt").read_bytes() for name in "abcde"]
    assert texts == [b"text of 0\n", b"text of 1", b"text of 2\n", b"text of 3\r\n", b"text\r\nof 4\r\n"]
    assert {entry.status for entry in book.entries} == {"checked"}
    assert {path.name for path in folder.iterdir()} == before
    unchanged = (folder / "b.txt").read_bytes()
    book.save(1, book.read(1).text, book.read(1).mark, "", None)
    assert (folder / "b.txt").read_bytes() == unchanged


def test_a_caption_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Nor one that is gone."""
    folder = make_captions(tmp_path / "set", a="a cat\n", b="two dogs\n")
    book = Book([folder])
    marks = [book.read(at).mark for at in range(2)]
    (folder / "a.txt").write_text("a tiger\n")
    with pytest.raises(Conflict) as caught:
        book.save(0, "mine", marks[0], "", None)
    assert caught.value.page is not None
    assert caught.value.page.text == "a tiger"
    (folder / "b.txt").unlink()
    with pytest.raises(DocumentError):
        book.save(1, "mine", marks[1], "", None)
    assert (folder / "a.txt").read_text() == "a tiger\n"
    assert not (folder / "b.txt").exists()

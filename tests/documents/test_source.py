"""Found files become pages, and pages become images."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from drawing import encrypted, pdf_bytes, picture_bytes
from visionocr.documents import Found, Source, discover, parse_pages
from visionocr.documents.document_cache import DocumentCache
from visionocr.errors import DocumentError, ExitCode
from visionocr.types import FileSignature, PageRef, PageSource, RasterSpec

SPEC = RasterSpec(300)


def _write(folder: Path, **files: bytes) -> list[str]:
    """Files named by the keywords, an underscore for the dot; their paths."""
    paths = []
    for name, data in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(data)
        paths.append(str(path))
    return paths


def _numbers(pages: list[PageRef]) -> list[int]:
    return [page.number for page in pages]


def _refusal(documents: Source, page: PageRef) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        documents.load(page, SPEC)
    assert caught.value.exit_code is ExitCode.DOCUMENT
    assert caught.value.message.isprintable()
    return caught.value


def _tiff(frames: int) -> bytes:
    pictures = [Image.new("L", (50 + n, 40)) for n in range(frames)]
    return picture_bytes(pictures[0], "TIFF", save_all=True, append_images=pictures[1:])


def test_pages_of_several_documents(tmp_path: Path) -> None:
    """Pages come in order of documents and numbers, with their count and the digest of the file's bytes."""
    files = {
        "b_pdf": pdf_bytes("one", "two"),
        "a_png": picture_bytes(Image.new("L", (60, 50)), "PNG"),
        "c_tif": _tiff(3),
    }
    paths = _write(tmp_path, **files)
    documents: PageSource = Source(discover(paths))
    expected = []
    for path, data, count in zip(paths, files.values(), (2, 1, 3), strict=True):
        digest = hashlib.sha256(data).hexdigest()
        expected += [PageRef(path, number, count, digest) for number in range(1, count + 1)]
    pages = list(documents.pages())
    assert pages == expected
    assert [image.width for page in pages for image in documents.load(page, SPEC)] == [212, 212, 60, 50, 51, 52]
    documents.close()


def test_documents_are_opened_when_their_turn_comes(tmp_path: Path) -> None:
    """No document is looked for or opened before its first page is needed."""
    taken: list[str] = []

    def found() -> Iterator[Found]:
        for path in _write(tmp_path, a_pdf=pdf_bytes(), b_pdf=pdf_bytes()):
            taken.append(path)
            yield Found(path, path)

    pages = Source(found()).pages()
    assert taken == []
    assert next(pages).document.endswith("a.pdf")
    assert len(taken) == 1


def test_bad_documents_keep_their_place(tmp_path: Path) -> None:
    """A document that cannot be opened is a page 0 whose load has the error; the others are read."""
    paths = _write(
        tmp_path,
        empty_pdf=b"",
        text_txt=b"just words",
        broken_pdf=b"%PDF-1.4 broken",
        locked_pdf=encrypted("secret"),
        stump_png=b"\x89PNG\r\n\x1a\n",
        good_pdf=pdf_bytes(),
    )
    paths.insert(0, str(tmp_path / "gone.pdf"))
    paths.insert(1, str(tmp_path))
    with Source(discover(paths)) as documents:
        pages = list(documents.pages())
        assert _numbers(pages) == [0] * 7 + [1]
        words = [_refusal(documents, page).message for page in pages[:-1]]
        assert [word.split()[-1] for word in words[:2]] == ["exist", "directory"]
        assert "0 bytes" in words[2]
        assert "neither a PDF nor a picture" in words[3]
        assert "damaged" in words[4]
        assert "encrypted" in words[5]
        assert "damaged" in words[6]
        assert documents.load(pages[-1], SPEC)


@pytest.mark.parametrize("make", [lambda n: pdf_bytes(*["text"] * n), _tiff], ids=["pdf", "tiff"])
def test_selection_applies_to_every_document(make: object, tmp_path: Path) -> None:
    """Selected pages are taken from PDFs and from TIFFs; missing ones are one page 0 besides those there are."""
    assert callable(make)
    (path,) = _write(tmp_path, a_doc=make(4))
    documents = Source(discover([path]), selection=parse_pages("-1,2,40"))
    pages = list(documents.pages())
    assert _numbers(pages) == [2, 4, 0]
    error = _refusal(documents, pages[-1])
    assert error.message == f"{path} has 4 pages; page 40 does not exist"
    assert documents.load(pages[0], SPEC)
    documents.close()


@pytest.mark.parametrize(
    ("selection", "words"),
    [("2", "page 2 does not exist"), ("3-5", "pages 3, 4, 5 do not exist"), ("1--2", "none of them is selected")],
)
def test_empty_selection_is_reported(selection: str, words: str, tmp_path: Path) -> None:
    """A document of which no page was selected is reported."""
    (path,) = _write(tmp_path, a_pdf=pdf_bytes())
    documents = Source(discover([path]), selection=parse_pages(selection))
    (page,) = documents.pages()
    assert page.number == 0
    assert _refusal(documents, page).message == f"{path} has 1 page; {words}"


def test_pages_of_earlier_documents_can_be_loaded(tmp_path: Path) -> None:
    """A page can be loaded long after its document's turn; only a few documents are open at a time."""
    paths = _write(tmp_path, **{f"d{n}_pdf": pdf_bytes("x" * n) for n in range(1, 8)}, t_tif=_tiff(2))
    documents = Source(discover(paths), workers=0)
    assert isinstance(documents._rasterizer, DocumentCache)
    pages = list(documents.pages())
    for page in pages + pages[::-1]:
        assert documents.load(page, SPEC)
        assert len(documents._rasterizer._open) <= 4
    documents.close()


def test_password_is_asked_once(tmp_path: Path) -> None:
    """The password of a document is remembered for when it has to be opened again."""
    asked: list[str] = []

    def password(name: str) -> str | None:
        asked.append(name)
        return "secret" if len(asked) == 2 else "wrong"

    paths = _write(tmp_path, a_pdf=encrypted("secret"), **{f"d{n}_pdf": pdf_bytes("x" * n) for n in range(5)})
    documents = Source(discover(paths), password=password)
    pages = list(documents.pages())
    assert documents.load(pages[0], SPEC)
    assert asked == [paths[0]] * 2
    assert "secret" not in repr(vars(documents))


def test_changed_file_is_an_error(tmp_path: Path) -> None:
    """A document that changes during the run is not read on as if it were the same."""
    paths = _write(tmp_path, **{f"d{n}_pdf": pdf_bytes("x" * n) for n in range(6)})
    documents = Source(discover(paths))
    pages = list(documents.pages())
    Path(paths[0]).write_bytes(pdf_bytes("something else", "altogether"))
    assert "changed" in _refusal(documents, pages[0]).message
    Path(paths[1]).unlink()
    assert "cannot be read" in _refusal(documents, pages[1]).message


def test_unknown_pages_are_refused(tmp_path: Path) -> None:
    """A page that this source never yielded is a document error."""
    documents = Source(discover(_write(tmp_path, a_pdf=pdf_bytes())))
    (page,) = documents.pages()
    for strange in (PageRef("other.pdf", 1), PageRef(page.document, 0, 1, page.digest), PageRef(page.document, 0)):
        _refusal(documents, strange)


@pytest.mark.slow
@pytest.mark.parametrize("spool", [True, False])
def test_standard_input_is_a_document(spool: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PDF on standard input has pages like any other, again and again, and leaves nothing behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pdf_bytes("one", "two"))))
    documents = Source(list(discover(["-"])), spool=spool)
    for _ in range(2):
        pages = list(documents.pages())
        assert [(page.document, page.number) for page in pages] == [("stdin", 1), ("stdin", 2)]
        assert documents.load(pages[1], SPEC)
    assert len(list(tmp_path.iterdir())) == (1 if spool else 0)
    documents.close()
    assert not list(tmp_path.iterdir())


def test_empty_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on standard input is an error with that name."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))
    documents = Source(discover(["-"]))
    (page,) = documents.pages()
    assert _refusal(documents, page).message == "stdin is empty: it has 0 bytes"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe_is_a_document(tmp_path: Path) -> None:
    """What comes through a named pipe is kept, and has pages."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(pdf_bytes("one", "two"),))
    writer.start()
    documents = Source(discover([str(path)]))
    pages = list(documents.pages())
    writer.join()
    assert _numbers(pages) == [1, 2]
    assert documents.load(pages[0], SPEC)
    documents.close()


def test_a_file_named_like_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file with the name of standard input is not confused with it."""
    monkeypatch.chdir(tmp_path)
    Path("stdin").write_bytes(picture_bytes(Image.new("L", (70, 60)), "PNG"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pdf_bytes())))
    documents = Source(discover(["-", "stdin"]))
    assert [documents.load(page, SPEC)[0].width for page in list(documents.pages())] == [212, 70]


class FakeState:
    """A ``State`` that has results of one document, and another one that is complete, by their file names."""

    def __init__(self, complete: str, known: str, document: tuple[str, int]) -> None:
        self.complete, self.known, self.document = complete, known, document
        self.registered: list[tuple[str, FileSignature, str, int]] = []

    def is_complete(self, found: Found, signature: FileSignature) -> bool:
        """Of one file."""
        return found.path == self.complete

    def lookup(self, found: Found, signature: FileSignature, selection: object) -> tuple[str, int] | None:
        """Of the other one."""
        return self.document if found.path == self.known else None

    def register(self, found: Found, signature: FileSignature, digest: str, pages: int) -> None:
        """Keep it for the test."""
        self.registered.append((found.path, signature, digest, pages))


def test_known_documents_are_not_opened(tmp_path: Path) -> None:
    """A document with known results yields its pages without being opened; a complete one is left out."""
    new = pdf_bytes("one", "two", "three")
    paths = _write(tmp_path, a_pdf=b"unread", b_pdf=b"unread", c_pdf=new)
    with Source(discover([*paths, str(tmp_path / "gone.pdf")]), selection=parse_pages("2-"), workers=0) as documents:
        documents.earlier = state = FakeState(paths[0], paths[1], ("d" * 64, 2))
        pages = list(documents.pages())
    digest = hashlib.sha256(new).hexdigest()
    assert pages == [
        *(PageRef(paths[1], 2, 2, "d" * 64), PageRef(paths[2], 2, 3, digest), PageRef(paths[2], 3, 3, digest)),
        PageRef(str(tmp_path / "gone.pdf"), 0),
    ]
    signatures = [FileSignature(status.st_size, status.st_mtime_ns) for status in map(os.stat, paths)]
    assert state.registered == [(paths[1], signatures[1], "d" * 64, 2), (paths[2], signatures[2], digest, 3)]


def test_every_document_has_a_location(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another process can open each document: absolute paths with passwords, a file for standard input."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    data = pdf_bytes("piped")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    monkeypatch.chdir(tmp_path)
    _write(tmp_path, a_pdf=encrypted("secret"))
    with Source(discover(["a.pdf", "-"]), password=lambda _: "secret", workers=0, spool=True) as documents:
        locked, piped = map(documents.place, documents.pages())
        assert (locked.path, locked.password) == (str(tmp_path / "a.pdf"), "secret")
        assert Path(piped.path).read_bytes() == data
        assert "secret" not in repr(locked)
    assert not list((tmp_path / "spool").iterdir())


def test_hints_are_kept_for_pages(tmp_path: Path) -> None:
    """The hint about a page that could not be loaded can be looked up by its page."""
    hints: dict[PageRef, str] = {}
    with Source(discover(_write(tmp_path, a_docx=b"PK\3\4")), hints=hints) as documents:
        (page,) = documents.pages()
        _refusal(documents, page)
    assert "export it as PDF" in hints[page]


def test_import_loads_no_library() -> None:
    """The package, and finding files, need neither the renderer nor the picture library."""
    code = (
        "import sys, visionocr.documents as p\n"
        "list(p.discover(['x'])); p.parse_pages('1'); p.Source([])\n"
        "assert not {'pymupdf', 'PIL', 'fitz'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Documents at hand, in the process that draws."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drawing import pdf_bytes
from fakes.pictures import make_pdf
from visionocr.documents import document_cache
from visionocr.documents.content import Content
from visionocr.documents.document_cache import DocumentCache, DocumentHandle
from visionocr.errors import DocumentError, Interrupted
from visionocr.types import PageRef, RasterSpec

PAGES = 9
SPEC = RasterSpec(max_side=200)


@pytest.fixture
def times_opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the documents that were opened, one for each time; PDFs are opened anew after four pages."""
    names: list[str] = []
    begin: Any = document_cache.open_document

    def counted(known: DocumentHandle, password: Any) -> Any:
        names.append(Path(known.content.name).name)
        return begin(known, password)

    monkeypatch.setattr(document_cache, "open_document", counted)
    monkeypatch.setattr(document_cache, "_REOPEN_AFTER", 4)
    return names


@pytest.fixture
def cache() -> Iterator[DocumentCache]:
    """The documents at hand."""
    cache = DocumentCache()
    yield cache
    cache.close()


def known(path: Path, number: int = 0, data: bytes = b"") -> DocumentHandle:
    """A document as the process that draws is told of it."""
    content = Content(path.name, "", data) if data else Content(path.name, str(path))
    return DocumentHandle(number, content, "PDF", content.state())


def draw(cache: DocumentCache, document: DocumentHandle, page: int) -> bytes:
    """The bytes of a page's only image."""
    (image,) = cache.load(document, PageRef(document.content.name, page, PAGES), SPEC)
    return image.data


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A PDF of nine pages."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(pdf_bytes(*(f"page number {number} " * number for number in range(1, PAGES + 1))))
    return path


def test_a_long_document_is_opened_anew(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """What the library keeps of every page is given back from time to time; the pages are the same."""
    document = known(letter)
    pages = [draw(cache, document, page) for page in range(1, PAGES + 1)]
    assert times_opened == ["letter.pdf"] * 3
    assert len(set(pages)) == PAGES
    for page in (1, 5, 9):
        assert draw(DocumentCache(), known(letter), page) == pages[page - 1]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"else")], ids=["gone", "changed"])
def test_what_was_replaced_stays_open(
    change: Any, letter: Path, tmp_path: Path, cache: DocumentCache, times_opened: list[str]
) -> None:
    """The pages of the file as it was are read to the end; once closed, it is not taken for what it was."""
    document = known(letter)
    whole = [draw(DocumentCache(), known(letter), page) for page in range(1, PAGES + 1)]
    times_opened.clear()
    draw(cache, document, 1)
    letter.rename(tmp_path / "aside.pdf")
    letter.touch()
    change(letter)
    assert [draw(cache, document, page) for page in range(1, PAGES + 1)] == whole
    assert times_opened == ["letter.pdf"]
    with pytest.raises(DocumentError, match=r"changed while it was being read|cannot be read|does not exist"):
        draw(DocumentCache(), document, 1)


def test_nothing_is_drawn_after_the_end(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """Pages that are still waited for would open the documents again, and draw while the program ends."""
    document = known(letter)
    draw(cache, document, 1)
    cache.close()
    with pytest.raises(Interrupted):
        draw(cache, document, 2)
    with pytest.raises(Interrupted):
        cache.count_pages(known(letter, 1), None)
    assert times_opened == ["letter.pdf"]


def test_a_password_is_waited_for_alone(letter: Path, tmp_path: Path, cache: DocumentCache) -> None:
    """Meanwhile other documents are drawn, and the end need not wait for the person who is asked."""
    secret = make_pdf(tmp_path / "secret.pdf", 1, password="sesame")
    drawn: list[bytes] = []

    def asked(name: str) -> str:
        drawn.append(draw(cache, known(letter), 1))
        return "sesame"

    def stopped(name: str) -> str:
        cache.close()
        return "sesame"

    assert cache.count_pages(known(secret, 1), asked) == 1
    assert drawn
    with pytest.raises(Interrupted):
        cache.count_pages(known(secret, 2), stopped)


def test_bytes_of_a_pipe_are_not_asked_for_again(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """They come with the first question only."""
    document = known(letter, data=letter.read_bytes())
    draw(cache, document, 1)
    document.content = Content(letter.name)
    for page in range(1, PAGES + 1):
        draw(cache, document, page)
    assert times_opened == ["letter.pdf"]


def test_a_long_picture_stays_open(tmp_path: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """Nothing is kept of its frames, and to find them again takes long."""
    path = tmp_path / "frames.tif"
    frames = [Image.new("L", (60, 60), shade) for shade in range(PAGES)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = Content(path.name, str(path))
    document = DocumentHandle(0, content, "TIFF", content.state())
    assert len({draw(cache, document, page) for page in range(1, PAGES + 1)}) > 1
    assert times_opened == ["frames.tif"]


def test_each_document_has_its_own_count(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """Documents that are read in turns are not opened more often than one after the other; a few stay open."""
    documents = [known(letter, number) for number in range(4)]
    for page in range(1, 5):
        for document in documents:
            draw(cache, document, page)
    assert len(times_opened) == 4
    draw(cache, documents[0], 5)
    assert len(times_opened) == 5

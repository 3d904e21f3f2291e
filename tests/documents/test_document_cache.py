"""The cache of open documents in a raster process."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from drawing import pdf_bytes, picture_bytes
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

    def counted(handle_of: DocumentHandle, password: Any) -> Any:
        names.append(Path(handle_of.content.name).name)
        return begin(handle_of, password)

    monkeypatch.setattr(document_cache, "open_document", counted)
    monkeypatch.setattr(document_cache, "_REOPEN_AFTER", 4)
    return names


@pytest.fixture
def cache() -> Iterator[DocumentCache]:
    """The documents at hand."""
    cache = DocumentCache()
    yield cache
    cache.close()


def handle_of(path: Path, number: int = 0, data: bytes = b"") -> DocumentHandle:
    """The handle of a document, as the raster process gets it."""
    content = Content(path.name, "", data) if data else Content(path.name, str(path))
    return DocumentHandle(number, content, "PDF", content.state())


def render(cache: DocumentCache, document: DocumentHandle, page: int) -> bytes:
    """The bytes of a page's only image."""
    (image,) = cache.load(document, PageRef(document.content.name, page, PAGES), SPEC)
    return image.data


def render_anew(document: DocumentHandle, page: int) -> bytes:
    """The same, by a cache that holds no document yet."""
    with contextlib.closing(DocumentCache()) as cache:
        return render(cache, document, page)


@pytest.fixture
def letter(tmp_path: Path) -> Path:
    """A PDF of nine pages."""
    path = tmp_path / "letter.pdf"
    path.write_bytes(pdf_bytes(*(f"page number {number} " * number for number in range(1, PAGES + 1))))
    return path


def test_a_long_document_is_reopened(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """After some pages a document is reopened to free what the library keeps; its pages are the same."""
    document = handle_of(letter)
    pages = [render(cache, document, page) for page in range(1, PAGES + 1)]
    assert times_opened == ["letter.pdf"] * 3
    assert len(set(pages)) == PAGES
    for page in (1, 5, 9):
        assert render_anew(handle_of(letter), page) == pages[page - 1]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced there")
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"else")], ids=["gone", "changed"])
def test_a_replaced_file_stays_readable(
    change: Any, letter: Path, tmp_path: Path, cache: DocumentCache, times_opened: list[str]
) -> None:
    """A document stays readable after its file is replaced; once closed it is not confused with the new one."""
    document = handle_of(letter)
    whole = [render_anew(handle_of(letter), page) for page in range(1, PAGES + 1)]
    times_opened.clear()
    render(cache, document, 1)
    letter.rename(tmp_path / "aside.pdf")
    letter.touch()
    change(letter)
    assert [render(cache, document, page) for page in range(1, PAGES + 1)] == whole
    assert times_opened == ["letter.pdf"]
    with pytest.raises(DocumentError, match=r"changed while it was being read|cannot be read|does not exist"):
        render_anew(document, 1)


def overwrite(path: Path, data: bytes) -> None:
    """Write other bytes into the same file, later than it was written before, as an editor that saves in place does."""
    later = path.stat().st_mtime_ns + 1_000_000
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize("page", [1, 5])
def test_an_overwritten_pdf_is_not_read_on(page: int, letter: Path, cache: DocumentCache) -> None:
    """After a PDF is overwritten in place, no page is given of it, drawn before or not, under the old digest."""
    document = handle_of(letter)
    render(cache, document, 1)
    overwrite(letter, pdf_bytes(*["other"] * PAGES))
    for _ in range(2):
        with pytest.raises(DocumentError, match=r"letter\.pdf was changed while it was being read") as caught:
            render(cache, document, page)
        assert caught.value.hint


def test_a_file_that_loses_its_content_is_changed_rather_than_damaged(letter: Path, cache: DocumentCache) -> None:
    """What cannot be drawn because the file was cut while it is open is not blamed on the document."""
    document = handle_of(letter)
    render(cache, document, 1)
    overwrite(letter, b"")
    with pytest.raises(DocumentError, match="was changed while"):
        render(cache, document, 5)


@pytest.mark.parametrize("replace", [overwrite, lambda path, data: (path.unlink(), path.write_bytes(data))])
def test_a_changed_picture_is_not_read_on(replace: Any, tmp_path: Path, cache: DocumentCache) -> None:
    """A picture that is overwritten or replaced after its first reading is not given under the old digest."""
    path = tmp_path / "photo.png"
    path.write_bytes(picture_bytes(Image.new("L", (60, 60), 80), "PNG"))
    content = Content(path.name, str(path))
    document = DocumentHandle(0, content, "PNG", content.state())
    render(cache, document, 1)
    replace(path, picture_bytes(Image.new("L", (70, 60), 160), "PNG"))
    with pytest.raises(DocumentError, match="was changed while"):
        render(cache, document, 1)


def test_a_file_that_changes_while_it_is_opened_is_refused(letter: Path, cache: DocumentCache) -> None:
    """A document replaced between the taking of its digest and its opening is not opened."""
    document = handle_of(letter)
    letter.unlink()
    letter.write_bytes(pdf_bytes("other"))
    with pytest.raises(DocumentError, match="was changed while"):
        cache.count_pages(document, None)


def test_nothing_is_rendered_after_close(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """Pages that are still requested would reopen documents and render while the program ends."""
    document = handle_of(letter)
    render(cache, document, 1)
    cache.close()
    with pytest.raises(Interrupted):
        render(cache, document, 2)
    with pytest.raises(Interrupted):
        cache.count_pages(handle_of(letter, 1), None)
    assert times_opened == ["letter.pdf"]


def test_a_password_prompt_blocks_only_its_document(letter: Path, tmp_path: Path, cache: DocumentCache) -> None:
    """While a password is asked for other documents are rendered, and closing does not wait for it."""
    secret = make_pdf(tmp_path / "secret.pdf", 1, password="sesame")
    drawn: list[bytes] = []

    def asked(name: str) -> str:
        drawn.append(render(cache, handle_of(letter), 1))
        return "sesame"

    def stopped(name: str) -> str:
        cache.close()
        return "sesame"

    assert cache.count_pages(handle_of(secret, 1), asked) == 1
    assert drawn
    with pytest.raises(Interrupted):
        cache.count_pages(handle_of(secret, 2), stopped)


def test_bytes_of_a_pipe_are_requested_once(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """They come with the first request only."""
    document = handle_of(letter, data=letter.read_bytes())
    render(cache, document, 1)
    document.content = Content(letter.name)
    for page in range(1, PAGES + 1):
        render(cache, document, page)
    assert times_opened == ["letter.pdf"]


def test_a_multi_frame_picture_stays_open(tmp_path: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """A picture is not reopened: its frames use no memory, and finding them again takes long."""
    path = tmp_path / "frames.tif"
    frames = [Image.new("L", (60, 60), shade) for shade in range(PAGES)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    content = Content(path.name, str(path))
    document = DocumentHandle(0, content, "TIFF", content.state())
    assert len({render(cache, document, page) for page in range(1, PAGES + 1)}) > 1
    assert times_opened == ["frames.tif"]


def test_pages_are_counted_per_document(letter: Path, cache: DocumentCache, times_opened: list[str]) -> None:
    """Alternating between documents reopens none of them more often; a few stay open."""
    documents = [handle_of(letter, number) for number in range(4)]
    for page in range(1, 5):
        for document in documents:
            render(cache, document, page)
    assert len(times_opened) == 4
    render(cache, documents[0], 5)
    assert len(times_opened) == 5

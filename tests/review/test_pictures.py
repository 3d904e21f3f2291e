"""Documents of results are found; a file of results from a stranger opens no file."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from fakes.pictures import make_image, make_pdf
from visionocr.errors import DocumentError
from visionocr.review.pictures import PAGE_SIDE, Memo, Pictures, Wanted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the results."""
    inside = tmp_path / "results"
    inside.mkdir()
    return inside


@pytest.fixture
def pictures() -> Iterator[Pictures]:
    """Pictures that are drawn in this process."""
    made = Pictures(workers=0)
    yield made
    made.close()


def wanted(folder: Path, name: str | Path, digest: str = "", path: str | Path = "") -> Wanted:
    """A document as results in *folder* name it."""
    return Wanted(str(name), digest, str(path), folder / "out.md")


def digest_of(path: Path) -> str:
    """What the journal has."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_document_beside_its_results_is_drawn(folder: Path, pictures: Pictures) -> None:
    """As one picture, however long the page is, and with its whole size."""
    make_pdf(folder / "a.pdf", 2, size=(100, 900))
    document = pictures.find(wanted(folder, "a.pdf"))
    assert (document.pages, document.digest) == (2, digest_of(folder / "a.pdf"))
    image = pictures.draw(wanted(folder, "somewhere/else/a.pdf"), 2)
    assert image.height <= PAGE_SIDE
    assert image.height == pytest.approx(9 * image.width, rel=0.02)
    assert Image.open(io.BytesIO(image.data)).size == (image.width, image.height)
    with pytest.raises(DocumentError, match="no page 3"):
        pictures.draw(wanted(folder, "a.pdf"), 3)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_names_alone_open_nothing_elsewhere(tmp_path: Path, folder: Path, pictures: Pictures) -> None:
    """Neither absolute names, nor ``..``, nor links that lead out, nor what a journal says without the digest."""
    secret = make_pdf(tmp_path / "secret.pdf")
    (folder / "link.pdf").symlink_to(secret)
    (folder / "sub").symlink_to(tmp_path)
    for name in (secret, "../secret.pdf", "link.pdf", "sub/secret.pdf", "x/../../secret.pdf", "a\0b", "/dev/zero", ""):
        with pytest.raises(DocumentError):
            pictures.find(wanted(folder, name))
    with pytest.raises(DocumentError):
        pictures.find(wanted(folder, "secret.pdf", path=secret))
    with pytest.raises(DocumentError, match="changed"):
        pictures.find(wanted(folder, "secret.pdf", "0" * 64, secret))


def test_who_knows_the_digest_has_read_the_document(tmp_path: Path, folder: Path, pictures: Pictures) -> None:
    """A journal, or JSON, names it with its digest: by its path, or by the name that it has from here."""
    path = make_pdf(tmp_path / "elsewhere.pdf")
    assert pictures.find(wanted(folder, "other.pdf", digest_of(path), path)).pages == 1
    assert pictures.find(wanted(folder, path, digest_of(path))).pages == 1


def test_documents_given_by_name_are_trusted(tmp_path: Path, folder: Path) -> None:
    """A file, or a folder with the documents; but not one that is known to be another."""
    path = make_pdf(tmp_path / "docs.pdf", 3)
    make_image(tmp_path / "photo.png", 5)
    pictures = Pictures([path, tmp_path], workers=0)
    assert pictures.find(wanted(folder, "/gone/docs.pdf")).pages == 3
    assert pictures.find(wanted(folder, "old/photo.png")).pages == 1
    with pytest.raises(DocumentError, match="changed"):
        pictures.find(wanted(folder, "docs.pdf", "0" * 64))
    pictures.close()


def test_documents_that_were_renamed_are_known_by_their_digest(tmp_path: Path, folder: Path) -> None:
    """Where they are given; one that is given for another document is not said to be this one, changed."""
    path = make_pdf(tmp_path / "renamed.pdf", 2)
    pictures = Pictures([path], workers=0)
    assert pictures.find(wanted(folder, "scan.pdf", digest_of(path))).pages == 2
    with pytest.raises(DocumentError, match="not found"):
        pictures.find(wanted(folder, "other.pdf", "0" * 64))
    with pytest.raises(DocumentError, match="not found"):
        pictures.find(wanted(folder, "other.pdf"))
    pictures.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_are_not_opened(folder: Path, pictures: Pictures) -> None:
    """They would block for ever."""
    os.mkfifo(folder / "pipe.pdf")
    with pytest.raises(DocumentError):
        pictures.find(wanted(folder, "pipe.pdf"))


def test_failures_are_tried_again() -> None:
    """A document that comes back is found; values are made once, and the oldest are forgotten."""
    memo: Memo[int, str] = Memo(2)
    calls: list[int] = []

    def make(key: int) -> str:
        calls.append(key)
        if len(calls) == 1:
            raise DocumentError("not yet")
        return str(key)

    with pytest.raises(DocumentError):
        memo.get(1, lambda: make(1))
    assert [memo.get(key, lambda key=key: make(key)) for key in (1, 1, 2, 3, 1)] == ["1", "1", "2", "3", "1"]  # type: ignore[misc]
    assert calls == [1, 1, 2, 3, 1]

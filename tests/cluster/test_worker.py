"""A worker's side: which server it asks, and where its documents are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.pictures import make_image, make_pdf
from visionocr.cluster import worker
from visionocr.cluster.worker import ReadTask, call, choose_server, names_server
from visionocr.documents.source import Place
from visionocr.errors import ServerBusy, VisionOcrError
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question
from visionocr.settings import Settings
from visionocr.types import PageRef, RasterSpec, Sampler

KEY = "k3y-nobody-may-see"
SPEC = RasterSpec(max_side=200)


@pytest.fixture(autouse=True)
def no_server_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests say what it names."""
    for name in (worker._URL, worker._KEY):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "url", "key"),
    [
        ({}, ("http://ours",), KEY),
        ({"VISIONOCR_API_URL": "http://theirs"}, ("http://theirs",), None),
        ({"VISIONOCR_API_URL": "http://theirs", "VISIONOCR_API_KEY": "own"}, ("http://theirs",), "own"),
        ({"VISIONOCR_API_KEY": "own"}, ("http://ours",), "own"),
    ],
)
def test_a_worker_may_name_its_server(
    environment: dict[str, str], url: tuple[str, ...], key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own key; another's key never reaches it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert names_server() == bool(environment)
    mine = choose_server(Settings(api_url=("http://ours",), api_key=KEY, gguf="a"))
    assert (mine.api_url, mine.api_key) == (url, key)
    assert mine.gguf == (None if "VISIONOCR_API_URL" in environment else "a")


def test_secrets_do_not_show() -> None:
    """Neither the key nor a password stands in what a dashboard or a log would print."""
    library = Library()
    question = Question(library.match("").preset, library.task("transcribe"), Sampler(), 100)
    task = ReadTask((), {"d": Place("/a.pdf", "sesame")}, question, SPEC, 1)
    assert "sesame" not in repr(task)
    assert KEY not in repr(Settings(api_key=KEY))


def test_errors_are_values() -> None:
    """They can be read at the other end, whatever they were made of."""

    def fail(error: Exception) -> None:
        raise error from OSError("not to be sent")

    busy = call(fail, ServerBusy("busy", "wait", 3.0))
    assert isinstance(busy, ServerBusy)
    assert (busy.retry_after, busy.__cause__, busy.__context__, busy.__traceback__) == (3.0, None, None, None)
    other = call(fail, ValueError("odd " * 1000))
    assert type(other) is VisionOcrError
    assert other.message.startswith("ValueError: odd")
    assert len(other.message) <= 500
    assert call(abs, -1) == 1


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[worker._Documents]:
    """Those of a run, closed afterwards, which leaves nothing."""
    folder = tmp_path / "worker"
    folder.mkdir()
    found = worker._Documents(folder, 0)
    yield found
    found.close()
    assert not list(folder.iterdir())


def page_of(path: Path, number: int = 1, pages: int = 1) -> PageRef:
    """A page of the document that lies at *path* now."""
    return PageRef(path.name, number, pages, hashlib.sha256(path.read_bytes()).hexdigest())


def test_documents_are_opened_where_they_lie(documents: worker._Documents, tmp_path: Path) -> None:
    """Any page of them, with the password that came along."""
    plain = make_pdf(tmp_path / "a.pdf", 3)
    locked = make_pdf(tmp_path / "b.pdf", 2, numbers=[1, 2], password="sesame")
    for path, number, pages, password in ((plain, 3, 3, None), (locked, 2, 2, "sesame"), (plain, 1, 3, None)):
        page = page_of(path, number, pages)
        assert documents.open(page, Place(str(path), password))
        assert documents.load(page, SPEC)[0].page == page
    assert not documents.open(
        page_of(make_pdf(tmp_path / "c.pdf", 1, password="x")), Place(str(tmp_path / "c.pdf"), "y")
    )


def test_a_document_that_is_not_here_can_be_sent(documents: worker._Documents, tmp_path: Path) -> None:
    """Absent, or another file under that name; what was sent is not asked for again."""
    path = make_image(tmp_path / "a.png", 1)
    page, data = page_of(path), path.read_bytes()
    make_image(path, 2)
    assert not documents.open(page, Place(str(path)))
    path.unlink()
    assert not documents.open(page, Place(str(path)))
    documents.keep({page.digest: data})
    assert documents.open(page, Place(str(path)))
    assert documents.open(page, Place(str(path)))
    assert documents.load(page, SPEC)
    documents.keep({page.digest: b"something else"})  # it is there already, and may be open
    assert documents.load(page, SPEC)


def test_sent_documents_do_not_fill_the_disk(
    documents: worker._Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest ones go, and can be sent again."""
    pages: list[PageRef] = []
    for number in range(3):
        path = make_image(tmp_path / f"{number}.png", number)
        pages.append(page_of(path))
        monkeypatch.setattr(worker, "MOST_KEPT", int(2.5 * path.stat().st_size))
        documents.keep({pages[-1].digest: path.read_bytes()})
        path.unlink()
    assert [documents.open(page, Place("/nowhere")) for page in pages] == [False, True, True]
    make_image(tmp_path / "0.png", 0)
    documents.keep({pages[0].digest: (tmp_path / "0.png").read_bytes()})
    assert documents.open(pages[0], Place("/nowhere"))
    assert documents.load(pages[0], SPEC)

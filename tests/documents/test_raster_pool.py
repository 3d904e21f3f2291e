"""Raster processes: a fault in one of them costs one page."""

from __future__ import annotations

import io
import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from drawing import encrypted, lines_strip, pdf_bytes, picture_bytes
from layer_pages import as_pdf, new_page, put_over_scan, write_lines
from visionocr import worker_main, workers
from visionocr.documents import Source, discover
from visionocr.documents.raster_pool import RasterPool
from visionocr.errors import ConfigurationError, DocumentError, Interrupted
from visionocr.types import PageRef, RasterSpec

SPEC = RasterSpec(300)
FAKE = """
import os, runpy, sys, threading, types
sys.path[:0] = {path!r}
from visionocr.boxes import Box
from visionocr.documents import document_cache
load = document_cache.DocumentCache.load
def misled(self, known, page, spec):
    os.write(1, b"noise")
    match page.number:
        case 2:
            os.abort()
        case 3:
            if os.path.exists({mark!r}):
                os.close(os.open({mark!r}, os.O_WRONLY))
            threading.Event().wait()
        case 4:
            raise RuntimeError("a fault\\nin the renderer")
        case 5:
            raise MemoryError
        case 6:
            place = dict(turn=0, taken="", overlaps=0, reduction=1, part=0, parts=0, region=Box(0, 0, 1, 1))
            rest = dict(width=0, height=0, blank=0, evidence=None, data=b"") | place
            strange = types.SimpleNamespace(kind="strange", message="", severity="")
            return (types.SimpleNamespace(**rest | dict(media_type=7, width=[], findings=[])),
                    types.SimpleNamespace(**rest, media_type="", findings=[strange]))
    return load(self, known, page, spec)
document_cache.DocumentCache.load = misled
runpy.run_path({workers!r}, {{}}, "__main__")
"""


def command(mark: str = "") -> list[str]:
    """A program that draws as ever, but for pages 2 to 6, on which it goes wrong in its own ways."""
    path = [str(Path(worker_main.__file__).parents[1]), *(path for path in sys.path if path)]
    return [sys.executable, "-I", "-S", "-c", FAKE.format(path=path, mark=mark, workers=worker_main.__file__)]


def seven_pages(folder: Path) -> str:
    """The path of a PDF with seven pages."""
    path = folder / "a.pdf"
    path.write_bytes(pdf_bytes(*(f"page {n}" for n in range(1, 8))))
    return str(path)


def open_documents(path: str, pool: RasterPool) -> tuple[Source, list[PageRef]]:
    """A source that *pool* renders, and its pages."""
    documents = Source(discover([path]))
    documents._rasterizer = pool
    return documents, list(documents.pages())


def test_processes_give_the_same_pages(tmp_path: Path) -> None:
    """Images, findings and errors equal those of rendering in this process, also when several render at once."""
    files = {
        "a.pdf": pdf_bytes("one", "two", "three"),
        "b.png": picture_bytes(Image.new("L", (90, 900)), "PNG"),
        "c.pdf": b"%PDF-1.4 broken",
        "d.pdf": encrypted("secret"),
        "e.png": picture_bytes(Image.new("RGB", (60, 50)), "PNG")[:-30],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seen = []
    for count in (0, 2):
        with Source(discover([str(tmp_path)], recursive=True), workers=count) as documents:
            assert documents.concurrency == max(1, count)

            def drawn(page: PageRef, documents: Source = documents) -> object:
                try:
                    return documents.load(page, RasterSpec(200))
                except DocumentError as error:
                    return error.message, error.hint

            with ThreadPoolExecutor(2) as pool:
                seen.append(list(pool.map(drawn, documents.pages())))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 7


def test_processes_give_the_same_evidence(tmp_path: Path) -> None:
    """Text layer, print and regions come through the pipe as they are, and all parts of a page share one object."""
    files = {
        "a.pdf": as_pdf(write_lines(new_page(), ["naïve", "été", "ﬁne", "\U0001f600", "Ωμέγα"])),
        "b.png": picture_bytes(lines_strip(60, width=400), "PNG"),
        "c.pdf": as_pdf(put_over_scan(write_lines(new_page()))),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    seen = []
    for count in (0, 1):
        with Source(discover([str(tmp_path)], recursive=True), workers=count) as documents:
            seen.append([documents.load(page, RasterSpec(600, find_evidence=True)) for page in documents.pages()])
    assert seen[0] == seen[1]
    layer, strip, scan = seen[1]
    assert layer[0].evidence is not None
    assert layer[0].evidence.is_layer_trusted
    assert len(strip) > 2
    assert len({id(image.evidence) for image in strip}) == 1
    assert scan[0].evidence is not None
    assert scan[0].evidence.text_layer
    assert scan[0].evidence.distrust


def test_a_fault_costs_one_page(tmp_path: Path) -> None:
    """A crash, an error or an invalid answer costs its page, in one line of words; the others are rendered."""
    documents, pages = open_documents(seven_pages(tmp_path), RasterPool(1, command=command()))
    with documents:
        words = {}
        for page in (page for page in pages if page.number != 3):
            try:
                assert documents.load(page, SPEC)[0].page == page
            except DocumentError as error:
                words[page.number] = error.message.partition("a.pdf ")[2]
    assert "".join(words.values()).isprintable()
    assert words[2] == "cannot be rendered: the renderer crashed (it ended with SIGABRT)"
    assert words[4] == "cannot be rendered: a fault\\nin the renderer"
    assert words[5] == "cannot be rendered: MemoryError"
    assert words[6] == "cannot be rendered: the renderer returned invalid data"
    assert len(words) == 4


@pytest.mark.slow
def test_a_page_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """The page fails; the next one is rendered by a fresh process."""
    documents, pages = open_documents(seven_pages(tmp_path), RasterPool(1, limit=3, command=command()))
    with documents:
        with pytest.raises(DocumentError, match=r"page 3 of .*: it took longer than 3 s"):
            documents.load(pages[2], SPEC)
        assert documents.load(pages[6], SPEC)


def test_an_idle_process_that_died_is_replaced(tmp_path: Path) -> None:
    """A process that was killed while idle costs no page."""
    pool = RasterPool(1)
    documents, pages = open_documents(seven_pages(tmp_path), pool)
    with documents:
        (idle,) = pool._pool._idle
        idle.close()
        assert documents.load(pages[0], SPEC)
        assert pool._pool._idle != [idle]


def test_a_process_that_does_not_start_ends_the_run(tmp_path: Path) -> None:
    """A missing program or a broken installation is not the document's fault."""
    worker = "visionocr.documents.raster_worker"
    broken = f"import runpy, sys; sys.modules[{worker!r}] = None; runpy.run_path(sys.argv[1], {{}}, '__main__')"
    for program in ([str(tmp_path / "missing")], [sys.executable, "-I", "-S", "-c", broken, worker_main.__file__]):
        with pytest.raises(ConfigurationError):
            open_documents(seven_pages(tmp_path), RasterPool(1, command=program))


def test_the_pool_grows_while_pages_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process starts once callers have waited long enough, and never more than the maximum."""
    pool = RasterPool(limit=20)
    pool._pool._most = 2
    documents, pages = open_documents(seven_pages(tmp_path), pool)

    def at_once() -> int:
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda page: documents.load(page, SPEC), pages))
        return len(pool._pool._idle)

    with documents:
        monkeypatch.setattr(workers, "_WORTH_A_START", 60.0)
        assert at_once() == 1
        monkeypatch.setattr(workers, "_WORTH_A_START", 0.0)
        assert at_once() == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_close_interrupts_callers(tmp_path: Path) -> None:
    """A caller that waits for a page gets ``Interrupted`` at once, and so do later callers."""
    mark = tmp_path / "mark"
    os.mkfifo(mark)
    documents, pages = open_documents(seven_pages(tmp_path), RasterPool(1, command=command(str(mark))))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(documents.load, pages[2], SPEC) for _ in range(2)]
        mark.read_bytes()  # it has come to the page
        documents.close()
        for one in waiting:
            with pytest.raises(Interrupted):
                one.result(10)
    with pytest.raises(Interrupted):
        documents.load(pages[0], SPEC)


@pytest.mark.slow
def test_a_password_prompt_does_not_count_as_page_time(tmp_path: Path) -> None:
    """While a password is typed the time limit does not run; the page count comes after it."""
    path = tmp_path / "locked.pdf"
    path.write_bytes(encrypted("secret"))
    typing = threading.Event()
    asked: list[str] = []

    def password(name: str) -> str:
        asked.append(name)
        if len(asked) == 1:
            typing.wait(2.5)
        return ["wrong", "secret"][len(asked) - 1]

    with Source(discover([str(path)]), password=password, workers=1, limit=2) as documents:
        (page,) = documents.pages()
        assert documents.load(page, SPEC)
    assert asked == [str(path)] * 2


@pytest.mark.slow
def test_a_document_from_a_pipe_reaches_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of a pipe are given to each process that needs them, and again to a replacement."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(pdf_bytes(*"abcdefgh"))))
    with Source(list(discover(["-"])), workers=2) as documents:
        pages = list(documents.pages())
        assert isinstance(documents._rasterizer, RasterPool)
        with ThreadPoolExecutor(2) as pool:
            before = list(pool.map(lambda page: documents.load(page, SPEC), pages))
        for idle in documents._rasterizer._pool._idle:
            idle.close()
        assert [documents.load(page, SPEC) for page in pages] == before


@pytest.mark.skipif(sys.platform != "linux", reason="no other system enforces the limit")
def test_memory_is_limited(tmp_path: Path) -> None:
    """A raster process cannot allocate more memory than its limit."""
    broken = command()
    broken[-1] = broken[-1].replace("os.abort()", "bytearray(3 << 29)")
    documents, pages = open_documents(seven_pages(tmp_path), RasterPool(1, command=broken))
    with documents, pytest.raises(DocumentError, match="MemoryError"):
        documents.load(pages[1], SPEC)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_process_ends_with_its_parent(tmp_path: Path) -> None:
    """When the program is killed in the middle of a page, its raster processes end."""
    mark = tmp_path / "mark"
    os.mkfifo(mark)
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *(path for path in sys.path if path)]!r}\n"
        "import test_raster_pool as test\n"
        f"pool = test.RasterPool(1, command=test.command({str(mark)!r}))\n"
        f"documents, pages = test.open_documents({seven_pages(tmp_path)!r}, pool)\n"
        "print(next(iter(documents._rasterizer._pool._idle)).pid, flush=True)\n"
        "documents.load(pages[2], test.SPEC)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        mark.read_bytes()  # it has come to the page
        end = os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
        parent.kill()
    if end is None:
        pytest.skip("no way here to see another process end")
    assert select.select([end], [], [], 20)[0], "it outlived its parent"
    os.close(end)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_processes_ignore_ctrl_c(tmp_path: Path) -> None:
    """The terminal's signal to the whole process group does not end a raster process."""
    pool = RasterPool(1)
    documents, pages = open_documents(seven_pages(tmp_path), pool)
    with documents:
        (idle,) = pool._pool._idle
        os.kill(idle.pid, signal.SIGINT)
        assert documents.load(pages[0], SPEC)
        assert pool._pool._idle == [idle]

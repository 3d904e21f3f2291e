"""The embedded engine: accuracy and order of its text, and the effects of a crash, a hang and a stop."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from visionocr import worker_main, workers
from visionocr.engines import local, local_worker
from visionocr.engines.local import LocalEngine, measure_confidence
from visionocr.errors import AnswerUnusable, ConfigurationError, Interrupted, RequestRefused
from visionocr.extras import install_command
from visionocr.layout.lines import Line
from visionocr.types import ChatMarkers, Engine, FinishReason, PageImage, PageRef, Prompt, Request, Sampler

pytest.importorskip("faster_paddle")
posix = pytest.mark.skipif(os.name != "posix", reason="signals and named pipes")

PROSE = (
    "The committee met on the third of May to examine the accounts of the previous year. It was agreed that the costs "
    "of the new building had risen more quickly than anyone expected, and that a further report would be needed before "
    "the autumn. Several members asked whether the original estimate had included the price of the land; the secretary "
    "replied that it had not. After a long discussion the meeting decided to postpone the question until October."
)

FAKE = """
import os, runpy, sys, threading, types
class OcrEngine:
    def __init__(self, model_size, threads):
        self.name = model_size
    def ocr(self, picture):
        os.write(1, b"noise on standard output")
        os.write(2, b"noise on standard error")
        what, _, rest = picture.decode().partition(" ")
        if what == "crash":
            os.abort()
        if what == "panic":
            raise SystemExit("panic")
        if what == "refuse":
            raise RuntimeError("bad picture")
        if what == "hang":
            if rest:
                mark = os.open(rest, os.O_WRONLY)
                os.write(mark, b"x")
            threading.Event().wait()
        text = str(os.getpid()) if what == "pid" else f"{self.name} read {what}"
        sure = 0.5 if what == "unsure" and self.name == "tiny" else 0.99
        box = {"topLeftCoord": (0, 0), "bottomRightCoord": (200, 20), "text": text, "confidence": sure}
        dots = {"topLeftCoord": (0, 40), "bottomRightCoord": (200, 60), "text": "0000.....", "confidence": 0.5}
        return {"bounds": {0: box, 1: dots} if what == "halftone" else {0: box}}
sys.modules["faster_paddle"] = types.SimpleNamespace(OcrEngine=OcrEngine)
runpy.run_path(sys.argv[1], run_name="__main__")
"""
FAKE_COMMAND = [sys.executable, "-I", "-c", FAKE, worker_main.__file__]
"""A worker as ever, but for the engine in it, which does as the picture's bytes say."""


def request(*pictures: bytes, deep: bool = False) -> Request:
    """A request for *pictures*."""
    images = tuple(
        PageImage(PageRef("test", n), "image/png", data, 200, 100) for n, data in enumerate(pictures, start=1)
    )
    return Request(Prompt("", ("Read this.", *images), ChatMarkers()), Sampler(), 100, deep=deep)


def draw(*boxes: tuple[tuple[float, float, float, float], str], size: float = 11, dpi: int = 150) -> bytes:
    """An A4 page with texts in boxes (points), as PNG."""
    mupdf: Any = pymupdf
    with mupdf.open() as document:
        page = document.new_page()
        for box, text in boxes:
            assert page.insert_textbox(box, text, fontsize=size, fontname="tiro") >= 0
        data: bytes = page.get_pixmap(dpi=dpi, colorspace=pymupdf.csRGB).tobytes("png")
        return data


def edits(first: str, second: str) -> int:
    """Levenshtein distance."""
    above = list(range(len(second) + 1))
    for row, one in enumerate(first, start=1):
        line = [row]
        for column, other in enumerate(second, start=1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (one != other)))
        above = line
    return above[-1]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The real engine with two workers."""
    found = LocalEngine(slots=2, threads=1)
    yield found
    found.close()


@pytest.fixture
def fake() -> Iterator[LocalEngine]:
    """An engine with one obedient worker."""
    found = LocalEngine(slots=1, command=FAKE_COMMAND)
    yield found
    found.close()


# --- accuracy and order --------------------------------------------------------------------------------


def test_a_clean_page_is_read(engine: Engine) -> None:
    """Less than two characters in a hundred are wrong, paragraphs come whole, the tiny model is enough."""
    completion = engine.complete(request(draw(((56, 56, 539, 300), PROSE), ((56, 320, 539, 800), PROSE))))
    expected = f"{PROSE}\n\n{PROSE}"
    assert edits(completion.text, expected) < 0.02 * len(expected)
    assert completion.confidence is not None
    assert completion.confidence >= local.SURE
    assert (completion.finish_reason, completion.server, completion.model) == (
        FinishReason.STOP,
        "local:",
        "PP-OCRv6 tiny",
    )
    assert completion.seconds > 0


def test_two_columns_are_read_in_order(engine: Engine) -> None:
    """The left column comes before the right one."""
    page = draw(((56, 56, 288, 400), f"Left {PROSE}"), ((307, 56, 539, 400), f"Right {PROSE}"))
    text = engine.complete(request(page)).text
    expected = f"Left {PROSE}\n\nRight {PROSE}"
    assert edits(text, expected) < 0.02 * len(expected)


@pytest.mark.slow
def test_a_blank_page_is_empty(engine: Engine) -> None:
    """A blank page gives no text and has no confidence."""
    completion = engine.complete(request(draw(dpi=72)))
    assert (completion.text, completion.confidence) == ("", None)


@pytest.mark.slow
def test_several_pictures_and_several_threads(engine: Engine) -> None:
    """Every request gets its own pictures' text, in order, however many threads ask."""
    words = ["apples", "bread", "cheese", "dates"]
    pages = [draw(((56, 56, 539, 120), f"A basket of {word}"), size=20, dpi=72) for word in words]
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda n: engine.complete(request(pages[n], pages[3 - n])).text, range(4)))
    assert texts == [f"A basket of {words[n]}\n\nA basket of {words[3 - n]}" for n in range(4)]


@pytest.mark.slow
def test_no_network_is_needed() -> None:
    """All models read in a worker that cannot open a socket and, where the system allows it, has no network."""
    refuse = (
        "import ctypes, os, runpy, socket, sys\n"
        "def refused(*_, **__): raise OSError('no network')\n"
        "socket.socket = type('socket', (socket.socket,), {'__init__': refused})\n"
        "socket.create_connection = socket.getaddrinfo = refused\n"
        "if sys.platform == 'linux':\n"
        "    ctypes.CDLL(None).unshare(0x50000000)  # a user and a network namespace of its own, if allowed\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    picture = draw(((56, 56, 539, 120), "A quiet morning"), size=20, dpi=72)
    for model in (model for model in local_worker.MODELS if local.installed(model)):
        engine = LocalEngine(model, slots=1, command=[sys.executable, "-I", "-S", "-c", refuse, worker_main.__file__])
        try:
            assert engine.complete(request(picture)).text == "A quiet morning"
        finally:
            engine.close()


def test_bytes_that_are_no_picture_are_refused(engine: Engine) -> None:
    """Rubbish costs its page, and the worker goes on."""
    with pytest.raises(AnswerUnusable, match="could not read the picture"):
        engine.complete(request(b"rubbish"))
    with pytest.raises(RequestRefused):
        engine.complete(request())


# --- choice of the model -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "picture", "deep", "used"),
    [
        ("auto", b"sure", False, "tiny"),
        ("auto", b"unsure", False, "small"),
        ("auto", b"sure", True, "small"),
        ("tiny", b"unsure", True, "tiny"),
        ("small", b"sure", False, "small"),
    ],
)
def test_the_small_model_reads_doubtful_pages(model: str, picture: bytes, deep: bool, used: str) -> None:
    """The small model reads when the tiny one is unsure or a deeper look is asked for; a chosen one always does."""
    engine = LocalEngine(model, slots=1, command=FAKE_COMMAND)
    try:
        completion = engine.complete(request(picture, deep=deep))
    finally:
        engine.close()
    assert completion.text == f"{used} read {picture.decode()}"
    assert completion.model == f"PP-OCRv6 {used}"


def test_confidence_is_weighted_by_characters() -> None:
    """A short bad line does not count, a tenth of the text does."""

    def page(*lines: tuple[int, float]) -> list[Line]:
        return [Line(0, 0, 1, 1, "x" * length, sure) for length, sure in lines]

    assert measure_confidence(page((95, 0.99), (5, 0.2))) == 0.99
    assert measure_confidence(page((90, 0.99), (10, 0.2))) == 0.2
    assert measure_confidence([]) is None


@pytest.mark.parametrize("model", ["medium", "", "Tiny"])
def test_an_unknown_model_is_an_error(model: str) -> None:
    """Unknown models are refused, above all ``medium``, which would be downloaded."""
    with pytest.raises(ConfigurationError, match="unknown local model"):
        LocalEngine(model)
    assert model not in local_worker.MODELS


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error has the command that installs it."""
    monkeypatch.setattr(local, "installed", lambda model: False)
    with pytest.raises(ConfigurationError) as caught:
        LocalEngine()
    assert install_command("local") in caught.value.hint


@pytest.mark.slow
def test_the_fast_model_shows_its_licence() -> None:
    """It is only used when it is named, and its licence is among the warnings."""
    if not local.installed("lite"):
        with pytest.raises(ConfigurationError) as caught:
            LocalEngine("lite")
        assert install_command("local-fast") in caught.value.hint
        return
    engine = LocalEngine("lite", slots=1)
    try:
        assert engine.server.warnings == (local.LITE_LICENCE,)
        completion = engine.complete(request(draw(((56, 56, 539, 300), PROSE))))
        assert edits(completion.text, PROSE) < 0.02 * len(PROSE)
        assert (completion.model, completion.final) == ("rapidocrlite lite", True)
        assert engine.complete(request(draw())).text == ""
    finally:
        engine.close()
    assert LocalEngine("auto").server.warnings == ()


def test_a_warm_worker_is_used(fake: LocalEngine) -> None:
    """Getting ready early starts one worker, and that one reads."""
    fake.warm()
    (early,) = fake._pool._idle
    assert int(fake.complete(request(b"pid")).text) == early.pid


def test_nothing_starts_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making and closing an engine starts no process; it says what it can do."""
    monkeypatch.setattr(local, "Worker", None)
    engine = LocalEngine(slots=3)
    server = engine.server
    assert (server.url, server.dialect, server.slots, server.max_images) == ("local:", "local", 3, 1)
    assert server.reads_only
    assert server.version
    assert engine.count_tokens("some words") is None
    engine.close()


def test_what_is_no_print_is_no_text_but_told(fake: LocalEngine) -> None:
    """Halftone that was read as characters is left out of the text, and the completion has it."""
    completion = fake.complete(request(b"halftone"))
    assert completion.text == "tiny read halftone"
    assert [line.text for line in completion.lines] == ["tiny read halftone"]
    assert completion.dropped == ("0000.....",)


# --- faults --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("picture", "words"), [(b"crash", "crashed"), (b"panic", "its native code panicked"), (b"refuse", "bad")]
)
def test_a_crash_costs_one_page(fake: LocalEngine, picture: bytes, words: str) -> None:
    """The page on which the worker dies is lost with a reason, the next is read; noise does no harm."""
    assert fake.complete(request(b"sure")).text == "tiny read sure"
    with pytest.raises(AnswerUnusable, match=words):
        fake.complete(request(picture))
    assert fake.complete(request(b"sure")).text == "tiny read sure"


@pytest.mark.slow
def test_a_hang_costs_one_page() -> None:
    """A page that takes too long is given up, and the next is read by a fresh worker."""
    engine = LocalEngine(slots=1, timeout=2.5, command=FAKE_COMMAND)
    try:
        with pytest.raises(AnswerUnusable, match=r"too long.* 2\.5 s"):
            engine.complete(request(b"hang"))
        assert engine.complete(request(b"sure")).text == "tiny read sure"
    finally:
        engine.close()


def test_a_worker_that_died_idle_is_replaced(fake: LocalEngine) -> None:
    """A worker that was killed while idle costs no page."""
    pid = int(fake.complete(request(b"pid")).text)
    (idle,) = fake._pool._idle
    idle.close()
    assert int(fake.complete(request(b"pid")).text) != pid


def test_a_worker_that_does_not_start_is_a_configuration_error(tmp_path: Path) -> None:
    """Neither a program that is missing nor a package that does not load is the page's fault."""
    broken = "import runpy, sys; sys.modules['faster_paddle'] = None; runpy.run_path(sys.argv[1], {}, '__main__')"
    commands = [[str(tmp_path / "missing")], [sys.executable, "-I", "-S", "-c", broken, worker_main.__file__]]
    for command in commands:
        engine = LocalEngine(slots=1, command=command)
        with pytest.raises(ConfigurationError, match="failed to start"):
            engine.complete(request(b"sure"))
        engine.close()


@pytest.mark.parametrize("stop", ["cancel", "close"])
def test_a_stop_ends_what_runs(fake: LocalEngine, stop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that run, that wait and that come later raise ``Interrupted``."""
    asked = threading.Event()
    original = workers.Worker.call

    def watched(self: workers.Worker, *arguments: Any, **options: Any) -> worker_main.Frame:
        asked.set()
        return original(self, *arguments, **options)

    monkeypatch.setattr(workers.Worker, "call", watched)
    with ThreadPoolExecutor(2) as pool:
        # One is in the worker and one in the queue.
        running = [pool.submit(fake.complete, request(b"hang")) for _ in range(2)]
        assert asked.wait(10)
        getattr(fake, stop)()
        getattr(fake, stop)()
        for one in running:
            with pytest.raises(Interrupted):
                one.result(10)
    with pytest.raises(Interrupted):
        fake.complete(request(b"sure"))


@posix
def test_workers_ignore_ctrl_c(fake: LocalEngine) -> None:
    """The terminal's signal to the whole process group does not end the worker."""
    pid = int(fake.complete(request(b"pid")).text)
    os.kill(pid, signal.SIGINT)
    assert int(fake.complete(request(b"pid")).text) == pid


@pytest.mark.slow
@posix
def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """A script without a main guard runs once, and when it is killed in the middle of a page, so is its worker."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *(path for path in sys.path if path)]!r}\n"
        "print('once', flush=True)\n"
        "import test_local as test\n"
        "engine = test.LocalEngine(slots=1, command=test.FAKE_COMMAND)\n"
        f"engine.complete(test.request(b'hang {pipe}'))\n"
    )
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as parent:
        assert select.select([end], [], [], 20)[0], "the worker never got the page"
        assert os.read(end, 1) == b"x"
        parent.kill()
        assert parent.stdout is not None
        assert parent.stdout.read() == b"once\n"
    assert select.select([end], [], [], 20)[0], "the worker outlived its parent"
    assert os.read(end, 1) == b""  # the last holder of the other end is gone
    os.close(end)

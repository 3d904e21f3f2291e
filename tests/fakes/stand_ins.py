"""A fake engine and a fake source, for tests of the reader and the asker without server and files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from visionocr.asking import Asker
from visionocr.errors import DocumentError
from visionocr.prompting.render import Question
from visionocr.reader import Reader
from visionocr.stop import Stop
from visionocr.types import (
    ChatMarkers,
    Completion,
    Event,
    FinishReason,
    ImageFacts,
    PageImage,
    PageRef,
    Preset,
    RasterSpec,
    Request,
    Sampler,
    Server,
    Task,
)

PRESET = Preset("test", "Test", ChatMarkers(), ImageFacts(longest_side=1024))
TASK = Task("transcribe", "Transcribe", "Transcribe the page.")
QUESTION = Question(
    PRESET, TASK, Sampler(), max_length=500, batch_prompt="There are {{count}} images. Write these marks:\n{{marks}}"
)

SPEC = RasterSpec(max_side=1024)

Reply = str | Completion | Exception


def image_of(page: PageRef, part: int = 1, parts: int = 1) -> PageImage:
    """An image whose bytes are its page and part number."""
    return PageImage(page, "image/png", f"{page.number}.{part}".encode(), 100, 140, part, parts)


class FakeEngine:
    """An engine with scripted replies: those in ``says[page]`` one after the other, then ``text N``."""

    def __init__(self, slots: int = 1, max_body: int | None = None) -> None:
        self.server = Server("fake:", "fake", model="fake", slots=slots, max_images=4, max_body=max_body)
        self.says: dict[int, list[Any]] = {}
        self.batch_says: list[Reply] = []
        self.asked: list[Request] = []
        self.before: Callable[[Request], None] = lambda request: None
        self.cancelled = threading.Event()
        self._lock = threading.Lock()

    def complete(self, request: Request) -> Completion:
        """Take the next reply for the request's page."""
        self.before(request)
        images = request.prompt.images
        number = images[0].page.number
        with self._lock:
            self.asked.append(request)
            script = self.batch_says if len(images) > 1 else self.says.get(number, [])
            reply: Reply = script.pop(0) if script else f"text {images[0].data.decode()}"
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Completion) else answer(reply)

    def count_tokens(self, text: str) -> int | None:
        """One for each word."""
        return len(text.split())

    def cancel(self) -> None:
        """Remember that it was called."""
        self.cancelled.set()

    def close(self) -> None:
        """Nothing to give back."""

    def asks_of(self, number: int) -> list[Request]:
        """The requests for one page alone."""
        return [r for r in self.asked if len(r.prompt.images) == 1 and r.prompt.images[0].page.number == number]


def answer(text: str, reason: FinishReason = FinishReason.STOP) -> Completion:
    """A completion that used its picture."""
    return Completion(
        text, reason, prompt_tokens=120, text_tokens=20, completion_tokens=10, server="fake:", seconds=0.5
    )


class FakeSource:
    """``count`` pages; ``broken`` ones raise, ``strips`` come in two parts. Remembers what was loaded, and when."""

    def __init__(self, count: int, broken: frozenset[int] = frozenset(), strips: frozenset[int] = frozenset()) -> None:
        self.count = count
        self.broken = broken
        self.strips = strips
        self.loaded: list[int] = []
        self.threads: set[str] = set()
        self.closed = threading.Event()
        self.concurrency = 1

    def pages(self) -> Iterator[PageRef]:
        """All pages of one document."""
        for number in range(1, self.count + 1):
            self.threads.add(threading.current_thread().name)
            yield PageRef("a.pdf", number, self.count, "digest")

    def load(self, page: PageRef, spec: RasterSpec) -> tuple[PageImage, ...]:
        """The page's images."""
        assert spec.max_side == 1024
        self.threads.add(threading.current_thread().name)
        self.loaded.append(page.number)
        if page.number in self.broken:
            raise DocumentError(f"page {page.number} is broken")
        parts = 2 if page.number in self.strips else 1
        return tuple(image_of(page, part, parts) for part in range(1, parts + 1))

    def close(self) -> None:
        """Remember that it was called."""
        self.closed.set()


def reader(
    source: FakeSource,
    engine: FakeEngine,
    *,
    batch: int = 1,
    events: list[Event] | None = None,
    stop: Stop | None = None,
) -> Reader:
    """A reader over stand-ins."""
    observer = events.append if events is not None else lambda event: None
    asker = Asker(engine, QUESTION, max_asks=2)
    return Reader(source, engine, asker, SPEC, batch=batch, observer=observer, stop=stop)

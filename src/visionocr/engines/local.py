"""The embedded engine: reads text without a server, with weights from a Python package.

It cannot follow a prompt or describe a picture.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionocr.boxes import Box, TextLine, place_box
from visionocr.engines.packages import can_import, find_version
from visionocr.errors import AnswerUnusable, ConfigurationError, RequestRefused
from visionocr.extras import explain_missing_build, install_hint
from visionocr.formats.markdown import write_markdown
from visionocr.layout.lines import Line
from visionocr.layout.noise import drop_noise
from visionocr.layout.structure import read_page
from visionocr.types import Completion, FinishReason, PageImage, Request, Server
from visionocr.worker_main import count_cores
from visionocr.workers import CallFailed, Worker, WorkerDied, WorkerPool

SURE = 0.965
"""Below it the small model reads the page, too. Tried on pages drawn for the purpose at 100 to 200 dpi: of 48
till receipts (80 to 96 % of the words right) 41 were below, of 102 clean pages in proportional type none, of 32 in
typewriter type, which the tiny model reads less well, 10; of 26 noisy, blurred or very small renders the two that
were above had every word right, the 24 below had not."""
_RANKS = ("lite", "tiny", "small")
"""Of the models that looked at a request's pictures, the last one here is named."""
MOST_WORKERS = 4
"""Most worker processes by default: each holds its own models in memory."""

LITE = "lite"
"""The model of another package, which is never used unless it is named."""
LITE_LICENCE = (
    "rapidocrlite is an alpha, and its weights are under a modified OpenRAIL-M licence with a limit of revenue, a "
    "clause against competitors, and share-alike terms that cover the text it writes: read it before you use the result"
)
_NAMES = {
    "auto": "PP-OCRv6 tiny+small",
    "tiny": "PP-OCRv6 tiny",
    "small": "PP-OCRv6 small",
    LITE: "rapidocrlite lite",
}


def installed(model: str = "auto") -> bool:
    """Whether the package that a model needs is there; imports nothing."""
    return can_import("rapidocr" if model == LITE else "faster_paddle")


def missing(model: str) -> ConfigurationError:
    """The error that a model's package is not there."""
    extra = "local-fast" if model == LITE else "local"
    return ConfigurationError(f"the embedded engine's model {model!r} is not installed", install_hint(extra))


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in one picture."""

    lines: tuple[Line, ...]
    """In pixels of the picture."""
    model: str
    """The model that found them."""
    seconds: float
    dropped: tuple[Line, ...] = ()
    """What was found, too, but is no print (see ``drop_noise``)."""

    @property
    def confidence(self) -> float | None:
        """See ``measure_confidence``."""
        return measure_confidence(self.lines)


class LocalEngine:
    """Reads pictures in worker processes of its own; an ``Engine``.

    Workers start when they are first needed and load a model when it is first asked for. Nothing is ever
    downloaded.
    """

    server: Server

    def __init__(
        self,
        model: str = "auto",
        *,
        slots: int | None = None,
        threads: int | None = None,
        timeout: float = 300.0,
        niceness: int = 0,
        command: Sequence[str] | None = None,
    ) -> None:
        """Choose; nothing is started.

        *model*: ``tiny`` (fast), ``small`` (about five times slower, better on receipts, photos and small print)
        or ``auto``: tiny, and small where tiny is unsure or a deeper look is asked for; ``lite``: another package's,
        the fastest, with terms of its own.
        *slots*: worker processes, by default one a core, four at the most. *threads*: of each; by default they
        share the cores out. Many pages are read fastest by many workers, a single page by one with all cores.
        *timeout*: seconds that one look at one
        picture may take. *niceness*: how far the workers give way to other programs, 0 to 19 (not on Windows).
        *command*: the program to run as worker, for tests.

        Raises ``ConfigurationError`` for an unknown model or when the package is not installed.
        """
        if model not in _NAMES:
            raise ConfigurationError(f"unknown local model {str(model)!r}", f"Choose one of: {', '.join(_NAMES)}.")
        if not installed(model):
            raise missing(model)
        slots = max(1, slots or min(count_cores(), MOST_WORKERS))
        self._threads = max(1, threads or count_cores() // slots)
        self._model = str(model)
        self._timeout = timeout
        self._niceness = niceness
        self._command = command
        self._pool = WorkerPool(self._start, slots)
        package = "rapidocrlite" if model == LITE else "faster-paddle"
        self.server = Server(
            url="local:",
            dialect="local",
            kind=f"embedded engine ({package})",
            version=find_version(package),
            model=_NAMES[self._model],
            vision=True,
            counts_tokens=False,
            slots=slots,
            reads_only=True,
            warnings=(LITE_LICENCE,) if model == LITE else (),
        )

    def complete(self, request: Request) -> Completion:
        """The text of the request's pictures, parted by an empty line; the prompt's words are not looked at.

        ``confidence`` is that of the least certain picture, ``None`` when nothing was found.

        Raises ``AnswerUnusable`` when a picture could not be read or broke the worker, ``Interrupted`` once the
        engine is stopped, ``ConfigurationError`` when it does not start on this machine.
        """
        pictures = request.prompt.images
        if not pictures:
            raise RequestRefused("the embedded engine reads pictures, and there is none in the request")
        readings = [self.read_lines(picture.data, deep=request.deep) for picture in pictures]
        blocks = tuple(
            replace(block, box=block.box and place_box(block.box, picture.region, picture.turn))
            for picture, reading in zip(pictures, readings, strict=True)
            for block in read_page(reading.lines, picture.width, picture.height)
        )
        sure = [value for reading in readings if (value := reading.confidence) is not None]
        return Completion(
            text=write_markdown(blocks),
            finish_reason=FinishReason.STOP,
            server=self.server.url,
            model=_NAMES[max((reading.model for reading in readings), key=_RANKS.index)],
            seconds=sum(reading.seconds for reading in readings),
            confidence=min(sure, default=None),
            lines=tuple(
                place_line(line, picture)
                for picture, reading in zip(pictures, readings, strict=True)
                for line in reading.lines
            ),
            final=self._model != "auto" or all(reading.model == "small" for reading in readings),
            blocks=blocks,
            dropped=tuple(line.text for reading in readings for line in reading.dropped),
        )

    def warm(self) -> None:
        """Let a worker start and load its first model, while there is something else to do."""
        self._pool.add(self._start(warm=self._choose_first(deep=False)))

    def count_tokens(self, text: str) -> int | None:  # noqa: ARG002 - the protocol's
        """``None``: there are no tokens here."""
        return None

    def cancel(self) -> None:
        """End all workers; requests that run or come later raise ``Interrupted``."""
        self._pool.close()

    def close(self) -> None:
        """See ``cancel``."""
        self._pool.close()

    def read_lines(self, picture: bytes, *, deep: bool = False) -> Reading:
        """The lines of one picture, waiting for a free worker. Raises as ``complete`` does."""
        with self._pool.acquire() as worker:
            start = time.monotonic()
            model = self._choose_first(deep=deep)
            lines, dropped = self._ask(worker, model, picture)
            if self._model == "auto" and model != "small" and (measure_confidence(lines) or 0.0) < SURE:
                better, its_dropped = self._ask(worker, "small", picture)
                if better or not lines:
                    model, lines, dropped = "small", better, its_dropped
            return Reading(tuple(lines), model, time.monotonic() - start, tuple(dropped))

    def _ask(self, worker: Worker, model: str, picture: bytes) -> tuple[list[Line], list[Line]]:
        """The lines that a model finds, and those among them that are no print."""
        try:
            head, _ = worker.call({"model": model}, picture, timeout=self._timeout)
            found = [_decode_line(*line) for line in head["lines"]]
        except CallFailed as error:
            if error.setup:
                raise ConfigurationError(
                    f"the embedded engine failed to start: {error}",
                    explain_missing_build("local") or "Its package may not suit this system or Python.",
                ) from None
            raise AnswerUnusable(f"the embedded engine could not read the picture: {error}") from None
        except WorkerDied as error:
            if self._pool.is_closed:
                raise
            what = "took too long over the page" if error.hung else "crashed on the page"
            raise AnswerUnusable(f"the embedded engine {what}: {error}") from None
        except (LookupError, TypeError, ValueError):
            worker.kill()
            raise AnswerUnusable("the embedded engine returned invalid data") from None
        return drop_noise([line for line in found if line.text.strip()])

    def _choose_first(self, *, deep: bool) -> str:
        """The model that reads first."""
        return self._model if self._model != "auto" else "small" if deep else "tiny"

    def _start(self, *, warm: str = "") -> Worker:
        arguments = {"threads": self._threads, "warm": warm, "niceness": self._niceness}
        try:
            return Worker("visionocr.engines.local_worker", arguments, command=self._command)
        except OSError as error:
            raise ConfigurationError(f"the embedded engine failed to start: {error}") from None


def measure_confidence(lines: Sequence[Line]) -> float | None:
    """How sure the engine is of a page, 0 to 1: a tenth of the page's characters stand in lines this bad or worse.

    The mean hides what matters: a line read wrong among twenty read well moves it less than the typeface does.
    The worst line says too little: every page has a logo or a rule that was taken for text. Characters are
    counted and not lines, so that a page number weighs little. ``None`` when there is nothing to be sure of.
    """
    weighed = sorted((line.confidence, len(line.text)) for line in lines)
    left = sum(length for _, length in weighed) / 10
    for score, length in weighed:
        left -= length
        if left <= 0:
            return score
    return None


def _decode_line(left: Any, top: Any, right: Any, bottom: Any, text: Any, sure: Any) -> Line:
    return Line(float(left), float(top), float(right), float(bottom), str(text), float(sure))


def place_line(line: Line, image: PageImage) -> TextLine:
    """A line of *image*, which is in its pixels, as a line of the page."""
    width, height = image.width, image.height
    box = Box(line.left / width, line.top / height, line.right / width, line.bottom / height)
    return TextLine(line.text, place_box(box, image.region, image.turn), line.confidence)

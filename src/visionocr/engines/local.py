"""The embedded engine: reads text with no server at hand, from weights inside a Python package.

It reads and does nothing else: it cannot follow a prompt or describe a picture.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from importlib.util import find_spec

from visionocr.engines.layout import Line
from visionocr.engines.local_worker import Worker
from visionocr.engines.markdown import page_text
from visionocr.errors import AnswerUnusable, ConfigurationError, Interrupted, RequestRefused
from visionocr.processes.hiring import Hiring, cores
from visionocr.processes.permits import Permits
from visionocr.processes.piped import Failed, Lost
from visionocr.types import Completion, FinishReason, Request, Server

SURE = 0.965
"""Below this confidence the small model has a look. Tried on pages drawn for the purpose at 100 to 200 dpi: of 48
till receipts (80 to 96 % of the words right) 41 were below, of 102 clean pages in proportional type none, of 32 in
typewriter type, which the tiny model reads less well, 10; of 26 noisy, blurred or very small renders the two that
were above had every word right, the 24 below had not."""
STRAY = 0.5
"""Below this confidence a line of one or two signs is a speck or a part of a picture, not text."""
_RANKS = ("lite", "tiny", "small")
"""Of the models that looked at a request's pictures, the last one here is named."""
MOST_WORKERS = 4
"""Each holds its own models in memory, so there is an end to what many cores are worth."""

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
    return find_spec("rapidocr" if model == LITE else "faster_paddle") is not None


def missing(model: str) -> ConfigurationError:
    """The error that a model's package is not there."""
    extra = "local-fast" if model == LITE else "local"
    return ConfigurationError(
        f"the embedded engine's model {model!r} is not installed", f'Install it with: pip install "visionocr[{extra}]"'
    )


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
        markdown: bool = True,
        timeout: float = 300.0,
        command: Sequence[str] | None = None,
    ) -> None:
        """Choose; nothing is started.

        *model*: ``tiny`` (fast), ``small`` (about five times slower, better on receipts, photos and small print)
        or ``auto``: tiny, and small where tiny is unsure or a deeper look is asked for; ``lite``: another package's,
        the fastest, with terms of its own.
        *slots*: worker processes, by default one a core, four at the most. *threads*: of each; by default they
        share the cores out. Many pages are read fastest by many workers, a single page by one with all cores.
        *markdown*: headings, lists and tables are marked; else plain text. *timeout*: seconds that one look at one
        picture may take. *command*: the program to run as worker, for tests.

        Raises ``ConfigurationError`` for an unknown model or when the package is not installed.
        """
        if model not in _NAMES:
            raise ConfigurationError(f"unknown local model {str(model)!r}", f"Choose one of: {', '.join(_NAMES)}.")
        if not installed(model):
            raise missing(model)
        slots = max(1, slots or min(cores(), MOST_WORKERS))
        self._threads = max(1, threads or cores() // slots)
        self._model = str(model)
        self._markdown = markdown
        self._timeout = timeout
        self._command = command
        self._free = Permits(slots)
        self._hiring: Hiring[Worker] = Hiring()
        package = "rapidocrlite" if model == LITE else "faster-paddle"
        self.server = Server(
            url="local:",
            dialect="local",
            kind=f"embedded engine ({package})",
            version=_version(package),
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

        Raises ``AnswerUnusable`` when a picture could not be read or broke the worker, ``Interrupted`` after
        ``cancel`` or ``close``, ``ConfigurationError`` when the engine does not start on this machine.
        """
        pictures = request.prompt.images
        if not pictures:
            raise RequestRefused("the embedded engine reads pictures, and there is none in the request")
        turn = self._hiring.turn
        with self._free:
            start = time.monotonic()
            looks = [self._look(picture.data, request.deep, turn) for picture in pictures]
            seconds = time.monotonic() - start
        texts = [page_text(lines, self._markdown) for lines, _ in looks]
        sure = [value for lines, _ in looks if (value := confidence(lines)) is not None]
        return Completion(
            text="\n\n".join(text for text in texts if text),
            finish_reason=FinishReason.STOP,
            server=self.server.url,
            model=_NAMES[max((model for _, model in looks), key=_RANKS.index)],
            seconds=seconds,
            confidence=min(sure, default=None),
            final=self._model != "auto" or all(model == "small" for _, model in looks),
        )

    def warm(self) -> None:
        """Let a worker start and load its first model, while there is something else to do."""
        with self._hiring.hired(partial(self._started, warm=self._first(deep=False)), self._hiring.turn):
            """It loads meanwhile."""

    def count_tokens(self, text: str) -> int | None:  # noqa: ARG002 - the protocol's
        """``None``: there are no tokens here."""
        return None

    def cancel(self) -> None:
        """Kill the workers that are reading; their ``complete`` raises ``Interrupted``. Later requests are served."""
        self._hiring.cancel()

    def close(self) -> None:
        """End all workers, for good."""
        self._hiring.close()

    def _look(self, picture: bytes, deep: bool, turn: int) -> tuple[list[Line], str]:
        """The lines of one picture and the model that found them."""
        first = self._first(deep=deep)
        lines = self._ask(first, picture, turn)
        if self._model != "auto" or first == "small" or (confidence(lines) or 0.0) >= SURE:
            return lines, first
        better = self._ask("small", picture, turn)
        return (better, "small") if better or not lines else (lines, "tiny")

    def _ask(self, model: str, picture: bytes, turn: int) -> list[Line]:
        try:
            with self._hiring.hired(self._started, turn) as hired:
                found = hired.ask(model, picture, self._timeout)
        except Failed as error:
            if error.setup:
                raise ConfigurationError(
                    f"the embedded engine does not start: {error}", "Its package may not fit this system or Python."
                ) from None
            raise AnswerUnusable(f"the embedded engine could not read the picture: {error}") from None
        except Lost as error:
            if turn != self._hiring.turn:
                raise Interrupted("reading was stopped") from None
            what = "took too long over the page" if error.hung else "crashed on the page"
            raise AnswerUnusable(f"the embedded engine {what}: {error}") from None
        return [line for line in (Line(*raw) for raw in found) if line.text.strip() and not _stray(line)]

    def _first(self, *, deep: bool) -> str:
        """The model that looks first."""
        return self._model if self._model != "auto" else "small" if deep else "tiny"

    def _started(self, *, warm: str = "") -> Worker:
        try:
            return Worker(self._threads, self._command, warm=warm)
        except OSError as error:
            raise ConfigurationError(f"the embedded engine does not start: {error}") from None


def confidence(lines: Sequence[Line]) -> float | None:
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


def _stray(line: Line) -> bool:
    return line.confidence < STRAY and sum(char.isalnum() for char in line.text) < 3


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""

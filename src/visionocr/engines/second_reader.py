"""The second reader: the embedded engine reads a page beside the model, as a reference for its answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from visionocr.answers.overlap import find_limits, is_within
from visionocr.engines.local import LocalEngine, place_line
from visionocr.errors import ConfigurationError, Interrupted, ServerError
from visionocr.evidence import Reference, Source
from visionocr.types import Notice, Observer, PageImage, ignore

MOST_READERS = 2
"""Worker processes: each holds its own models in memory."""
NICENESS = 10
"""It gives way to the renderer, and to a model on the same processor."""


class SecondReader:
    """Reads images in worker processes of its own that give way to other programs."""

    def __init__(self, engine: LocalEngine, *, patient: bool, observer: Observer = ignore) -> None:
        """*engine* reads; it is closed with this. *patient*: read every page, however long that takes.

        Else pages are left out while as many as *engine* can read at once wait already, so that a quick server never
        waits for a slow reader.
        """
        self._engine = engine
        self._patient = patient
        self._observer = observer
        self._executor = ThreadPoolExecutor(engine.server.slots, "second reader")
        self._lock = threading.Lock()
        self._waiting = 0
        self._broken = False
        """It does not start on this machine."""

    @property
    def slots(self) -> int:
        """Pages that it reads at once."""
        return self._engine.server.slots

    def begin(self, images: Sequence[PageImage]) -> Future[Reference | None] | None:
        """Begin to read the images of a page; the result is ``None`` where they could not be read.

        Returns ``None`` when too many pages wait already.
        """
        with self._lock:
            if self._broken or (not self._patient and self._waiting >= 2 * self.slots):
                return None
            self._waiting += 1
        future = self._executor.submit(self._read, images)
        future.add_done_callback(lambda _: self._count_down())
        return future

    def read(self, images: Sequence[PageImage]) -> Reference | None:
        """Read the images of a page in the caller's thread; ``None`` where they could not be read."""
        return None if self._broken else self._read(images)

    def close(self) -> None:
        """End what it reads, for good; from any thread."""
        self._engine.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _count_down(self) -> None:
        with self._lock:
            self._waiting -= 1

    def _read(self, images: Sequence[PageImage]) -> Reference | None:
        try:
            readings = [(image, self._engine.read_lines(image.data)) for image in images]
        except (ServerError, Interrupted):
            return None  # the page broke it, which the model may read all the same; or the run is stopped
        except ConfigurationError as error:
            with self._lock:
                is_first, self._broken = not self._broken, True
            if is_first:
                self._observer(Notice(f"answers are not compared with a second reading: {error.message}", warning=True))
            return None
        lines = [
            placed
            for (image, reading), limits in zip(readings, find_limits(images), strict=True)
            for line in reading.lines
            if is_within((placed := place_line(line, image)).box, image, limits)
        ]
        sure = [value for _, reading in readings if (value := reading.confidence) is not None]
        return Reference(Source.SECOND_READER, tuple(lines), min(sure, default=1.0))

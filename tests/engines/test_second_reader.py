"""The second reader: pages read beside the model, without ever holding up a quick server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from visionocr.boxes import Box
from visionocr.engines.local import LocalEngine, Reading, place_line
from visionocr.engines.second_reader import SecondReader
from visionocr.errors import AnswerUnusable, ConfigurationError, Interrupted
from visionocr.evidence import Source
from visionocr.layout.lines import Line
from visionocr.types import Event, Notice, PageImage, PageRef, Server

PATIENCE = 20
"""Seconds."""
IMAGE = PageImage(PageRef("a.pdf", 1), "image/png", b"picture", 200, 100)


class FakeLocal(LocalEngine):
    """An embedded engine whose readings a function gives."""

    def __init__(self, read: Callable[[bytes], Reading], slots: int = 1) -> None:
        self.server = Server("local:", "local", slots=slots)
        self.read = read
        self.closed = False

    def read_lines(self, picture: bytes, *, deep: bool = False) -> Reading:
        """See ``LocalEngine.read_lines``."""
        return self.read(picture)

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True


def reading(*lines: tuple[str, float]) -> Reading:
    """Lines one under the other, each with its confidence."""
    found = tuple(Line(20, 10 * at, 120, 10 * at + 8, text, sure) for at, (text, sure) in enumerate(lines))
    return Reading(found, "tiny", 0.1)


def test_its_lines_have_places_on_the_page() -> None:
    """Boxes are fractions of the page, whatever part of it the image shows."""
    lower = replace(IMAGE, region=Box(0.0, 0.5, 1.0, 1.0))
    line = place_line(Line(20, 50, 120, 60, "text", 0.9), lower)
    assert (line.text, line.confidence) == ("text", 0.9)
    assert line.box == Box(0.1, 0.75, 0.6, pytest.approx(0.8))  # type: ignore[arg-type]


def test_a_page_in_parts_is_one_reference() -> None:
    """The lines of all images of a page, with the confidence of the least certain one."""
    reader = SecondReader(
        FakeLocal(lambda data: reading((data.decode(), 0.99 if data == b"one" else 0.7))), patient=True
    )
    future = reader.begin([replace(IMAGE, data=b"one", parts=2), replace(IMAGE, data=b"two", part=2, parts=2)])
    assert future is not None
    reference = future.result(PATIENCE)
    assert reference is not None
    assert reference.source is Source.SECOND_READER
    assert [line.text for line in reference.lines] == ["one", "two"]
    assert reference.confidence == 0.7
    reader.close()


def test_lines_in_two_overlapping_parts_stand_once() -> None:
    """A line that two images show is taken from the one in which it is whole."""
    parts = (
        replace(IMAGE, data=b"one", parts=2, region=Box(0, 0, 1, 0.6)),
        replace(IMAGE, data=b"two", part=2, parts=2, region=Box(0, 0.4, 1, 1), overlaps=True),
    )
    # Ten lines of a tenth of each image: where both show the page, the fifth is in the middle.
    lines = {part.data: reading(*((f"{part.data.decode()} {at}", 0.99) for at in range(10))) for part in parts}
    reader = SecondReader(FakeLocal(lines.__getitem__), patient=True)
    reference = reader.read(parts)
    assert reference is not None
    heights = [(line.box.top + line.box.bottom) / 2 for line in reference.lines]
    assert heights == sorted(heights)
    assert [line.text for line in reference.lines][7:9] == ["one 7", "two 2"]
    reader.close()


@pytest.mark.parametrize("error", [AnswerUnusable("it crashed on the page"), Interrupted("stopped")])
def test_what_it_cannot_read_has_no_reference(error: Exception) -> None:
    """A page over which it crashes, or a stopped run, leaves an answer unchecked and costs nothing else."""

    def fail(data: bytes) -> Reading:
        raise error

    reader = SecondReader(FakeLocal(fail), patient=True)
    future = reader.begin([IMAGE])
    assert future is not None
    assert future.result(PATIENCE) is None
    assert reader.begin([IMAGE]) is not None
    reader.close()


def test_a_package_that_does_not_run_is_tried_once() -> None:
    """What keeps the engine from starting is said once; no further page is tried."""

    def fail(data: bytes) -> Reading:
        raise ConfigurationError("the embedded engine failed to start")

    events: list[Event] = []
    reader = SecondReader(FakeLocal(fail), patient=True, observer=events.append)
    future = reader.begin([IMAGE])
    assert future is not None
    assert future.result(PATIENCE) is None
    (notice,) = events
    assert isinstance(notice, Notice)
    assert notice.message.endswith("the embedded engine failed to start")
    assert reader.begin([IMAGE]) is None
    reader.close()


@pytest.mark.parametrize(("patient", "begun"), [(False, 2), (True, 5)])
def test_a_quick_server_does_not_wait_for_it(patient: bool, begun: int) -> None:
    """Pages are left out while as many wait as it reads at once, unless every page is to be read."""
    go = threading.Event()

    def read(data: bytes) -> Reading:
        assert go.wait(PATIENCE)
        return reading(("text", 0.99))

    reader = SecondReader(FakeLocal(read), patient=patient)
    futures = [future for _ in range(5) if (future := reader.begin([IMAGE])) is not None]
    assert len(futures) == begun
    go.set()
    assert all(future.result(PATIENCE) is not None for future in futures)
    assert reader.begin([IMAGE]) is not None
    reader.close()


def test_closing_it_closes_its_engine() -> None:
    """What waits is dropped, and the engine's workers end."""
    engine = FakeLocal(lambda data: reading())
    SecondReader(engine, patient=True).close()
    assert engine.closed

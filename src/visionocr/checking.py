"""Weighs answers against what is known of their pages: the text layer, a second reader, the print in the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace

from visionocr.answers.compare import Comparison, compare
from visionocr.answers.judge import status_of
from visionocr.answers.layer_check import is_contradicted
from visionocr.answers.repair import repair_numbers
from visionocr.blocks import Block
from visionocr.engines import local
from visionocr.engines.second_reader import MOST_READERS, NICENESS, SecondReader
from visionocr.evidence import Evidence, Reference, Source
from visionocr.layout.lines import from_text_lines
from visionocr.layout.structure import read_page
from visionocr.settings import CrossCheck, TextLayer
from visionocr.stop import Stop
from visionocr.types import Finding, FindingKind, Observer, PageImage, Severity, Status, ignore
from visionocr.worker_main import count_cores

_TICK = 0.2
"""Seconds between looks at the stop flag while waiting for the second reader."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What the answers of a run are to be compared with; becomes a ``Checker`` on the machine that asks."""

    text_layer: TextLayer = TextLayer.AUTO
    cross_check: CrossCheck = CrossCheck.OFF
    repair: bool = False


def open_checker(checks: Checks, stop: Stop, observer: Observer = ignore) -> Checker:
    """The checker of a run. Raises ``ConfigurationError`` when a second reader is required and not installed."""
    return Checker(
        checks.text_layer, _open_second_reader(checks.cross_check, observer), repair=checks.repair, stop=stop
    )


def _open_second_reader(cross_check: CrossCheck, observer: Observer) -> SecondReader | None:
    is_required, spare = cross_check is CrossCheck.ON, count_cores() - 1
    if cross_check is CrossCheck.OFF or not (is_required or (spare and local.installed())):
        return None
    slots = max(1, min(MOST_READERS, spare))
    engine = local.LocalEngine(slots=slots, threads=1, niceness=NICENESS)
    return SecondReader(engine, patient=is_required, observer=observer)


class Checker:
    """What answers are compared with. For any number of threads."""

    def __init__(
        self,
        text_layer: TextLayer = TextLayer.AUTO,
        second_reader: SecondReader | None = None,
        *,
        repair: bool = False,
        stop: Stop | None = None,
    ) -> None:
        """*repair*: set numbers right that a trusted text layer contradicts. *second_reader* is closed with this."""
        self.text_layer = text_layer
        self._second_reader = second_reader
        self._repair = repair
        self._stop = stop or Stop()

    @property
    def waiting(self) -> int:
        """How many pages may wait for the second reader while the engine goes on."""
        return 0 if self._second_reader is None else 2 * self._second_reader.slots

    def begin(self, images: Sequence[PageImage]) -> PageCheck:
        """Get ready to judge answers to a page; where it has no text layer, a second reader begins to read it."""
        evidence = images[0].evidence
        layer = None
        if evidence is not None and evidence.is_layer_trusted and self.text_layer is not TextLayer.IGNORE:
            layer = Reference(Source.TEXT_LAYER, evidence.text_layer)
        check = PageCheck(images, layer, self._second_reader, repair=self._repair, stop=self._stop)
        if layer is None:
            check.begin_reading()
        return check

    def take_layer(self, evidence: Evidence | None) -> tuple[Block, ...]:
        """The page from its text layer; nothing unless that is to be taken and can be trusted."""
        if self.text_layer is not TextLayer.USE or evidence is None or not evidence.is_layer_trusted:
            return ()
        width, height = evidence.width, evidence.height
        return read_page(from_text_lines(evidence.text_layer, width, height), width, height)

    def close(self) -> None:
        """End what the second reader reads; from any thread."""
        if self._second_reader is not None:
            self._second_reader.close()


class PageCheck:
    """What answers to one page are compared with. For one thread at a time."""

    def __init__(
        self,
        images: Sequence[PageImage],
        layer: Reference | None,
        second_reader: SecondReader | None,
        *,
        repair: bool = False,
        stop: Stop,
    ) -> None:
        self._images = images
        self._layer = layer
        self._second_reader = second_reader
        self._reading: Future[Reference | None] | None = None
        self._repair = repair
        self._stop = stop

    def begin_reading(self) -> None:
        """Let the second reader begin, where there is one."""
        if self._second_reader is not None and self._reading is None:
            self._reading = self._second_reader.begin(self._images)

    def compare(
        self, text: str, image: PageImage, own: Reference | None = None, *, markdown: bool
    ) -> tuple[str, Comparison]:
        """The text, repaired where that is wanted, and how it differs from what is known of the page.

        *image* is what was asked for. *own*: what the engine itself saw, of one that gives its lines. Waits for the
        second reader; when the run is stopped, the answer stays unchecked.

        A text layer that disagrees with the answer is believed only if the second reader does not contradict it.
        """

        def weigh(text: str, reference: Reference | None) -> Comparison:
            return compare(text, reference, image.evidence, markdown=markdown, region=image.region)

        comparison = weigh(text, self._layer or self._wait_for_reading())
        if self._layer is None or status_of(comparison.findings) is Status.OK:
            return text, comparison
        self.begin_reading()
        reading = own or self._wait_for_reading()
        if reading is not None and is_contradicted(self._layer, reading):
            self._layer = None
            comparison = weigh(text, reading if own is None else None)
            doubted = describe_distrust("it says something else than the page shows")
            return text, replace(comparison, findings=(doubted, *comparison.findings))
        if self._repair:
            text, repaired = repair_numbers(text, self._layer, markdown=markdown, region=image.region)
            if repaired is not None:
                comparison = weigh(text, self._layer)
                comparison = replace(comparison, findings=(repaired, *comparison.findings))
        return text, comparison

    def _wait_for_reading(self) -> Reference | None:
        if self._reading is None:
            return None
        while not wait([self._reading], _TICK).done:
            if self._stop.is_requested:
                return None
        return None if self._reading.cancelled() else self._reading.result()


def describe_layer(evidence: Evidence | None) -> tuple[Finding, ...]:
    """The finding that a text layer is not believed, where there is one like that."""
    if evidence is None or not evidence.text_layer or not evidence.distrust:
        return ()
    return (describe_distrust(evidence.distrust),)


def describe_distrust(why: str) -> Finding:
    """The finding that a text layer is not believed."""
    return Finding(FindingKind.TEXT_LAYER, f"the text layer of the page was not used: {why}", Severity.INFO)

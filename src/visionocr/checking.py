"""Weighs answers against what is known of their pages: the text layer, a second reader, the print in the pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, replace

from visionocr.answers.compare import Comparison, compare, in_reading_order
from visionocr.answers.judge import status_of
from visionocr.answers.layer_check import is_contradicted
from visionocr.answers.repair import repair_numbers
from visionocr.blocks import Block
from visionocr.boxes import TextLine, turn_box, turn_line
from visionocr.choices import CrossCheck, TextLayer
from visionocr.engines import local
from visionocr.engines.second_reader import MOST_READERS, NICENESS, SecondReader
from visionocr.evidence import Evidence, Reference, Source
from visionocr.layout.lines import from_text_lines
from visionocr.layout.structure import read_page
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
    keep_lines: bool = False
    """An output needs the places of words."""
    turn_pages: bool = True
    """Pages that do not stand upright are turned."""


def open_checker(checks: Checks, stop: Stop, observer: Observer = ignore) -> Checker:
    """The checker of a run. Raises ``ConfigurationError`` when a second reader is required and not installed."""
    return Checker(
        checks.text_layer,
        _open_second_reader(checks.cross_check, observer),
        repair=checks.repair,
        keeps_lines=checks.keep_lines,
        turns_pages=checks.turn_pages,
        stop=stop,
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
        keeps_lines: bool = False,
        turns_pages: bool = True,
        stop: Stop | None = None,
    ) -> None:
        """*repair*: set numbers right that a trusted text layer contradicts. *second_reader* is closed with this.

        *keeps_lines*: results are to have the lines that they were compared with. *turns_pages*: pages that do not
        stand upright are to be turned.
        """
        self.keeps_lines = keeps_lines
        self._turns_pages = turns_pages
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
        if images[0].turn or not self._turns_pages:
            check.turn = 0
        return check

    def take_layer(self, evidence: Evidence | None) -> tuple[Block, ...]:
        """The page from its text layer; nothing unless that is to be taken and can be trusted."""
        if self.text_layer is not TextLayer.USE or evidence is None or not evidence.is_layer_trusted:
            return ()
        turn = evidence.layer_turn if self._turns_pages else 0
        width, height = evidence.width, evidence.height
        if turn in {90, 270}:
            width, height = height, width
        lines = [turn_line(line, turn) for line in evidence.text_layer]
        blocks = read_page(from_text_lines(lines, width, height), width, height)
        return tuple(replace(block, box=block.box and turn_box(block.box, -turn)) for block in blocks)

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
        self.images = images
        self.turn: int | None = None
        """Degrees clockwise by which the page has to be turned; ``None``: not known yet."""
        self.is_askew = False
        """It does not stand upright, and could not be turned."""
        self._layer = layer
        self._own: list[Reference] = []
        """What the engine itself saw."""
        self._second_reader = second_reader
        self._reading: Future[Reference | None] | None = None
        self._repair = repair
        self._stop = stop

    def begin_reading(self) -> None:
        """Let the second reader begin, where there is one."""
        if self._second_reader is not None and self._reading is None:
            self._reading = self._second_reader.begin(self.images)

    def references(self) -> Iterator[Reference]:
        """What is known of the page: its text layer, then what the second reader reads, which is waited for."""
        if self._layer is not None:
            yield self._layer
        self.begin_reading()
        if (reading := self._wait_for_reading()) is not None:
            yield reading

    def compare(
        self, text: str, image: PageImage, own: Reference | None = None, *, markdown: bool
    ) -> tuple[str, Comparison]:
        """The text, repaired where that is wanted, and how it differs from what is known of the page.

        *image* is what was asked for. *own*: what the engine itself saw, of one that gives its lines. Waits for the
        second reader; when the run is stopped, the answer stays unchecked.

        A text layer that disagrees with the answer is believed only if the second reader does not contradict it.
        """
        region = turn_box(image.region, image.turn)

        def weigh(text: str, reference: Reference | None) -> Comparison:
            seen = reference and _turn_reference(reference, image.turn)
            evidence = image.evidence and _turn_size(image.evidence, image.turn)
            found = compare(text, seen, evidence, markdown=markdown, region=region)
            doubts = (replace(doubt, box=doubt.box and turn_box(doubt.box, -image.turn)) for doubt in found.doubts)
            return replace(found, doubts=tuple(doubts))

        if own is not None:
            self._own.append(own)
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
            layer = _turn_reference(self._layer, image.turn)
            text, repaired = repair_numbers(text, layer, markdown=markdown, region=region)
            if repaired is not None:
                comparison = weigh(text, self._layer)
                comparison = replace(comparison, findings=(repaired, *comparison.findings))
        return text, comparison

    @property
    def has_layer(self) -> bool:
        """Whether the page has a text layer that is believed."""
        return self._layer is not None

    def find_reading(self, *, wait: bool) -> Reference | None:
        """What the engine itself saw of the page, else what the second reader did: where it is ready, or *wait*."""
        if self._own:
            lines = tuple(line for reading in self._own for line in reading.lines)
            return Reference(Source.SECOND_READER, lines, min(reading.confidence for reading in self._own))
        is_ready = self._reading is not None and self._reading.done()
        return self._wait_for_reading() if wait or is_ready else None

    def read(self, images: Sequence[PageImage]) -> Reference | None:
        """Another reading by the second reader, at once; ``None`` where there is none, or it could not be read."""
        return None if self._second_reader is None else self._second_reader.read(images)

    def find_lines(self) -> tuple[TextLine, ...]:
        """The lines of the page: of the text layer that is believed, else of the second reader."""
        reference = self._layer or self._wait_for_reading()
        return () if reference is None else reference.lines

    def find_reading_order(self) -> tuple[TextLine, ...]:
        """The lines of the page in the order in which they are read, placed as its images show them."""
        image = self.images[0]
        lines = tuple(turn_line(line, image.turn) for line in self.find_lines())
        return in_reading_order(lines, image.evidence and _turn_size(image.evidence, image.turn))

    def _wait_for_reading(self) -> Reference | None:
        if self._reading is None:
            return None
        while not wait([self._reading], _TICK).done:
            if self._stop.is_requested:
                return None
        return None if self._reading.cancelled() else self._reading.result()


def _turn_reference(reference: Reference, turn: int) -> Reference:
    """The lines where they stand in an image turned so: there they run from left to right."""
    return replace(reference, lines=tuple(turn_line(line, turn) for line in reference.lines)) if turn else reference


def _turn_size(evidence: Evidence, turn: int) -> Evidence:
    """The evidence with width and height of the page as an image turned so shows it."""
    return replace(evidence, width=evidence.height, height=evidence.width) if turn in {90, 270} else evidence


def describe_layer(evidence: Evidence | None) -> tuple[Finding, ...]:
    """The finding that a text layer is not believed, where there is one like that."""
    if evidence is None or not evidence.text_layer or not evidence.distrust:
        return ()
    return (describe_distrust(evidence.distrust),)


def describe_distrust(why: str) -> Finding:
    """The finding that a text layer is not believed."""
    return Finding(FindingKind.TEXT_LAYER, f"the text layer of the page was not used: {why}", Severity.INFO)

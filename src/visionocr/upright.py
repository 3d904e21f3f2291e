"""Turns pages upright before they are asked for: models and OCR engines read others badly."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from visionocr.checking import PageCheck
from visionocr.errors import AnswerUnusable, DocumentError
from visionocr.evidence import Reference, Source
from visionocr.layout.lines import from_text_lines, is_sideways
from visionocr.loaded import Loaded
from visionocr.prompting.reask import Redraw
from visionocr.prompting.render import Question, build_request
from visionocr.types import Engine, Finding, FindingKind, PageImage

CLEAR = 0.9
"""Confidence of a reading from which on its lines do not stand on their head. Measured on six drawn pages, turned in
all four ways and read at 1000 and 1600 pixels: at least 0.95 on those that the engine can read (upright, and turned by
90 degrees, because it turns upright what is tall); at most 0.69 on the others, 0.83 with the small model."""
LIKELY = 0.8
"""Confidence without which no page is turned: noise that nobody can read reached 0.62."""
BETTER = 0.1
"""By how much the confidence of a page that is turned by 180 degrees must be higher than without, which noise lowers
for both."""
LEAST = 8
"""Letters that tell something: a sign whose letters stand on top of each other is tall, too."""
SMALL_SIDE = 1000
"""Long side in pixels of pages that are only read to find out which way up they are."""


class Turner:
    """Finds out how pages are turned. For any number of threads."""

    def __init__(self, engine: Engine, question: Question) -> None:
        """*engine*: the one that is asked, which may be its own reader."""
        self._engine = engine
        self._question = question

    def turn(self, loaded: Loaded, check: PageCheck, redraw: Redraw | None, *, wait: bool) -> Loaded | None:
        """The page turned upright; ``None`` where it is, or where nothing tells (see ``find_turn``)."""
        turn = self.find_turn(check, redraw, wait=wait)
        if not turn:
            return None
        check.turn = 0  # what cannot be turned now is not tried again
        check.is_askew = True
        try:
            images = redraw(replace(loaded.images[0], turn=turn), 1.0) if redraw is not None else ()
        except DocumentError:
            return None
        return replace(loaded, images=images) if images else None

    def find_turn(self, check: PageCheck, redraw: Redraw | None, *, wait: bool = True) -> int:
        """Degrees clockwise by which a page has to be turned; 0 where it stands upright, or where nothing tells.

        A text layer tells it, else a reading. Unless *wait*, that is waited for only where the page may lie on its
        side. Marks the page where it lies on its side and reads well in no direction.
        """
        if check.turn is None:
            check.turn = self._find_turn(check, redraw, wait=wait)
        return check.turn or 0

    def _find_turn(self, check: PageCheck, redraw: Redraw | None, *, wait: bool) -> int | None:
        image = check.images[0]
        evidence = image.evidence
        if check.has_layer and evidence is not None and evidence.is_complete:
            return evidence.layer_turn
        may_lie_sideways = evidence is not None and evidence.may_lie_sideways
        if may_lie_sideways:
            check.begin_reading()
        reading = check.find_reading(wait=wait or may_lie_sideways)
        if reading is None:
            return 0 if wait else None
        text = "".join(line.text for line in reading.lines)
        if len(text) < LEAST:
            return 0
        if _lies_sideways(reading, image):
            # The engine itself turns tall boxes by a quarter to the left.
            turns = (270, 90) if reading.confidence >= CLEAR else (90, 270)
            found = self._try_turns(check, turns, redraw, least=LIKELY)
            check.is_askew = not found and not _may_be_vertical(text)
            return found
        if reading.confidence >= CLEAR:
            return 0
        return self._try_turns(check, (180,), redraw, least=max(LIKELY, reading.confidence + BETTER))

    def _try_turns(self, check: PageCheck, turns: Sequence[int], redraw: Redraw | None, *, least: float) -> int:
        """The first of these turns with which the page reads well, else the best; 0 where none reaches *least*."""
        best, image = 0, check.images[0]
        if redraw is None:
            return 0
        for turn in turns:
            try:
                images = redraw(replace(image, turn=turn), min(1.0, SMALL_SIDE / max(image.width, image.height)))
            except DocumentError:
                return 0
            reading = self._read(check, images)
            if reading is None or not reading.lines or reading.confidence < least:
                continue
            if _lies_sideways(reading, image) == (turn != 180):  # their places are those on the page as displayed
                best, least = turn, reading.confidence
                if reading.confidence >= CLEAR:
                    break
        return best

    def _read(self, check: PageCheck, images: Sequence[PageImage]) -> Reference | None:
        if not self._engine.server.reads_only:
            return check.read(images)
        try:
            completion = self._engine.complete(build_request(self._question, images))
        except AnswerUnusable:
            return None
        return Reference(Source.SECOND_READER, completion.lines, completion.confidence or 0.0)


def describe_askew() -> Finding:
    """The finding about a page that lies on its side and was read as it is."""
    return Finding(FindingKind.ADJUSTED, "the lines of the page run up or down, and it could not be turned upright")


def _lies_sideways(reading: Reference, image: PageImage) -> bool:
    """Whether a page, of which *image* is one, lies on its side as it is displayed."""
    evidence = image.evidence
    width, height = (image.width, image.height) if evidence is None else (evidence.width, evidence.height)
    return is_sideways(from_text_lines(reading.lines, width, height))


def _may_be_vertical(text: str) -> bool:
    """Whether lines with this text may be written from top to bottom, as Chinese and Japanese are."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return 2 * wide > len(text)

"""Where the words of a text stand on its page, and where both disagree, for a page in the browser.

Browsers count UTF-16 units in a text, Python code points: all offsets here are converted.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from itertools import accumulate
from typing import Any

from visionocr.answers.align import AnswerWord, align
from visionocr.answers.compare import compare
from visionocr.boxes import Box
from visionocr.engines import local
from visionocr.errors import ConfigurationError, ServerError
from visionocr.evidence import Doubt, Reference, Source
from visionocr.review.pictures import Memo
from visionocr.types import PageImage

_WHOLE = Box(0.0, 0.0, 1.0, 1.0)
_KEPT = 64
"""Pages whose lines are kept."""


class Lines:
    """The lines of pages: of their text layer, else what the embedded engine reads, where it is installed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: local.LocalEngine | None = None
        self._known: Memo[bytes, Reference | None] = Memo(_KEPT)
        self._is_closed = False

    def find(self, image: PageImage) -> Reference | None:
        """The lines of a page that is drawn as *image*; ``None`` where nothing knows them."""
        evidence = image.evidence
        if evidence is not None and evidence.is_layer_trusted:
            return Reference(Source.TEXT_LAYER, evidence.text_layer)
        if not local.installed():
            return None
        return self._known.get(image.data, lambda: self._read(image))

    def close(self) -> None:
        """End what reads."""
        with self._lock:
            self._is_closed = True
            if self._engine is not None:
                self._engine.close()

    def _read(self, image: PageImage) -> Reference | None:
        with self._lock:
            if self._engine is None and not self._is_closed:
                self._engine = local.LocalEngine(slots=1)
            engine = self._engine
        if engine is None:
            return None
        try:
            reading = engine.read_lines(image.data)
        except (ServerError, ConfigurationError):
            return None  # the page is reviewed without places
        lines = tuple(local.place_line(line, image) for line in reading.lines)
        return Reference(Source.SECOND_READER, lines, reading.confidence or 0.0)


def find_places(
    text: str, image: PageImage | None, reference: Reference | None, known: Sequence[Doubt] = (), *, markdown: bool
) -> dict[str, Any]:
    """The words of *text* with their lines, the lines with their boxes, and the doubts, as JSON.

    *known*: the doubts of an earlier comparison, for a page whose lines are not known now.
    """
    lines = reference.lines if reference is not None else ()
    words = align(text, lines, markdown=markdown).words
    doubts = tuple(known)
    source = ""
    if reference is not None and image is not None:
        comparison = compare(text, reference, image.evidence, markdown=markdown, region=_WHOLE)
        source = comparison.checked_with
        if source == reference.source:
            doubts = comparison.doubts
    offset = _utf16_offsets(text)
    return {
        "source": source,
        "words": [[offset[word.start], offset[word.end], word.line] for word in words if word.line is not None],
        "lines": [_encode_box(line.box) for line in lines],
        "doubts": [
            {
                "kind": doubt.kind.value,
                "text": doubt.text,
                "instead": doubt.instead,
                "box": doubt.box and _encode_box(doubt.box),
                "start": None if span is None else offset[span[0]],
                "end": None if span is None else offset[span[1]],
            }
            for doubt, span in zip(doubts, locate(doubts, words), strict=True)
        ],
    }


def locate(doubts: Sequence[Doubt], words: Sequence[AnswerWord]) -> Iterator[tuple[int, int] | None]:
    """Where each doubt about words of a text stands in it; doubts are in the text's order."""
    whole = "".join(f"\n{word.text}" for word in words) + "\n"
    starts = [0, *accumulate(len(word.text) + 1 for word in words)]
    at = 0
    for doubt in doubts:
        run = doubt.text.split()
        found = whole.find("\n" + "\n".join(run) + "\n", starts[at]) if run else -1
        if found < 0:
            yield None
            continue
        first = bisect_left(starts, found)
        at = first + len(run)
        yield words[first].start, words[at - 1].end


def _utf16_offsets(text: str) -> list[int]:
    """For each offset into *text*, and its end: the same in UTF-16 units."""
    return [0, *accumulate(2 if char > "\uffff" else 1 for char in text)]


def _encode_box(box: Box) -> list[float]:
    return [round(value, 5) for value in astuple(box)]

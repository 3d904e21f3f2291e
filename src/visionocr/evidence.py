"""What is known of a page without asking the model, and where an answer disagrees with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from visionocr.boxes import Box, TextLine


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a document tells of one of its pages."""

    width: float
    """Of the page as displayed: points of a PDF page, pixels of a picture. Gives boxes their shape."""
    height: float
    text_layer: tuple[TextLine, ...] = ()
    """The lines of the PDF page's visible text, in the order of the file; of its invisible text where it has no other,
    which is then distrusted."""
    distrust: str = ""
    """Why the text layer must not be believed, in a few words; empty where it may be, or where there is none."""
    is_complete: bool = True
    """There is not much print outside of the text layer's lines. Means something only where the layer is trusted."""
    print_lines: int | None = None
    """About how many lines of print the pixels hold; ``None``: not measured."""
    print_letters: int | None = None
    """About how many letters of print the pixels hold. Both count the text layer where that is trusted."""
    small_print: float | None = None
    """About the x-height that nearly all letters have at least, as a share of the page's longer side; ``None``: not
    known."""
    dpi: float = 0.0
    """Units of width and height an inch: 72 for points, 0 for pixels."""
    layer_turn: int = 0
    """Degrees clockwise by which the page has to be turned so that most letters of its text layer stand upright."""
    may_lie_sideways: bool = False
    """The pixels hold more print when they are looked at from the side; not looked for where the text layer is all."""

    @property
    def is_layer_trusted(self) -> bool:
        """Whether the page has a text layer that may be believed."""
        return bool(self.text_layer) and not self.distrust


class Source(StrEnum):
    """Where the lines come from that an answer is compared with."""

    TEXT_LAYER = "text-layer"
    SECOND_READER = "second-reader"


@dataclass(frozen=True, slots=True)
class Reference:
    """The lines of a page that an answer is compared with."""

    source: Source
    lines: tuple[TextLine, ...]
    confidence: float = 1.0
    """0 to 1: of the page as a whole."""


class DoubtKind(StrEnum):
    """In which way an answer and the page disagree."""

    MISSING = "missing"
    """A line of the page has no words in the answer."""
    ADDED = "added"
    """Words of the answer stand nowhere on the page."""
    DIFFERENT = "different"
    """The page has another word in this place."""
    NUMBER = "number"
    """The page has another number, amount, date or identifier in this place."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One place where an answer and the page disagree."""

    kind: DoubtKind
    text: str
    """The words of the answer; empty where they are missing."""
    instead: str = ""
    """What the page has in this place; empty where it has nothing."""
    box: Box | None = None
    """The place on the page, where it is known."""

"""What is wanted of each picture besides one caption."""

from __future__ import annotations

from dataclasses import dataclass

from visionocr.captions.word_rules import WordRules
from visionocr.choices import DataSet

MOST_CAPTIONS = 10
"""Of a picture."""
LONGEST_ALT = 250
"""Characters of an alternative text, as the IPTC defines it."""


@dataclass(frozen=True, slots=True)
class CaptionOrder:
    """What is wanted of each picture."""

    keywords: bool = False
    alt: bool = False
    """An alternative text."""
    captions: int = 1
    words: WordRules = WordRules()
    data_set: DataSet | None = None
    trigger: str = ""
    """The word by which a trained model will know what the pictures show; it stands first in their captions."""

    @property
    def wants_tags(self) -> bool:
        """Whether keywords take the place of the caption."""
        return self.data_set is DataSet.KOHYA

    @property
    def is_plain(self) -> bool:
        """Whether a caption is all that has to be asked for, and any good one will do."""
        asked = self.keywords or self.alt or self.captions > 1 or self.wants_tags
        return not asked and self.words == WordRules()

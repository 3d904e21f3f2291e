"""The rules of the eye chart: what stands on it, and how much of it an answer shows to have been seen.

Letters are measured by their x-height, the height of a small x in pixels of the picture that is sent: that is what
legibility depends on, whatever the typeface.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

PRINT_X_HEIGHT = 0.46
"""x-height of book faces, as a part of the type size: 0.45 in Times, 0.52 in Helvetica."""
POINTS_PER_INCH = 72
MARGIN = 1.25
"""How much larger than on the chart, which is clean and has short lines, letters should be on a page."""
_ALIKE = 0.8
"""Two of these words that are no more different than that are the same word, misread."""
_MOST = 20_000
"""Characters of an answer that are looked at; a chart has a few hundred."""
_FEWEST = 2
"""Words that no text holds by chance."""

WORDS = tuple(
    re.findall(
        r"\w+",
        """
    acorn almond amber anvil apricot bagpipe balcony bamboo banjo barley beetle bobbin brocade buffalo cactus candle
    canoe caramel cargo catfish cedar chimney cinema citrus cobalt coconut compost coyote crayon cricket cuckoo cymbal
    daisy denim diesel dolphin dragon drizzle dugout eclipse elbow emerald fabric falcon fiddle flannel
    flute fossil funnel galaxy garlic gazelle ginger glacier goblet gondola gravel guitar hammock haystack hazelnut
    helmet hermit hickory igloo indigo insect ivory jackal jasmine jersey jigsaw jungle kayak kennel kimono kiosk
    lagoon lapel lemon leopard lilac lobster locust lumber magnet mammoth mango maple marble mosaic muffin mustard
    napkin nectar nickel nougat nutmeg oatmeal octopus olive onion orchid osprey otter oxygen oyster paddock panther
    papaya parsley pebble pelican pepper piano pigeon pillow plasma plywood polka pretzel pulley pumpkin python
    quartz quiver rabbit raccoon radish raisin ravioli reptile rhubarb ribbon rubble saddle saffron sandal
    satchel scarlet shovel shrimp sickle sleigh spinach squid syrup tadpole teapot tempest thistle thunder
    tobacco trumpet tulip turbine turnip tweezer ukulele umbrella urchin vanilla velvet violet vulture waffle walrus
    whisker wigwam wizard yogurt zebra zigzag
    """,
    )
)
"""Words that differ from each other in more than a letter and do not often meet in a text about something else."""


@dataclass(frozen=True, slots=True)
class Line:
    """Words of one size."""

    x_height: float
    """In pixels of the picture."""
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How much of a chart an answer shows."""

    read: int
    """Words, also those with a wrong letter."""
    words: int
    """On the chart."""
    legible: float | None
    """x-height in pixels of the smallest line that was read; ``None`` when not even the largest was."""
    smallest: float
    """x-height of the chart's last line: less cannot be found out."""

    @property
    def seen(self) -> bool:
        """Whether so many words cannot be chance."""
        return self.read >= max(_FEWEST, math.ceil(self.words / 10))


def score(lines: Sequence[Line], text: str) -> Score:
    """What *text*, a model's answer, shows of the chart's *lines*, which come in falling sizes."""
    text = text[:_MOST].casefold()
    found = set(re.findall(r"[a-z]+", text))
    letters = re.sub(r"[^a-z]+", "", text)  # words that were run together or broken at a line's end were read
    read, legible, missed = 0, None, 0
    for line in lines:
        exact = sum(word in letters for word in line.words)
        read += sum(word in letters or bool(_near(word, found)) for word in line.words)
        # A wrong word among four is a slip; that two lines in a row cannot be read is not.
        if exact * 4 >= len(line.words) * 3 and missed < 2:
            legible, missed = line.x_height, 0
        else:
            missed += 1
    return Score(read, sum(len(line.words) for line in lines), legible, lines[-1].x_height)


def _near(word: str, found: set[str]) -> list[str]:
    return difflib.get_close_matches(word, found, n=1, cutoff=_ALIKE)


def dpi_for(x_height: float, points: float) -> int:
    """The resolution, in tens, at which print of so many *points* is read, when the chart was down to *x_height*."""
    return math.ceil(POINTS_PER_INCH * x_height * MARGIN / (PRINT_X_HEIGHT * points) / 10) * 10


def points_at(x_height: float, dpi: float) -> float:
    """The smallest print, in points, that is read at a resolution, when the chart was down to *x_height* pixels."""
    return POINTS_PER_INCH * x_height * MARGIN / (PRINT_X_HEIGHT * dpi)

"""Pages whose lines are skewed, as an engine gives them."""

from __future__ import annotations

import math
import random
from dataclasses import replace

from visionocr.layout.lines import Line

WIDTH, HEIGHT = 1400.0, 1800.0


def _make_word(chance: random.Random) -> str:
    """A word that no other line is likely to have."""
    return "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(4))


def two_columns() -> list[Line]:
    """Paragraphs in two columns under a title, with the uneven heights that engines give."""
    chance = random.Random(1)
    lines = [Line(300, 200, 1000, 240, "A title over both of the columns")]
    for left, offset, last in ((200, 0, 4), (720, 13, 2)):
        for number in range(40):
            width = 200 if number % 5 == last else 470 + chance.uniform(-6, 6)
            top = 300 + offset + 30 * number + chance.uniform(-1, 1)
            words = " ".join(_make_word(chance) for _ in range(2 if width == 200 else 5)) + "." * (width == 200)
            lines.append(Line(left, top, left + width, top + 20 + chance.uniform(-2, 2), words))
    return lines


def price_list() -> list[Line]:
    """Names and prices far apart, which only their heights on the page bring together."""
    rows = range(30)
    names = [Line(200, 200 + 40 * row, 330 + 60 * (row % 7), 222 + 40 * row, f"item number {row}") for row in rows]
    return names + [Line(1100, 200 + 40 * row, 1200, 222 + 40 * row, f"{row}.50") for row in rows]


def skew(lines: list[Line], degrees: float) -> list[Line]:
    """The boxes around the lines on a page turned clockwise around its middle."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found = []
    for line in lines:
        corners = [(x - WIDTH / 2, y - HEIGHT / 2) for x in (line.left, line.right) for y in (line.top, line.bottom)]
        across = [x * cos - y * sin + WIDTH / 2 for x, y in corners]
        down = [x * sin + y * cos + HEIGHT / 2 for x, y in corners]
        found.append(replace(line, left=min(across), right=max(across), top=min(down), bottom=max(down)))
    return found

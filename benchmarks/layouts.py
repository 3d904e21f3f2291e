"""Pages drawn in many layouts whose reading order is known, and the boxes that an OCR engine would find on them.

Every layout is a function of a random source. It sets its lines in reading order: the order in which they are set is
the truth. The words are made up, so that no two lines of a page are alike.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pymupdf

from visionocr.layout.lines import Line

_mupdf: Any = pymupdf
WIDTH, HEIGHT = 595.0, 842.0
"""Of a page, in points: A4."""
LEFT, RIGHT, TOP, BOTTOM = 54.0, 541.0, 60.0, 780.0
SCALE = 150 / 72
"""Pixels of the boxes for a point."""
SYLLABLES = (
    *("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo"),
    *("zu", "bra", "cle", "dri", "flo", "gru", "sta", "tre", "pli", "sno"),
)
ENDINGS = ("", "", "n", "r", "s", "t", "l", "nd")


@cache
def _font(name: str) -> Any:
    return _mupdf.Font(name)


@cache
def _advance(font: str, letter: str) -> float:
    """The width of a letter, as a share of the size."""
    return float(_font(font).glyph_advance(ord(letter)))


@dataclass(frozen=True)
class Print:
    """A piece of text as it is printed. Points; *y* is the base line."""

    x: float
    y: float
    text: str
    size: float
    font: str = "tiro"

    @property
    def width(self) -> float:
        """Points."""
        return self.size * sum(_advance(self.font, letter) for letter in self.text)


@dataclass
class Sheet:
    """A page that is being set."""

    chance: random.Random
    size: float = 10.0
    prints: list[Print] = field(default_factory=list)

    @property
    def pitch(self) -> float:
        """Points from one line to the next."""
        return 1.2 * self.size

    def word(self) -> str:
        """A made-up word."""
        count = self.chance.choices((1, 2, 3, 4), (3, 5, 3, 1))[0]
        return "".join(self.chance.choice(SYLLABLES) for _ in range(count)) + self.chance.choice(ENDINGS)

    def words(self, least: int, most: int) -> str:
        """Made-up words; the first has a capital."""
        return " ".join(self.word() for _ in range(self.chance.randint(least, most))).capitalize()

    def figure(self) -> str:
        """An amount."""
        return f"{self.chance.randint(1, 9999)}.{self.chance.randint(0, 99):02}"

    def put(self, x: float, y: float, text: str, size: float = 0, font: str = "tiro", align: float = 0) -> float:
        """Set one line; *align* is the share of its width that lies left of *x*. Returns the base line below."""
        size = size or self.size
        item = Print(x, y, text, size, font)
        self.prints.append(Print(x - align * item.width, y, text, size, font))
        return y + 1.2 * size

    def wrap(self, x: float, y: float, width: float, text: str, size: float = 0, font: str = "tiro") -> float:
        """Set a text in lines of at most *width*."""
        line = ""
        size = size or self.size
        for word in text.split():
            longer = f"{line} {word}".strip()
            if line and Print(0, 0, longer, size, font).width > width:
                y = self.put(x, y, line, size, font)
                longer = word
            line = longer
        return self.put(x, y, line, size, font)

    def column(self, x: float, y: float, width: float, bottom: float, size: float = 0) -> float:
        """Fill a column with paragraphs down to *bottom*."""
        size = size or self.size
        while y + 3 * size < bottom:
            lines = int(min(self.chance.randint(3, 9), (bottom - y) / (1.2 * size)))
            words = 0.75 * lines * width / (2.6 * size)
            y = self.wrap(x, y, width, self.words(max(4, int(words)), max(5, int(1.2 * words))) + ".", size)
            if self.chance.random() < 0.3:
                y += 0.5 * size
        return y

    def table(self, x: float, y: float, widths: Sequence[float], rows: int, long: int = -1) -> float:
        """Set a table with a header; the cells of column *long* are texts that may need several lines."""
        lefts = [x + sum(widths[:at]) for at in range(len(widths))]
        kinds = ["word"] + [self.chance.choice(("word", "figure", "figure")) for _ in widths[1:]]
        for left in lefts:
            self.put(left, y, self.words(1, 1), self.size, "tibo")
        y += 1.5 * self.size
        for _ in range(rows):
            low = y
            for at, left in enumerate(lefts):
                if at == long:
                    low = max(low, self.wrap(left, y, widths[at] - 12, self.words(3, 16)))
                else:
                    text = self.words(1, 2 if widths[at] > 90 else 1) if kinds[at] == "word" else self.figure()
                    low = max(low, self.put(left, y, text))
            y = low + 0.25 * self.size
        return y


def boxes(sheet: Sheet) -> list[Line]:
    """What an engine finds of a sheet: boxes a little too large and not quite in place, in no useful order.

    As engines do, it now and then parts a line at a space, and takes two cells that stand close together for one.
    """
    chance = random.Random(sheet.chance.random())
    pieces: list[Print] = []
    for item in sheet.prints:
        words = item.text.split()
        if len(words) > 4 and chance.random() < 0.02:
            at = chance.randint(2, len(words) - 2)
            head = " ".join(words[:at])
            start = Print(0, 0, f"{head} ", item.size, item.font).width
            pieces += [
                Print(item.x, item.y, head, item.size, item.font),
                Print(item.x + start, item.y, " ".join(words[at:]), item.size, item.font),
            ]
        else:
            pieces.append(item)
    found = []
    for item in pieces:
        # The height of a box depends little on the letters in it: engines grow what they find by a fixed share.
        deep = any(letter in "gjpqy,;()" for letter in item.text)
        top = item.y - item.size * (0.86 + chance.uniform(-0.04, 0.06))
        bottom = item.y + item.size * ((0.3 if deep else 0.16) + chance.uniform(-0.03, 0.06))
        left = item.x - item.size * chance.uniform(0.05, 0.22)
        right = item.x + item.width + item.size * chance.uniform(0.05, 0.22)
        left, top, right, bottom = (float(round(edge * SCALE)) for edge in (left, top, right, bottom))
        found.append(Line(left, top, right, bottom, item.text, chance.uniform(0.97, 1)))
    return sorted(found, key=lambda line: (line.top, line.left))


def skewed(lines: Sequence[Line], degrees: float) -> list[Line]:
    """The lines on a sheet that was put in askew: an engine gives upright boxes around them."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    found = []
    for line in lines:
        corners = [(x, y) for x in (line.left, line.right) for y in (line.top, line.bottom)]
        # The sheet's own width and height keep what is turned within a larger one.
        across = [x * cos - y * sin + HEIGHT for x, y in corners] if degrees else [x for x, _ in corners]
        down = [x * sin + y * cos + WIDTH for x, y in corners] if degrees else [y for _, y in corners]
        found.append(replace(line, left=min(across), right=max(across), top=min(down), bottom=max(down)))
    return found


def draw(sheet: Sheet, path: Path) -> None:
    """Write a sheet as a PDF, to be looked at or read."""
    document = _mupdf.open()
    page = document.new_page(width=WIDTH, height=HEIGHT)
    for item in sheet.prints:
        page.insert_text((item.x, item.y), item.text, fontsize=item.size, fontname=item.font)
    document.save(path)


def _two(sheet: Sheet) -> tuple[float, float, float]:
    """The width of one of two columns and the left edges of both."""
    gutter = sheet.chance.uniform(12, 26)
    width = (RIGHT - LEFT - gutter) / 2
    return width, LEFT, LEFT + width + gutter


def _title(sheet: Sheet) -> float:
    y = sheet.wrap(LEFT, TOP + 10, RIGHT - LEFT, sheet.words(8, 14), 18, "tibo")
    return y + 8


def one_column(sheet: Sheet) -> None:
    """A title and running text."""
    sheet.column(LEFT, _title(sheet), RIGHT - LEFT, BOTTOM)
    sheet.put(WIDTH / 2, 815, str(sheet.chance.randint(2, 300)), align=0.5)


def two_columns(sheet: Sheet) -> None:
    """A title over two columns, foot notes under each, a page number."""
    y = _title(sheet)
    if sheet.chance.random() < 0.5:
        y = sheet.wrap(LEFT + 30, y, RIGHT - LEFT - 60, sheet.words(40, 70)) + 12
    width, *lefts = _two(sheet)
    for left in lefts:
        end = BOTTOM - sheet.chance.choice((0, 0, 40, 60))
        sheet.column(left, y, width, end)
        if end < BOTTOM:
            sheet.wrap(left, end + 12, width, f"1 {sheet.words(8, 20)}", 0.8 * sheet.size)
    sheet.put(WIDTH / 2, 815, str(sheet.chance.randint(2, 300)), align=0.5)


def three_columns(sheet: Sheet) -> None:
    """A newspaper: a headline over three narrow columns, and a second article below."""
    y = _title(sheet)
    width = (RIGHT - LEFT - 28) / 3
    middle = sheet.chance.uniform(350, 500)
    for at in range(3):
        sheet.column(LEFT + at * (width + 14), y, width, middle, 9)
    y = sheet.wrap(LEFT, middle + 24, RIGHT - LEFT, sheet.words(9, 12), 16, "tibo") + 6
    for at in range(3):
        sheet.column(LEFT + at * (width + 14), y, width, BOTTOM, 9)


def articles(sheet: Sheet) -> None:
    """A newspaper: one article over two of three columns, another beside it."""
    width = (RIGHT - LEFT - 28) / 3
    first = sheet.chance.random() < 0.5
    wide = LEFT if first else LEFT + width + 14
    narrow = LEFT + 2 * (width + 14) if first else LEFT

    def main() -> None:
        y = sheet.wrap(wide, TOP + 10, 2 * width + 14, sheet.words(5, 9), 17, "tibo") + 6
        for at in range(2):
            sheet.column(wide + at * (width + 14), y, width, BOTTOM, 9)

    def aside() -> None:
        y = sheet.wrap(narrow, TOP + 4, width, sheet.words(3, 5), 12, "tibo") + 4
        sheet.column(narrow, y, width, BOTTOM - sheet.chance.uniform(0, 200), 9)

    for part in (main, aside) if first else (aside, main):
        part()


def _beside(sheet: Sheet, part: Callable[[float, float, float], float]) -> None:
    """Two columns; *part* (left, base line, width) stands in one of them, between running text."""
    y = _title(sheet) if sheet.chance.random() < 0.5 else TOP
    width, *lefts = _two(sheet)
    holder = sheet.chance.randrange(2)
    for at, left in enumerate(lefts):
        low = y
        if at != holder:
            sheet.column(left, y, width, BOTTOM)
            continue
        text = sheet.chance.random() < 0.6  # else the part, again and again, is all there is in its column
        if text and sheet.chance.random() < 0.7:
            low = sheet.column(left, y, width, y + sheet.chance.uniform(60, 250)) + 12
        low = part(left, low, width) + 14
        while not text and low < 560:
            low = part(left, low, width) + 14
        if text:
            sheet.column(left, low, width, BOTTOM)


def columns_with_table(sheet: Sheet) -> None:
    """A table in one of two columns."""

    def part(left: float, y: float, width: float) -> float:
        count = sheet.chance.randint(2, 4)
        y = sheet.wrap(left, y, width, f"Table {sheet.chance.randint(1, 9)}. {sheet.words(4, 12)}.", 9) + 6
        return sheet.table(left, y, [width / count] * count, sheet.chance.randint(6, 18))

    _beside(sheet, part)


def columns_with_list(sheet: Sheet) -> None:
    """A list of short items in one of two columns."""

    def part(left: float, y: float, width: float) -> float:  # noqa: ARG001 - as all parts
        mark = sheet.chance.choice(("•", "–", ""))
        for at in range(sheet.chance.randint(8, 20)):
            y = sheet.put(left + 8, y, f"{mark or f'{at + 1}.'} {sheet.words(1, 4)}")
        return y

    _beside(sheet, part)


def columns_with_figure(sheet: Sheet) -> None:
    """A chart with labels, and its caption, in one of two columns."""

    def part(left: float, y: float, width: float) -> float:
        height = sheet.chance.uniform(100, 220)
        labels = sheet.chance.randint(4, 9)
        for at in range(labels):
            sheet.put(left + 14, y + at * height / labels, str(100 - 10 * at), 7, "helv", align=1)
        for at in range(4):
            sheet.put(left + 40 + at * (width - 60) / 3, y + height, sheet.word(), 7, "helv", align=0.5)
        return sheet.wrap(left, y + height + 18, width, f"Figure 3. {sheet.words(6, 22)}.", 9)

    _beside(sheet, part)


def columns_with_formulas(sheet: Sheet) -> None:
    """Formulas with numbers at the right in two columns."""

    def part(left: float, y: float, width: float) -> float:
        for at in range(sheet.chance.randint(2, 5)):
            sheet.put(left + 40, y + 6, f"{sheet.word()[:2]} = {sheet.word()[:3]}({sheet.word()[:1]} + {at})")
            sheet.put(left + width, y + 6, f"({at + 1})", align=1)
            y = sheet.column(left, y + 24, width, y + 24 + sheet.chance.uniform(36, 70)) + 2
        return y

    _beside(sheet, part)


def side_bar(sheet: Sheet) -> None:
    """Running text beside a narrow bar of short lines, which is read last."""
    y = _title(sheet)
    width = (RIGHT - LEFT) * sheet.chance.uniform(0.62, 0.72)
    sheet.column(LEFT, y, width, BOTTOM)
    x = LEFT + width + sheet.chance.uniform(14, 24)
    y += sheet.chance.uniform(0, 120)
    for _ in range(sheet.chance.randint(2, 5)):
        y = sheet.wrap(x, y, RIGHT - x, sheet.words(1, 3), 11, "hebo") + 2
        for _ in range(sheet.chance.randint(1, 6)):
            y = sheet.put(x, y, sheet.words(1, 2), 8, "helv")
        y += sheet.chance.uniform(8, 30)


def spanning_table(sheet: Sheet) -> None:
    """A table over the whole width between or below two columns, with a gap right under the gutter."""
    width, *lefts = _two(sheet)
    y = TOP
    low = sheet.chance.uniform(250, 450)
    for left in lefts:
        sheet.column(left, y, width, low)
    y = low + 28
    half = lefts[1] - lefts[0]
    y = sheet.table(LEFT, y, [half / 2] * 4, sheet.chance.randint(4, 12)) + 20
    for left in lefts:
        sheet.column(left, y, width, BOTTOM)


def around_picture(sheet: Sheet) -> None:
    """Running text that leaves room for a picture, whose caption is read after the lines beside it."""
    y = sheet.column(LEFT, TOP, RIGHT - LEFT, TOP + sheet.chance.uniform(60, 160))
    wide = sheet.chance.uniform(150, 240)
    height = sheet.chance.uniform(120, 200)
    bottom = sheet.column(LEFT, y, RIGHT - LEFT - wide - 14, y + height)
    sheet.wrap(RIGHT - wide, y + height - 40, wide, sheet.words(6, 14) + ".", 8)
    sheet.column(LEFT, max(bottom, y + height + 4), RIGHT - LEFT, BOTTOM)


def margin_notes(sheet: Sheet) -> None:
    """Notes in a narrow left margin, read before the text beside them."""
    x = LEFT + 110
    y = TOP
    for _ in range(sheet.chance.randint(3, 6)):
        sheet.wrap(LEFT, y + sheet.chance.uniform(2, 8), 92, sheet.words(3, 10), 8, "helv")
        y += sheet.chance.uniform(80, 140)
    sheet.column(x, TOP, RIGHT - x, BOTTOM)


def receipt(sheet: Sheet) -> None:
    """A till receipt: names at the left, amounts at the right."""
    x, right = 180.0, 400.0
    y = sheet.put((x + right) / 2, TOP, sheet.words(1, 2), 13, "cobo", align=0.5)
    for _ in range(3):
        y = sheet.put((x + right) / 2, y, sheet.words(2, 3), 9, "cour", align=0.5)
    y += 8
    for _ in range(sheet.chance.randint(8, 30)):
        sheet.put(x, y, sheet.words(1, 3), 9, "cour")
        y = sheet.put(right, y, sheet.figure(), 9, "cour", align=1)
    sheet.put(x, y + 6, "TOTAL", 11, "cobo")
    y = sheet.put(right, y + 6, sheet.figure(), 11, "cobo", align=1)
    sheet.put((x + right) / 2, y + 10, sheet.words(3, 4), 9, "cour", align=0.5)


def form(sheet: Sheet) -> None:
    """Fields in two columns of labels and values, read by rows."""
    y = _title(sheet)
    for _ in range(sheet.chance.randint(10, 24)):
        for x in (LEFT, LEFT + 250):
            sheet.put(x, y, f"{sheet.words(1, 2)}:", 9, "helv")
            sheet.put(x + 100, y, sheet.words(1, 2), 10, "cour")
        y += 22


def full_table(sheet: Sheet) -> None:
    """A table over the page."""
    count = sheet.chance.randint(3, 6)
    y = _title(sheet)
    sheet.table(LEFT, y, [(RIGHT - LEFT) / count] * count, sheet.chance.randint(15, 40))


def step_table(sheet: Sheet) -> None:
    """Numbered steps: a number, a text of several lines, and sometimes a remark."""
    y = _title(sheet)
    remarks = sheet.chance.random() < 0.5
    width = 290 if remarks else 440
    for step in range(sheet.chance.randint(6, 14)):
        sheet.put(LEFT, y, f"{step + 1}")
        low = sheet.wrap(LEFT + 40, y, width, sheet.words(12, 45) + ".")
        if remarks:
            low = max(low, sheet.wrap(LEFT + 350, y, 130, sheet.words(2, 9)))
        y = low + 8


def priced_table(sheet: Sheet) -> None:
    """An invoice: addresses beside each other, items with long descriptions, a total."""
    y = TOP
    for _ in range(4):
        y = sheet.put(LEFT, y, sheet.words(1, 3))
    low = TOP
    for _ in range(3):
        sheet.put(360, low, f"{sheet.words(1, 1)}:")
        low = sheet.put(440, low, sheet.figure())
    y = sheet.table(LEFT, y + 40, [60, 250, 60, 60, 57], sheet.chance.randint(8, 16), long=1)
    sheet.put(LEFT + 310, y + 10, "Total")
    sheet.put(LEFT + 430, y + 10, sheet.figure())


def contents(sheet: Sheet) -> None:
    """A table of contents: entries, some over two lines, and page numbers at the right."""
    y = _title(sheet)
    for at in range(sheet.chance.randint(15, 35)):
        y = sheet.wrap(LEFT, y, 400, f"{at + 1} {sheet.words(3, 14)}")
        sheet.put(RIGHT, y - sheet.pitch, str(3 + 4 * at), align=1)
        y += 3


def life(sheet: Sheet) -> None:
    """A CV: years at the left, a text for each at the right."""
    y = _title(sheet)
    for at in range(sheet.chance.randint(7, 13)):
        sheet.put(LEFT, y, f"{1990 + at} to {1991 + at}")
        y = sheet.wrap(LEFT + 100, y, RIGHT - LEFT - 100, sheet.words(6, 40) + ".") + 6


def hanging(sheet: Sheet) -> None:
    """Two columns of references with hanging numbers."""
    width, *lefts = _two(sheet)
    number = 0
    for left in lefts:
        y = TOP
        while y < BOTTOM - 40:
            number += 1
            sheet.put(left, y, f"[{number}]", 9)
            y = sheet.wrap(left + 24, y, width - 24, sheet.words(9, 26) + ".", 9) + 1


def cards(sheet: Sheet) -> None:
    """A slide: three boxes beside each other, each with a heading and short points."""
    y = _title(sheet) + 20
    width = (RIGHT - LEFT - 40) / 3
    for at in range(3):
        x = LEFT + at * (width + 20)
        low = sheet.wrap(x, y, width, sheet.words(2, 3), 14, "hebo") + 8
        for _ in range(sheet.chance.randint(2, 5)):
            low = sheet.wrap(x, low, width, f"• {sheet.words(5, 16)}", 11, "helv") + 6


def letter(sheet: Sheet) -> None:
    """A letter: sender at the right, address at the left, running text, a signature."""
    y = TOP
    for _ in range(4):
        y = sheet.put(380, y, sheet.words(2, 3))
    y += 20
    for _ in range(4):
        y = sheet.put(LEFT, y, sheet.words(2, 3))
    y = sheet.put(380, y + 16, f"{sheet.chance.randint(1, 28)} May 1994") + 16
    y = sheet.column(LEFT, y, RIGHT - LEFT, y + sheet.chance.uniform(150, 350), 11) + 20
    sheet.put(LEFT, y, sheet.words(2, 2))


LAYOUTS: tuple[Callable[[Sheet], None], ...] = (
    *(one_column, two_columns, three_columns, articles, columns_with_table, columns_with_list, columns_with_figure),
    *(columns_with_formulas, side_bar, spanning_table, around_picture, margin_notes, receipt, form, full_table),
    *(step_table, priced_table, contents, life, hanging, cards, letter),
)


def make(layout: Callable[[Sheet], None], seed: str) -> Sheet:
    """A page of a layout; the same for the same seed."""
    chance = random.Random(f"{layout.__name__} {seed}")
    sheet = Sheet(chance, chance.choice((9.0, 10.0, 10.0, 11.0)))
    layout(sheet)
    return sheet

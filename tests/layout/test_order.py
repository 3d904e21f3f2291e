"""Columns beside tables, lists and bars, tables of every kind, and boxes that mean harm."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import pytest

from visionocr.layout.lines import Line, is_sideways
from visionocr.layout.order import blocks

TEXT = "words that fill a line of their column from its one end to the other"
HEIGHT, PITCH = 20.0, 28.0


def column(name: str, count: int, left: float = 100, width: float = 400, top: float = 100) -> list[Line]:
    """Running text."""
    return [
        Line(left, top + at * PITCH, left + width, top + at * PITCH + HEIGHT, f"{name}{at} {TEXT}")
        for at in range(count)
    ]


def short(name: str, count: int, left: float, top: float = 100, pitch: float = 31) -> list[Line]:
    """Short lines with a leading of their own."""
    return [Line(left, top + at * pitch, left + 60, top + at * pitch + HEIGHT, f"{name}{at}") for at in range(count)]


def order(lines: Sequence[Line]) -> list[str]:
    """The first words of all lines in reading order."""
    return [line.text.split()[0] for block in blocks(lines) for row in block for line in row]


def names(lines: Sequence[Line]) -> list[str]:
    """The first words of lines in the order given."""
    return [line.text.split()[0] for line in lines]


@pytest.mark.parametrize("is_left", [True, False])
def test_a_table_beside_running_text_is_read_by_itself(is_left: bool) -> None:
    """A column of text makes the gutter real, whatever stands in the other one; the table keeps its rows."""
    text = column("t", 14, left=100 if is_left else 560)
    edge = 560 if is_left else 100
    cells = [
        Line(edge + 130 * c, 100 + 31 * r, edge + 130 * c + 60, 120 + 31 * r, f"r{r}c{c}")
        for r in range(10)
        for c in range(3)
    ]
    parts = [text, cells] if is_left else [cells, text]
    assert order([*cells, *text]) == [*names(parts[0]), *names(parts[1])]


def test_a_side_bar_is_read_by_itself() -> None:
    """Short lines beside text, with a leading of their own, are no cells of its rows."""
    text, bar = column("t", 16), short("b", 9, left=540, top=140)
    assert order([*bar, *text]) == names([*text, *bar])


def test_a_table_over_two_columns_parts_them() -> None:
    """A table whose cells leave the gutter open is read by rows, between the columns above and below it."""
    top = [column("a", 8), column("b", 8, left=560)]
    cells = [
        Line(100 + 230 * c, 400 + 33 * r, 160 + 230 * c, 420 + 33 * r, f"r{r}c{c}") for r in range(5) for c in range(4)
    ]
    low = [column("c", 8, top=620), column("d", 8, left=560, top=620)]
    page = [*top[0], *top[1], *cells, *low[0], *low[1]]
    assert order(sorted(page, key=lambda line: (line.top, line.left))) == names(page)


def test_numbered_steps_stay_with_their_texts() -> None:
    """A number beside the first line of each step is read before it, though the texts are running text."""
    page: list[Line] = []
    top = 100.0
    for step in range(6):
        page.append(Line(100, top, 112, top + HEIGHT, f"{step + 1}"))
        page += column(f"s{step}x", 3, left=180, width=700, top=top)
        top += 3 * PITCH + 12
    assert order(list(reversed(page))) == names(page)


def test_years_stay_with_what_happened_in_them() -> None:
    """Labels that stand where the text starts anew belong to its rows."""
    page: list[Line] = []
    top = 100.0
    for year in range(6):
        page.append(Line(100, top, 240, top + HEIGHT, f"{1990 + year} to {1991 + year}"))
        page += column(f"y{year}x", 2 + year % 2, left=320, width=700, top=top)
        top += (2 + year % 2) * PITCH + 14
    assert order(page) == names(page)


def test_addresses_at_different_heights_are_no_columns() -> None:
    """What stands further down on the left comes after what stands further up on the right."""
    sender = [Line(800, 100 + at * PITCH, 1000, 120 + at * PITCH, f"s{at} of the sender") for at in range(4)]
    address = [Line(100, 260 + at * PITCH, 330, 280 + at * PITCH, f"a{at} of the addressee") for at in range(4)]
    assert order([*address, *sender]) == names([*sender, *address])


def test_a_page_on_its_side_is_known() -> None:
    """Most characters stand in tall boxes; a stamp in the margin turns no page."""
    text = column("t", 20)
    turned = [Line(line.top, line.left, line.bottom, line.right, line.text) for line in text]
    assert is_sideways(turned)
    assert not is_sideways(text)
    assert not is_sideways([*text, turned[0]])
    assert not is_sideways([])


MANY = 10_000
HOSTILE: dict[str, Callable[[int], Line]] = {
    "no numbers": lambda at: Line(math.nan, math.inf, -math.inf, at, "a b"),
    "endless": lambda at: Line(-1e308, -1e308, 1e308, 1e308, "a b"),
    "points": lambda at: Line(5, 5, 5, 5, "a b"),
    "all the same": lambda at: Line(5, 5, 50, 20, "a b"),
    "turned inside out": lambda at: Line(50, 20 + at, 5, 5 + at, "a b"),
    "stairs": lambda at: Line(at * 10, at * 5, at * 10 + 50, at * 5 + 20, TEXT),
    "ragged": lambda at: Line(100, at * 14, 300 + at * 7919 % 500, at * 14 + 12, TEXT),
    "scattered": lambda at: Line(
        at * 7919 % 2000, at * 104729 % 3000, at * 7919 % 2000 + 90, at * 104729 % 3000 + 15, "a b"
    ),
    "a hundred columns": lambda at: Line(at % 100 * 30, at // 100 * 14, at % 100 * 30 + 20, at // 100 * 14 + 12, TEXT),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_boxes_cost_little_and_lose_nothing(name: str) -> None:
    """Whatever the boxes are, every line comes back, within seconds of computing."""
    lines = [HOSTILE[name](at) for at in range(MANY)]
    begun = time.process_time()
    found = blocks(lines)
    assert time.process_time() - begun < 5
    assert sum(len(row) for block in found for row in block) == MANY


def test_a_full_page_takes_less_than_half_a_second() -> None:
    """2,000 lines in five ragged columns."""
    lines = [
        Line(
            100 + c * 300, 100 + at * 14, 320 + c * 300 + (at * 37 + c * 23) % 60, 112 + at * 14, f"word{c}.{at} {TEXT}"
        )
        for at in range(400)
        for c in range(5)
    ]
    begun = time.process_time()
    found = order(lines)
    assert time.process_time() - begun < 0.5
    assert found == [f"word{c}.{at}" for c in range(5) for at in range(400)]

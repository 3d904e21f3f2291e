"""Loops are found, all of them; pages that repeat themselves are left alone, all of them."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.answers.repetition import Loop, cut_loop, find_loop

PROSE = (
    "The committee met on Tuesday in the old town hall. Mr Harding opened the session and read the minutes of the "
    "previous meeting, which were approved. The treasurer then presented the accounts for the year, explaining that "
    "the repairs to the roof had cost rather more than expected, while subscriptions had remained nearly constant.\n\n"
    "A long discussion followed about the lending library. It was agreed that its opening hours should be extended."
)
NAMES = ("Anna Berg", "José Díaz", "Li Wei", "Tom O'Hara", "Zoë Klein", "Ivan Petrov", "Mary Major", "Ben Omar")
WORDS = tuple(dict.fromkeys(word.strip(".,").casefold() for word in PROSE.split()))


def pages() -> dict[str, str]:
    """Legitimate pages that repeat themselves, as vision models write them."""
    chance = random.Random(7)
    amounts = [f"{chance.uniform(1, 9000):,.2f}" for _ in range(400)]
    days = [f"{day:02}.{month:02}.2024" for month in range(1, 5) for day in range(1, 29)]
    return {
        "prose": PROSE,
        "zero table": "| A | B | C |\n|---|---|---|\n" + "| 0 | 0 | 0 |\n" * 25,
        "long zero table": "| A | B | C |\n|---|---|---|\n" + "| 0.00 | 0.00 | 0.00 |\n" * 60,
        "empty rows": "| Name | Date | Sum | Sign |\n|---|---|---|---|\n" + "|  |  |  |  |\n" * 30,
        "ledger, empty": "| No | Text | Debit | Credit |\n" + "|   |   |   |   |\n" * 60,
        "wide empty rows": ("|" + "  |" * 12 + "\n") * 45,
        "padded empty rows": ("|" + (" " * 24 + "|") * 5 + "\n") * 40,
        "numbered empty rows": "".join(f"| {n} |  |  |  |\n" for n in range(1, 81)),
        "answer sheet": "".join(f"{n}. (A) (B) (C) (D)\n" for n in range(1, 201)),
        "answer sheet in one line": " ".join(f"{n}. ____" for n in range(1, 101)),
        "not available": "Item: N/A\n" * 20 + "N/A\n" * 40,
        "not available table": "| N/A | N/A | N/A | N/A |\n" * 50,
        "contents": "".join(
            f"{title} {n}.{m} {'.' * chance.randrange(20, 90)} {n * 10 + m}\n"
            for n in range(1, 12)
            for m, title in enumerate(("Chapter", "Section", "Section", "Note"), 1)
        ),
        "contents of chapters": "".join(f"Chapter {n} {'.' * 60} {n + 4}\n" for n in range(1, 61)),
        "spaced leaders": "".join(f"Item {n} {'. ' * 70}{n * 3}\n" for n in range(1, 40)),
        "ditto rows": "| 1871 | Smith, John | farmer |\n" + '| " | " | " |\n' * 45,
        "refrain": "\n\n".join(
            f"{' '.join(chance.sample(WORDS, 8))}\n{' '.join(chance.sample(WORDS, 8))}\nRow, row, row your boat,\n"
            "Gently down the stream."
            for _ in range(6)
        ),
        "song": "Na na na na-na-na-na, na-na-na-na, hey Jude\n" * 18,
        "lullaby": "la " * 40 + "\n" + "la la la la la\n" * 12,
        "labels": "Greenfield School Library\nLong Lane 12\nYork YO1 7HH\n\n" * 30,
        "business cards": "Dr. Maria Elena Sanchez, Attorney at Law\n24 Court Street, 3rd floor, Springfield\n"
        "Tel. 555 0134, maria@sanchez.example\n\n" * 10,
        "addresses": "".join(f"{name}\n{n} High Street\nLondon\n\n" for n, name in enumerate(NAMES * 5, 1)),
        "attendance": "| Name | Mon | Tue | Wed |\n|---|---|---|---|\n"
        + "".join(f"| {name} | present | present | present |\n" for name in NAMES * 5),
        "attendance by sign": "".join(
            f"| {n} | Name: ________________ | Signature: ________________ |\n" for n in range(1, 61)
        ),
        "time sheet": "".join(f"| {day} | 8:00 | 17:00 | OK |\n" for day in days[:31]),
        "time sheet without dates": "| 08:00 | 12:00 | 12:30 | 17:00 | Office |\n" * 31,
        "timetable": "".join(
            f"| {h:02}:{m:02} | {h:02}:{m + 7:02} | {h:02}:{m + 12:02} |\n"
            for h in range(5, 24)
            for m in (0, 15, 30, 45)
        ),
        "ruled lines": ("_" * 90 + "\n\n") * 30,
        "long ruled line": "Remarks: " + "_" * 300 + "\n",
        "ruled fields": "Name: ____________ First name: ____________ Born: __________ Sign: ____________ Place: _____\n"
        * 32,
        "ascii frame": "+" + "-" * 120 + "+\n" + ("|" + " " * 120 + "|\n") * 40 + "+" + "-" * 120 + "+",
        "rules": ("=" * 100 + "\n" + PROSE + "\n") + "-" * 200,
        "wide separator": "|" + "-" * 250 + "|" + "-" * 120 + "|\n| a | b |\n",
        "statement": "".join(
            f"| {day} | Card payment {chance.choice(('TESCO', 'SHELL', 'REWE'))} | {amount} |\n"
            for day, amount in zip(days, amounts, strict=False)
        ),
        "same shop": "".join(
            f"| {day} | Card payment at TESCO Superstore London | {amount} | EUR |\n"
            for day, amount in zip(days, amounts, strict=False)
        ),
        "numbers": "\n".join(" ".join(amounts[i : i + 6]) for i in range(0, 360, 6)),
        "hundreds chart": " ".join(str(n) for n in range(1, 101)),
        "column of zeros": "0.00\n" * 250,
        "hex dump": "".join(f"{n:08x}  {'00 ' * 16} |................|\n" for n in range(0, 960, 16)),
        "html blank": "<table>" + ("<tr>" + "<td></td>" * 6 + "</tr>") * 35 + "</table>",
        "html styled": "<table>\n"
        + '<tr><td style="text-align: center; width: 20%"></td><td></td></tr>\n' * 40
        + "</table>",
        "html wide": "<tr>" + '<td class="cell small grey right top"></td>' * 31 + "</tr>",
        "check boxes": "☐ yes ☐ no ☐ not applicable\n" * 40 + "☐ " * 60,
        "seats": " ".join(f"Seat {n}" for n in range(1, 91)),
        "inventory": "".join(
            f"| {n} | Dell Latitude laptop computer | SN{4000 + n} | in stock |\n" for n in range(1, 81)
        ),
        "figures": "".join(f"Figure {n}: Temperature at station {n} in the month of May\n" for n in range(1, 61)),
        "multiplication": "".join(f"{n} x {m} = {n * m}\n" for n in range(1, 11) for m in range(1, 11)),
        "calendar": "".join("| " + " | ".join(str(d) for d in range(w, w + 7)) + " |\n" for w in range(1, 29, 7)) * 12,
        "latex zeros": r"\begin{pmatrix}" + r"0 & 0 & 0 & 0 & 0 & 0 & 0 & 0 \\ " * 12 + r"\end{pmatrix}",
        "blanks to fill": r"\underline{\hspace{2cm}} " * 40,
        "chinese form": "姓名：________ 性别：____ 出生日期：________\n" * 32,
        "chinese poem": "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n" * 6,
        "dna": "\n".join("".join(chance.choices("ACGT", k=60)) for _ in range(50)) + "\n" + "A" * 60,
        "music": "| C | G | Am | F |\n" * 32,
        "knitting": "Row 1: knit 2, purl 2, repeat to the row's end.\nRow 2: purl 2, knit 2, repeat to the row's end.\n"
        * 16,
        "tickets": "ADMIT ONE\nSummer Fair of St Mary\nSaturday 4 June, 2 pm, Vicarage Garden\nPrice 2 pounds\n\n" * 12,
        "three copies": "\n\n".join([f"Receipt No. 4711\n{PROSE}\nPaid in cash, with thanks."] * 3),
        "spaces": "Total" + " " * 180 + "12.00\n" + "Tax" + " " * 180 + "1.00",
    }


PAGES = pages()


def loops() -> Iterator[tuple[str, str, str]]:
    """``(title, text, piece)``: answers that ran into a loop of *piece* and were cut at an arbitrary place."""
    chance = random.Random(11)
    sentence = "It was agreed that the hours of the library should be extended until further notice. "
    paragraph = " ".join(chance.sample(WORDS, 40)).capitalize() + ".\n\n"
    exact = {
        "letter": "a",
        "zero": "0",
        "ideograph": "的",
        "dots": ".",
        "rule": "_",
        "dash": "-",
        "newlines": "\n",
        "two letters": "ha",
        "dotted": ". ",
        "zeros": "0 ",
        "word": "the ",
        "girl": "1 girl, ",
        "cells": "---|",
        "bars": "| ",
        "phrase": "on the table, ",
        "sentence": sentence,
        "german": "Die Sitzung wurde um acht Uhr eröffnet. ",
        "chinese": "这是一个非常重要的会议记录，请保存。",
        "thai": "การประชุมเปิดเมื่อเวลาแปดนาฬิกา",
        "short line": "N/A\n",
        "line": "The hours of the library should be extended.\n",
        "blank between": "The hours of the library are long.\n\n",
        "bullet": "- See the notes of the treasurer above\n",
        "heading": "## The accounts of the library for this year\n\n",
        "zero row": "| 0 | 0 | 0 |\n",
        "empty row": "|  |  |  |  |\n",
        "separator row": "|---|---|---|---|\n",
        "text row": "| York | Monday | the library was closed | 12.50 | EUR |\n",
        "html row": "<tr><td>York</td><td>0</td><td>closed</td></tr>",
        "html row in lines": "<tr>\n<td>0</td>\n<td></td>\n</tr>\n",
        "cell": "<td></td>",
        "two lines": "Yours faithfully, the treasurer\nMr Harding of the committee\n",
        "paragraph": paragraph,
        "whole page": " ".join(chance.choices(WORDS, k=400)) + "\n\n",
        "latex": r"\frac{1}{2} ",
        "image": "![figure](image.png)\n",
        "nbsp": "&nbsp;",
    }
    for title, piece in exact.items():
        copies = max(320, 1400 // len(piece)) if len(piece) < 12 else max(110, 6000 // len(piece))
        copies = 5 if title == "whole page" else copies
        text = PROSE + "\n\n" + piece * copies + piece[: chance.randrange(len(piece))]
        yield title, text, piece
    counting = {
        "counted words": ("{0}. foo ", 260),
        "counted girls": ("{0} girl, ", 260),
        "counted alone": ("{0}, ", 700),
        "counted row": ("| {0} |  |  | 0 |\n", 300),
        "counted line": ("{0}. The library was closed on that day.\n", 140),
        "counted sentence": ("In section {0} the treasurer explains the cost of the roof. ", 60),
        "counted contents": ("Chapter {0} ............................ {0}\n", 260),
        "counted years": ("| {0} | 0.00 | 0.00 | no change in the stock of books |\n", 140),
        "two counters": ("Figure {0}: see page {1} of the accounts of this year\n", 140),
    }
    for title, (form, copies) in counting.items():
        whole = "".join(form.format(n, 4 * n + 3) for n in range(1, copies + 1))
        yield title, f"{PROSE}\n\n{whole[: len(whole) - chance.randrange(7)]}", form.format(1, 7)


LOOPS = {title: (text, piece) for title, text, piece in loops()}


def test_corpora_are_large() -> None:
    """The two corpora stay as large as the claims made with them."""
    assert len(PAGES) >= 40
    assert len(LOOPS) >= 40


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("title", PAGES)
def test_pages_are_left_alone(title: str, ended: bool) -> None:
    """No page is taken for a loop, whether the model ended it or its limit cut it."""
    assert find_loop(PAGES[title], ended=ended) is None


@pytest.mark.parametrize("title", PAGES)
def test_growing_pages_are_left_alone(title: str) -> None:
    """No page is taken for a loop at any moment while it is being written."""
    page = PROSE + "\n\n" + PAGES[title]
    places = range(len(PROSE) + 1, len(page), max(7, len(page) // 60))
    assert [place for place in places if find_loop(page[:place], ended=False)] == []


@pytest.mark.parametrize("title", PAGES)
def test_stripped_pages_are_left_alone(title: str) -> None:
    """The outer blanks of a page make no difference."""
    assert find_loop(PAGES[title].strip(), ended=True) is None
    assert find_loop(PAGES[title].strip(), ended=False) is None


@pytest.mark.parametrize("title", LOOPS)
def test_loops_are_found(title: str) -> None:
    """A loop at the cut end of an answer is found, begins behind the real text and reaches the end."""
    text, piece = LOOPS[title]
    loop = find_loop(text, ended=False)
    assert loop is not None
    assert len(PROSE) <= loop.start + 2 <= len(PROSE) + 2 + 2 * len(piece) + 8
    assert loop.end == len(text)
    assert text.startswith(loop.period, loop.start)


@pytest.mark.parametrize("title", LOOPS)
def test_loops_are_found_wherever_they_are_cut(title: str) -> None:
    """The place of the cut within a copy makes no difference."""
    text, piece = LOOPS[title]
    for back in range(0, len(piece), max(1, len(piece) // 12)):
        assert find_loop(text[: len(text) - back], ended=False) is not None


@pytest.mark.parametrize("title", LOOPS)
def test_cutting_a_loop_leaves_one_copy(title: str) -> None:
    """What is left is the text before the loop and one copy of the piece, and there is no loop in it."""
    text, piece = LOOPS[title]
    loop = find_loop(text, ended=False)
    assert loop is not None
    left = cut_loop(text, loop)
    assert text.startswith(left)
    assert left.startswith(PROSE)
    assert len(left) <= len(PROSE) + 2 + 3 * len(piece) + 8
    assert find_loop(left, ended=False) is None


@pytest.mark.parametrize(
    ("piece", "copies"),
    [("1 girl, ", 90), ("It was agreed that the hours should be extended. ", 20), ("| 0 | 0 | 0 |\n", 110)],
)
def test_loops_are_found_early(piece: str, copies: int) -> None:
    """A loop is found long before it fills the answer."""
    assert find_loop(PROSE + "\n" + piece * copies, ended=False) is not None


@pytest.mark.parametrize(
    ("piece", "unit"),
    [
        ("a", "characters"),
        ("的", "characters"),
        ("ha", "characters"),
        ("1 girl, ", "words"),
        ("The library was closed again on that day. ", "words"),
        ("The library was closed again on that day.\n", "lines"),
        ("| York | Monday | the library was closed |\n", "rows"),
        ("<tr><td>York</td><td>0</td></tr>", "rows"),
    ],
)
def test_unit(piece: str, unit: str) -> None:
    """The unit says what a reader would call the piece."""
    loop = find_loop(PROSE + "\n" + piece * 400, ended=False)
    assert loop is not None
    assert loop.unit == unit


def test_a_loop_begins_with_its_line() -> None:
    """A row that shares its end with the heading row is still cut at the line's beginning."""
    row = "| 0 | 0 | 0 |\n"
    text = "| a | b | 0 |\n|---|---|---|\n| 1 | 0 | 0 |\n" + row * 120 + "| 0 | 0"
    loop = find_loop(text, ended=False)
    assert loop == Loop(text.index(row), len(text), row, 120, "rows")
    assert cut_loop(text, loop) == "| a | b | 0 |\n|---|---|---|\n| 1 | 0 | 0 |\n" + row


@pytest.mark.parametrize("piece", ["| 0 | 0 | 0 |\n", "1 girl, ", "The library was closed again on that day. ", "_"])
def test_a_loop_in_the_middle_is_found(piece: str) -> None:
    """A model that got out of an enormous loop and ended by itself does not get away with it."""
    text = PROSE + "\n" + piece * 1500 + "\n" + PROSE
    loop = find_loop(text, ended=True)
    assert loop is not None
    left = cut_loop(text, loop)
    assert left.startswith(PROSE)
    assert left.endswith(PROSE)
    assert len(left) < 2 * len(PROSE) + 3 * len(piece) + 8


def test_ended_answers_are_judged_more_strictly() -> None:
    """What is a loop at an open end may be a page when the model ended it."""
    text = PROSE + "\n" + "| 0 | 0 | 0 |\n" * 110
    assert find_loop(text, ended=False) is not None
    assert find_loop(text, ended=True) is None


def test_a_loop_behind_a_table_is_found() -> None:
    """Real rows with changing numbers do not hide the counting rows that follow."""
    chance = random.Random(3)
    table = "".join(
        f"| {chance.randrange(9999)} | {chance.randrange(9999)} | York library books |\n" for _ in range(60)
    )
    text = table + "".join(f"| {n} | 0 | York library books |\n" for n in range(1, 300))
    loop = find_loop(text, ended=False)
    assert loop is not None
    assert len(table) - 60 <= loop.start <= len(table) + 200


@given(st.text(alphabet="ab0| \n.", max_size=400), st.booleans())
def test_short_texts_have_no_loops(text: str, ended: bool) -> None:
    """Nothing shorter than the shortest loop is one, whatever it looks like."""
    loop = find_loop(text[:99], ended=ended)
    assert loop is None


@given(
    st.text(max_size=60), st.text(alphabet="ab 1|\n.é", min_size=1, max_size=30), st.integers(420, 600), st.booleans()
)
def test_loops_are_well_formed(head: str, piece: str, copies: int, ended: bool) -> None:
    """Whatever is found lies in the text, and its period stands where it says."""
    text = head + piece * copies
    loop = find_loop(text, ended=ended)
    assert ended or loop is not None
    if loop is not None:
        assert 0 <= loop.start < loop.end <= len(text)
        assert text.startswith(loop.period, loop.start)
        assert loop.repeats >= 2
        assert loop.period


@pytest.mark.parametrize("kind", ["prose", "statement", "zero table", "loop", "cells", "dots"])
def test_work_grows_with_the_text(kind: str) -> None:
    """Eight times the text costs at most about eight times the operations, and few a character."""
    chance = random.Random(5)
    size = 100_000

    def text(length: int) -> str:
        prose = " ".join(chance.choices(WORDS, k=length // 4))
        rows = "".join(
            f"| {chance.randrange(10**6)} | Card payment | {chance.randrange(99)}.00 | EUR |\n"
            for _ in range(length // 30)
        )
        made = {
            "prose": prose,
            "statement": rows,
            "zero table": "".join(chance.choices(("| 0 | 0 | 0 |\n", "| 0 | 0 | 1 |\n"), k=length // 13)),
            "loop": "The library was closed again. " * (length // 20),
            "cells": "".join("| " * chance.randrange(5, 60) + "x\n" for _ in range(length // 20)),
            "dots": "".join("." * chance.randrange(20, 99) + f" {n}\n" for n in range(length // 20)),
        }
        return made[kind][:length]

    few, many = (_operations(text(length)) for length in (size // 8, size))
    assert many <= 12 * few + 400
    assert many <= 4 * size


def _operations(text: str) -> int:
    """How many functions are called, those written in C included, to look for a loop in *text*."""
    count = 0

    def watch(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        find_loop(text, ended=False)
    finally:
        sys.setprofile(before)
    return count

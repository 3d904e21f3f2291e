"""Answers to the parts of a page become one text, one list of blocks, and lines that stand once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fakes.stand_ins import QUESTION, FakeEngine, answer
from visionocr.asking import Asker
from visionocr.blocks import Block, BlockKind
from visionocr.boxes import Box, TextLine
from visionocr.evidence import Doubt, DoubtKind
from visionocr.loaded import Loaded
from visionocr.page_answer import PageAnswer
from visionocr.part_joints import drop_doubles, join_parts
from visionocr.types import Completion, FinishReason, PageImage, PageRef, PageResult

PAGE = PageRef("a.pdf", 1, 1)
LINES = [f"the {name} of the empire was {number} miles away" for number, name in enumerate("abcdefghijkl", 1000)]


def strips(*bounds: tuple[float, float], overlaps: bool = False) -> tuple[PageImage, ...]:
    """The images of a page in strips."""
    count = len(bounds)
    return tuple(
        PageImage(
            *(PAGE, "image/png", f"1.{at}".encode(), 100, 70, at, count),
            region=Box(0, top, 1, bottom),
            overlaps=overlaps and at > 1,
        )
        for at, (top, bottom) in enumerate(bounds, 1)
    )


HALVES = strips((0, 0.5), (0.5, 1))
OVERLAPPING = strips((0, 0.55), (0.45, 1), overlaps=True)


def read(images: tuple[PageImage, ...], *replies: str | Completion) -> PageResult:
    """The result of a page whose strips get these answers."""
    engine = FakeEngine()
    engine.says[1] = list(replies)
    (result,) = Asker(engine, QUESTION, max_asks=1).read([Loaded(PAGE, images)])
    assert len(engine.asked) == len(images)
    return result


def answers(*texts: str) -> list[PageAnswer]:
    """Good answers."""
    return [PageAnswer(text, ()) for text in texts]


def test_strips_are_asked_one_by_one_and_joined_in_order() -> None:
    """Each strip is a request of its own; their texts follow each other."""
    result = read(HALVES, "# Title\n\nFirst.", "Second.")
    assert (result.text, result.asks) == ("# Title\n\nFirst.\n\nSecond.", 2)


def test_lines_of_overlapping_strips_stand_once() -> None:
    """What both strips show is in the text once, and cut lines come from where they are whole."""
    first, second = "\n".join([*LINES[:7], "tbe b ol"]), "\n".join(["ol tbe em", *LINES[4:]])
    result = read(OVERLAPPING, first, second)
    assert result.text == "\n".join(LINES)
    assert result.blocks == ()


def test_overlapping_strips_without_common_words_keep_all() -> None:
    """Where nothing is found twice, nothing is left out."""
    assert read(OVERLAPPING, "One half.", "Another one.").text == "One half.\n\nAnother one."


def test_a_paragraph_goes_on_in_the_next_strip() -> None:
    """A paragraph that a cut parts is one again, with the word that was parted; headings and lists are not joined."""
    start = "A paragraph that has more than one line of print and does not end with its strip, but in the mid-"
    assert join_parts(HALVES, answers(f"# A\n\n{start}", "dle of it.\n\nNext."), QUESTION)[0] == (
        f"# A\n\n{start[:-1]}dle of it.\n\nNext."
    )
    others = ((f"# {start}", "and text"), (start, "- an item"), (f"{start}dle.", "and not"), ("milk 1.20", "eggs 2.50"))
    for last, first in others:
        assert join_parts(HALVES, answers(last, first), QUESTION)[0] == f"{last}\n\n{first}"
    plain = replace(QUESTION, task=replace(QUESTION.task, markdown=False))
    assert join_parts(HALVES, answers("one", "two"), plain)[0] == "one\ntwo"


def test_blocks_of_strips_are_joined() -> None:
    """Where an engine gives blocks, the page has the blocks of all its strips, in the text as well."""
    tops, ends = (Block(BlockKind.TEXT, text) for text in ("A paragraph that goes", "on in the next strip."))
    completions = [replace(answer("", FinishReason.STOP), blocks=(block,)) for block in (tops, ends)]
    result = read(HALVES, *completions)
    assert [block.text for block in result.blocks] == ["A paragraph that goes on in the next strip."]
    assert result.text == "A paragraph that goes on in the next strip."


def column(name: str, left: float) -> list[TextLine]:
    """The lines of a column."""
    return [
        TextLine(f"{name} {word} {number}", Box(left, 0.05 + 0.045 * number, left + 0.4, 0.08 + 0.045 * number))
        for number, word in enumerate(LINES[0].split() * 2)
    ]


@pytest.mark.parametrize("markdown", [True, False])
def test_columns_are_read_one_after_the_other(markdown: bool) -> None:
    """Where the page's lines are known, a column goes on in the next strip before the next column begins."""
    columns = column("left", 0.05), column("right", 0.55)
    gap = "\n\n" if markdown else "\n"
    question = replace(QUESTION, task=replace(QUESTION.task, markdown=markdown))
    halves = [
        gap.join(line.text for lines in columns for line in lines if (line.box.top < 0.5) == is_upper)
        for is_upper in (True, False)
    ]
    known = [line for lines in columns for line in lines]
    assert join_parts(HALVES, answers(*halves), question, known)[0] == gap.join(line.text for line in known)
    assert join_parts(HALVES, answers(*halves), question)[0] == gap.join(halves)


def test_rows_are_read_strip_by_strip() -> None:
    """A page that is read row by row, or that has one column, keeps the order of its strips."""
    rows = sorted(column("left", 0.05) + column("right", 0.55), key=lambda line: line.box.top)
    texts = ["\n\n".join(line.text for line in rows if (line.box.top < 0.5) == is_upper) for is_upper in (True, False)]
    # Were it sorted by the places of its words, this would move.
    texts[0] += f"\n\n{rows[-1].text}"
    assert join_parts(HALVES, answers(*texts), QUESTION, rows)[0] == "\n\n".join(texts)


def test_an_empty_strip_leaves_no_trace() -> None:
    """What stands before and behind a strip without text, as a failed one is, is never one paragraph."""
    images = strips((0, 0.3), (0.3, 0.6), (0.6, 1))
    start = "A paragraph that has more than one line of print and does not end with its strip, but goes on"
    assert join_parts(images, answers(start, "", "and on"), QUESTION) == (f"{start}\n\nand on", ())
    blocks = [(Block(BlockKind.TEXT, start),), (), (Block(BlockKind.TEXT, "and on"),)]
    known = [PageAnswer(each[0].text if each else "", (), blocks=each) for each in blocks]
    assert join_parts(images, known, QUESTION) == (f"{start}\n\nand on", (*blocks[0], *blocks[2]))


def places(answers: Sequence[PageAnswer]) -> list[list[float]]:
    """The upper edges of the answers' lines."""
    return [[line.box.top for line in answer.lines] for answer in answers]


def test_lines_and_doubts_stand_once() -> None:
    """A line, and a doubt, of which both strips know, is taken from the one in which it is whole."""
    boxes = [Box(0.1, top, 0.9, top + 0.02) for top in (0.40, 0.46, 0.53)]
    lines = tuple(TextLine("words", box) for box in boxes)
    doubts = (*(Doubt(DoubtKind.MISSING, "", "words", box) for box in boxes), Doubt(DoubtKind.ADDED, "anywhere"))
    known = [PageAnswer("text", (), lines=lines, doubts=doubts)] * 2
    found = drop_doubles(OVERLAPPING, known)
    assert places(found) == [[0.40, 0.46], [0.53]]
    assert [len(each.doubts) for each in found] == [3, 2]
    assert places(drop_doubles(HALVES, known)) == [[0.40, 0.46, 0.53]] * 2

"""The answer to several pages is split at its marks, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.answers.split import split_by_marks
from visionocr.types import PAGE_MARK


def mark(number: int) -> str:
    """The line that the prompt asks for."""
    return PAGE_MARK.format(n=number)


def join(pages: list[str]) -> str:
    """An answer as the prompt asks for it."""
    return "\n".join(f"{mark(number)}\n{page}" for number, page in enumerate(pages, 1))


PAGE = st.text(alphabet="ab=# *\n|-PAGE1é\t", max_size=60).map(str.strip)


@given(st.lists(PAGE, min_size=1, max_size=12))
def test_what_was_joined_is_split(pages: list[str]) -> None:
    """Splitting undoes joining, whatever the pages hold (but marks)."""
    answer = join(pages)
    if answer.casefold().count("===") == 2 * len(pages):
        assert split_by_marks(answer, len(pages)) == pages


@pytest.mark.parametrize(
    "line",
    [
        "=== PAGE 1 ===",
        "  === PAGE 1 ===  ",
        "**=== Page 1 ===**",
        "## === PAGE 1 ===",
        "### **=== page 1 ===**",
        "===PAGE 1===",
        "== Page 1 ==",
        "==== PAGE  1 ====",
        "`=== PAGE 1 ===`",
        "> === PAGE 1 ===",
        "=== PAGE 01 ===",
    ],
)
def test_decorated_marks(line: str) -> None:
    """Models decorate the mark; it is known all the same."""
    assert split_by_marks(f"{line}\nfirst\n\n{line.replace('1', '2')}\n\nsecond\n", 2) == ["first", "second"]


@pytest.mark.parametrize(
    "line",
    [
        "PAGE 1",
        "Page 1 of 2",
        "=== PAGE ===",
        "=== PAGE 1 === first",
        "see === PAGE 1 ===",
        "=== PAGE one ===",
        "Page 1:",
    ],
)
def test_what_is_no_mark(line: str) -> None:
    """A page that speaks of pages has no marks in it."""
    assert split_by_marks(f"{line}\nfirst", 1) is None


@pytest.mark.parametrize(
    "numbers",
    [[], [1], [2], [2, 1], [1, 1], [1, 3], [1, 2, 2], [1, 2, 3], [0, 1, 2], [1, 2, 1]],
)
def test_wrong_marks(numbers: list[int]) -> None:
    """A mark that is missing, doubled, too many or out of order makes the answer useless as a batch."""
    answer = "\n".join(f"{mark(number)}\ntext {number}" for number in numbers)
    assert split_by_marks(answer, 2) is None


def test_text_before_the_first_mark() -> None:
    """Text that belongs to no page makes the answer useless as a batch."""
    assert split_by_marks("A line of the first page.\n" + join(["first", "second"]), 2) is None


@pytest.mark.parametrize(
    "chatter", ["\n\n", "Here is the transcription:\n\n", "Sure! Here is the text from the images:\n", "Sure!\n"]
)
def test_chatter_before_the_first_mark(chatter: str) -> None:
    """The model's announcement belongs to no page and is dropped."""
    assert split_by_marks(chatter + join(["first", "second"]), 2) == ["first", "second"]


def test_empty_pages() -> None:
    """A page without text is an empty text, not a missing page."""
    assert split_by_marks(join(["", "second", ""]), 3) == ["", "second", ""]


def test_no_pages() -> None:
    """Nothing asked for is nothing to split."""
    assert split_by_marks("", 0) is None
    assert split_by_marks("text", 1) is None

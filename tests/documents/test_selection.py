"""The syntax of ``--pages``."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.documents.selection import PageSelection, parse_pages
from visionocr.errors import ExitCode, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", [3]),
        ("1-3", [1, 2, 3]),
        ("1-3,7,9-", [1, 2, 3, 7, 9, 10]),
        ("9-,1", [1, 9, 10]),
        ("-1", [10]),
        ("-3--1", [8, 9, 10]),
        ("-2-", [9, 10]),
        ("8--2", [8, 9]),
        ("2,2,1-3,3-4", [1, 2, 3, 4]),
        (" 1 - 2 , 4 ,", [1, 2, 4]),
        ("1-", list(range(1, 11))),
        ("-10", [1]),
        ("9-12", [9, 10]),
        ("12", []),
        ("-12", []),
    ],
)
def test_pages_are_selected(text: str, expected: list[int]) -> None:
    """Every form of the syntax selects its pages of a document of ten, in order, once each."""
    assert list(parse_pages(text).numbers(10)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-10", ()),
        ("12", (12,)),
        ("9-12", (11, 12)),
        ("12-", (12,)),
        ("12--1", (12,)),
        ("-12", (-12,)),
        ("-12--9", (-12, -11)),
        ("-10-", ()),
        ("40,12", (12, 40)),
        ("5-999999999", tuple(range(11, 21))),
    ],
)
def test_missing_pages_are_named(text: str, expected: tuple[int, ...]) -> None:
    """Pages that a document of ten does not have are named as they were written, ten of them at the most."""
    assert parse_pages(text).missing(10) == expected


@pytest.mark.parametrize(
    "text", ["", " ", ",", "0", "1-0", "a", "1-2-3", "1.5", "3-1", "-1--3", "-3-5", "١", "9" * 5000, "1;2", "--1"]
)
def test_invalid_selections(text: str) -> None:
    """An invalid selection is a usage error with a hint."""
    with pytest.raises(UsageError) as caught:
        parse_pages(text)
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE
    assert len(caught.value.message) < 200


def test_backward_range_says_how_to_write_it() -> None:
    """A range that runs backwards is an error whose hint is the range the right way round."""
    with pytest.raises(UsageError) as caught:
        parse_pages("3-1")
    assert caught.value.hint == "write 1-3"


def test_numbers_are_lazy() -> None:
    """The first pages of an enormous range are there at once."""
    assert list(itertools.islice(parse_pages("5-").numbers(10**9), 3)) == [5, 6, 7]


_numbers = st.integers(1, 40)
_items = st.one_of(
    _numbers.map(lambda n: (n, n)),
    _numbers.map(lambda n: (-n, -n)),
    _numbers.map(lambda n: (n, -1)),
    st.tuples(_numbers, _numbers).map(lambda p: (min(p), max(p))),
    st.tuples(_numbers, _numbers).map(lambda p: (-max(p), -min(p))),
    st.tuples(_numbers, _numbers).map(lambda p: (p[0], -p[1])),
)


@given(st.lists(_items, min_size=1, max_size=6), st.integers(1, 30))
def test_selection_equals_its_definition(items: list[tuple[int, int]], count: int) -> None:
    """Text, parsed, selects exactly the pages that lie in one of its ranges, ascending."""
    selection = parse_pages(",".join(f"{first}-{last}" for first, last in items))

    def inside(page: int) -> bool:
        return any(
            (first if first > 0 else count + 1 + first) <= page <= (last if last > 0 else count + 1 + last)
            for first, last in items
        )

    assert list(selection.numbers(count)) == [page for page in range(1, count + 1) if inside(page)]
    assert all(number > count or number < -count for number in selection.missing(count))


@given(st.text(alphabet="0123456789-, x", max_size=12))
def test_any_text(text: str) -> None:
    """Any text gives a selection or a usage error."""
    try:
        selection = parse_pages(text)
    except UsageError:
        return
    assert isinstance(selection, PageSelection)
    assert set(selection.numbers(5)) <= {1, 2, 3, 4, 5}

"""Which pages: the syntax of ``--pages``.

``1-3,7,12-`` are pages 1 to 3, 7, and 12 to the end; ``-1`` is the last page and ``-3--1`` the last three.
Pages come in the order of the document and each of them once, however they were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from visionocr.errors import UsageError

_ITEM = re.compile(r"(-?[0-9]{1,9})(?:\s*(-)\s*(-?[0-9]{1,9})?)?")
_HINT = "for example --pages 1-3,7,12- or --pages -1 for the last page"
_MAX_MISSING = 10
"""Pages that do not exist, as many as are named in a message."""


@dataclass(frozen=True, slots=True)
class PageSelection:
    """The pages asked for, before it is known how many a document has."""

    ranges: tuple[tuple[int, int], ...]
    """First and last page of each range, both included. Negative numbers count from the end."""

    def numbers(self, count: int) -> Iterator[int]:
        """The pages of a document of *count* pages, ascending, each once."""

        def absolute(number: int) -> int:
            return number if number > 0 else count + 1 + number

        after = 0
        # The ranges may be empty or reach beyond the document.
        for first, last in sorted((absolute(first), absolute(last)) for first, last in self.ranges):
            for number in range(max(first, after + 1), min(last, count) + 1):
                yield number
                after = number

    def missing(self, count: int) -> tuple[int, ...]:
        """Pages asked for that a document of *count* pages does not have, as they were written; the first ten."""
        found: set[int] = set()
        for first, last in self.ranges:
            if first < 0:
                beyond = range(first, min(last, -count - 1) + 1)
            elif last < 0:  # open: only its start can be missing
                beyond = range(first, first + 1 if first > count else first)
            else:
                beyond = range(max(first, count + 1), last + 1)
            found.update(beyond[:_MAX_MISSING])
        return tuple(sorted(found)[:_MAX_MISSING])


def parse_pages(text: str) -> PageSelection:
    """Parse ``--pages``. Raises ``UsageError``."""
    items = [item.strip() for item in text.split(",")]
    if not any(items):
        raise UsageError("no pages are given", _HINT)
    return PageSelection(tuple(dict.fromkeys(_parse_range(item) for item in items if item)))


def _parse_range(item: str) -> tuple[int, int]:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise UsageError(f"{item[:60]!r} is not a page or a range of pages", _HINT)
    first = int(match[1])
    last = int(match[3]) if match[3] else -1 if match[2] else first
    if first == 0 or last == 0:
        raise UsageError(f"there is no page 0 in {item!r}", "pages are numbered from 1; -1 is the last page")
    if first < 0 < last:
        raise UsageError(
            f"the range {item!r} begins at a page counted from the end and ends at one counted from the start", _HINT
        )
    if last < first and (first < 0) == (last < 0):
        raise UsageError(f"the range {item!r} runs backwards", f"write {last}-{first}")
    return first, last

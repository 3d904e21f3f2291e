"""Numbers as documents write them: with points, commas, blanks or apostrophes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

_BLANKS = "'’ \u00a0\u2009\u202f"
_NUMBER = re.compile(rf"\d+(?:[.,{_BLANKS}]\d+)*")
_GROUPED = re.compile(rf"\d{{1,3}}(?:[{_BLANKS}]\d{{3}})+(?:[.,]\d+)?")
_PARTS = re.compile(r"\d+(?:[.,]\d+)*")
_CURRENCY = r"(?:[A-Z]{3}|[$€£¥]|kr|zł|Fr)\.?"
_WHOLE = re.compile(
    rf"\s*(?P<sign>[-\u2212+]?)\s*(?:{_CURRENCY})?\s*(?P<number>{_NUMBER.pattern})(?:[,.]?[-–]+)?\s*(?:{_CURRENCY})?\s*"
)
_APOSTROPHE = re.compile(r"(?<=\d)['’](?=\d{3}(?!\d))")
_MINUS_BEFORE = re.compile(rf"[-\u2212–(]\s?(?:{_CURRENCY})?\s?$")
_MINUS_AFTER = re.compile(rf"\s?(?:{_CURRENCY})?\s?[-\u2212–)]")
_LONGEST = 40
"""Digits and signs: anything longer is no amount."""


def numbers_in(text: str) -> Iterator[tuple[set[Decimal], bool]]:
    """For each number of *text* all values that it may have, without sign, and whether it may be negative.

    "19 197,12" may be two numbers, of two columns.
    """
    for match in _NUMBER.finditer(text):
        digits = _APOSTROPHE.sub("", match[0])
        values = {value for part in _PARTS.findall(digits) for value in _read_part(part)}
        for grouped in _GROUPED.findall(digits):
            values |= _read_part(re.sub(f"[{_BLANKS}]", "", grouped))
        if text[match.end() : match.end() + 2].lstrip()[:1] == "%":
            values |= {value / 100 for value in values}
        yield (
            values,
            bool(
                _MINUS_BEFORE.search(text[max(0, match.start() - 8) : match.start()])
                or _MINUS_AFTER.match(text, match.end())
            ),
        )


def parse_amount(text: str) -> Decimal | None:
    """The value of a text that is one number, with or without a currency; ``None`` where it may mean several."""
    match = _WHOLE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    number = match["number"]
    if any(blank in number for blank in _BLANKS):
        if not _GROUPED.fullmatch(number):
            return None
        number = re.sub(f"[{_BLANKS}]", "", number)
    values = _read_part(number)
    if len(values) != 1:
        return None
    (value,) = values
    return -value if match["sign"] in ("-", "\u2212") else value


def _read_part(text: str) -> set[Decimal]:
    """The values of digits with points and commas: "1.234" is 1.234 or 1234."""
    signs = re.findall(r"[.,]", text)
    if len(text) > _LONGEST:
        return set()
    if not signs:
        return {Decimal(text)}
    groups = re.split(r"[.,]", text)
    is_grouped = len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:])
    found = set()
    if len(set(signs)) == 1 and is_grouped and groups[0] != "0":
        found.add(Decimal("".join(groups)))
    if len(signs) == 1 or (
        signs[-1] not in signs[:-1] and len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:-1])
    ):
        found.add(Decimal("".join(groups[:-1]) + "." + groups[-1]))
    return found

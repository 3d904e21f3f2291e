"""Compares numbers, amounts, dates and identifiers as they are written."""

from __future__ import annotations

import re

from visionocr.answers.letters import normalise

LONGEST = 40
"""Characters of a number; bounds the time of hostile texts."""
_PLAIN = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d)['’\u00a0\u2009\u202f ](?=\d{3}(?!\d))")
_EDGES = re.compile(r"^[^\d]+|[^\d]+$")
_ALIKE = str.maketrans("oilłøđı", "01110d1")
"""What OCR engines take for each other: O and 0, l, I and 1, and letters with and without a stroke."""
_FULL_STOP = "。"
"""Of Chinese and Japanese; engines take it for a 0, too."""


def has_digit(text: str) -> bool:
    """Whether *text* holds a digit of any script."""
    return any(char.isdigit() for char in text)


def is_read_alike(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but what OCR engines take for each other."""
    return not _readings(one).isdisjoint(_readings(other))


def _readings(text: str) -> set[str]:
    return {normalise(each).translate(_ALIKE) for each in (text, text.replace(_FULL_STOP, "0"))}


def differ_in_decimals(one: str, other: str) -> bool:
    """Whether two numbers with the same digits have their decimal point in different places.

    The signs that part thousands, and currency signs, make no difference; where "1,234" may be either, it agrees with
    both. What is no plain number differs in nothing here.
    """
    first, second = _count_decimals(one), _count_decimals(other)
    return bool(first and second and not first & second)


def _count_decimals(text: str) -> set[int]:
    """How many decimals a number may have; empty when *text* is no plain number."""
    if len(text) > LONGEST:
        return set()
    core = _THOUSANDS.sub("", _EDGES.sub("", text))
    if not _PLAIN.fullmatch(core):
        return set()
    *head, last = re.split(r"[.,]", core)
    signs = re.findall(r"[.,]", core)
    if not signs:
        return {0}
    if len(signs) > 1:
        # "1.234.567,89"; where all signs are the same they part thousands or a date, or one of them was misread.
        return {len(last)} if signs[-1] not in signs[:-1] else {0} if len(last) == 3 else {0, len(last)}
    return {0, 3} if len(last) == 3 and len(head[0]) <= 3 else {len(last)}

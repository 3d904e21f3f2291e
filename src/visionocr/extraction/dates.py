"""Dates as documents write them, in numbers or with the names of months."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from itertools import product

from visionocr.answers.letters import normalise

_MONTHS = (
    "january januar janvier enero gennaio januari janeiro jänner",
    "february februar février febrero febbraio februari fevereiro feber",
    "march märz mars marzo maart março",
    "april avril abril aprile",
    "may mai mayo maggio mei maio",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre diciembre dicembre dezembro",
)
"""English, German, French, Spanish, Italian, Dutch, Portuguese."""
_NAMES = tuple(tuple(normalise(name) for name in names.split()) for names in _MONTHS)
_PART = r"\s{0,2}[./\-–年月 ]\s{0,2}"
_NUMERIC = re.compile(rf"(?<!\d)(\d{{4}}|\d{{1,2}}){_PART}(\d{{1,2}}){_PART}(\d{{4}}|\d{{1,2}})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})(?!\d)")
_WORD = r"([^\W\d_]{3,12})"
_DAY_FIRST = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:st|nd|rd|th|er|\.|º)?\s{{0,2}}(?:de |of )?[ -]?{_WORD}"
    r"\.?,?[ -]?(?:de )?\s?(\d{4}|\d{2})(?!\d)"
)
_MONTH_FIRST = re.compile(rf"{_WORD}\.?\s{{0,2}}(\d{{1,2}})(?:st|nd|rd|th)?,?\s{{1,2}}(\d{{4}}|\d{{2}})(?!\d)")


def dates_in(text: str) -> Iterator[tuple[str, set[date]]]:
    """Each date of *text* as it is written, with all days that it may mean."""
    for match in _NUMERIC.finditer(text):
        one, two, three = match.groups()
        orders = [(one, two, three), (three, two, one), (three, one, two)]
        yield match[0], _days([(year, {int(month)}, day) for year, month, day in orders if len(day) < 3])
    for match in _COMPACT.finditer(text):
        yield match[0], _days([(match[1], {int(match[2])}, match[3])])
    for match in _DAY_FIRST.finditer(text):
        yield match[0], _days([(match[3], _months(match[2]), match[1])])
    for match in _MONTH_FIRST.finditer(text):
        yield match[0], _days([(match[3], _months(match[1]), match[2])])


def parse_date(text: str) -> date | None:
    """The day that a text as a whole means; ``None`` where it may mean several, or is no date.

    Numbers with points are day, month, year: nobody writes the month first with them.
    """
    text = text.strip()
    if len(text) > 40:
        return None
    if match := re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", text):
        found = _days([(match[3], {int(match[2])}, match[1])])
    else:
        found = next((days for written, days in dates_in(text) if written.strip() == text), set())
    return next(iter(found)) if len(found) == 1 and not re.fullmatch(r"\D*\d\d?\D+\d\d?\D+\d\d\D*", text) else None


def _months(word: str) -> set[int]:
    """The months that a word names: all of it, or at least its first three letters."""
    letters = normalise(word)
    return {
        number
        for number, names in enumerate(_NAMES, 1)
        if len(letters) >= 3 and any(name.startswith(letters) for name in names)
    }


def _days(readings: list[tuple[str, set[int], str]]) -> set[date]:
    """The days that exist among some years, months and days."""
    found = set()
    for year, months, day in readings:
        if len(year) == 4:
            years = [int(year)]
        elif len(year) == 2:
            years = [2000 + int(year), 1900 + int(year)]
        else:
            continue
        for one, month in product(years, months):
            try:
                found.add(date(one, month, int(day)))
            except ValueError:
                continue
    return found

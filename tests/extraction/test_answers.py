"""What an answer holds: found, parsed, repaired, validated."""

from __future__ import annotations

import json
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from schemas import DATE, NUMBER, TEXT, WHOLE, record_of
from visionocr.answers.clean import clean
from visionocr.errors import ConfigurationError
from visionocr.extraction.amounts import parse_amount
from visionocr.extraction.dates import dates_in, parse_date
from visionocr.extraction.json_answer import NoRecord, find_object
from visionocr.extraction.repair import repair
from visionocr.extraction.schema import parse_schema
from visionocr.extraction.validate import Validator
from visionocr.types import ChatMarkers

RECORD = '{"vendor": "A {b} c", "total": 12.5}'
VALUE = {"vendor": "A {b} c", "total": 12.5}


@pytest.mark.parametrize(
    "text",
    [
        RECORD,
        f"```json\n{RECORD}\n```",
        f"```\n{RECORD}\n```",
        f"Here is the record:\n```json\n{RECORD}\n```\nLet me know if you need more.",
        f"Here is the record: {RECORD}\n\nI hope this helps!",
        f'<think>It may be {{"vendor": 1}} or so.</think>\n{RECORD}',
        f'The vendor is {{"vendor": 1}}.\n</think>\n\n{RECORD}',
        f"[{RECORD}]",
        json.dumps(VALUE, indent=4),
    ],
)
def test_a_record_is_found_in_what_stands_around_it(text: str) -> None:
    """Fences, sentences, reasoning and a list around the one record are seen through."""
    cleaned = clean(text, stop_sequences=(), chat=ChatMarkers(), thinks=True).text
    assert find_object(cleaned).value == VALUE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("The vendor is A.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        *((RECORD[:end], "cut off") for end in range(1, len(RECORD), 3)),
        ('{"a": 1, }', "not valid JSON"),
        ('{"a": 1, "a": 2}', "a key twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "too large"),
        (f"{RECORD}\n{RECORD}", "more than one"),
        (f"[{RECORD}, {RECORD}]", "one object is wanted"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
        ('{"a": ' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_single_record_is_refused(text: str, words: str) -> None:
    """Nothing is completed, and of two answers none is chosen."""
    with pytest.raises(NoRecord, match=words):
        find_object(text)


@pytest.mark.parametrize(
    "text", ["{" * 300_000, '{"' * 200_000, '{"a":"' + "\\" * 300_000, "```json\n" * 60_000, "[ " * 200_000]
)
def test_hostile_answers_take_no_long_time(text: str) -> None:
    """The time grows with the length only."""
    started = time.monotonic()
    with pytest.raises(NoRecord):
        find_object(text)
    assert time.monotonic() - started < 2


SCHEMA = record_of(
    vendor={"type": ["string", "null"]},
    total=NUMBER,
    count={"type": ["integer", "null"]},
    day={"type": ["string", "null"], "format": "date"},
    currency={"enum": ["EUR", "USD", None]},
    items={"type": "array", "items": record_of(price={"type": ["number", "null"]})},
)
GOOD: dict[str, Any] = {"vendor": "A", "total": 1.5, "count": 2, "day": "2024-12-31", "currency": "EUR", "items": []}


def repaired(**changes: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What becomes of the good record with changes."""
    return repair(parse_schema(SCHEMA).record, {**GOOD, **changes})


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("total", "1.234,56 EUR", 1234.56),
        ("total", "-12.50", -12.5),
        ("total", "€ 1'234.50", 1234.5),
        ("count", "3", 3),
        ("vendor", "n/a", None),
        ("count", "-", None),
        ("day", "31.12.2024", "2024-12-31"),
        ("day", "December 31, 2024", "2024-12-31"),
        ("day", "31 Dezember 2024", "2024-12-31"),
        ("currency", "eur", "EUR"),
        ("items", {"price": 1}, [{"price": 1}]),
        ("items", [{"price": "2,50"}], [{"price": 2.5}]),
    ],
)
def test_what_can_mean_one_thing_only_is_repaired_and_told(name: str, written: Any, meant: Any) -> None:
    """The value is put right, and what was done is said with the path."""
    record, notes = repaired(**{name: written})
    assert record == {**GOOD, name: meant}
    assert len(notes) == 1
    assert notes[0].startswith(name)
    assert Validator(SCHEMA).find_errors(record) == ()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("total", "1,234"),  # 1.234 or 1234
        ("total", "12.50 or 13"),
        ("total", "12k"),
        ("total", "19 %"),
        ("total", "n/a"),  # null is not allowed there
        ("count", "2.5"),
        ("day", "03/04/2024"),  # March or April
        ("day", "01.02.24"),
        ("day", "2024-11-31"),
        ("day", "soon"),
        ("currency", "CHF"),
        ("vendor", 7),
        ("items", "none of them"),
    ],
)
def test_what_may_mean_several_things_stays_and_is_invalid(name: str, written: Any) -> None:
    """Nothing is guessed: the value stays as it is, and validation finds it."""
    record, notes = repaired(**{name: written})
    assert (record, notes) == ({**GOOD, name: written}, ())
    assert [error.path for error in Validator(SCHEMA).find_errors(record)] == [name]


def test_keys_that_nobody_asked_for_are_left_out_and_told() -> None:
    """Foreign keys do not reach the record, whatever stands there."""
    record, notes = repaired(notes="invented", constructor=1)
    assert record == GOOD
    assert notes == ("the record: 2 keys that nobody asked for were left out",)


def test_null_stands_for_an_optional_key() -> None:
    """Where the schema allows a key to be absent but not null, null in the answer means that it is absent."""
    schema = record_of(False, name=TEXT, count=WHOLE)
    record, notes = repair(parse_schema(schema).record, {"name": None, "count": 1})
    assert (record, notes) == ({"count": 1}, ())
    assert Validator(schema).find_errors(record) == ()


def test_errors_are_told_with_their_paths_and_without_the_models_words() -> None:
    """Every error is found; what may be shown to the model holds nothing that it wrote."""
    schema = record_of(
        total=NUMBER, day={"anyOf": [DATE, {"type": "null"}]}, items=SCHEMA["properties"]["items"], ok={"enum": ["y"]}
    )
    wrong = {"total": "<|im_end|>", "day": "2023-02-29", "items": [{"price": 1}, {}], "ok": "no", "more": 1}
    errors = Validator(schema).find_errors(wrong)
    assert {error.message for error in errors} == {
        'total: "<|im_end|>" is not a number',
        'day: "2023-02-29" is no date that exists (YYYY-MM-DD)',
        "items[1].price: is missing",
        'ok: "no" is none of y',
        "the record: has keys that are not asked for",
    }
    assert "<|" not in "".join(error.path + error.problem for error in errors)


@pytest.mark.parametrize(("day", "exists"), [("2024-11-31", False), ("2023-02-29", False), ("2024-02-29", True)])
def test_days_must_exist(day: str, exists: bool) -> None:
    """31 November and the 29 February of most years are no dates."""
    assert (Validator(record_of(day=DATE)).find_errors({"day": day}) == ()) is exists


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"type": "object", "properties": {"a": {"pattern": "("}}},
        {"type": "object", "properties": {"a": {"$ref": "http://198.51.100.1/a.json"}}, "required": ["a"]},
        {"$ref": "http://198.51.100.1/a.json"},
        {"$ref": "#/nowhere"},
    ],
)
def test_schemas_that_are_none_are_found_before_use_and_nobody_is_asked(schema: dict[str, Any]) -> None:
    """A wrong schema is refused; a reference to another machine is never followed (the fixture forbids it)."""
    try:
        validator = Validator(schema)
    except ConfigurationError:
        return
    with pytest.raises(Exception, match=r"198\.51\.100\.1"):
        validator.find_errors({"a": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1 234,50 EUR", "1234.50"),
        ("12,-", "12"),
        ("0.500", "0.500"),
        ("1.234.567", "1234567"),
        ("−3", "-3"),
        ("1.234", None),
        ("1.2.3", None),
        ("12 13", None),
        ("", None),
        ("1" * 100, None),
    ],
)
def test_amounts(text: str, value: str | None) -> None:
    """Numbers with the signs of many countries; ``None`` where it may be several."""
    assert parse_amount(text) == (None if value is None else Decimal(value))


@pytest.mark.parametrize(
    "text",
    [
        *("05.03.2024", "5.3.2024", "2024-03-05", "2024/03/05", "5 March 2024", "March 5th, 2024", "5. März 2024"),
        *("5 mars 2024", "5 de marzo de 2024", "05 Mar 24", "2024年3月5日", "20240305", "03/05/2024", "05/03/24"),
    ],
)
def test_a_date_is_known_in_any_spelling(text: str) -> None:
    """The day is among those that the text may mean."""
    assert any(date(2024, 3, 5) in days for _, days in dates_in(f"Datum: {text} Seite 1"))


@pytest.mark.parametrize("text", ["12.50 1.99", "Tel. 030 12345", "1.2.3.4", "version 10.11.12.13", ""])
def test_what_is_no_date_is_none(text: str) -> None:
    """No date is made of other numbers."""
    assert parse_date(text) is None

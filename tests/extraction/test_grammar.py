"""Grammars: whatever one allows is a record of its schema, and bounded."""

from __future__ import annotations

import json
import random
import re
from datetime import date

import pytest

from gbnf import Grammar
from schemas import FIVE, LISTED, TEXT, Schema, record_of
from visionocr.extraction.grammar import measure_longest, write_grammar
from visionocr.extraction.kinds import ListOf, Nullable, Record
from visionocr.extraction.schema import parse_schema, relax, strict_schema
from visionocr.extraction.validate import Validator


def random_records(grammar: str, count: int = 60) -> list[tuple[str, object]]:
    """Texts that a grammar allows, and what they hold."""
    parsed, chance = Grammar(grammar), random.Random(3)
    texts = [parsed.random_text(chance) for _ in range(count)]
    return [(text, json.loads(text)) for text in texts]


def is_calendar_day(text: str) -> bool:
    """Whether a day exists: 31 November does not, which no grammar can know."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", FIVE)
def test_what_a_grammar_allows_is_valid(name: str) -> None:
    """Whatever is said under the grammar is valid for the user's schema, except for days that do not exist."""
    schema = parse_schema(FIVE[name])
    validator = Validator(FIVE[name])
    for text, value in random_records(write_grammar(schema.record)):
        wrong = [error for error in validator.find_errors(value) if "date that exists" not in error.problem]
        assert not wrong, text
        assert len(text) <= measure_longest(schema.record)
        assert list(value) == list(FIVE[name]["properties"])  # type: ignore[call-overload]


@pytest.mark.parametrize("name", FIVE)
def test_what_a_relaxed_grammar_allows_is_valid_for_the_strict_schema(name: str) -> None:
    """The grammar and the schema that are sent for some of the pages say the same, and allow every value to be null."""
    relaxed = relax(parse_schema(FIVE[name]).record)
    validator = Validator(strict_schema(relaxed))
    for text, value in random_records(write_grammar(relaxed)):
        assert not [error for error in validator.find_errors(value) if "date that exists" not in error.problem], text
    for field in relaxed.fields:
        assert isinstance(field.kind, Nullable | ListOf | Record), field.name


def test_no_repetition_reaches_the_parsers_limit() -> None:
    """llama.cpp refuses repetitions of 2000 and more: whatever the schema says, no bound gets there."""
    huge = record_of(
        text={"type": "string", "maxLength": 100_000},
        items={"type": "array", "items": TEXT, "maxItems": 100_000},
    )
    schema = parse_schema(huge)
    bounds = [int(most) for most in re.findall(r",(\d+)\}", write_grammar(schema.record))]
    assert max(bounds) < 2000
    assert len([note for note in schema.unenforced if "1900" in note]) == 2


def test_only_one_blank_between_values() -> None:
    """White space is bounded, so that no model writes blanks for ever."""
    assert "ws ::= [ \\n]?\n" in write_grammar(parse_schema(LISTED).record)


def test_an_empty_list_is_allowed_unless_the_schema_wants_items() -> None:
    """``minItems`` and ``maxItems`` hold in the grammar."""

    def lists(**bounds: int) -> set[int]:
        schema: Schema = record_of(items={"type": "array", "items": {"type": "boolean"}, **bounds})
        records = random_records(write_grammar(parse_schema(schema).record))
        return {len(value["items"]) for _, value in records}  # type: ignore[index]

    assert min(lists()) == 0
    assert lists(minItems=2, maxItems=3) == {2, 3}
    assert lists(maxItems=1) == {0, 1}
    assert lists(maxItems=0) == {0}

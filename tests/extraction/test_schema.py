"""Schemas: what is enforced, what is only checked, and what is refused."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest

from schemas import DATE, FIVE, NUMBER, TEXT, record_of
from visionocr.errors import ConfigurationError, UsageError
from visionocr.extraction.fields import parse_fields
from visionocr.extraction.grammar import write_grammar
from visionocr.extraction.outline import write_outline
from visionocr.extraction.schema import parse_schema, strict_schema
from visionocr.extraction.validate import Validator


def walk(schema: Any) -> list[dict[str, Any]]:
    """A schema and all inside of it."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    own = [schema] if isinstance(schema, dict) else []
    return [*own, *(one for value in inner for one in walk(value))]


@pytest.mark.parametrize("name", FIVE)
def test_the_schema_that_is_sent_is_strict(name: str) -> None:
    """All keys are required, no others allowed, references are resolved, and no bound reaches 2000."""
    strict = strict_schema(parse_schema(FIVE[name]).record)
    assert "$ref" not in json.dumps(strict)
    for one in walk(strict):
        if one.get("type") == "object":
            assert one["required"] == list(one["properties"])
            assert one["additionalProperties"] is False
        assert one.get("maxLength", 0) < 2000
        assert one.get("maxItems", 0) < 2000


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("minimum", 0),
        ("maximum", 9),
        ("exclusiveMinimum", 0),
        ("multipleOf", 2),
        ("pattern", "^a$"),
        ("format", "email"),
        ("uniqueItems", True),
        ("contains", {}),
        ("not", {"const": "x"}),
        ("if", {}),
        ("dependentRequired", {}),
        ("minProperties", 1),
        ("contentEncoding", "base64"),
    ],
)
def test_every_other_keyword_is_named_as_only_checked(keyword: str, value: Any) -> None:
    """What the grammar does not hold is said, with its place."""
    schema = parse_schema(record_of(items={"type": "array", "items": record_of(one={**TEXT, keyword: value})}))
    assert schema.unenforced == (f"items[].one: {keyword}",)
    assert keyword not in json.dumps(strict_schema(schema.record))


def test_notes_are_no_restrictions() -> None:
    """Titles, descriptions, defaults, examples and extensions of others are not listed as unenforced."""
    noted = {**TEXT, "title": "T", "description": "D", "default": "", "examples": ["a"], "x-mine": 1, "$comment": "c"}
    assert parse_schema({**record_of(one=noted), "$schema": "https://json-schema.org/x", "title": "T"}).unenforced == ()


RECURSIVE = {**record_of(node={"$ref": "#/$defs/node"}), "$defs": {"node": record_of(next={"$ref": "#/$defs/node"})}}
LAUGHS = {
    **record_of(a={"$ref": "#/$defs/d0"}),
    "$defs": {
        **{f"d{n}": record_of(x={"$ref": f"#/$defs/d{n + 1}"}, y={"$ref": f"#/$defs/d{n + 1}"}) for n in range(20)},
        "d20": TEXT,
    },
}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ([], "not a JSON object"),
        (True, "not a JSON object"),
        ({}, "it has no type"),
        ({"type": "array", "items": TEXT}, "must be an object"),
        ({"type": "object"}, "an object needs properties"),
        (record_of(a={"type": "object", "additionalProperties": TEXT}), "a: an object needs properties"),
        (record_of(a={"type": "money"}), "a: type 'money' is unknown"),
        (record_of(a={}), "a: it has no type"),
        (record_of(a=True), "a: a schema must be an object"),
        (record_of(a={"type": "array"}), "a: a list needs items"),
        (record_of(a={"enum": []}), "a: enum must be a list of values"),
        (record_of(a={"enum": [{"b": 1}]}), "a: enum and const must hold texts"),
        (record_of(a={"type": "null"}), "a: null alone"),
        (record_of(a={"type": "string", "maxLength": -1}), "a: maxLength must be a whole number"),
        (record_of(a={"type": "string", "minLength": 5, "maxLength": 3}), "a: minLength is too large"),
        (record_of(a={"allOf": [TEXT, DATE]}), "a: allOf of several"),
        (record_of(a={"anyOf": [TEXT], "properties": {}}), "a: properties together with anyOf"),
        (record_of(a={"$ref": "#/$defs/nowhere"}), "a: the reference '#/$defs/nowhere' leads nowhere"),
        (record_of(a={"$ref": "https://example.com/a.json"}), "leads out of the schema, and is not followed"),
        (record_of(a={"$ref": "file:///etc/passwd"}), "leads out of the schema, and is not followed"),
        (record_of(a={"$ref": "other.json#/a"}), "leads out of the schema, and is not followed"),
        (record_of(a={"$dynamicRef": "#a"}), "a: $dynamicRef is not supported"),
        (RECURSIVE, "refers to itself"),
        (LAUGHS, "too large or too deep"),
        ({**record_of(a=TEXT), "required": ["a", "b"]}, "required keys without properties: b"),
    ],
)
def test_what_cannot_be_enforced_rightly_is_refused(schema: Any, words: str) -> None:
    """A schema outside of the subset is refused before a server is asked, with the place of what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        parse_schema(schema)
    assert words in caught.value.message


def test_no_schema_breaks_the_parser() -> None:
    """Whatever stands in the place of any part of a schema, it is understood or refused in words."""
    chance = random.Random(2)
    odd: list[Any] = [None, True, 7, -1, "x", [], {}, [None], ["string"], {"$ref": "#"}, {"$ref": 7}, {"type": []}]
    for _ in range(500):
        schema = json.loads(json.dumps(FIVE[chance.choice(list(FIVE))]))
        owner = chance.choice(walk(schema))
        owner[chance.choice([*owner, "required", "$ref", "anyOf", "allOf", "maxItems"])] = chance.choice(odd)
        with contextlib.suppress(ConfigurationError):
            understood = parse_schema(schema)
            write_grammar(understood.record)
            Validator(schema)


def test_the_prompt_shows_every_key_with_its_description() -> None:
    """A grammar tells the model nothing: keys, types, choices and descriptions stand in the outline."""
    schema = parse_schema(
        record_of(
            vendor={**TEXT, "description": "who\nsells"},
            day={"anyOf": [DATE, {"type": "null"}]},
            currency={"enum": ["EUR", "USD"]},
            items={"type": "array", "items": record_of(price=NUMBER)},
        )
    )
    assert write_outline(schema.record) == (
        "{\n"
        '  "vendor": <text>,  // who sells\n'
        '  "day": <date, as YYYY-MM-DD> or null,\n'
        '  "currency": "EUR" | "USD",\n'
        '  "items": [{\n'
        '    "price": <number>\n'
        "  }, ...]\n"
        "}"
    )


def test_fields() -> None:
    """The short form stands for a strict schema in which everything but lists may be null."""
    schema = parse_fields("vendor, date date, currency EUR|USD, tags[]; items[]: name, qty int, price float; paid bool")
    assert list(schema["properties"]) == ["vendor", "date", "currency", "tags", "items", "paid"]
    assert schema["properties"]["date"] == {"type": ["string", "null"], "format": "date"}
    assert schema["properties"]["currency"] == {"enum": ["EUR", "USD", None]}
    assert schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}
    items = schema["properties"]["items"]["items"]["properties"]
    assert {name: one["type"][0] for name, one in items.items()} == {
        "name": "string",
        "qty": "integer",
        "price": "number",
    }
    assert schema["required"] == list(schema["properties"])
    assert parse_schema(schema).unenforced == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("a, a", "a is given twice"),
        ("a money", "unknown type 'money' of a"),
        ("a b|", "an empty value"),
        ("items: a", "'items' before a colon is no list"),
        ("items[]:", "items[] has no fields"),
        ("1a", "'1a' is no name"),
        ("a=b", "'a=b' is no name"),
    ],
)
def test_mistakes_in_fields_are_explained(text: str, words: str) -> None:
    """What is wrong is named."""
    with pytest.raises(UsageError) as caught:
        parse_fields(text)
    assert words in caught.value.message

"""The short form of a schema: ``vendor, date date, total number, items[]: name, qty int, price number``.

Fields are parted by commas. A type follows a name: text (the default), number, int, bool, date, time, or values such as
``EUR|USD``. ``name[]`` is a list of values; ``name[]: ...`` a list of records, whose fields go on to a semicolon or the
end. Everything but a list may be null.
"""

from __future__ import annotations

import re
from typing import Any

from visionocr.errors import UsageError
from visionocr.text import did_you_mean

_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
}
_OTHER_NAMES = {"str": "text", "string": "text", "float": "number", "integer": "int", "boolean": "bool"}
_HINT = 'For example: --fields "vendor, date date, total number, items[]: name, qty int, price number"'


def parse_fields(text: str) -> dict[str, Any]:
    """The JSON schema that *text* stands for. Raises ``UsageError``."""
    properties: dict[str, Any] = {}
    for part in text.split(";"):
        head, colon, tail = part.partition(":")
        names = [one.strip() for one in head.split(",") if one.strip()]
        if colon:
            owner = names.pop() if names else ""
            if not owner.endswith("[]"):
                raise UsageError(f"--fields: {owner or part.strip()!r} before a colon is no list", _HINT)
            _add_all(properties, names)
            inner: dict[str, Any] = {}
            _add_all(inner, [one.strip() for one in tail.split(",") if one.strip()])
            if not inner:
                raise UsageError(f"--fields: {owner} has no fields", _HINT)
            _add(properties, owner.removesuffix("[]").strip(), {"type": "array", "items": _make_object(inner)})
        else:
            _add_all(properties, names)
    if not properties:
        raise UsageError("--fields is given, but empty", _HINT)
    return _make_object(properties)


def _add_all(properties: dict[str, Any], words: list[str]) -> None:
    for word in words:
        name, _, kind = word.partition(" ")
        schema = _parse_type(kind.strip(), word)
        if name.endswith("[]"):
            _add(properties, name.removesuffix("[]"), {"type": "array", "items": schema})
        else:
            _add(properties, name, _allow_null(schema))


def _add(properties: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    if not re.fullmatch(r"[^\W\d][\w-]*", name):
        raise UsageError(f"--fields: {name!r} is no name", _HINT)
    if name in properties:
        raise UsageError(f"--fields: {name} is given twice", _HINT)
    properties[name] = schema


def _parse_type(text: str, word: str) -> dict[str, Any]:
    if "|" in text:
        values = [value.strip() for value in text.split("|")]
        if not all(values):
            raise UsageError(f"--fields: an empty value in {word!r}", _HINT)
        return {"enum": values}
    name = _OTHER_NAMES.get(text, text or "text")
    if name not in _TYPES:
        raise UsageError(f"--fields: unknown type {text!r} of {word.split()[0]}", did_you_mean(text, _TYPES))
    return _TYPES[name]


def _allow_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _make_object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }

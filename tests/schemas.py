"""Schemas of records for tests."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def record_of(is_required: bool = True, **properties: Any) -> Schema:
    """An object with these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if is_required else [],
        "additionalProperties": False,
    }


TEXT: Schema = {"type": "string", "maxLength": 40}
DATE: Schema = {"type": "string", "format": "date"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}

FLAT = record_of(name=TEXT, total=NUMBER, count=WHOLE, day=DATE, paid={"type": "boolean"})
NULLABLE = record_of(
    one={"type": ["string", "null"]}, other={"anyOf": [NUMBER, {"type": "null"}]}, third={"enum": ["a", None]}
)
LISTED = record_of(items={"type": "array", "minItems": 1, "maxItems": 4, "items": record_of(name=TEXT, price=NUMBER)})
CHOSEN = record_of(
    kind={"enum": ['quo"ted', "Größe", "back\\slash", 7, True]}, fixed={"const": "yes"}, time={"format": "time", **TEXT}
)
REFERRED = {
    **record_of(
        True,
        **{
            "seller": {"$ref": "#/$defs/party"},
            'key with "quotes" and blanks': {"$ref": "#/$defs/party"},
            "Größe": NUMBER,
            "constructor": {"oneOf": [WHOLE, TEXT]},
        },
    ),
    "$defs": {"party": record_of(name=TEXT, tags={"type": "array", "items": TEXT, "maxItems": 5})},
}
FIVE = {"flat": FLAT, "nullable": NULLABLE, "listed": LISTED, "chosen": CHOSEN, "referred": REFERRED}
"""Everything that a grammar is made of."""

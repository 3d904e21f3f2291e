"""Validates records against the user's own schema, and says what is wrong in words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.extras import install_hint

_MOST_ERRORS = 20
_TYPES = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One thing that is wrong with a record."""

    path: str
    """Such as ``items[0].price``; empty for the record as a whole."""
    problem: str
    """What is wrong, without anything that the model wrote: it may be shown to the model."""
    value: str = ""
    """What the model wrote there, shortened."""

    @property
    def message(self) -> str:
        """For people."""
        return f"{self.path or 'the record'}: {f'{self.value} ' if self.value else ''}{self.problem}"


class Validator:
    """A schema that values are validated against. Nothing outside of it is ever fetched."""

    def __init__(self, schema: dict[str, Any]) -> None:
        """Raises ``ConfigurationError`` for a schema that is none, and where jsonschema is not installed."""
        try:
            import jsonschema
            import referencing.exceptions
            from jsonschema.validators import validator_for
            from referencing.jsonschema import EMPTY_REGISTRY
        except ImportError:
            raise ConfigurationError(
                "records are validated with jsonschema, which is not installed", install_hint("extract")
            ) from None
        kind = validator_for(schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(schema)
            # An empty registry: the default one would fetch what a reference names.
            self._validator = kind(schema, registry=EMPTY_REGISTRY, format_checker=kind.FORMAT_CHECKER)
            self.find_errors({})
        except jsonschema.SchemaError as error:
            where = _join(error.absolute_path)
            raise ConfigurationError(
                f"the schema is wrong{f' at {where}' if where else ''}: {error.message[:200]}"
            ) from None
        except referencing.exceptions.Unresolvable as error:
            raise ConfigurationError(f"the schema has a reference that leads nowhere: {error.ref}") from None

    def find_errors(self, value: Any) -> tuple[SchemaError, ...]:
        """Everything that is wrong with *value*, in the order of its places; the first twenty."""
        errors = sorted(self._validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        return tuple(_explain(error) for error in errors[:_MOST_ERRORS])


def _explain(error: Any) -> SchemaError:
    path, rule, wanted = _join(error.absolute_path), error.validator, error.validator_value
    value = json.dumps(error.instance, ensure_ascii=False) if not isinstance(error.instance, dict | list) else ""
    shown = value if len(value) <= 60 else f"{value[:59]}…"
    match rule:
        case "required":
            missing = next((name for name in wanted if name not in error.instance), "a key")
            return SchemaError(f"{path}.{missing}".lstrip("."), "is missing")
        case "type":
            names = [wanted] if isinstance(wanted, str) else wanted
            is_one = " or ".join(_TYPES.get(name, name) for name in names)
            return SchemaError(path, f"is not {is_one}", shown)
        case "enum" | "const":
            values = wanted if rule == "enum" else [wanted]
            listed = ", ".join("null" if one is None else str(one) for one in values)
            return SchemaError(path, f"is none of {listed[:200]}", shown)
        case "format":
            form = {"date": "date that exists (YYYY-MM-DD)"}.get(wanted, wanted)
            return SchemaError(path, f"is no {form}", shown)
        case "additionalProperties":
            return SchemaError(path, "has keys that are not asked for")
        case "anyOf" | "oneOf":
            # Of a value that may be null, what is wrong with it as a value.
            wrong = [one for one in error.context if wanted[one.schema_path[0]].get("type") != "null"]
            if len({one.schema_path[0] for one in wrong}) == 1:
                return _explain(wrong[0])
            return SchemaError(path, "is none of what is allowed there", shown)
    return SchemaError(path, f"breaks the rule {rule} {json.dumps(wanted)[:80]}", shown)


def _join(path: Any) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")

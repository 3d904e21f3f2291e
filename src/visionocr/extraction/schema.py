"""A user's JSON schema becomes kinds of values, and a strict schema for servers that take one.

What a grammar cannot enforce (``minimum``, ``pattern``, ``uniqueItems`` ...) is left to validation, and named. What
would be enforced wrongly is refused: references to other files, recursion, objects without properties.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.extraction.kinds import (
    MAX_ITEMS,
    MAX_LENGTH,
    Boolean,
    Choice,
    Either,
    Field,
    Kind,
    ListOf,
    Nullable,
    Number,
    Record,
    Text,
)

MOST_KINDS = 2000
"""Parts of a schema after its references are resolved: each of them may double its size."""
DEEPEST = 30
"""Levels of nesting."""
LONGEST_TEXT = 1900
"""Characters, and items: llama.cpp's parser of grammars refuses repetitions of 2000 and more."""
MOST_ITEMS = 1900

_NOTES = {
    *("$schema", "$id", "$defs", "$comment", "$anchor", "definitions", "title", "description", "default", "examples"),
    *("deprecated", "readOnly", "writeOnly"),
}
"""Keywords that restrict nothing."""
_ENFORCED = {
    *("type", "properties", "required", "items", "minItems", "maxItems", "enum", "const", "anyOf", "oneOf", "allOf"),
    *("$ref", "minLength", "maxLength", "additionalProperties"),
}
_FORMATS = {"date", "time"}
"""Formats that a grammar enforces."""
_TYPES = {"string", "number", "integer", "boolean", "null", "array", "object"}
_REFUSED = {"$dynamicRef", "$recursiveRef", "patternProperties", "prefixItems"}
_HINT = "See docs/extraction.md for what a schema may hold."


@dataclass(frozen=True, slots=True)
class RecordSchema:
    """A schema in the forms in which it is used."""

    judged: dict[str, Any]
    """The user's own, which every record is validated against."""
    record: Record
    """What is enforced and shown to the model."""
    unenforced: tuple[str, ...] = ()
    """What is only checked afterwards: path and keyword."""


def parse_schema(schema: Any) -> RecordSchema:
    """Understand a JSON schema whose value is an object.

    Raises ``ConfigurationError`` with the path of what is wrong.
    """
    if not isinstance(schema, dict):
        raise _wrong("", "it is not a JSON object")
    parser = _Parser(schema)
    kind = parser.parse(schema, "", ("#",), 0)
    if not isinstance(kind, Record):
        raise _wrong("", "its value must be an object with properties")
    return RecordSchema(schema, kind, tuple(dict.fromkeys(parser.unenforced)))


def relax(kind: Record) -> Record:
    """The same record where every value may be missing: for some of a document's pages."""

    def relax_field(one: Field) -> Field:
        inner = one.kind
        if isinstance(inner, Record):
            return replace(one, kind=relax(inner))
        if isinstance(inner, ListOf):
            return replace(one, kind=replace(inner, min_items=0))
        return one if isinstance(inner, Nullable) else replace(one, kind=Nullable(inner))

    return Record(tuple(map(relax_field, kind.fields)))


def strict_schema(kind: Kind) -> dict[str, Any]:
    """The JSON schema of *kind* for servers: all keys required, no others, and only keywords that servers obey."""
    match kind:
        case Text(least, most, form):
            bounds = {"minLength": least} if least else {}
            return {"type": "string", **({"format": form} if form in _FORMATS else {**bounds, "maxLength": most})}
        case Number(is_whole):
            return {"type": "integer" if is_whole else "number"}
        case Boolean():
            return {"type": "boolean"}
        case Choice(values):
            return {"enum": list(values)}
        case ListOf(item, least, most):
            least_items = {"minItems": least} if least else {}
            return {"type": "array", "items": strict_schema(item), **least_items, "maxItems": most}
        case Either(options):
            return {"anyOf": [strict_schema(option) for option in options]}
        case Nullable(inner):
            return {"anyOf": [strict_schema(inner), {"type": "null"}]}
        case Record(fields):
            return {
                "type": "object",
                "properties": {one.name: strict_schema(one.kind) for one in fields},
                "required": [one.name for one in fields],
                "additionalProperties": False,
            }
    raise AssertionError(kind)


@dataclass
class _Parser:
    root: dict[str, Any]
    unenforced: list[str] = field(default_factory=list)
    _count: int = 0

    def parse(self, schema: Any, path: str, seen: tuple[str, ...], depth: int) -> Kind:
        """The kind of values that *schema* allows. *seen*: the references that led here."""
        self._count += 1
        if self._count > MOST_KINDS or depth > DEEPEST:
            raise _wrong(path, "it is too large or too deep")
        schema, seen = self._follow(schema, path, seen)
        self._note_unenforced(schema, path)
        if "enum" in schema or "const" in schema:
            return _choice(schema.get("enum", [schema.get("const")]), path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                return self._parse_options(schema, keyword, path, seen, depth)
        types = schema.get("type", _guess_type(schema))
        names = types if isinstance(types, list) else [types]
        if not names or not all(isinstance(name, str) and name in _TYPES for name in names):
            raise _wrong(path, f"type {types!r} is unknown" if types else "it has no type")
        kinds = [self._parse_type(name, schema, path, seen, depth) for name in names if name != "null"]
        return _either(kinds, has_null="null" in names, path=path)

    def _parse_options(
        self, schema: dict[str, Any], keyword: str, path: str, seen: tuple[str, ...], depth: int
    ) -> Kind:
        options = schema[keyword]
        if not isinstance(options, list) or not options:
            raise _wrong(path, f"{keyword} must be a list")
        if "properties" in schema:
            raise _wrong(path, f"properties together with {keyword} cannot be enforced")
        is_null = [isinstance(option, dict) and option.get("type") == "null" for option in options]
        kinds = [
            self.parse(option, path, seen, depth + 1) for option, null in zip(options, is_null, strict=True) if not null
        ]
        return _either(kinds, has_null=any(is_null), path=path)

    def _parse_type(self, name: str, schema: dict[str, Any], path: str, seen: tuple[str, ...], depth: int) -> Kind:
        match name:
            case "string":
                least, most = self._bounds(schema, path, "minLength", "maxLength", MAX_LENGTH, LONGEST_TEXT)
                form = schema.get("format")
                return Text(least, most, form if isinstance(form, str) else "")
            case "number" | "integer":
                return Number(name == "integer")
            case "boolean":
                return Boolean()
            case "array":
                least, most = self._bounds(schema, path, "minItems", "maxItems", MAX_ITEMS, MOST_ITEMS)
                if "items" not in schema:
                    raise _wrong(path, "a list needs items")
                return ListOf(self.parse(schema["items"], f"{path}[]", seen, depth + 1), least, most)
        return self._parse_object(schema, path, seen, depth)

    def _parse_object(self, schema: dict[str, Any], path: str, seen: tuple[str, ...], depth: int) -> Record:
        properties, required = schema.get("properties"), schema.get("required", [])
        if not isinstance(properties, dict) or not properties:
            raise _wrong(path, "an object needs properties")
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise _wrong(path, "required must be a list of names")
        if unknown := set(required) - set(properties):
            raise _wrong(path, f"required keys without properties: {', '.join(sorted(unknown))}")
        fields = []
        for name, inner in properties.items():
            kind = self.parse(inner, f"{path}.{name}".lstrip("."), seen, depth + 1)
            is_optional = name not in required and not isinstance(kind, Nullable)
            notes = self._follow(inner, path, seen)[0]
            hints = notes.get("x-visionocr")
            fields.append(
                Field(
                    name,
                    Nullable(kind) if is_optional else kind,
                    description=str(notes.get("description", "")),
                    is_optional=is_optional,
                    is_on_page=not (isinstance(hints, dict) and hints.get("on_page") is False),
                )
            )
        return Record(tuple(fields))

    def _follow(self, schema: Any, path: str, seen: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """*schema* with what it refers to in its place."""
        while True:
            if not isinstance(schema, dict):
                raise _wrong(path, "a schema must be an object")
            if refused := _REFUSED & set(schema):
                raise _wrong(path, f"{min(refused)} is not supported")
            if "$ref" in schema:
                reference = schema["$ref"]
                if reference in seen:
                    raise _wrong(path, f"{reference} refers to itself")
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema, seen = {**self._find(reference, path), **rest}, (*seen, reference)
            elif "allOf" in schema:
                parts = schema["allOf"]
                if not isinstance(parts, list) or len(parts) != 1 or not isinstance(parts[0], dict):
                    raise _wrong(path, "allOf of several schemas is not supported")
                schema = {**parts[0], **{key: value for key, value in schema.items() if key != "allOf"}}
            else:
                return schema, seen

    def _find(self, reference: Any, path: str) -> dict[str, Any]:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise _wrong(path, f"the reference {reference!r} leads out of the schema, and is not followed")
        found: Any = self.root
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise _wrong(path, f"the reference {reference!r} leads nowhere")
            found = found[key]
        if not isinstance(found, dict):
            raise _wrong(path, f"the reference {reference!r} leads to no schema")
        return found

    def _bounds(
        self, schema: dict[str, Any], path: str, least: str, most: str, usual: int, limit: int
    ) -> tuple[int, int]:
        """The least and the most characters or items, the latter no more than *limit*."""
        low, high = schema.get(least, 0), schema.get(most)
        for name in (least, most):
            value = schema.get(name, 0)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise _wrong(path, f"{name} must be a whole number")
        if low > limit or (high is not None and high < low):
            raise _wrong(path, f"{least} is too large")
        if high is not None and high > limit:
            self.unenforced.append(f"{path}: {most} (no more than {limit} are accepted)")
        return low, min(limit, max(low, usual) if high is None else high)

    def _note_unenforced(self, schema: dict[str, Any], path: str) -> None:
        for keyword, value in schema.items():
            if keyword in _NOTES or keyword in _ENFORCED or keyword.startswith("x-"):
                continue
            if keyword != "format" or value not in tuple(_FORMATS):
                self.unenforced.append(f"{path or 'the record'}: {keyword}")


def _choice(values: Any, path: str) -> Kind:
    if not isinstance(values, list) or not values:
        raise _wrong(path, "enum must be a list of values")
    if any(isinstance(value, list | dict) for value in values):
        raise _wrong(path, "enum and const must hold texts, numbers, true, false or null")
    choice = Choice(tuple(value for value in values if value is not None))
    if not choice.values:
        raise _wrong(path, "null alone is no value")
    return Nullable(choice) if None in values else choice


def _either(kinds: list[Kind], *, has_null: bool, path: str) -> Kind:
    if not kinds:
        raise _wrong(path, "null alone is no value")
    has_null = has_null or any(isinstance(kind, Nullable) for kind in kinds)
    kinds = [kind.kind if isinstance(kind, Nullable) else kind for kind in kinds]
    kind = kinds[0] if len(kinds) == 1 else Either(tuple(kinds))
    return Nullable(kind) if has_null else kind


def _guess_type(schema: dict[str, Any]) -> str:
    return "object" if "properties" in schema else "array" if "items" in schema else ""


def _wrong(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"the schema cannot be used: {f'{path}: ' if path else ''}{why}", _HINT)

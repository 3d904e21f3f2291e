"""What the values of a record may be: the subset of JSON Schema that a grammar can enforce, as dataclasses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

MAX_LENGTH = 400
"""Characters of a text for which the schema names no limit: without one, a looping model never ends it."""
MAX_ITEMS = 100
"""Items of a list for which the schema names no limit."""


class Per(StrEnum):
    """What there is a record of."""

    DOCUMENT = "document"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Text:
    """A text."""

    min_length: int = 0
    max_length: int = MAX_LENGTH
    format: str = ""
    """``date``, ``time`` or another format of JSON Schema, of which only these two are enforced."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: Kind
    min_items: int = 0
    max_items: int = MAX_ITEMS


@dataclass(frozen=True, slots=True)
class Either:
    """A value of any of several kinds."""

    options: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or null."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record."""

    name: str
    kind: Kind
    description: str = ""
    is_optional: bool = False
    """Null stands for a key that is left out, because the schema does not allow null."""
    is_on_page: bool = True
    """The value should stand on the page as it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these keys."""

    fields: tuple[Field, ...]


Kind = Text | Number | Boolean | Choice | ListOf | Either | Nullable | Record


def without_null(kind: Kind) -> Kind:
    """The kind of a value that is not null."""
    return kind.kind if isinstance(kind, Nullable) else kind


def kind_of(kind: Kind, value: object) -> Kind:
    """*kind*, or of several the one that fits *value*."""
    kind = without_null(kind)
    if isinstance(kind, Either):
        return next((kind_of(option, value) for option in kind.options if _fits(option, value)), kind)
    return kind


def leaves(kind: Kind, value: Any, path: str = "", field: Field | None = None) -> Iterator[tuple[str, Field, Any]]:
    """Path, field and value of everything in a record that is neither null nor a list or a record.

    The field has the kind of the value; paths are such as ``items[0].price``.
    """
    kind = kind_of(kind, value)
    if value is None:
        return
    if isinstance(kind, Record) and isinstance(value, dict):
        for inner in kind.fields:
            if inner.name in value:
                yield from leaves(inner.kind, value[inner.name], f"{path}.{inner.name}".lstrip("."), inner)
    elif isinstance(kind, ListOf) and isinstance(value, list):
        for at, item in enumerate(value):
            yield from leaves(kind.item, item, f"{path}[{at}]", field)
    elif field is not None:
        yield path, replace(field, kind=kind), value


def _fits(kind: Kind, value: object) -> bool:
    match without_null(kind):
        case Text():
            return isinstance(value, str)
        case Number(is_whole):
            return isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
        case Boolean():
            return isinstance(value, bool)
        case Choice(values):
            return value in values
        case ListOf():
            return isinstance(value, list)
        case Record(fields):
            return isinstance(value, dict) and set(value) <= {field.name for field in fields}
        case Either(options):
            return any(_fits(option, value) for option in options)
    raise AssertionError(kind)

"""Converts TOML into values of declared types; errors name the file, the key and what was expected."""

from __future__ import annotations

import re
import tomllib
from dataclasses import is_dataclass
from enum import EnumType
from functools import cache
from typing import Any, TypeVar, get_type_hints

import msgspec

from visionocr.errors import ConfigurationError
from visionocr.text import did_you_mean

_T = TypeVar("_T")
_EXPECTED = {
    "bool": "true or false",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "array": "a list",
    "object": "a table",
}
"""msgspec's names of types, in plain words."""
_field_types = cache(get_type_hints)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The table that a TOML document holds. *where* names the document in errors.

    Raises ``ConfigurationError``, also where Python's parser gives up: at thousands of digits or open brackets.
    """
    try:
        table = tomllib.loads(text)
        repr(table)  # fails for a hexadecimal number that is too long to be shown: the parser takes any length
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
    except ValueError:
        reason = "it holds a number with too many digits"
    except RecursionError:
        reason = "it is nested too deeply"
    else:
        return table
    raise ConfigurationError(f"{where} is not valid TOML: {reason}")


def convert(value: Any, kind: type[_T], where: str) -> _T:
    """*value* as the type *kind*. Dataclasses are made of tables, in which an unknown key is an error.

    Raises ``ConfigurationError`` with *where*, the key and what was expected there, or the nearest known key.
    """
    _check_keys(value, kind, where)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(where + _explain(str(error), kind)) from None


def _check_keys(value: Any, kind: type[Any], where: str) -> None:
    if not is_dataclass(kind) or not isinstance(value, dict):
        return
    known = _field_types(kind)
    for key, item in value.items():
        if key not in known:
            raise ConfigurationError(f"{where} has an unknown key {key!r}", did_you_mean(key, sorted(known)))
        _check_keys(item, known[key], f"{where} [{key}]")


def _explain(message: str, kind: type[Any]) -> str:
    """The *message* of msgspec in plain words, to follow the name of what was to become a *kind*."""
    fault, _, path = message.partition(" - at `$")
    key = path.strip(".`")
    if missing := re.match(r"Object missing required field `(\w+)", fault):
        key, words = f"{key}.{missing[1]}".strip("."), "is missing"
    elif least := re.match(r"Expected `.*` >= (\S+)", fault):
        words = f"must be at least {least[1]}"
    elif isinstance(kind, EnumType):
        words = f"is not one of {', '.join(str(member) for member in kind)}"
    elif expected := re.match(r"Expected `(\w+)", fault):
        words = f"is not {_EXPECTED[expected[1]]}"
    else:
        words = "is out of range"
    section = re.sub(r"^(\w+)\.(\w)", r"[\1] \2", key)
    return f": {section} {words}" if key else f" {words}"

"""TOML is converted to declared types, or refused with an error that says where and what was expected."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from visionocr.errors import ConfigurationError
from visionocr.types import NonNegativeInt, PositiveInt
from visionocr.validation import convert, parse_toml


class Colour(StrEnum):
    """An enum."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    """A section."""

    size: PositiveInt
    names: tuple[str, ...] = ()
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outer:
    """A file."""

    inner: Inner
    count: NonNegativeInt | None = None
    bold: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


def test_a_table_becomes_dataclasses() -> None:
    """Sections become dataclasses, lists tuples, whole numbers floats where declared; what is missing its default."""
    table = parse_toml("count = 0\n[inner]\nsize = 2\nnames = ['a']\nshare = 1\n[notes]\nany = 'thing'", "x")
    made = convert(table, Outer, "x")
    assert made == Outer(Inner(2, ("a",), 1.0), 0, False, {"any": "thing"})
    assert type(made.inner.share) is float


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "x: inner is missing", ""),
        ("inner = 1", "x: inner is not a table", ""),
        ("[inner]\nsize = '1'", "x: [inner] size is not a whole number", ""),
        ("[inner]\nsize = 1.0", "x: [inner] size is not a whole number", ""),
        ("[inner]\nsize = true", "x: [inner] size is not a whole number", ""),
        ("[inner]\nsize = 0", "x: [inner] size must be at least 1", ""),
        ("[inner]\nnames = ['a']", "x: [inner] size is missing", ""),
        ("[inner]\nsize = 1\nnames = 'a'", "x: [inner] names is not a list", ""),
        ("[inner]\nsize = 1\nnames = ['a', 1]", "x: [inner] names[1] is not a text", ""),
        ("[inner]\nsize = 1\nshare = 'x'", "x: [inner] share is not a number", ""),
        (f"[inner]\nsize = 1\nshare = {'9' * 400}", "x: [inner] share is out of range", ""),
        ("count = 'x'\n[inner]\nsize = 1", "x: count is not a whole number", ""),
        ("count = -1\n[inner]\nsize = 1", "x: count must be at least 0", ""),
        ("bold = 1\n[inner]\nsize = 1", "x: bold is not true or false", ""),
        ("cuont = 1\n[inner]\nsize = 1", "x has an unknown key 'cuont'", "Did you mean count?"),
        ("[inner]\nsize = 1\nnmes = []", "x [inner] has an unknown key 'nmes'", "Did you mean names?"),
        ("[inner]\nsize = 1\nzzz = []", "x [inner] has an unknown key 'zzz'", "Known: names, share, size."),
    ],
)
def test_errors_of_a_table(text: str, message: str, hint: str) -> None:
    """Errors name the table, the key and the expected type; for unknown keys the nearest known one."""
    with pytest.raises(ConfigurationError) as caught:
        convert(parse_toml(text, "x"), Outer, "x")
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_errors_of_a_value() -> None:
    """A value that is no table is named by the caller; the members of an enum are listed."""
    assert convert("red", Colour, "x") is Colour.RED
    for value in ("green", 5, ["red"]):
        with pytest.raises(ConfigurationError, match=r"^x is not one of red, blue$"):
            convert(value, Colour, "x")
    with pytest.raises(ConfigurationError, match=r"^x is not a text$"):
        convert(5, str, "x")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = ", "Invalid value"),
        (f"a = {'9' * 5000}", "a number with too many digits"),
        (f"a = 0x{'f' * 5000}", "a number with too many digits"),
        (f"a = [{'[0x' + 'f' * 5000}]]", "a number with too many digits"),
        (f"a = {'[' * 5000}", "nested too deeply"),
        (f"a = {'[' * 100}{']' * 100}", ""),
        (f"a = {'[' * 5000}{']' * 5000}", "nested too deeply"),
        (f"a = {'{a = ' * 5000}", "nested too deeply"),
        (f"a{'.a' * 5000} = 1", "nested too deeply"),
    ],
    ids=range(9),
)
def test_hostile_toml(text: str, reason: str) -> None:
    """A document that Python's parser or formatter gives up on is refused in one line like any other."""
    if not reason:
        assert parse_toml(text, "x")
        return
    with pytest.raises(ConfigurationError, match=f"^x is not valid TOML: .*{reason}[^\n]*$"):
        parse_toml(text, "x")

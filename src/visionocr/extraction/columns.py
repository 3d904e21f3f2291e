"""A record as rows of a table: one, or one for each item of its list of records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from visionocr.answers.clean import neutralise
from visionocr.errors import UsageError
from visionocr.extraction.kinds import Either, Field, ListOf, Record, without_null

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets take for formulas."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a schema."""

    names: tuple[str, ...]
    """Such as ``seller.name`` and ``items.price``, in the schema's order."""
    rows: str = ""
    """Path of the list that has a row for each of its items; empty where there is none."""

    def make_rows(self, record: dict[str, Any] | None) -> Iterator[list[str]]:
        """The rows of a record; one without values for none, and one for a record without items."""
        items: list[Any] = [None]
        if record is not None and self.rows:
            items = _find(record, self.rows) or [None]
        for item in items:
            yield [self._cell(name, record, item) for name in self.names]

    def _cell(self, name: str, record: dict[str, Any] | None, item: Any) -> str:
        if self.rows and name.startswith(f"{self.rows}."):
            return write_cell(_find(item, name[len(self.rows) + 1 :]))
        return write_cell(_find(record, name))


def choose_columns(record: Record, rows: str | None = None) -> Columns:
    """The columns for a schema. *rows*: which list has a row for each item, where there are several.

    Raises ``UsageError`` where it cannot be a table.
    """
    lists = [path for path, item in _lists(record.fields, "")]
    if rows is not None and rows not in lists:
        raise UsageError(f"--rows: {rows!r} is no list of records", f"There are: {', '.join(lists)}." if lists else "")
    if len(lists) > 1 and rows is None:
        raise UsageError(
            f"the schema has several lists of records ({', '.join(lists)}), a table can have one",
            f"Choose with --rows {lists[0]}, or give -f jsonl.",
        )
    chosen = rows or (lists[0] if lists else "")
    return Columns(tuple(_names(record.fields, "", chosen)), chosen)


def write_cell(value: Any) -> str:
    """A value as a cell: plain lists joined by semicolons, and nothing that a spreadsheet would compute."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            text = "; ".join(write_cell(one).removeprefix("'") for one in value)
        case float():
            return f"{value:.12g}" if abs(value) < 1e12 else repr(value)
        case _:
            text = neutralise(str(value))
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def _lists(fields: tuple[Field, ...], path: str) -> Iterator[tuple[str, Record]]:
    for field in fields:
        kind, here = without_null(field.kind), f"{path}{field.name}"
        if isinstance(kind, Record):
            yield from _lists(kind.fields, f"{here}.")
        elif isinstance(kind, ListOf) and isinstance(item := without_null(kind.item), Record):
            yield here, item


def _names(fields: tuple[Field, ...], path: str, rows: str) -> Iterator[str]:
    for field in fields:
        kind, here = without_null(field.kind), f"{path}{field.name}"
        item = without_null(kind.item) if isinstance(kind, ListOf) else None
        if isinstance(kind, Record):
            yield from _names(kind.fields, f"{here}.", rows)
        elif isinstance(item, Record):
            if here == rows:
                yield from _item_names(item, here)
        elif isinstance(item, ListOf) or (isinstance(kind, Either) and not _is_plain(kind)):
            raise UsageError(f"{here} does not fit into a table", "Give -f jsonl.")
        else:
            yield here


def _item_names(item: Record, path: str) -> Iterator[str]:
    if any(True for _ in _lists(item.fields, "")):
        raise UsageError(f"{path} has lists of records in its items, which do not fit into a table", "Give -f jsonl.")
    yield from _names(item.fields, f"{path}.", "")


def _is_plain(kind: Either) -> bool:
    return not any(isinstance(without_null(option), Record | ListOf) for option in kind.options)


def _find(value: Any, path: str) -> Any:
    """What stands at a path of keys; keys may hold points themselves."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    head = next((key for key in value if path.startswith(f"{key}.")), None)
    return None if head is None else _find(value[head], path[len(head) + 1 :])

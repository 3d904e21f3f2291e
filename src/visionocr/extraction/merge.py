"""One record from the records of a document's pages.

The first value that is not null counts; another one later is a conflict, and is kept beside it. Records within a record
are merged in the same way. Lists are put one after the other; items at the beginning of one that repeat the end of the
one before are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from visionocr.extraction.kinds import ListOf, Record, kind_of


@dataclass(slots=True)
class Merged:
    """A record, and what did not fit together."""

    value: dict[str, Any]
    alternatives: dict[str, list[Any]] = field(default_factory=dict)
    """By path: the values that did not count."""
    repeats: dict[str, int] = field(default_factory=dict)
    """By path: how many items were left out."""


def merge(record: Record, parts: Sequence[dict[str, Any]]) -> Merged:
    """Merge the records of parts of a document, in the order of its pages."""
    merged = Merged({})
    merged.value = _merge_records(record, parts, "", merged)
    return merged


def _merge_records(record: Record, parts: Sequence[dict[str, Any]], path: str, merged: Merged) -> dict[str, Any]:
    found = {}
    for one in record.fields:
        values = [part[one.name] for part in parts if part.get(one.name) is not None]
        inner = f"{path}.{one.name}".lstrip(".")
        if values:
            found[one.name] = _merge_values(one.kind, values, inner, merged)
        elif any(one.name in part for part in parts) and not one.is_optional:
            found[one.name] = None
    return found


def _merge_values(kind: Any, values: list[Any], path: str, merged: Merged) -> Any:
    first, *others = values
    kind = kind_of(kind, first)
    if isinstance(kind, Record) and all(isinstance(value, dict) for value in values):
        return _merge_records(kind, values, path, merged)
    if isinstance(kind, ListOf) and all(isinstance(value, list) for value in values):
        joined: list[Any] = list(first)
        for more in others:
            repeated = _count_repeated(joined, more)
            if repeated:
                merged.repeats[path] = merged.repeats.get(path, 0) + repeated
            joined += more[repeated:]
        return joined
    if different := [value for value in others if value != first]:
        merged.alternatives[path] = different
    return first


def _count_repeated(before: list[Any], after: list[Any]) -> int:
    """How many items at the beginning of one list are those at the end of the other."""
    for count in range(min(len(before), len(after)), 0, -1):
        if before[-count:] == after[:count]:
            return count
    return 0

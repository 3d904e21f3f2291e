"""Puts right what is written in another form than the schema wants, where it can mean one thing only, and says so."""

from __future__ import annotations

from datetime import date
from typing import Any

from visionocr.extraction.amounts import parse_amount
from visionocr.extraction.dates import parse_date
from visionocr.extraction.kinds import (
    Boolean,
    Choice,
    Kind,
    ListOf,
    Nullable,
    Number,
    Record,
    Text,
    kind_of,
)

_NOTHING = {"", "-", "--", "–", "n/a", "na", "null", "none", "not available"}
"""What models write in the place of null."""
_BOOLEANS = {"true": True, "false": False}
_MOST_NOTES = 20


def repair(record: Record, value: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The record, and what was changed in it. What is wrong beyond repair stays as it is, for validation to find."""
    repairer = _Repairer()
    repaired: dict[str, Any] = repairer.repair(record, value, "")
    notes = repairer.notes
    more = [f"and {len(notes) - _MOST_NOTES} more"] if len(notes) > _MOST_NOTES else []
    return repaired, (*notes[:_MOST_NOTES], *more)


class _Repairer:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def repair(self, kind: Kind, value: Any, path: str) -> Any:
        if isinstance(kind, Nullable):
            if isinstance(value, str) and value.strip().casefold() in _NOTHING:
                self._note(path, value, None)
                return None
            if value is None:
                return None
        kind = kind_of(kind, value)
        match kind:
            case Record() if isinstance(value, dict):
                return self._repair_record(kind, value, path)
            case ListOf() if isinstance(value, list):
                return [self.repair(kind.item, item, f"{path}[{at}]") for at, item in enumerate(value)]
            case ListOf(item=Record()) if isinstance(value, dict):
                self.notes.append(f"{path}: one item was taken for a list of one")
                return [self.repair(kind.item, value, f"{path}[0]")]
            case Number() | Boolean() | Text(format="date") | Choice() if isinstance(value, str):
                return self._repair_text(kind, value, path)
        return value

    def _repair_record(self, kind: Record, value: dict[str, Any], path: str) -> dict[str, Any]:
        known = {field.name: field for field in kind.fields}
        if foreign := [name for name in value if name not in known]:
            self.notes.append(f"{path or 'the record'}: {len(foreign)} keys that nobody asked for were left out")
        repaired = {}
        for name, field in known.items():
            if name not in value or (field.is_optional and value[name] is None):
                continue
            one = self.repair(field.kind, value[name], f"{path}.{name}".lstrip("."))
            if one is not None or not field.is_optional:
                repaired[name] = one
        return repaired

    def _repair_text(self, kind: Kind, value: str, path: str) -> Any:
        """What a text stands for where something else, or a text of a certain form, is wanted."""
        new: Any = value
        match kind:
            case Number(is_whole):
                amount = parse_amount(value)
                if amount is not None and (not is_whole or amount == int(amount)):
                    new = int(amount) if amount == int(amount) else float(amount)
            case Boolean():
                new = _BOOLEANS.get(value.strip().casefold(), value)
            case Text():
                day = None if _is_iso(value) else parse_date(value)
                new = day.isoformat() if day is not None else value
            case Choice(values):
                folded = value.strip().casefold()
                same = [one for one in values if isinstance(one, str) and one.casefold() == folded]
                new = same[0] if len(same) == 1 else value
        if new != value or type(new) is not type(value):
            self._note(path, value, new)
        return new

    def _note(self, path: str, old: str, new: object) -> None:
        shown = "null" if new is None else str(new)
        self.notes.append(f"{path}: “{old[:40]}” was taken for {shown}")


def _is_iso(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10

"""The keys of a record as they stand in the prompt: a grammar tells the model nothing of them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from visionocr.extraction.kinds import Boolean, Choice, Either, Kind, ListOf, Nullable, Number, Record, Text

_FORMATS = {"date": "date, as YYYY-MM-DD", "time": "time, as HH:MM:SS"}


def write_outline(record: Record) -> str:
    """The record with a description in the place of each value."""
    return "\n".join(_lines(record))


def _lines(kind: Kind, indent: str = "") -> Iterator[str]:
    """The lines of a value; the first one stands behind its key."""
    match kind:
        case Record(fields):
            yield "{"
            for number, one in enumerate(fields, 1):
                first, *rest = _lines(one.kind, f"{indent}  ")
                note = f"  // {' '.join(one.description.split())}" if one.description else ""
                lines = [f"{indent}  {json.dumps(one.name, ensure_ascii=False)}: {first}", *rest]
                lines[-1] += "," if number < len(fields) else ""
                lines[0] += note
                yield from lines
            yield f"{indent}}}"
        case ListOf(item):
            first, *rest = _lines(item, indent)
            *middle, last = [f"[{first}", *rest]
            yield from (*middle, f"{last}, ...]")
        case Nullable(inner):
            *middle, last = _lines(inner, indent)
            yield from (*middle, f"{last} or null")
        case Either(options):
            yield " or ".join(" ".join(line.strip() for line in _lines(option)) for option in options)
        case _:
            yield _name(kind)


def _name(kind: Kind) -> str:
    match kind:
        case Text(_, _, form):
            return f"<{_FORMATS.get(form) or ' '.join(filter(None, ('text', form)))}>"
        case Number(is_whole):
            return "<whole number>" if is_whole else "<number>"
        case Boolean():
            return "<true or false>"
        case Choice(values):
            return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    raise AssertionError(kind)

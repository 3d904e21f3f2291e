"""Records as JSON Lines, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from visionocr.extraction.columns import Columns, write_cell
from visionocr.output.formats import Formatter, record
from visionocr.types import PageResult, Severity

_COSTS = ("asks", "retries", "server", "model", "seconds", "prompt_tokens", "completion_tokens")


class RecordLines(Formatter):
    """One JSON object a record; the fields are those of ``describe``, or with *bare* the record's own."""

    suffix = ".jsonl"

    def __init__(self, *, bare: bool = False) -> None:
        self._bare = bare

    def page(self, result: PageResult) -> str:
        """The record's line."""
        found = describe(result)
        return json.dumps(found["record"] if self._bare else found, ensure_ascii=False) + "\n"


class RecordArray(RecordLines):
    """A JSON array of the same objects."""

    suffix = ".json"

    def __init__(self, *, bare: bool = False) -> None:
        super().__init__(bare=bare)
        self._separator = "\n"

    def head(self) -> str:
        """The opening bracket."""
        return "["

    def page(self, result: PageResult) -> str:
        """One element."""
        text = self._separator + super().page(result).removesuffix("\n")
        self._separator = ",\n"
        return text

    def tail(self) -> str:
        """The closing bracket."""
        return "\n]\n"


class RecordTable(Formatter):
    """CSV: a row a record, or a row for each item of its list, with the record's other fields repeated."""

    suffix = ".csv"

    def __init__(self, columns: Columns, *, bare: bool = False) -> None:
        """*bare*: without document, pages, status and findings."""
        self._columns = columns
        self._bare = bare

    def head(self) -> str:
        """The names of the columns, as the schema has them."""
        names = [write_cell(name) for name in self._columns.names]
        return _row(names if self._bare else ["document", "pages", *names, "status", "findings"])

    def page(self, result: PageResult) -> str:
        """The record's rows."""
        found = describe(result)
        before = [write_cell(found["document"]), ", ".join(map(str, found["pages"]))]
        wrong = [one["message"] for one in found["findings"] if one["severity"] != Severity.INFO.value]
        after = [found["status"], write_cell("; ".join(wrong))]
        rows = self._columns.make_rows(found["record"])
        return "".join(_row(row if self._bare else [*before, *row, *after]) for row in rows)


def describe(result: PageResult) -> dict[str, Any]:
    """A result as JSON. These names and their meaning are part of the stable interface."""
    base = record(result)
    own: dict[str, Any] = json.loads(result.text) if result.text else {}
    return {
        "document": base["document"],
        "pages": own.get("pages", [result.page.number] if result.page.number else []),
        "digest": base["digest"],
        "status": base["status"],
        "record": own.get("record"),
        "fields": own.get("fields", {}),
        "alternatives": own.get("alternatives", {}),
        "findings": base["findings"],
        **{name: base[name] for name in _COSTS},
    }


def _row(cells: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()

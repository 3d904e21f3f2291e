"""Records as files: JSON Lines, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from schemas import NUMBER, TEXT, record_of
from visionocr.extraction.columns import choose_columns
from visionocr.extraction.schema import parse_schema
from visionocr.output.formats import Formatter
from visionocr.output.records import RecordArray, RecordLines, RecordTable
from visionocr.types import Finding, FindingKind, PageRef, PageResult, Severity, Status

SCHEMA = record_of(note=TEXT, items={"type": "array", "items": record_of(name=TEXT, price=NUMBER)})


def result(record: dict[str, Any] | None, name: str = "a.pdf", status: Status = Status.OK) -> PageResult:
    """The result of a document."""
    text = json.dumps({"pages": [1, 2], "record": record, "fields": {}, "alternatives": {}})
    findings = (
        Finding(FindingKind.REPAIRED, "mended", Severity.INFO),
        *([] if status is Status.OK else [Finding(FindingKind.CHECK, "=wrong")]),
    )
    return PageResult(PageRef(name, 1, 1, "d"), text, status, findings)


UNREADABLE = PageResult(PageRef("=b.pdf", 0), "", Status.FAILED, (Finding(FindingKind.UNREADABLE, "broken"),))
RECORD = {"note": "two\nlines, and =1", "items": [{"name": "=1+1", "price": -5}, {"name": 'q"uote', "price": 2.5}]}


def write(formatter: Formatter, results: Sequence[PageResult]) -> str:
    """The whole file."""
    return formatter.head() + "".join(map(formatter.page, results)) + formatter.tail()


def test_a_table_can_be_read_back() -> None:
    """Line breaks, quotes and commas survive; nothing is a formula; what failed has its row; findings have theirs."""
    text = write(
        RecordTable(choose_columns(parse_schema(SCHEMA).record)),
        [result(RECORD), result({"note": "n", "items": []}, status=Status.SUSPECT), UNREADABLE],
    )
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows == [
        ["document", "pages", "note", "items.name", "items.price", "status", "findings"],
        ["a.pdf", "1, 2", "two\nlines, and =1", "'=1+1", "-5", "ok", ""],
        ["a.pdf", "1, 2", "two\nlines, and =1", 'q"uote', "2.5", "ok", ""],
        ["a.pdf", "1, 2", "n", "", "", "suspect", "'=wrong"],
        ["'=b.pdf", "", "", "", "", "failed", "broken"],
    ]
    bare = write(RecordTable(choose_columns(parse_schema(SCHEMA).record), bare=True), [result(RECORD)])
    assert next(csv.reader(io.StringIO(bare))) == ["note", "items.name", "items.price"]


def test_json_can_be_read_back() -> None:
    """Both forms hold the same objects; bare ones the records alone, null where there is none."""
    results = [result(RECORD), result(None, status=Status.FAILED), UNREADABLE]
    lines = [json.loads(line) for line in write(RecordLines(), results).splitlines()]
    assert json.loads(write(RecordArray(), results)) == lines
    assert [line["record"] for line in lines] == [RECORD, None, None]
    assert [line["pages"] for line in lines] == [[1, 2], [1, 2], []]
    assert [json.loads(line) for line in write(RecordLines(bare=True), results).splitlines()] == [RECORD, None, None]
    assert json.loads(write(RecordArray(bare=True), [])) == []

"""Checks of a record's values against each other and against what such values must be. Nothing is ever corrected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from visionocr.answers.letters import normalise
from visionocr.extraction.ids import explain_iban, explain_vat_number
from visionocr.extraction.kinds import Kind, ListOf, Record, Text, kind_of, leaves, without_null

_TOTAL = {"total", "grosstotal", "totalgross", "grandtotal", "gross", "amountdue", "totalamount", "amount", "sum"}
_NET = {"net", "nettotal", "totalnet", "subtotal", "netamount", "totalbeforetax"}
_TAX = {"tax", "vat", "taxamount", "vatamount", "totaltax", "salestax"}
_LINE_TOTAL = {"total", "amount", "linetotal", "totalprice", "sum"}
_PRICE = {"price", "unitprice"}
_QUANTITY = {"qty", "quantity", "count"}
_ISSUED = {"date", "invoicedate", "issued", "issuedate", "dateissued"}
_DUE = {"due", "duedate", "paymentdue", "datedue"}
_CENT = 0.01


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed."""

    path: str
    message: str


def check_ids(record: Record, value: Any) -> Iterator[Failure]:
    """IBAN and VAT numbers: fields with such a name, or with the format ``iban``."""
    for path, field, leaf in leaves(record, value):
        if not isinstance(leaf, str):
            continue
        name = normalise(field.name)
        wrong = ""
        if "iban" in name or (isinstance(field.kind, Text) and field.kind.format == "iban"):
            wrong = explain_iban(leaf)
        elif re.search(r"vat(id|no|number|reg)|ustid|btw(nr|nummer)|uid$", name):
            wrong = explain_vat_number(leaf)
        if wrong:
            yield Failure(path, f"“{leaf[:40]}” {wrong}")


def check_dates(value: dict[str, Any]) -> Iterator[Failure]:
    """A document is due no earlier than it was issued."""
    issued, due = _pick(value, _ISSUED), _pick(value, _DUE)
    if issued and due:
        days = [_parse_day(value[name]) for name in (issued, due)]
        if days[0] and days[1] and days[1] < days[0]:
            yield Failure(due, f"{value[due]} is before {issued} {value[issued]}")


def check_sums(record: Record, value: dict[str, Any]) -> Iterator[Failure]:
    """Net and tax make the total; quantity times price makes an item's total; the items make one of the sums.

    A cent for each item may be lost in rounding. Fields are known by their names; see ``docs/extraction.md``.
    """
    net, tax, total = (_number(value, names) for names in (_NET, _TAX, _TOTAL))
    name = _pick(value, _TOTAL) or _pick(value, _NET) or ""
    if net is not None and tax is not None and total is not None and not _is_near(net + tax, total, 1):
        yield Failure(name, f"{_show(total)} is not {_show(net)} + {_show(tax)} = {_show(net + tax)}")
    sums = [one for one in (net, total, None if total is None or tax is None else total - tax) if one is not None]
    for name_of_list, _ in _lists_with_amounts(record):
        items = value.get(name_of_list)
        if not isinstance(items, list):
            continue
        rows = [row for row in items if isinstance(row, dict)]
        yield from _check_rows(name_of_list, rows)
        columns = [column for column in _item_sums(rows) if column is not None] if rows else [0.0]
        if sums and columns and not any(_is_near(one, sum_, len(rows)) for one in columns for sum_ in sums):
            whole = sums[-1] if total is None else total
            yield Failure(name, f"{_show(whole)} is not the sum of {name_of_list}, which is {_show(columns[0])}")


def can_check_sums(record: Record) -> bool:
    """Whether the schema has fields that ``check_sums`` knows."""
    names = {normalise(field.name) for field in record.fields}
    lists = list(_lists_with_amounts(record))
    if lists and names & (_TOTAL | _NET):
        return True
    of_rows = any(row & _LINE_TOTAL and row & _PRICE and row & _QUANTITY for _, row in lists)
    return of_rows or all(names & group for group in (_NET, _TAX, _TOTAL))


def _lists_with_amounts(record: Record) -> Iterator[tuple[str, set[str]]]:
    """The lists whose items have a price or a total, with the names of all fields of an item."""
    for field in record.fields:
        kind = without_null(field.kind)
        item = without_null(kind.item) if isinstance(kind, ListOf) else None
        if isinstance(item, Record) and (row := {normalise(one.name) for one in item.fields}) & (_LINE_TOTAL | _PRICE):
            yield field.name, row


def check_limits(kind: Kind, value: Any, path: str = "") -> Iterator[Failure]:
    """Texts that are empty, and texts and lists that are as long as the grammar lets them be: perhaps cut off."""
    kind = kind_of(kind, value)
    match kind:
        case Text() if isinstance(value, str) and not value.strip():
            yield Failure(path, "is empty")
        case Text(_, most, _) if isinstance(value, str) and len(value) >= most > 1:
            yield Failure(
                path, f"has {most} characters, all that the grammar allows: it may be cut off (see maxLength)"
            )
        case ListOf(item, least, most) if isinstance(value, list):
            if len(value) >= most > least:
                yield Failure(path, f"has {most} items, all that the grammar allows: it may be cut off (see maxItems)")
            for at, one in enumerate(value):
                yield from check_limits(item, one, f"{path}[{at}]")
        case Record(fields) if isinstance(value, dict):
            for field in fields:
                yield from check_limits(field.kind, value.get(field.name), f"{path}.{field.name}".lstrip("."))


def _check_rows(name: str, rows: list[dict[str, Any]]) -> Iterator[Failure]:
    for at, row in enumerate(rows):
        quantity, price, total = (_number(row, names) for names in (_QUANTITY, _PRICE, _LINE_TOTAL))
        if quantity is None or price is None or total is None:
            continue
        if not _is_near(quantity * price, total, 1):
            field = _pick(row, _LINE_TOTAL)
            yield Failure(
                f"{name}[{at}].{field}",
                f"{_show(total)} is not {_show(quantity)} x {_show(price)} = {_show(quantity * price)}",
            )


def _item_sums(rows: list[dict[str, Any]]) -> Iterator[float | None]:
    """What the items make: their totals, else their prices, each once or as often as there are pieces."""
    totals = [_number(row, _LINE_TOTAL) for row in rows]
    if any(total is not None for total in totals):
        yield _sum(totals)
        return
    prices = [_number(row, _PRICE) for row in rows]
    counts = [_number(row, _QUANTITY) for row in rows]
    yield _sum(
        None if price is None else price * (1 if count is None else count)
        for price, count in zip(prices, counts, strict=True)
    )
    yield _sum(prices)


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum of numbers; ``None`` where one of them is missing, or there are none."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None


def _pick(value: dict[str, Any], names: set[str]) -> str | None:
    """The only key with one of these names that has a value."""
    found = [key for key in value if normalise(key) in names and value[key] is not None]
    return found[0] if len(found) == 1 else None


def _number(value: dict[str, Any], names: set[str]) -> float | None:
    key = _pick(value, names)
    number = value[key] if key is not None else None
    return float(number) if isinstance(number, int | float) and not isinstance(number, bool) else None


def _is_near(one: float, other: float, cents: int) -> bool:
    return abs(one - other) <= cents * _CENT + 1e-9 * max(abs(one), abs(other), 1.0)


def _show(number: float) -> str:
    return f"{number:.2f}"


def _parse_day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None

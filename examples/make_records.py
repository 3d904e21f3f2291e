# mypy: disable-error-code="no-untyped-call"
"""Make three receipts and an invoice, with schemas and the records that they are known to hold.

    python examples/make_records.py [--out DIR]

Shops, people and numbers are made up; the account number is the one that the IBAN registry gives as its example. Every
run makes the same pages. Each has a barcode with its number, as receipts have, for the tests' stand-in for a model.
"""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pymupdf

Record = dict[str, Any]


def _nullable(kind: str, **more: str) -> Record:
    return {"type": [kind, "null"], **more}


def _object(**properties: Any) -> Record:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


RECEIPT = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Receipt",
    **_object(
        shop={"type": "string", "description": "name of the shop"},
        date=_nullable("string", format="date"),
        time=_nullable("string", format="time", description="seconds are 00 where there are none"),
        currency={"enum": ["EUR", "GBP", "USD"]},
        items={
            "type": "array",
            "items": _object(
                name={"type": "string"},
                qty=_nullable("integer", description="number of pieces"),
                amount={"type": "number", "description": "of all pieces together"},
            ),
        },
        tax=_nullable("number"),
        total={"type": "number", "minimum": 0},
    ),
}
INVOICE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Invoice",
    "$defs": {"party": _object(name={"type": "string"}, vat_id=_nullable("string"))},
    **_object(
        number={"type": "string", "description": "of the invoice"},
        date={"type": "string", "format": "date"},
        due_date=_nullable("string", format="date"),
        seller={"$ref": "#/$defs/party"},
        buyer={"$ref": "#/$defs/party"},
        items={
            "type": "array",
            "items": _object(
                name={"type": "string"},
                qty={"type": "number"},
                unit_price={"type": "number"},
                amount={"type": "number"},
            ),
        },
        net={"type": "number"},
        tax={"type": "number"},
        total={"type": "number"},
        iban=_nullable("string"),
    ),
}


def _item(name: str, qty: int, amount: float) -> Record:
    return {"name": name, "qty": qty, "amount": amount}


RECEIPTS: list[Record] = [
    {
        "shop": "Green Lantern Books",
        "date": "2024-03-05",
        "time": "14:32:00",
        "currency": "GBP",
        "items": [_item("Dracula, paperback", 1, 7.99), _item("Notebook A5", 3, 10.50)],
        "tax": None,
        "total": 18.49,
    },
    {
        "shop": "Bäckerei Morgenrot",
        "date": "2024-11-30",
        "time": "07:05:00",
        "currency": "EUR",
        "items": [_item("Roggenbrot", 1, 4.80), _item("Brötchen", 6, 2.70), _item("Kaffee", 2, 5.00)],
        "tax": 0.82,
        "total": 12.50,
    },
    {
        "shop": "Harbour Hardware",
        "date": "2025-01-17",
        "time": "16:48:00",
        "currency": "USD",
        "items": [_item("Brass hinge", 4, 1234.00), _item("Returned drill", 1, -89.95)],
        "tax": 91.52,
        "total": 1235.57,
    },
]
_GOODS = ("Oak board", "Steel bracket", "Wood glue", "Sandpaper", "Brass screw", "Linseed oil")
_LINES: list[Record] = [
    {"name": f"{_GOODS[at % 6]} type {at + 1}", "qty": at % 5 + 1, "unit_price": round(3.35 + at * 1.2, 2)}
    for at in range(28)
]
for _line in _LINES:
    _line["amount"] = round(_line["qty"] * _line["unit_price"], 2)
_NET = round(sum(_line["amount"] for _line in _LINES), 2)
BILL: Record = {
    "number": "2025-0417",
    "date": "2025-02-03",
    "due_date": "2025-03-05",
    "seller": {"name": "Nordwind Werkstatt GmbH", "vat_id": "DE123456789"},
    "buyer": {"name": "Meadow & Daughters Ltd", "vat_id": None},
    "items": _LINES,
    "net": _NET,
    "tax": round(_NET * 0.19, 2),
    "total": round(_NET * 1.19, 2),
    "iban": "DE89370400440532013000",
}


def german(number: float) -> str:
    """A number as Germans write it."""
    return f"{number:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def receipt_lines(record: Record) -> list[str]:
    """The lines of a receipt, in the manner of its country."""
    year, month, day = record["date"].split("-")
    write = german if record["currency"] == "EUR" else "{:,.2f}".format
    dates = {"EUR": f"{day}.{month}.{year}", "GBP": f"{day}/{month}/{year}", "USD": f"{month}/{day}/{year}"}
    lines = [record["shop"].center(32), "", f"{dates[record['currency']]}{record['time'][:5]:>22}", "-" * 32]
    lines += [f"{one['qty']} x {one['name']:<18}{write(one['amount']):>10}" for one in record["items"]]
    lines.append("-" * 32)
    if record["tax"] is not None:
        lines.append(f"{'Tax':<22}{write(record['tax']):>10}")
    return [*lines, f"{'TOTAL ' + record['currency']:<22}{write(record['total']):>10}", "", "Thank you!".center(32)]


def invoice_pages(record: Record) -> list[list[str]]:
    """The lines of the invoice's two pages: what is due stands on the second one."""
    head = [
        f"{record['seller']['name']}   USt-IdNr. {record['seller']['vat_id']}",
        "",
        f"Invoice to: {record['buyer']['name']}",
        "",
        f"Invoice no. {record['number']}                    Date: 3 February 2025",
        "",
        f"{'Item':<28}{'Quantity':>10}{'Price':>12}{'Amount':>12}",
    ]
    rows = [
        f"{one['name']:<28}{one['qty']:>10}{german(one['unit_price']):>12}{german(one['amount']):>12}"
        for one in record["items"]
    ]
    foot = [
        "",
        f"{'Net':<50}{german(record['net']):>12}",
        f"{'VAT 19 %':<50}{german(record['tax']):>12}",
        f"{'Total EUR':<50}{german(record['total']):>12}",
        "",
        "Please pay by 5 March 2025 to IBAN DE89 3704 0044 0532 0130 00.",
    ]
    return [
        [*head, *rows[:20], "", "continued on page 2"],
        [f"Invoice no. {record['number']}, page 2", "", *rows[20:], *foot],
    ]


def draw_barcode(page: Any, number: int, top: float) -> None:
    """A barcode across the page: a start mark, 14 bits of the number and 4 of a check sum, two cells each, a stop."""
    check = (number * 7 + number // 16 * 5 + number // 256 * 3 + 9) % 16
    code = "1111010" + "".join("10" if bit == "1" else "01" for bit in f"{number:014b}{check:04b}") + "01"
    left, cell, at = page.rect.width * 0.06, page.rect.width * 0.88 / len(code), 0
    for colour, run in groupby(code):
        length = len(list(run))
        if colour == "1":
            bar = pymupdf.Rect(left + at * cell, top, left + (at + length) * cell, top + 30)
            page.draw_rect(bar, color=None, fill=(0, 0, 0))
        at += length


def draw(document: Any, number: int, lines: list[str], width: float, height: float, size: float) -> Any:
    """A page with these lines, and its number as a barcode at the foot."""
    page = document.new_page(width=width, height=height)
    for row, line in enumerate(lines, 1):
        page.insert_text((width * 0.06, 20 + row * size * 1.45), line, fontname="cour", fontsize=size)
    draw_barcode(page, number, height - 45)
    return page


def main() -> None:
    """Make the documents, the schemas and the records."""
    parser = argparse.ArgumentParser(description="Make receipts and an invoice with their records.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "records", help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    known = []
    for number, record in enumerate(RECEIPTS, 1):
        lines = receipt_lines(record)
        page = draw(pymupdf.open(), number, lines, 226, 90 + 14.5 * len(lines), 10)
        page.get_pixmap(dpi=200, colorspace=pymupdf.csGRAY).save(out / f"receipt-{number}.png")
        known.append({"document": f"receipt-{number}.png", "record": record})
    document = pymupdf.open()
    for number, lines in enumerate(invoice_pages(BILL), len(RECEIPTS) + 1):
        draw(document, number, lines, 595, 842, 11)
    document.set_metadata({"title": "Invoice"})
    document.save(out / "invoice.pdf", garbage=4, deflate=True, no_new_id=True)
    known.append({"document": "invoice.pdf", "record": BILL})
    for name, schema in (("receipt", RECEIPT), ("invoice", INVOICE)):
        text = json.dumps(schema, indent=2, ensure_ascii=False)
        (out / f"{name}.schema.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    text = "".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in known)
    (out / "known.jsonl").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

"""Values: where they stand on the page, what contradicts them, how the pages of a document and a table are made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest

from schemas import DATE, LISTED, NUMBER, TEXT, WHOLE, record_of
from visionocr.boxes import Box, TextLine
from visionocr.errors import UsageError
from visionocr.extraction.checks import can_check_sums, check_dates, check_ids, check_limits, check_sums
from visionocr.extraction.columns import choose_columns, write_cell
from visionocr.extraction.ids import explain_iban, explain_vat_number
from visionocr.extraction.merge import merge
from visionocr.extraction.places import PageText, Seen, find_almost, locate
from visionocr.extraction.schema import parse_schema


def page(*lines: str, number: int = 1, is_exact: bool = True) -> PageText:
    """A page with these lines, from top to bottom."""
    boxes = [Box(0.1, at / 100, 0.9, (at + 1) / 100) for at in range(len(lines))]
    return PageText(number, [TextLine(line, box) for line, box in zip(lines, boxes, strict=True)], is_exact)


def seen(schema: dict[str, Any], value: object, *pages: PageText) -> Seen:
    """Whether the only value of a record stands on pages."""
    record = parse_schema(record_of(value=schema)).record
    places = locate(record, {"value": value}, [partial(iter, [page]) for page in pages])
    return places["value"].seen


@pytest.mark.parametrize(
    "written", ["1.234,57", "1,234.57", "1 234,57", "1'234.57", "EUR 1234,57", "1234.570", "19 %1.234,57x"]
)
def test_a_number_is_found_in_any_spelling(written: str) -> None:
    """1234.57 stands where the page has ``1.234,57``."""
    assert seen(NUMBER, 1234.57, page(f"Total {written} EUR")) is Seen.YES


@pytest.mark.parametrize("written", ["1.234,75", "11.234,57", "234,57", "1.234,5", "1.234.57", "1234", ""])
def test_another_number_is_not_taken_for_it(written: str) -> None:
    """Swapped, missing and additional digits are another number."""
    assert seen(NUMBER, 1234.57, page("Total", written)) is Seen.ABSENT


def test_the_sign_of_a_number() -> None:
    """A negative number needs a sign or brackets on the page."""
    assert seen(NUMBER, -12.5, page("Refund 12,50")) is Seen.ABSENT
    for written in ("-12,50", "- € 12,50", "12,50-", "(12.50)", "−12.50"):
        assert seen(NUMBER, -12.5, page(f"Refund {written}")) is Seen.YES
    assert seen(NUMBER, 0.19, page("VAT 19 %")) is Seen.YES


def test_dates_and_texts() -> None:
    """Dates are found in any spelling; texts without regard to case, blanks and punctuation, and over lines."""
    assert seen(DATE, "2024-12-31", page("Berlin, 31. Dez. 2024")) is Seen.YES
    assert seen(DATE, "2024-12-31", page("31.12.2023")) is Seen.ABSENT
    assert seen({**TEXT, "format": "time"}, "07:05:00", page("30.11.2024  07:05")) is Seen.YES
    assert seen({**TEXT, "format": "time"}, "07:05:09", page("30.11.2024  07:05")) is Seen.ABSENT
    assert seen(TEXT, "Miller & Sons", page("MILLER & SONS", "Ltd.")) is Seen.YES
    assert seen(TEXT, "12 Main Street, Springfield", page("12 Main Street", "Springfield")) is Seen.YES
    assert seen(TEXT, "DE89370400440532013000", page("IBAN: DE89 3704 0044 0532 0130 00")) is Seen.YES
    assert seen(TEXT, "4711", page("Rechnung Nr.4711")) is Seen.YES
    assert seen(TEXT, "471", page("Rechnung Nr. 4711")) is Seen.ABSENT
    assert seen(TEXT, "Mill", page("Miller")) is Seen.ABSENT
    assert seen(TEXT, "東京", page("東京都")) is Seen.YES


def test_similar_texts() -> None:
    """Words may stand apart; where an OCR engine read, a few letters may differ, but no digits."""
    name = "Müller Handelsgesellschaft"
    assert seen(TEXT, name, page("Müller Handelsgeselschaft", is_exact=False)) is Seen.SIMILAR
    assert seen(TEXT, name, page("Müller Handelsgeselschaft")) is Seen.ABSENT
    assert seen(TEXT, name, page("Meier Fischereibetrieb", is_exact=False)) is Seen.ABSENT
    assert seen(TEXT, "INV-20240017", page("INV-20240018", is_exact=False)) is Seen.ABSENT
    assert seen(TEXT, "Smith John", page("John", "Smith")) is Seen.SIMILAR
    assert seen(TEXT, "INV-2O24", page("INV-2024", is_exact=False)) is Seen.SIMILAR
    assert seen(TEXT, "INV-2O24", page("INV-2024")) is Seen.ABSENT
    assert seen(TEXT, "INV-2O2", page("INV-2024", is_exact=False)) is Seen.ABSENT
    assert seen(TEXT, "30 1234", page("1234", "and", "30")) is Seen.ABSENT
    assert seen(TEXT, "Main Street 30", page("30", "Main Street")) is Seen.SIMILAR


def test_what_is_not_looked_for() -> None:
    """Yes and no, and what the schema says is no text of the page; and pages of which nothing is known."""
    assert seen({"type": "boolean"}, True, page("x")) is Seen.UNCHECKED
    assert seen({**TEXT, "x-visionocr": {"on_page": False}}, "summary", page("x")) is Seen.UNCHECKED
    assert seen(TEXT, "Miller") is Seen.ABSENT
    assert seen(TEXT, "Miller", page()) is Seen.UNCHECKED
    assert seen(TEXT, "Miller", page("Smith"), page(number=2)) is Seen.UNCHECKED
    assert seen(TEXT, "Miller", page(), page("Miller", number=2)) is Seen.YES


def test_choices() -> None:
    """A choice may stand there in other words; but where the page has another of them, it is wrong."""
    currency = {"enum": ["EUR", "USD", 7, True]}
    assert seen(currency, "EUR", page("Total EUR 5")) is Seen.YES
    assert seen(currency, "EUR", page("Total € 5")) is Seen.UNCHECKED
    assert seen(currency, "EUR", page("Total USD 5")) is Seen.ABSENT
    assert seen(currency, "EUR", page("page 1"), page("Total USD 5", number=2)) is Seen.ABSENT
    assert seen(currency, "EUR", page("Total USD 5"), page("or EUR 4", number=2)) is Seen.YES
    assert seen(currency, True, page("Total")) is Seen.UNCHECKED


def test_a_second_reading_is_asked_for_only_where_a_value_is_on_no_page() -> None:
    """What costs time is not done for values that stand on another page, or in other words."""
    record = parse_schema(record_of(vendor=TEXT, total=NUMBER, currency={"enum": ["EUR", "USD"]})).record
    asked: list[int] = []

    def texts(number: int, line: str, second: str) -> Iterator[PageText]:
        yield page(line, number=number)
        asked.append(number)
        yield page(second, number=number, is_exact=False)

    pages = [partial(texts, 1, "Harbour", ""), partial(texts, 2, "Total € 5,00", "Total 6,00")]
    places = locate(record, {"vendor": "Harbour", "total": 5, "currency": "EUR"}, pages)
    assert [places[path].seen for path in ("vendor", "total", "currency")] == [Seen.YES, Seen.YES, Seen.UNCHECKED]
    assert asked == []
    places = locate(record, {"vendor": "Harbour", "total": 6, "currency": "EUR"}, pages)
    assert (places["total"].seen, places["total"].page) == (Seen.YES, 2)


def test_places_have_page_and_box() -> None:
    """The page, the line and its box are given; a text over two lines has a box around both."""
    schema = record_of(total=NUMBER, items={"type": "array", "items": record_of(name=TEXT)})
    pages = [page("Header", number=1), page("Blue", "Kettle", "Sum 7,00", number=2)]
    value = {"total": 7, "items": [{"name": "blue kettle"}, {"name": None}]}
    places = locate(parse_schema(schema).record, value, [partial(iter, [one]) for one in pages])
    assert list(places) == ["total", "items[0].name"]
    assert (places["total"].page, places["total"].text) == (2, "Sum 7,00")
    assert places["items[0].name"].box == Box(0.1, 0.0, 0.9, 0.02)


def test_hostile_pages_and_values_take_no_long_time() -> None:
    """Thousands of values that are almost there cost seconds at the most."""
    text = page(*(f"{'ab' * 30} {number}" for number in range(300)), is_exact=False)
    values = {"items": [{"name": "ab" * 100 + "c", "price": 0.5}] * 1000}
    started = time.monotonic()
    locate(parse_schema(LISTED).record, values, [lambda: iter([text])])
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("wanted", "text", "most", "end"),
    [
        ("kettle", "the kettle", 0, 10),
        ("kettle", "the ketle x", 1, 9),
        ("kettle", "the kxtxle", 1, None),
        ("a", "", 0, None),
    ],
)
def test_almost(wanted: str, text: str, most: int, end: int | None) -> None:
    """The end of the place with the fewest edits."""
    assert find_almost(wanted, text, most) == end


# --- checks ------------------------------------------------------------------------------------------------

INVOICE = record_of(
    net=NUMBER,
    tax=NUMBER,
    total=NUMBER,
    items={"type": "array", "items": record_of(name=TEXT, qty=WHOLE, price=NUMBER, amount=NUMBER)},
)
ITEMS = [{"name": "a", "qty": 3, "price": 3.33, "amount": 10.0}, {"name": "b", "qty": 1, "price": 5, "amount": 5.0}]
RIGHT: dict[str, Any] = {"net": 15.0, "tax": 2.85, "total": 17.85, "items": ITEMS}


def failures(value: dict[str, Any], schema: dict[str, Any] = INVOICE) -> list[str]:
    """The paths of sums that are wrong."""
    return [failure.path for failure in check_sums(parse_schema(schema).record, value)]


def test_sums() -> None:
    """Wrong sums are named with both numbers; a cent an item may be lost, and nothing is changed."""
    assert failures(RIGHT) == []
    assert failures({**RIGHT, "total": 17.86}) == []
    assert failures({**RIGHT, "total": 17.88}) == ["total"]
    assert failures({**RIGHT, "net": 14.5, "tax": 3.35}) == ["total"]
    assert failures({**RIGHT, "net": 13.0, "tax": 2.0, "total": 15.0}) == []
    assert failures({**RIGHT, "items": ITEMS[:1]}) == ["total"]
    assert failures({**RIGHT, "items": [{**ITEMS[0], "qty": 2}, ITEMS[1]]}) == ["items[0].amount"]
    message = next(check_sums(parse_schema(INVOICE).record, {**RIGHT, "total": 99})).message
    assert message == "99.00 is not 15.00 + 2.85 = 17.85"


def test_sums_of_prices() -> None:
    """Prices are of a piece or of all pieces; whichever makes the total is right. Missing values check nothing."""
    schema = record_of(total=NUMBER, items={"type": "array", "items": record_of(qty=WHOLE, price=NUMBER)})
    rows = [{"qty": 2, "price": 3.0}, {"qty": 1, "price": 4.0}]
    assert failures({"total": 10.0, "items": rows}, schema) == []
    assert failures({"total": 7.0, "items": rows}, schema) == []
    assert failures({"total": 8.0, "items": rows}, schema) == ["total"]
    assert failures({"total": 8.0, "items": [*rows, {"qty": 1, "price": None}]}, schema) == []
    assert failures({"total": None, "items": rows}, schema) == []
    assert failures({"total": 8.0, "items": []}, schema) == ["total"]
    assert failures({"total": 0, "items": []}, schema) == []
    assert can_check_sums(parse_schema(schema).record)
    assert not can_check_sums(parse_schema(record_of(total=NUMBER, vendor=TEXT)).record)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("DE89 3704 0044 0532 0130 00", ""),
        ("GB29NWBK60161331926819", ""),
        ("NO93 8601 1117 947", ""),
        ("MT84MALT011000012345MTLCAST001S", ""),
        ("DE89 3704 0044 0532 0130 01", "has wrong check digits"),
        ("DE98 3704 0044 0532 0130 00", "has wrong check digits"),
        ("DE89 3704 0044 0532 0130 0", "has 21 characters, an IBAN of DE has 22"),
        ("12345", "is no IBAN"),
    ],
)
def test_iban(number: str, words: str) -> None:
    """Length by country, and remainder 1 modulo 97."""
    assert explain_iban(number) == words


@pytest.mark.parametrize(
    ("number", "is_right"),
    [
        ("DE 123456789", True),
        ("DE12345678", False),
        ("ATU12345678", True),
        ("AT12345678", False),
        ("CHE-123.456.789", True),
    ],
)
def test_vat_numbers(number: str, is_right: bool) -> None:
    """The shape by country; those of countries that are not known pass."""
    assert (explain_vat_number(number) == "") is is_right


def test_ids_are_known_by_their_fields() -> None:
    """Fields named after an IBAN or a VAT number are checked, wherever they stand."""
    schema = record_of(seller=record_of(iban=TEXT, vat_id=TEXT, account={**TEXT, "format": "iban"}, name=TEXT))
    value = {"seller": {"iban": "DE00", "vat_id": "DE1", "account": "x", "name": "DE00"}}
    found = [failure.path for failure in check_ids(parse_schema(schema).record, value)]
    assert found == ["seller.iban", "seller.vat_id", "seller.account"]


def test_due_before_issued() -> None:
    """A document is due no earlier than it was issued."""
    assert not list(check_dates({"date": "2024-03-01", "due_date": "2024-03-01"}))
    assert [one.path for one in check_dates({"date": "2024-03-01", "due_date": "2024-02-29"})] == ["due_date"]
    assert not list(check_dates({"date": None, "due_date": str(date(2024, 1, 1))}))


def test_what_fills_its_limit_may_be_cut_off() -> None:
    """A text or list that is as long as the grammar allows is not believed to be whole."""
    schema = record_of(text={"type": "string", "maxLength": 5}, items={"type": "array", "items": TEXT, "maxItems": 2})
    record = parse_schema(schema).record
    assert not list(check_limits(record, {"text": "four", "items": ["a"]}))
    assert [one.path for one in check_limits(record, {"text": "fives", "items": ["a", "b"]})] == ["text", "items"]


# --- several pages -----------------------------------------------------------------------------------------

WHOLE_RECORD = parse_schema(
    record_of(vendor=TEXT, total=NUMBER, seller=record_of(name=TEXT), items=LISTED["properties"]["items"])
).record


def test_pages_are_merged_by_the_rules() -> None:
    """The first value counts, another one is kept as an alternative; lists follow each other."""
    one: dict[str, Any] = {"vendor": "A", "total": None, "seller": {"name": None}, "items": [{"name": "x", "price": 1}]}
    two: dict[str, Any] = {"vendor": "B", "total": 3, "seller": {"name": "S"}, "items": [{"name": "y", "price": 2}]}
    merged = merge(WHOLE_RECORD, [one, two, {**two, "vendor": None, "items": []}])
    assert merged.value == {"vendor": "A", "total": 3, "seller": {"name": "S"}, "items": [*one["items"], *two["items"]]}
    assert merged.alternatives == {"vendor": ["B"]}
    assert merged.repeats == {}


def test_items_repeated_over_a_page_break_are_left_out_once_and_told() -> None:
    """The end of one list that begins the next is one; equal items elsewhere stay."""
    a, b, c = ({"name": name, "price": 1} for name in "abc")
    merged = merge(WHOLE_RECORD, [{"items": [a, b, c]}, {"items": [b, c, a]}, {"items": [c]}])
    assert merged.value["items"] == [a, b, c, a, c]
    assert merged.repeats == {"items": 2}


# --- tables ------------------------------------------------------------------------------------------------


def rows(schema: dict[str, Any], value: dict[str, Any] | None, chosen: str | None = None) -> list[list[str]]:
    """The rows of a table with its head."""
    columns = choose_columns(parse_schema(schema).record, chosen)
    return [list(columns.names), *columns.make_rows(value)]


ITEM_LIST = {"type": "array", "items": record_of(name=TEXT, price=NUMBER)}


def test_tables() -> None:
    """A row a record, or one an item with the other fields repeated; none is lost."""
    flat = record_of(vendor=TEXT, tags={"type": "array", "items": TEXT}, seller=record_of(name=TEXT))
    value = {"vendor": "A", "tags": ["x", "=y"], "seller": {"name": None}}
    assert rows(flat, value) == [["vendor", "tags", "seller.name"], ["A", "x; =y", ""]]
    listed = record_of(vendor=TEXT, items=ITEM_LIST, total=NUMBER)
    items = [{"name": "x", "price": 1.5}, {"name": "y", "price": 2}]
    head = ["vendor", "items.name", "items.price", "total"]
    assert rows(listed, {"vendor": "A", "items": items, "total": 3.5}) == [
        head,
        ["A", "x", "1.5", "3.5"],
        ["A", "y", "2", "3.5"],
    ]
    assert rows(listed, {"vendor": "A", "items": [], "total": 0}) == [head, ["A", "", "", "0"]]
    assert rows(listed, None) == [head, ["", "", "", ""]]


def test_several_lists_need_a_choice() -> None:
    """Two lists of records are no table: the message names them, and one can be chosen."""
    schema = record_of(items=ITEM_LIST, payments=ITEM_LIST)
    with pytest.raises(UsageError, match=r"several lists of records \(items, payments\)"):
        choose_columns(parse_schema(schema).record)
    value = {"items": [], "payments": [{"name": "p", "price": 1}]}
    assert rows(schema, value, "payments") == [["payments.name", "payments.price"], ["p", "1"]]
    with pytest.raises(UsageError, match="'x' is no list"):
        choose_columns(parse_schema(schema).record, "x")
    with pytest.raises(UsageError, match="lists of records in its items"):
        choose_columns(parse_schema(record_of(a={"type": "array", "items": record_of(b=ITEM_LIST)})).record)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-1+2", "'-1+2"),
        ("\tx", "'\tx"),
        ("-12,50", "-12,50"),
        ("+49", "+49"),
        (["=1", "b"], "'=1; b"),
        ("\x1b]0;title\x07=1+1", "'=1+1"),
        (-5, "-5"),
        (1234567.89, "1234567.89"),
        (True, "true"),
        (None, ""),
    ],
)
def test_cells(value: object, cell: str) -> None:
    """No cell is taken for a formula, and numbers stay numbers."""
    assert write_cell(value) == cell

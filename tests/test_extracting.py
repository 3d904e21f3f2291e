"""Extracting: from answers of all kinds to records that can be trusted, or that say that they cannot."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from fakes.stand_ins import QUESTION, FakeEngine, image_of
from schemas import DATE, NUMBER, TEXT, WHOLE, Schema, record_of
from visionocr.boxes import Box, TextLine
from visionocr.errors import AnswerUnusable, DocumentError, RequestRefused
from visionocr.evidence import Evidence
from visionocr.extracting import Extractor
from visionocr.extraction.schema import parse_schema
from visionocr.loaded import Loaded
from visionocr.output.records import describe
from visionocr.types import (
    Completion,
    Event,
    FindingKind,
    FinishReason,
    Notice,
    PageImage,
    PageRef,
    PageResult,
    Request,
    Severity,
    Status,
)

ITEM = record_of(name=TEXT, qty=WHOLE, price=NUMBER, amount=NUMBER)
SCHEMA = record_of(
    vendor=TEXT,
    date=DATE,
    number=TEXT,
    net=NUMBER,
    tax=NUMBER,
    total=NUMBER,
    currency={"enum": ["EUR", "USD"]},
    note={"type": ["string", "null"]},
    items={"type": "array", "items": ITEM},
)
ALONE = replace(QUESTION, batch_prompt="")
"""A question without page marks, as records are asked for."""
Record = dict[str, Any]
Answerer = Callable[[Request], str | Completion | Exception]


class StandIn(FakeEngine):
    """An engine whose answers a function gives."""

    def __init__(self, answer: Answerer, context: int | None = None) -> None:
        super().__init__()
        self.server = replace(self.server, max_images=2, context_length=context)
        self._answer = answer

    def complete(self, request: Request) -> Completion:
        """Answer as the function says; a picture costs 100 tokens."""
        self.asked.append(request)
        said = self._answer(request)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, Completion):
            return said
        return Completion(said, FinishReason.STOP, 100 * len(request.prompt.images) + 20, 20, 10, seconds=0.1)


def make_record(number: int) -> Record:
    """The true record of a document; every number of it is different from those of others."""
    chance = random.Random(number)
    items: list[Record] = []
    for at in range(chance.randint(1, 4)):
        name = f"{chance.choice(('Kettle', 'Lantern', 'Ledger'))} {chance.choice('ABCDEFGH')}{number}{at}"
        quantity, price = chance.randint(1, 9), chance.randint(100, 9999) / 100
        items.append({"name": name, "qty": quantity, "price": price, "amount": round(quantity * price, 2)})
    net = round(sum(item["amount"] for item in items), 2)
    tax = round(net * 0.19, 2)
    return {
        "vendor": f"{chance.choice(('Harbour', 'Meadow', 'Quarry'))} Trading {number} Ltd",
        "date": f"20{chance.randint(10, 25)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "number": f"R-{number:05}-{chance.randint(10_000, 99_999)}",
        "net": net,
        "tax": tax,
        "total": round(net + tax, 2),
        "currency": chance.choice(("EUR", "USD")),
        "note": None,
        "items": items,
    }


def make_lines(record: Record) -> list[str]:
    """The record as its document has it."""
    year, month, day = record["date"].split("-")
    rows = [f"{one['name']}  {one['qty']} x {one['price']:.2f} = {one['amount']:.2f}" for one in record["items"]]
    return [
        record["vendor"].upper(),
        f"Receipt {record['number']}, {day}.{month}.{year}",
        *rows,
        f"Net {record['net']:.2f}",
        f"VAT 19 % {record['tax']:.2f}",
        f"Total {record['currency']} {record['total']:.2f}",
    ]


def load(*pages: Sequence[str] | None, digest: str = "d") -> Loaded:
    """A document with pages whose text layers have these lines; ``None``: without a text layer."""
    images = []
    for number, lines in enumerate(pages, 1):
        layer = tuple(TextLine(line, Box(0.1, at / 50, 0.9, (at + 1) / 50)) for at, line in enumerate(lines or ()))
        evidence = Evidence(600, 800, layer)
        image = image_of(PageRef("a.pdf", number, len(pages), digest))
        images.append(replace(image, evidence=evidence))
    return Loaded(PageRef("a.pdf", 1, 1, digest), tuple(images))


def extract(engine: FakeEngine, loaded: Loaded, schema: Schema = SCHEMA, **options: Any) -> PageResult:
    """The result of a document."""
    options = {"max_asks": 2, "most_images": 2} | options
    (result,) = Extractor(engine, ALONE, parse_schema(schema), **options).read([loaded])
    return result


def record_in(result: PageResult) -> Record | None:
    """The record of a result."""
    found = describe(result)["record"]
    assert found is None or isinstance(found, dict)
    return found


# --- a model that lies ---------------------------------------------------------------------------------------

Lie = Callable[[Record, random.Random], str | Completion]


def _cut(true: Record, chance: random.Random) -> Completion:
    text = json.dumps(true)
    return Completion(text[: chance.randrange(1, len(text))], FinishReason.LENGTH, 120, 20, 500)


def _with(**changes: Callable[[Record, random.Random], Any]) -> Lie:
    return lambda true, chance: json.dumps({**true, **{name: change(true, chance) for name, change in changes.items()}})


def _misread(true: Record, chance: random.Random) -> str:
    """One digit of one amount is another."""
    name = chance.choice(("net", "tax", "total"))
    return json.dumps({**true, name: round(true[name] + chance.choice((10, 1, 0.1, 0.01, 100)), 2)})


def _invent_item(true: Record, chance: random.Random) -> str:
    item = {"name": "Delivery and handling", "qty": 1, "price": 123456.78, "amount": 123456.78}
    return json.dumps({**true, "items": [*true["items"], item]})


def _drop_item(true: Record, chance: random.Random) -> str:
    return json.dumps({**true, "items": true["items"][1:] if len(true["items"]) > 1 else [*true["items"] * 2]})


def _of_another(true: Record, chance: random.Random) -> str:
    return json.dumps(make_record(chance.randrange(1000, 2000)))


LIES: dict[str, Lie] = {
    "prose instead of a record": lambda true, chance: f"The vendor is {true['vendor']}, the total {true['total']}.",
    "cut off": _cut,
    "more keys": _with(iban=lambda true, chance: "DE00", total_in_words=lambda true, chance: "ten"),
    "other types": _with(total=lambda true, chance: [true["total"]], vendor=lambda true, chance: 7),
    "numbers as text": _with(total=lambda true, chance: f"{true['total']:.2f} {true['currency']}"),
    "another document's record": _of_another,
    "another document's values": lambda true, chance: json.dumps(
        {
            **true,
            **{
                name: make_record(chance.randrange(1000, 2000))[name]
                for name in chance.sample(["vendor", "number", "total"], 1)
            },
        }
    ),
    "a wrong digit": _misread,
    "a wrong letter": _with(vendor=lambda true, chance: true["vendor"].replace("Trading", "Trajing")),
    "another day": _with(date=lambda true, chance: f"{true['date'][:8]}{29 if true['date'][5:7] != '02' else 30}"),
    "missing keys": lambda true, chance: json.dumps({key: true[key] for key in chance.sample(list(true), 6)}),
    "an invented item": _invent_item,
    "an item too few or twice": _drop_item,
    "thoughts with another record first": lambda true, chance: (
        f"<think>\n{_of_another(true, chance)}\n</think>\n" + _misread(true, chance)
    ),
    "two records": lambda true, chance: f"{json.dumps(true)}\n{_of_another(true, chance)}",
    "a key twice": lambda true, chance: json.dumps(true)[:-1] + ', "total": 1.0}',
    "the other currency": _with(currency=lambda true, chance: "USD" if true["currency"] == "EUR" else "EUR"),
    "no items": _with(items=lambda true, chance: []),
    "the total's sign": _with(total=lambda true, chance: -true["total"]),
    "net and total exchanged": _with(total=lambda true, chance: true["net"], net=lambda true, chance: true["total"]),
}
HARMLESS = {"more keys", "numbers as text"}
"""Lies that can be put right openly."""


@pytest.mark.slow
def test_no_wrong_record_of_a_lying_model_is_ok() -> None:
    """Of 500 documents, answered in 20 ways that are wrong, no record is ``ok`` unless it is the true one."""
    by_lie: dict[str, set[Status]] = {name: set() for name in LIES}
    said: list[str | Completion] = [""]
    engine = StandIn(lambda request: said[0])
    extractor = Extractor(engine, ALONE, parse_schema(SCHEMA), max_asks=2, most_images=2, check_sums=True)
    for number in range(500):
        true, name = make_record(number), list(LIES)[number % len(LIES)]
        said[0] = LIES[name](true, random.Random(f"lie {number}"))
        (result,) = extractor.read([load(make_lines(true))])
        by_lie[name].add(result.status)
        if result.status is Status.OK:
            assert record_in(result) == true, f"{name}: {result}"
        else:
            assert any(finding.severity is not Severity.INFO for finding in result.findings)
    for name, statuses in by_lie.items():
        assert (Status.OK in statuses) is (name in HARMLESS), name


def test_true_records_are_ok() -> None:
    """The same documents, answered truly: every record is ``ok``, asked for once, and every value has its place."""
    said = [""]
    engine = StandIn(lambda request: said[0])
    extractor = Extractor(engine, ALONE, parse_schema(SCHEMA), max_asks=2, most_images=2, check_sums=True)
    for number in range(200):
        true = make_record(number)
        said[0] = json.dumps(true)
        (result,) = extractor.read([load(make_lines(true))])
        assert (result.status, record_in(result), result.asks) == (Status.OK, true, 1), result.findings
        places = describe(result)["fields"].values()
        assert all(place["seen"] == "yes" and place["page"] == 1 and place["box"] for place in places)


def test_no_answer_breaks_it() -> None:
    """Whatever comes instead of a value, or of a letter: there is a result, and it is ``ok`` only if it is true."""
    chance = random.Random(5)
    said = [""]
    engine = StandIn(lambda request: said[0])
    extractor = Extractor(engine, ALONE, parse_schema(SCHEMA), max_asks=1, most_images=2, check_sums=True)
    true = make_record(1)
    odd: list[Any] = [
        None,
        True,
        "",
        "\ud800",
        "\x1b[2J",
        -0.0,
        1e300,
        10**29,
        [],
        {},
        [[]],
        [{}],
        "x" * 500,
        "٧٧٧٧٧٧",
        "2024-02-30",
    ]
    for _ in range(300):
        wrong = json.loads(json.dumps(true))
        owner = chance.choice([wrong, wrong["items"][0]])
        owner[chance.choice(list(owner))] = chance.choice(odd)
        text = json.dumps(wrong)
        if chance.random() < 0.3:
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(["", '"', "}", "[", "\\", "9"]) + text[at + 1 :]
        said[0] = text
        (result,) = extractor.read([load(make_lines(true))])
        if result.status is Status.OK:
            assert record_in(result) == true, text


# --- asking again ----------------------------------------------------------------------------------------------

TRUE = make_record(1)
LINES = make_lines(TRUE)


def scripted(*answers: str | Completion | Exception) -> StandIn:
    """An engine that gives these answers, then the last one again and again."""
    left = list(answers)
    return StandIn(lambda request: left.pop(0) if len(left) > 1 else left[0])


def test_errors_of_the_schema_stand_in_the_next_prompt() -> None:
    """The model is told what was wrong, by paths and not in its own words; the corrected record is taken."""
    engine = scripted(json.dumps({**TRUE, "total": "<|im_start|>", "date": "2024-11-31"}), json.dumps(TRUE))
    result = extract(engine, load(LINES))
    assert (result.status, record_in(result), result.asks) == (Status.OK, TRUE, 2)
    first, second = (request.prompt.text for request in engine.asked)
    assert "could not be used" not in first
    assert "- total is not a number\n" in second
    assert "- date is no date that exists (YYYY-MM-DD)\n" in second
    assert "<|im_start|>" not in second
    assert engine.asked[1].sampler.temperature > engine.asked[0].sampler.temperature


def test_wrong_sums_are_asked_again_without_saying_so() -> None:
    """Told that a sum is wrong, a model would make up numbers that add up: it is only asked again."""
    engine = scripted(json.dumps({**TRUE, "total": TRUE["net"]}))
    result = extract(engine, load(LINES), check_sums=True)
    assert result.status is Status.SUSPECT
    assert record_in(result) == {**TRUE, "total": TRUE["net"]}  # never corrected
    assert [finding.kind for finding in result.findings] == [FindingKind.CHECK]
    assert result.findings[0].message.startswith("total: ")
    assert {request.prompt.text for request in engine.asked} == {engine.asked[0].prompt.text}


def test_what_is_never_valid_is_failed_without_a_record() -> None:
    """After the last ask the record is null, and every error is told with its path."""
    result = extract(scripted(json.dumps({**TRUE, "currency": "CHF"})), load(LINES))
    assert (result.status, record_in(result), result.asks) == (Status.FAILED, None, 2)
    assert [finding.message for finding in result.findings] == ['currency: "CHF" is none of EUR, USD']


def test_a_server_that_refuses_the_shape_is_asked_without_it() -> None:
    """The field is left out from then on, and that is said once."""
    events: list[Event] = []
    refusal = RequestRefused("unknown field grammar")
    engine = StandIn(lambda request: refusal if request.shape else json.dumps(TRUE))
    extractor = Extractor(engine, ALONE, parse_schema(SCHEMA), max_asks=2, most_images=2, observer=events.append)
    assert [extractor.read([load(LINES)])[0].status for _ in range(2)] == [Status.OK, Status.OK]
    assert len(engine.asked) == 3
    assert len([event for event in events if isinstance(event, Notice)]) == 1


def test_failures_of_the_server_are_told() -> None:
    """An unusable answer is asked again; a refused request is not."""
    assert extract(scripted(AnswerUnusable("null"), json.dumps(TRUE)), load(LINES)).status is Status.OK
    refused = extract(scripted(RequestRefused("too large")), load(LINES), is_enforced=False)
    assert (refused.status, refused.asks, record_in(refused)) == (Status.FAILED, 1, None)


def test_a_picture_that_was_not_used_gives_no_record() -> None:
    """Token counts show that the server dropped the picture: whatever it answers is not about the page."""
    result = extract(scripted(Completion(json.dumps(TRUE), FinishReason.STOP, 20, 20, 10)), load(None))
    assert (result.status, record_in(result)) == (Status.FAILED, None)


def test_pages_of_which_nothing_is_known_are_not_accused() -> None:
    """Without text layer and second reader values are unchecked, not absent."""
    result = extract(scripted(json.dumps(TRUE)), load(None))
    assert result.status is Status.OK
    assert {place["seen"] for place in describe(result)["fields"].values()} == {"unchecked"}


def test_blank_and_unreadable_documents() -> None:
    """They are not asked for."""
    engine = scripted("")
    blank = load(None)
    blank = replace(blank, images=tuple(replace(image, blank=True) for image in blank.images))
    assert extract(engine, blank).status is Status.BLANK
    broken = extract(engine, Loaded(blank.page, error=DocumentError("it is broken")))
    assert (broken.status, record_in(broken)) == (Status.FAILED, None)
    assert not engine.asked


# --- several pages ---------------------------------------------------------------------------------------------

HEADED = record_of(vendor=TEXT, total=NUMBER, items={"type": "array", "items": record_of(name=TEXT, price=NUMBER)})


def items(*numbers: int) -> list[Record]:
    """Items called after numbers."""
    return [{"name": f"Item {number}", "price": number + 0.5} for number in numbers]


PAGES = [
    ["Vendor Harbour", "Item 1 1.50", "Item 2 2.50"],
    ["Item 3 3.50"],
    ["Item 4 4.50"],
    ["Item 5 5.50", "Total 17.50"],
]
PARTS: list[Record] = [
    {"vendor": "Harbour", "total": None, "items": items(1, 2, 3)},
    {"vendor": None, "total": 17.5, "items": items(4, 5)},
]


def page_numbers(request: Request) -> list[int]:
    """The pages that a request shows."""
    return [image.page.number for image in request.prompt.images]


def test_all_pages_share_a_request_where_they_fit() -> None:
    """A document of as many pages as the server takes images is asked for once, without page marks."""
    whole = {"vendor": "Harbour", "total": 1.5, "items": items(1)}
    engine = scripted(json.dumps(whole))
    result = extract(engine, load(["Harbour Item 1"], ["1.50"]), HEADED)
    assert (result.status, record_in(result)) == (Status.OK, whole)
    assert [page_numbers(request) for request in engine.asked] == [[1, 2]]
    assert "=== PAGE" not in engine.asked[0].prompt.text
    assert describe(result)["pages"] == [1, 2]
    assert describe(result)["fields"]["total"]["page"] == 2


def test_more_pages_are_asked_for_in_groups_and_merged() -> None:
    """Each group may leave any value out; the merged record is whole, and is judged by the user's own schema."""
    engine = StandIn(lambda request: json.dumps(PARTS[page_numbers(request)[0] // 2]))
    result = extract(engine, load(*PAGES), HEADED, check_sums=True)
    assert [page_numbers(request) for request in engine.asked] == [[1, 2], [3, 4]]
    assert record_in(result) == {"vendor": "Harbour", "total": 17.5, "items": items(1, 2, 3, 4, 5)}
    assert result.status is Status.OK
    shape = engine.asked[0].shape
    assert shape is not None
    assert {"type": "null"} in json.loads(shape.schema)["properties"]["vendor"]["anyOf"]


def test_conflicts_between_pages_are_findings() -> None:
    """The first value counts, the other is kept beside it, and the record is suspect."""
    parts: list[Record] = [PARTS[0], {**PARTS[1], "vendor": "Item"}]
    engine = StandIn(lambda request: json.dumps(parts[page_numbers(request)[0] // 2]))
    result = extract(engine, load(*PAGES), HEADED)
    line = describe(result)
    assert (line["status"], line["record"]["vendor"], line["alternatives"]) == (
        "suspect",
        "Harbour",
        {"vendor": ["Item"]},
    )
    assert [finding["message"] for finding in line["findings"]] == ["vendor: the pages give different values"]


def test_a_repeat_over_the_break_is_left_out_once_and_told() -> None:
    """Items that end one group and begin the next are suspect: they may be one, or two."""
    parts = [{**PARTS[0], "items": items(1, 2)}, {**PARTS[1], "items": items(2, 4, 5)}]
    engine = StandIn(lambda request: json.dumps(parts[page_numbers(request)[0] // 2]))
    pages = [*PAGES[:2], ["Item 2 2.50", *PAGES[2]], PAGES[3]]
    result = extract(engine, load(*pages), HEADED)
    found = record_in(result)
    assert found is not None
    assert found["items"] == items(1, 2, 4, 5)
    assert (result.status, [finding.kind for finding in result.findings]) == (Status.SUSPECT, [FindingKind.CONFLICT])


def test_pages_without_an_answer_make_the_record_suspect() -> None:
    """What the other pages say is kept."""
    engine = StandIn(
        lambda request: "nothing" if page_numbers(request)[0] == 1 else json.dumps({**PARTS[1], "vendor": "Item"})
    )
    result = extract(engine, load(*PAGES), HEADED)
    assert (result.status, record_in(result)) == (Status.SUSPECT, {**PARTS[1], "vendor": "Item"})


def test_a_merged_record_that_is_not_whole_is_failed() -> None:
    """A required value that no page gives is an error, however good the parts are."""
    engine = StandIn(lambda request: json.dumps({**PARTS[page_numbers(request)[0] // 2], "vendor": None}))
    result = extract(engine, load(*PAGES), HEADED)
    assert (result.status, record_in(result)) == (Status.FAILED, None)
    assert any(finding.message.startswith("vendor: null is not a text") for finding in result.findings)


def cut_answer(limit: int) -> Completion:
    """An answer that reached its limit."""
    return Completion('{"vendor": "Harb', FinishReason.LENGTH, 220, 20, limit)


def test_a_cut_answer_gets_more_tokens_where_the_context_has_room() -> None:
    """The same pages are asked for again with a higher limit."""
    whole = {"vendor": "Harbour", "total": 1.5, "items": items(1)}
    engine = StandIn(
        lambda request: json.dumps(whole) if request.max_length > 500 else cut_answer(request.max_length), context=4096
    )
    result = extract(engine, load(["Harbour Item 1"], ["1.50"]), HEADED)
    assert result.status is Status.OK
    assert [request.max_length for request in engine.asked] == [500, 1000]


def test_a_cut_answer_is_asked_for_by_half_the_pages_where_it_has_none() -> None:
    """Nothing is closed silently: fewer pages have shorter records."""
    halves = {
        1: {"vendor": "Harbour", "total": None, "items": items(1)},
        2: {"vendor": None, "total": 1.5, "items": []},
    }

    def answer(request: Request) -> str | Completion:
        numbers = page_numbers(request)
        return cut_answer(500) if len(numbers) > 1 else json.dumps(halves[numbers[0]])

    engine = StandIn(answer, context=700)
    result = extract(engine, load(["Harbour Item 1 1.50"], ["1.50"]), HEADED)
    assert [page_numbers(request) for request in engine.asked] == [[1, 2], [1], [2]]
    assert (result.status, record_in(result)) == (Status.OK, {"vendor": "Harbour", "total": 1.5, "items": items(1)})


def test_large_pictures_do_not_share_a_request() -> None:
    """A request never becomes larger than the server takes."""
    engine = StandIn(lambda request: json.dumps(PARTS[0]))
    engine.server = replace(engine.server, max_body=1000)
    loaded = load(*PAGES[:2])
    large: list[PageImage] = [replace(image, data=b"x" * 500) for image in loaded.images]
    extract(engine, replace(loaded, images=tuple(large)), HEADED)
    assert {len(request.prompt.images) for request in engine.asked} == {1}


@pytest.mark.parametrize("name", ["prompt", "{{page}} of {{document}}"])
def test_keys_with_braces_are_no_placeholders(name: str) -> None:
    """Whatever a schema's keys and descriptions are, they reach the model as they are."""
    schema = record_of(True, **{name: {**TEXT, "description": "{{language}} {{x}}"}})
    engine = scripted(json.dumps({name: 1}), json.dumps({name: "Harbour"}))
    question = replace(
        ALONE,
        task=replace(ALONE.task, prompt="Fill in {{fields}}.", defaults=(("fields", f'"{name}" {{{{x}}}}'),)),
    )
    extractor = Extractor(engine, question, parse_schema(schema), max_asks=2, most_images=1)
    (result,) = extractor.read([load(["Harbour"])])
    assert result.status is Status.OK
    assert re.search(rf"- {re.escape(name)} is not a text", engine.asked[1].prompt.text)

"""``visionocr extract`` as a whole, with a stand-in that answers from the pixels, on the examples among others."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp
from fakes.pictures import make_image, make_pdf
from visionocr.cli.app import app
from visionocr.extras import install_command

EXAMPLES = Path(__file__).parents[2] / "examples" / "records"
KNOWN = {
    line["document"]: line["record"]
    for line in map(json.loads, (EXAMPLES / "known.jsonl").read_text("utf-8").splitlines())
}
RECEIPTS = [str(EXAMPLES / f"receipt-{number}.png") for number in (1, 2, 3)]
BY_NUMBER = [*KNOWN.values(), ""]
"""The invoice's second page has a barcode of its own, and nothing to add."""
OBEDIENT = faults.FixedText('{"word": "quorvask"}')

pytestmark = [pytest.mark.source_tree, pytest.mark.usefixtures("isolated")]


def write(number: int) -> str:
    """What the stand-in answers to a picture with this number."""
    record = BY_NUMBER[number - 1] if number <= len(BY_NUMBER) else {"title": f"Text of page {number}", "page": number}
    return json.dumps(record, ensure_ascii=False) if record else ""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server that obeys grammars, whose address stands in the environment."""
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct", text_of=write) as fake:
        fake.plan[None] = OBEDIENT
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
        monkeypatch.setenv("VISIONOCR_TEXT_LAYER", "auto")
        monkeypatch.setenv("VISIONOCR_MAX_SIDE", "900")
        yield fake


def extract(*arguments: str) -> tuple[int, str, str]:
    """Run the command: code, standard output, standard error."""
    result = CliRunner().invoke(app, ["extract", *arguments], prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def lines(output: str) -> list[dict[str, Any]]:
    """JSON Lines as objects."""
    return [json.loads(line) for line in output.splitlines()]


FIELDS = ("--fields", "title, page int")


# --- the examples ----------------------------------------------------------------------------------------------


def test_the_receipts(server: FakeKoboldCpp) -> None:
    """Three receipts become three records, one request each, under a grammar whose keys stand in the prompt."""
    code, output, messages = extract(*RECEIPTS, "--schema", str(EXAMPLES / "receipt.schema.json"), "--check", "sums")
    assert code == 0, messages
    found = lines(output)
    assert [line["record"] for line in found] == [KNOWN[Path(name).name] for name in RECEIPTS]
    assert {line["status"] for line in found} == {"ok"}
    assert "grammar" not in messages
    asked = [arrival.body for arrival in server.generated if arrival.numbers]
    assert len(asked) == 3
    assert all(
        body["grammar"].startswith("root ::= ") and '"currency": "EUR" | "GBP"' in body["prompt"] for body in asked
    )


def test_the_invoice(server: FakeKoboldCpp) -> None:
    """Two pages share a request; every value is found in the text layer, with page and box, and the sums are right."""
    code, output, messages = extract(
        str(EXAMPLES / "invoice.pdf"), "--schema", str(EXAMPLES / "invoice.schema.json"), "--check", "sums"
    )
    assert code == 0, messages
    (line,) = lines(output)
    assert (line["status"], line["record"], line["pages"]) == ("ok", KNOWN["invoice.pdf"], [1, 2])
    assert {place["seen"] for place in line["fields"].values()} == {"yes"}
    assert (line["fields"]["number"]["page"], line["fields"]["total"]["page"]) == (1, 2)
    assert line["fields"]["total"]["text"].startswith("Total EUR")
    assert [arrival.numbers for arrival in server.generated if arrival.numbers] == [(4, 5)]


@pytest.mark.slow
def test_receipts_are_read_a_second_time_however_quick_the_server_is(
    server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures have no text layer: the embedded engine looks for each value, and finds out a wrong one."""
    monkeypatch.delenv("VISIONOCR_CROSS_CHECK")
    monkeypatch.delenv("VISIONOCR_MAX_SIDE")
    number = next(at for at, record in enumerate(BY_NUMBER, 1) if record == KNOWN[Path(RECEIPTS[1]).name])
    server.plan[number] = faults.FixedText(json.dumps({**BY_NUMBER[number - 1], "total": 9999.99}))
    code, output, messages = extract(*RECEIPTS, "--schema", str(EXAMPLES / "receipt.schema.json"), "--strict")
    assert code == 7, messages
    assert [line["status"] for line in lines(output)] == ["ok", "suspect", "ok"]
    assert "unchecked" not in {field["seen"] for line in lines(output) for field in line["fields"].values()}


def test_a_wrong_total_is_suspect_with_the_field_named(server: FakeKoboldCpp) -> None:
    """A number that is not on the page is found out, kept as it is, and shows in the exit code under ``--strict``."""
    wrong = {**KNOWN["invoice.pdf"], "total": 9999.99}
    server.plan[4] = faults.FixedText(json.dumps(wrong))
    arguments = (str(EXAMPLES / "invoice.pdf"), "--schema", str(EXAMPLES / "invoice.schema.json"))
    code, output, _ = extract(*arguments, "--strict")
    (line,) = lines(output)
    assert (code, line["status"], line["record"], line["asks"]) == (7, "suspect", wrong, 3)
    assert [one["message"] for one in line["findings"]] == ["total: its value is not on the page"]
    assert extract(*arguments)[0] == 0


def test_the_receipts_as_a_table(server: FakeKoboldCpp) -> None:
    """A row an item, with the receipt's own fields repeated, and numbers that spreadsheets read."""
    code, output, _ = extract(*RECEIPTS, "--schema", str(EXAMPLES / "receipt.schema.json"), "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(output)))
    assert (code, len(rows)) == (0, 7)
    assert rows[6]["items.amount"] == "-89.95"
    assert [row["shop"] for row in rows[:3]] == ["Green Lantern Books"] * 2 + ["Bäckerei Morgenrot"]
    assert list(rows[0])[:2] == ["document", "pages"]
    assert list(rows[0])[-2:] == ["status", "findings"]


def test_the_examples_can_be_made_again(tmp_path: Path) -> None:
    """The script makes the same records and schemas."""
    import subprocess

    script = EXAMPLES.parent / "make_records.py"
    subprocess.run([sys.executable, str(script), "--out", str(tmp_path)], check=True)
    for name in ("known.jsonl", "receipt.schema.json", "invoice.schema.json"):
        assert (tmp_path / name).read_text("utf-8") == (EXAMPLES / name).read_text("utf-8")


@pytest.mark.slow
def test_the_second_reader_finds_the_receipts_values(server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the embedded engine beside it, every value of the pictures is looked for, and a wrong one found out."""
    pytest.importorskip("faster_paddle")
    monkeypatch.setenv("VISIONOCR_CROSS_CHECK", "on")
    server.plan[2] = faults.FixedText(json.dumps({**KNOWN["receipt-2.png"], "total": 21.5}))
    code, output, messages = extract(
        *RECEIPTS, "--schema", str(EXAMPLES / "receipt.schema.json"), "--max-asks", "1", "--max-side", "1400"
    )
    found = lines(output)
    assert (code, [line["status"] for line in found]) == (0, ["ok", "suspect", "ok"]), messages
    assert found[1]["fields"]["total"]["seen"] == "absent"


# --- the run -----------------------------------------------------------------------------------------------------


def test_an_ignored_grammar_is_said_and_records_are_checked(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A server that ignores the grammar gives records that are validated like any other."""
    del server.plan[None]
    make_image(tmp_path / "a.png", 11)
    make_image(tmp_path / "b.png", 12)
    server.plan[12] = faults.FixedText("The title is Text of page 12.")
    code, output, messages = extract("a.png", "b.png", *FIELDS)
    assert "ignores the grammar" in messages
    assert [(line["status"], line["record"]) for line in lines(output)] == [
        ("ok", {"title": "Text of page 11", "page": 11}),
        ("failed", None),
    ]
    assert code == 7


@pytest.mark.parametrize("wrap", [faults.Fence("json"), faults.Preamble("Here is the record:"), faults.Think()])
def test_what_stands_around_a_record_is_seen_through(
    server: FakeKoboldCpp, tmp_path: Path, wrap: faults.OutputFault
) -> None:
    """Fenced, announced, thought about first."""
    make_image(tmp_path / "a.png", 11)
    server.plan[11] = wrap
    code, output, _ = extract("a.png", *FIELDS, "--bare")
    assert (code, output) == (0, '{"title": "Text of page 11", "page": 11}\n')


def test_a_record_a_page(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """``--per page`` makes a record of each page."""
    make_pdf(tmp_path / "a.pdf", numbers=[11, 12, 13])
    code, output, _ = extract("a.pdf", *FIELDS, "--per", "page", "--pages", "1,3")
    assert code == 0
    assert [(line["pages"], line["record"]["page"]) for line in lines(output)] == [([1], 11), ([3], 13)]


@pytest.mark.slow
def test_an_unfinished_run_is_gone_on_with(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """What was found is not asked for again; what failed is, on request."""
    for number in (11, 12, 13):
        make_image(tmp_path / f"{number}.png", number)
    arguments = ("11.png", "12.png", "13.png", *FIELDS, "-o", "out.jsonl")
    server.plan[12] = faults.FixedText("nothing")
    assert extract(*arguments)[0] == 7
    del server.plan[12]
    before = len(server.generated)
    code, _, messages = extract(*arguments, "--redo", "failed")
    assert code == 0, messages
    assert [arrival.numbers for arrival in server.generated[before:] if arrival.numbers] == [(12,)]
    assert [line["record"]["page"] for line in lines(Path("out.jsonl").read_text("utf-8"))] == [11, 12, 13]
    server.plan[ANY] = faults.FixedText("nothing")
    assert extract("11.png", "--fields", "title", "-o", "out.jsonl")[0] == 7  # another schema: nothing is reused


def test_a_folder_of_records(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """One file a document; what is complete is not asked for again, in another format it is taken from the journal."""
    os.mkdir("in")
    make_image(tmp_path / "in" / "a.png", 11)
    make_pdf(tmp_path / "in" / "b.pdf", numbers=[12])
    assert extract("-r", "in", *FIELDS, "-o", "out/")[0] == 0
    assert sorted(path.name for path in Path("out").glob("*.jsonl")) == ["a.jsonl", "b.jsonl"]
    before = [arrival.numbers for arrival in server.generated if arrival.numbers]
    assert sorted(before) == [(11,), (12,)]
    assert extract("-r", "in", *FIELDS, "-o", "out/")[0] == 0
    assert extract("-r", "in", *FIELDS, "-o", "out/", "-f", "csv")[0] == 0
    assert sorted(path.name for path in Path("out").glob("*.csv")) == ["a.csv", "b.csv"]
    assert [arrival.numbers for arrival in server.generated if arrival.numbers] == before


def test_several_servers_share_the_documents(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """All are tested for obedience, and each does a part."""
    server.service_seconds = 0.05
    for number in range(11, 19):
        make_image(tmp_path / f"{number}.png", number)
    with FakeKoboldCpp(model="Qwen2.5-VL-7B-Instruct", text_of=write, service_seconds=0.05) as other:
        code, output, messages = extract(
            *(f"{number}.png" for number in range(11, 19)),
            *FIELDS,
            *("--api-url", server.url, "--api-url", other.url),
        )
        assert f"{other.url} ignores the grammar" in messages
        assert f"{server.url} ignores" not in messages
        assert all(any(arrival.numbers for arrival in one.generated) for one in (server, other))
    assert (code, [line["record"]["page"] for line in lines(output)]) == (0, list(range(11, 19)))


def test_dry_run_asks_for_no_page(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """It shows documents, task and images."""
    make_pdf(tmp_path / "a.pdf", numbers=[11, 12])
    code, output, _ = extract("a.pdf", *FIELDS, "--dry-run")
    assert code == 0
    assert "read     a.pdf: 2 pages\n" in output
    assert "task     extract" in output
    assert not any(arrival.numbers for arrival in server.generated)


def test_documents_that_cannot_be_read(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """A missing file is told with code 4; a document of too many pages with what to do."""
    make_pdf(tmp_path / "long.pdf", numbers=[None] * 65)
    code, output, messages = extract("missing.pdf", "long.pdf", *FIELDS)
    assert code == 4
    assert [(line["status"], line["record"]) for line in lines(output)] == [("failed", None)] * 2
    assert "long.pdf has more than 64 pages" in messages


# --- without a server ------------------------------------------------------------------------------------------


def test_show_grammar(tmp_path: Path) -> None:
    """The grammar, the schema that is sent, and each keyword that is only checked, without files and server."""
    schema = {"type": "object", "properties": {"total": {"type": "number", "minimum": 0, "multipleOf": 0.01}}}
    (tmp_path / "s.json").write_text(json.dumps(schema))
    code, output, messages = extract("--schema", "s.json", "--show-grammar")
    assert (code, messages) == (0, "")
    assert output.startswith("root ::= ")
    assert output.endswith("# only checked: total: minimum\n# only checked: total: multipleOf\n")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "give either --schema or --fields"),
        (("--fields", "a", "--schema", "s.json"), 2, "give either --schema or --fields"),
        (("--fields", "a money"), 2, "unknown type 'money'"),
        (("--fields", "a", "--rows", "b"), 2, "--rows needs -f csv"),
        (("--fields", "a[]: b; c[]: d", "-f", "csv"), 2, "several lists of records (a, c)"),
        (("--schema", "missing.json"), 3, "cannot read the schema missing.json"),
        (("--schema", "broken.json"), 3, "is not JSON"),
        (("--schema", "remote.json"), 3, "leads out of the schema, and is not followed"),
        (("--schema", "wrong.json"), 3, "the schema is wrong"),
        (("--fields", "a", "--check", "sums"), 3, "no fields whose sums are known"),
        (("--fields", "a", "--check", "everything"), 2, "everything"),
        (("--fields", "a", "--prompt", "{{nonsense}}"), 3, "unknown placeholder"),
        (("--fields", "a", "--api-url", "local:"), 5, "only reads text: it cannot fill in a record"),
        (("--fields", "a", "-o", "s.json", "--schema", "s.json"), 2, "give either"),
        (("--schema", "s.json", "-o", "s.json"), 2, "--output s.json is the file of --schema"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    """Before any server is asked, with the right code; the embedded engine is refused with what to use instead."""
    make_image(tmp_path / "a.png", 1)
    remote = {"type": "object", "properties": {"a": {"$ref": "http://198.51.100.1/a.json"}}}
    wrong = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    good = {"type": "object", "properties": {"a": {"type": "string"}}}
    for name, schema in {"remote": remote, "wrong": wrong, "s": good}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(schema))
    (tmp_path / "broken.json").write_text("{")
    found, output, messages = extract("a.png", *arguments)
    assert (found, output) == (code, ""), messages
    assert words in messages
    assert "Traceback" not in messages


def test_jsonschema_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the extra the command says what to install; nothing else of the program needs it."""
    make_image(tmp_path / "a.png", 1)
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    code, _, messages = extract("a.png", *FIELDS)
    assert code == 3
    assert install_command("extract") in messages


def test_a_prompt_of_the_users_own(server: FakeKoboldCpp, tmp_path: Path) -> None:
    """The keys always stand in the prompt, where it names their place or at its end."""
    make_image(tmp_path / "a.png", 11)
    for prompt in ("Fill {{fields}} in.", "Read the title."):
        assert extract("a.png", *FIELDS, "--prompt", prompt)[0] == 0
        said = server.generated[-1].body["prompt"]
        assert '"title": <text> or null,' in said
        assert prompt.split("{")[0].strip() in said

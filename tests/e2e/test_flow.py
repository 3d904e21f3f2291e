"""From documents to results, with a server that fails in every known way."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, fixed, page_text
from fakes.pictures import encode, make_frames, make_image, picture
from fakes.pictures import make_pdf as pdf_file
from setting_samples import UNCHECKED
from states import read_state
from visionocr import PageResult, Status, transcribe
from visionocr.cli.app import app
from visionocr.errors import ServerError, UsageError
from visionocr.output.formats import record
from visionocr.types import Answered, Asked, Event, FindingKind, Retrying, Severity

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
LIMIT = 1500
"""Tokens of an answer: enough to tell a loop from a table, and quickly reached by a model that does not stop."""
Damaged = tuple[int, str, list[dict[str, Any]], str]


@pytest.fixture(autouse=True, scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Like ``isolated`` of conftest, but for all tests of this file, with small pictures and short answers."""
    home = str(tmp_path_factory.mktemp("home"))
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("VISIONOCR_")]:
            patch.delenv(name)
        patch.setenv("XDG_CONFIG_HOME", home)
        patch.setenv("HOME", home)
        patch.setenv("VISIONOCR_MAX_SIDE", "500")
        for name, value in UNCHECKED.items():
            patch.setenv(name, value)
        patch.setenv("VISIONOCR_MAX_LENGTH", str(LIMIT))
        yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


@pytest.fixture(autouse=True)
def in_tmp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in the test's own folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKoboldCpp]:
    """A server with a known model, whose address stands in the environment; pages are rendered in this process."""
    with FakeKoboldCpp(model=MODEL) as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")  # saves the start of a process
        monkeypatch.setenv("VISIONOCR_WAIT_SERVER", "0")
        yield fake
        assert not fake.reused_keys
        assert not fake.keyless_aborts


@pytest.fixture
def raster_processes(server: FakeKoboldCpp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Render in processes, as the program does by default."""
    monkeypatch.delenv("VISIONOCR_RASTER_WORKERS")


@pytest.fixture
def sequential_requests(server: FakeKoboldCpp) -> None:
    """Make requests arrive in page order: pages are rendered one by one and take their time at the server."""
    server.service_seconds = 0.1


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    result = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


# --- all failures in one run -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """A server's behaviour for a page, and the expected result."""

    plan: Any
    status: Status
    finding: FindingKind | None = None
    asks: int = 1
    retries: int = 0


BAD: dict[str, Scenario] = {
    "empty": Scenario(faults.Empty(), Status.FAILED, FindingKind.EMPTY, 3),
    "nothing generated": Scenario(faults.AbortedInQueue(), Status.FAILED, FindingKind.SERVER, 3),
    "engine error": Scenario(faults.EngineError(), Status.FAILED, FindingKind.SERVER, 3),
    # Between slow ones, as all are in reality: what a server says of its last generation is asked for when it has
    # the next at work.
    "loop of words": Scenario(faults.Loop("words", of=faults.Slow(0.2)), Status.SUSPECT, FindingKind.REPETITION, 3),
    "aborted by a stranger": Scenario(faults.Aborted(), Status.SUSPECT, FindingKind.INTERRUPTED, 3),
    "loop of lines": Scenario(faults.Loop("lines", of=faults.Slow(0.2)), Status.SUSPECT, FindingKind.REPETITION, 3),
    "loop of rows": Scenario(faults.Loop("rows"), Status.SUSPECT, FindingKind.REPETITION, 3),
    "cut off": Scenario(faults.Truncated(), Status.SUSPECT, FindingKind.TRUNCATED, 3),
    "refusal": Scenario(
        faults.FixedText("I'm sorry, but I can't help with that."), Status.FAILED, FindingKind.REFUSAL, 3
    ),
    "prompt comes back": Scenario(faults.Echo(), Status.FAILED, FindingKind.PROMPT_ECHO, 3),
    "picture ignored": Scenario(faults.ImageIgnored(), Status.FAILED, FindingKind.IMAGE_NOT_USED, 3),
    "endless thinking": Scenario(faults.Think(closed=False), Status.FAILED, FindingKind.EMPTY, 3),
    "null": Scenario(faults.Null(), Status.FAILED, FindingKind.SERVER, 3),
    "half JSON": Scenario(faults.NotJson(), Status.FAILED, FindingKind.SERVER, 3),
    "no UTF-8": Scenario(faults.NotUtf8(), Status.FAILED, FindingKind.SERVER, 3),
    "web page": Scenario(faults.Html(), Status.FAILED, FindingKind.SERVER, 3),
    "server error": Scenario(faults.Raw(500, b"oops"), Status.FAILED, FindingKind.SERVER, 3),
    "refused request": Scenario(faults.Raw(400, b"{}"), Status.FAILED, FindingKind.SERVER, 1),
    "wrong shape": Scenario(faults.WRONG_TYPES[3], Status.FAILED, FindingKind.SERVER, 3),
    "closed connection": Scenario(faults.Closed(), Status.FAILED, FindingKind.SERVER, 3),
    "reset connection": Scenario(faults.Reset(), Status.FAILED, FindingKind.SERVER, 3),
    # Its model is not known to think, so it might be the page's own text.
    "unexpected thinking": Scenario(faults.Think(), Status.SUSPECT, FindingKind.REMOVED_TEXT, 3),
    "half an answer": Scenario(faults.CutBody(), Status.FAILED, FindingKind.SERVER, 3),
}
HEALED: dict[str, Scenario] = {
    "busy at first": Scenario([faults.Busy()], Status.OK, retries=1),
    "empty at first": Scenario([faults.Empty()], Status.OK, asks=2),
    "null at first": Scenario([faults.Null()], Status.OK, asks=2),
    "loop at first": Scenario([faults.Loop()], Status.OK, asks=2),
    "reset at first": Scenario([faults.Reset()], Status.OK, asks=2),
    "half at first": Scenario([faults.CutBody()], Status.OK, asks=2),
    "blind at first": Scenario([faults.ImageIgnored()], Status.OK, asks=2),
    "polite": Scenario(faults.Preamble(), Status.OK),
    "fenced": Scenario(faults.Fence(), Status.OK),
    "both of these": Scenario(faults.Preamble(of=faults.Fence()), Status.OK),
}
PAGES = 40


def scenarios_by_page() -> dict[int, tuple[str, Scenario]]:
    """The scenarios by page number, with good pages between them."""
    stories = [*BAD.items(), *HEALED.items()]
    return dict(enumerate(stories, PAGES - len(stories)))


@pytest.fixture(scope="module")
def damaged_run(tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    """One run over forty pages with every failure, in two formats: code, Markdown, records, standard error."""
    folder = tmp_path_factory.mktemp("damaged")
    pdf_file(folder / "a.pdf", PAGES)
    arguments = ["pdf", str(folder / "a.pdf")]
    outcomes = []
    for form in ("md", "jsonl"):
        with FakeKoboldCpp(model=MODEL) as fake:
            for number, (_, story) in scenarios_by_page().items():
                fake.plan[number] = list(story.plan) if isinstance(story.plan, list) else story.plan
            output = folder / f"out.{form}"
            code, out, err = command(*arguments, "-f", form, "-o", str(output), "--api-url", fake.url)
            assert out == ""
            assert fake.most_at_once == 2  # one at work, one at hand
            outcomes.append((code, output.read_text("utf-8"), err))
    assert outcomes[0][0] == outcomes[1][0]
    return (*outcomes[0][:2], [json.loads(line) for line in outcomes[1][1].splitlines()], outcomes[1][2])


@pytest.mark.slow
def test_a_run_with_failures_is_code_7(damaged_run: Damaged) -> None:
    """A run with failed pages goes to its end and exits with code 7."""
    code, _, _, err = damaged_run
    assert code == 7
    bad = [story.status for story in BAD.values()]
    good = PAGES - len(bad)
    counts = f"{good} ok, {bad.count(Status.SUSPECT)} suspect, {bad.count(Status.FAILED)} failed"
    assert f"{PAGES} pages: {counts}; " in err


@pytest.mark.slow
def test_every_page_is_there_once_in_order(damaged_run: Damaged) -> None:
    """No page is lost, duplicated or moved, in Markdown and in JSON."""
    _, text, records, _ = damaged_run
    numbers = [int(number) for number in re.findall(r'^<!-- visionocr page="(\d+)"', text, re.MULTILINE)]
    assert numbers == [record["page"] for record in records] == list(range(1, PAGES + 1))


@pytest.mark.slow
def test_every_page_has_its_own_text(damaged_run: Damaged) -> None:
    """A page that was read has its own whole text; a failed one has no other page's text."""
    _, text, records, _ = damaged_run
    sections = re.split(r"^<!-- visionocr [^\n]* -->\n", text, flags=re.MULTILINE)[1:]
    stories = scenarios_by_page()
    for number, (section, entry) in enumerate(zip(sections, records, strict=True), 1):
        name, story = stories.get(number, ("good", Scenario(None, Status.OK)))
        whole = page_text(number)
        if story.status is Status.OK:
            assert section.strip() == entry["text"] == whole, name
        elif story.status is Status.SUSPECT:
            assert section.strip() == entry["text"].strip(), name
            assert entry["text"].startswith(f"Text of page {number}:"), name
        else:
            assert entry["text"] == "", name
            assert f"Page {number} of " in section, name
            assert "could not be read: " in section, name
        others = set(re.findall(r"(?:Text of|Here ends) page (\d+)", section)) - {str(number)}
        assert not others, name


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BAD, *HEALED])
def test_every_failure_is_reported(damaged_run: Damaged, name: str) -> None:
    """A page's record has status, finding, asks and retries; problems are in the file and on standard error."""
    _, text, records, err = damaged_run
    number, story = next((number, story) for number, (other, story) in scenarios_by_page().items() if other == name)
    entry = records[number - 1]
    assert (entry["status"], entry["asks"], entry["retries"]) == (story.status, story.asks, story.retries)
    if story.finding is None:
        assert entry["findings"] == []
        return
    assert story.finding in {finding["kind"] for finding in entry["findings"]}
    (told,) = [line for line in err.splitlines() if re.match(rf"page {number} of \S+: {story.status}: .+", line)]
    assert entry["findings"][0]["message"] in told
    assert re.search(rf'^<!-- visionocr page="{number}" status="{story.status}" findings="[^"]+" ', text, re.MULTILINE)


def test_other_refusals_are_recognized(server: FakeKoboldCpp) -> None:
    """Common phrases of refusal are not taken for a page's text."""
    server.plan[1] = faults.Refusal()
    (page,) = transcribe([pdf_file("a.pdf")])
    assert page.status is Status.FAILED


def test_a_model_that_thinks_is_not_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reasoning of a model that is known to think is taken out and mentioned, and asked for no more."""
    with FakeKoboldCpp(model="Qwen3-VL-8B-Thinking-Q4_K_M") as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        fake.plan[1] = faults.Think(of=faults.Preamble(of=faults.Fence()))
        (page,) = transcribe([pdf_file("a.pdf")])
    assert (page.status, page.asks, page.text) == (Status.OK, 1, page_text(1))
    assert (FindingKind.REMOVED_TEXT, Severity.INFO) in {(found.kind, found.severity) for found in page.findings}


@pytest.mark.parametrize(
    ("answer", "status", "kind"),
    [
        ("The image shows a page of printed text in two columns.", Status.SUSPECT, FindingKind.NOT_A_TRANSCRIPTION),
        ("&nbsp;<br>", Status.FAILED, FindingKind.EMPTY),
        ("First line.\n</think>\nSecond line.", Status.SUSPECT, FindingKind.NOT_A_TRANSCRIPTION),
    ],
)
def test_an_answer_that_is_no_text_is_asked_for_again(
    server: FakeKoboldCpp, answer: str, status: Status, kind: FindingKind
) -> None:
    """Answers about the page, those that show nothing, and leftovers of reasoning are asked for again, then marked."""
    server.plan[1] = faults.FixedText(answer)
    (page,) = transcribe([pdf_file("a.pdf")])
    assert (page.status, page.asks) == (status, 3)
    assert kind in {finding.kind for finding in page.findings}
    assert page.text == ("" if status is Status.FAILED else answer)


# --- batches -----------------------------------------------------------------------------------------------


def read(*files: str | Path, **settings: Any) -> tuple[list[PageResult], list[Event]]:
    """All results of the Python API, and the events on the way."""
    events: list[Event] = []
    return list(transcribe(files, observer=events.append, **settings)), events


@pytest.mark.slow
@pytest.mark.parametrize("batch", [2, 3, 4])
def test_batches_give_each_page_its_text(server: FakeKoboldCpp, batch: int) -> None:
    """Several pages share a request and its cost, each with its own text; the last request may have fewer."""
    results, _ = read(pdf_file("a.pdf", 7), batch=batch)
    assert [result.text for result in results] == [page_text(number) for number in range(1, 8)]
    requests = sorted(arrival.numbers for arrival in server.generated)  # two are under way at once
    assert [number for numbers in requests for number in numbers] == list(range(1, 8))
    assert [len(numbers) for numbers in requests] == [batch] * (7 // batch) + [7 % batch] * bool(7 % batch)
    spent = sum(result.completion_tokens or 0 for result in results)
    single, _ = read(Path("a.pdf"))
    assert spent < 1.2 * sum(result.completion_tokens or 0 for result in single)


@pytest.mark.parametrize("batch", [2, 3, 4])
@pytest.mark.parametrize("missing", [None, 1, 2])
def test_a_batch_without_marks_is_asked_page_by_page(server: FakeKoboldCpp, batch: int, missing: int | None) -> None:
    """Where a mark is missing each page is asked alone, and a message says so."""
    server.plan[1] = [faults.Unmarked(missing)]
    results, _ = read(pdf_file("a.pdf", batch), batch=batch)
    assert [result.text for result in results] == [page_text(number) for number in range(1, batch + 1)]
    assert all([finding.kind for finding in result.findings] == [FindingKind.MARKS] for result in results)
    assert all(result.status is Status.OK for result in results)
    assert [arrival.numbers for arrival in server.generated[1:]] == [(number,) for number in range(1, batch + 1)]


def test_a_bad_page_of_a_batch_is_asked_alone(server: FakeKoboldCpp) -> None:
    """The other pages of the batch are not asked again."""

    def text_of(number: int) -> str:
        return "I'm sorry, but I can't help with that." if number == 2 else page_text(number)

    server.text_of = text_of
    results, _ = read(pdf_file("a.pdf", 3), batch=3)
    assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
    assert (server.asked[1], server.asked[2], server.asked[3]) == (1, 3, 1)
    assert results[2].text == page_text(3)


def test_a_batch_fits_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that the context has no room for are not sent; a message says that the batch is smaller."""
    with FakeKoboldCpp(model="llava-v1.5-7b", context=2048, image_tokens=fixed(576)) as small:
        monkeypatch.setenv("VISIONOCR_API_URL", small.url)
        results, events = read(pdf_file("a.pdf", 4), batch=4, max_length=300)
        assert [result.text for result in results] == [page_text(number) for number in range(1, 5)]
        assert max(len(arrival.numbers) for arrival in small.generated) < 4
        assert all(arrival.seen == arrival.numbers for arrival in small.generated)
        assert any("pages per request" in getattr(event, "message", "") for event in events)


# --- retries and asks --------------------------------------------------------------------------------------


def test_a_busy_server_is_waited_for(server: FakeKoboldCpp) -> None:
    """The request is sent again with a new key and counted as a retry; the page counts as asked once."""
    server.plan[1] = [faults.Busy(2)]
    (result,), events = read(pdf_file("a.pdf"))
    assert (result.status, result.asks, result.retries) == (Status.OK, 1, 2)
    assert len([event for event in events if isinstance(event, Retrying)]) == 2
    bodies = [{**arrival.body, "genkey": ""} for arrival in server.generated]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len(set(server.genkeys)) == 3


def test_a_bad_answer_is_asked_again_with_other_sampling(server: FakeKoboldCpp) -> None:
    """Seed and temperature change, up to ``max_asks`` times; the observer gets the reason."""
    server.plan[1] = [faults.Empty(), faults.Loop()]
    (result,), events = read(pdf_file("a.pdf"), max_asks=4)
    assert (result.status, result.asks, result.text) == (Status.OK, 3, page_text(1))
    sent = [(arrival.body["sampler_seed"], arrival.body["temperature"]) for arrival in server.generated]
    assert len({seed for seed, _ in sent}) == 3
    assert [temperature for _, temperature in sent] == sorted(temperature for _, temperature in sent)
    asked = [event for event in events if isinstance(event, Asked)]
    assert [event.ask for event in asked] == [1, 2, 3]
    assert not asked[0].reason
    assert all(event.reason for event in asked[1:])


def test_a_page_is_read_twice_with_the_same_text(server: FakeKoboldCpp) -> None:
    """A preset whose general settings sample still reads greedily, so both runs ask the same and get the same."""
    for _ in range(2):
        (result,), _ = read(pdf_file("a.pdf"), preset="minicpm-v-2.6")
        assert result.text == page_text(1)
    first, second = ({**arrival.body, "genkey": ""} for arrival in server.generated)
    assert first == second
    assert (first["temperature"], first["rep_pen"]) == (0.0, 1.05)


def test_the_better_of_two_bad_answers_is_kept(server: FakeKoboldCpp) -> None:
    """The text of an interrupted answer is kept rather than an empty answer."""
    server.plan[1] = [faults.Aborted(30), faults.Empty(), faults.Empty()]
    (result,), _ = read(pdf_file("a.pdf"))
    assert (result.status, result.asks) == (Status.SUSPECT, 3)
    assert page_text(1).startswith(result.text)
    kinds = [finding.kind for finding in result.findings]
    assert kinds == [FindingKind.INTERRUPTED, FindingKind.MISSING_TEXT]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.77", "1.86", "1.99", "1.104", "1.110", "1.115.1"])
def test_old_and_new_servers(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Every version that counts its tokens gives the same text, and reveals when it ignores a picture."""
    with FakeKoboldCpp(model=MODEL, version=version) as fake:
        monkeypatch.setenv("VISIONOCR_API_URL", fake.url)
        monkeypatch.setenv("VISIONOCR_WAIT_SERVER", "0")
        fake.plan[2] = faults.ImageIgnored()
        results, _ = read(pdf_file("a.pdf", 3))
        assert [result.status for result in results] == [Status.OK, Status.FAILED, Status.OK]
        assert [result.text for result in results] == [page_text(1), "", page_text(3)]


# --- documents ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("raster_processes")
def test_pictures_of_all_kinds_in_one_run(server: FakeKoboldCpp) -> None:
    """Every format, turned, transparent, grey, coloured in other ways, of several frames: each is read upright."""
    expected: list[int] = []

    def add(make: Callable[[int], object], count: int = 1) -> None:
        make(len(expected) + 1)
        expected.extend(range(len(expected) + 1, len(expected) + 1 + count))

    for fmt in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
        add(lambda n, fmt=fmt: make_image(f"{n:02}.{fmt.lower()}", n, fmt))  # type: ignore[misc]
    for turned in range(2, 9):
        add(lambda n, turned=turned: make_image(f"{n:02}.jpg", n, "JPEG", exif=turned))  # type: ignore[misc]
    for mode in ("1", "L", "P", "I;16"):
        add(lambda n, mode=mode: make_image(f"{n:02}.png", n, "PNG", mode))  # type: ignore[misc]
    add(lambda n: make_image(f"{n:02}.jpg", n, "JPEG", "CMYK"))
    for mode in ("RGBA", "LA"):
        add(lambda n, mode=mode: make_image(f"{n:02}.png", n, "PNG", mode, transparent=True))  # type: ignore[misc]
    add(lambda n: make_frames(f"{n:02}.tiff", [n, n + 1, n + 2]), 3)
    add(lambda n: Path(f"{n:02}.pdf").write_bytes(encode(picture(n))))  # a picture with a wrong name
    files = [path.name for path in sorted(Path().iterdir()) if path.is_file()]
    code, out, err = command("image", *files, "-f", "jsonl", "-q")
    assert (code, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    assert [entry["text"] for entry in records] == [page_text(number) for number in expected]
    assert list(dict.fromkeys(entry["document"] for entry in records)) == files


@pytest.mark.parametrize(
    "options",
    [
        {"turned": 90},
        {"turned": 180},
        {"turned": 270},
        {"scanned": True},
        {"size": (842.0, 595.0)},
        {"size": (2400.0, 3400.0)},
    ],
)
def test_pdf_pages_of_all_kinds(server: FakeKoboldCpp, options: dict[str, Any]) -> None:
    """Turned, scanned, landscape and poster pages arrive upright and legible."""
    results, _ = read(pdf_file("a.pdf", 2, **options), max_side=1000)
    assert [result.text for result in results] == [page_text(1), page_text(2)]
    assert all(max(result.width, result.height) <= 1000 for result in results)


# --- the Python API ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_api_yields_what_the_command_writes(server: FakeKoboldCpp) -> None:
    """The API and the command give the same results in the same order."""
    server.plan[2], server.plan[3] = faults.Empty(), faults.Truncated()
    pdf_file("a.pdf", 4)
    make_image("c.png", 9)
    results, events = read("a.pdf", "none.pdf", "c.png", pages="1-3")
    code, out, _ = command("pdf", "a.pdf", "none.pdf", "c.png", "--pages", "1-3", "-f", "jsonl")
    assert code == 4

    def comparable(entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "seconds": 0}

    assert [comparable(record(result)) for result in results] == [
        comparable(json.loads(line)) for line in out.splitlines()
    ]
    answered = [event.result for event in events if isinstance(event, Answered)]
    assert sorted(answered, key=lambda result: (result.page.document, result.page.number)) == sorted(
        results, key=lambda result: (result.page.document, result.page.number)
    )


@pytest.mark.usefixtures("sequential_requests")
def test_the_api_yields_pages_as_they_are_read(server: FakeKoboldCpp) -> None:
    """The first page is yielded while the second is being read; closing the iterator stops the server."""
    server.plan[2] = faults.Hang()
    pages = transcribe([pdf_file("a.pdf", 5)])
    assert next(pages).text == page_text(1)
    server.wait_for(lambda: server.asked[3] == 1 and server.waiting == 1)
    keys = set(server.genkeys[-2:])
    pages.close()  # type: ignore[attr-defined]
    server.wait_for(lambda: server.running is None and not server.waiting)
    assert set(server.abort_keys) == keys
    assert server.asked[4] == 0


def test_the_api_takes_a_password_callback(server: FakeKoboldCpp) -> None:
    """A function gives passwords; without one an encrypted document is a failed result, not an exception."""
    pdf_file("a.pdf", 1, password="sesame")
    given = iter(["wrong", "sesame"])
    (result,) = transcribe(["a.pdf"], password=lambda _: next(given))
    assert result.text == page_text(1)
    (result,) = transcribe(["a.pdf"])
    assert (result.status, result.page.number) == (Status.FAILED, 0)
    assert result.findings[0].kind is FindingKind.UNREADABLE


def test_the_api_raises_errors_with_the_first_page(server: FakeKoboldCpp) -> None:
    """Invalid arguments and unsuitable servers are raised when the first page is asked for."""
    pdf_file("a.pdf")
    with pytest.raises(UsageError, match="not a page"):
        next(transcribe(["a.pdf"], pages="x"))
    server.vision = False
    with pytest.raises(ServerError, match="cannot see pictures"):
        next(transcribe(["a.pdf"]))


# --- a server that dies ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("sequential_requests")
def test_results_are_kept_when_the_server_dies(server: FakeKoboldCpp) -> None:
    """Code 5; the page is named, results are in the journal, an older output stays as it was."""
    server.plan[4] = faults.Die()
    pdf_file("a.pdf", 6)
    Path("out.md").write_text("yesterday")
    code, out, err = command("pdf", "a.pdf", "-o", "out.md")
    assert (code, out) == (5, "")
    pages = [(result.page.number, result.text) for result in read_state(Path("out.md.journal"))]
    assert pages == [(n, page_text(n)) for n in (1, 2, 3)]
    assert Path("out.md").read_text() == "yesterday"
    assert not Path("out.md.part").exists()
    lines = err.splitlines()
    assert any(line.startswith("page 4 of a.pdf: failed: ") for line in lines)
    assert "3 pages are in out.md.journal: repeat the command to go on" in lines
    assert lines[-2].startswith("error: ")
    assert "start it again" in lines[-1]


@pytest.mark.usefixtures("sequential_requests")
def test_standard_output_when_the_server_dies(server: FakeKoboldCpp) -> None:
    """The results are printed, the lost page is marked, and nothing follows it."""
    server.plan[3] = faults.Die()
    pdf_file("a.pdf", 6)
    code, out, _ = command("pdf", "a.pdf", "-f", "jsonl", "-q")
    assert code == 5
    records = [json.loads(line) for line in out.splitlines()]
    assert [entry["status"] for entry in records] == ["ok", "ok", "failed"]


@pytest.mark.usefixtures("sequential_requests")
def test_the_api_raises_when_the_server_dies(server: FakeKoboldCpp) -> None:
    """The results come first, the lost page among them, then the exception."""
    server.plan[3] = faults.Die()
    pages = transcribe([pdf_file("a.pdf", 6)])
    got = [next(pages) for _ in range(3)]
    assert [page.status for page in got] == [Status.OK, Status.OK, Status.FAILED]
    with pytest.raises(ServerError, match="became unreachable"):
        next(pages)


@pytest.mark.usefixtures("sequential_requests")
def test_finished_documents_stay_when_the_server_dies(server: FakeKoboldCpp) -> None:
    """In ``-o DIR/`` finished documents are in place; the other results are in the journal."""
    server.plan[3] = faults.Die()
    pdf_file("a.pdf", numbers=[1])
    pdf_file("b.pdf", numbers=[2, 3])
    code, _, err = command("pdf", "a.pdf", "b.pdf", "-o", "out/", "-q")
    assert code == 5
    assert {path.name for path in Path("out").glob("[!.]*")} == {"a.md"}
    assert "2 pages are in out/.visionocr.journal" in err


@pytest.mark.usefixtures("sequential_requests")
def test_a_key_refused_during_the_run_ends_it(server: FakeKoboldCpp) -> None:
    """The run ends: the next pages would be refused as well."""
    server.plan[2] = faults.Raw(401, b'{"detail": {"msg": "no"}}')
    pdf_file("a.pdf", 4)
    code, out, err = command("pdf", "a.pdf", "-f", "jsonl", "-q")
    assert code == 5
    assert [json.loads(line)["page"] for line in out.splitlines()][:2] == [1, 2]
    assert "VISIONOCR_API_KEY" in err

"""Several servers on the command line: sharing, summary, order, models, who is missing, stopping."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp, page_text
from fakes.pictures import make_pdf
from visionocr import Status, transcribe
from visionocr.cli.app import app
from visionocr.errors import UsageError

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
NOBODY = "http://127.0.0.1:9"
PATIENCE = 30


@pytest.fixture(autouse=True)
def alone(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As everywhere, with small pictures."""
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")


@pytest.fixture
def pair() -> Iterator[list[FakeKoboldCpp]]:
    """Two servers with the same model."""
    with ExitStack() as stack:
        yield [stack.enter_context(FakeKoboldCpp(model=MODEL, service_seconds=0.02)) for _ in range(2)]


def command(*arguments: str) -> tuple[int, str, str]:
    """Run a command line: code, standard output, standard error."""
    result = CliRunner().invoke(app, arguments, prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def urls(servers: list[FakeKoboldCpp]) -> list[str]:
    """The option for each."""
    return [word for server in servers for word in ("--api-url", server.url)]


def _full(server: FakeKoboldCpp) -> bool:
    return len(server.generated) == 3 and server.waiting == 1


def _empty(server: FakeKoboldCpp) -> bool:
    return server.running is None and not server.waiting


def test_two_servers_read_one_document(pair: list[FakeKoboldCpp]) -> None:
    """The output is that of one server, in order; each page says who read it, and the summary what each did."""
    make_pdf(Path("a.pdf"), 20)
    code, out, err = command("pdf", "a.pdf", "-f", "jsonl", *urls(pair))
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [(entry["page"], entry["text"]) for entry in records] == [(n, page_text(n)) for n in range(1, 21)]
    assert {entry["server"] for entry in records} == {server.url for server in pair}
    for server in pair:
        mine = [entry for entry in records if entry["server"] == server.url]
        assert f"KoboldCpp at {server.url} (dialect koboldcpp), model {MODEL}, preset qwen2.5-vl\n" in err
        assert re.search(rf"^  {server.url}: {len(mine)} pages?, \d+\.\d s of work, \d+ tokens/s$", err, re.MULTILINE)


def test_a_journal_goes_on_with_another_number_of_servers(pair: list[FakeKoboldCpp]) -> None:
    """How many servers there are is no reason to read anything again."""
    make_pdf(Path("a.pdf"), 4)
    assert command("pdf", "a.pdf", "-o", "out.md", "--keep-journal", *urls(pair[:1]))[0] == 0
    code, _, err = command("pdf", "a.pdf", "-o", "out.md", *urls(pair))
    assert code == 0
    assert "going on: 4 pages" in err
    assert sum(server.asked[number] for server in pair for number in range(1, 5)) == 4


def test_addresses_from_the_environment_and_python(pair: list[FakeKoboldCpp], monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable holds several; the Python API takes one address or a list."""
    make_pdf(Path("a.pdf"), 6)
    both = [server.url for server in pair]
    monkeypatch.setenv("VISIONOCR_API_URL", ", ".join(both))
    assert {page.server for page in transcribe(["a.pdf"])} == set(both)
    monkeypatch.delenv("VISIONOCR_API_URL")
    assert {page.server for page in transcribe(["a.pdf"], api_url=both)} == set(both)
    assert {page.server for page in transcribe(["a.pdf"], api_url=both[0])} == {both[0]}
    assert {page.server for page in transcribe(["a.pdf"], api_url=[both[0], both[0] + "/api/v1/"])} == {both[0]}


def test_the_strictest_server_decides(pair: list[FakeKoboldCpp]) -> None:
    """What is sent fits the smallest context, whoever gets it."""
    pair[1].context = 3000
    make_pdf(Path("a.pdf"), 6)
    assert command("pdf", "a.pdf", "-o", "a.md", *urls(pair))[0] == 0
    for server in pair:
        assert {arrival.body["max_length"] for arrival in server.generated} == {3000 * 2 // 5}


def test_different_models(pair: list[FakeKoboldCpp]) -> None:
    """They are a warning that names them, and an error under --strict before anything is asked."""
    pair[1].model = "gemma-3-12b-it"
    make_pdf(Path("a.pdf"), 2)
    code, _, err = command("pdf", "a.pdf", "-o", "a.md", *urls(pair))
    assert code == 0
    said = f"the servers run different models ({MODEL} at {pair[0].url}; gemma-3-12b-it at {pair[1].url})"
    assert f"warning: {said}: all are asked as the first one is" in err
    for server in pair:
        server.requests.clear()
    code, _, err = command("pdf", "a.pdf", "-o", "b.md", "--strict", *urls(pair))
    assert code == 3
    assert err.startswith("error: the servers run different models: ")
    assert not any(server.generated for server in pair)


def test_who_is_not_there_is_left_out(pair: list[FakeKoboldCpp]) -> None:
    """A missing server, one that wants another key and one that sees nothing are named, and the rest goes on."""
    make_pdf(Path("a.pdf"), 3)
    pair[1].password = "sesame"
    with FakeKoboldCpp(model=MODEL, vision=False) as blind:
        code, out, err = command(
            "pdf", "a.pdf", "-f", "txt", "--page-breaks", "none", *urls([*pair, blind]), "--api-url", NOBODY
        )
    assert code == 0
    assert all(page_text(number) in out for number in (1, 2, 3))
    for words in (f"cannot reach {NOBODY}", f"{pair[1].url} refuses access", f"{blind.url} cannot see pictures"):
        assert re.search(rf"^warning: .*{re.escape(words)}.*: going on without it until it can be used$", err, re.M)
    assert not blind.generated


def test_nobody_is_there() -> None:
    """The error is that of a single server: nobody to wait for was ever seen."""
    make_pdf(Path("a.pdf"))
    code, out, err = command("pdf", "a.pdf", "--api-url", NOBODY, "--api-url", "http://127.0.0.1:10")
    assert (code, out) == (5, "")
    assert err.startswith(f"error: cannot reach {NOBODY}")


def test_the_engine_inside_stands_alone() -> None:
    """It is no server to share work with."""
    make_pdf(Path("a.pdf"))
    code, _, err = command("pdf", "a.pdf", "--api-url", "local:", "--api-url", NOBODY)
    assert code == 2
    assert "local: cannot be combined with servers" in err
    with pytest.raises(UsageError, match="not an address"):
        next(transcribe(["a.pdf"], api_url=[NOBODY, "ftp://x"]))


def test_all_die(pair: list[FakeKoboldCpp]) -> None:
    """What was read is kept, and the run ends with code 5 when nobody comes back in time."""
    make_pdf(Path("a.pdf"), 12)
    for server in pair:
        server.plan[ANY] = [None, None, faults.Die()]
    code, _, err = command("pdf", "a.pdf", "-o", "out.md", "--wait-server", "0.3", *urls(pair))
    assert code == 5
    assert "no server is left: waiting up to 0 s" in err
    assert re.search(r"^[3-6] pages are in out.md.journal: repeat the command to go on$", err, re.MULTILINE)


def test_a_page_that_kills_costs_itself_only() -> None:
    """Two servers die over it one after the other; the others read the rest, and it is marked."""
    make_pdf(Path("a.pdf"), 12)
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeKoboldCpp(model=MODEL, service_seconds=0.02)) for _ in range(3)]
        for server in servers:
            server.plan[5] = faults.Die()
        pages = list(transcribe(["a.pdf"], api_url=[server.url for server in servers], wait_server=5))
    assert [page.status for page in pages] == [Status.FAILED if n == 5 else Status.OK for n in range(1, 13)]
    assert [page.text for page in pages if page.text] == [page_text(n) for n in range(1, 13) if n != 5]
    assert sum(server.dead for server in servers) == 2


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_everywhere(pair: list[FakeKoboldCpp]) -> None:
    """Within two seconds nothing runs or waits on any server, by keys of its own."""
    make_pdf(Path("a.pdf"), 9)
    for server in pair:
        server.plan[ANY] = [None, faults.Hang(), faults.Hang()]
    process = subprocess.Popen(
        [sys.executable, "-m", "visionocr", "pdf", "a.pdf", "-o", "out.md", *urls(pair)], stderr=subprocess.PIPE
    )
    try:
        for server in pair:
            server.wait_for(partial(_full, server), PATIENCE)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        assert time.monotonic() - began < 2.0
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert err.endswith(b"2 pages are in out.md.journal: repeat the command to go on\nstopped\n")
    for server in pair:
        server.wait_for(partial(_empty, server))
        assert set(server.abort_keys) <= set(server.genkeys)
        assert not server.keyless_aborts

"""Several servers on the command line: sharing, summary, order, models, unusable servers, stopping."""

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
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture ``isolated`` of conftest, with small pictures, rendered in this process to save time."""
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")
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


def api_url_options(servers: list[FakeKoboldCpp]) -> list[str]:
    """An ``--api-url`` option for each server."""
    return [word for server in servers for word in ("--api-url", server.url)]


def _full(server: FakeKoboldCpp) -> bool:
    return len(server.generated) == 3 and server.waiting == 1


def _empty(server: FakeKoboldCpp) -> bool:
    return server.running is None and not server.waiting


def test_two_servers_read_one_document(pair: list[FakeKoboldCpp]) -> None:
    """The output equals that of one server, in page order; pages name their server, and the summary tells shares."""
    make_pdf(Path("a.pdf"), 20)
    code, out, err = command("pdf", "a.pdf", "-f", "jsonl", *api_url_options(pair))
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [(entry["page"], entry["text"]) for entry in records] == [(n, page_text(n)) for n in range(1, 21)]
    assert {entry["server"] for entry in records} == {server.url for server in pair}
    for server in pair:
        mine = [entry for entry in records if entry["server"] == server.url]
        assert f"KoboldCpp at {server.url} (dialect koboldcpp), model {MODEL}, preset qwen2.5-vl\n" in err
        assert re.search(rf"^  {server.url}: {len(mine)} pages?, \d+\.\d s of work, \d+ tokens/s$", err, re.MULTILINE)


def test_a_run_can_be_resumed_with_other_servers(pair: list[FakeKoboldCpp]) -> None:
    """A change in the number of servers is no reason to read pages again."""
    make_pdf(Path("a.pdf"), 4)
    assert command("pdf", "a.pdf", "-o", "out.md", "--keep-journal", *api_url_options(pair[:1]))[0] == 0
    code, _, err = command("pdf", "a.pdf", "-o", "out.md", *api_url_options(pair))
    assert code == 0
    assert "going on: 4 pages" in err
    assert sum(server.asked[number] for server in pair for number in range(1, 5)) == 4


@pytest.mark.slow
def test_addresses_from_the_environment_and_python(pair: list[FakeKoboldCpp], monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment variable holds several addresses; the Python API takes one address or a list."""
    make_pdf(Path("a.pdf"), 6)
    both = [server.url for server in pair]
    monkeypatch.setenv("VISIONOCR_API_URL", ", ".join(both))
    assert {page.server for page in transcribe(["a.pdf"])} == set(both)
    monkeypatch.delenv("VISIONOCR_API_URL")
    assert {page.server for page in transcribe(["a.pdf"], api_url=both)} == set(both)
    assert {page.server for page in transcribe(["a.pdf"], api_url=both[0])} == {both[0]}
    assert {page.server for page in transcribe(["a.pdf"], api_url=[both[0], both[0] + "/api/v1/"])} == {both[0]}


def test_requests_fit_the_smallest_server(pair: list[FakeKoboldCpp]) -> None:
    """Requests fit the smallest context of all servers, whichever server gets them."""
    pair[1].context = 3000
    make_pdf(Path("a.pdf"), 6)
    assert command("pdf", "a.pdf", "-o", "a.md", *api_url_options(pair))[0] == 0
    for server in pair:
        assert {arrival.body["max_length"] for arrival in server.generated} == {3000 * 2 // 5}


def test_different_models_are_a_warning_or_with_strict_an_error(pair: list[FakeKoboldCpp]) -> None:
    """A warning names the models; with ``--strict`` it is an error before any request."""
    pair[1].model = "gemma-3-12b-it"
    make_pdf(Path("a.pdf"), 2)
    code, _, err = command("pdf", "a.pdf", "-o", "a.md", *api_url_options(pair))
    assert code == 0
    said = f"the servers run different models ({MODEL} at {pair[0].url}; gemma-3-12b-it at {pair[1].url})"
    assert f"warning: {said}: all are asked as the first one is" in err
    for server in pair:
        server.requests.clear()
    code, _, err = command("pdf", "a.pdf", "-o", "b.md", "--strict", *api_url_options(pair))
    assert code == 3
    assert err.startswith("error: the servers run different models: ")
    assert not any(server.generated for server in pair)


def test_unusable_servers_are_left_out_with_a_warning(pair: list[FakeKoboldCpp]) -> None:
    """A server that is absent, refuses the key or has no projector is named in a warning; the others do the work."""
    make_pdf(Path("a.pdf"), 3)
    pair[1].password = "sesame"
    with FakeKoboldCpp(model=MODEL, vision=False) as blind:
        code, out, err = command(
            "pdf", "a.pdf", "-f", "txt", "--page-breaks", "none", *api_url_options([*pair, blind]), "--api-url", NOBODY
        )
    assert code == 0
    assert all(page_text(number) in out for number in (1, 2, 3))
    for words in (f"cannot reach {NOBODY}", f"{pair[1].url} refuses access", f"{blind.url} cannot see pictures"):
        assert re.search(rf"^warning: .*{re.escape(words)}.*: going on without it until it can be used$", err, re.M)
    assert not blind.generated


def test_all_servers_unreachable_at_start_is_exit_code_5() -> None:
    """The error is that of a single unreachable server, without waiting: no server was ever there."""
    make_pdf(Path("a.pdf"))
    code, out, err = command("pdf", "a.pdf", "--api-url", NOBODY, "--api-url", "http://127.0.0.1:10")
    assert (code, out) == (5, "")
    assert err.startswith(f"error: cannot reach {NOBODY}")


def test_the_embedded_engine_cannot_be_combined_with_servers() -> None:
    """``local:`` beside an address is a usage error, and so is a list with something that is no address."""
    make_pdf(Path("a.pdf"))
    code, _, err = command("pdf", "a.pdf", "--api-url", "local:", "--api-url", NOBODY)
    assert code == 2
    assert "local: cannot be combined with servers" in err
    with pytest.raises(UsageError, match="not an address"):
        next(transcribe(["a.pdf"], api_url=[NOBODY, "ftp://x"]))


def test_results_are_kept_when_all_servers_die(pair: list[FakeKoboldCpp]) -> None:
    """When no server comes back within ``--wait-server`` the run ends with code 5, and its results are kept."""
    make_pdf(Path("a.pdf"), 12)
    for server in pair:
        server.plan[ANY] = [None, None, faults.Die()]
    code, _, err = command("pdf", "a.pdf", "-o", "out.md", "--wait-server", "0.3", *api_url_options(pair))
    assert code == 5
    assert "no server is left: waiting up to 0 s" in err
    assert re.search(r"^[3-6] pages are in out.md.journal: repeat the command to go on$", err, re.MULTILINE)


def test_a_page_that_crashes_two_servers_fails_alone() -> None:
    """A page over which two servers died is marked as failed; the remaining server reads the others."""
    make_pdf(Path("a.pdf"), 12)
    with ExitStack() as stack:
        servers = [stack.enter_context(FakeKoboldCpp(model=MODEL, service_seconds=0.02)) for _ in range(3)]
        for server in servers:
            server.plan[5] = faults.Die()
        pages = list(transcribe(["a.pdf"], api_url=[server.url for server in servers], wait_server=5))
    assert [page.status for page in pages] == [Status.FAILED if n == 5 else Status.OK for n in range(1, 13)]
    assert [page.text for page in pages if page.text] == [page_text(n) for n in range(1, 13) if n != 5]
    assert sum(server.dead for server in servers) == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_aborts_the_requests_on_all_servers(pair: list[FakeKoboldCpp]) -> None:
    """Within two seconds no request runs or waits on any server; each was aborted by its own key."""
    make_pdf(Path("a.pdf"), 9)
    for server in pair:
        server.plan[ANY] = [None, faults.Hang(), faults.Hang()]
    process = subprocess.Popen(
        [sys.executable, "-m", "visionocr", "pdf", "a.pdf", "-o", "out.md", *api_url_options(pair)],
        stderr=subprocess.PIPE,
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

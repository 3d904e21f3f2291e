"""Whole commands behind a gateway: its limits of time and size, and a server that is away or was replaced."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.gateway import Gateway
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.openai import FakeOpenAI
from fakes.pictures import make_pdf
from fakes.restarting_server import RestartingServer
from visionocr.cli.app import app

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
CHAT, GENERATE = "/v1/chat/completions", "/api/v1/generate"


@pytest.fixture(autouse=True)
def isolated(isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture ``isolated`` of conftest, rendering in this process to save time."""
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")


def read(url: str, *arguments: str, pages: int = 3) -> tuple[int, str, str]:
    """Have a document read through *url*: code, standard output, standard error."""
    make_pdf(Path("a.pdf"), pages)
    result = CliRunner().invoke(app, ["pdf", "a.pdf", "--api-url", url, *arguments], prog_name="visionocr")
    assert isinstance(result.exception, SystemExit | None), result.exc_info
    return result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode()


def sizes(gateway: Gateway, path: str) -> list[int]:
    """Bytes of the requests with pages."""
    return [arrival.size for arrival in gateway.requests if arrival.path == path and arrival.size > 10_000]


@pytest.mark.slow
@pytest.mark.parametrize("status", [413, 404])
def test_pages_are_sent_smaller_until_they_fit(status: int) -> None:
    """Behind a gateway that takes small bodies only, every page is read; the limit is learnt once and said once."""
    with FakeOpenAI("plain", model=MODEL) as server, Gateway(server.url, too_large=status) as gateway:
        code, out, _ = read(gateway.url, pages=1)
        assert code == 0
        whole = max(sizes(gateway, CHAT))
        gateway.requests.clear()
        gateway.limit = whole * 2 // 3
        code, out, err = read(gateway.url)
        sent = sizes(gateway, CHAT)
    assert code == 0
    assert [page_text(number) in out for number in (1, 2, 3)] == [True] * 3
    assert out.count('status="ok"') == 3
    refused = [size for size in sent if size > gateway.limit]
    assert 1 <= len(refused) <= 2
    assert len(sent) == 3 + len(refused)
    assert all(size > gateway.limit / 2 for size in sent)
    assert err.count("refuses") == 1
    assert "--max-side" in err


@pytest.mark.slow
def test_a_limit_that_no_page_meets() -> None:
    """Where even the smallest legible picture is refused, the page's failure names the limit and the way out."""
    with FakeOpenAI("plain", model=MODEL) as server, Gateway(server.url, limit=8_000) as gateway:
        code, _, err = read(gateway.url, pages=1)
    assert code == 7
    assert re.search(r"failed: .*the server takes.*client_max_body_size.*--max-side", err)


@pytest.mark.slow
def test_pages_outlive_an_impatient_gateway() -> None:
    """Pages that take longer than the gateway waits are read without flooding the server, and one warning is given."""
    with FakeKoboldCpp(model=MODEL, service_seconds=0.5) as server, Gateway(server.url, patience=0.2) as gateway:
        code, out, err = read(gateway.url, "--max-side", "500", pages=2)
    assert code == 0
    assert [page_text(number) in out for number in (1, 2)] == [True] * 2
    assert max(server.asked.values()) <= 2  # one of the first two was called back
    assert err.count("gave up waiting") == 1


def test_a_gateway_without_its_server() -> None:
    """A gateway in front of nothing is an unreachable server, with the remedy."""
    with Gateway("http://127.0.0.1:9") as gateway:
        code, _, err = read(gateway.url)
    assert code == 5
    assert "cannot reach the server behind it (502: " in err
    assert "Start that server" in err


@pytest.mark.slow
def test_an_outage_behind_a_gateway_fails_no_page() -> None:
    """A back end that is away for a while costs nothing but time."""
    down = faults.Json({"error": {"message": "litellm.InternalServerError: Connection error."}}, 500)
    with FakeOpenAI("plain", model=MODEL) as server:
        server.plan[2] = [down, down, down, down]
        code, out, err = read(server.url, "--max-side", "500")
    assert (code, out.count('status="ok"')) == (0, 3)
    assert "waiting up to 600 s" in err


@pytest.mark.slow
def test_a_server_that_comes_back_as_another_one() -> None:
    """No page is booked to the old model: the run ends, and the same command goes on with the new one."""
    with RestartingServer(model=MODEL) as server:
        server.plan[2] = [faults.Die()]
        server.change(model="Qwen2.5-VL-3B-Instruct-Q4_K_M")
        code, _, err = read(server.url, "--max-side", "500", "-o", "a.md", pages=4)
        assert code == 5
        assert "it runs the model 'Qwen2.5-VL-3B" in err
        assert not server.current.generated

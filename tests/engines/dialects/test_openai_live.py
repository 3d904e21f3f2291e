"""The OpenAI dialect with the real llama.cpp server and a tiny model of random weights."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from visionocr.answers.judge import judge
from visionocr.cli.app import app
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http
from visionocr.engines.llama import Launch
from visionocr.errors import Interrupted, RequestRefused, ServerError, ServerRefused, ServerUnknown
from visionocr.types import (
    ChatMarkers,
    Completion,
    Event,
    FindingKind,
    FinishReason,
    PageImage,
    Progress,
    Prompt,
    Request,
    Sampler,
)

pytest.importorskip("xllamacpp", reason="needs the extra [llama]")
pytest.importorskip("gguf", reason="needs the package gguf to write a model")

import tiny_vlm
from real_llama import count_busy_slots, engine_at, picture, serve, wait_until

pytestmark = pytest.mark.slow


def request(*parts: str | PageImage, max_length: int = 40) -> Request:
    """A greedy request; its chat markers are nothing to a server with a template of its own."""
    chat = ChatMarkers(user_start="### Human: ", assistant_start="### Assistant:")
    return Request(Prompt("", parts or (picture("red"), "What is this?"), chat), Sampler(), max_length)


def test_probe(llama_server: Http) -> None:
    """The product, its model, sight and context are found; without a dialect its own language is."""
    server = engine_at(llama_server, "openai").server
    assert (server.dialect, server.kind, server.vision) == ("openai", "llama.cpp", True)
    assert (server.context_length, server.slots) == (2048, 1)
    assert "tiny-llama" in server.model
    assert probe(llama_server)[0].dialect == "llamacpp"


def test_the_answer_depends_on_the_picture(llama_server: Http) -> None:
    """Greedy answers differ for two pictures and agree for the same one; token counts include each picture."""
    engine = engine_at(llama_server, "openai")

    def answer(colour: str) -> Completion:
        return engine.complete(request(picture(colour), "What is this?"))

    red, blue = answer("red"), answer("blue")
    assert red.text != blue.text
    assert red.text == answer("red").text
    assert red.prompt_tokens is not None
    assert red.text_tokens is not None
    assert tiny_vlm.IMAGE_TOKENS <= red.prompt_tokens - red.text_tokens <= tiny_vlm.IMAGE_TOKENS + 2
    kinds = {finding.kind for finding in judge(red, red.text, request())}
    assert FindingKind.IMAGE_NOT_USED not in kinds


def test_text_tokens_are_measured(llama_server: Http) -> None:
    """A prompt without a picture has exactly the tokens that a short request before it showed."""
    completion = engine_at(llama_server, "openai").complete(request("What is this? äöü"))
    assert completion.prompt_tokens == completion.text_tokens


def test_length_limit(llama_server: Http, endless_llama_server: Http) -> None:
    """An answer that reaches its limit has the finish reason ``length``; another ends by itself."""
    completion = engine_at(endless_llama_server, "openai").complete(request(max_length=5))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.LENGTH, 5)
    assert engine_at(llama_server, "openai").complete(request(max_length=1500)).finish_reason is FinishReason.STOP


def test_overlong_prompt(llama_server: Http) -> None:
    """A prompt over the context is refused in the server's words, with a remedy."""
    with pytest.raises(RequestRefused, match="exceeds the available context size") as caught:
        engine_at(llama_server, "openai").complete(request(picture("red"), "the " * 3000))
    assert "--max-side" in caught.value.hint


def test_broken_picture(llama_server: Http) -> None:
    """A picture that cannot be decoded is refused; the next request is served."""
    engine = engine_at(llama_server, "openai")
    broken = replace(picture("red"), data=b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(RequestRefused, match="cannot read the picture"):
        engine.complete(request(broken, "What is this?"))
    assert engine.complete(request()).text


def test_no_projector(tiny_pair: tiny_vlm.Pair) -> None:
    """A server without a projector says so before the first page, and refuses the page in its words."""
    for http in serve(Launch(str(tiny_pair.model), "", 2048, threads=1)):
        engine = engine_at(http, "openai")
        assert engine.server.vision is False
        with pytest.raises(ServerRefused, match="cannot see pictures"):
            engine.complete(request())


@pytest.mark.parametrize("key", [None, "wrong"])
def test_wrong_key(llama_server: Http, key: str | None) -> None:
    """Requests without the right key are refused."""
    with pytest.raises((ServerUnknown, ServerRefused), match="Invalid API Key"):
        probe(Http(llama_server.base, key), "openai")


def test_progress_and_the_longest_time(endless_llama_server: Http) -> None:
    """The text is seen as it grows; what takes longer than it may is stopped, kept, and no slot goes on."""
    events: list[Event] = []
    completion = engine_at(endless_llama_server, "openai", events, max_time=2.5).complete(request(max_length=30_000))
    assert completion.finish_reason in {FinishReason.TIME, FinishReason.LOOP}
    assert completion.text
    assert any(isinstance(event, Progress) and event.characters for event in events)
    wait_until(lambda: count_busy_slots(endless_llama_server) == 0, "a slot still works")


def test_abort(endless_llama_server: Http) -> None:
    """Stopping hangs up, and the slot is free soon after."""
    engine = engine_at(endless_llama_server, "openai")
    engine.count_tokens("x")
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            engine.complete(request(max_length=30_000))
        except (Interrupted, ServerError) as error:
            caught.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: count_busy_slots(endless_llama_server) == 1, "no slot works")
    engine.cancel()
    asking.join(10)
    assert len(caught) == 1
    wait_until(lambda: count_busy_slots(endless_llama_server) == 0, "the slot still works")


def test_command(llama_server: Http, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``describe`` goes through the dialect from beginning to end, and says that it does."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("VISIONOCR_API_KEY", llama_server.key or "")
    (tmp_path / "red.png").write_bytes(picture("red").data)
    arguments = ["describe", str(tmp_path / "red.png"), "--api-url", llama_server.base + "/v1", "--dialect", "openai"]
    ran = CliRunner().invoke(app, [*arguments, "--max-length", "60", "--max-asks", "1"], prog_name="visionocr")
    assert f"llama.cpp at {llama_server.base} (dialect openai), model" in ran.stderr
    assert ran.exit_code in {0, 7}, ran.stderr  # word salad may look like a loop
    assert ran.stdout.strip()

"""Properties that hold for every dialect, and the table of request bodies.

``pytest --collect-only -q`` with this file lists the table: a cell is ``test_<question>[<dialect>-<server>]``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.answers import Answer
from fakes.koboldcpp import ANY, page_text
from fakes.pictures import make_pdf as pdf_file
from fakes.requests import B64, FULL, GREEDY, STOPS, NoWaitStop, engine_for
from fakes.wires import SERVED, WIRES, Wire
from visionocr import vision_check
from visionocr.answers.judge import judge
from visionocr.cli.app import app
from visionocr.engines.dialects import ALL, probe
from visionocr.engines.dialects.base import Dialect
from visionocr.engines.http import Http
from visionocr.engines.server import ServerEngine
from visionocr.errors import Interrupted, RequestRefused, ServerBusy, ServerError, ServerRefused, ServerUnknown
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question
from visionocr.types import (
    Completion,
    FindingKind,
    FinishReason,
)

KEY = "open-sesame-4711"
OURS = [name for name in WIRES if name != "koboldcpp"]


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest) -> Wire:
    """Each server in turn."""
    return WIRES[request.param]


def question(wire: Wire) -> Question:
    """What is asked of the pages."""
    library = Library()
    preset = library.preset(wire.preset)
    return Question(preset, library.task("transcribe"), preset.sampler, 500)


# --- detection -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVED)
def test_dialects_are_detected(name: str) -> None:
    """The probe detects each server's dialect, or takes the one that is set, and names the product."""
    wire = SERVED[name]
    with wire.fake() as fake:
        server, dialect = probe(Http(fake.url), wire.dialect)
        assert (server.dialect, dialect.NAME, server.kind) == (wire.dialect, wire.dialect, wire.kind)
        assert (server.url, server.model in {wire.model, "tiny-vision"}) == (fake.url, True)
        if wire.auto:
            assert probe(Http(fake.url))[0] == server


@pytest.mark.parametrize("name", SERVED)
def test_long_names_are_cut(name: str) -> None:
    """What a server calls its model and itself is shown and written beside every page: megabytes of it are not kept."""
    wire = SERVED[name]
    with wire.fake(model="qwen2.5-vl-" + "b" * 5_000_000) as fake:
        server, _ = probe(Http(fake.url), wire.dialect)
    assert server.model.startswith("qwen2.5-vl-bbb")
    assert len(server.model) <= 200


def test_a_wrong_forced_dialect_is_an_error() -> None:
    """A dialect that the server does not speak is an error that says so."""
    with (
        WIRES["openai-vllm"].fake() as fake,
        pytest.raises(ServerUnknown, match="does not speak the textgen API") as caught,
    ):
        probe(Http(fake.url), "textgen")
    assert "--dialect" in caught.value.hint


def test_probing_order() -> None:
    """KoboldCpp, which answers for others, is probed first; the OpenAI API, which many share, last."""
    names = [dialect.NAME for dialect in ALL]
    assert (names[0], names[-1]) == ("koboldcpp", "openai")
    assert len(set(names)) == len(names)


# --- the table: one test a column ----------------------------------------------------------------------

_COMMON = {"max_tokens": 500, "temperature": 0.5, "top_p": 0.9, "seed": 11, "stream": False, "stop": list(STOPS)}
_MESSAGES = [
    {"role": "system", "content": "Be exact."},
    {
        "role": "user",
        "content": [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{B64}"}},
            {"type": "text", "text": "Read the page."},
        ],
    },
]
_THOUGHTLESS = {"chat_template_kwargs": {"enable_thinking": False}}
_STREAM = {"stream": True, "stream_options": {"include_usage": True}}
_OPENAI = {"model": "qwen2.5-vl-7b", "messages": _MESSAGES, **_COMMON}
_KOBOLDCPP_SAMPLERS = {
    "presence_penalty": 0.0,
    "typical": 1.0,
    "tfs": 1.0,
    "top_a": 0.0,
    "nsigma": 0.0,
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "smoothing_factor": 0.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
    "adaptive_target": -1.0,
}
_LLAMACPP_SAMPLERS = {
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "xtc_probability": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "adaptive_target": -1.0,
}
"""What an operator may have switched on, switched off."""
BODIES: dict[str, dict[str, Any]] = {
    "koboldcpp": {
        "prompt": "SYS:Be exact.\n### Human: Read the page.\n### Assistant:",
        "images": [B64],
        "max_length": 500,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "rep_pen": 1.1,
        "sampler_seed": 11,
        **_KOBOLDCPP_SAMPLERS,
        "stop_sequence": list(STOPS),
        "trim_stop": True,
        "render_special": False,
        "genkey": "k",
        "replace_instruct_placeholders": False,
    },
    "ollama": {
        "model": "qwen2.5-vl-7b",
        "messages": [_MESSAGES[0], {"role": "user", "content": "Read the page.", "images": [B64]}],
        "stream": True,
        "think": False,
        "options": {
            "num_ctx": 16384,
            "num_predict": 500,
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.05,
            "repeat_penalty": 1.1,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "typical_p": 1.0,
            "seed": 11,
            "stop": list(STOPS),
        },
    },
    "textgen": {
        "prompt": f'SYS:Be exact.\n### Human: <img src="data:image/jpeg;base64,{B64}">Read the page.\n### Assistant:',
        "max_new_tokens": 500,
        "truncation_length": 2048,
        "stopping_strings": list(STOPS),
        "do_sample": True,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "typical_p": 1.0,
        "repetition_penalty": 1.1,
        "encoder_repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
        "seed": 11,
        "add_bos_token": True,
        "ban_eos_token": False,
        "skip_special_tokens": True,
    },
    "openai-vllm": {**_OPENAI, **_STREAM, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1, **_THOUGHTLESS},
    "openai-lmstudio": {**_OPENAI, **_STREAM, "top_k": 40, "repeat_penalty": 1.1},
    "openai-llamacpp": {
        **_OPENAI,
        **_STREAM,
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        **_THOUGHTLESS,
        **_LLAMACPP_SAMPLERS,
    },
    "openai-webui": {**_OPENAI, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1},
    "openai-ollama": {**_OPENAI, **_STREAM, "presence_penalty": 0.0, "frequency_penalty": 0.0},
    "openai-koboldcpp": {
        **_OPENAI,
        "top_k": 40,
        "min_p": 0.05,
        "rep_pen": 1.1,
        "sampler_seed": 11,
        **_THOUGHTLESS,
        **_KOBOLDCPP_SAMPLERS,
    },
    "openai-plain": {**_OPENAI, "stop": list(STOPS[:4])},
    "llamacpp": {
        "prompt": {
            "prompt_string": f"SYS:Be exact.\n### Human: <__media_{1:032}__>Read the page.\n### Assistant:",
            "multimodal_data": [B64],
        },
        "n_predict": 500,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        **_LLAMACPP_SAMPLERS,
        "seed": 11,
        "stop": list(STOPS),
        "stream": True,
        "return_progress": True,
        "model": "qwen2.5-vl-7b",
    },
}


@pytest.mark.parametrize("name", SERVED)
def test_request_body(name: str) -> None:
    """The whole body of a request: no field is missing, and none is there that the server does not know."""
    wire = SERVED[name]
    with wire.fake() as fake:
        server, dialect = probe(Http(fake.url), wire.dialect)
    assert json.loads(json.dumps(dialect.encode(server, FULL, "k"))) == BODIES[name]


SPECIAL: dict[str, dict[str, Any]] = {
    "koboldcpp": {"render_special": True},
    "textgen": {"skip_special_tokens": False},
    "openai-vllm": {"skip_special_tokens": False},
    "openai-webui": {"skip_special_tokens": False},
    "openai-koboldcpp": {"render_special": True},
}
"""What asks a server for the special tokens of an answer; others do not know such a thing."""


@pytest.mark.parametrize("name", SERVED)
def test_special_tokens_are_requested(name: str) -> None:
    """Special tokens of a model stay in its text, wherever a server has an option for it."""
    wire = SERVED[name]
    with wire.fake() as fake:
        server, dialect = probe(Http(fake.url), wire.dialect)
    body = dialect.encode(server, replace(FULL, special_tokens=True), "k")
    assert json.loads(json.dumps(body)) == {**BODIES[name], **SPECIAL.get(name, {})}


@pytest.mark.parametrize("name", SERVED)
def test_page_round_trip(name: str) -> None:
    """A page's picture is sent and its text comes back, with finish reason and the token counts that exist."""
    wire = SERVED[name]
    with wire.fake() as fake:
        completion = engine_for(wire, fake).complete(GREEDY)
        assert fake.generated[-1].numbers == (7,)
    assert completion.text.strip() == page_text(7)
    assert completion.finish_reason is FinishReason.STOP
    assert (completion.server, completion.retries) == (fake.url, 0)
    assert (completion.completion_tokens or 0) > 50
    assert not judge(completion, completion.text.strip(), GREEDY)


@pytest.mark.parametrize("name", SERVED)
def test_length_limit_is_reported(name: str) -> None:
    """An answer that was cut off at its limit has the finish reason ``length``."""
    wire = SERVED[name]
    with wire.fake() as fake:
        completion = engine_for(wire, fake).complete(replace(GREEDY, max_length=20))
    assert completion.finish_reason is FinishReason.LENGTH
    assert page_text(7).startswith(completion.text.strip())


@pytest.mark.parametrize("name", WIRES)
def test_ignored_images_are_detected(name: str) -> None:
    """An answer without the picture is found out by its tokens, or by the check before the first page."""
    wire = WIRES[name]
    with wire.fake(context=8192) as fake:
        engine = engine_for(wire, fake)
        vision_check.require_vision(engine, question(wire))
        fake.plan[ANY] = faults.ImageIgnored()
        if engine.server.counts_tokens:
            completion = engine.complete(GREEDY)
            findings = judge(completion, completion.text, GREEDY)
            assert FindingKind.IMAGE_NOT_USED in {finding.kind for finding in findings}
            return
    # One says whether it sees; there a picture that does not fit is one that is not seen.
    blind = wire.fake(context=300) if name == "textgen" else wire.fake(vision=False)
    with blind as fake, pytest.raises(ServerRefused, match="ignores pictures") as caught:
        vision_check.require_vision(engine_for(wire, fake), question(wire))
    assert caught.value.hint.startswith(engine.server.vision_remedy)


@pytest.mark.parametrize("name", SERVED)
def test_auth_error(name: str) -> None:
    """A missing or wrong key is an error that says so and does not show the key; the right one opens."""
    wire = SERVED[name]
    with wire.fake(key=KEY) as fake:
        for key in (None, "wrong-key-0815"):
            with pytest.raises((ServerRefused, ServerUnknown), match="401") as caught:
                engine_for(wire, fake, key=key)
            assert "VISIONOCR_API_KEY" in caught.value.hint
            assert "wrong-key-0815" not in f"{caught.value!r} {caught.value.hint}"
        assert engine_for(wire, fake, key=KEY).complete(GREEDY).text.strip() == page_text(7)


@pytest.mark.parametrize("name", WIRES)
def test_overload_is_retried(name: str) -> None:
    """An overloaded server is asked again; the error has the server's words."""
    wire = WIRES[name]
    busy = faults.Json({"error": {"message": "server busy, please try again"}}, wire.busy)
    with wire.fake() as fake:
        fake.plan[7] = [busy, busy]
        http = Http(fake.url)
        server, dialect = probe(http, wire.dialect)
        stop = NoWaitStop()
        completion = ServerEngine(http, server, dialect, stop=stop).complete(GREEDY)
        assert (completion.retries, len(stop.sleeps)) == (2, 2)
        fake.plan[7] = busy
        with pytest.raises(ServerBusy, match="server busy, please"):
            engine_for(wire, fake).complete(GREEDY)


@pytest.mark.parametrize("name", OURS)
def test_missing_model_is_an_error_at_the_start(name: str) -> None:
    """A model that the server lacks is refused before the first page, with the names of those that exist."""
    wire = WIRES[name]
    with wire.fake() as fake:
        with pytest.raises(ServerRefused, match="has no model 'llava-99'") as caught:
            engine_for(wire, fake, model="llava-99")
        assert f"It has: {wire.model}" in caught.value.hint
        assert engine_for(wire, fake, model=wire.model).server.model == wire.model
        assert not fake.generated


@pytest.mark.parametrize("name", ["ollama", "openai-vllm", "openai-lmstudio", "openai-ollama"])
def test_model_unloaded_during_the_run(name: str) -> None:
    """A model that disappears during a run ends it, in the server's own words."""
    wire = WIRES[name]
    with wire.fake() as fake:
        engine = engine_for(wire, fake)
        fake.model = "another"
        with pytest.raises(ServerRefused, match=r"no such model.*404") as caught:
            engine.complete(GREEDY)
    assert "--model" in caught.value.hint


@pytest.mark.parametrize("name", WIRES)
def test_cancel_ends_a_request(name: str) -> None:
    """Cancelling does not wait for the answer: it is aborted by its key, or the connection is closed at once."""
    wire = WIRES[name]
    with wire.fake() as fake:
        engine = engine_for(wire, fake, timeout=60)
        fake.plan[7] = faults.Hang(3)
        caught: list[BaseException] = []

        def ask() -> None:
            try:
                engine.complete(GREEDY)
            except (Interrupted, ServerError) as error:
                caught.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        by_key = name == "koboldcpp"
        fake.wait_for(lambda: fake.running is not None if by_key else fake.hanging == 1)
        started = time.monotonic()
        engine.cancel()
        asking.join(10)
        assert time.monotonic() - started < 1.5
        assert len(caught) == 1
        if not by_key:
            fake.wait_for(lambda: fake.hung_up == 1)


# --- time-outs, streams and limits ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ollama", "textgen", "openai-plain"])
def test_timeout_without_progress(name: str) -> None:
    """Without progress to look at, the time-out holds for the whole answer; then the connection is closed."""
    wire = WIRES[name]
    with wire.fake() as fake:
        engine = engine_for(wire, fake, timeout=0.3)
        engine.count_tokens("x")
        fake.plan[7] = faults.Hang(3)
        with pytest.raises(ServerError, match="no progress"):
            engine.complete(GREEDY)
        fake.wait_for(lambda: fake.hung_up == 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ollama", "textgen", "openai-plain"])
def test_max_time_without_partial_text(name: str) -> None:
    """An answer over its maximum time is given up at once when no part of it can be had."""
    wire = WIRES[name]
    with wire.fake() as fake:
        engine = engine_for(wire, fake, timeout=60, max_time=0.2)
        fake.plan[7] = faults.Hang(3)
        started = time.monotonic()
        with pytest.raises(ServerError, match="took longer than"):
            engine.complete(GREEDY)
        assert time.monotonic() - started < 4
        fake.wait_for(lambda: fake.hung_up == 1)


SSE, NDJSON = "text/event-stream", "application/x-ndjson"


def _chat_line(text: str, **more: Any) -> bytes:
    return json.dumps({"message": {"content": text}, "done": False, **more}).encode() + b"\n"


def _delta(text: str) -> bytes:
    return b"data: %s\n\n" % json.dumps({"choices": [{"delta": {"content": text}}]}).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "piece"),
    [("ollama", NDJSON, _chat_line), ("openai-vllm", SSE, _delta), ("openai-ollama", SSE, _delta)],
)
def test_a_loop_in_a_stream_is_stopped(name: str, kind: str, piece: Callable[[str], bytes]) -> None:
    """A stream that repeats itself is detected; closing the connection ends the generation in the server."""
    wire = WIRES[name]
    with wire.fake() as fake:
        hung_up = threading.Event()

        def endless() -> Iterator[bytes]:
            try:
                while not fake.closing.wait(0.001):
                    yield piece("The same line again.\n")
            finally:
                hung_up.set()

        fake.plan[7] = [
            faults.ServerFault(Answer(200, b"", kind, more=endless()))
        ]  # kept nowhere else: it ends when it is not sent
        completion = engine_for(wire, fake).complete(replace(GREEDY, max_length=4000))
        assert completion.finish_reason is FinishReason.LOOP
        assert completion.text.startswith("The same line again.\nThe same")
        assert hung_up.wait(10)


_END = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 2}


def _ollama_says(*chunks: bytes, kind: str = NDJSON) -> Completion:
    wire = WIRES["ollama"]
    with wire.fake() as fake:
        fake.plan[7] = faults.ServerFault(Answer(200, b"", kind, more=chunks))
        return engine_for(wire, fake).complete(GREEDY)


@pytest.mark.parametrize(
    ("chunks", "kind"),
    [
        ((_chat_line("so it "), _chat_line("says"), _chat_line("", **_END)), NDJSON),
        ((_chat_line("so it ")[:20], _chat_line("so it ")[20:] + b"\n" + _chat_line("says", **_END)[:-1]), NDJSON),
        ((_chat_line("so it "), _chat_line("says", **_END)), "Application/X-NDJSON; charset=utf-8"),
        ((_chat_line("so it says", **_END),), "application/json"),
        ((_chat_line("so it ", error=None), _chat_line("says", error=None, **_END)), NDJSON),
    ],
)
def test_ollama_streams(chunks: tuple[bytes, ...], kind: str) -> None:
    """Ollama's lines are understood however they are cut into chunks, or joined to one answer by a proxy."""
    completion = _ollama_says(*chunks, kind=kind)
    assert (completion.text, completion.finish_reason) == ("so it says", FinishReason.STOP)
    assert (completion.prompt_tokens, completion.completion_tokens) == (9, 2)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ((), "without a text"),
        ((_chat_line("so it "),), "in the middle"),
        ((_chat_line("so it "), b'{"error": "the runner died"}\n'), "the runner died"),
        ((_chat_line("so it "), b'{"error": "the runner died"}\n', _chat_line("", **_END)), "the runner died"),
        ((_chat_line("so it "), b"<html>\n"), "not JSON"),
        ((b"[" * 50_000,), "not JSON"),
        ((b"17\n",), "in the middle"),
        ((_chat_line("so it ", **_END), b"null\n"), "in the middle"),
    ],
)
def test_broken_ollama_streams(chunks: tuple[bytes, ...], words: str) -> None:
    """An answer that is no JSON, breaks off or ends in an error is unusable."""
    with pytest.raises(ServerError, match=words):
        _ollama_says(*chunks)


OVERFULL = {"openai-vllm", "openai-lmstudio", "openai-llamacpp", "openai-plain"}


@pytest.mark.parametrize("name", sorted(OVERFULL))
def test_context_overflow_is_refused(name: str) -> None:
    """A request that does not fit the context is refused for good, with a remedy."""
    wire = WIRES[name]
    with wire.fake(context=90) as fake, pytest.raises(RequestRefused, match="does not fit the context") as caught:
        engine_for(wire, fake).complete(GREEDY)
    assert "--max-side" in caught.value.hint


@pytest.mark.parametrize("name", ["ollama", "openai-koboldcpp", "openai-ollama", "openai-webui"])
def test_silent_context_overflow_is_detected(name: str) -> None:
    """A picture that is silently dropped, or an empty answer in its place, is never taken for a good answer."""
    wire = WIRES[name]
    with wire.fake(context=90) as fake:
        engine = engine_for(wire, fake)
        asked = replace(GREEDY, context_length=90)
        try:
            completion = engine.complete(asked)
        except ServerError as error:
            assert "no text and no tokens" in error.message  # noqa: PT017 - either may happen
            return
        kinds_found = {finding.kind for finding in judge(completion, completion.text, asked)}
    assert FindingKind.IMAGE_NOT_USED in kinds_found


@pytest.mark.parametrize("name", ["ollama", "textgen", "openai-lmstudio", "openai-llamacpp", "openai-koboldcpp"])
def test_no_vision_is_found_by_the_probe(name: str) -> None:
    """A server that reports a model without vision is refused before the first page."""
    wire = WIRES[name]
    with wire.fake(vision=False) as fake:
        server = engine_for(wire, fake).server
    assert server.vision is False
    assert server.vision_remedy.endswith((".", "qwen2.5vl"))


@pytest.mark.parametrize("name", ["ollama", "openai-vllm", "openai-llamacpp"])
def test_no_vision_is_found_by_the_refusal(name: str) -> None:
    """A server that refuses pictures only in requests ends the run at the first."""
    wire = WIRES[name]
    with wire.fake(vision=False) as fake, pytest.raises(ServerRefused, match="cannot see pictures"):
        engine_for(wire, fake).complete(GREEDY)


# --- the same Markdown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVED)
def test_all_dialects_give_the_same_markdown(name: str, isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pages give the same Markdown through every dialect, in order, and the dialect is shown."""
    wire = SERVED[name]
    monkeypatch.setenv("VISIONOCR_MAX_SIDE", "500")
    monkeypatch.setenv("VISIONOCR_RASTER_WORKERS", "0")  # saves the start of a process
    pdf_file("a.pdf", 3)
    with wire.fake(model=wire.model, context=8192) as fake:
        arguments = ["pdf", "a.pdf", "--api-url", f"{fake.url}/v1/", "--dialect", wire.dialect, "--max-length", "900"]
        ran = CliRunner().invoke(app, arguments, prog_name="visionocr")
        checked = CliRunner().invoke(
            app, ["check", fake.url, "--no-chart", "--dialect", wire.dialect], prog_name="visionocr"
        )
    assert ran.exit_code == 0, ran.stderr
    expected = [f'<!-- visionocr page="{n}" status="ok" document="a.pdf" -->\n{page_text(n)}\n\n' for n in (1, 2, 3)]
    assert ran.stdout == "".join(expected)
    assert f"{wire.kind} at {fake.url} (dialect {wire.dialect}), model {wire.model}, preset {wire.preset}" in ran.stderr
    assert "warning" not in ran.stderr.lower() or wire.dialect == "textgen"
    assert f"{fake.url}, dialect {wire.dialect}\n" in checked.stdout
    assert checked.exit_code == (5 if wire.preset == "llava-v0" else 0), checked.stdout  # too coarse for a page
    assert KEY not in ran.stderr


def test_model_names_are_sanitized() -> None:
    """No model name can steer a terminal or flood it."""
    names = tuple(f"m{number}\x1b[2J" for number in range(500))
    wire = WIRES["openai-plain"]
    with wire.fake(models=names) as fake, pytest.raises(ServerRefused, match="has 501 models") as caught:
        engine_for(wire, fake)
    assert "\x1b" not in caught.value.hint
    assert "and 493 more" in caught.value.hint
    assert len(caught.value.hint) < 300


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.NAME)
def test_a_dialect_has_only_the_methods_of_its_protocol(dialect: Dialect) -> None:
    """A misspelt method would leave the default in its place without a word."""
    methods = {name for name, value in vars(type(dialect)).items() if callable(value) and not name.startswith("_")}
    assert methods <= set(dir(Dialect))

"""llama-server's dialect: request bodies, answers, the results of a probe by version, and restarts."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fakes.answers import Answer, json_answer
from fakes.koboldcpp import FakeKoboldCpp
from fakes.llamacpp import IMAGE_TOKENS, NO_PICTURE, Era, FakeLlama, error
from fakes.loopback import Arrival
from fakes.pictures import encode as encode_picture
from fakes.pictures import make_image, picture
from fakes.words import page_text
from setting_samples import UNCHECKED
from visionocr.cli.app import app
from visionocr.engines.dialects import probe
from visionocr.engines.dialects.llamacpp import LlamaServer
from visionocr.engines.events import parse_events
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import ServerChanged, ServerCrowded
from visionocr.engines.request_queue import RequestQueue
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import AnswerUnusable, Interrupted, RequestRefused, ServerError, ServerRefused, ServerUnknown
from visionocr.prompting.render import wrap
from visionocr.stop import Stop
from visionocr.types import ChatMarkers, FinishReason, PageImage, PageRef, Prompt, Request, Sampler, Server

CHAT = ChatMarkers(user_start="<|im_start|>user\n", user_end="<|im_end|>\n", assistant_start="<|im_start|>assistant\n")
MARKER = "<__media_0123__>"
NOW = Server("http://ocr.example", "llamacpp", marker=MARKER, model="tiny")
SIGHTED = (Era.NOW, Era.AUG_2025)
dialect = LlamaServer()
PICTURES = {number: encode_picture(picture(number, (320, 400)), "PNG") for number in (1, 2)}


def image(number: int = 1) -> PageImage:
    """A picture with a number that the fake server reads."""
    return PageImage(PageRef("a.pdf", number), "image/png", PICTURES[number], 320, 400)


def request(*parts: str | PageImage, **changes: Any) -> Request:
    """A request about one picture, or of other parts."""
    prompt = Prompt("Be exact.", parts or (image(), "Read the page."), CHAT)
    return replace(Request(prompt, Sampler(seed=11), 500, stop_sequences=("<|im_end|>",)), **changes)


def engine_for(server: FakeLlama, key: str | None = None) -> ServerEngine:
    """The fake server as an engine; the probe's traffic is forgotten."""
    http = Http(server.url, key, timeout=5.0)
    engine = ServerEngine(http, *probe(http))
    server.requests.clear()
    return engine


# --- the body ------------------------------------------------------------------------------------------


def test_body() -> None:
    """Every setting is sent, pictures as bare base64 beside a prompt that holds the marker where they stand."""
    assert dialect.encode(NOW, request(), "key") == {
        "prompt": {
            "prompt_string": f"Be exact.<|im_start|>user\n{MARKER}Read the page.<|im_end|>\n<|im_start|>assistant\n",
            "multimodal_data": [base64.b64encode(PICTURES[1]).decode()],
        },
        "n_predict": 500,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "dry_multiplier": 0.0,
        "typical_p": 1.0,
        "top_n_sigma": -1.0,
        "xtc_probability": 0.0,
        "dynatemp_range": 0.0,
        "mirostat": 0,
        "adaptive_target": -1.0,
        "seed": 11,
        "stop": ["<|im_end|>"],
        "stream": True,
        "return_progress": True,
        "model": "tiny",
    }


def test_body_without_pictures() -> None:
    """A prompt without a picture is plain text."""
    body = dialect.encode(NOW, request("Hello"), "key")
    assert body["prompt"] == "Be exact.<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("words", [MARKER, "<__media__>", "<__image__>", f"{MARKER}{MARKER}"])
def test_media_markers_in_a_prompt_are_no_pictures(words: str) -> None:
    """A media marker in a user's text, in the turn or in the system text, does not stand for a picture."""
    asked = request(image(), words)
    body = dialect.encode(NOW, replace(asked, prompt=replace(asked.prompt, system=words)), "key")
    text = body["prompt"]["prompt_string"]
    assert text.count(MARKER) == 1
    assert "<__media__>" not in text
    assert "<__image__>" not in text


def test_wrap_writes_what_stands_for_an_image() -> None:
    """Each image is written by the dialect, with its index, where it stands; without that there is no trace of it."""
    prompt = request(image(1), "A", image(2)).prompt
    assert wrap(prompt, lambda each, index: f"<{each.page.number}:{index}>").count("<1:0>A<2:1>") == 1
    assert "user\nA<|im_end|>" in wrap(prompt)


# --- the answer ----------------------------------------------------------------------------------------


def final_event(**fields: Any) -> dict[str, Any]:
    """The last event of a stream."""
    return {"content": "", "stop": True, "tokens_predicted": 2, "tokens_evaluated": 90, **fields}


def decoded(*events: Any) -> Any:
    """The completion in a stream."""
    return dialect.decode(Http("http://ocr.example", "s3cret"), Reply(200, events[-1], 1.5, events), request())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stop_type": "eos", "truncated": False}, FinishReason.STOP),
        ({"stop_type": "word"}, FinishReason.STOP),
        ({"stop_type": "limit"}, FinishReason.LENGTH),
        ({"stop_type": "eos", "truncated": True}, FinishReason.LENGTH),
        ({"stop_type": "none"}, FinishReason.UNKNOWN),
        ({}, FinishReason.UNKNOWN),
    ],
)
def test_finish_reasons(fields: dict[str, Any], reason: FinishReason) -> None:
    """The end of an answer is told in the server's words."""
    assert decoded(final_event(**fields)).finish_reason is reason


def test_stream_becomes_text() -> None:
    """The pieces are joined in order, and the server's own counts are taken."""
    completion = decoded({"content": "Hel"}, {"content": ""}, {"content": "lo"}, final_event(stop_type="eos"))
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == ("Hello", 90, 2)
    assert completion.seconds == 1.5


def test_whole_answer_becomes_text() -> None:
    """A server, or a proxy, that does not stream is understood as well."""
    reply = Reply(200, final_event(content="Hello", stop_type="eos"), 1.0)
    assert dialect.decode(Http("http://ocr.example"), reply, request()).text == "Hello"


@pytest.mark.parametrize(
    "last", [None, [], "x", {}, {"content": "a", "stop": False}, {"error": {"message": "no"}}, {"error": "no"}]
)
def test_no_answer(last: Any) -> None:
    """A stream that does not end as it should is no answer."""
    with pytest.raises(AnswerUnusable):
        decoded({"content": "a"}, last)


def test_key_in_an_error_message_is_hidden() -> None:
    """A server's message that has the key is shown without it."""
    with pytest.raises(AnswerUnusable) as caught:
        decoded({"error": {"message": "bad key s3cret"}})
    assert "s3cret" not in caught.value.message


@given(st.lists(st.binary(min_size=1, max_size=9)), st.lists(st.text(max_size=5), max_size=4))
def test_events_do_not_depend_on_chunks(noise: list[bytes], texts: list[str]) -> None:
    """However the bytes arrive, the same events come out; comments and blank lines are none."""
    body = b": ping\n\n" + b"".join(b"data: %s\r\n\n" % json.dumps(text).encode() for text in texts) + b"data: [DONE]"
    cuts = [sum(map(len, noise[:index])) for index in range(len(noise) + 1)]
    chunks = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert list(parse_events(chunk for chunk in chunks if chunk)) == texts


def test_error_events() -> None:
    """An older server's error line is an event with an error; an event that is not JSON raises."""
    assert list(parse_events([b'error: {"code": 500}\n'])) == [{"error": {"code": 500}}]
    with pytest.raises(ValueError, match="Expecting value"):
        list(parse_events([b"data: nonsense\n"]))
    with pytest.raises(ValueError, match="too deep"):
        list(parse_events([b"data: " + b"[" * 100_000]))


# --- errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind", "hint"),
    [
        ("request (9 tokens) exceeds the available context size (8 tokens), try increasing it", RequestRefused, "-c"),
        ("the request exceeds the available context size. try increasing", RequestRefused, "-c"),
        ("Context size has been exceeded.", ServerCrowded, "-np"),
        ("Failed to tokenize prompt", ServerChanged, ""),
        ("Failed to load image or audio file", RequestRefused, "picture"),
        ("Multimodal data provided, but model does not support multimodal requests.", ServerRefused, "--mmproj"),
    ],
)
def test_errors_are_classified(words: str, kind: type[ServerError], hint: str) -> None:
    """The server's message is kept, and gives the kind of error and the remedy."""
    explained = dialect.explain(AnswerUnusable(f"http://x failed (500: {words})"))
    assert type(explained) is kind
    assert words in explained.message
    assert hint in explained.hint


def test_other_errors() -> None:
    """Error messages without a known remedy are kept as they are."""
    failure = AnswerUnusable("http://x failed (500: something)")
    assert dialect.explain(failure) is failure


# --- the probe -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", SIGHTED)
def test_probe(era: Era) -> None:
    """Model, vision, marker, slots and context are found, or tried, in every era that takes pictures."""
    with FakeLlama(era, slots=3, context=4096) as fake:
        server, found = probe(Http(fake.url))
        assert found.NAME == "llamacpp"
        assert server.vision is True
        assert (server.model, server.slots, server.context_length) == ("tiny-vision", 3, 4096)
        assert server.marker == fake.marker
        assert server.counts_tokens


@pytest.mark.parametrize(
    ("era", "words"), [(Era.YEAR_2024, "does not accept pictures"), (Era.MAY_2025, "chat requests only")]
)
def test_probe_of_a_version_that_ignores_pictures(era: Era, words: str) -> None:
    """A server that would ignore pictures is refused with the reason."""
    with FakeLlama(era) as fake, pytest.raises(ServerRefused, match=words) as caught:
        probe(Http(fake.url))
    assert caught.value.hint


@pytest.mark.parametrize("era", [Era.NOW, Era.AUG_2025, Era.MAY_2025])
def test_probe_without_projector(era: Era) -> None:
    """A server that says so is known to be blind."""
    with FakeLlama(era, vision=False) as fake:
        assert probe(Http(fake.url))[0].vision is False


def test_probe_prefers_the_alias() -> None:
    """A name that the operator gave is the model's name."""
    with FakeLlama(alias="C:\\models\\Qwen3-VL-8B.gguf") as fake:
        assert probe(Http(fake.url))[0].model == "Qwen3-VL-8B"


def test_koboldcpp_is_no_llama_server(koboldcpp: FakeKoboldCpp) -> None:
    """KoboldCpp answers ``/props`` too, and is told apart, also when it is asked for by name."""
    assert probe(Http(koboldcpp.url))[1].NAME == "koboldcpp"
    with pytest.raises(ServerUnknown):
        probe(Http(koboldcpp.url), "llamacpp")


def test_wrong_key() -> None:
    """A wrong key is found by the probe."""
    with FakeLlama(key="right") as fake:
        with pytest.raises(ServerRefused, match="Invalid API Key"):
            probe(Http(fake.url, "wrong"))
        assert probe(Http(fake.url, "right"))[0].vision


def test_wrong_key_of_an_older_server() -> None:
    """Where ``/props`` is open to all, the key is tried on something that needs it."""
    with FakeLlama(Era.AUG_2025) as fake:
        fake.before = lambda arrival: error(401, "Invalid API Key") if arrival.path == "/tokenize" else None
        with pytest.raises(ServerRefused, match="Invalid API Key"):
            probe(Http(fake.url, "wrong"))


@pytest.mark.parametrize(
    ("models", "wanted", "chosen"),
    [
        ({"a/A": "unloaded", "b/B.gguf": "loaded"}, None, "b/B.gguf"),
        ({"a": "unloaded"}, None, "a"),
        ({"a": "loaded", "b": "loaded"}, "a", "a"),
    ],
)
def test_router(models: dict[str, str], wanted: str | None, chosen: str) -> None:
    """Of several models the one that is wanted, loaded or alone is asked for, by its whole name, in every request."""
    with FakeLlama(router=models) as fake:
        server = probe(Http(fake.url), None, wanted)[0]
        assert server.model == dialect.encode(server, request(), "key")["model"] == chosen


@pytest.mark.parametrize("wanted", [None, "c"])
def test_router_without_choice(wanted: str | None) -> None:
    """When it is not clear which model is meant, they are named."""
    with FakeLlama(router={"a": "loaded", "b": "loaded"}) as fake, pytest.raises(ServerRefused) as caught:
        probe(Http(fake.url), None, wanted)
    assert "a, b" in caught.value.hint
    assert wanted or "--model" in caught.value.hint


@pytest.mark.parametrize("props", [None, [], {}, {"total_slots": 1, "modalities": {}}, "x", 7])
def test_not_recognised(props: Any) -> None:
    """Other servers have other properties, or none."""
    with FakeLlama() as fake:
        fake.before = lambda arrival: json_answer(props)
        assert dialect.recognise(Http(fake.url)) is None


def test_properties_of_any_shape() -> None:
    """Properties that are not what they should be do no harm."""
    wild = {"build_info": 3, "modalities": {"vision": "yes"}, "media_marker": 4, "total_slots": -1, "model_path": []}
    with FakeLlama() as fake:
        fake.before = lambda arrival: json_answer({**wild, "default_generation_settings": {"n_ctx": "many"}})
        server = probe(Http(fake.url), "llamacpp")[0]
    assert (server.vision, server.slots, server.context_length, server.model) == (False, 1, None, "")


# --- as an engine --------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", SIGHTED)
def test_completion(era: Era) -> None:
    """A picture is read in every era that takes pictures, wherever it stands; the counts show it."""
    with FakeLlama(era) as fake:
        completion = engine_for(fake).complete(request("Read:", image(2), image(1)))
        assert completion.text == f"{page_text(2)}\n\n{page_text(1)}"
        assert completion.finish_reason is FinishReason.STOP
        assert completion.text_tokens is not None
        assert completion.prompt_tokens is not None
        assert completion.prompt_tokens - completion.text_tokens >= 2 * IMAGE_TOKENS


def test_length_limit() -> None:
    """An answer that reaches its limit says so."""
    with FakeLlama() as fake:
        completion = engine_for(fake).complete(request(max_length=3))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.LENGTH, 3)


def test_slots_work_at_once() -> None:
    """A server with four slots gets four requests at the same time."""
    together = threading.Barrier(4, timeout=5)

    def meet(arrival: Arrival) -> None:
        if arrival.path == "/completion":
            together.wait()

    with FakeLlama(slots=4) as fake, ThreadPoolExecutor(4) as pool:
        engine = engine_for(fake)
        fake.before = meet
        assert engine.server.slots == 4
        assert len(list(pool.map(engine.complete, [request()] * 4))) == 4


def test_slots_that_share_too_little() -> None:
    """Requests that do not fit together are sent again, fewer at a time, and all are answered."""
    four, two = threading.Barrier(4, timeout=5), threading.Barrier(2, timeout=5)
    lock, seen = threading.Lock(), [0]

    def crowded(arrival: Arrival) -> Answer | None:
        if arrival.path != "/completion":
            return None
        with lock:
            seen[0] += 1
            first = seen[0] <= 4
        if first:
            four.wait()
            return error(500, "Context size has been exceeded.")
        two.wait()
        return None

    with FakeLlama(slots=4) as fake, ThreadPoolExecutor(4) as pool:
        engine = engine_for(fake)
        fake.before = crowded
        texts = [completion.text for completion in pool.map(engine.complete, [request()] * 4)]
        assert texts == [page_text(1)] * 4
        assert fake.most_at_once <= 2


def test_overflow_of_a_single_request() -> None:
    """A request that does not fit although no other runs is given up."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.before = lambda arrival: (
            error(500, "Context size has been exceeded.") if arrival.path == "/completion" else None
        )
        with pytest.raises(RequestRefused, match="exceeded"):
            engine.complete(request())
        assert len(fake.generated) == 1


def test_capacity_is_halved_once_for_concurrent_overflows() -> None:
    """Requests that overflow together halve the capacity once, and one alone never does."""
    queue = RequestQueue(4, 4, time.monotonic, Stop())
    with ExitStack() as inside:
        crowd = [inside.enter_context(queue.place()) for _ in range(4)]
        assert [queue.halve(one) for one in crowd] == [True] * 4
    assert queue.capacity == 2
    with queue.place() as one, queue.place():
        assert queue.halve(one)
    assert queue.capacity == 1
    with queue.place() as alone:
        assert not queue.halve(alone)


def test_restart_changes_the_marker() -> None:
    """After a restart of the server the new marker is fetched, and the same request is answered."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.restart()
        completion = engine.complete(request())
        assert completion.text == page_text(1)
        assert completion.retries == 1
        assert engine.server.marker == fake.marker


def test_restart_with_another_model() -> None:
    """After a restart with another model the run ends: it was planned for the first."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.restart()
        fake.model = "/models/other.gguf"
        with pytest.raises(ServerRefused, match="another model"):
            engine.complete(request())


def test_prompt_that_cannot_be_tokenized() -> None:
    """When nothing changed, the same complaint is not asked for again and again."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.before = lambda arrival: error(500, "Failed to tokenize prompt") if arrival.path == "/completion" else None
        with pytest.raises(RequestRefused):
            engine.complete(request())
        assert len(fake.generated) == 1


def test_loading_server_is_waited_for() -> None:
    """A server that loads its model is asked again."""
    answers = iter([error(503, "Loading model", "unavailable_error")] * 2)
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.before = lambda arrival: next(answers, None) if arrival.path == "/completion" else None
        assert engine.complete(request()).retries == 2


def test_overlong_prompt() -> None:
    """A prompt that does not fit is refused with the server's numbers and a remedy."""
    with FakeLlama(context=300) as fake, pytest.raises(RequestRefused, match="300 tokens") as caught:
        engine_for(fake).complete(request(image(), "word " * 400))
    assert "--max-side" in caught.value.hint


@pytest.mark.parametrize("era", SIGHTED)
def test_broken_picture(era: Era) -> None:
    """A picture that the server cannot decode is never answered without it."""
    broken = replace(image(), data=b"\x00\x00\x00")
    with FakeLlama(era) as fake, pytest.raises(ServerError):
        engine_for(fake).complete(request(broken, "Read."))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'data: {"content":"a","stop":false}\n\n',
        b'data: {"content":"a","stop":false}\n\ndata: {"error":{"code":500,"message":"oops"}}\n\n',
        b'data: {"content":"a","stop":false}\n\ndata: <html>\n\n',
        b"\xff\xfe data: \n\n\x00",
        b"data: " + b"[" * 50_000 + b"\n\n",
    ],
)
def test_broken_streams(body: bytes) -> None:
    """A stream that is none, breaks off or ends in an error is no answer."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.before = lambda arrival: Answer(200, body, "text/event-stream") if arrival.path == "/completion" else None
        with pytest.raises(AnswerUnusable):
            engine.complete(request())


@pytest.mark.slow
def test_endless_loop_is_stopped() -> None:
    """An answer that only repeats itself is noticed while it comes; hanging up ends it in the server too."""
    with FakeLlama() as fake:
        engine = engine_for(fake)
        fake.says = lambda numbers: _fast_pieces(fake, repeat("The same line again.\n"))
        completion = engine.complete(request(max_length=10_000_000))
        assert completion.finish_reason is FinishReason.LOOP
        assert completion.text.startswith("The same line again.\nThe same")
        fake.wait_for(lambda: fake.hung_up == 1 and fake.running == 0)


@pytest.mark.slow
def test_events_without_text_are_progress() -> None:
    """A server that only reports prompt progress does not time out."""
    with FakeLlama() as fake:
        http = Http(fake.url, timeout=0.6)
        engine = ServerEngine(http, *probe(http))
        fake.says = lambda numbers: _after_silence(fake, 8, page_text(1))
        assert engine.complete(request()).text == page_text(1)
        fake.wait_for(lambda: fake.running == 0)
        assert not fake.hung_up


def test_stream_timeout() -> None:
    """A stream without events for too long is given up, and the server sees the connection close."""
    with FakeLlama() as fake:
        http = Http(fake.url, timeout=0.3)
        engine = ServerEngine(http, *probe(http), policy=RetryPolicy(beginning=0.0))
        fake.before = lambda arrival: json_answer({}) if arrival.path == "/slots" else None
        fake.says = lambda numbers: map(str, filter(lambda _: fake.closing.wait(3), range(3)))
        with pytest.raises(AnswerUnusable, match="no progress for 0 s"):
            engine.complete(request())


def _after_silence(fake: FakeLlama, events: int, text: str) -> Iterator[str]:
    """Events without text, 0.2 s each, then a text."""
    for _ in range(events):
        fake.closing.wait(0.2)
        yield ""
    yield text


def test_cancel() -> None:
    """A run that is stopped ends its request in the server at once."""
    with FakeLlama() as fake, ThreadPoolExecutor(1) as pool:
        engine = engine_for(fake)
        fake.says = lambda numbers: _fast_pieces(fake, map(str, range(10**9)))
        asked = pool.submit(engine.complete, request(max_length=10**9))
        fake.wait_for(lambda: fake.running == 1)
        engine.cancel()
        with pytest.raises((Interrupted, AnswerUnusable)):
            asked.result(5)
        with pytest.raises(Interrupted):
            engine.complete(request())
        fake.wait_for(lambda: fake.hung_up == 1 and fake.running == 0)


def _fast_pieces(fake: FakeLlama, pieces: Iterator[str]) -> Iterator[str]:
    """Pieces that come as fast as a quick model writes."""
    for piece in pieces:
        if fake.closing.wait(0.001):
            return
        yield piece


# --- short requests ------------------------------------------------------------------------------------


def test_token_count_has_begin_of_text() -> None:
    """Text is counted as a prompt is: with begin-of-text."""
    with FakeLlama() as fake:
        assert dialect.count_tokens(Http(fake.url), NOW, "one two") == 3


@pytest.mark.parametrize("answer", [error(404, "gone"), error(500, "oops"), json_answer({}), json_answer([1])])
def test_no_token_count(answer: Answer) -> None:
    """A server that does not count is no failure."""
    with FakeLlama() as fake:
        fake.before = lambda arrival: answer
        assert dialect.count_tokens(Http(fake.url), NOW, "text") is None


def test_progress_of_a_waiting_request() -> None:
    """What the slots do is progress for a request that waits for one."""
    rows = [{"is_processing": True, "id_task": 3, "next_token": [{"n_decoded": 5}]}, {"is_processing": False}, 7]
    with FakeLlama() as fake:
        fake.before = lambda arrival: json_answer(rows)
        first = dialect.poll(Http(fake.url), "key")
        rows[0] = {"is_processing": True, "id_task": 3, "next_token": {"n_decoded": 6}}
        assert first != dialect.poll(Http(fake.url), "key")
        assert first.waiting == 1


@pytest.mark.parametrize(
    ("answer", "idle"),
    [
        (json_answer([{"is_processing": False}, {"is_processing": True}]), True),
        (json_answer([{"is_processing": True}]), False),
        (error(501, "This server does not support slots endpoint.", "not_supported_error"), True),
        (json_answer({}), True),
    ],
)
def test_idle_slots(answer: Answer, idle: bool) -> None:
    """A request can be sent when a slot is free; where slots are not reported it is sent at once."""
    with FakeLlama() as fake:
        fake.before = lambda arrival: answer
        assert dialect.is_idle(Http(fake.url)) is idle


# --- the command ---------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("era", SIGHTED)
def test_command(era: Era, tmp_path: Path) -> None:
    """``visionocr image`` reads through a llama-server of any era."""
    make_image(tmp_path / "a.png", 5)
    with FakeLlama(era, key="k3y") as fake:
        fake.says = _ignore_pictures
        done = CliRunner().invoke(
            app,
            ["image", str(tmp_path / "a.png"), "--api-url", fake.url],
            env={**UNCHECKED, "VISIONOCR_API_KEY": "k3y"},
        )
    assert done.exit_code == 0, done.output
    assert page_text(5).splitlines()[0] in done.stdout


def _ignore_pictures(numbers: list[int | None]) -> str:
    if not numbers:
        return NO_PICTURE
    return "A grey picture without any text." if numbers == [None] else page_text(numbers[0] or 0)


def test_command_detects_ignored_pictures(tmp_path: Path) -> None:
    """A server that ignores pictures although it claims vision is found out by its token counts."""
    make_image(tmp_path / "a.png", 5)
    with FakeLlama(counts_images=False) as fake:
        fake.says = lambda numbers: NO_PICTURE
        done = CliRunner().invoke(app, ["image", str(tmp_path / "a.png"), "--api-url", fake.url], env=UNCHECKED)
    assert done.exit_code == 7
    assert "did not use the picture" in done.stderr

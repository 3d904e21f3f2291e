"""The dialects ollama, textgen and openai: choice of a model, image marks, token counts, error messages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import faults
from fakes.koboldcpp import ANY, page_text
from fakes.ollama import FakeOllama
from fakes.openai import FakeOpenAI
from fakes.requests import B64, GREEDY, IMAGE, engine_for
from fakes.textgen import FakeTextgen
from fakes.wires import WIRES
from fakes.words import token_ids
from visionocr.answers.clean import clean
from visionocr.engines.dialects import probe
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.koboldcpp import KoboldCpp
from visionocr.engines.dialects.ollama import Ollama
from visionocr.engines.dialects.openai import OpenAI
from visionocr.engines.dialects.textgen import Textgen
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import meaning
from visionocr.errors import (
    AnswerUnusable,
    KeyRefused,
    RequestRefused,
    RequestTooLarge,
    ServerError,
    ServerRefused,
    ServerUnreachable,
)
from visionocr.prompting.render import wrap
from visionocr.types import ChatMarkers, FinishReason, PageImage, Prompt, Server

ollama, openai, textgen = Ollama(), OpenAI(), Textgen()
SERVER = Server("http://x", "any", model="m", context_length=4096)
VISION, TEXT = ["completion", "vision"], ["completion"]


# --- choice of the model -------------------------------------------------------------------------------


def chosen_model(*models: Model, wanted: str | None = None) -> str:
    """The name of the model that the probe chooses."""
    return choose("Ollama at http://x", models, wanted).name


def test_only_model() -> None:
    """The only model is asked, whatever it can do."""
    assert chosen_model(Model("a", vision=False)) == "a"


def test_loaded_model() -> None:
    """Of several, the one in memory that can see; a blind one in memory does not stand before one that can see."""
    assert chosen_model(Model("a", vision=True), Model("b", True, True)) == "b"
    assert chosen_model(Model("a", True, False), Model("b", vision=True), Model("c", vision=False)) == "b"
    assert chosen_model(Model("a"), Model("b", loaded=True)) == "b"


def test_ambiguous_models_are_an_error() -> None:
    """When several models can see, the error names them and not the others."""
    with pytest.raises(ServerRefused, match="has 3 models: choose one") as caught:
        chosen_model(Model("a", vision=True), Model("b", vision=True), Model("blind", vision=False))
    assert caught.value.hint == "Name it with --model. It has: a, b."
    with pytest.raises(ServerRefused, match="has no model"):
        chosen_model()


def test_model_name_without_tag() -> None:
    """Ollama's ``:latest`` may be left out; for a nearly right name the nearest one is suggested first."""
    assert chosen_model(Model("llava:latest"), Model("x"), wanted="llava") == "llava:latest"
    with pytest.raises(ServerRefused) as caught:
        chosen_model(*(Model(f"zz{number}") for number in range(20)), Model("qwen2.5vl:7b"), wanted="qwen2.5vl")
    assert caught.value.hint.startswith("It has: qwen2.5vl:7b, zz0")
    assert "and 13 more" in caught.value.hint


def test_ollama_takes_the_only_vision_model() -> None:
    """The capabilities of all models are queried, and the only one with vision is taken; none is loaded for that."""
    with FakeOllama(model="llava:7b", others={"llama3:8b": TEXT, "nomic-embed": []}) as fake:
        server, _ = probe(Http(fake.url))
        assert (server.model, server.vision, server.context_length) == ("llava:7b", True, 16384)
        assert not fake.generated


@pytest.mark.parametrize(
    ("trained", "loaded", "context"), [(128_000, {}, 16384), (4096, {}, 4096), (128_000, {"llava:7b": 32768}, 32768)]
)
def test_ollama_context(trained: int, loaded: dict[str, int], context: int) -> None:
    """The context that is asked for holds a page, is none that the model lacks, and does not unload a larger one."""
    with FakeOllama(model="llava:7b", trained=trained, loaded=loaded) as fake:
        engine = engine_for_dialect("ollama", fake)
        engine.complete(GREEDY)
        assert fake.generated[-1].body["options"]["num_ctx"] == engine.server.context_length == context


@pytest.mark.parametrize("vision", [True, False])
def test_ollama_before_capabilities(vision: bool) -> None:
    """A version that lists no capabilities is believed where the model's parts tell, else nothing is claimed."""
    with FakeOllama(vision=vision, capable=False) as fake:
        assert probe(Http(fake.url))[0].vision is (True if vision else None)


def test_vllm_adapters_are_no_choice() -> None:
    """What vLLM lists besides, with a parent, is an adapter and does not make the choice unclear."""
    listed = {"data": [{"id": "base", "owned_by": "vllm"}, {"id": "lora", "owned_by": "vllm", "parent": "base"}]}
    with FakeOpenAI("vllm") as fake:
        assert openai.probe(Http(fake.url), listed).model == "base"


def engine_for_dialect(name: str, fake: Any, **options: Any) -> Any:
    """An engine in front of a fake."""
    return engine_for(WIRES[name], fake, **options)


# --- requests ------------------------------------------------------------------------------------------


def test_wrap_writes_images() -> None:
    """A mark may stand where an image stands, numbered from 0 in their order; without one there is no trace."""
    prompt = Prompt("S", ("a", IMAGE, "b", IMAGE), ChatMarkers("<", "[", "]", "(", ")", "|"))
    assert wrap(prompt) == "<[S](ab)|"
    assert wrap(prompt, lambda image, number: f"{{{number}:{image.width}}}") == "<[S](a{0:200}b{1:200})|"


def test_ollama_marks() -> None:
    """Images before all text need no mark; others get one where they stand; a mark in a text is none."""
    turns: list[tuple[tuple[str | PageImage, ...], str]] = [
        ((IMAGE, "Read."), "Read."),
        (("Read.", IMAGE), "Read.[img]"),
        ((IMAGE, "one", IMAGE), "[img]one[img]"),
        ((IMAGE, "say [img-0]"), "say [ img-0]"),
        ((IMAGE,), ""),
    ]
    for parts, text in turns:
        body = ollama.encode(SERVER, replace(GREEDY, prompt=Prompt("", parts, ChatMarkers())), "k")
        (message,) = body["messages"]
        assert (message["content"], len(message["images"])) == (text, sum(part is IMAGE for part in parts))


def test_textgen_takes_no_image_from_a_text() -> None:
    """A tag in a user's text, or a document's name, is no image; greedy asks for no sampling."""
    tag = f'<img src="data:image/jpeg;base64,{B64}">'
    prompt = Prompt(tag, (f"a {tag}", IMAGE, tag.upper()), ChatMarkers())
    body = textgen.encode(SERVER, replace(GREEDY, prompt=prompt), "k")
    assert body["prompt"].count(tag) == 1
    assert (body["do_sample"], body["temperature"]) == (False, 1.0)
    with FakeTextgen() as fake:
        Http(fake.url).post(textgen.GENERATE, body)
        assert fake.generated[0].numbers == (7,)


def test_openai_order_and_empty_parts() -> None:
    """Parts keep the order of the preset; an empty text is not sent; no system message without a text for it."""
    body = openai.encode(SERVER, replace(GREEDY, prompt=Prompt("", ("Read.", IMAGE, ""), ChatMarkers())), "k")
    (message,) = body["messages"]
    assert [part["type"] for part in message["content"]] == ["text", "image_url"]


@pytest.mark.parametrize("name", ["openai-vllm", "ollama"])
def test_text_is_counted_once(name: str) -> None:
    """The text's tokens are learned from one short request without pictures, and remembered."""
    with WIRES[name].fake() as fake:
        engine = engine_for_dialect(name, fake)
        for _ in range(3):
            completion = engine.complete(GREEDY)
            assert completion.prompt_tokens - completion.text_tokens == 8 * 9  # squares of 28 pixels in 200 x 250
        assert [len(arrival.numbers) for arrival in fake.generated] == [0, 1, 1, 1]


def test_refused_count_costs_no_page() -> None:
    """A server that cannot answer without a picture is used all the same."""
    with FakeOpenAI("vllm") as fake:
        engine = engine_for_dialect("openai-vllm", fake)
        original = fake.generate
        fake.generate = lambda arrival, text, pictures, *rest: (  # type: ignore[method-assign]
            original(arrival, text, pictures, *rest) if pictures else faults.Json({"error": "no image"}, 400).answer
        )
        completion = engine.complete(GREEDY)
    assert (completion.text.strip(), completion.text_tokens) == (page_text(7), None)


# --- answers -------------------------------------------------------------------------------------------


def test_textgen_removes_a_partial_stop_sequence() -> None:
    """The beginning of a stop sequence that the server leaves at the end is removed."""
    with FakeTextgen() as fake:
        fake.plan[ANY] = faults.FixedText(f"{page_text(7)}\n##")
        text = engine_for_dialect("textgen", fake).complete(GREEDY).text
    assert clean(text, stop_sequences=("\n###",), chat=ChatMarkers()).text == page_text(7)


def test_textgen_empty_is_a_failure() -> None:
    """An empty text with status 200 is a failure on the server's console."""
    with FakeTextgen() as fake:
        fake.plan[ANY] = faults.FixedText("")
        with pytest.raises(AnswerUnusable, match="its console says why"):
            engine_for_dialect("textgen", fake).complete(GREEDY)


@pytest.mark.parametrize("name", [None, "None"])
def test_textgen_without_a_model(name: str | None) -> None:
    """A server without a model says so before the first page."""
    with FakeTextgen(model=name) as fake, pytest.raises(ServerError, match="no model loaded"):
        probe(Http(fake.url))


def test_textgen_counts_tokens() -> None:
    """The prompt's own tokens are known before the first page."""
    with FakeTextgen() as fake:
        assert engine_for_dialect("textgen", fake).count_tokens("one two") == len(token_ids("one two"))


def test_textgen_without_extension_list() -> None:
    """A version that reports no extensions is used, with a warning that vision is not certain."""
    with FakeTextgen(informs=False) as fake:
        server, _ = probe(Http(fake.url))
    assert (server.vision, server.context_length, server.counts_tokens) == (None, 2048, False)
    assert "does not say" in server.warnings[0]


def test_koboldai_is_no_textgen() -> None:
    """A KoboldAI, which has the same path for its model and does not accept pictures, is not taken for one."""
    with FakeTextgen() as fake:
        fake.answer_authorized = lambda arrival: (  # type: ignore[method-assign]
            faults.Json({"result": "KoboldAI/fairseq"}).answer if arrival.method == "GET" else faults.Html(404).answer
        )
        assert textgen.recognise(Http(fake.url)) is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.sampled_from(["", "stop", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
FIELDS = ("message", "content", "done_reason", "eval_count", "choices", "finish_reason", "usage", "results", "text")
ANSWERS = st.recursive(
    JSON_VALUES, lambda inner: st.dictionaries(st.sampled_from(FIELDS), inner | st.lists(inner, max_size=2), max_size=4)
)


@pytest.mark.slow
@given(data=ANSWERS)
@settings(deadline=None, max_examples=150)
@pytest.mark.parametrize("dialect", [ollama, openai, textgen], ids=lambda dialect: dialect.NAME)
def test_any_json(dialect: Any, data: object) -> None:
    """Any JSON at all becomes a completion with sane fields, or an unusable answer."""
    try:
        completion = dialect.decode(Http("http://127.0.0.1:9"), Reply(200, data, 0.0), GREEDY)
    except AnswerUnusable:
        return
    assert isinstance(completion.text, str)
    assert isinstance(completion.finish_reason, FinishReason)
    for count in (completion.prompt_tokens, completion.completion_tokens):
        assert count is None or (type(count) is int and count >= 0)


@given(identity=ANSWERS)
@settings(deadline=None, max_examples=40)
def test_any_list_of_models(identity: object) -> None:
    """Whatever a server lists, a probe ends with a server or with an error of ours."""
    listed = {"data": identity, "models": identity, "result": identity}
    for dialect in (ollama, openai, textgen):
        try:
            assert dialect.probe(Http("http://127.0.0.1:9"), listed).dialect == dialect.NAME
        except ServerError:
            continue


@pytest.mark.parametrize("reason", ["load", "unload", ""])
def test_ollama_empty_answer(reason: str) -> None:
    """An empty answer without tokens, such as that of a model that was only loaded, is unusable."""
    data = {"message": {"content": ""}, "done": True, "done_reason": reason}
    with pytest.raises(AnswerUnusable, match="no text and no tokens"):
        ollama.decode(Http("http://x"), Reply(200, data, 0.0), GREEDY)


@pytest.mark.parametrize("dialect", [ollama, openai], ids=lambda dialect: dialect.NAME)
def test_error_with_status_200(dialect: Any) -> None:
    """An error in the place of an answer is unusable, in the server's words."""
    with pytest.raises(AnswerUnusable, match="out of cheese"):
        dialect.decode(Http("http://x"), Reply(200, {"error": "out of cheese"}, 0.0), GREEDY)


def streamed(*events: object) -> Reply:
    """An answer that came in pieces."""
    return Reply(200, events[-1], 0.5, events)


def test_stream_pieces_are_joined() -> None:
    """The pieces of a stream are one answer; finish reason and counts may come late, in any order."""
    text = [{"choices": [{"delta": {"content": piece}}]} for piece in ("Te", None, "xt")]
    end = {"choices": [{"delta": {}, "finish_reason": "length"}]}
    counts = {"choices": [], "usage": {"prompt_tokens": 90, "completion_tokens": 2}}
    completion = openai.decode(Http("http://x"), streamed(*text, end, counts), GREEDY)
    assert (completion.text, completion.finish_reason) == ("Text", FinishReason.LENGTH)
    assert (completion.prompt_tokens, completion.completion_tokens) == (90, 2)


PARTS = [{"type": "text", "text": "Te"}, {"type": "text", "text": "xt"}]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"choices": [{"message": {"content": PARTS}, "finish_reason": "stop"}]}, 0.5),
        streamed({"choices": [{"delta": {"content": PARTS}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ],
    ids=["whole", "streamed"],
)
def test_content_in_parts_is_read(reply: Reply) -> None:
    """Content that is a list of parts, as some servers send it, is the text of its parts."""
    completion = openai.decode(Http("http://x"), reply, GREEDY)
    assert (completion.text, completion.finish_reason) == ("Text", FinishReason.STOP)


@pytest.mark.parametrize("content", [7, {"text": "x"}, [7], []])
def test_content_that_is_no_text_is_unusable(content: object) -> None:
    """Anything else in the place of a text is no answer."""
    with pytest.raises(AnswerUnusable, match="without a text"):
        openai.decode(Http("http://x"), Reply(200, {"choices": [{"message": {"content": content}}]}, 0.5), GREEDY)


@pytest.mark.parametrize("digits", [30, 400, 4300])
@pytest.mark.parametrize("dialect", [ollama, openai, KoboldCpp()], ids=lambda dialect: dialect.NAME)
def test_absurd_token_counts_are_ignored(dialect: Any, digits: int) -> None:
    """A count that no server can mean is none; what adds and divides counts never sees it."""
    number = int("9" * digits)
    counts = {"prompt_tokens": number, "completion_tokens": number}
    data = {
        "message": {"content": "Text"},
        "choices": [{"message": {"content": "Text"}, "finish_reason": "stop"}],
        "results": [{"text": "Text", "finish_reason": "stop", **counts}],
        "usage": counts,
        "prompt_eval_count": number,
        "eval_count": number,
    }
    completion = dialect.decode(Http("http://x"), Reply(200, data, 0.0), GREEDY)
    assert completion.text == "Text"
    assert (completion.prompt_tokens, completion.completion_tokens) == (None, None)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([{"choices": [{"delta": {"content": "Te"}}]}], "in the middle"),
        ([{"choices": [{"delta": {"content": "Te"}}]}, {"error": {"message": "out of cheese"}}], "out of cheese"),
        ([None, 7, []], "in the middle"),
    ],
)
def test_broken_streams(events: list[object], words: str) -> None:
    """A stream that breaks off, or ends in an error, is unusable."""
    with pytest.raises(AnswerUnusable, match=words):
        openai.decode(Http("http://x"), streamed(*events), GREEDY)


WORDS = [
    (400, "request (9000 tokens) exceeds the available context size (8192 tokens)", RequestRefused),
    (400, "This model's maximum context length is 4096 tokens. However, your prompt contains 9", RequestRefused),
    (500, "Context size has been exceeded.", RequestRefused),
    (400, "At most 1 image(s) may be provided in one prompt.", RequestRefused),
    (500, "Failed to load image or audio file", RequestRefused),
    (500, "image input is not supported - hint: you may need to provide the mmproj", ServerRefused),
    (400, "llama is not a multimodal model", ServerRefused),
    (500, "this model is missing data required for image input", ServerRefused),
    (404, 'model "x" not found, try pulling it first', ServerRefused),
    (404, "The model `x` does not exist.", ServerRefused),
    (500, "model requires more system memory (9 GiB) than is available", ServerRefused),
    (400, "Invalid host header", ServerRefused),
    (500, "litellm.APIConnectionError: OllamaException - Cannot connect to host localhost:11434", ServerUnreachable),
    (400, "No connected db.", KeyRefused),
    (400, "400 The plain HTTP request was sent to HTTPS port 400 Bad Request nginx", ServerRefused),
    (400, "Client sent an HTTP request to an HTTPS server.", ServerRefused),
    (400, "You're speaking plain HTTP to an SSL-enabled server port.", ServerRefused),
    (413, "Request Entity Too Large", RequestTooLarge),
    (404, "Not Found", None),
    (404, "File Not Found", None),
    (500, "internal error", None),
    (503, "Loading model", None),
    (401, "context length", None),
]


@pytest.mark.parametrize(("status", "words", "kind"), WORDS)
def test_error_messages_are_classified(status: int, words: str, kind: type[ServerError] | None) -> None:
    """Known messages are quoted with a remedy and become the right error; unknown ones are left alone."""
    error = meaning("http://x", status, words)
    assert type(error) is (kind or type(None))
    if error is not None:
        assert words in error.message
        assert error.message.startswith(("http://x", "the "))
        json.dumps(error.hint)

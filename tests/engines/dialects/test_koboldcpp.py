"""KoboldCpp's dialect: request bodies, recorded answers of three versions, and the results of a probe."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp
from fakes.pictures import encode as encode_picture
from fakes.pictures import picture
from visionocr.engines.dialects import ALL, probe
from visionocr.engines.dialects.base import ProgressSnapshot
from visionocr.engines.dialects.koboldcpp import KoboldCpp, parse_version
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import TimedOut
from visionocr.errors import (
    AnswerUnusable,
    RequestRefused,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnknown,
    ServerUnreachable,
)
from visionocr.types import ChatMarkers, Completion, FinishReason, PageImage, PageRef, Prompt, Request, Sampler, Server

WIRE = Path(__file__).parent.parent.parent / "wire" / "koboldcpp" / "decode.jsonl"
RECORDED = {(entry["case"], entry["version"]): entry for entry in map(json.loads, WIRE.read_text("utf-8").splitlines())}
VERSIONS = ("1.76", "1.104", "1.115.1")
BASE = "http://ocr.example"
dialect = KoboldCpp()
SERVER = Server(BASE, "koboldcpp")
CHATML = ChatMarkers(
    system_start="<|im_start|>system\n",
    system_end="<|im_end|>\n",
    user_start="<|im_start|>user\n",
    user_end="<|im_end|>\n",
    assistant_start="<|im_start|>assistant\n",
    assistant_end="<|im_end|>\n",
)
PAGE = PageRef("a.pdf", 1, 1)


def image(number: int = 7, form: str = "JPEG") -> PageImage:
    """A picture with a number that the fake server reads."""
    return PageImage(PAGE, f"image/{form.lower()}", encode_picture(picture(number, (320, 400)), form), 320, 400)


def request(*images: PageImage, **changes: Any) -> Request:
    """A request about some images."""
    prompt = Prompt("Be exact.", (*images, "Read the page."), CHATML)
    sampler = Sampler(temperature=0, top_p=1, top_k=1, min_p=0, rep_pen=1, seed=11)
    return replace(Request(prompt, sampler, 500, stop_sequences=("<|im_end|>", "<|endoftext|>")), **changes)


def wire(body: dict[str, Any]) -> dict[str, Any]:
    """A body as it looks after the journey."""
    result: dict[str, Any] = json.loads(json.dumps(body))
    return result


# --- encode --------------------------------------------------------------------------------------------


def test_request_body() -> None:
    """The whole body of a page: the server silently ignores a field with a wrong name or type."""
    page = image()
    assert wire(dialect.encode(SERVER, request(page), "visionocr-1")) == {
        "prompt": "<|im_start|>system\nBe exact.<|im_end|>\n<|im_start|>user\nRead the page.<|im_end|>\n"
        "<|im_start|>assistant\n",
        "images": [base64.b64encode(page.data).decode()],
        "max_length": 500,
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": 1,
        "min_p": 0.0,
        "rep_pen": 1.0,
        "sampler_seed": 11,
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
        "stop_sequence": ["<|im_end|>", "<|endoftext|>"],
        "trim_stop": True,
        "render_special": False,
        "genkey": "visionocr-1",
        "replace_instruct_placeholders": False,
    }


TYPES: dict[str, type[object]] = {
    "prompt": str,
    "images": list,
    "max_length": int,
    "max_context_length": int,
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "rep_pen": float,
    "sampler_seed": int,
    **dict.fromkeys(("presence_penalty", "typical", "tfs", "top_a", "nsigma", "dynatemp_range"), float),
    **dict.fromkeys(("smoothing_factor", "dry_multiplier", "xtc_probability", "adaptive_target"), float),
    "mirostat": int,
    "stop_sequence": list,
    "trim_stop": bool,
    "render_special": bool,
    "genkey": str,
    "replace_instruct_placeholders": bool,
}


@pytest.mark.parametrize("value", [0, 1, 2])
def test_field_types(value: int) -> None:
    """Whole numbers in float fields become floats, ints stay ints, lists are lists, and nothing is null."""
    sampler = Sampler(temperature=value, top_p=value, top_k=value, min_p=value, rep_pen=value, seed=value + 1)
    body = wire(dialect.encode(SERVER, request(image(), sampler=sampler, context_length=4096), "k"))
    assert {name: type(field) for name, field in body.items()} == TYPES
    assert '"temperature": ' + f"{value}.0" in json.dumps(body)


def test_unknown_field_names_are_not_sent() -> None:
    """Names that other clients send and the server never reads are not in the body."""
    body = dialect.encode(SERVER, request(image()), "k")
    assert not {"temp", "seed", "stop", "max_tokens", "ignore_eos", "n", "stream", "repetition_penalty"} & set(body)


@pytest.mark.parametrize("seed", [1, 42, 999_999])
def test_seed_is_positive(seed: int) -> None:
    """The seed arrives as it is: 0 and below would be replaced by the clock."""
    assert dialect.encode(SERVER, request(sampler=Sampler(seed=seed)), "k")["sampler_seed"] == seed


def test_no_images_no_field() -> None:
    """Without a picture, or a wish for a context, the fields are left out, never empty or null."""
    body = dialect.encode(SERVER, request(), "k")
    assert "images" not in body
    assert "max_context_length" not in body
    assert None not in body.values()


@pytest.mark.parametrize("size", [1, 2, 3, 57, 58, 76, 1000, 100_000])
def test_base64(size: int) -> None:
    """Images are standard base64 without prefix, line breaks or other alphabets, and padded."""
    data = bytes((7 * n * n + 251) % 256 for n in range(size))
    page = replace(image(), data=data)
    (text,) = dialect.encode(SERVER, request(page), "k")["images"]
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text)
    assert len(text) % 4 == 0
    assert base64.b64decode(text, validate=True) == data


def test_order_of_images() -> None:
    """Images travel in the order of the pages, wherever the text stands."""
    pages = [image(number) for number in (3, 1, 2)]
    prompt = Prompt("", (pages[0], "Read.", pages[1], pages[2]), CHATML)
    sent = dialect.encode(SERVER, Request(prompt, Sampler(), 5), "k")["images"]
    assert sent == [base64.b64encode(page.data).decode() for page in pages]


def test_stop_sequences() -> None:
    """No more stop sequences are sent than the oldest server uses, the first ones first."""
    stops = tuple(f"<stop{number}>" for number in range(40))
    assert dialect.encode(SERVER, request(stop_sequences=stops), "k")["stop_sequence"] == list(stops[:32])


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_requests(version: str) -> None:
    """A request that real servers are known to understand comes out of the encoder with the same fields."""
    for case in ("length limit", "stop_sequence met, trim_stop true", "generation with genkey KCPP1, then aborted"):
        sent = RECORDED[case, version]["json"]
        ours = dialect.encode(
            SERVER,
            Request(
                Prompt("", (sent["prompt"],), ChatMarkers()),
                Sampler(temperature=sent["temperature"], top_k=sent["top_k"], seed=sent["sampler_seed"]),
                sent["max_length"],
                stop_sequences=tuple(sent.get("stop_sequence", ())),
            ),
            sent.get("genkey", "k"),
        )
        expected = {name: value for name, value in sent.items() if name != "ban_eos_token"}
        assert {name: ours[name] for name in expected} == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_picture_arrives(version: str, form: str) -> None:
    """The server reads the encoded picture, and the prompt has the model's chat markers."""
    with FakeKoboldCpp(version=version, context=8192) as server:
        Http(server.url).post(dialect.GENERATE, dialect.encode(SERVER, request(image(42, form)), "k"))
        (arrival,) = server.generated
    assert arrival.seen == (42,)
    assert arrival.prompt.endswith("<|im_start|>assistant\n")


def test_placeholders_are_not_rewritten() -> None:
    """Text that looks like KoboldCpp's own placeholders reaches the model as it is."""
    asked = replace(request(), prompt=Prompt("", ("What is {{[INPUT]}}?",), CHATML))
    with FakeKoboldCpp() as server:
        Http(server.url).post(dialect.GENERATE, dialect.encode(SERVER, asked, "k"))
        assert "What is {{[INPUT]}}?" in server.generated[0].prompt


# --- decode --------------------------------------------------------------------------------------------


@pytest.fixture
def mocked() -> Iterator[responses.RequestsMock]:
    """Answers to the questions that follow a completion."""
    with responses.RequestsMock() as mock:
        yield mock


def perf(version: str, tokens: int, stop_reason: int) -> dict[str, Any]:
    """``/api/extra/perf`` as recorded, for another generation."""
    recorded: dict[str, Any] = json.loads(RECORDED["perf right after a stop sequence", version]["body"])
    return recorded | {"last_token_count": tokens, "stop_reason": stop_reason}


def decoded(mock: responses.RequestsMock, case: str, version: str, about: Any = None) -> Completion:
    """The completion of a recorded answer; *about* is what perf says then, where it must be asked."""
    entry = RECORDED[case, version]
    if about is not None:
        mock.add("GET", BASE + "/api/extra/perf", body=json.dumps(about))
    mock.add("POST", BASE + dialect.GENERATE, body=entry["body"], status=entry["status"])
    http = Http(BASE)
    reply = http.post(dialect.GENERATE, entry.get("json") or b"{}")
    return dialect.decode(http, reply, request(max_length=entry.get("json", {}).get("max_length", 1)))


STOP, LENGTH, ABORTED = FinishReason.STOP, FinishReason.LENGTH, FinishReason.ABORTED

ENDS = [
    ("natural end (EOS)", "1.76", None, STOP, None, None),
    ("natural end (EOS)", "1.104", None, STOP, 13, 5),
    ("natural end (EOS)", "1.115.1", None, STOP, 13, 1),
    ("length limit", "1.76", (5, 0), LENGTH, None, None),
    ("length limit", "1.104", None, LENGTH, 13, 5),
    ("length limit", "1.115.1", None, LENGTH, 13, 5),
    ("stop_sequence met, trim_stop true", "1.76", (7, 2), STOP, None, None),
    ("stop_sequence met, trim_stop true", "1.104", (7, 2), STOP, 13, 7),
    ("stop_sequence met, trim_stop true", "1.115.1", (7, 2), STOP, 13, 7),
    ("stop_sequence given as a string", "1.104", (1, 2), STOP, 13, 1),
    ("generation with genkey KCPP1, then aborted", "1.76", (117, 0), ABORTED, None, None),
    ("generation with genkey KCPP1, then aborted", "1.104", (116, 0), ABORTED, 13, 116),
    ("generation with genkey KCPP1, then aborted", "1.115.1", (142, 0), ABORTED, 13, 142),
    ("--genlimit 5, max_length 16", "1.115.1", (5, 0), ABORTED, 13, 5),
    ("generate, one PNG", "1.76", (16, 0), LENGTH, None, None),
    ("generate, one PNG", "1.104", None, LENGTH, 66, 16),
    ("generate, one PNG", "1.115.1", None, LENGTH, 51, 16),
    ("576-token images: 4", "1.115.1", None, LENGTH, 13, 16),
    ("long prompt (changed start) + 1 image (does not fit)", "1.115.1", None, LENGTH, 2031, 16),
]


@pytest.mark.parametrize(("case", "version", "about", "reason", "prompt_tokens", "tokens"), ENDS)
def test_finish_reasons(
    case: str,
    version: str,
    about: tuple[int, int] | None,
    reason: FinishReason,
    prompt_tokens: int | None,
    tokens: int | None,
    mocked: responses.RequestsMock,
) -> None:
    """The finish reason is told although "length" means four different things; text and counts are unchanged."""
    completion = decoded(mocked, case, version, perf(version, *about) if about else None)
    assert completion.finish_reason is reason
    assert (completion.prompt_tokens, completion.completion_tokens) == (prompt_tokens, tokens)
    assert completion.text == json.loads(RECORDED[case, version]["body"])["results"][0]["text"]


def test_recorded_perf(mocked: responses.RequestsMock) -> None:
    """The recorded figures after a stop sequence are consistent."""
    for version in VERSIONS:
        recorded = json.loads(RECORDED["perf right after a stop sequence", version]["body"])
        assert decoded(mocked, "stop_sequence met, trim_stop true", version, recorded).finish_reason is STOP
        mocked.reset()


FAILURES = [
    *(("images is [null]", version, "null") for version in VERSIONS),
    ("images is null", "1.115.1", "null"),
    ("generate, good image first, bad image second", "1.76", "no text and no tokens"),
    ("generate, good image first, bad image second", "1.104", "no text and no tokens"),
    ("generate, good image first, bad image second", "1.115.1", "finish_reason error"),
    ("generate, bad image first, good image second", "1.104", "no text and no tokens"),
    *(("queued, aborted by key before its turn", version, "aborted in its queue") for version in VERSIONS),
    *(("later request that happens to use that genkey", version, "no text and no tokens") for version in VERSIONS),
    ("--nomodel: generate", "1.76", "no text"),
    ("--nomodel: generate", "1.104", "no text"),
    ("--nomodel: generate", "1.115.1", "finish_reason error"),
]


@pytest.mark.parametrize(("case", "version", "words"), FAILURES)
def test_failures_with_status_200(case: str, version: str, words: str, mocked: responses.RequestsMock) -> None:
    """``null``, "error" and an empty text without tokens are failures, in spite of status 200."""
    with pytest.raises(AnswerUnusable, match=words):
        decoded(mocked, case, version)


REFUSALS = [
    ("malformed JSON", RequestRefused),
    ("body of 33 MiB", RequestRefused),
    ("password set, no Authorization header", ServerRefused),
    ("second request while the first runs, --multiuser 0", ServerBusy),
]


@pytest.mark.parametrize(("case", "kind"), REFUSALS)
@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_refusals(case: str, version: str, kind: type[ServerError], mocked: responses.RequestsMock) -> None:
    """Recorded error answers become the right kind of error."""
    with pytest.raises(kind):
        decoded(mocked, case, version)


@pytest.mark.parametrize("case", ["10 at once, number 9", "--ratelimit 3, second at once"])
def test_two_kinds_of_busy(case: str, mocked: responses.RequestsMock) -> None:
    """A full queue and a rate limit are both retried."""
    with pytest.raises(ServerBusy):
        decoded(mocked, case, "1.104" if case.startswith("10") else "1.115.1")


def reply(**result: object) -> Reply:
    """An answer with one result."""
    return Reply(200, {"results": [result]}, 1.5)


def test_empty_page(mocked: responses.RequestsMock) -> None:
    """An empty text with "stop" is an answer: the model had nothing to say."""
    completion = dialect.decode(Http(BASE), reply(text="", finish_reason="stop"), request())
    assert (completion.text, completion.finish_reason) == ("", STOP)
    completion = dialect.decode(
        Http(BASE), reply(text="", finish_reason="stop", prompt_tokens=9, completion_tokens=1), request()
    )
    assert (completion.finish_reason, completion.completion_tokens, completion.seconds) == (STOP, 1, 1.5)


def test_error_with_a_text() -> None:
    """The reason "error" is a failure even where a part of the text came."""
    answer = reply(text=" things", finish_reason="error", prompt_tokens=13, completion_tokens=7)
    with pytest.raises(AnswerUnusable, match="finish_reason error"):
        dialect.decode(Http(BASE), answer, request())


@pytest.mark.parametrize(
    "about",
    [
        perf("1.115.1", 8, 2),
        perf("1.115.1", 7, -1),
        perf("1.115.1", 7, 9),
        perf("1.115.1", 7, 2) | {"stop_reason": [2]},
        perf("1.115.1", 7, 2) | {"stop_reason": None},
        perf("1.115.1", 7, 2) | {"last_token_count": "7"},
        {},
        [],
        None,
        "busy",
    ],
)
def test_perf_of_another_request(about: object, mocked: responses.RequestsMock) -> None:
    """Figures that do not fit our answer, or make no sense, are not used."""
    mocked.add("GET", BASE + "/api/extra/perf", body=json.dumps(about))
    answer = reply(text=" things", finish_reason="length", prompt_tokens=13, completion_tokens=7)
    assert dialect.decode(Http(BASE), answer, request(max_length=40)).finish_reason is FinishReason.UNKNOWN


@pytest.mark.parametrize("status", [404, 401, 500, 503])
def test_no_perf(status: int, mocked: responses.RequestsMock) -> None:
    """When perf fails the finish reason is unknown, and the page is kept."""
    mocked.add("GET", BASE + "/api/extra/perf", status=status)
    completion = dialect.decode(Http(BASE), reply(text=" things", finish_reason="length"), request())
    assert (completion.text, completion.finish_reason) == (" things", FinishReason.UNKNOWN)


@pytest.mark.parametrize("kind", faults.WRONG_TYPES, ids=lambda kind: kind.answer.body.decode())
def test_json_of_wrong_shape(kind: faults.ServerFault, koboldcpp: FakeKoboldCpp) -> None:
    """JSON of any other shape is no completion."""
    koboldcpp.plan[ANY] = kind
    http = Http(koboldcpp.url)
    answer = http.post(dialect.GENERATE, {"prompt": "x"})
    with pytest.raises(AnswerUnusable):
        dialect.decode(http, answer, request())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.sampled_from(["", "stop", "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
RESULT = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("text", "finish_reason", "prompt_tokens", "completion_tokens", "tool_calls"), JSON_VALUES),
)


@given(data=JSON_VALUES | st.fixed_dictionaries({"results": st.lists(RESULT, max_size=2)}), about=JSON_VALUES)
@settings(deadline=None, max_examples=150)
def test_any_json(data: object, about: object) -> None:
    """Any JSON at all becomes a completion with sane fields, or an unusable answer."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add("GET", BASE + "/api/extra/perf", body=json.dumps(about))
        try:
            completion = dialect.decode(Http(BASE), Reply(200, data, 0.0), request())
        except AnswerUnusable:
            return
    assert isinstance(completion.text, str)
    assert isinstance(completion.finish_reason, FinishReason)
    for count in (completion.prompt_tokens, completion.completion_tokens):
        assert count is None or (type(count) is int and count >= 0)


# --- short requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_count_tokens(version: str, mocked: responses.RequestsMock) -> None:
    """Tokens are counted as recorded; a server that cannot gives no number."""
    good, bad = RECORDED["tokencount", version], RECORDED["tokencount, malformed", version]
    mocked.add("POST", BASE + "/api/extra/tokencount", body=good["body"], status=good["status"])
    assert dialect.count_tokens(Http(BASE), SERVER, good["json"]["prompt"]) == 5
    assert json.loads(mocked.calls[0].request.body or b"") == good["json"]
    mocked.replace("POST", BASE + "/api/extra/tokencount", body=bad["body"], status=bad["status"])
    assert dialect.count_tokens(Http(BASE), SERVER, "x") is None


@pytest.mark.parametrize("answer", [None, [], {}, {"value": -1}, {"value": "5"}, {"value": True}])
def test_count_tokens_of_wrong_type(answer: object, mocked: responses.RequestsMock) -> None:
    """A count of a wrong type counts as none."""
    mocked.add("POST", BASE + "/api/extra/tokencount", body=json.dumps(answer))
    assert dialect.count_tokens(Http(BASE), SERVER, "x") is None


def test_abort(koboldcpp: FakeKoboldCpp) -> None:
    """An abort carries its key, and one without a key is never sent."""
    dialect.abort(Http(koboldcpp.url), "visionocr-5")
    with pytest.raises(AssertionError):
        dialect.abort(Http(koboldcpp.url), "")
    assert koboldcpp.abort_keys == ["visionocr-5"]
    assert koboldcpp.requests[0].body == {"genkey": "visionocr-5"}


@pytest.mark.parametrize(
    ("changes", "idle"),
    [({}, True), ({"idle": 0}, False), ({"queue": 1}, False), ({"idle": 0, "queue": 2}, False)],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_is_idle(version: str, changes: dict[str, int], idle: bool, mocked: responses.RequestsMock) -> None:
    """A server is idle when nothing runs and nothing waits."""
    mocked.add("GET", BASE + "/api/extra/perf", json=perf(version, 7, 2) | changes)
    assert dialect.is_idle(Http(BASE)) is idle


@pytest.mark.parametrize("version", VERSIONS)
def test_poll(version: str) -> None:
    """The snapshot has the text so far for the request's own key, and the queue; for another key no text."""
    with ThreadPoolExecutor(1) as pool, FakeKoboldCpp(version=version, context=8192) as fake:
        fake.plan[ANY] = faults.Hang(4)
        http = Http(fake.url)
        asked = pool.submit(http.post, dialect.GENERATE, dialect.encode(SERVER, request(image(7)), "mine"))
        fake.wait_for(lambda: fake.running == "mine")
        assert dialect.poll(http, "mine") == ProgressSnapshot(" Text of page 7", 0, 0)
        assert dialect.poll(http, "other").text == ""
        fake.release()
        asked.result(10)
        assert dialect.poll(http, "mine").generations == 1


@given(check=JSON_VALUES, about=JSON_VALUES)
@settings(deadline=None, max_examples=60)
def test_poll_any_json(check: object, about: object) -> None:
    """Any JSON at all gives a valid snapshot: polling never fails the page."""
    with responses.RequestsMock() as mock:
        mock.add("POST", BASE + "/api/extra/generate/check", body=json.dumps({"results": [check]}))
        mock.add("GET", BASE + "/api/extra/perf", body=json.dumps(about))
        snapshot = dialect.poll(Http(BASE), "k")
        mock.replace("POST", BASE + "/api/extra/generate/check", body=json.dumps(check))
        assert isinstance(dialect.poll(Http(BASE), "k").text, str)
    assert isinstance(snapshot.text, str)
    assert snapshot.waiting is None or snapshot.waiting >= 0


# --- probe ---------------------------------------------------------------------------------------------


def probed(server: FakeKoboldCpp, key: str | None = None) -> Server:
    """What a probe finds out."""
    return probe(Http(server.url, key))[0]


LIMITS = [
    ("1.60", 4, 2048, False, "takes no images"),
    ("1.61", 4, 2048, False, "older than 1.77"),
    ("1.76", 4, 2048, False, "older than 1.77"),
    ("1.77", 4, 2048, True, ""),
    ("1.81.1", 4, 2048, True, ""),
    ("1.82", 8, 2048, True, ""),
    ("1.83", 8, 1024, True, ""),
    ("1.104", 8, 1024, True, ""),
    ("1.104.yr0-ROCm", 8, 1024, True, ""),
    ("1.110.2", 8, 1024, True, ""),
    ("1.111", 16, 1024, True, ""),
    ("1.115.1", 16, 1024, True, ""),
    ("1.115.1-frankenfork", 16, 1024, True, ""),
    ("2.0", 16, 1024, True, ""),
]


@pytest.mark.parametrize(("version", "images", "side", "counts", "warning"), LIMITS)
def test_limits(version: str, images: int, side: int, counts: bool, warning: str) -> None:
    """Images per request, the clamp and the token counts follow the version, with or without a fork's suffix."""
    with FakeKoboldCpp(version=version, context=6000) as fake:
        server = probed(fake)
        assert not fake.generated
    assert (server.max_images, server.assumed_side, server.counts_tokens) == (images, side, counts)
    assert (server.max_side, server.max_body, server.slots) == (2048, 32 * 2**20, 1)
    assert (server.url, server.dialect, server.kind) == (fake.url, "koboldcpp", "KoboldCpp")
    assert (server.version, server.model, server.context_length) == (version, "tiny-vision", 6000)
    assert server.vision is True
    assert warning in "".join(server.warnings)
    assert bool(server.warnings) == bool(warning)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_probe(version: str, mocked: responses.RequestsMock) -> None:
    """The recorded answers of real servers give a server that can be used."""
    for case in ("GET /api/extra/version", "GET /api/v1/model", "GET /api/extra/true_max_context_length"):
        entry = RECORDED[case, version]
        mocked.add("GET", BASE + entry["path"], body=entry["body"])
    server, found = probe(Http(BASE))
    assert found is ALL[0]
    assert (server.version, server.model, server.vision, server.context_length) == (version, "tiny-llama", True, 2048)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_vision(version: str) -> None:
    """A server without a projector says that it cannot see, and so does the probe."""
    with FakeKoboldCpp(version=version, vision=False) as fake:
        assert probed(fake).vision is False
    recorded = json.loads(RECORDED["no mmproj: version", version]["body"])
    assert recorded["vision"] is False


@pytest.mark.parametrize("version", VERSIONS)
def test_no_model(version: str) -> None:
    """A server without a model is refused, with the flags that load one."""
    with (
        FakeKoboldCpp(version=version, llm=False) as fake,
        pytest.raises(ServerError, match="no model loaded") as caught,
    ):
        probed(fake)
    assert "--mmproj" in caught.value.hint


@pytest.mark.parametrize("key", [None, "wrong", "Sesame"])
@pytest.mark.parametrize("version", VERSIONS)
def test_wrong_key(version: str, key: str | None) -> None:
    """A wrong or missing key is found at once, by the call that waits for nobody, and the key is not shown."""
    with FakeKoboldCpp(version=version, password="sesame") as fake:
        with pytest.raises(ServerRefused, match="401") as caught:
            probed(fake, key)
        posts = [arrival.path for arrival in fake.requests if arrival.method == "POST"]
    assert posts == ["/api/extra/tokencount"]
    assert not (key and key in f"{caught.value!r} {caught.value.hint}")


@pytest.mark.parametrize("version", VERSIONS)
def test_right_key(version: str) -> None:
    """With the right key the probe sees the model's real name."""
    with FakeKoboldCpp(version=version, password="sesame", model="qwen2.5-vl-7b") as fake:
        assert probed(fake, "sesame").model == "qwen2.5-vl-7b"


def test_admin_key() -> None:
    """The admin password opens the server too, from the version that allows it."""
    with FakeKoboldCpp(version="1.115.1", password="sesame", admin_password="boss") as fake:
        assert probed(fake, "boss").model == "tiny-vision"


def test_probe_unreachable() -> None:
    """Where no server listens the probe raises ``ServerUnreachable``."""
    with FakeKoboldCpp() as fake:
        fake.die()
        with pytest.raises(ServerUnreachable):
            probed(fake)


@pytest.mark.parametrize(
    "kind",
    [
        faults.Html(),
        faults.Html(404),
        faults.Json({"result": "Other"}),
        faults.Json(["KoboldCpp"]),
        faults.Null(),
        faults.Closed(),
        faults.Json({}, 500),
    ],
    ids=repr,
)
def test_probe_of_an_unknown_server(kind: faults.Fault, koboldcpp: FakeKoboldCpp) -> None:
    """An unknown kind of server is an error that says so, with the usual ports."""
    koboldcpp.plan["/api/extra/version"] = koboldcpp.plan["/v1/models"] = kind
    with pytest.raises(ServerUnknown, match="is not a known kind of server") as caught:
        probed(koboldcpp)
    assert "5001" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "words", "hint"),
    [
        (faults.Json({}, 401), "refuses access", "wants a key"),
        (faults.Json({}, 403), "refuses access", "wants a key"),
        (faults.Redirect("https://ocr.example/login"), "redirects to https://ocr.example", "--api-url"),
    ],
)
def test_probe_behind_a_proxy(kind: faults.Fault, words: str, hint: str, koboldcpp: FakeKoboldCpp) -> None:
    """A proxy that wants a key, or redirects, is told apart from a server of another kind."""
    koboldcpp.plan["/api/extra/version"] = kind
    with pytest.raises(ServerUnknown, match=words) as caught:
        probed(koboldcpp)
    assert hint in caught.value.hint


def test_probe_of_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer is reported as such: it may have no free connection."""

    def silence(self: Http, path: str) -> Reply:
        raise TimedOut("http://ocr.example sent nothing for 15 s")

    monkeypatch.setattr(Http, "get", silence)
    with pytest.raises(ServerUnknown, match="sent nothing for 15 s"):
        probe(Http(BASE))


@pytest.mark.parametrize("path", ["/api/v1/model", "/api/extra/true_max_context_length"])
@pytest.mark.parametrize("kind", [faults.Html(404), faults.Null(), faults.Json({"result": None, "value": "many"})])
def test_probe_without_model_or_context(path: str, kind: faults.Fault, koboldcpp: FakeKoboldCpp) -> None:
    """A server that does not report its model or context is used without them."""
    koboldcpp.plan[path] = kind
    server = probed(koboldcpp)
    assert server.model == "" if path.endswith("model") else server.context_length is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.76", (1, 76)),
        ("1.115.1", (1, 115, 1)),
        ("1.104.yr0-ROCm", (1, 104)),
        ("1.9b", (1, 9)),
        ("v1.9", ()),
        ("", ()),
        ("1.", (1,)),
    ],
)
def test_parse_version(text: str, version: tuple[int, ...]) -> None:
    """Only the leading dotted numbers count, and they count as numbers."""
    assert parse_version(text) == version

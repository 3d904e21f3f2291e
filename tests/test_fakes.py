"""The fake server compared with recorded exchanges of real ones."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp, fixed, page_text
from fakes.pictures import encode, make_image, picture
from fakes.raw_client import Reply, ask
from fakes.vision import decode_bytes
from fakes.words import tokens

VERSIONS = ("1.76", "1.104", "1.115.1")
GENERATE = "/api/v1/generate"


def to_base64(data: bytes) -> str:
    """Bytes as a request carries them."""
    return base64.b64encode(data).decode()


PAGES = [to_base64(encode(picture(number, (320, 400)))) for number in range(20)]


def generate(server: FakeKoboldCpp, *numbers: int, **fields: object) -> Reply:
    """Ask a server about some pages."""
    images = [PAGES[number] for number in numbers]
    return ask(server.url, GENERATE, {"prompt": "Read.", "images": images, **fields})


def wait_until_queued(server: FakeKoboldCpp, waiting: int) -> None:
    """Block until one generation runs and so many requests wait."""
    server.wait_for(lambda: server.running is not None and server.waiting == waiting)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for requests that have to wait."""
    with ThreadPoolExecutor(16) as threads:
        yield threads


# --- recorded exchanges --------------------------------------------------------------------------------

WIRE = Path(__file__).parent / "wire" / "koboldcpp" / "exchanges.jsonl"
RECORDED = [json.loads(line) for line in WIRE.read_text(encoding="utf-8").splitlines()]
SCENES = {(entry["case"], entry["version"]): entry for entry in RECORDED}
TABLE = [entry for entry in RECORDED if "scenario" not in entry]
UNSEEN = "things home into again then might know red city to head her its country learn country"
"""The recorded model's answer without a picture."""
PROMPT, RECORDED_PROMPT_TOKENS, OUR_PROMPT_TOKENS = "Describe the picture.", 13, 5
EXACT = ("completion_tokens", "stop_reason", "queue", "idle", "admin", "last_token_count", "last_seed")


@dataclass(frozen=True, slots=True)
class Recorded(faults.OutputFault):
    """The recorded model's answer without a picture."""

    def _change(self, output: faults.ModelOutput, request: faults.ModelRequest) -> faults.ModelOutput:
        return output if request.numbers else replace(output, text=UNSEEN)


def like_recorded(version: str, **options: Any) -> FakeKoboldCpp:
    """A server set up as the recorded one."""
    tokens_each = fixed(options.pop("image_tokens", 16))
    server = FakeKoboldCpp(version=version, model="tiny-llama", context=2048, image_tokens=tokens_each, **options)
    server.plan[ANY] = Recorded()
    return server


@cache
def image_of(name: str) -> str:
    """The picture for a placeholder such as ``<a.png: PNG 640x480 RGB>``."""
    match = re.fullmatch(r"<(data|lines)?:? ?([a-z]+)_?([a-z0-9]*)\.\w+: (?:(\w+) (\d+)x(\d+) (\w+)|.*)>", name)
    assert match, name
    form, stem, _, fmt, width, height, mode = match.groups()
    if fmt is None:
        return to_base64(b"not an image, whatever you try " * 25)
    number = sum(map(ord, stem + name[2:3])) if stem == "n" else len(stem)
    text = to_base64(encode(picture(number, (int(width), int(height)), mode), fmt))
    if form == "lines":
        return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    return f"data:image/png;base64,{text}" if form == "data" else text


def replay(url: str, request: dict[str, Any]) -> Reply | None:
    """Send a recorded request; ``None`` when the connection ends without an answer."""
    value, raw, headers = request.get("json"), request.get("body"), dict(request.get("headers", {}))
    if isinstance(value, dict):
        value = dict(value)
        if isinstance(value.get("images"), list):
            value["images"] = [image_of(image) if image else image for image in value["images"]]
        if value.get("prompt") == "<long>":
            value["prompt"] = "OTHER WORDS " + "the house and the sea " * 480 + PROMPT
    if raw is not None and raw.startswith("<"):
        headers["Content-Length"], raw = raw[1:].split()[0], ""
    try:
        return ask(url, request["path"], value, raw=None if raw is None else raw.encode(), headers=headers)
    except http.client.RemoteDisconnected:
        return None


def assert_alike(recorded: Any, ours: Any, at: str = "") -> None:
    """Same keys, same types, same words; texts and most numbers may differ."""
    if isinstance(recorded, dict):
        assert list(recorded) == list(ours), at
        if at.endswith("logprobs"):
            return
        for key in recorded:
            assert_alike(recorded[key], ours[key], f"{at}.{key}")
    elif isinstance(recorded, list):
        assert isinstance(ours, list), at
        assert bool(recorded) == bool(ours), at
        for one, other in zip(recorded, ours, strict=False):
            assert_alike(one, other, at)
    elif isinstance(recorded, int | float) and not isinstance(recorded, bool):
        assert isinstance(ours, int | float), at
        assert recorded == ours or at.rpartition(".")[2] not in EXACT, at
    elif at.endswith(".text"):
        assert isinstance(ours, str), at
    else:
        assert recorded == ours, at


def assert_same(entry: dict[str, Any], reply: Reply | None) -> None:
    """The reply has the status, the headers and the shape of the recorded one."""
    expected = entry["response"]
    if expected is None or reply is None:
        assert expected is reply is None
        return
    assert reply.status == expected["status"]
    for name in ("server", "content-type"):
        assert reply.headers.get(name) == expected["headers"].get(name)
    assert ("content-length" in reply.headers) == ("content-length" in expected["headers"])
    assert not {"retry-after", "connection", "content-encoding"} & set(reply.headers)
    if "text" in expected:
        assert reply.body.decode() == expected["text"]
    else:
        assert_alike(expected["json"], reply.json)


@pytest.mark.slow
@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: f"{entry['version']}-{entry['case']}")
def test_answers_have_the_recorded_shape(entry: dict[str, Any]) -> None:
    """Status, headers and body of every reproducible exchange are those of the real server."""
    if entry["case"] == "natural end (EOS)":
        entry = json.loads(json.dumps(entry).replace('"completion_tokens": 5', '"completion_tokens": 17'))
        entry = json.loads(json.dumps(entry).replace('"completion_tokens": 1}', '"completion_tokens": 17}'))
    with like_recorded(entry["version"], **entry.get("options", {})) as server:
        reply = replay(server.url, entry["request"])
    assert_same(entry, reply)
    if reply is None or '"results"' not in reply.body.decode():
        return
    theirs, ours = entry["response"]["json"]["results"][0], reply.result
    request = entry["request"].get("json") or {}
    if theirs["text"].startswith(" things home"):
        assert ours["text"][:60] == theirs["text"][:60]
    elif not theirs["text"] and theirs["finish_reason"] != "stop":
        assert not ours["text"]
    elif request.get("images"):
        assert not ours["text"].startswith(" things home")
    if theirs.get("prompt_tokens") in (0, 2031):
        assert ours["prompt_tokens"] == theirs["prompt_tokens"]
    elif "prompt_tokens" in theirs and request.get("prompt") == PROMPT:
        assert ours["prompt_tokens"] - OUR_PROMPT_TOKENS == theirs["prompt_tokens"] - RECORDED_PROMPT_TOKENS


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version in turn."""
    return str(request.param)


def test_abort_and_check_of_a_running_generation(version: str, pool: ThreadPoolExecutor) -> None:
    """Check shows the text so far to the right key; an abort gives the waiting client the part that is there."""
    scene = SCENES["generation with genkey KCPP1, then aborted", version]
    for abort in ("abort without genkey while a keyed request runs", "abort with the right genkey while running"):
        with like_recorded(version) as server:
            server.plan[ANY] = faults.Hang(after=20, of=Recorded())
            running = pool.submit(replay, server.url, scene["request"])
            wait_until_queued(server, 0)
            assert server.running == "KCPP1"
            check = SCENES["check with the right genkey while running", version]
            seen = replay(server.url, check["request"])
            assert_same(check, seen)
            assert seen
            assert len(tokens(seen.text)) == 20
            for stranger in ({}, {"genkey": "other"}):
                assert not ask(server.url, "/api/extra/generate/check", stranger).text
            assert_same(SCENES[abort, version], replay(server.url, SCENES[abort, version]["request"]))
            reply = running.result()
        assert reply
        assert reply.text == seen.text
        assert reply.result["finish_reason"] == "length"
        assert reply.result.get("completion_tokens", 20) == 20
        assert list(reply.result) == list(scene["response"]["json"]["results"][0])


def test_an_abort_remembers_only_the_last_waiting_key(version: str, pool: ThreadPoolExecutor) -> None:
    """Of two aborted requests in the queue only the last aborted one ends at its turn; the first still runs."""
    with like_recorded(version) as server:
        server.plan[ANY] = [faults.Hang(), None, None]
        waiters: list[Future[Reply]] = []
        for key in ("RUN", "FIRST", "WAIT"):
            waiters.append(pool.submit(generate, server, 1, genkey=key, max_length=9))
            wait_until_queued(server, len(waiters) - 1)
        for key in ("FIRST", "WAIT"):
            reply = ask(server.url, "/api/extra/abort", {"genkey": key})
            assert reply.json == {"success": "true", "done": "false"}
        assert ask(server.url, "/api/extra/abort", {}).json["success"] == "false"
        server.release()
        first, second, third = (waiter.result() for waiter in waiters)
    assert first.text == second.text != ""
    assert_same(SCENES["queued, aborted by key before its turn", version], third)
    assert server.abort_keys == ["FIRST", "WAIT", ""]
    assert server.keyless_aborts == 1


def test_an_abort_of_an_unknown_key_stays_pending(version: str, pool: ThreadPoolExecutor) -> None:
    """The next request that happens to use the aborted key is aborted, once."""
    with like_recorded(version) as server:
        server.plan[ANY] = [faults.Hang(), None]
        waiters = []
        for key in ("A", "B"):
            waiters.append(pool.submit(generate, server, 1, genkey=key))
            wait_until_queued(server, len(waiters) - 1)
        ask(server.url, "/api/extra/abort", {"genkey": "Z"})
        server.release()
        assert all(waiter.result().text for waiter in waiters)
        assert_same(SCENES["later request that happens to use that genkey", version], generate(server, 1, genkey="Z"))
        assert generate(server, 1, genkey="Z").text
    assert server.reused_keys == ["Z"]


def test_abort_without_a_generation(version: str) -> None:
    """With nothing running an abort without key succeeds and one with a key does not; no abort becomes pending."""
    with like_recorded(version) as server:
        assert ask(server.url, "/api/extra/abort", {}).json == {"success": "true", "done": "true"}
        assert ask(server.url, "/api/extra/abort", {"genkey": "K"}).json["success"] == "false"
        assert generate(server, 1, genkey="K").text


def test_queue_length_by_version(version: str, pool: ThreadPoolExecutor) -> None:
    """Of concurrent requests older servers take seven and newer ones ten; the rest is refused at once."""
    scene = SCENES["10 at once, number 9", version]
    served = 10 if version == "1.115.1" else 7
    with like_recorded(version) as server:
        server.plan[ANY] = [faults.Hang()]
        replies = []
        for count in range(1, 9):
            replies.append(pool.submit(generate, server, 1, max_length=5))
            if count <= served:
                wait_until_queued(server, count - 1)
            else:
                assert replies[-1].result().status == 503
        ninth = pool.submit(replay, server.url, scene["request"])
        if served > 9:
            server.wait_for(lambda: server.waiting == 8)
        else:
            ninth.result()
        server.release()
        reply = ninth.result()
        assert [future.result().status for future in replies].count(200) == min(8, served)
    assert_same(scene, reply)
    assert server.most_at_once == (9 if served > 9 else 7)


def test_without_a_queue_a_second_request_is_refused(version: str, pool: ThreadPoolExecutor) -> None:
    """``--multiuser 0`` refuses whatever comes while a generation runs, but answers questions about itself."""
    scene = SCENES["second request while the first runs, --multiuser 0", version]
    with like_recorded(version, multiuser=0) as server:
        server.plan[ANY] = [faults.Hang()]
        first = pool.submit(generate, server, 1)
        wait_until_queued(server, 0)
        assert_same(scene, replay(server.url, scene["request"]))
        perf = ask(server.url, "/api/extra/perf").json
        assert (perf["idle"], perf["queue"]) == (0, 0)
        server.release()
        assert first.result().status == 200


def test_linger_keeps_the_lock_after_the_answer(version: str) -> None:
    """A server with ``linger`` refuses the next request although the first answer is complete."""
    scene = SCENES["second request sent as soon as the first body was complete, --multiuser 0", version]
    with like_recorded(version, multiuser=0, linger=60) as server:
        assert generate(server, 1).status == 200
        assert_same(scene, replay(server.url, scene["request"]))


def test_the_rate_limit_of_new_servers() -> None:
    """``--ratelimit`` refuses with a text of its own until the seconds are over."""
    now = [1000.0]
    scene = SCENES["--ratelimit 3, second at once", "1.115.1"]
    with like_recorded("1.115.1", ratelimit=3, clock=lambda: now[0]) as server:
        assert generate(server, 1).status == 200
        now[0] += 0.5
        assert_same(scene, replay(server.url, scene["request"]))
        now[0] += 3
        assert generate(server, 1).status == 200


def test_perf_has_the_stop_reason(version: str) -> None:
    """``stop_reason`` is -1 at first, then 2 for a stop sequence, 1 for the end token and 0 for the limit."""
    scene = SCENES["perf right after a stop sequence", version]
    with like_recorded(version) as server:
        request = {"prompt": PROMPT, "sampler_seed": 1, "stop_sequence": [" know"]}
        assert ask(server.url, "/api/extra/perf").json["stop_reason"] == -1
        ask(server.url, GENERATE, request)
        recorded = json.loads(json.dumps(scene).replace('"last_input_count": 13', '"last_input_count": 5'))
        assert_same(recorded, ask(server.url, "/api/extra/perf"))
        for length, reason in ((400, 1), (3, 0)):
            ask(server.url, GENERATE, {"prompt": PROMPT, "max_length": length})
            assert ask(server.url, "/api/extra/perf").json["stop_reason"] == reason


# --- facts beyond the recordings -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "seen"), [("1.76", range(4)), ("1.104", range(8)), ("1.110", range(8)), ("1.115.1", range(4, 20))]
)
def test_surplus_images_are_dropped(release: str, seen: range) -> None:
    """The first 4 or 8 images count on older servers, the last 16 on newer ones."""
    with FakeKoboldCpp(version=release, image_tokens=fixed(16), max_length=64) as server:
        assert generate(server, *range(20)).status == 200
    assert server.requests[0].seen == tuple(seen)
    assert server.requests[0].numbers == tuple(range(20))


@pytest.mark.parametrize(
    ("data", "number"),
    [
        *((encode(picture(5), fmt), 5) for fmt in ("JPEG", "PNG", "BMP", "GIF", "PPM", "TGA")),
        *((encode(picture(5, mode=mode)), 5) for mode in ("L", "LA", "RGBA", "P", "1", "I;16")),
        (encode(picture(5, mode="CMYK"), "JPEG"), 5),
        (encode(picture(5), "JPEG", progressive=True), 5),
        (encode(picture(5), "JPEG")[:-9000], 5),
        (encode(picture(5, mode="RGBA", transparent=True)), None),
    ],
)
def test_pictures_that_the_server_decodes(data: bytes, number: int | None) -> None:
    """Six formats and every colour mode decode; a transparent ground turns black."""
    seen = decode_bytes(data)
    assert seen
    assert seen.number == number


@pytest.mark.parametrize(
    "data",
    [*(encode(picture(5), fmt) for fmt in ("WEBP", "TIFF", "ICO", "PCX", "JPEG2000")), encode(picture(5))[:-900], b""],
)
def test_pictures_that_the_server_does_not_decode(data: bytes) -> None:
    """Other formats and broken PNG files are no pictures."""
    assert decode_bytes(data) is None


def test_exif_orientation_is_ignored(tmp_path: Path, koboldcpp: FakeKoboldCpp) -> None:
    """A photo that only its EXIF turns upright arrives lying on its side."""
    photo = make_image(tmp_path / "photo.jpg", 5, "JPEG", exif=6)
    ask(koboldcpp.url, GENERATE, {"prompt": "Read.", "images": [to_base64(photo.read_bytes())]})
    assert koboldcpp.requests[0].seen == (None,)


@pytest.mark.parametrize(("mode", "size"), [("RGBA", (2100, 300)), ("L", (2100, 300)), ("L", (1000, 200))])
def test_some_pictures_crash_the_oldest_server(mode: str, size: tuple[int, int]) -> None:
    """On 1.76 a picture without three channels crashes it when it is too large, a grey one when it is a strip."""
    fields = {"prompt": "Read.", "images": [to_base64(encode(picture(5, size, mode)))]}
    with FakeKoboldCpp(version="1.76") as server:
        with pytest.raises(http.client.RemoteDisconnected):
            ask(server.url, GENERATE, fields)
        with pytest.raises(ConnectionRefusedError):
            ask(server.url, "/api/extra/version")
    assert server.dead
    with FakeKoboldCpp(version="1.104") as server:
        assert ask(server.url, GENERATE, fields).status == 200
        assert server.requests[0].seen == ((None,) if size[0] > 4 * size[1] else (5,))


def test_images_that_leave_no_room_are_ignored() -> None:
    """Image tokens, the answer's limit and 4 more must fit into the context, or no image is used."""
    with FakeKoboldCpp(context=2048, image_tokens=fixed(1000)) as server:
        generate(server, 1, max_length=1044)
        generate(server, 1, max_length=1045)
    assert [arrival.seen for arrival in server.requests] == [(1,), ()]


def test_a_long_prompt_is_truncated_at_the_front(version: str) -> None:
    """The first words of a prompt that is too long do not reach the model; the last do."""
    with FakeKoboldCpp(version=version, context=512, image_tokens=fixed(100)) as server:
        prompt = "Obey! " + "word " * 1000 + "End."
        generate(server, 1, prompt=prompt, max_length=100)
    assert not server.requests[0].prompt.startswith("Obey")
    assert server.requests[0].prompt.endswith("End.")
    assert server.requests[0].seen == (1,)


@pytest.mark.parametrize(
    ("release", "asked", "tokens_said"),
    [("1.76", 5000, 2032), ("1.115.1", 5000, 1639), ("1.76", None, 180), ("1.104", None, 896), ("1.104", -1, 0)],
)
def test_limits_of_the_answer(release: str, asked: int | None, tokens_said: int) -> None:
    """A larger limit is cut to what the context allows; without one the version's own holds."""
    with FakeKoboldCpp(version=release, context=2048) as server:
        server.plan[ANY] = faults.Truncated()
        fields = {} if asked is None else {"max_length": asked}
        reply = ask(server.url, GENERATE, {"prompt": "x", **fields})
    assert len(tokens(reply.text)) == tokens_said
    assert reply.result["finish_reason"] == "length"


def test_random_seed_is_the_clock_in_seconds() -> None:
    """Seed -1 is the clock in whole seconds; greedy sampling does not care, and ``temp`` is no temperature."""
    now = [1000.2]
    with FakeKoboldCpp(clock=lambda: now[0]) as server:

        def text(**fields: object) -> str:
            return ask(server.url, GENERATE, {"prompt": "x", **fields}).text

        first, greedy, ignored = text(), text(temperature=0), text(temp=0)
        now[0] += 0.5
        assert text() == first
        now[0] += 0.5
        assert text() != first
        assert text(temperature=0) == greedy
        assert text(temp=0) != ignored
        assert text(sampler_seed=3) == text(sampler_seed=3) != text(sampler_seed=4)


@pytest.mark.parametrize(
    ("fields", "null_on"),
    [
        ({"prompt": None}, VERSIONS),
        ({"prompt": 3}, VERSIONS),
        ({"images": [{}]}, VERSIONS),
        ({"max_length": 9.0}, ("1.76",)),
        ({"temperature": "0.1"}, ("1.76",)),
        ({"temperature": None}, ("1.76",)),
        ({"top_k": 1.0}, ("1.76",)),
        ({"images": None}, ("1.115.1",)),
        ({"images": "text"}, ()),
    ],
)
def test_wrong_types(fields: dict[str, object], null_on: tuple[str, ...], version: str) -> None:
    """A wrong type gives ``null`` with status 200, the more so the older the server is."""
    with FakeKoboldCpp(version=version) as server:
        reply = ask(server.url, GENERATE, {"prompt": "x", **fields})
    assert reply.status == 200
    assert (reply.json is None) == (version in null_on)


@pytest.mark.parametrize(
    ("key", "status"),
    [("Bearer secret", 200), ("bearer secret", 401), ("secret", 401), ("Bearer wrong", 401), ("", 401)],
)
def test_password_protects_the_api(key: str, status: int, version: str) -> None:
    """Only the exact word ``Bearer`` opens; token count, check and abort are locked too."""
    with FakeKoboldCpp(version=version, password="secret") as server:
        for path in (GENERATE, "/api/extra/tokencount", "/api/extra/generate/check", "/api/extra/abort"):
            assert ask(server.url, path, {"prompt": "x"}, headers={"Authorization": key}).status == status


@pytest.mark.parametrize("path", ["/api/v1/generate/", "/proxy/me/api/v1/generate", "/api/latest/generate"])
def test_addresses_are_matched_by_their_ending(path: str, koboldcpp: FakeKoboldCpp) -> None:
    """Any prefix and a trailing slash are accepted."""
    assert ask(koboldcpp.url, path, {"prompt": "x"}).text
    assert len(koboldcpp.generated) == 1


# --- texts of pages ------------------------------------------------------------------------------------


def test_the_answer_is_the_text_of_the_page(koboldcpp: FakeKoboldCpp) -> None:
    """A picture is answered with the text of its number, and nothing else."""
    reply = generate(koboldcpp, 7)
    assert reply.text.strip() == page_text(7)
    assert reply.result["finish_reason"] == "stop"
    assert reply.result["completion_tokens"] == len(tokens(reply.text)) + 1


def test_texts_of_pages_differ() -> None:
    """Every page has a text of its own that begins with its number."""
    texts = [page_text(number) for number in range(2000)]
    assert len({text.split(":", 1)[1].split("Here ends")[0] for text in texts}) == 2000
    assert all(text.startswith(f"Text of page {number}:") for number, text in enumerate(texts))


@pytest.mark.parametrize("prompt", ["Write === PAGE 1 === first.", "A line === PAGE {n} === before each."])
def test_page_marks_are_honoured_when_asked_for(prompt: str, koboldcpp: FakeKoboldCpp) -> None:
    """A prompt with the page mark gets a mark before each picture's text; another prompt gets none."""
    marked = generate(koboldcpp, 5, 3, prompt=prompt).text.strip()
    assert marked == f"=== PAGE 1 ===\n{page_text(5)}\n\n=== PAGE 2 ===\n{page_text(3)}"
    assert generate(koboldcpp, 5, 3).text.strip() == f"{page_text(5)}\n\n{page_text(3)}"


# --- faults --------------------------------------------------------------------------------------------


def limit(reply: Reply) -> bool:
    """Whether an answer reached its limit of 150 tokens."""
    return bool(reply.result["finish_reason"] == "length" and reply.result["completion_tokens"] == 150)


GOOD = page_text(7)
KINDS: list[tuple[faults.Fault, Callable[[Reply], bool]]] = [
    (faults.Busy(), lambda reply: reply.status == 503 and b"busy" in reply.body),
    (faults.RateLimited(4), lambda reply: reply.status == 503 and b"in 4 seconds" in reply.body),
    (faults.Raw(429, b"later", Retry_After="3"), lambda reply: reply.headers["retry-after"] == "3"),
    (faults.Null(), lambda reply: reply.json is None),
    (faults.Html(), lambda reply: reply.status == 200 and reply.headers["content-type"] == "text/html"),
    (faults.Html(502), lambda reply: reply.status == 502 and b"<html>" in reply.body),
    (faults.NotJson(), lambda reply: len(reply.body) == int(reply.headers["content-length"])),
    (faults.NotUtf8(), lambda reply: b"\xff" in reply.body),
    (faults.Nested(), lambda reply: reply.body.count(b"[") == 100_000),
    (faults.Redirect(), lambda reply: reply.status == 307 and "203.0.113.7" in reply.headers["location"]),
    (faults.Huge(2**20), lambda reply: len(reply.text) == 2**20),
    *((kind, lambda reply: reply.status == 200 and isinstance(reply.json, object)) for kind in faults.WRONG_TYPES),
    (faults.Drip(1e-5), lambda reply: reply.text.strip() == GOOD),
    (faults.Slow(1e-5), lambda reply: reply.text.strip() == GOOD),
    (faults.FixedText("Something."), lambda reply: reply.text == " Something."),
    (faults.Empty(), lambda reply: (reply.text, reply.result["finish_reason"]) == ("", "stop")),
    (faults.AbortedInQueue(), lambda reply: (reply.text, reply.result["finish_reason"]) == ("", "length")),
    (faults.EngineError(), lambda reply: reply.result["finish_reason"] == "error"),
    (faults.Aborted(9), lambda reply: reply.result["completion_tokens"] == 9 and len(tokens(reply.text)) == 9),
    (faults.Loop("words"), lambda reply: limit(reply) and reply.text.endswith("very very very")),
    (faults.Loop("lines"), lambda reply: limit(reply) and reply.text.count("same line") > 10),
    (faults.Loop("rows"), lambda reply: limit(reply) and reply.text.count("| 12 |") > 5),
    (faults.Truncated(), lambda reply: limit(reply) and reply.text.strip().startswith(GOOD)),
    (faults.Refusal(), lambda reply: "I'm sorry" in reply.text),
    (faults.Echo(), lambda reply: reply.text == " Read this page."),
    (faults.Preamble(), lambda reply: reply.text.startswith(" Here is the transcription:\n\nText of page 7")),
    (faults.Fence(), lambda reply: reply.text.strip() == f"```markdown\n{GOOD}\n```"),
    (faults.Think(), lambda reply: reply.text.endswith(f"</think>\n\n{GOOD}")),
    (faults.Think(closed=False), lambda reply: limit(reply) and "</think>" not in reply.text),
    (faults.ImageIgnored(), lambda reply: "page 7" not in reply.text and reply.result["prompt_tokens"] < 40),
    (faults.Preamble(of=faults.Fence()), lambda reply: ":\n\n```markdown" in reply.text),
]


@pytest.mark.parametrize(("kind", "holds"), KINDS, ids=lambda value: repr(value)[:40] if value in KINDS else None)
def test_faults(kind: faults.Fault, holds: Callable[[Reply], bool], koboldcpp: FakeKoboldCpp) -> None:
    """Every fault does what its name says, once, and the next answer is good."""
    koboldcpp.plan[7] = [kind]
    prompt = "<|im_start|>user\nRead this page.<|im_end|>\n<|im_start|>assistant\n"
    assert holds(generate(koboldcpp, 7, prompt=prompt, max_length=150))
    assert generate(koboldcpp, 7).text.strip() == GOOD
    assert koboldcpp.asked == {7: 2}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (faults.Closed(), http.client.RemoteDisconnected),
        (faults.Reset(), ConnectionResetError),
        (faults.CutBody(), http.client.IncompleteRead),
    ],
)
def test_broken_connections(kind: faults.Fault, error: type[Exception], koboldcpp: FakeKoboldCpp) -> None:
    """The connection breaks in the planned way, and the server continues."""
    koboldcpp.plan[7] = [kind]
    with pytest.raises(error):
        generate(koboldcpp, 7)
    assert generate(koboldcpp, 7).text.strip() == GOOD


def test_an_endless_answer_ends_with_its_reader(koboldcpp: FakeKoboldCpp) -> None:
    """The server sends as long as the client reads, and stops when it leaves."""
    koboldcpp.plan[ANY] = faults.Endless()
    with socket.create_connection(koboldcpp.server_address[:2]) as connection:  # type: ignore[arg-type]
        connection.sendall(b"POST /api/v1/generate HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}")
        got = b""
        while len(got) < 2**20:
            got += connection.recv(2**16)
    koboldcpp.wait_for(lambda: koboldcpp.open_connections == 0)


def test_a_dead_server_refuses(koboldcpp: FakeKoboldCpp, pool: ThreadPoolExecutor) -> None:
    """When the process dies all connections end and new ones are refused."""
    koboldcpp.plan[1] = faults.Hang()
    hanging = pool.submit(generate, koboldcpp, 1)
    wait_until_queued(koboldcpp, 0)
    koboldcpp.die()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        hanging.result()
    with pytest.raises(ConnectionRefusedError):
        generate(koboldcpp, 3)


def test_a_crashing_picture_crashes_at_its_turn(koboldcpp: FakeKoboldCpp, pool: ThreadPoolExecutor) -> None:
    """The process dies when the request is processed, not when it arrives: earlier requests are answered."""
    koboldcpp.plan[1], koboldcpp.plan[2] = faults.Hang(), faults.Die()
    before = pool.submit(generate, koboldcpp, 1)
    wait_until_queued(koboldcpp, 0)
    deadly = pool.submit(generate, koboldcpp, 2)
    wait_until_queued(koboldcpp, 1)
    koboldcpp.release()
    assert before.result().json["results"][0]["text"].strip() == page_text(1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        deadly.result()


def test_plan_forms(koboldcpp: FakeKoboldCpp) -> None:
    """A list is used up, a fault stays, ``None`` is normal, a function decides, an address has its own plan."""
    koboldcpp.plan[1] = [faults.Busy(2), None, faults.Null()]
    koboldcpp.plan[2] = faults.Null()
    koboldcpp.plan[3] = lambda arrival: faults.Null() if arrival.ask < 3 else None
    koboldcpp.plan["/api/v1/model"] = [faults.Html(502)]

    def answers(number: int) -> list[str]:
        replies = [generate(koboldcpp, number) for _ in range(5)]
        return ["busy" if reply.status == 503 else "null" if reply.json is None else "good" for reply in replies]

    assert answers(1) == ["busy", "busy", "good", "null", "good"]
    assert answers(2) == ["null"] * 5
    assert answers(3) == ["null", "null", "good", "good", "good"]
    assert [ask(koboldcpp.url, "/api/v1/model").status for _ in range(2)] == [502, 200]
    assert koboldcpp.asked == {1: 5, 2: 5, 3: 5}


# --- threads and connections ---------------------------------------------------------------------------


def test_close_leaves_no_thread_and_no_connection(pool: ThreadPoolExecutor) -> None:
    """Closing ends hanging, waiting, idle and half-sent requests."""
    before = threading.active_count()
    with FakeKoboldCpp() as server:
        server.plan[ANY] = faults.Hang()
        with ThreadPoolExecutor() as threads:
            waiters = [threads.submit(generate, server, number) for number in (1, 2)]
            wait_until_queued(server, 1)
            with socket.create_connection(server.server_address[:2]) as idle:  # type: ignore[arg-type]
                idle.sendall(b"POST /api/v1/generate HTTP/1.0\r\nContent-Length: 99\r\n\r\n{")
                server.wait_for(lambda: server.open_connections == 3)
                server.close()
                assert idle.recv(1) == b""
            assert all(waiter.exception() for waiter in waiters)
    assert server.open_connections == 0
    assert server.most_connections == 3
    assert threading.active_count() == before


def test_idle_connections_block_the_server() -> None:
    """A server whose threads all wait for silent clients answers nobody until one of them leaves."""
    with FakeKoboldCpp(threads=2) as server:
        address: Any = server.server_address
        with socket.create_connection(address), socket.create_connection(address) as idle:
            server.wait_for(lambda: server.open_connections == 2)
            with socket.create_connection(address, timeout=0.05) as client:
                client.sendall(b"GET /api/extra/version HTTP/1.0\r\n\r\n")
                with pytest.raises(TimeoutError):
                    client.recv(1)
                idle.close()
                client.settimeout(10)
                assert client.recv(4) == b"HTTP"

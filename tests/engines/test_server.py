"""One server as an engine: retries, aborts by key, time-outs, the request queue and stops."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fakes import faults
from fakes.answers import Answer
from fakes.koboldcpp import ANY, FakeKoboldCpp, page_text
from fakes.loopback import Arrival
from fakes.pictures import encode, picture
from fakes.restarting_server import RestartingServer
from fakes.versions import Version
from visionocr.engines import token_counter
from visionocr.engines.connection import Connection
from visionocr.engines.dialects import probe
from visionocr.engines.dialects.koboldcpp import KoboldCpp
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import ConnectionLost, TimedOut
from visionocr.engines.request_queue import RequestQueue
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import (
    AnswerUnusable,
    Interrupted,
    RequestRefused,
    ServerBusy,
    ServerError,
    ServerRefused,
    ServerUnreachable,
)
from visionocr.stop import Stop
from visionocr.types import (
    ChatMarkers,
    Completion,
    Event,
    FinishReason,
    PageImage,
    PageRef,
    Progress,
    Prompt,
    Request,
    Retrying,
    Sampler,
)

GENERATE = "/api/v1/generate"
COUNT = "/api/extra/tokencount"
VERSION = "/api/extra/version"
PAGES = {number: encode(picture(number, (320, 400)), "JPEG") for number in range(1, 9)}


def request(number: int = 1, *, max_length: int = 400, text: str = "Read the page.") -> Request:
    """A request about one page."""
    image = PageImage(PageRef("a.pdf", number), "image/jpeg", PAGES[number], 320, 400)
    chat = ChatMarkers(user_start="<|im_start|>user\n", assistant_start="<|im_start|>assistant\n")
    return Request(Prompt("", (image, text), chat), Sampler(), max_length, stop_sequences=("<|im_end|>",))


@dataclass
class FakeTime(Stop):
    """A stop flag with a clock that only ``wait`` advances; the times waited are in ``sleeps``."""

    now: float = 0.0
    sleeps: list[float] = field(default_factory=list)
    during: Callable[[], object] = lambda: None
    """Called in every sleep."""

    def __post_init__(self) -> None:
        super().__init__()

    def clock(self) -> float:
        """The time."""
        return self.now

    def wait(self, seconds: float) -> bool:
        """Let time pass, at once."""
        self.sleeps.append(seconds)
        self.now += seconds
        self.during()
        assert len(self.sleeps) < 5000, "it never gives up"
        return self.is_requested


@dataclass
class Bench:
    """An engine in front of a fake server."""

    fake: FakeKoboldCpp
    engine: ServerEngine
    time: FakeTime
    events: list[Event]

    def keys(self) -> list[str]:
        """The generation keys that were used."""
        return [arrival.body["genkey"] for arrival in self.fake.generated]

    def paths(self) -> list[str]:
        """The paths that were asked after the probe."""
        return [arrival.path for arrival in self.fake.requests]


def make_bench(fake: FakeKoboldCpp, *, key: str | None = None, timeout: float = 5.0, **policy: Any) -> Bench:
    """An engine with a fake clock; the requests of its probe are removed from the record."""
    time, events = FakeTime(), list[Event]()
    http = Http(fake.url, key, timeout, clock=time.clock)
    server, dialect = probe(http)
    request_long_answer = RetryPolicy(**{"jitter": lambda: 1.0, "beginning": 0.0, **policy})
    engine = ServerEngine(http, server, dialect, observer=events.append, policy=request_long_answer, stop=time)
    fake.requests.clear()
    return Bench(fake, engine, time, events)


@pytest.fixture
def bench(koboldcpp: FakeKoboldCpp) -> Iterator[Bench]:
    """An engine for the newest server; at the end no key was reused and no abort was without a key."""
    bench = make_bench(koboldcpp)
    yield bench
    assert not koboldcpp.keyless_aborts
    assert not koboldcpp.reused_keys
    keys = {arrival.body["genkey"] for arrival in koboldcpp.generated if isinstance(arrival.body, dict)}
    assert set(koboldcpp.abort_keys) <= keys  # only its own
    if not koboldcpp.dead:
        koboldcpp.wait_for(lambda: koboldcpp.open_connections == 0)


# --- good answers --------------------------------------------------------------------------------------


def test_one_request_gives_one_completion(bench: Bench) -> None:
    """The completion has the token counts that prove the picture's use."""
    completion = bench.engine.complete(request(3))
    assert completion.text.strip() == page_text(3)
    assert (completion.finish_reason, completion.retries) == (FinishReason.STOP, 0)
    assert (completion.server, completion.model) == (bench.fake.url, "tiny-vision")
    assert completion.prompt_tokens is not None
    assert completion.text_tokens is not None
    assert completion.prompt_tokens - completion.text_tokens > 100
    assert bench.paths() == [COUNT, GENERATE]
    assert not bench.events
    assert not bench.time.sleeps


@pytest.mark.parametrize("version", ["1.76", "1.104", "1.115.1"])
def test_versions(version: str) -> None:
    """Every version answers, up to the one that counts no tokens."""
    with FakeKoboldCpp(version=version) as fake:
        bench = make_bench(fake)
        completion = bench.engine.complete(request(3))
    assert completion.text.strip() == page_text(3)
    assert (completion.prompt_tokens is None) == (version == "1.76")


def test_text_is_counted_once(bench: Bench) -> None:
    """The text, which is the same for every page, is counted once; another text anew."""
    for number in (1, 2, 3):
        bench.engine.complete(request(number))
    bench.engine.complete(request(4, text="Describe it."))
    assert bench.paths().count(COUNT) == 2


def test_failed_count_is_not_remembered(bench: Bench) -> None:
    """A count that failed once is asked for again: without it nobody sees that a picture was not used."""
    bench.fake.plan[COUNT] = [faults.Html(500)]
    assert bench.engine.complete(request(1)).text_tokens is None
    assert bench.engine.complete(request(2)).text_tokens is not None


def test_counts_of_many_texts_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of many different texts are right, and only some of them are kept."""
    monkeypatch.setattr(token_counter, "_MOST_COUNTS", 3)
    counts = [bench.engine.count_tokens("word " * number) for number in range(8)]
    assert counts == [bench.engine.count_tokens("word " * number) for number in range(8)]
    assert sorted({count for count in counts if count}) == sorted(count for count in counts if count)
    assert len(bench.engine._tokens._counts) <= 3


def test_threads(bench: Bench) -> None:
    """Several threads may ask at once: each gets its own answer, with a key of its own."""
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda number: bench.engine.complete(request(number)).text.strip(), PAGES))
    assert texts == [page_text(number) for number in PAGES]
    assert len(set(bench.keys())) == len(PAGES)
    assert bench.fake.most_connections <= 8


def test_constructor_sends_no_request(koboldcpp: FakeKoboldCpp) -> None:
    """Building and closing an engine sends no request."""
    bench = make_bench(koboldcpp)
    bench.engine.close()
    assert not koboldcpp.requests


# --- busy ----------------------------------------------------------------------------------------------


def test_busy_requests_are_retried(bench: Bench) -> None:
    """A busy server is asked again until it answers, with growing waits, fresh keys and a message."""
    bench.fake.plan[1] = [faults.Busy(4)]
    completion = bench.engine.complete(request(1))
    assert completion.text.strip() == page_text(1)
    assert completion.retries == 4
    assert bench.time.sleeps == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert len(set(bench.keys())) == 5
    retrying = [event for event in bench.events if isinstance(event, Retrying)]
    assert [(event.attempt, event.wait) for event in retrying] == [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6)]
    assert all("busy" in event.reason for event in retrying)


def test_busy_retries_are_limited_by_time_only(bench: Bench) -> None:
    """The number of busy answers does not matter, only their time; no wait is longer than the maximum."""
    bench.fake.plan[1] = [faults.Busy(60)]
    completion = bench.engine.complete(request(1))
    assert completion.text.strip() == page_text(1)
    assert completion.retries == 60
    assert max(bench.time.sleeps) == 10.0


@pytest.mark.slow
def test_a_server_that_stays_busy(bench: Bench) -> None:
    """After the time for busy servers the error is ``ServerBusy``."""
    bench.fake.plan[1] = faults.Busy()
    with pytest.raises(ServerBusy):
        bench.engine.complete(request(1))
    assert 1800 <= bench.time.now <= 1810


def test_busy_token_count_is_retried(bench: Bench) -> None:
    """A server that is too busy to count tokens is asked again."""
    bench.fake.plan[COUNT] = [faults.Busy(2)]
    completion = bench.engine.complete(request(1))
    assert (completion.retries, completion.text_tokens is None) == (2, False)


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_jitter(jitter: float, koboldcpp: FakeKoboldCpp) -> None:
    """Jitter shortens a wait by up to a half and never lengthens it."""
    bench = make_bench(koboldcpp, jitter=lambda: jitter)
    koboldcpp.plan[1] = [faults.Busy(2)]
    bench.engine.complete(request(1))
    assert bench.time.sleeps == pytest.approx([0.2 * (0.5 + jitter / 2), 0.4 * (0.5 + jitter / 2)])


def test_default_jitter() -> None:
    """The built-in jitter stays between 0 and 1 and varies."""
    values = {RetryPolicy().jitter() for _ in range(50)}
    assert all(0 <= value < 1 for value in values)
    assert len(values) > 5


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, bench: Bench) -> None:
    """Every status for overload is retried after the time in ``Retry-After``."""
    bench.fake.plan[1] = [faults.Raw(status, Retry_After="7")]
    assert bench.engine.complete(request(1)).retries == 1
    assert bench.time.sleeps == [7.0]


def test_retry_after_zero(bench: Bench) -> None:
    """``Retry-After: 0`` is retried no sooner than an answer without the header."""
    bench.fake.plan[1] = [faults.Raw(503, Retry_After="0")] * 4
    assert bench.engine.complete(request(1)).retries == 4
    assert bench.time.sleeps == pytest.approx([0.2, 0.4, 0.8, 1.6])


def test_rate_limit(bench: Bench) -> None:
    """A rate limit is waited out like a full queue."""
    bench.fake.plan[1] = [faults.RateLimited(times=2)]
    assert bench.engine.complete(request(1)).retries == 2


def test_default_sleep_is_interruptible(koboldcpp: FakeKoboldCpp) -> None:
    """Without an injected sleep, a wait for a busy server ends as soon as the run is stopped."""
    http = Http(koboldcpp.url)
    server, dialect = probe(http)
    waiting = threading.Event()
    engine = ServerEngine(http, server, dialect, observer=lambda _: waiting.set(), policy=RetryPolicy(first_wait=300))
    koboldcpp.plan[1] = faults.Busy()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.complete, request(1))
        assert waiting.wait(5)
        engine.cancel()
        with pytest.raises(Interrupted):
            asked.result(5)
    assert len(koboldcpp.generated) == 1


# --- final errors --------------------------------------------------------------------------------------

FINAL: list[tuple[faults.Fault, type[ServerError]]] = [
    (faults.Json({"detail": {"msg": "no"}}, 400), RequestRefused),
    (faults.Json({}, 401), ServerRefused),
    (faults.Json({}, 403), ServerRefused),
    (faults.Html(404), ServerRefused),
    (faults.Raw(413), RequestRefused),
    (faults.Json({"detail": {"type": "bad_input"}}, 500), RequestRefused),
    (faults.Json({"detail": {"msg": "oops"}}, 500), AnswerUnusable),
    (faults.Redirect(), ServerRefused),
    (faults.Null(), AnswerUnusable),
    (faults.Html(), AnswerUnusable),
    (faults.NotJson(), AnswerUnusable),
    (faults.CutBody(), ConnectionLost),
]


@pytest.mark.parametrize(("kind", "error"), FINAL, ids=[repr(kind)[:60] for kind, _ in FINAL])
def test_final_errors_are_not_retried(kind: faults.Fault, error: type[ServerError], bench: Bench) -> None:
    """Errors that the same bytes would cause again are raised at once; asking differently is the asker's business."""
    bench.fake.plan[1] = kind
    with pytest.raises(error):
        bench.engine.complete(request(1))
    assert len(bench.fake.generated) == 1
    assert not bench.time.sleeps


def test_a_refused_key_is_not_retried() -> None:
    """A key that is refused during a run raises at once."""
    with FakeKoboldCpp(password="sesame") as fake:
        bench = make_bench(fake, key="sesame")
        fake.password = "changed"
        with pytest.raises(ServerRefused) as caught:
            bench.engine.complete(request(1))
        assert len(fake.requests) == 1
    assert "sesame" not in f"{caught.value!r} {caught.value.hint}"


def test_body_limit(bench: Bench) -> None:
    """A body over the server's limit is refused before a byte of it is sent; one within it goes."""
    whole = len(json.dumps(bench.engine._dialect.encode(bench.engine.server, request(1), "visionocr-" + "0" * 16)))
    bench.engine.server = replace(bench.engine.server, max_body=whole)
    bench.engine.complete(request(1))
    bench.engine.server = replace(bench.engine.server, max_body=whole - 1)
    with pytest.raises(RequestRefused, match="KiB") as caught:
        bench.engine.complete(request(1))
    assert "--max-side" in caught.value.hint
    assert len(bench.fake.generated) == 1
    assert bench.fake.generated[0].size == whole


def test_body_over_the_servers_own_limit(bench: Bench) -> None:
    """A server with a lower limit than known refuses the request, not the run."""
    bench.fake.max_body = 1000
    with pytest.raises(RequestRefused, match="too big"):
        bench.engine.complete(request(1))
    assert not bench.time.sleeps


# --- absent servers and lost connections ---------------------------------------------------------------


def test_unreachable(bench: Bench) -> None:
    """A server that is gone is waited for, ever longer between attempts, and then given up as unreachable."""
    bench.fake.die()
    with pytest.raises(ServerUnreachable, match="cannot reach"):
        bench.engine.complete(request(1))
    assert bench.time.sleeps[:3] == pytest.approx([0.2, 0.4, 0.8])
    assert 600 <= sum(bench.time.sleeps) < 620


def test_unreachable_after_busy(bench: Bench) -> None:
    """The time that a server was busy does not use up the time for an absent one."""
    bench.fake.plan[1] = faults.Busy()
    bench.time.during = lambda: bench.fake.die() if len(bench.time.sleeps) == 6 else None
    with pytest.raises(ServerUnreachable):
        bench.engine.complete(request(1))
    assert sum(bench.time.sleeps[6:]) >= 600


@pytest.mark.parametrize("kind", [faults.Closed(), faults.Reset()], ids=repr)
def test_connection_closed(kind: faults.Fault, bench: Bench) -> None:
    """A connection that is closed without an answer, by a server that lives, is this page's failure."""
    bench.fake.plan[1] = kind
    with pytest.raises(ConnectionLost):
        bench.engine.complete(request(1))
    assert bench.paths() == [COUNT, GENERATE, VERSION]
    assert bench.engine.complete(request(2)).text.strip() == page_text(2)


def test_server_dies(bench: Bench) -> None:
    """A server that dies over a request is waited for, and nothing is sent to it while it is gone."""
    bench.fake.plan[1] = faults.Die()
    with pytest.raises(ServerUnreachable):
        bench.engine.complete(request(1))
    assert len(bench.fake.generated) == 1
    assert sum(bench.time.sleeps) >= 600
    assert "became unreachable while it worked" in str(bench.events[0])


def test_absent_and_busy_in_turn(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was there in between, though busy, is waited for anew when it goes away again."""
    gone = [ServerUnreachable("gone")] * 50
    script: list[ServerError] = [*gone, ServerBusy("busy"), *gone]
    good = bench.engine.complete_once

    def scripted(asked: Request, **options: Any) -> Completion:
        if script:
            raise script.pop(0)
        return good(asked, **options)

    monkeypatch.setattr(bench.engine, "complete_once", scripted)
    assert bench.engine.complete(request(1)).retries == 101
    assert bench.time.now > 800


def test_a_request_that_crashes_the_server_twice_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request over which a server died twice is refused, and the next page is read."""
    recognise, looks = KoboldCpp.recognise, itertools.count()

    def every_second(self: KoboldCpp, http: Http) -> Any:
        if next(looks) % 2 == 0:
            raise ServerUnreachable("gone")
        return recognise(self, http)

    bench.fake.plan[1] = faults.Closed()
    monkeypatch.setattr(KoboldCpp, "recognise", every_second)
    with pytest.raises(RequestRefused, match="became unreachable 2 times"):
        bench.engine.complete(request(1))
    assert len(bench.fake.generated) == len(set(bench.keys())) == 2
    assert bench.engine.complete(request(2)).text.strip() == page_text(2)


def test_connection_closed_by_a_busy_server(bench: Bench) -> None:
    """A server that closes a connection and then answers busy is alive: the page is not asked again."""
    bench.fake.plan[1] = faults.Closed()
    bench.fake.plan[VERSION] = faults.Busy()
    with pytest.raises(ConnectionLost):
        bench.engine.complete(request(1))


def test_a_dying_server_costs_no_ask(bench: Bench) -> None:
    """A server that closes connections and no longer says what it is, is dying: the request waits for its return."""
    bench.fake.plan[1] = [faults.Closed()]
    bench.fake.plan[VERSION] = [faults.Closed()]
    completion = bench.engine.complete(request(1))
    assert (completion.text.strip(), completion.retries) == (page_text(1), 1)


def test_a_failed_generation_is_sent_once_more(bench: Bench) -> None:
    """After an abort the engine fails once on the same request (1.115.1): the same bytes again, before any re-ask."""
    bench.fake.plan[1] = [faults.EngineError()]
    completion = bench.engine.complete(request(1))
    assert (completion.text.strip(), completion.retries) == (page_text(1), 1)
    first, second = (dict(arrival.body) for arrival in bench.fake.generated)
    assert first.pop("genkey") != second.pop("genkey")
    assert first == second


@pytest.mark.parametrize("kind", [faults.EngineError(), faults.AbortedInQueue()], ids=repr)
def test_a_generation_that_fails_twice(kind: faults.Fault, bench: Bench) -> None:
    """What fails again is the page's failure."""
    bench.fake.plan[1] = kind
    with pytest.raises(AnswerUnusable):
        bench.engine.complete(request(1))
    assert len(bench.fake.generated) == 2


# --- restarts ------------------------------------------------------------------------------------------

CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"model": "another-model"}, "another-model"),
    ({"vision": False}, "no projector"),
    ({"context": 2048}, "its context is 2048"),
    ({"version": Version("1.76")}, "images in a request is 4"),
]


@pytest.mark.parametrize(("change", "words"), CHANGES, ids=[words for _, words in CHANGES])
def test_a_restart_as_another_server_ends_the_run(change: dict[str, Any], words: str, bench: Bench) -> None:
    """After a lost connection a server that is another one than was planned for gets no page, and it is said why."""
    bench.fake.plan[1] = [faults.Closed()]
    with pytest.raises(ConnectionLost):
        bench.engine.complete(request(1))
    vars(bench.fake).update(change)
    with pytest.raises(ServerRefused, match=words) as caught:
        bench.engine.complete(request(2))
    assert "started again" in caught.value.message
    assert "Repeat the command" in caught.value.hint
    assert len(bench.fake.generated) == 1


@pytest.mark.slow
def test_a_page_in_flight_is_not_booked_to_another_model() -> None:
    """A server that dies over a page and comes back with another model does not get the page again."""
    with RestartingServer() as fake:
        http = Http(fake.url, timeout=5.0)
        engine = ServerEngine(http, *probe(http), policy=RetryPolicy(first_wait=0.02, longest_wait=0.1))
        fake.plan[1] = [faults.Die()]
        fake.change(model="another-model")
        with pytest.raises(ServerRefused, match="another-model"):
            engine.complete(request(1))
        assert len(fake.instances) == 2
        assert not fake.current.generated


def test_a_restart_as_the_same_server(koboldcpp: FakeKoboldCpp) -> None:
    """The same server, even with a larger context, goes on; it is looked at once for each loss."""
    bench = make_bench(koboldcpp)
    koboldcpp.plan[1] = [faults.Reset()]
    with pytest.raises(ConnectionLost):
        bench.engine.complete(request(1))
    koboldcpp.context *= 2
    for number in (1, 2):
        assert bench.engine.complete(request(number)).text.strip() == page_text(number)
    assert bench.paths().count("/api/v1/model") == 1


# --- time-outs and aborts ------------------------------------------------------------------------------


def test_timeout(koboldcpp: FakeKoboldCpp) -> None:
    """A request that takes too long is aborted by its own key, and its server is idle before the error is raised."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    with pytest.raises(TimedOut):
        bench.engine.complete(request(1))
    assert koboldcpp.abort_keys == bench.keys()
    assert koboldcpp.running is None
    assert set(bench.paths()[2:]) == {"/api/extra/abort", "/api/extra/perf", "/api/extra/generate/check"}
    assert bench.engine.complete(request(2)).text.strip() == page_text(2)
    assert not koboldcpp.reused_keys


def test_timeout_waits_for_idle(koboldcpp: FakeKoboldCpp) -> None:
    """After a time-out the next page is not sent while the server still works."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    working = [faults.Json({"idle": 0, "queue": 0}), faults.Json({"idle": 1, "queue": 1})]
    koboldcpp.plan["/api/extra/perf"] = lambda arrival: working.pop(0) if koboldcpp.abort_keys and working else None
    with pytest.raises(TimedOut):
        bench.engine.complete(request(1))
    assert bench.time.sleeps[:2] == [0.5, 0.5]
    assert bench.paths().count("/api/extra/perf") >= 3


def test_timeout_gives_up_waiting(koboldcpp: FakeKoboldCpp) -> None:
    """A server that does not become idle after a time-out is waited for a minute at most."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    koboldcpp.plan["/api/extra/perf"] = faults.Json({"idle": 0})
    with pytest.raises(TimedOut):
        bench.engine.complete(request(1))
    assert sum(bench.time.sleeps) == 60.0


@pytest.mark.parametrize("path", ["/api/extra/abort", "/api/extra/perf"])
def test_timeout_when_abort_fails(path: str, koboldcpp: FakeKoboldCpp) -> None:
    """When abort and perf fail as well, the time-out is the error that is raised."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    koboldcpp.plan[path] = faults.Html(500)
    bench.time.during = koboldcpp.release
    with pytest.raises(TimedOut):
        bench.engine.complete(request(1))
    told = [event.reason for event in bench.events if isinstance(event, Retrying)]
    assert any("could not abort" in reason for reason in told) == (path == "/api/extra/abort")
    koboldcpp.release()


def test_a_long_beginning_is_no_timeout(koboldcpp: FakeKoboldCpp) -> None:
    """While the picture is encoded and the prompt processed there is no sign of life: that is waited for."""
    bench = make_bench(koboldcpp, timeout=0.1, beginning=60.0)
    koboldcpp.plan[1] = faults.Hang()
    looks = itertools.count()

    def look(_: Arrival) -> None:
        if next(looks) == 6:  # far over the time-out: a look takes a tenth of a second or more
            koboldcpp.release()

    koboldcpp.plan["/api/extra/generate/check"] = look
    assert bench.engine.complete(request(1)).text.strip() == page_text(1)
    assert not koboldcpp.abort_keys


def seconds_to_timeout(engine: ServerEngine) -> float:
    """How long it takes until the first page is given up."""
    began = time.monotonic()
    with pytest.raises(TimedOut):
        engine.complete(request(1))
    return time.monotonic() - began


def test_silence_after_the_beginning_is_a_timeout(koboldcpp: FakeKoboldCpp) -> None:
    """Once text has come, silence is counted in full."""
    bench = make_bench(koboldcpp, timeout=0.1, beginning=6.0)
    koboldcpp.plan[1] = faults.Hang(5)
    bench.time.during = koboldcpp.release
    assert seconds_to_timeout(bench.engine) < 5


def test_a_deaf_server_is_noticed_at_its_beginning(koboldcpp: FakeKoboldCpp) -> None:
    """A server that answers no other question either is given up after the time-out, though nothing has come yet."""
    bench = make_bench(koboldcpp, timeout=0.1, beginning=6.0)
    koboldcpp.plan[1] = faults.Hang()
    koboldcpp.plan.update({path: faults.Closed() for path in ("check", "perf", "version", "abort")})
    assert seconds_to_timeout(bench.engine) < 5


def test_a_beginning_is_measured_by_earlier_ones(koboldcpp: FakeKoboldCpp) -> None:
    """A server that has answered is given up after a multiple of the time that its answers took to begin."""
    http = Http(koboldcpp.url, timeout=0.1)
    engine = ServerEngine(http, *probe(http), policy=RetryPolicy(beginning=6.0))
    engine.complete(request(2))
    koboldcpp.plan[1] = faults.Hang()
    assert seconds_to_timeout(engine) < 5


def test_the_time_to_the_beginning_is_learnt(koboldcpp: FakeKoboldCpp) -> None:
    """The first answer tells how long the others may take to begin."""
    http = Http(koboldcpp.url, timeout=0.1)
    engine = ServerEngine(http, *probe(http))
    assert engine._limits().beginning == RetryPolicy().beginning
    koboldcpp.service_seconds = 0.2
    engine.complete(request(1))
    assert 0.1 < engine._limits().beginning < 20


def no_request_thread_left(engine: ServerEngine) -> bool:
    """Whether no thread waits for an answer."""
    posts = [thread for thread in threading.enumerate() if thread.name == f"post to {engine.server.url}"]
    for thread in posts:
        thread.join(5)
    return not any(thread.is_alive() for thread in posts)


def test_timeout_hangs_up(koboldcpp: FakeKoboldCpp) -> None:
    """After a time-out the connection is closed, even when the server does not take the abort."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    koboldcpp.plan["/api/extra/abort"] = faults.Html(500)
    koboldcpp.plan["/api/extra/perf"] = faults.Json({"idle": 1})
    with pytest.raises(TimedOut):
        bench.engine.complete(request(1))
    assert koboldcpp.running is not None
    assert no_request_thread_left(bench.engine)


def test_cancel_hangs_up(bench: Bench) -> None:
    """After ``cancel`` the connection is closed, even when the server does not take the abort."""
    bench.fake.plan[1] = faults.Hang()
    bench.fake.plan["/api/extra/abort"] = faults.Html(500)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.engine.complete, request(1))
        bench.fake.wait_for(lambda: bench.fake.running is not None)
        bench.engine.cancel()
        try:
            with pytest.raises(Interrupted):
                asked.result(2)
            assert no_request_thread_left(bench.engine)
        finally:
            bench.fake.release()


def test_abort_by_another_client(bench: Bench) -> None:
    """An answer that another client cut short has the finish reason of an abort."""
    bench.fake.plan[1] = faults.Aborted(12)
    completion = bench.engine.complete(request(1))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.ABORTED, 12)


def test_length(bench: Bench) -> None:
    """An answer that reaches its limit says so."""
    completion = bench.engine.complete(request(1, max_length=10))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.LENGTH, 10)


# --- stopping ------------------------------------------------------------------------------------------


def test_cancel(bench: Bench) -> None:
    """Stopping aborts what runs, by its own key, and returns quickly; nothing is asked afterwards."""
    bench.fake.plan[1] = faults.Hang(5)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.engine.complete, request(1))
        bench.fake.wait_for(lambda: bench.fake.running is not None)
        bench.engine.cancel()
        with pytest.raises(Interrupted):  # half an answer must not pass for the page's text
            asked.result(5)
    assert set(bench.fake.abort_keys) == set(bench.keys())
    before = len(bench.fake.requests)
    with pytest.raises(Interrupted):
        bench.engine.complete(request(2))
    bench.engine.cancel()
    assert len(bench.fake.requests) == before


def test_cancel_with_nothing_running(bench: Bench) -> None:
    """Stopping an engine that does nothing sends nothing."""
    bench.engine.cancel()
    with pytest.raises(Interrupted):
        bench.engine.complete(request(1))
    assert not bench.fake.requests


def test_cancel_of_several(bench: Bench) -> None:
    """With one request running and others in the queue, stopping names every one of them."""
    bench.fake.plan[ANY] = faults.Hang()
    bench.engine._queue = RequestQueue(1, 3, bench.time.clock, bench.time)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(bench.engine.complete, request(number)) for number in (1, 2, 3)]
        bench.fake.wait_for(lambda: bench.fake.running is not None and bench.fake.waiting == 2)
        bench.engine.cancel()
        bench.fake.wait_for(lambda: set(bench.fake.abort_keys) == set(bench.keys()))
        bench.fake.plan.clear()
        while not all(one.done() for one in asked):
            bench.fake.release()
            bench.fake.wait_for(lambda: bench.fake.running is None or bool(bench.fake.waiting))


def test_close_ends_running_requests(bench: Bench) -> None:
    """Closing an engine aborts what still runs, and returns when that is over."""
    bench.fake.plan[1] = faults.Hang()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(bench.engine.complete, request(1))
        bench.fake.wait_for(lambda: bench.fake.running is not None)
        bench.engine.close()
        assert bench.fake.abort_keys == bench.keys()
        with pytest.raises(Interrupted):
            asked.result(5)


@dataclass(frozen=True)
class DelayedConnection(Http):
    """A connection that holds the first page back until it is released."""

    left: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        quick: bool = False,
        connection: Connection | None = None,
        on_event: Callable[[Any], object] | None = None,
    ) -> Reply:
        """Post, but not at once."""
        if path == GENERATE and not self.left.is_set():
            self.left.set()
            assert self.may_go.wait(5)
        return super().post(path, body, quick=quick, connection=connection, on_event=on_event)


def test_cancel_before_the_request_arrives(koboldcpp: FakeKoboldCpp) -> None:
    """An abort that arrives before its request is repeated, so that the server does not work in vain."""
    http = DelayedConnection(koboldcpp.url, timeout=5.0)
    server, dialect = probe(http)
    engine = ServerEngine(http, server, dialect)

    def let_go(arrival: Arrival) -> None:
        http.may_go.set()

    koboldcpp.plan = {1: faults.Hang(5), "/api/extra/abort": let_go}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.complete, request(1))
        assert http.left.wait(5)
        engine.cancel()
        with pytest.raises(Interrupted):
            asked.result(5)
    assert len(koboldcpp.abort_keys) == 2
    assert set(koboldcpp.abort_keys) == {arrival.body["genkey"] for arrival in koboldcpp.generated}


def test_cancel_when_the_server_ignores_aborts(bench: Bench) -> None:
    """``cancel`` does not wait long for a server that ignores the abort."""
    bench.engine._policy = replace(bench.engine._policy, abort=0.1)
    stuck = faults.ServerFault(Answer(body=b'{"success": "true"}', length=19, pause=60.0))
    bench.fake.plan[1] = faults.Hang()
    bench.fake.plan["/api/extra/abort"] = stuck
    returned = threading.Event()

    def cancel() -> None:
        bench.engine.cancel()
        returned.set()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(bench.engine.complete, request(1))
        bench.fake.wait_for(lambda: bench.fake.running is not None)
        pool.submit(cancel)
        assert returned.wait(3)
        bench.fake.release()
        bench.fake.closing.set()


def test_cancel_during_a_timeout(koboldcpp: FakeKoboldCpp) -> None:
    """Stopping ends the wait for an idle server."""
    bench = make_bench(koboldcpp, timeout=0.1)
    koboldcpp.plan[1] = faults.Hang()
    koboldcpp.plan["/api/extra/perf"] = faults.Json({"idle": 0})
    bench.time.during = bench.engine.cancel
    with pytest.raises(Interrupted):
        bench.engine.complete(request(1))
    assert len(bench.time.sleeps) == 1


def test_cancel_between_attempts(bench: Bench) -> None:
    """Stopping while a busy server is waited for lets no further attempt start."""
    bench.fake.plan[1] = faults.Busy()
    bench.time.during = bench.engine.cancel
    with pytest.raises(Interrupted):
        bench.engine.complete(request(1))
    assert len(bench.fake.generated) == 1


def test_generation_keys(bench: Bench) -> None:
    """A key is long, random and has the program's prefix."""
    for number in PAGES:
        bench.engine.complete(request(number))
    keys = bench.keys()
    assert len(set(keys)) == len(PAGES)
    assert all(key.startswith("visionocr-") and len(key) >= 26 for key in keys)


# --- monitoring ----------------------------------------------------------------------------------------


def request_long_answer(number: int) -> Request:
    """A request with room for a long answer."""
    return replace(request(number), max_length=3000)


@pytest.mark.slow
def test_a_loop_is_stopped_as_it_happens(bench: Bench) -> None:
    """An answer that only repeats itself is aborted by its own key long before its limit, and says why it ended."""
    bench.fake.plan[1] = faults.Loop("lines", of=faults.Slow(12.0))
    completion = bench.engine.complete(request_long_answer(1))
    assert completion.finish_reason is FinishReason.LOOP
    assert (completion.completion_tokens or 0) < 2500
    assert bench.fake.abort_keys == bench.keys()
    assert any(isinstance(event, Progress) and event.characters for event in bench.events)


@pytest.mark.slow
def test_a_slow_answer_is_waited_for(koboldcpp: FakeKoboldCpp) -> None:
    """An answer may take far longer than the time-out as long as it grows."""
    bench = make_bench(koboldcpp, timeout=0.5)
    koboldcpp.plan[1] = faults.Slow(2.5)
    assert bench.engine.complete(request(1)).text.strip() == page_text(1)
    assert not koboldcpp.abort_keys


@pytest.mark.slow
def test_a_moving_queue_is_progress(koboldcpp: FakeKoboldCpp) -> None:
    """A request behind others does not time out while the others are served."""
    koboldcpp.service_seconds = 0.4
    others = make_bench(koboldcpp)
    others.engine._queue = RequestQueue(1, 4, others.time.clock, others.time)  # as several people would fill the queue
    bench = make_bench(koboldcpp, timeout=0.8)
    with ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(others.engine.complete, request(number)) for number in (2, 3, 4, 5)]
        koboldcpp.wait_for(lambda: koboldcpp.waiting == 3)
        assert bench.engine.complete(request(1)).text.strip() == page_text(1)
        assert all(one.result().text for one in waiting)
    assert not koboldcpp.abort_keys


@pytest.mark.slow
def test_the_longest_time_for_an_answer(koboldcpp: FakeKoboldCpp) -> None:
    """``max_time`` stops even an answer that grows, and keeps what there is of it."""
    bench = make_bench(koboldcpp)
    engine = ServerEngine(bench.engine._http, bench.engine.server, bench.engine._dialect, max_time=1.0)
    koboldcpp.plan[1] = faults.Slow(30.0)
    completion = engine.complete(request(1))
    assert completion.finish_reason is FinishReason.TIME
    assert page_text(1).startswith(completion.text.strip())
    assert koboldcpp.running is None


# --- the request queue ---------------------------------------------------------------------------------


def test_one_runs_and_one_waits(bench: Bench) -> None:
    """Whatever the number of threads, the server has one running and one queued request of ours at most."""
    bench.fake.service_seconds = 0.02
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda number: bench.engine.complete(request(number)).text.strip(), PAGES))
    assert texts == [page_text(number) for number in PAGES]
    assert bench.fake.most_at_once == 2


def test_seconds_exclude_the_queue(koboldcpp: FakeKoboldCpp) -> None:
    """The seconds of a page exclude the time that it waited behind another of ours."""
    http = Http(koboldcpp.url, timeout=5.0)
    server, dialect = probe(http)
    engine = ServerEngine(http, server, dialect)
    koboldcpp.service_seconds = 0.4
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.complete, request(1))
        koboldcpp.wait_for(lambda: koboldcpp.running is not None)
        second = pool.submit(engine.complete, request(2)).result()
    assert 0.35 < first.result().seconds < 0.65
    assert 0.35 < second.seconds < 0.65


@pytest.mark.slow
def test_waiting_behind_our_own_request_is_no_timeout(koboldcpp: FakeKoboldCpp) -> None:
    """A page queued behind a slow one of ours does not time out, though the queue does not move."""
    http = Http(koboldcpp.url, timeout=0.5)
    server, dialect = probe(http)
    engine = ServerEngine(http, server, dialect, max_time=4.0)
    koboldcpp.plan[1] = faults.Slow(2.5)  # its text grows
    koboldcpp.plan[2] = faults.Slow(2.5)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.complete, request(1))
        koboldcpp.wait_for(lambda: koboldcpp.running is not None)
        second = pool.submit(engine.complete, request(2))
        assert first.result().text.strip() == page_text(1)
        assert second.result().text.strip() == page_text(2)
    assert not koboldcpp.abort_keys


@pytest.mark.slow
def test_the_request_that_runs_is_watched() -> None:
    """When the server takes the later of two requests first, that one is watched: its loop is stopped."""
    with FakeKoboldCpp() as fake:
        http = DelayedConnection(fake.url, timeout=0.5)
        engine = ServerEngine(http, *probe(http), policy=RetryPolicy(beginning=0.0))
        fake.plan[1] = faults.Loop("lines", of=faults.Slow(12.0))
        fake.plan[2] = faults.Slow(0.1)
        with ThreadPoolExecutor(2) as pool:
            second = pool.submit(engine.complete, request(2))  # is sent first, but held back
            assert http.left.wait(5)
            first = pool.submit(engine.complete, request_long_answer(1))
            fake.wait_for(lambda: fake.running is not None)
            http.may_go.set()
            completion = first.result(20)
            assert completion.finish_reason is FinishReason.LOOP
            assert second.result(20).text.strip() == page_text(2)
        assert fake.abort_keys == [fake.genkeys[0]]


def test_a_server_without_a_queue() -> None:
    """A server that lets nobody wait gets one request at a time as soon as it has answered busy."""
    with FakeKoboldCpp(multiuser=0, service_seconds=0.05) as fake:
        bench = make_bench(fake)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda number: bench.engine.complete(request(number)), PAGES))
        assert [one.text.strip() for one in answers] == [page_text(number) for number in PAGES]
        assert bench.engine.capacity == 1
        assert sum(one.retries for one in answers) == 1


@pytest.mark.slow
def test_the_crashing_page_is_found() -> None:
    """After a server dies with two pages in it, each is asked again alone; only the one that crashes it is refused."""
    with RestartingServer(service_seconds=0.1) as fake:
        http = Http(fake.url, timeout=5.0)
        server, dialect = probe(http)
        engine = ServerEngine(http, server, dialect, policy=RetryPolicy(first_wait=0.02, longest_wait=0.1))
        fake.plan[1] = faults.Die()
        with ThreadPoolExecutor(3) as pool:
            pages = {number: pool.submit(engine.complete, request(number)) for number in (3, 1, 2)}
            with pytest.raises(RequestRefused, match="became unreachable 2 times"):
                pages[1].result(20)
            assert [pages[number].result(20).text.strip() for number in (2, 3)] == [page_text(2), page_text(3)]
        assert fake.asked[1] == 2

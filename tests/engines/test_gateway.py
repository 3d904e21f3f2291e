"""Servers behind a gateway (nginx, a tunnel): its time-outs, its limit of a request's size, and its own errors."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from fakes import faults
from fakes.gateway import Gateway
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.openai import FakeOpenAI
from fakes.pictures import encode, picture
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http
from visionocr.engines.monitor import Limits
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import AnswerUnusable, Interrupted, RequestTooLarge, ServerUnreachable
from visionocr.types import (
    ChatMarkers,
    Event,
    FinishReason,
    Notice,
    PageImage,
    PageRef,
    Prompt,
    Request,
    Retrying,
    Sampler,
)

GENERATE = "/api/v1/generate"
PAGES = {number: encode(picture(number, (320, 400)), "JPEG") for number in (1, 2, 3)}
PATIENCE = 0.15
"""Seconds after which the gateway gives up."""
SLOW = 0.5
"""Seconds that a page takes."""


def request(number: int, *, max_length: int = 400, stops: tuple[str, ...] = ("<|im_end|>",)) -> Request:
    """A request about one page."""
    image = PageImage(PageRef("a.pdf", number), "image/jpeg", PAGES[number], 320, 400)
    chat = ChatMarkers(user_start="<|im_start|>user\n", assistant_start="<|im_start|>assistant\n")
    return Request(Prompt("", (image, "Read the page."), chat), Sampler(), max_length, stop_sequences=stops)


def open_engine(url: str, events: list[Event], **policy: Any) -> ServerEngine:
    """An engine that asks through the gateway, and looks often at what runs."""
    server, dialect = probe(http := Http(url, timeout=5.0))
    engine = ServerEngine(http, server, dialect, observer=events.append, policy=RetryPolicy(first_wait=0.02, **policy))
    engine.__dict__["_limits"] = lambda: Limits(silence=5.0, first_poll=0.05, longest_pause=0.1)
    return engine


def notices(events: list[Event]) -> list[str]:
    """What the user is told."""
    return [event.message for event in events if isinstance(event, Notice)]


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[FakeKoboldCpp, Gateway]]]:
    """Start a server and a gateway in front of it; at the end nothing of ours runs there any more."""
    with ExitStack() as stack:

        def starter(*, patience: float = PATIENCE, status: int = 504, **options: Any) -> tuple[FakeKoboldCpp, Gateway]:
            server = stack.enter_context(FakeKoboldCpp(**options))
            return server, stack.enter_context(Gateway(server.url, patience=patience, status=status))

        yield starter


Start = Callable[..., tuple[FakeKoboldCpp, Gateway]]


# --- time-outs -----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("status", [504, 524, 408])
def test_an_answer_is_fetched_after_the_gateway_gave_up(start: Start, status: int) -> None:
    """The page is computed once and read in full, with the counts that prove the picture's use."""
    server, gateway = start(status=status, service_seconds=SLOW)
    events: list[Event] = []
    completion = open_engine(gateway.url, events).complete(request(3))
    assert completion.text.strip() == page_text(3)
    assert (completion.finish_reason, completion.retries) == (FinishReason.STOP, 0)
    assert completion.prompt_tokens is not None
    assert completion.text_tokens is not None
    assert completion.prompt_tokens - completion.text_tokens > 100
    assert completion.seconds >= SLOW
    assert len(server.generated) == 1
    assert not server.abort_keys


@pytest.mark.slow
def test_the_user_is_told_of_a_gateway_once(start: Start) -> None:
    """Pages behind an impatient gateway are asked for one by one, and one warning is given for all of them."""
    server, gateway = start(service_seconds=SLOW)
    events: list[Event] = []
    engine = open_engine(gateway.url, events)
    with ThreadPoolExecutor(3) as pool:
        texts = list(pool.map(lambda number: engine.complete(request(number)).text.strip(), PAGES))
    assert texts == [page_text(number) for number in PAGES]
    assert engine.capacity == 1
    assert len([text for text in notices(events) if "gave up waiting" in text]) == 1
    assert len(server.generated) <= len(PAGES) + 1  # one of the first two was called back out of the queue
    assert not server.reused_keys
    assert not server.keyless_aborts


def test_stop_sequences_are_cut_from_a_fetched_answer(start: Start) -> None:
    """The server trims them from its answers only, not from the text that is fetched."""
    server, gateway = start(service_seconds=SLOW)
    server.plan[1] = faults.FixedText("All of the page.\n### And more")
    completion = open_engine(gateway.url, []).complete(request(1, stops=("\n###",)))
    assert completion.text.strip() == "All of the page."
    assert completion.finish_reason is FinishReason.STOP


def test_a_fetched_answer_at_its_limit_says_so(start: Start) -> None:
    """An answer that reached the length limit has that finish reason."""
    _, gateway = start(service_seconds=SLOW)
    completion = open_engine(gateway.url, []).complete(request(1, max_length=10))
    assert (completion.finish_reason, completion.completion_tokens) == (FinishReason.LENGTH, 10)


def test_a_request_that_never_reached_the_server_is_sent_again(start: Start) -> None:
    """A gateway that gives up before it passed the request on has not cost the page."""
    server, gateway = start()
    server.plan[1] = [faults.Html(504)]
    completion = open_engine(gateway.url, []).complete(request(1))
    assert completion.text.strip() == page_text(1)
    assert completion.retries == 1
    assert server.asked[1] == 2


def test_an_answer_that_is_overtaken_is_marked(start: Start) -> None:
    """When another client's generation begins before the end was fetched, the text is known to be incomplete."""
    server, gateway = start()
    server.plan[1] = faults.Hang(5)
    engine = open_engine(gateway.url, [])
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(engine.complete, request(1))
        server.wait_for(lambda: any(arrival.status == 504 for arrival in gateway.requests))
        checks = len([arrival for arrival in server.requests if arrival.path.endswith("check")])
        server.wait_for(lambda: len([a for a in server.requests if a.path.endswith("check")]) > checks)
        server.plan[2] = faults.Hang(5)
        other = pool.submit(open_engine(server.url, []).complete, request(2))
        server.wait_for(lambda: server.waiting == 1)
        server.release()
        completion = asked.result(10)
        server.release()
        assert other.result(10).text.strip() == page_text(2)
    assert completion.finish_reason is FinishReason.ABORTED
    assert page_text(1).startswith(completion.text.strip())


@pytest.mark.slow
def test_a_loop_is_stopped_behind_a_gateway(start: Start) -> None:
    """An answer that only repeats itself is aborted by its own key, though its connection is lost."""
    server, gateway = start()
    server.plan[1] = faults.Loop("lines", of=faults.Slow(12.0))
    completion = open_engine(gateway.url, []).complete(request(1, max_length=3000))
    assert completion.finish_reason is FinishReason.LOOP
    assert server.abort_keys == server.genkeys
    assert server.running is None


@pytest.mark.slow
def test_cancel_aborts_behind_a_gateway(start: Start) -> None:
    """Stopping the run ends the generation whose connection is lost."""
    server, gateway = start()
    server.plan[1] = faults.Hang()
    engine = open_engine(gateway.url, [])
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(engine.complete, request(1))
        gateway.wait_for(lambda: any(arrival.status == 504 for arrival in gateway.requests))
        engine.cancel()
        with pytest.raises(Interrupted):
            asked.result(5)
    assert set(server.abort_keys) == set(server.genkeys)
    server.wait_for(lambda: server.running is None)


def test_a_server_whose_answers_cannot_be_fetched() -> None:
    """It is asked for answers in pieces, for which gateways go on waiting, now and from then on."""
    events: list[Event] = []
    with FakeOpenAI("plain") as server, Gateway(server.url) as gateway:
        engine = open_engine(gateway.url, events)
        server.plan[1] = [faults.Html(504)]
        texts = [engine.complete(request(number)).text.strip() for number in (1, 2)]
        streamed = [arrival.body["stream"] for arrival in server.generated]
    assert texts == [page_text(1), page_text(2)]
    assert streamed == [False, True, True]
    assert len([text for text in notices(events) if "proxy_read_timeout" in text]) == 1


@pytest.mark.parametrize("flavour", ["plain", "vllm"])
def test_a_gateway_that_gives_up_on_pieces_too(flavour: str) -> None:
    """Then the page has failed with the gateway's words: no busy server is waited for."""
    with FakeOpenAI(flavour) as server, Gateway(server.url) as gateway:
        engine = open_engine(gateway.url, [])
        server.plan[1] = faults.Html(504)
        with pytest.raises(AnswerUnusable, match=r"gave up waiting.*504"):
            engine.complete(request(1))
        assert len([arrival for arrival in server.generated if arrival.numbers]) == 2


def test_a_lost_request_is_not_waited_for_forever(start: Start) -> None:
    """On a server that others keep busy, a request of which nothing is ever seen is given up in the end."""
    server, gateway = start()
    server.plan[1] = faults.Hang()
    server.plan["/api/extra/perf"] = lambda arrival: faults.Json({"idle": 0, "queue": 1, "total_gens": arrival.seconds})
    engine = open_engine(gateway.url, [], busy=0.3, idle=0.1)
    with pytest.raises(AnswerUnusable, match="shows nothing"):
        engine.complete(request(1))
    assert set(server.abort_keys) <= set(server.genkeys)
    server.release()


# --- a server that is away -----------------------------------------------------------------------------


def test_a_server_away_behind_a_gateway_is_waited_for() -> None:
    """502 is an outage: it is reported and waited for as a closed port is, and no ask is spent."""
    events: list[Event] = []
    with FakeKoboldCpp() as server, Gateway(server.url) as gateway:
        engine = open_engine(gateway.url, events, absent=10.0)
        gateway.backend = "http://127.0.0.1:9"
        threading.Timer(0.1, lambda: setattr(gateway, "backend", server.url)).start()
        completion = engine.complete(request(1))
    assert completion.text.strip() == page_text(1)
    assert completion.retries
    assert [text for text in notices(events) if "cannot reach the server behind it" in text and "waiting up to" in text]


def test_a_gateway_with_its_back_end_down_is_an_outage() -> None:
    """LiteLLM's 500 for a server that is away is waited for; the page is not lost."""
    words = "litellm.InternalServerError: InternalServerError: OpenAIException - Connection error."
    down = faults.Json({"error": {"message": words, "type": None, "param": None, "code": "500"}}, 500)
    events: list[Event] = []
    with FakeOpenAI("plain") as server:
        engine = open_engine(server.url, events, absent=10.0)
        server.plan[1] = [down, down, down, down]
        completion = engine.complete(request(1))
    assert completion.text.strip() == page_text(1)
    assert completion.retries == 4
    assert len([text for text in notices(events) if "waiting up to" in text]) == 1


def test_an_outage_that_lasts_ends_the_run() -> None:
    """After the time of ``--wait-server`` the error is the one of a server that cannot be reached."""
    with FakeKoboldCpp() as server, Gateway(server.url) as gateway:
        engine = open_engine(gateway.url, [], absent=0.1)
        gateway.backend = "http://127.0.0.1:9"
        with pytest.raises(ServerUnreachable, match="502"):
            engine.complete(request(1))


# --- large requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [413, 404])
def test_the_limit_of_a_gateway_is_learnt(status: int) -> None:
    """What was refused as too large is not sent again; the error says how much smaller the picture must be."""
    events: list[Event] = []
    with FakeKoboldCpp() as server, Gateway(server.url, too_large=status) as gateway:
        engine = open_engine(gateway.url, events)
        small = Request(Prompt("", ("Read.",), ChatMarkers()), Sampler(), 5)
        engine.complete(small)
        gateway.limit = len(PAGES[1])  # base64 is longer by a third
        sent = itertools.count()
        for _ in range(2):
            with pytest.raises(RequestTooLarge) as caught:
                engine.complete(request(1))
            assert 0.5 < caught.value.scale < 1
            next(sent)
        assert len([arrival for arrival in gateway.requests if arrival.path == GENERATE]) == 2
        assert "client_max_body_size" in caught.value.hint
        assert len(notices(events)) == 1
        assert engine.complete(small).text
    assert not [event for event in events if isinstance(event, Retrying)]

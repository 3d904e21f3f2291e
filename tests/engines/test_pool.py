"""Several servers as one engine: distribution of requests, failing servers, limits and stops."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp, page_text
from fakes.pictures import encode, picture
from fakes.restarting_server import RestartingServer
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http
from visionocr.engines.limits import merge_limits, missing_capability
from visionocr.engines.pool import PoolEngine
from visionocr.engines.pool_member import PoolMember
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import Interrupted, RequestRefused, ServerBusy, ServerRefused, ServerUnreachable
from visionocr.types import ChatMarkers, Completion, Event, Notice, PageImage, PageRef, Prompt, Request, Sampler, Server

NUMBERS = range(1, 25)
PAGES = {number: encode(picture(number, (160, 200)), "JPEG") for number in NUMBERS}
QUICK = RetryPolicy(first_wait=0.02, longest_wait=0.2, absent=10.0)


def request(number: int) -> Request:
    """A request about one page."""
    image = PageImage(PageRef("a.pdf", number), "image/jpeg", PAGES[number], 160, 200)
    chat = ChatMarkers(user_start="<|im_start|>user\n", assistant_start="<|im_start|>assistant\n")
    return Request(Prompt("", (image, "Read the page."), chat), Sampler(), 400, stop_sequences=("<|im_end|>",))


def connect(url: str, key: str | None = None) -> ServerEngine:
    """A server, probed."""
    http = Http(url, key, 20.0)
    server, dialect = probe(http)
    return ServerEngine(http, server, dialect, policy=QUICK)


class Bench:
    """A pool of fakes."""

    def __init__(self, fakes: tuple[FakeKoboldCpp | RestartingServer, ...], **options: Any) -> None:
        self.events: list[Event] = []
        members = [PoolMember(fake.url, partial(connect, fake.url)) for fake in fakes]
        for member in members:
            member.engine = member.connect()
        self.members = members
        self.engine = PoolEngine(members, observer=self.events.append, policy=QUICK, **options)

    def read(self, numbers: range = NUMBERS) -> list[Completion]:
        """Every page, asked for by as many threads as the pool wants."""
        with ThreadPoolExecutor(self.engine.server.in_flight) as pool:
            return list(pool.map(lambda number: self.engine.complete(request(number)), numbers))

    def notices(self) -> str:
        """What was said."""
        return "\n".join(event.message for event in self.events if isinstance(event, Notice))


@contextmanager
def bench_of(
    *options: dict[str, Any], living: type[FakeKoboldCpp] | type[RestartingServer] = FakeKoboldCpp
) -> Iterator[Any]:
    """A pool of servers with these options, and the servers."""
    with ExitStack() as stack:
        fakes: tuple[Any, ...] = tuple(stack.enter_context(living(**each)) for each in options)
        bench = Bench(fakes)
        stack.callback(bench.engine.close)
        yield bench, fakes


def assert_all_read(completions: list[Completion], numbers: range = NUMBERS) -> None:
    """Every page has its own text."""
    assert [one.text.strip() for one in completions] == [page_text(number) for number in numbers]


def until(what: Callable[[], bool]) -> None:
    """Wait for something that nobody notifies about."""
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        threading.Event().wait(0.01)


# --- distribution --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_equal_servers_share_the_work(count: int) -> None:
    """Every page is answered once; each server has its share, and at most one request at work and one at hand."""
    with bench_of(*[{"service_seconds": 0.05}] * count) as (bench, fakes):
        assert_all_read(bench.read())
        asked = sum((fake.asked for fake in fakes), Counter[int | None]())
        assert all(asked[number] == 1 for number in NUMBERS)
        assert all(len(fake.generated) >= len(NUMBERS) / count / 2 for fake in fakes)
        assert all(fake.most_at_once == 2 for fake in fakes)


@pytest.mark.slow
def test_quick_servers_take_more() -> None:
    """A server that is four times as quick gets a multiple of the pages."""
    with bench_of({"service_seconds": 0.2}, {"service_seconds": 0.05}) as (bench, (slow, quick)):
        assert_all_read(bench.read())
        assert len(quick.generated) > 2 * len(slow.generated)


def test_idle_servers_are_preferred() -> None:
    """A request goes to an idle server rather than into the queue of another."""
    with bench_of({}, {}) as (bench, fakes):
        for fake in fakes:
            fake.plan[ANY] = faults.Hang()
        with ThreadPoolExecutor(2) as pool:
            asked = [pool.submit(bench.engine.complete, request(number)) for number in (1, 2)]
            for fake in fakes:
                fake.wait_for(lambda fake=fake: fake.running is not None)
                fake.release()
            assert_all_read([one.result() for one in asked], range(1, 3))


def test_completions_name_their_server() -> None:
    """A completion carries the address of its server."""
    with bench_of({}, {}) as (bench, fakes):
        assert {one.server for one in bench.read()} == {fake.url for fake in fakes}


# --- the end of a run ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_slow_server_does_not_keep_the_last_page() -> None:
    """A request that would be finished sooner elsewhere is aborted and sent to an idle server."""
    with bench_of({"service_seconds": 0.05}, {"service_seconds": 0.05}) as (bench, (slow, _)):
        assert_all_read(bench.read(range(1, 9)), range(1, 9))
        slow.plan[ANY] = faults.Slow(60.0)
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            assert_all_read(list(pool.map(bench.engine.complete, map(request, range(1, 5)))), range(1, 5))
        assert time.monotonic() - began < 20
        assert slow.abort_keys
        assert not slow.keyless_aborts


def test_requests_are_not_moved_to_servers_that_are_no_faster() -> None:
    """A slow page stays where it is when no server would be faster."""
    slow, quick = PoolMember("a", lambda: None), PoolMember("b", lambda: None)  # type: ignore[arg-type, return-value]
    slow.mean, quick.mean = 10.0, 10.0
    assert not any(slow.slower_than(quick, spent) for spent in (0.0, 5.0, 9.9, 15.0, 79.0))
    assert slow.slower_than(quick, 81.0), "it has got stuck"
    quick.mean = 1.0
    assert [slow.slower_than(quick, spent) for spent in (0.0, 7.9, 8.1, 9.9, 12.0)] == [True, True, False, False, True]
    quick.mean = 0.0
    assert not slow.slower_than(quick, 100.0), "nothing is known of it"
    assert not slow.slower_than(slow, 100.0)


# --- failing servers ----------------------------------------------------------------------------------


def test_one_server_dies_and_restarts() -> None:
    """Its page goes to another server, messages say so, and it is used again after its restart."""
    with bench_of(*[{"service_seconds": 0.05}] * 2, living=RestartingServer) as (bench, (one, other)):
        one.plan[ANY] = [None, None, faults.Die()]
        assert_all_read(bench.read())
        assert len(one.instances) == 2
        assert one.instances[0].generated
        assert one.instances[1].generated or other.current.generated
        until(lambda: f"{one.url} is available" in bench.notices())
        assert re.search(
            f"({one.url} became unreachable|cannot reach {one.url}).*: its pages go to others", bench.notices()
        )
        assert_all_read(bench.read())
        assert one.current.generated


@pytest.mark.slow
def test_all_servers_die_and_one_restarts() -> None:
    """The run waits for the first server that is back, and continues with it."""
    numbers = range(1, 7)
    with bench_of({"service_seconds": 0.3}, {"service_seconds": 0.3}, living=RestartingServer) as (bench, (one, other)):
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(bench.read, numbers)
            for fake in (one, other):
                fake.stay_down()
                fake.current.wait_for(lambda fake=fake: fake.current.running is not None and fake.current.waiting == 1)
            for fake in (one, other):
                fake.current.die()
            until(lambda: "no server is left" in bench.notices())
            one.come_back()
            assert_all_read(reading.result(20), numbers)
        assert "no server is left: waiting up to 10 s" in bench.notices()
        assert len(one.instances) == 2


def test_all_servers_stay_dead() -> None:
    """After the time that a single server would be waited for, the run ends as unreachable."""
    with bench_of({}, {}) as (bench, fakes):
        bench.engine._policy = replace(QUICK, absent=0.3)
        for fake in fakes:
            fake.die()
        with pytest.raises(ServerUnreachable, match="cannot reach"):
            bench.engine.complete(request(1))


def test_a_server_that_refuses_the_key_is_left_out() -> None:
    """A server that refuses the key during the run is left out; the others continue."""
    with bench_of({}, {}) as (bench, (one, other)):
        one.password = "changed"
        assert_all_read(bench.read())
        assert not [arrival for arrival in one.generated if arrival.status == 200]
        assert len(other.generated) >= len(NUMBERS)
        assert "refuses access" in bench.notices()
        one.password = ""
        until(lambda: f"{one.url} is available" in bench.notices())


def test_all_servers_refuse_the_key() -> None:
    """When every server refuses the key the error is raised at once: waiting would not help."""
    with bench_of({}, {}) as (bench, fakes):
        for fake in fakes:
            fake.password = "changed"
        began = time.monotonic()
        with pytest.raises(ServerRefused, match="refuses access"):
            bench.engine.complete(request(1))
        assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_page_that_crashes_two_servers_is_refused() -> None:
    """A page over which servers died twice is refused; every other page is read."""
    with bench_of(*[{"service_seconds": 0.02}] * 3, living=RestartingServer) as (bench, fakes):
        for fake in fakes:
            fake.plan[5] = faults.Die()

        def read(number: int) -> str:
            try:
                return str(bench.engine.complete(request(number)).text.strip())
            except RequestRefused as error:
                return error.message

        with ThreadPoolExecutor(bench.engine.server.in_flight) as pool:
            texts = list(pool.map(read, NUMBERS))
        assert "became unreachable 2 times" in texts[4]
        assert [text for text in texts if "became unreachable" not in text] == [page_text(n) for n in NUMBERS if n != 5]
        assert sum(fake.asked[5] for fake in fakes) == 2


def test_a_busy_server_gets_fewer_requests() -> None:
    """A full queue of one server is no failure: the page goes to a server that is free."""
    with bench_of({"service_seconds": 0.02}, {"service_seconds": 0.02}) as (bench, (busy, free)):
        busy.plan[ANY] = faults.Busy()
        assert_all_read(bench.read())
        assert len(busy.generated) < len(free.generated)


@pytest.mark.slow
def test_busy_servers_are_not_flooded() -> None:
    """``Retry-After: 0`` of busy servers does not make the pool ask more often."""
    with bench_of({}, {}) as (bench, fakes):
        bench.engine._policy = replace(QUICK, busy=1.0, first_wait=0.1)
        for fake in fakes:
            fake.plan[ANY] = faults.Raw(503, Retry_After="0")
        with pytest.raises(ServerBusy):
            bench.engine.complete(request(1))
        assert sum(len(fake.generated) for fake in fakes) < 30


def test_all_servers_stay_busy() -> None:
    """The run ends as busy after the time for that."""
    with bench_of({}, {}) as (bench, fakes):
        bench.engine._policy = replace(QUICK, busy=0.3)
        for fake in fakes:
            fake.plan[ANY] = faults.Busy()
        with pytest.raises(ServerBusy):
            bench.engine.complete(request(1))


def test_a_fast_failing_server_does_not_get_every_page() -> None:
    """A server that fails at once is paused for growing times instead of getting every page."""
    with bench_of({"service_seconds": 0.02}, {}) as (bench, (good, broken)):
        broken.plan[ANY] = faults.Null()

        def read(number: int) -> str:
            for _ in range(3):
                try:
                    return str(bench.engine.complete(request(number)).text.strip())
                except Exception:  # noqa: BLE001 - the next ask
                    continue
            return ""

        with ThreadPoolExecutor(bench.engine.server.in_flight) as pool:
            assert list(pool.map(read, NUMBERS)) == [page_text(number) for number in NUMBERS]
        assert len(broken.generated) < len(good.generated) / 2


# --- stopping ------------------------------------------------------------------------------------------


def test_cancel_aborts_on_all_servers() -> None:
    """Cancelling aborts running and queued requests on all servers at the same time, by their keys."""
    with bench_of({}, {}, {}) as (bench, fakes):
        for fake in fakes:
            fake.plan[ANY] = faults.Hang()
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(bench.engine.complete, request(number)) for number in range(1, 9)]
            for fake in fakes:
                fake.wait_for(lambda fake=fake: fake.running is not None and fake.waiting == 1)
            began = time.monotonic()
            bench.engine.cancel()
            assert time.monotonic() - began < 2.0
            for one in asked:
                with pytest.raises(Interrupted):
                    one.result(5)
        for fake in fakes:
            assert set(fake.abort_keys) == {arrival.body["genkey"] for arrival in fake.generated}
        with pytest.raises(Interrupted):
            bench.engine.complete(request(1))


# --- limits --------------------------------------------------------------------------------------------

HERE = Server("http://a", "koboldcpp", model="m", vision=True, context_length=8192, max_images=16, max_side=2048)


def test_limits_are_merged() -> None:
    """A pool has the smallest limits of its servers and the sum of their slots."""
    there = replace(
        HERE, url="http://b", context_length=4096, max_images=4, max_side=1024, max_body=5, slots=3, ahead=1
    )
    both = merge_limits([HERE, there])
    assert (both.context_length, both.max_images, both.max_side, both.max_body) == (4096, 4, 1024, 5)
    assert (both.slots, both.in_flight, both.url, both.vision) == (4, 5, "", True)
    assert merge_limits([HERE, replace(there, context_length=None)]).context_length == 8192
    assert merge_limits([HERE, replace(there, counts_tokens=False)]).counts_tokens is False
    assert merge_limits([HERE, replace(there, vision=None)]).vision is None
    assert merge_limits([HERE, replace(there, vision=False)]).vision is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"context_length": 4096}, "its context is 4096, but the run was planned for 8192"),
        ({"max_images": 4}, "images"),
        ({"max_body": 4}, "largest request"),
        ({"vision": False}, "cannot see pictures"),
        ({"counts_tokens": False}, "do not show"),
    ],
)
def test_a_late_server_must_meet_the_planned_limits(change: dict[str, Any], words: str) -> None:
    """A server with lower limits than planned for would drop pictures or cut prompts: it is not used."""
    assert words in missing_capability(HERE, replace(HERE, **change), strict=False)
    assert missing_capability(HERE, replace(HERE, context_length=16384, slots=4), strict=True) == ""


def test_a_late_server_with_another_model() -> None:
    """A server with another model is used with a warning, or with ``strict`` not at all."""
    other = replace(HERE, model="n")
    assert missing_capability(HERE, other, strict=False) == ""
    assert "'n', not 'm'" in missing_capability(HERE, other, strict=True)


@pytest.mark.slow
def test_a_server_restarted_with_a_smaller_context_is_not_used() -> None:
    """It is left out, and one message says so."""
    with bench_of({"context": 8192}, {"context": 8192}, living=RestartingServer) as (bench, (one, _)):
        one._options["context"] = 2048
        one.plan[ANY] = [faults.Die()]
        assert_all_read(bench.read())
        until(lambda: "cannot be used: its context is 2048" in bench.notices())
        assert_all_read(bench.read())
        assert not one.current.generated
        assert bench.notices().count("its context is 2048") == 1

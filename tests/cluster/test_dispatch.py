"""Pages go to workers and come back in order, without any real cluster."""

from __future__ import annotations

import functools
import random
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from interrupts import struck_everywhere

from fakes.pictures import make_image
from visionocr.cluster.dispatch import Dispatch
from visionocr.cluster.document_cache import Part
from visionocr.cluster.remote import Order, Outcome
from visionocr.cluster.scheduler import check_versions, connected, facts_of
from visionocr.documents.discovery import discover
from visionocr.documents.source import Place, Source
from visionocr.errors import ConfigurationError, ServerError, ServerUnreachable
from visionocr.reader import MOST_FINISHED
from visionocr.settings import Settings
from visionocr.types import PageRef, PageResult, Status

DIGEST = "d" * 64


class FakeSource(Source):
    """``count`` pages of one document; remembers how far it was read."""

    def __init__(self, count: int) -> None:
        super().__init__([])
        self.count = count
        self.taken = 0

    def pages(self) -> Any:
        """All pages."""
        for number in range(1, self.count + 1):
            self.taken = number
            yield PageRef("a.pdf", number, self.count, DIGEST)

    def load(self, page: PageRef, spec: Any) -> Any:
        """Never asked for."""
        raise AssertionError(page)

    def place(self, page: PageRef) -> Place:
        """Nowhere."""
        return Place("/a.pdf")


class FakeTeam:
    """Workers that answer one at a time, at random; ``deadly`` pages kill them, and others come in their place."""

    def __init__(self, workers: int, deadly: frozenset[int] = frozenset(), seed: int = 1) -> None:
        self.there = {f"w{n}": 2 for n in range(workers)}
        self.deadly = deadly
        self.chance = random.Random(seed)
        self.out: dict[int, tuple[str, Part]] = {}
        self.given: list[tuple[str, tuple[int, ...]]] = []
        self.deaths = 0
        self.suspects: set[PageRef] = set()
        """Pages that a worker had when it died."""
        self.most = 0
        self.stopped = False
        self.says: Callable[[str, Part], Outcome | None] = lambda worker, part: None

    def present(self) -> Mapping[str, int]:
        """Who is there."""
        return self.there

    def give(self, worker: str, part: Part) -> int:
        """Take a part."""
        ticket = len(self.given)
        self.out[ticket] = worker, part
        self.given.append((worker, tuple(page.number for page in part.pages)))
        self.most = max(self.most, len(self.out))
        assert sum(busy == worker for busy, _ in self.out.values()) <= self.there[worker]
        return ticket

    def returned(self, seconds: float) -> list[tuple[int, Outcome | None]]:
        """One of the parts; a death takes everything that the worker has."""
        if not self.out:
            return []
        ticket = self.chance.choice(list(self.out))
        worker, part = self.out[ticket]
        special = self.says(worker, part)
        if special is not None:
            del self.out[ticket]
            return [(ticket, special)]
        wanted = [page for place, page in enumerate(part.pages) if place not in part.absent]
        if {page.number for page in wanted} & self.deadly:
            self.deaths += 1
            del self.there[worker]
            self.there[f"n{self.deaths}"] = 2
            lost = [number for number, (busy, _) in self.out.items() if busy == worker]
            for number in lost:
                self.suspects.update(self.out.pop(number)[1].pages)
            return [(number, None) for number in lost]
        del self.out[ticket]
        return [(ticket, Outcome(tuple(PageResult(page, f"text {page.number}", Status.OK) for page in wanted)))]

    def send(self, worker: str, page: PageRef, path: str) -> str:
        """Nothing can be sent."""
        return "too large"

    def stop(self) -> list[tuple[int, Outcome | None]]:
        """Remember it."""
        self.stopped = True
        return []


def dispatch(source: Source, team: FakeTeam, **options: Any) -> Dispatch:
    """A dispatch with the usual options."""
    usual = {"batch": 1, "known": lambda page: None, "record": lambda result: None, "patience": 0.0}
    return Dispatch(source, team, **{**usual, "observer": lambda event: None, **options})


@pytest.mark.parametrize("seed", range(20))
def test_order_and_deaths(seed: int) -> None:
    """Every page once and in order; one that kills costs two workers at the most, and nothing else is lost."""
    chance = random.Random(seed)
    count, workers = chance.randint(1, 90), chance.randint(1, 4)
    deadly = frozenset(chance.sample(range(1, count + 1), min(count, seed % 3)))
    team = FakeTeam(workers, deadly, seed)
    recorded: list[int] = []
    results = list(dispatch(FakeSource(count), team, record=lambda r: recorded.append(r.page.number)).results())
    assert [result.page.number for result in results] == list(range(1, count + 1))
    assert {result.page.number for result in results if result.status is Status.FAILED} == deadly
    assert sorted(recorded) == list(range(1, count + 1))
    assert team.deaths <= 2 * len(deadly)
    assert all(result.text == f"text {result.page.number}" for result in results if result.page.number not in deadly)


def test_suspects_are_alone() -> None:
    """What a worker had when it died is tried page by page, on a worker that has nothing else."""
    team = FakeTeam(2, frozenset({6}))
    busy: list[int] = []
    give = team.give

    def watched(worker: str, part: Part) -> int:
        held = [page for other, part in team.out.values() if other == worker for page in part.pages]
        if part.pages[0] in team.suspects:
            busy.append(len(held))
        assert not team.suspects.intersection(held)
        return give(worker, part)

    team.give = watched  # type: ignore[method-assign]
    results = list(dispatch(FakeSource(40), team).results())
    assert len(results) == 40
    assert busy
    assert not any(busy)


def test_a_long_job_is_never_in_memory() -> None:
    """However slow the first part is: what was taken from the source beyond it is bounded."""
    source, team = FakeSource(100_000), FakeTeam(2)
    stuck: list[int] = []

    def returned(seconds: float) -> list[tuple[int, Outcome | None]]:
        if team.most and not stuck:
            stuck.append(1)
        ready = [ticket for ticket in team.out if ticket]
        if not ready:
            raise KeyboardInterrupt
        part = team.out.pop(ready[0])[1]
        return [(ready[0], Outcome(tuple(PageResult(page, "", Status.OK) for page in part.pages)))]

    team.returned = returned  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        list(dispatch(source, team).results())
    assert source.taken < MOST_FINISHED + 100
    assert team.most <= 4
    assert team.stopped


def test_ctrl_c_between_any_two_steps() -> None:
    """What came back from a worker is recorded, wherever the signal strikes, and nothing waits for ever."""
    team = FakeTeam(2)
    reading = dispatch(FakeSource(0), team).results()
    back: list[PageRef] = []
    recorded: list[PageRef] = []

    def begin() -> Callable[[], object]:
        nonlocal team, reading
        team = FakeTeam(2)
        back.clear()
        recorded.clear()
        returned = team.returned

        def noted(seconds: float) -> list[tuple[int, Outcome | None]]:
            outcomes = returned(seconds)
            back.extend(result.page for _, outcome in outcomes if outcome for result in outcome.results)
            return outcomes

        team.returned = noted  # type: ignore[method-assign]
        reading = dispatch(FakeSource(9), team, record=lambda result: recorded.append(result.page)).results()
        next(reading)
        return functools.partial(deque, reading)

    strikes = 0
    for strikes in struck_everywhere(begin):  # noqa: B007 - the number is wanted afterwards
        reading.close()
        assert recorded == back
        assert team.stopped or len(back) == 9
    assert strikes > 50


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_parts_are_batches(batch: int) -> None:
    """Pages share requests as on one machine, those that are known or cannot be opened in their places."""
    team = FakeTeam(1)
    known = PageResult(PageRef("a.pdf", 2, 9, DIGEST), "old", Status.OK)
    results = dispatch(FakeSource(9), team, batch=batch, known=lambda page: known if page == known.page else None)
    assert [result.text for result in results.results()][:3] == ["text 1", "old", "text 3"]
    assert team.given[0][1] == tuple(range(1, batch + 1))


def test_a_worker_whose_server_fails_rests() -> None:
    """Its pages go elsewhere; when all fail, the run ends with the reason."""
    team = FakeTeam(2)
    team.says = lambda worker, part: Outcome(error=ServerUnreachable("gone")) if worker == "w0" else None
    assert len(list(dispatch(FakeSource(30), team).results())) == 30
    assert sum(worker == "w0" for worker, _ in team.given) <= 2
    team = FakeTeam(2)
    team.says = lambda worker, part: Outcome(error=ServerUnreachable("gone"))
    with pytest.raises(ServerError, match="gone"):
        list(dispatch(FakeSource(30), team).results())


def test_nobody_is_left() -> None:
    """Without any worker the run ends after its patience."""
    with pytest.raises(ServerUnreachable, match="no worker"):
        list(dispatch(FakeSource(3), FakeTeam(0), patience=-1.0).results())


def test_what_cannot_be_sent_is_marked() -> None:
    """A document that a worker neither finds nor can be sent fails with the reason, page by page."""
    team = FakeTeam(1)
    team.says = lambda worker, part: Outcome(missing_capability=(DIGEST,))
    results = list(dispatch(FakeSource(3), team).results())
    assert [result.findings[0].message for result in results] == ["too large"] * 3
    team.send = lambda worker, page, path: ""  # type: ignore[method-assign]
    results = list(dispatch(FakeSource(3), team).results())
    assert {result.findings[0].message for result in results} == {
        "the worker cannot open the document that it was sent"
    }


def test_a_document_is_sent_once() -> None:
    """However many of its pages a worker has when it misses it, and again only when the worker lost it."""
    team, had, sent = FakeTeam(2), set[str](), list[str]()

    def send(worker: str, page: PageRef, path: str) -> str:
        had.add(worker)
        sent.append(worker)
        return ""

    def says(worker: str, part: Part) -> Outcome | None:
        if len(sent) == 2 and part.pages[0].number == 7:
            had.discard(worker)
        return None if worker in had else Outcome(missing_capability=(DIGEST,))

    team.send, team.says = send, says  # type: ignore[method-assign]
    results = list(dispatch(FakeSource(20), team).results())
    assert all(result.status is Status.OK for result in results)
    assert len(sent) == 3


def test_documents_that_cannot_be_opened(tmp_path: Path) -> None:
    """They are told here, in their place, as on one machine."""
    make_image(tmp_path / "1.png", 1)
    (tmp_path / "2.png").write_bytes(b"nothing")
    source = Source(discover([str(tmp_path / "2.png"), str(tmp_path / "1.png")]))
    results = list(dispatch(source, FakeTeam(1)).results())
    assert [(result.page.number, result.status) for result in results] == [(0, Status.FAILED), (1, Status.OK)]
    assert "neither a PDF nor a picture" in results[0].findings[0].message


# --- what is sent and what is refused ----------------------------------------------------------------------


def test_secrets_do_not_show() -> None:
    """Neither the key nor a password stands in what a dashboard or a log would print."""
    order = Order("run", Settings(), True, key="k3y-nobody-may-see")
    part = Part((), places=((DIGEST, Place("/a.pdf", "sesame")),))
    assert "k3y" not in repr(order)
    assert "sesame" not in repr(part)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"visionocr": "0.0.1"}, "has visionocr 0.0.1, here is"),
        ({"visionocr": ""}, "has no visionocr"),
        ({"python": "3.8"}, "has python 3.8, here is"),
    ],
)
def test_other_versions_are_refused(facts: dict[str, str], said: str) -> None:
    """With both versions in the message; the same ones pass."""
    ours = facts_of()()
    check_versions("w", ours)
    with pytest.raises(ConfigurationError, match=said):
        check_versions("w", {**ours, **facts})


@pytest.mark.parametrize("address", ["local:0", "local:", "local:x", "local:9999", "scheduler:8786", "", "local:²"])
def test_wrong_addresses(address: str) -> None:
    """What cannot be the address of a cluster is refused before anything is started."""
    with pytest.raises(ConfigurationError, match="is no address"):
        connected(address)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how to install it."""
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(ConfigurationError) as caught:
        connected("local:2")
    assert "visionocr[cluster]" in caught.value.hint

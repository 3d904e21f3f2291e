"""Requests that tests send in every dialect, and an engine that sends them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from fakes.pictures import encode, picture
from fakes.wires import Wire
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.stop import Stop
from visionocr.types import ChatMarkers, PageImage, PageRef, Prompt, Request, Sampler

CHAT = ChatMarkers("", "SYS:", "\n", "### Human: ", "\n", "### Assistant:", "\n")
SAMPLER = Sampler(temperature=0.5, top_p=0.9, top_k=40, min_p=0.05, rep_pen=1.1, seed=11)
DATA = encode(picture(7, (200, 250)), "PNG")
IMAGE = PageImage(PageRef("a.pdf", 7, 9), "image/png", DATA, 200, 250)
B64 = base64.b64encode(DATA).decode()
STOPS = ("\n###", "a", "b", "c", "d")
FULL = Request(Prompt("Be exact.", (IMAGE, "Read the page."), CHAT), SAMPLER, 500, stop_sequences=STOPS)
GREEDY = replace(FULL, sampler=Sampler(), stop_sequences=("\n###",))


@dataclass
class NoWaitStop(Stop):
    """A stop flag whose ``wait`` returns at once; the requested times are in ``sleeps``."""

    sleeps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def wait(self, seconds: float) -> bool:
        """Return at once."""
        self.sleeps.append(seconds)
        return self.is_requested


def engine_for(wire: Wire, fake: Any, **options: Any) -> ServerEngine:
    """An engine for the wire's dialect whose retries do not wait."""
    http = Http(fake.url, options.pop("key", None), options.pop("timeout", 5.0))
    server, dialect = probe(http, wire.dialect, options.pop("model", None))
    policy = RetryPolicy(busy=0, absent=0, beginning=0, last_answer=5, idle=1)
    return ServerEngine(http, server, dialect, policy=policy, **options)

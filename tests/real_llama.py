"""The real llama.cpp server with a tiny model of random weights, for tests of every dialect that it speaks."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from visionocr.engines.dialects import llamacpp, probe
from visionocr.engines.http import Http
from visionocr.engines.llama import Launch, LlamaServer
from visionocr.engines.server import ServerEngine
from visionocr.types import Event, PageImage, PageRef

if TYPE_CHECKING:
    import tiny_vlm

PATIENCE = 60.0
"""Seconds after which a test that waits for something has failed."""


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory: pytest.TempPathFactory) -> tiny_vlm.Pair:
    """A model and its projector."""
    import tiny_vlm

    return tiny_vlm.write_pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="session")
def llama_server(tiny_pair: tiny_vlm.Pair) -> Iterator[Http]:
    """A server with one slot of 2048 tokens."""
    yield from serve(Launch(str(tiny_pair.model), str(tiny_pair.projector), 2048, threads=1))


@pytest.fixture(scope="session")
def endless_llama_server(tiny_pair: tiny_vlm.Pair) -> Iterator[Http]:
    """A server with two slots whose model ends only at its limit."""
    import tiny_vlm

    model = tiny_pair.model.with_name("endless.gguf")
    tiny_vlm.write_model(model, trained_context=65536, endless=True)
    yield from serve(Launch(str(model), str(tiny_pair.projector), 65536, threads=1, slots=2))


def serve(launch: Launch) -> Iterator[Http]:
    """Run a server for the duration of a block."""
    server = LlamaServer(launch)
    try:
        yield Http(server.load(), server.key, timeout=PATIENCE)
    finally:
        server.close()


def engine_at(
    http: Http, dialect: str | None = None, events: list[Event] | None = None, max_time: float | None = None
) -> ServerEngine:
    """The server as an engine."""
    observer = (lambda event: None) if events is None else events.append
    return ServerEngine(http, *probe(http, dialect), observer=observer, max_time=max_time)


def count_busy_slots(http: Http) -> int:
    """The number of slots at work."""
    return llamacpp.LlamaServer().poll(http, "").waiting or 0


def picture(colour: str) -> PageImage:
    """A flat picture."""
    data = io.BytesIO()
    Image.new("RGB", (224, 224), colour).save(data, "PNG")
    return PageImage(PageRef(f"{colour}.png", 1, 1), "image/png", data.getvalue(), 224, 224)


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)

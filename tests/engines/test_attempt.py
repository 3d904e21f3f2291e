"""Request bodies: the fast encoding gives the same bytes as the dialect's JSON."""

from __future__ import annotations

import json

import pytest

from visionocr.engines.attempt import make_body
from visionocr.engines.dialects import ALL
from visionocr.engines.dialects.base import Dialect
from visionocr.types import ChatMarkers, PageImage, PageRef, Prompt, Request, Sampler, Server

MARKS = ChatMarkers(user_start="<|user|>\n", user_end="<|end|>\n", assistant_start="<|assistant|>\n")
SERVER = Server("http://x", "any", model="some-model", marker="<__media__>", context_length=4096)


def picture(number: int, size: int) -> PageImage:
    """An image of *size* bytes, of all values."""
    return PageImage(PageRef("é.pdf", number), "image/jpeg", bytes((number + i) % 256 for i in range(size)), 100, 140)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.NAME)
def test_request_bytes_equal_the_dialects_json(dialect: Dialect, count: int) -> None:
    """The bytes equal the dialect's request encoded as JSON, also with equal pictures."""
    images = [picture(number // 2, 1000 + number) for number in range(count)]
    parts: tuple[str | PageImage, ...] = ("before \u20ac", *images, *images[:1], "after")
    request = Request(Prompt("Be exact.", parts, MARKS), Sampler(), 50, stop_sequences=("<|end|>",))
    assert make_body(dialect, SERVER, request, "key") == json.dumps(dialect.encode(SERVER, request, "key")).encode()

"""The form that an answer must have, in the field that each server obeys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.stand_ins import image_of
from fakes.wires import SERVED
from visionocr.engines.attempt import make_body
from visionocr.engines.dialects import ALL
from visionocr.engines.http import Http, Reply
from visionocr.types import ChatMarkers, PageRef, Prompt, Request, Sampler, Server, Shape

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
SHAPE = Shape('root ::= "a"\n', json.dumps(SCHEMA))
RESPONSE = {"type": "json_schema", "json_schema": {"name": "record", "strict": True, "schema": SCHEMA}}
FIELDS: dict[str, dict[str, Any]] = {
    "koboldcpp": {"grammar": SHAPE.grammar},
    "llamacpp": {"grammar": SHAPE.grammar},
    "ollama": {"format": SCHEMA},
    "openai": {"response_format": RESPONSE},
    "textgen": {},
}
"""By dialect; the text-generation-webui of 2023 has no field for it."""


def body_of(name: str, shape: Shape | None) -> dict[str, Any]:
    """The body of a request to a kind of server."""
    wire = SERVED[name]
    dialect = next(one for one in ALL if wire.dialect == one.NAME)
    server = Server("http://x", wire.dialect, kind=wire.kind, model="m", marker="<__media__>")
    prompt = Prompt("", (image_of(PageRef("a.pdf", 1)), "Fill in."), ChatMarkers())
    request = Request(prompt, Sampler(), 100, shape=shape)
    body: dict[str, Any] = json.loads(make_body(dialect, server, request, "key"))
    return body


@pytest.mark.parametrize("name", SERVED)
def test_each_server_gets_the_shape_in_its_own_field(name: str) -> None:
    """The shape adds exactly the fields that the server knows."""
    without, shaped = body_of(name, None), body_of(name, SHAPE)
    added = {key: value for key, value in shaped.items() if key not in without}
    assert added == FIELDS[SERVED[name].dialect]
    assert {key: value for key, value in shaped.items() if key in without} == without


@pytest.mark.parametrize("is_streamed", [True, False])
def test_json_among_the_reasoning_is_found(is_streamed: bool) -> None:
    """LM Studio puts the JSON of thinking models beside an empty content: taken only where a shape was asked for."""
    dialect = next(one for one in ALL if one.NAME == "openai")
    usage = {"prompt_tokens": 9, "completion_tokens": 9}
    if is_streamed:
        deltas = [{"reasoning_content": '{"a": '}, {"reasoning_content": '"b"}'}]
        events = (
            *({"choices": [{"delta": delta}]} for delta in deltas),
            {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage},
        )
        reply = Reply(200, events[-1], 0.1, events)
    else:
        message = {"content": "", "reasoning_content": '{"a": "b"}'}
        reply = Reply(200, {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}, 0.1)
    request = Request(Prompt("", ("Fill in.",), ChatMarkers()), Sampler(), 100, shape=SHAPE)
    http = Http("http://x", None)
    assert dialect.decode(http, reply, request).text == '{"a": "b"}'
    assert dialect.decode(http, reply, Request(request.prompt, Sampler(), 100)).text == ""

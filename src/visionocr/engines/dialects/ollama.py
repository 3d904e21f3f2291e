"""Ollama's native API: ``/api/chat``.

It writes the model's chat template itself. Facts about the server were read in its source (August 2026); what
older versions leave out of their answers is left open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from visionocr.engines.dialects import json_helpers
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.defaults import abort as abort
from visionocr.engines.dialects.defaults import count_tokens as count_tokens
from visionocr.engines.dialects.defaults import is_idle as is_idle
from visionocr.engines.dialects.defaults import look as look
from visionocr.engines.http import Http, Reply, quote
from visionocr.errors import AnswerUnusable
from visionocr.types import Completion, FinishReason, PageImage, Request, Server

NAME = "ollama"
GENERATE = "/api/chat"
KIND = "Ollama"

CONTEXT = 16384
"""Tokens of context that are asked for unless the model has less, or is loaded with more. The server's own default
is 4096 on most machines, in which a page of print and its text do not fit; what does not fit is dropped silently."""
MOST_SHOWN = 40
"""Models that are asked whether they can see, where nobody named one."""
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


def recognise(http: Http) -> Mapping[str, Any] | None:
    """Version and models, when both questions are answered as Ollama does; others have one of the paths."""
    version = json_helpers.text(json_helpers.ask(http, "/api/version"), "version")
    tags = json_helpers.ask(http, "/api/tags") if version else {}
    return {"version": version, **tags} if isinstance(tags.get("models"), list) else None


def probe(http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
    """Which model; whether it can see; its context. Nothing needs a key."""
    chosen = choose(f"{KIND} at {http.base}", _models(http, identity, model), model, "Get one with: ollama pull NAME")
    facts = json_helpers.known(http, "/api/show", {"model": chosen.name})
    trained = _trained(facts)
    asked = max(CONTEXT, chosen.context or 0)  # another than that of the loaded model would load it anew
    return Server(
        url=http.base,
        dialect=NAME,
        kind=KIND,
        version=json_helpers.text(identity, "version"),
        model=chosen.name,
        vision=_sees(facts),
        context_length=min(asked, trained) if trained else asked,
        max_images=4,
        applies_template=True,
        aborts=False,
        vision_remedy="Name a model that can see with --model, or get one with: ollama pull qwen2.5vl",
        context_remedy="Take a model with a larger context",
    )


def encode(server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG001 - the protocol's
    """The body. Images stand before the text of their message, unless the text has a mark for them."""
    prompt, sampler = request.prompt, request.sampler
    messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}] if prompt.system else []
    turn: dict[str, Any] = {"role": "user", "content": _turn(prompt.parts)}
    if prompt.images:
        turn["images"] = [json_helpers.encoded(image) for image in prompt.images]
    return {
        "model": server.model,
        "messages": [*messages, turn],
        "stream": True,
        "think": False,  # models that can would think, at length
        "options": {
            "num_ctx": request.context_length or server.context_length or CONTEXT,
            "num_predict": request.max_length,
            "temperature": float(sampler.temperature),
            "top_p": float(sampler.top_p),
            "top_k": int(sampler.top_k),
            "min_p": float(sampler.min_p),
            "repeat_penalty": float(sampler.rep_pen),
            "seed": int(sampler.seed),
            "stop": list(request.stop_sequences),
        },
    }


def piece(event: Any) -> str:
    """The text that a line of the answer brings."""
    return json_helpers.text(json_helpers.table(event, "message"), "content") if isinstance(event, dict) else ""


def decode(http: Http, reply: Reply, request: Request) -> Completion:  # noqa: ARG001 - the protocol's
    """The completion. The last line of the answer has the counts; where something fails, one has the error."""
    data = reply.data if isinstance(reply.data, dict) else {}
    for event in reply.events or (data,):
        if isinstance(event, dict) and event.get("error") is not None:
            raise AnswerUnusable(f"{KIND} failed: {quote(str(event['error']).encode('utf-8', 'replace'))}")
    if reply.events:
        if not data.get("done"):
            raise AnswerUnusable(f"{KIND} ended its answer in the middle")
        data = {**data, "message": {"content": "".join(map(piece, reply.events))}}
    message = json_helpers.table(data, "message")
    if not isinstance(message.get("content"), str):
        raise AnswerUnusable(f"{KIND} answered without a text")
    reason, tokens = json_helpers.text(data, "done_reason"), json_helpers.whole(data, "eval_count")
    if not message["content"] and not tokens and reason != "stop":
        raise AnswerUnusable(f"{KIND} answered with no text and no tokens" + (f" ({reason})" if reason else ""))
    return Completion(
        text=message["content"],
        finish_reason=_REASONS.get(reason, FinishReason.UNKNOWN),
        prompt_tokens=json_helpers.whole(data, "prompt_eval_count"),
        completion_tokens=tokens,
        seconds=reply.seconds,
    )


def models(http: Http, tags: Mapping[str, Any]) -> list[Model]:
    """What it has, with what is loaded; without what each can do."""
    running = {
        json_helpers.name(entry, "name"): entry
        for entry in json_helpers.tables(json_helpers.known(http, "/api/ps"), "models")
    }
    names = [json_helpers.name(entry, "name") for entry in json_helpers.tables(tags, "models")]
    return [
        Model(name, name in running, context=json_helpers.context(running.get(name, {}), "context_length"))
        for name in names
        if name
    ]


def _models(http: Http, tags: Mapping[str, Any], wanted: str | None) -> list[Model]:
    found = models(http, tags)
    if wanted is not None or len(found) == 1:
        return found
    seen = []
    for model in found[:MOST_SHOWN]:
        facts = json_helpers.known(http, "/api/show", {"model": model.name})
        seen.append(Model(model.name, model.loaded, _sees(facts), model.context))
    return [*seen, *found[MOST_SHOWN:]]


def _sees(facts: Mapping[str, Any]) -> bool | None:
    """Whether a model can see pictures. Versions without a list of capabilities name the parts of the model."""
    capabilities = facts.get("capabilities")
    if isinstance(capabilities, list):
        return "vision" in capabilities
    parts = [*json_helpers.table(facts, "model_info"), *json_helpers.table(facts, "projector_info")]
    return True if any(".vision." in part for part in parts) else None


def _trained(facts: Mapping[str, Any]) -> int | None:
    """The context length that the model was trained for."""
    info = json_helpers.table(facts, "model_info")
    return json_helpers.context(info, f"{json_helpers.text(info, 'general.architecture')}.context_length")


def _turn(parts: tuple[str | PageImage, ...]) -> str:
    """The user turn's text, with the server's mark ``[img]`` for images that do not stand before all text."""
    texts = [re.sub(r"\[(?=img(-\d+)?\])", "[ ", part) if isinstance(part, str) else None for part in parts]
    first_text = next((at for at, part in enumerate(texts) if part is not None), len(texts))
    if all(part is not None for part in texts[first_text:]):
        return "".join(part for part in texts if part is not None)
    return "".join("[img]" if part is None else part for part in texts)

"""Ollama's native API: ``/api/chat``.

It writes the model's chat template itself. Facts about the server were read in its source (August 2026); what
older versions leave out of their answers is left open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.json_helpers import (
    as_object,
    ask,
    ask_optional,
    encode_image,
    get_context,
    get_count,
    get_name,
    get_object,
    get_objects,
    get_text,
)
from visionocr.engines.http import Http, Reply
from visionocr.errors import AnswerUnusable
from visionocr.types import Completion, FinishReason, PageImage, Request, Server

KIND = "Ollama"

CONTEXT = 16384
"""Tokens of context that are asked for unless the model has less, or is loaded with more. The server's own default
is 4096 on most machines, in which a page of print and its text do not fit; what does not fit is dropped silently."""
NEUTRAL_SAMPLERS = {"presence_penalty": 0.0, "frequency_penalty": 0.0, "typical_p": 1.0}
"""The samplers that nothing here uses, switched off: the file of a model may have switched them on."""
MOST_SHOWN = 40
"""Models that are asked whether they can see, where nobody named one."""
_REASONS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}


class Ollama(Dialect):
    """The dialect; stateless."""

    NAME = "ollama"
    GENERATE = "/api/chat"
    STREAMS = True

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """Version and models, when both questions are answered as Ollama does; others have one of the paths."""
        version = get_name(ask(http, "/api/version"), "version")
        tags = ask(http, "/api/tags") if version else {}
        return {"version": version, **tags} if isinstance(tags.get("models"), list) else None

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """Which model; whether it can see; its context. Nothing needs a key."""
        chosen = choose(
            f"{KIND} at {http.base}", _look_at_models(http, identity, model), model, "Get one with: ollama pull NAME"
        )
        facts = ask_optional(http, "/api/show", {"model": chosen.name})
        trained = _trained_context(facts)
        asked = max(CONTEXT, chosen.context or 0)  # another than that of the loaded model would load it anew
        return Server(
            url=http.base,
            dialect=self.NAME,
            kind=KIND,
            version=get_name(identity, "version"),
            model=chosen.name,
            vision=_has_vision(facts),
            context_length=min(asked, trained) if trained else asked,
            max_images=4,
            applies_template=True,
            aborts=False,
            vision_remedy="Name a model that can see with --model, or get one with: ollama pull qwen2.5vl",
            context_remedy="Take a model with a larger context",
        )

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG002
        """The body. Images stand before the text of their message, unless the text has a mark for them."""
        prompt, sampler = request.prompt, request.sampler
        messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}] if prompt.system else []
        turn: dict[str, Any] = {"role": "user", "content": _user_text(prompt.parts)}
        if prompt.images:
            turn["images"] = [encode_image(image) for image in prompt.images]
        return {
            "model": server.model,
            "messages": [*messages, turn],
            "stream": True,
            "think": False,  # models that can would think, at length
            **({"format": json.loads(request.shape.schema)} if request.shape is not None else {}),
            "options": {
                "num_ctx": request.context_length or server.context_length or CONTEXT,
                "num_predict": request.max_length,
                "temperature": float(sampler.temperature),
                "top_p": float(sampler.top_p),
                "top_k": int(sampler.top_k),
                "min_p": float(sampler.min_p),
                "repeat_penalty": float(sampler.rep_pen),
                **NEUTRAL_SAMPLERS,
                "seed": int(sampler.seed),
                "stop": list(request.stop_sequences),
            },
        }

    def event_text(self, event: Any) -> str:
        """The text that a line of the answer brings."""
        return get_text(get_object(as_object(event), "message"), "content")

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:  # noqa: ARG002
        """The completion. The last line of the answer has the counts; where something fails, one has the error."""
        data = as_object(reply.data)
        for event in reply.events or (data,):
            if isinstance(event, dict) and event.get("error") is not None:
                raise AnswerUnusable(f"{KIND} failed: {http.quote(event['error'])}")
        if reply.events:
            if not data.get("done"):
                raise AnswerUnusable(f"{KIND} ended its answer in the middle")
            data = {**data, "message": {"content": "".join(map(self.event_text, reply.events))}}
        message = get_object(data, "message")
        if not isinstance(message.get("content"), str):
            raise AnswerUnusable(f"{KIND} answered without a text")
        reason, tokens = get_text(data, "done_reason"), get_count(data, "eval_count")
        if not message["content"] and not tokens and reason != "stop":
            raise AnswerUnusable(f"{KIND} answered with no text and no tokens" + (f" ({reason})" if reason else ""))
        return Completion(
            text=message["content"],
            finish_reason=_REASONS.get(reason, FinishReason.UNKNOWN),
            prompt_tokens=get_count(data, "prompt_eval_count"),
            completion_tokens=tokens,
            seconds=reply.seconds,
        )


def list_models(http: Http, tags: Mapping[str, Any]) -> list[Model]:
    """What it has, with what is loaded; without what each can do."""
    running = {get_name(entry, "name"): entry for entry in get_objects(ask_optional(http, "/api/ps"), "models")}
    names = [get_name(entry, "name") for entry in get_objects(tags, "models")]
    return [
        Model(name, name in running, context=get_context(running.get(name, {}), "context_length"))
        for name in names
        if name
    ]


def _look_at_models(http: Http, tags: Mapping[str, Any], wanted: str | None) -> list[Model]:
    found = list_models(http, tags)
    if wanted is not None or len(found) == 1:
        return found
    seen = []
    for model in found[:MOST_SHOWN]:
        facts = ask_optional(http, "/api/show", {"model": model.name})
        seen.append(Model(model.name, model.loaded, _has_vision(facts), model.context))
    return [*seen, *found[MOST_SHOWN:]]


def _has_vision(facts: Mapping[str, Any]) -> bool | None:
    """Whether a model can see pictures. Versions without a list of capabilities name the parts of the model."""
    capabilities = facts.get("capabilities")
    if isinstance(capabilities, list):
        return "vision" in capabilities
    parts = [*get_object(facts, "model_info"), *get_object(facts, "projector_info")]
    return True if any(".vision." in part for part in parts) else None


def _trained_context(facts: Mapping[str, Any]) -> int | None:
    """The context length that the model was trained for."""
    info = get_object(facts, "model_info")
    return get_context(info, f"{get_text(info, 'general.architecture')}.context_length")


def _user_text(parts: tuple[str | PageImage, ...]) -> str:
    """The user turn's text, with the server's mark ``[img]`` for images that do not stand before all text."""
    texts = [re.sub(r"\[(?=img(-\d+)?\])", "[ ", part) if isinstance(part, str) else None for part in parts]
    first_text = next((at for at, part in enumerate(texts) if part is not None), len(texts))
    if all(part is not None for part in texts[first_text:]):
        return "".join(part for part in texts if part is not None)
    return "".join("[img]" if part is None else part for part in texts)

"""OpenAI's chat completions, as vLLM, LM Studio, llama.cpp, text-generation-webui, Ollama and KoboldCpp speak them.

The server writes the model's chat template itself. What differs between the products stands in ``products``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.dialects.json_helpers import (
    as_object,
    ask,
    encode_image,
    get_count,
    get_object,
    get_objects,
    get_text,
)
from visionocr.engines.dialects.products import detect_product, product_by_name
from visionocr.engines.http import Http, Reply
from visionocr.errors import AnswerUnusable
from visionocr.types import Completion, FinishReason, PageImage, Request, Server

_REASONS = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "abort": FinishReason.ABORTED,
    "repetition": FinishReason.LOOP,
}


class OpenAI(Dialect):
    """The dialect; stateless."""

    NAME = "openai"
    GENERATE = "/v1/chat/completions"
    MODELS = "/v1/models"
    STREAMS = True

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """The list of models, where there is one of the right shape."""
        listed = ask(http, self.MODELS)
        return listed if isinstance(listed.get("data"), list) else None

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """Which product it is, which model, what that product says of itself. The list has shown the key to be good."""
        return detect_product(http, identity).describe(http, identity, model, self.NAME)

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG002
        """The body: what every server knows, and of the sampler what this one knows."""
        prompt, sampler = request.prompt, request.sampler
        product = product_by_name(server.kind)
        messages: list[dict[str, Any]] = [{"role": "system", "content": prompt.system}] if prompt.system else []
        body: dict[str, Any] = {
            "model": server.model,
            "messages": [*messages, {"role": "user", "content": [_encode_part(part) for part in prompt.parts if part]}],
            "max_tokens": request.max_length,
            "temperature": float(sampler.temperature),
            "top_p": float(sampler.top_p),
            "seed": int(sampler.seed),
            "stream": product.streams or server.streams,
            **({"stream_options": {"include_usage": True}} if product.streams else {}),  # others may not know it
            **{key: getattr(sampler, ours) for ours, key in product.sampler},
            **product.extra,
            **(product.special_tokens if request.special_tokens else {}),
        }
        if request.shape is not None:
            schema = {"name": "record", "strict": True, "schema": json.loads(request.shape.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if sampler.top_k == 0:
            body.pop("top_k", None)  # leaving it out switches it off; some versions reject 0
        if stops := list(request.stop_sequences[: product.most_stops]):
            body["stop"] = stops
        return body

    def event_text(self, event: Any) -> str:
        """The text that an event of the stream brings."""
        choices = get_objects(as_object(event), "choices")
        return (_join_content(get_object(choices[0], "delta").get("content")) or "") if choices else ""

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:
        """The completion. An empty text without tokens is a failure: an overfull context, or a model that is gone."""
        data = self._join_events(reply.events) if reply.events else as_object(reply.data)
        if data.get("error"):
            raise AnswerUnusable(f"the server failed: {http.quote(data['error'])}")
        choices = get_objects(data, "choices")
        message = get_object(choices[0], "message") if choices else {}
        text = _join_content(message.get("content"))
        if text is None and ("content" not in message or message["content"] is not None):
            raise AnswerUnusable("the server answered without a text")
        text = text or ""
        if not text and request.shape is not None:
            text = get_text(message, "reasoning_content")  # where LM Studio puts the JSON of thinking models
        reason, usage = get_text(choices[0], "finish_reason"), get_object(data, "usage")
        tokens = get_count(usage, "completion_tokens")
        if not text and not tokens:
            raise AnswerUnusable(
                "the server answered with no text and no tokens: the request may not have fitted its context"
            )
        return Completion(
            text=text,
            finish_reason=_REASONS.get(reason, FinishReason.UNKNOWN),
            prompt_tokens=get_count(usage, "prompt_tokens"),
            completion_tokens=tokens,
            seconds=reply.seconds,
        )

    def _join_events(self, events: tuple[Any, ...]) -> dict[str, Any]:
        """The events of a stream as the one answer that they are pieces of.

        Raises ``AnswerUnusable`` for a stream that ended before its end.
        """
        known = [event for event in events if isinstance(event, dict)]
        choices = [choice for event in known for choice in get_objects(event, "choices")[:1]]
        reasons = [reason for choice in choices if (reason := get_text(choice, "finish_reason"))]
        errors = [event["error"] for event in known if event.get("error")]
        if not reasons and not errors:
            raise AnswerUnusable("the server ended its answer in the middle")
        deltas = [get_object(choice, "delta") for choice in choices]
        message = {
            "content": "".join(map(self.event_text, events)),
            "reasoning_content": "".join(get_text(delta, "reasoning_content") for delta in deltas),
        }
        usages = [event["usage"] for event in known if isinstance(event.get("usage"), dict)]
        return {
            "choices": [{"message": message, "finish_reason": reasons[-1] if reasons else None}],
            "usage": usages[-1] if usages else {},
            "error": errors[0] if errors else None,
        }


def _join_content(content: object) -> str | None:
    """The text of a message's content: itself, or that of its parts; ``None`` where it is neither."""
    if isinstance(content, str):
        return content
    parts = get_objects({"parts": content}, "parts")
    return "".join(get_text(part, "text") for part in parts) if parts else None


def _encode_part(part: str | PageImage) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{encode_image(part)}"}}

"""A fake Ollama on loopback: ``/api/chat`` with raw base64, its model list, and pictures that are dropped silently."""

from __future__ import annotations

import json
from typing import Any

from fakes import engine
from fakes.answers import Answer, json_answer
from fakes.base_server import BaseServer, Generation
from fakes.loopback import Arrival
from fakes.words import tokens


class FakeOllama(BaseServer):
    """The server. ``others`` are more models, by name, with what they can do; ``loaded`` are in memory."""

    def __init__(
        self,
        *,
        others: dict[str, list[str]] | None = None,
        loaded: dict[str, int] | None = None,
        trained: int = 128_000,
        capable: bool = True,
        **options: Any,
    ) -> None:
        self.others, self.loaded, self.trained, self.capable = others or {}, loaded or {}, trained, capable
        super().__init__(**options)

    @property
    def can(self) -> dict[str, list[str]]:
        """What each model can do."""
        return {self.model: ["completion", *(["vision"] if self.vision else [])], **self.others} if self.model else {}

    def answer_authorized(self, arrival: Arrival) -> Answer:
        """The answer to a request whose key was accepted."""
        body = arrival.body if isinstance(arrival.body, dict) else {}
        match arrival.method, arrival.path:
            case "GET", "/api/version":
                return json_answer({"version": "0.20.1"})
            case "GET", "/api/tags":
                return json_answer({"models": [{"name": name, "model": name, "size": 1} for name in self.can]})
            case "GET", "/api/ps":
                running = [{"name": name, "context_length": size} for name, size in self.loaded.items()]
                return json_answer({"models": running})
            case "GET", "/v1/models":
                data = [{"id": name, "object": "model", "owned_by": "library"} for name in self.can]
                return json_answer({"object": "list", "data": data})
            case "POST", "/api/show":
                return self._show(str(body.get("model")))
            case "POST", "/api/chat":
                return self._chat(arrival, body)
        return Answer(404, b"404 page not found", "text/plain")

    def _missing(self, name: str) -> Answer:
        return json_answer({"error": f'model "{name}" not found, try pulling it first'}, 404)

    def _show(self, name: str) -> Answer:
        if name not in self.can:
            return self._missing(name)
        info = {"general.architecture": "qwen25vl", "qwen25vl.context_length": self.trained}
        if "vision" in self.can[name]:
            info["qwen25vl.vision.block_count"] = 32
        return json_answer({"model_info": info, **({"capabilities": self.can[name]} if self.capable else {})})

    def _chat(self, arrival: Arrival, body: dict[str, Any]) -> Answer:
        name, options = str(body.get("model")), body.get("options", {})
        if name not in self.can:
            return self._missing(name)
        messages = body["messages"]
        images = [image for message in messages for image in message.get("images", [])]
        if images and not self.vision:
            return json_answer({"error": "this model is missing data required for image input"}, 500)
        decoded = self.decode_images(images)
        pictures = [picture for picture in decoded if picture]
        if len(pictures) < len(images):
            return json_answer({"error": "invalid image input"}, 400)
        text = "\n".join(str(message["content"]) for message in messages)
        if pictures and self.count_prompt_tokens(text, pictures) > options["num_ctx"]:
            pictures = []  # dropped without a word
        sampling = {"greedy": options["temperature"] == 0, "seed": options["seed"], "stops": options["stop"]}
        generation = self.generate(arrival, text, pictures, sampling, options["num_predict"])
        if not isinstance(generation, Generation):
            return generation
        common = {"model": name, "created_at": "2026-01-01T00:00:00Z"}
        end = {
            "done": True,
            "done_reason": "length" if generation.reason == engine.LIMIT else "stop",
            "prompt_eval_count": generation.prompt_tokens,
            "eval_count": generation.completion_tokens,
            "total_duration": 1,
        }
        if not body.get("stream", True):
            return json_answer({**common, "message": {"role": "assistant", "content": generation.text}, **end})
        lines = [
            {"message": {"role": "assistant", "content": piece}, "done": False} for piece in tokens(generation.text)
        ]
        lines.append({"message": {"role": "assistant", "content": ""}, **end})
        more = [json.dumps({**common, **line}).encode() + b"\n" for line in lines]
        return Answer(200, b"", "application/x-ndjson", more=more)

"""Fake servers on loopback with OpenAI's chat API, each with the peculiarities of its product."""

from __future__ import annotations

import json
from typing import Any

from fakes import engine
from fakes.answers import Answer, json_answer
from fakes.base_server import BaseServer, Generation
from fakes.loopback import Arrival
from fakes.versions import Version
from fakes.words import tokens

FLAVOURS = ("vllm", "lmstudio", "llamacpp", "webui", "ollama", "koboldcpp", "plain")


class FakeOpenAI(BaseServer):
    """The server. ``models``: more that it lists; ``usage``: it counts tokens; ``refusal``: what a wrong key gets."""

    def __init__(
        self,
        flavour: str = "plain",
        *,
        models: tuple[str, ...] = (),
        usage: bool = True,
        refusal: Answer | None = None,
        **options: Any,
    ) -> None:
        self.flavour, self.models, self.usage, self.refusal = flavour, models, usage, refusal
        super().__init__(**options)

    def unauthorized(self) -> Answer:
        """The answer to a missing or wrong key, in the product's form."""
        says: dict[str, object] = {"vllm": {"error": "Unauthorized"}, "webui": {"detail": "Unauthorized"}}
        return self.refusal or json_answer(
            says.get(self.flavour, {"error": {"message": "Invalid API Key", "code": 401}}), 401
        )

    def answer_authorized(self, arrival: Arrival) -> Answer:
        """The answer to a request whose key was accepted."""
        if arrival.method == "POST" and arrival.path == "/v1/chat/completions":
            return self._chat(arrival, arrival.body)
        getters = {"/v1/models": {"object": "list", "data": self._listed()}, **self._getters()}
        if arrival.path in getters and (arrival.method == "GET" or arrival.path == "/api/extra/tokencount"):
            return json_answer(getters[arrival.path])
        if self.flavour == "lmstudio":
            return json_answer({"error": f"Unexpected endpoint or method. ({arrival.method} {arrival.path})"})
        return json_answer({"detail": "Not Found"}, 404)

    def _listed(self) -> list[dict[str, Any]]:
        owner = {"vllm": "vllm", "lmstudio": "organization_owner", "llamacpp": "llamacpp", "ollama": "library"}
        more = {"max_model_len": self.context, "parent": None} if self.flavour == "vllm" else {}
        names = [self.model, *self.models] if self.model else []
        return [{"id": name, "object": "model", "owned_by": owner.get(self.flavour, "user"), **more} for name in names]

    def _getters(self) -> dict[str, Any]:
        """The product's own addresses with their answers."""
        if self.flavour == "lmstudio":
            loaded = [{"id": self.model, "config": {"context_length": self.context}}]
            entry = {"type": "llm", "key": self.model, "loaded_instances": loaded, "max_context_length": 131072}
            others = [{"type": "llm", "key": name, "loaded_instances": []} for name in self.models]
            return {"/api/v1/models": {"models": [entry | {"capabilities": {"vision": self.vision}}, *others]}}
        version = Version("1.115.1").version_answer(protected=bool(self.key), llm=True, vision=self.vision, admin=False)
        settings = {"n_ctx": self.context}
        props = {"build_info": "b9000", "total_slots": 4, "modalities": {"vision": self.vision}}
        answers: dict[str, dict[str, Any]] = {
            "vllm": {"/version": {"version": "0.33.0"}},
            "llamacpp": {"/props": props | {"default_generation_settings": settings}},
            "webui": {
                "/v1/internal/health": {"status": "ok"},
                "/v1/internal/model/info": {"model_name": self.model, "lora_names": []},
            },
            "ollama": {
                "/api/version": {"version": "0.20.1"},
                "/api/tags": {"models": [{"name": name} for name in (self.model, *self.models)]},
                "/api/ps": {"models": [{"name": self.model, "context_length": self.context}]},
            },
            "koboldcpp": {
                "/api/extra/version": version,
                "/api/v1/model": {"result": f"koboldcpp/{self.model}"},
                "/api/extra/true_max_context_length": {"value": self.context},
                "/api/extra/tokencount": {"value": 1},
            },
        }
        return answers.get(self.flavour, {})

    # -- the model

    def _error(self, status: int, message: str, kind: str = "invalid_request_error") -> Answer:
        return json_answer({"error": {"message": message, "type": kind, "param": None, "code": status}}, status)

    def _chat(self, arrival: Arrival, body: dict[str, Any]) -> Answer:
        if self.flavour in {"vllm", "lmstudio", "ollama"} and body["model"] not in {self.model, *self.models}:
            return self._error(404, f"The model `{body['model']}` does not exist.", "NotFoundError")
        texts: list[str] = []
        images: list[str] = []
        for message in body["messages"]:
            said_so = message["content"]
            parts: list[Any] = [{"type": "text", "text": said_so}] if isinstance(said_so, str) else said_so
            for part in parts:
                if part["type"] == "text":
                    texts.append(part["text"])
                else:
                    head, _, data = part["image_url"]["url"].partition(",")
                    images.append(data if head.startswith("data:image/") and head.endswith(";base64") else "")
        if images and not self.vision and (refusal := self._blind()):
            return refusal
        pictures = [picture for picture in self.decode_images(images) if picture] if self.vision else []
        if len(pictures) < len(images) and self.flavour not in {"webui", "koboldcpp", "plain"}:
            return self._error(400, "Failed to load image or audio file")
        text, limit = "\n".join(texts), body["max_tokens"]
        if self.count_prompt_tokens(text, pictures) + (limit if self.flavour == "vllm" else 0) > self.context:
            if refusal := self._overfull(self.count_prompt_tokens(text, pictures)):
                return refusal
            pictures = []
        stops = {"greedy": body["temperature"] == 0, "seed": body["seed"], "stops": body.get("stop", [])}
        generation = self.generate(arrival, text, pictures, stops, limit)
        if not isinstance(generation, Generation):
            return generation
        return (
            self._stream(generation) if body["stream"] else self._completion(generation.text, generation, len(pictures))
        )

    def _blind(self) -> Answer | None:
        if self.flavour == "vllm":
            return self._error(400, f"{self.model} is not a multimodal model")
        if self.flavour == "llamacpp":
            hint = "if this is unexpected, you may need to provide the mmproj"
            return self._error(500, f"image input is not supported - hint: {hint}", "server_error")
        return None

    def _overfull(self, needed: int) -> Answer | None:
        if self.flavour in {"vllm", "lmstudio", "plain"}:
            words = f"This model's maximum context length is {self.context} tokens. Your prompt contains {needed}"
            return self._error(400, words, "BadRequestError")
        if self.flavour == "llamacpp":
            words = f"request ({needed} tokens) exceeds the available context size ({self.context} tokens)"
            return self._error(400, words, "exceed_context_size_error")
        return self._completion("", None, 0) if self.flavour == "webui" else None

    def _stream(self, generation: Generation) -> Answer:
        """The answer as a stream of events: the text, the finish reason, the counts."""
        reason = "length" if generation.reason == engine.LIMIT else "stop"
        counts = {"prompt_tokens": generation.prompt_tokens, "completion_tokens": generation.completion_tokens}
        events: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}]
        events += [
            {"choices": [{"delta": {"content": piece}, "finish_reason": None}]} for piece in tokens(generation.text)
        ]
        events += [{"choices": [{"delta": {}, "finish_reason": reason}]}, {"choices": [], "usage": counts}]
        lines = [b"data: %s\n\n" % json.dumps(event).encode() for event in events]
        return Answer(200, b"", "text/event-stream", more=[*lines, b"data: [DONE]\n\n"])

    def _completion(self, text: str, generation: Generation | None, images: int) -> Answer:
        reason = "length" if generation and generation.reason == engine.LIMIT else "stop"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        prompt = generation.prompt_tokens if generation else 0
        if self.flavour == "webui" and generation:
            prompt = self.count_prompt_tokens("", ()) + 600 * images
        counts = {"prompt_tokens": prompt, "completion_tokens": generation.completion_tokens if generation else 0}
        return json_answer({"id": "x", "choices": [choice], **({"usage": counts} if self.usage else {})})

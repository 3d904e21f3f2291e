"""A fake llama-server on loopback in several versions; it reads pictures with barcodes and records every request.

::

    with FakeLlama(Era.NOW, slots=4, key="secret") as server:
        server.before = lambda arrival: Answer(503) if ... else None     # a fault
        server.says = lambda numbers: "..."                              # or an endless iterator of texts
        server.restart()                                                 # another marker

Output: ``page_text(n)`` for each picture with the number *n*, ``NO_PICTURE`` without a picture.
Record: ``requests``, ``generated``, ``running``, ``most_at_once``, ``hung_up`` (streams that the client closed early).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fakes.answers import Answer, json_answer
from fakes.loopback import Arrival, Loopback
from fakes.vision import decode
from fakes.words import page_text, token_ids, tokens

NO_PICTURE = "I see no picture."
IMAGE_TOKENS = 64


class Era(Enum):
    """Versions of llama-server that differ in how they take pictures; the value is the build."""

    NOW = "b9000"
    """The marker is in ``/props``."""
    AUG_2025 = "b6300"
    """The marker is fixed."""
    MAY_2025 = "b5500"
    """Pictures in the chat endpoint only."""
    YEAR_2024 = "b3000"
    """No pictures; ``image_data`` is ignored."""


class FakeLlama(Loopback):
    """The server; see the module's text."""

    server_header = "llama.cpp"

    def __init__(
        self,
        era: Era = Era.NOW,
        *,
        model: str = "/models/tiny-vision.gguf",
        alias: str = "",
        vision: bool = True,
        counts_images: bool = True,
        slots: int = 4,
        context: int = 8192,
        key: str = "",
        router: dict[str, str] | None = None,
    ) -> None:
        self.era, self.model, self.alias, self.vision, self.slots = era, model, alias, vision, slots
        self.context, self.key, self.router, self.counts_images = context, key, router, counts_images
        self.before: Callable[[Arrival], Answer | None] = lambda arrival: None
        self.says: Callable[[list[int | None]], str | Iterable[str]] = _read
        self.running = self.most_at_once = self.hung_up = self._starts = 0
        super().__init__(threads=16)
        self.restart()
        self.start()

    def restart(self) -> None:
        """Draw another marker, as a server does at its start."""
        self._starts += 1
        self.marker = f"<__media_{self._starts:032}__>" if self.era is Era.NOW else "<__media__>"

    @property
    def generated(self) -> list[Arrival]:
        """The requests for a completion."""
        return [arrival for arrival in self.requests if arrival.path == "/completion"]

    def answer(self, arrival: Arrival) -> Answer:
        """See ``Loopback.answer``."""
        unusual = self.before(arrival)
        if unusual is not None:
            return unusual
        path = urlsplit(arrival.path).path
        if self.key and path != "/health" and arrival.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "Invalid API Key", "authentication_error")
        body = arrival.body if isinstance(arrival.body, dict) else {}
        if path == "/props":
            return json_answer(self._props(parse_qs(urlsplit(arrival.path).query).get("model", [""])[0]))
        if path == "/v1/models" and self.router:
            rows = [{"id": name, "status": {"value": value}} for name, value in self.router.items()]
            return json_answer({"data": rows})
        if path == "/tokenize":
            ids = token_ids(str(body.get("content", "")))
            return json_answer({"tokens": ids if body.get("add_special") else ids[1:]})
        if path == "/slots":
            busy = {"is_processing": True, "id_task": 7, "next_token": [{"n_decoded": 5}]}
            return json_answer([busy] * self.running + [{"is_processing": False}] * (self.slots - self.running))
        return (
            self._complete(arrival, body) if path == "/completion" else error(404, "File Not Found", "not_found_error")
        )

    def _props(self, model: str) -> dict[str, Any]:
        if self.router and not model:
            settings = {"params": {}, "n_ctx": 0}
            return {"role": "router", "model_alias": "llama-server", "model_path": "none", "build_info": "b9000"} | {
                "default_generation_settings": settings
            }
        props: dict[str, Any] = {
            "default_generation_settings": {"n_ctx": self.context, "params": {}},
            "total_slots": self.slots,
            "model_path": self.model,
            "chat_template": "",
        }
        if self.era is not Era.YEAR_2024:
            props |= {"modalities": {"vision": self.vision, "audio": False}, "build_info": f"{self.era.value}-abc"}
        if self.era is Era.NOW:
            props |= {"media_marker": self.marker, "model_alias": self.alias}
        return props

    def _complete(self, arrival: Arrival, body: dict[str, Any]) -> Answer:
        prompt: Any = body.get("prompt")
        if isinstance(prompt, dict):
            if self.era not in (Era.NOW, Era.AUG_2025):
                return error(500, '"prompt" must be a string, an list of tokens, a list of mixed strings & tokens')
            images: list[str] = prompt["multimodal_data"]
            prompt = str(prompt["prompt_string"])
            if not self.vision:
                return error(500, "Multimodal data provided, but model does not support multimodal requests.")
            pictures = [decode(image) if image != "AAAA" else None for image in images]
            if None in pictures:
                return error(400, "Failed to load image or audio file", "invalid_request_error")
            if prompt.count(self.marker) != len(images):
                return error(400, "Failed to tokenize prompt", "invalid_request_error")
        else:
            pictures = []
        arrival.prompt = str(prompt)
        arrival.numbers = tuple(picture.number for picture in pictures if picture)
        evaluated = len(token_ids(arrival.prompt)) + IMAGE_TOKENS * len(pictures) * self.counts_images
        if evaluated >= self.context:
            words = f"request ({evaluated} tokens) exceeds the available context size ({self.context} tokens)"
            return error(400, f"{words}, try increasing it", "exceed_context_size_error")
        pieces = self._pieces(list(arrival.numbers), int(body.get("n_predict", 100)), evaluated)
        return Answer(200, b"", "text/event-stream", more=(b"data: %s\n\n" % json.dumps(e).encode() for e in pieces))

    def _pieces(self, numbers: list[int | None], most: int, evaluated: int) -> Iterator[dict[str, Any]]:
        """The events of an answer."""
        with self.condition:
            self.running += 1
            self.most_at_once = max(self.most_at_once, self.running)
            self.condition.notify_all()
        complete, count = False, 0
        try:
            yield {"content": "", "stop": False, "prompt_progress": {"total": evaluated, "processed": evaluated}}
            said = self.says(numbers)
            for piece in tokens(said) if isinstance(said, str) else said:
                if count >= most:
                    break
                count += 1
                yield {"content": piece, "stop": False}
            yield {
                "content": "",
                "stop": True,
                "tokens_predicted": count,
                "tokens_evaluated": evaluated,
                "truncated": False,
                "stop_type": "limit" if count >= most else "eos",
            }
            complete = True
        finally:
            with self.condition:
                self.running -= 1
                self.hung_up += not complete
                self.condition.notify_all()


def _read(numbers: list[int | None]) -> str:
    return "\n\n".join("?" if number is None else page_text(number) for number in numbers) or NO_PICTURE


def error(status: int, message: str, kind: str = "server_error") -> Answer:
    """An error in the form of llama-server."""
    return json_answer({"error": {"code": status, "message": message, "type": kind}}, status, measured=True)

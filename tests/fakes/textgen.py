"""A fake text-generation-webui of 2023: images are tags in the prompt, and every answer has status 200."""

from __future__ import annotations

import re
from typing import Any

from fakes.answers import Answer, json_answer
from fakes.base_server import BaseServer, Generation
from fakes.loopback import Arrival
from fakes.words import token_ids

_TAG = re.compile(r'<img src="data:image/jpeg;base64,([A-Za-z0-9+/=]+)">')


class FakeTextgen(BaseServer):
    """The server. ``informs``: it has the call that names its extensions (since June 2023)."""

    def __init__(self, *, informs: bool = True, **options: Any) -> None:
        self.informs = informs
        super().__init__(**{"model": "wojtab_llava-13b-v0-4bit-128g", "context": 2048, **options})

    def answer_authorized(self, arrival: Arrival) -> Answer:
        """The answer to a request whose key was accepted."""
        body = arrival.body if isinstance(arrival.body, dict) else {}
        match arrival.method, arrival.path:
            case "GET", "/api/v1/model":
                return json_answer({"result": self.model})
            case "POST", "/api/v1/model" if self.informs:
                extensions = ["api", *(["multimodal"] if self.vision else [])]
                settings = {"truncation_length": self.context}
                facts = {
                    "model_name": self.model,
                    "shared.settings": settings,
                    "shared.args": {"extensions": extensions},
                }
                return json_answer({"result": facts})
            case "POST", "/api/v1/token-count":
                return json_answer({"results": [{"tokens": len(token_ids(str(body["prompt"])))}]})
            case "POST", "/api/v1/generate":
                return self._generate(arrival, body)
        return Answer(404, b"<html>404</html>", "text/html")

    def _generate(self, arrival: Arrival, body: dict[str, Any]) -> Answer:
        if "prompt" not in body:
            return Answer(200)
        found = self.decode_images(_TAG.findall(body["prompt"])) if self.vision else []
        if None in found:
            return json_answer({"results": [{"text": ""}]})  # the reason stands in the server's log only
        pictures = [picture for picture in found if picture][-1:]
        text = _TAG.sub("", body["prompt"]) if self.vision else body["prompt"]
        if self.count_prompt_tokens(text, pictures) > body["truncation_length"] - body["max_new_tokens"]:
            pictures = []
        sampling = {"greedy": not body["do_sample"], "seed": body["seed"], "stops": body["stopping_strings"]}
        generation = self.generate(arrival, text, pictures, sampling, body["max_new_tokens"])
        return (
            json_answer({"results": [{"text": generation.text}]}) if isinstance(generation, Generation) else generation
        )

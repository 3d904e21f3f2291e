"""Base class of the other fake servers than KoboldCpp: decodes pictures, generates, checks keys, plans faults.

    server.plan[7] = [faults.FixedText("..."), faults.Html(502)]     the first two requests with a picture of page 7
    server.plan[ANY] = faults.Loop()                           every request with a picture

``ServerFault`` and ``OutputFault`` work as with ``FakeKoboldCpp``; ``Hang`` lasts until ``release()``, the server's
end, or until the client hangs up, which is counted in ``hung_up``.
"""

from __future__ import annotations

import base64
import binascii
import select
import socket
import threading
import zlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from fakes import engine
from fakes.answers import SILENCE, Answer, json_answer
from fakes.faults import Fault, ModelRequest, OutputFault, ServerFault
from fakes.koboldcpp import ANY, UNREADABLE
from fakes.loopback import Arrival, Loopback
from fakes.vision import Picture, decode_bytes, squares
from fakes.words import page_text, tokens, unrelated_text

TEMPLATE = 12
"""Tokens of the server's own chat template."""
_TOKENS = squares(28)


@dataclass(frozen=True, slots=True)
class Generation:
    """What the model generated, with its token counts."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    reason: int
    """See ``fakes.engine``."""


class ClientGoneError(Exception):
    """The client closed the connection during the generation."""


class BaseServer(Loopback):
    """A server with one model; subclasses implement its API."""

    def __init__(
        self, *, model: str = "qwen2.5-vl-7b", vision: bool = True, context: int = 8192, key: str = ""
    ) -> None:
        self.model, self.vision, self.context, self.key = model, vision, context, key
        self.plan: dict[Hashable, Fault | list[Fault]] = {}
        self.hung_up = 0
        self.hanging = 0
        self._local = threading.local()
        self._released = threading.Event()
        super().__init__(threads=16)
        self.start()

    # -- implemented by subclasses

    def answer_authorized(self, arrival: Arrival) -> Answer:
        """The answer to a request whose key was accepted."""
        raise NotImplementedError

    # -- used by subclasses

    @property
    def generated(self) -> list[Arrival]:
        """Requests to the model, in order of arrival."""
        return [arrival for arrival in self.requests if arrival.prompt]

    def answer(self, arrival: Arrival) -> Answer:
        """What to answer."""
        if self.key and arrival.headers.get("authorization") != f"Bearer {self.key}":
            return self.unauthorized()
        try:
            return self.answer_authorized(arrival)
        except ClientGoneError:
            return SILENCE

    def unauthorized(self) -> Answer:
        """The answer to a missing or wrong key."""
        return json_answer({"error": {"message": "Invalid API key", "code": 401}}, 401)

    def decode_images(self, images: Sequence[str]) -> list[Picture | None]:
        """Decode base64 texts; ``None`` stands for one that holds no picture."""
        pictures: list[Picture | None] = []
        for image in images:
            try:
                pictures.append(decode_bytes(base64.b64decode(image, validate=True)))
            except (binascii.Error, ValueError):
                pictures.append(None)
        return pictures

    def next_fault(self, arrival: Arrival, pictures: Sequence[Picture]) -> Fault | None:
        """Take the next planned fault for a request with these pictures."""
        arrival.numbers = tuple(picture.number for picture in pictures)
        with self.condition:
            for key in [*arrival.numbers, ANY] if pictures else []:
                steps = self.plan.get(key)
                if isinstance(steps, list):
                    if steps:
                        return steps.pop(0)
                elif steps is not None:
                    return steps
        return None

    def count_prompt_tokens(self, text: str, pictures: Sequence[Picture]) -> int:
        """Number of tokens of a prompt with pictures."""
        return TEMPLATE + len(tokens(text)) + sum(_TOKENS(picture.width, picture.height) for picture in pictures)

    def generate(
        self, arrival: Arrival, text: str, pictures: Sequence[Picture], body: dict[str, Any], limit: int
    ) -> Generation | Answer:
        """Generate a text: the pictures' own texts, or unrelated text when there is no picture."""
        arrival.prompt = text or "-"
        fault = self.next_fault(arrival, pictures)
        if isinstance(fault, ServerFault):
            return fault.answer
        seed = 0 if body["greedy"] else body["seed"]
        seen = tuple(picture.number for picture in pictures)
        texts = [UNREADABLE if number is None else page_text(number) for number in seen]
        good = engine.transcript(texts, text) if pictures else unrelated_text(zlib.crc32(text.encode()) + seed)
        output = (fault if isinstance(fault, OutputFault) else OutputFault()).apply(
            ModelRequest(good, seen, text, seed)
        )
        if output.blind:
            pictures = ()
        arrival.seen = tuple(picture.number for picture in pictures)
        params = engine.Params(
            text, [], limit, self.context, seed, body["greedy"], body["stops"], True, False, False, ""
        )
        outcome = engine.generate(output, params)
        if output.hang is not None:
            self._hang()
        return Generation(
            outcome.text.strip(" "), self.count_prompt_tokens(text, pictures), outcome.tokens, outcome.stop_reason
        )

    def release(self) -> None:
        """Let hanging requests continue."""
        self._released.set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection, remembering it for ``_hang``."""
        self._local.connection = request
        super().finish_request(request, client_address)

    def _hang(self) -> None:
        with self.condition:
            self.hanging += 1
            self.condition.notify_all()
        connection: socket.socket = self._local.connection
        while not self._released.is_set() and not self.closing.is_set():
            if select.select([connection], [], [], 0.02)[0] and not connection.recv(1, socket.MSG_PEEK):
                with self.condition:
                    self.hung_up += 1
                    self.condition.notify_all()
                raise ClientGoneError

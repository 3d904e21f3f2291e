"""What the fakes of other servers than KoboldCpp share: eyes, a model, a plan, a key, and ears for a client's hang-up.

    server.plan[7] = [kinds.Says("..."), kinds.Html(502)]     the first two requests with a picture of page 7
    server.plan[ANY] = kinds.Loop()                           every request with a picture

``Door`` and ``Voice`` kinds work as they do with ``FakeKoboldCpp``; ``Hang`` lasts until ``release()``, the server's
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
from fakes.faults import Ask, Door, Kind, Voice
from fakes.koboldcpp import ANY, UNREADABLE
from fakes.loopback import Arrival, Loopback
from fakes.vision import Picture, decode_bytes, squares
from fakes.words import chatter, page_text, tokens

TEMPLATE = 12
"""Tokens of the server's own chat template."""
_TOKENS = squares(28)


@dataclass(frozen=True, slots=True)
class Said:
    """What the model said, and what it cost."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    reason: int
    """See ``fakes.engine``."""


class GoneError(Exception):
    """The client hung up while the model was at work."""


class Speaker(Loopback):
    """One model behind an API that subclasses write."""

    def __init__(
        self, *, model: str = "qwen2.5-vl-7b", vision: bool = True, context: int = 8192, key: str = ""
    ) -> None:
        self.model, self.vision, self.context, self.key = model, vision, context, key
        self.plan: dict[Hashable, Kind | list[Kind]] = {}
        self.hung_up = 0
        self.hanging = 0
        self._local = threading.local()
        self._released = threading.Event()
        super().__init__(threads=16)
        self.start()

    # -- what subclasses write

    def speak(self, arrival: Arrival) -> Answer:
        """The good answer, the key being right."""
        raise NotImplementedError

    # -- what they use

    @property
    def generated(self) -> list[Arrival]:
        """Requests to the model, in order of arrival."""
        return [arrival for arrival in self.requests if arrival.prompt]

    def answer(self, arrival: Arrival) -> Answer:
        """What to answer."""
        if self.key and arrival.headers.get("authorization") != f"Bearer {self.key}":
            return self.unauthorized()
        try:
            return self.speak(arrival)
        except GoneError:
            return SILENCE

    def unauthorized(self) -> Answer:
        """The complaint about a key."""
        return json_answer({"error": {"message": "Invalid API key", "code": 401}}, 401)

    def see(self, images: Sequence[str]) -> list[Picture | None]:
        """The pictures in base64 texts; ``None`` for what is no picture."""
        pictures: list[Picture | None] = []
        for image in images:
            try:
                pictures.append(decode_bytes(base64.b64decode(image, validate=True)))
            except (binascii.Error, ValueError):
                pictures.append(None)
        return pictures

    def planned(self, arrival: Arrival, pictures: Sequence[Picture]) -> Kind | None:
        """The next step of the plan for a request with these pictures."""
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

    def cost(self, text: str, pictures: Sequence[Picture]) -> int:
        """Tokens of a prompt."""
        return TEMPLATE + len(tokens(text)) + sum(_TOKENS(picture.width, picture.height) for picture in pictures)

    def generate(
        self, arrival: Arrival, text: str, pictures: Sequence[Picture], body: dict[str, Any], limit: int
    ) -> Said | Answer:
        """Let the model speak: about the pictures, or, without any, about nothing."""
        arrival.prompt = text or "-"
        kind = self.planned(arrival, pictures)
        if isinstance(kind, Door):
            return kind.answer
        seed = 0 if body["greedy"] else body["seed"]
        seen = tuple(picture.number for picture in pictures)
        texts = [UNREADABLE if number is None else page_text(number) for number in seen]
        good = engine.transcript(texts, text) if pictures else chatter(zlib.crc32(text.encode()) + seed)
        speech = (kind if isinstance(kind, Voice) else Voice()).say(Ask(good, seen, text, seed))
        if speech.blind:
            pictures = ()
        arrival.seen = tuple(picture.number for picture in pictures)
        params = engine.Params(
            text, [], limit, self.context, seed, body["greedy"], body["stops"], True, False, False, ""
        )
        outcome = engine.generate(speech, params)
        if speech.hang is not None:
            self._hang()
        return Said(outcome.text.strip(" "), self.cost(text, pictures), outcome.tokens, outcome.stop_reason)

    def release(self) -> None:
        """Let what hangs go on."""
        self._released.set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection that a thread serves."""
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
                raise GoneError

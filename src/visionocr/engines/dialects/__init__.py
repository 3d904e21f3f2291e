"""The wire languages. Each is a module; ``Dialect`` says what such a module must have.

A new dialect is a new module and a line in ``ALL``; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from visionocr.engines.dialects import koboldcpp, llamacpp, ollama, openai, textgen
from visionocr.engines.http import Http, Reply
from visionocr.engines.monitor import ProgressSnapshot
from visionocr.errors import ServerError
from visionocr.types import Completion, Request, Server


class Dialect(Protocol):
    """What a dialect's module offers. A module has no ``self``; type checkers know."""

    NAME: str
    GENERATE: str
    """Path of the endpoint that completes."""

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """What the server says of itself when it speaks this dialect, else ``None``.

        Raises ``ServerUnreachable`` when nobody is there, another ``ServerError`` when it does not let us ask.
        """
        ...

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """Everything a client must know, from cheap questions only; checks the key.

        *model* is the one to ask for, where a server has several; ``None``: the only one, or the one that is loaded.

        Raises a ``ServerError`` when the server can never do the work.
        """
        ...

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:
        """The request's body. *server* was found by ``probe``; *key* names this attempt, for progress and abort."""
        ...

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:
        """The completion in a reply. Raises ``AnswerUnusable`` when there is none."""
        ...

    def count_tokens(self, http: Http, server: Server, text: str) -> int | None:
        """Tokens of *text*, begin-of-text included; ``None`` when the server does not count."""
        ...

    def look(self, http: Http, key: str) -> ProgressSnapshot | None:
        """What can be seen of the request that *key* names while it runs; ``None`` when there is no way to look."""
        ...

    def abort(self, http: Http, key: str) -> None:
        """Stop the generation that *key* names, and nobody else's."""
        ...

    def is_idle(self, http: Http) -> bool:
        """Whether the server has nothing to do; ``True`` when it does not say."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """What a dialect offers besides when its answers come in pieces: server-sent events, or lines of JSON.

    The text is watched as it comes, and a generation is stopped by hanging up; ``abort`` is not called.
    """

    def piece(self, event: Any) -> str:
        """The part of the answer's text that *event* brings; the events may be anything."""
        ...


@runtime_checkable
class Explaining(Protocol):
    """What a dialect offers besides when it knows what its servers' complaints mean."""

    def explain(self, error: ServerError) -> ServerError:
        """The error that *error* really is; *error* itself when there is nothing to add."""
        ...


def explained(dialect: Dialect, error: ServerError) -> ServerError:
    """What *error* means in this dialect."""
    return dialect.explain(error) if isinstance(dialect, Explaining) else error


ALL: tuple[Dialect, ...] = (koboldcpp, llamacpp, ollama, textgen, openai)
"""In the order in which a server is tried: KoboldCpp answers for others too, and ``openai`` is what many speak beside
their own."""

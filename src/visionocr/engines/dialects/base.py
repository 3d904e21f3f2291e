"""The interface of a dialect (a server API), with defaults."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from visionocr.engines.http import Http, Reply
from visionocr.errors import ServerError
from visionocr.types import Completion, Request, Server


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """What a server reports while it works. Any change is progress."""

    text: str = ""
    """The answer so far."""
    waiting: int | None = None
    """Requests that wait."""
    generations: int | None = None
    """Requests that were answered since the server's start, or events that came of this one."""


class Dialect(ABC):
    """A wire language. The defaults are for servers that say nothing of a request that runs.

    Nothing is sent to stop a request there: such servers stop when the connection closes, and what else there is would
    stop whoever is being served.
    """

    NAME: ClassVar[str]
    GENERATE: ClassVar[str]
    """Path of the endpoint that completes."""
    STREAMS: ClassVar[bool] = False
    """Its answers may come in pieces: server-sent events, or lines of JSON. The text is watched as it comes, and a
    generation is stopped by hanging up; ``abort`` is not called."""

    OUTLIVES: ClassVar[bool] = False
    """A generation goes on, and its text can be fetched, when the connection of its request is lost."""

    @abstractmethod
    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """What the server says of itself when it speaks this dialect, else ``None``.

        Raises ``ServerUnreachable`` when nobody is there, another ``ServerError`` when it does not let us ask.
        """

    @abstractmethod
    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """Everything a client must know, from cheap questions only; checks the key.

        *model* is the one to ask for, where a server has several; ``None``: the only one, or the one that is loaded.

        Raises a ``ServerError`` when the server can never do the work.
        """

    @abstractmethod
    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:
        """The request's body. *server* was found by ``probe``; *key* names this attempt, for progress and abort.

        Each picture stands in it once, as base64.
        """

    @abstractmethod
    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:
        """The completion in a reply. Raises ``AnswerUnusable`` when there is none."""

    def event_text(self, event: Any) -> str:  # noqa: ARG002
        """The part of the answer's text that an *event* of a stream brings; the events may be anything."""
        return ""

    def count_tokens(self, http: Http, server: Server, text: str) -> int | None:  # noqa: ARG002
        """Tokens of *text*, begin-of-text included; ``None`` when the server does not count."""
        return None

    def poll(self, http: Http, key: str) -> ProgressSnapshot | None:  # noqa: ARG002
        """What can be seen of the request that *key* names while it runs; ``None`` when there is no way to look."""
        return None

    def fetch(self, http: Http, key: str, request: Request, seen: str) -> Completion | None:  # noqa: ARG002
        """The completion of a *request* whose connection is lost, named by *key*; ``None`` while it is not finished.

        *seen* is its text as it was seen last. Raises ``GenerationFailed`` when the server has nothing of it.
        """
        return None

    def abort(self, http: Http, key: str) -> None:  # noqa: B027 - most servers have nothing for it
        """Stop the generation that *key* names, and nobody else's."""

    def is_idle(self, http: Http) -> bool:  # noqa: ARG002
        """Whether the server has nothing to do; ``True`` when it does not say."""
        return True

    def explain(self, error: ServerError) -> ServerError:
        """A more specific error for a server's error answer; *error* itself where there is none."""
        return error

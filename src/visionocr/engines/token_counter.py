"""Counts the tokens of prompts as a server does, each text once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.http import Http
from visionocr.errors import AnswerUnusable, RequestRefused
from visionocr.prompting.render import wrap
from visionocr.types import ChatMarkers, Completion, Prompt, Request, Sampler, Server

_MOST_COUNTS = 256
"""Number of counts that are cached: prompts may differ from page to page."""


@dataclass(slots=True, eq=False)
class TokenCounter:
    """Counts tokens; may be used by several threads."""

    http: Http
    dialect: Dialect
    complete: Callable[[Request], Completion]
    """Answers a request, for servers that only tell what an answer cost."""
    _counts: dict[str, int] = field(default_factory=dict)

    def count(self, server: Server, text: str) -> int | None:
        """Tokens of *text*, begin-of-text included; ``None`` when the server does not count."""
        if server.applies_template:
            return self._count_in_template(Prompt("", (text,), ChatMarkers()))
        return self._remember(text, lambda: self.dialect.count_tokens(self.http, server, text))

    def count_text(self, server: Server, prompt: Prompt) -> int | None:
        """Tokens of the prompt without its images: what is processed beyond them shows that the images were used."""
        if not server.applies_template:
            return self.count(server, wrap(prompt))
        return self._count_in_template(prompt) if server.counts_tokens else None

    def _count_in_template(self, prompt: Prompt) -> int | None:
        """Tokens of a prompt's text in the server's own template: those of a request without images tell."""
        bare = Request(replace(prompt, parts=(prompt.text or ".",)), Sampler(), max_length=1)  # none takes no text

        def ask() -> int | None:
            try:
                return self.complete(bare).prompt_tokens
            except (AnswerUnusable, RequestRefused):
                return None

        return self._remember(f"{prompt.system}\0{prompt.text}", ask)

    def _remember(self, text: str, count: Callable[[], int | None]) -> int | None:
        number = self._counts.get(text)
        if number is None and (number := count()) is not None:  # a failure says nothing about the next time
            if len(self._counts) >= _MOST_COUNTS:
                self._counts.clear()
            self._counts[text] = number
        return number

"""An engine that wraps another one and passes every call on, except those that a subclass overrides."""

from __future__ import annotations

from visionocr.types import Completion, Engine, Request


class EngineProxy:
    """The same engine; an ``Engine``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.server = engine.server

    def complete(self, request: Request) -> Completion:
        """See ``Engine.complete``."""
        return self._engine.complete(request)

    def count_tokens(self, text: str) -> int | None:
        """See ``Engine.count_tokens``."""
        return self._engine.count_tokens(text)

    def cancel(self) -> None:
        """See ``Engine.cancel``."""
        self._engine.cancel()

    def close(self) -> None:
        """See ``Engine.close``."""
        self._engine.close()

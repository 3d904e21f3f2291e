"""Measures how fast pages are read: recently, and by each server."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from visionocr.types import PageResult

_RECENT = 30
"""Answers that the speed is taken from: enough to be steady, few enough to notice when a server comes or goes."""
_ENOUGH = 3
"""Answers before which no speed is given."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a run as a whole."""

    pages_per_minute: float
    tokens_per_second: float
    """0 where no server counts."""

    def __str__(self) -> str:
        tokens = f", {self.tokens_per_second:.0f} tokens/s" if self.tokens_per_second else ""
        return f"{self.pages_per_minute:.{0 if self.pages_per_minute >= 10 else 1}f} pages/min{tokens}"


@dataclass(slots=True)
class Share:
    """What one server contributed."""

    pages: int = 0
    seconds: float = 0.0
    """Time that it worked, over all requests."""
    tokens: int = 0

    def __str__(self) -> str:
        tokens = f", {self.tokens / self.seconds:.0f} tokens/s" if self.tokens and self.seconds else ""
        return f"{self.pages} page{'' if self.pages == 1 else 's'}, {self.seconds:.1f} s of work{tokens}"


class SpeedMeter:
    """Counts answered pages. A page is counted where its text came from."""

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}
        """By address."""
        self._recent: deque[tuple[float, int]] = deque(maxlen=_RECENT + 1)
        """When an answer came, and its tokens."""

    def add(self, result: PageResult, now: float) -> None:
        """Count one page, asked for in this run and finished *now*, in seconds by any clock."""
        if not result.asks:
            return
        tokens = result.completion_tokens or 0
        self._recent.append((now, tokens))
        if result.server:
            share = self.shares.setdefault(result.server, Share())
            share.pages, share.seconds, share.tokens = (
                share.pages + 1,
                share.seconds + result.seconds,
                share.tokens + tokens,
            )

    def measure(self) -> Speed | None:
        """The speed of the last pages; ``None`` while there are too few to tell."""
        if len(self._recent) < _ENOUGH:
            return None
        seconds = self._recent[-1][0] - self._recent[0][0]
        if seconds <= 0:
            return None
        tokens = sum(tokens for _, tokens in list(self._recent)[1:])
        return Speed((len(self._recent) - 1) / seconds * 60, tokens / seconds)


def estimate_duration(pages: int, per_minute: float) -> str:
    """How long *pages* pages take at that speed, as text."""
    minutes = pages / per_minute
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h"

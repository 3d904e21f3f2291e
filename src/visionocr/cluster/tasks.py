"""What a cluster run hands out, and to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from visionocr.cluster.document_cache import Part
from visionocr.cluster.remote import Outcome
from visionocr.types import PageRef, PageResult


class Team(Protocol):
    """The workers of a run."""

    def present(self) -> Mapping[str, int]:
        """Those that can be given parts, with how many parts each takes at a time."""
        ...

    def give(self, worker: str, part: Part) -> int:
        """Let *worker* read *part*; the ticket under which its outcome comes."""
        ...

    def returned(self, seconds: float) -> list[tuple[int, Outcome | None]]:
        """Outcomes by ticket, as soon as there are any; ``None`` for a part whose worker died over it."""
        ...

    def send(self, worker: str, page: PageRef, path: str) -> str:
        """Send the document of *page*, which the worker does not find; why it cannot be sent, else nothing."""
        ...

    def stop(self) -> list[tuple[int, Outcome | None]]:
        """Let all workers stop at once; what they had read until then."""
        ...


@dataclass(eq=False, slots=True)
class Chunk:
    """Pages that follow each other in the output."""

    pages: list[PageRef]
    results: dict[PageRef, PageResult] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every page has its result."""
        return len(self.results) == len(self.pages)


@dataclass(eq=False, slots=True)
class Errand:
    """Pages of a chunk that a worker is to read."""

    chunk: Chunk
    pages: list[PageRef]
    deaths: int = 0
    """How many workers died over them."""
    worker: str = ""
    promised: frozenset[str] = frozenset()
    """Digests of documents that the worker had been sent before it got these pages."""
    sent: set[tuple[str, str]] = field(default_factory=set)
    """Worker and digest of documents that were there no more, and were sent again."""

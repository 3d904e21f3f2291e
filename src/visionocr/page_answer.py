"""An answer to one image: its text, what was found about it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from visionocr.answers.judge import score, status_of
from visionocr.answers.repetition import cut_loop, find_loop
from visionocr.blocks import Block
from visionocr.evidence import Doubt
from visionocr.types import Finding, FindingKind, Severity, Status


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The text of one image with the findings about it, and its cost."""

    text: str
    findings: tuple[Finding, ...]
    asks: int = 1
    retries: int = 0
    server: str = ""
    model: str = ""
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    blocks: tuple[Block, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    checked_with: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it."""
        return status_of(self.findings) is Status.OK


def make_failure(message: str) -> PageAnswer:
    """An answer that did not come."""
    return PageAnswer("", (Finding(FindingKind.SERVER, message, Severity.FAILED),))


def drop_loop(answer: PageAnswer) -> PageAnswer:
    """The answer with one copy of a loop's piece: the finding mentions the others."""
    if not any(finding.kind is FindingKind.REPETITION for finding in answer.findings):
        return answer
    loop = find_loop(answer.text, ended=False)
    return answer if loop is None else replace(answer, text=cut_loop(answer.text, loop))


def add_costs(best: PageAnswer, spent: Sequence[PageAnswer]) -> PageAnswer:
    """*best* with the cost of everything that was asked on the way to it."""
    return replace(
        best,
        asks=sum(answer.asks for answer in spent),
        retries=sum(answer.retries for answer in spent),
        seconds=sum(answer.seconds for answer in spent),
        prompt_tokens=add_known(answer.prompt_tokens for answer in spent),
        completion_tokens=add_known(answer.completion_tokens for answer in spent),
    )


def rate(answer: PageAnswer) -> tuple[int, int, int]:
    """A value that is greater for the better of two answers to the same image: of two bad ones, the less doubtful."""
    rank, length = score(answer.findings, answer.text)
    return rank, -sum(max(len(doubt.text), len(doubt.instead)) for doubt in answer.doubts), length


def take_share(answer: PageAnswer, index: int, count: int) -> PageAnswer:
    """*answer* with its part of what a request with *count* pages cost, so that sums over pages stay true."""

    def part(total: int | None) -> int | None:
        return None if total is None else total // count + (index < total % count)

    return replace(
        answer,
        seconds=answer.seconds / count,
        retries=answer.retries if index == 0 else 0,
        prompt_tokens=part(answer.prompt_tokens),
        completion_tokens=part(answer.completion_tokens),
    )


def add_known(values: Iterable[int | None]) -> int | None:
    """The sum of the numbers that are known; ``None`` where none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None

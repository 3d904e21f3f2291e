"""An answer to one image: its text, what was found about it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from visionocr.answers.judge import score, status_of
from visionocr.answers.repetition import cut_loop, find_loop
from visionocr.blocks import Block
from visionocr.boxes import TextLine
from visionocr.evidence import Doubt
from visionocr.types import Finding, FindingKind, PageImage, PageResult, Severity, Status


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
    lines: tuple[TextLine, ...] = ()
    """Of the page, where the engine gives them."""
    doubts: tuple[Doubt, ...] = ()
    checked_with: str = ""

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong with it."""
        return status_of(self.findings) is Status.OK


def make_failure(message: str) -> PageAnswer:
    """An answer that did not come."""
    return PageAnswer("", (Finding(FindingKind.SERVER, message, Severity.FAILED),))


def add_earlier(result: PageResult, earlier: Sequence[PageAnswer | PageResult]) -> PageResult:
    """*result* with the cost of answers that were given up before, or that are about something else."""
    return replace(
        result,
        asks=result.asks + sum(answer.asks for answer in earlier),
        retries=result.retries + sum(answer.retries for answer in earlier),
        seconds=result.seconds + sum(answer.seconds for answer in earlier),
        prompt_tokens=add_known([result.prompt_tokens, *(answer.prompt_tokens for answer in earlier)]),
        completion_tokens=add_known([result.completion_tokens, *(answer.completion_tokens for answer in earlier)]),
    )


def add_finding(result: PageResult, finding: Finding) -> PageResult:
    """*result* with another finding, which may make its status worse."""
    status = result.status
    if status is Status.OK:
        status = status_of([finding])
    return replace(result, findings=(finding, *result.findings), status=status)


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


def join_answers(
    image: PageImage,
    findings: tuple[Finding, ...],
    answers: Sequence[PageAnswer],
    text: str,
    blocks: tuple[Block, ...],
) -> PageResult:
    """The result of a page: one answer for each of its images, of which *image* is the first.

    *findings* are about the page itself; *text* and *blocks* are the joined ones of the answers.
    """
    findings = (*findings, *(finding for answer in answers for finding in answer.findings))
    status = status_of(findings)
    if status is Status.FAILED and text and any(answer.is_good for answer in answers):
        status = Status.SUSPECT  # of a page in several parts some were read: they are not thrown away
    return PageResult(
        page=image.page,
        text="" if status is Status.FAILED else text,
        status=status,
        findings=tuple(dict.fromkeys(findings)),
        asks=sum(answer.asks for answer in answers),
        retries=sum(answer.retries for answer in answers),
        server=answers[-1].server,
        model=answers[-1].model,
        seconds=sum(answer.seconds for answer in answers),
        prompt_tokens=add_known(answer.prompt_tokens for answer in answers),
        completion_tokens=add_known(answer.completion_tokens for answer in answers),
        width=image.width,
        height=image.height,
        blocks=blocks,
        lines=tuple(line for answer in answers for line in answer.lines),
        doubts=tuple(doubt for answer in answers for doubt in answer.doubts),
        checked_with=answers[-1].checked_with,
        turn=image.turn,
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

"""Answers are judged, not believed: each judge looks at one way in which an answer can be bad."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from visionocr.answers.phrases import is_refusal, says_nothing_there
from visionocr.answers.repetition import cut_loop, find_loop
from visionocr.types import Completion, Finding, FindingKind, FinishReason, Request, Severity, Status

LEAST_IMAGE_TOKENS = 8
"""No encoder makes less of a picture; a server adds at most a few tokens of text when it drops one."""
LEAST_CONFIDENCE = 0.93
"""Drawn pages on which the embedded engine was less sure had one word in eight or more wrong."""
SHORTEST_ECHO = 40
"""Characters of an instruction's sentence that no page contains by chance."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge looks at."""

    completion: Completion
    text: str
    """What cleaning left of the completion's text."""
    request: Request


Judge = Callable[[Case], Iterator[Finding]]


def judge(completion: Completion, text: str, request: Request) -> tuple[Finding, ...]:
    """Return what is to be said against an answer; *text* is what cleaning left of ``completion.text``."""
    case = Case(completion, text, request)
    return tuple(finding for judgement in JUDGES for finding in judgement(case))


def status_of(findings: Iterable[Finding]) -> Status:
    """Return a page's status: the heaviest finding decides."""
    weights = {finding.severity for finding in findings}
    if Severity.FAILED in weights:
        return Status.FAILED
    return Status.SUSPECT if Severity.SUSPECT in weights else Status.OK


def score(findings: Iterable[Finding], text: str) -> tuple[int, int]:
    """Return a value that is greater for the better of two answers to the same page.

    Fewer doubts come first, then more text; of a loop only one copy counts as text.
    """
    found = tuple(findings)
    rank = min((_RANKS[finding.severity] for finding in found), default=len(_RANKS))
    if any(finding.kind is FindingKind.REPETITION for finding in found) and (loop := find_loop(text, ended=False)):
        text = cut_loop(text, loop)
    return rank, len(text)


_RANKS = {Severity.FAILED: 0, Severity.SUSPECT: 1, Severity.INFO: 2}


def _empty(case: Case) -> Iterator[Finding]:
    if case.text.strip() or case.completion.finish_reason is FinishReason.ABORTED:
        return
    if case.completion.text.strip():
        message = "The model wrote no text of the page, only thinking, chatter or chat markers."
    elif case.completion.completion_tokens == 0:
        message = "The server generated nothing: 0 tokens."
    else:
        message = "The model's answer is empty."
    yield Finding(FindingKind.EMPTY, message, Severity.FAILED)


def _truncated(case: Case) -> Iterator[Finding]:
    if case.completion.finish_reason is FinishReason.LENGTH:
        message = f"The answer was cut off at its limit of {case.request.max_length} tokens."
        yield Finding(FindingKind.TRUNCATED, message)


def _interrupted(case: Case) -> Iterator[Finding]:
    if case.completion.finish_reason is FinishReason.ABORTED:
        count = case.completion.completion_tokens
        after = "" if count is None else f" after {count} of {case.request.max_length} tokens"
        message = f"Generation stopped early{after}: someone aborted it, or the server's own limit (--genlimit) did."
        yield Finding(FindingKind.INTERRUPTED, message, Severity.SUSPECT if case.text.strip() else Severity.FAILED)


def _out_of_time(case: Case) -> Iterator[Finding]:
    if case.completion.finish_reason is FinishReason.TIME:
        yield Finding(FindingKind.INTERRUPTED, "The answer took longer than it may (--max-time) and was stopped.")


def _repetition(case: Case) -> Iterator[Finding]:
    if loop := find_loop(case.text, ended=_ended(case.completion, case.request)):
        piece = " ".join(loop.period.split()) or "blanks"
        shown = piece if len(piece) <= 60 else piece[:57] + "…"
        message = f"The answer repeats itself: {loop.repeats} times the same {loop.unit}, “{shown}”."
        yield Finding(FindingKind.REPETITION, message)


def _ended(completion: Completion, request: Request) -> bool:
    """Whether the model ended by itself. A server that does not say is believed, unless the limit was reached."""
    if completion.finish_reason is FinishReason.UNKNOWN:
        return (completion.completion_tokens or 0) < request.max_length
    return completion.finish_reason is FinishReason.STOP


def _prompt_echo(case: Case) -> Iterator[Finding]:
    answer = _plain(case.text)
    echoed = [sentence for sentence in _sentences(case.request) if sentence in answer]
    whole = _plain(case.request.prompt.text)
    if len(whole) >= 10 and answer == whole:
        echoed = [whole]
    if echoed:
        mostly = sum(len(sentence) * answer.count(sentence) for sentence in echoed) * 2 >= len(answer)
        message = "The answer repeats the instruction" + (" instead of the page." if mostly else ".")
        yield Finding(FindingKind.PROMPT_ECHO, message, Severity.FAILED if mostly else Severity.SUSPECT)


def _sentences(request: Request) -> set[str]:
    """The instructions' sentences in plain form, those long enough to be told from the page's own text."""
    parts = re.split(r"(?<=[.!?:;。！？])\s+|\n+", f"{request.prompt.system}\n{request.prompt.text}")
    return {plain for part in parts if len(plain := _plain(part)) >= SHORTEST_ECHO}


def _plain(text: str) -> str:
    """Letters and digits only: a model changes marks and line breaks when it repeats something."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _refusal(case: Case) -> Iterator[Finding]:
    if is_refusal(case.text):
        message = "The model says that it cannot or will not read the picture."
        yield Finding(FindingKind.REFUSAL, message, Severity.FAILED)
    elif says_nothing_there(case.text):
        yield Finding(FindingKind.REFUSAL, "The model says that there is no text, instead of giving text.")


def _image_not_used(case: Case) -> Iterator[Finding]:
    images, whole, words = len(case.request.prompt.images), case.completion.prompt_tokens, case.completion.text_tokens
    if not images or whole is None or words is None:
        return
    observed, expected = whole - words, LEAST_IMAGE_TOKENS * images
    if observed < 0:
        message = (
            f"The prompt was cut at the front: the server processed {whole} tokens, its text alone has {words}. "
            "The context is too small."
        )
    elif observed < expected:
        message = (
            f"The server did not use the picture: {whole} prompt tokens less {words} of text leave {observed}, "
            f"at least {expected} were expected for {images} image{'s' if images > 1 else ''}."
        )
    else:
        return
    yield Finding(FindingKind.IMAGE_NOT_USED, message, Severity.FAILED)


def _unsure(case: Case) -> Iterator[Finding]:
    sure = case.completion.confidence
    if sure is not None and sure < LEAST_CONFIDENCE:
        message = f"The engine is unsure of what it read: {sure:.2f} of 1."
        yield Finding(FindingKind.LOW_CONFIDENCE, message)


JUDGES: tuple[Judge, ...] = (
    _empty,
    _truncated,
    _interrupted,
    _out_of_time,
    _image_not_used,
    _refusal,
    _prompt_echo,
    _repetition,
    _unsure,
)
"""Every judge, in the order in which their findings are reported."""

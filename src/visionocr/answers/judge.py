"""Judges answers: each judge looks for one way in which an answer can be bad."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from visionocr.answers.clean import Removal, RemovalKind
from visionocr.answers.phrases import is_description, is_refusal, says_nothing_there
from visionocr.answers.reasoning import has_end_of_reasoning
from visionocr.answers.repetition import cut_loop, find_loop
from visionocr.answers.visible import is_visible
from visionocr.types import Completion, Finding, FindingKind, FinishReason, Request, Severity, Status

LEAST_IMAGE_TOKENS = 8
"""Tokens: no encoder makes fewer of a picture; a server that drops one adds at most a few tokens of text."""
LEAST_CONFIDENCE = 0.93
"""Confidence of the embedded engine below which test pages had one word in eight or more wrong."""
LEAST_NOISE, MOST_NOISE = 40, 0.1
"""Characters of lines that were left out as no print, and their share of the others', from which on text may be lost
with them. Of 21 drawn pages, half of them with a halftone, the others clean, blurred, tiny or upside down, the most was
6 characters, or 0.2 %."""
LONGEST_QUOTE = 60
"""Characters of an answer that a message shows."""
SHORTEST_ECHO = 40
"""Characters of an instruction's sentence that no page contains by chance."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a judge looks at."""

    completion: Completion
    text: str
    """What cleaning left of the completion's text."""
    request: Request
    may_describe: bool
    """It may speak about the page or picture instead of giving its text."""


Judge = Callable[[Answer], Finding | None]


def judge(
    completion: Completion,
    text: str,
    request: Request,
    *,
    removed: Iterable[Removal] = (),
    may_describe: bool = False,
) -> tuple[Finding, ...]:
    """Return the findings about an answer.

    *text* is what cleaning left of ``completion.text``, *removed* what it took out. *may_describe* says that the
    answer may speak about the page instead of giving its text, as a caption does.
    """
    answer = Answer(completion, text, request, may_describe)
    found = [finding for find in JUDGES if (finding := find(answer))]
    # An answer of which nothing is left has been found to be empty.
    return (*found, *(map(_report_removal, removed) if text else ()))


def status_of(findings: Iterable[Finding]) -> Status:
    """Return a page's status: the most serious finding decides."""
    weights = {finding.severity for finding in findings}
    if Severity.FAILED in weights:
        return Status.FAILED
    return Status.SUSPECT if Severity.SUSPECT in weights else Status.OK


def score(findings: Iterable[Finding], text: str) -> tuple[int, int]:
    """Return a value that is greater for the better of two answers to the same page.

    Less serious findings count first, then more text, of which repeated copies and descriptions are left out.
    """
    found = tuple(findings)
    rank = min((_RANKS[finding.severity] for finding in found), default=len(_RANKS))
    kinds = {finding.kind for finding in found}
    if FindingKind.NOT_A_TRANSCRIPTION in kinds:
        return rank, 0
    if FindingKind.REPETITION in kinds and (loop := find_loop(text, ended=False)):
        text = cut_loop(text, loop)
    return rank, len(text)


_RANKS = {Severity.FAILED: 0, Severity.SUSPECT: 1, Severity.INFO: 2}


def _find_empty(answer: Answer) -> Finding | None:
    if is_visible(answer.text) or answer.completion.finish_reason is FinishReason.ABORTED:
        return None
    if answer.text:
        message = f"The answer shows a reader nothing: {_quote(answer.text)}."
    elif answer.completion.text.strip():
        message = "The answer holds no text of the page, only reasoning, chatter or chat template tokens."
    elif answer.completion.completion_tokens == 0:
        message = "The server generated nothing: 0 tokens."
    else:
        message = "The model's answer is empty."
    return Finding(FindingKind.EMPTY, message, Severity.FAILED)


def _find_early_end(answer: Answer) -> Finding | None:
    limit, count = answer.request.max_length, answer.completion.completion_tokens
    match answer.completion.finish_reason:
        case FinishReason.LENGTH:
            return Finding(FindingKind.TRUNCATED, f"The answer was cut off at its limit of {limit} tokens.")
        case FinishReason.TIME:
            return Finding(FindingKind.INTERRUPTED, "The answer took longer than --max-time allows and was stopped.")
        case FinishReason.ABORTED:
            after = "" if count is None else f" after {count} of {limit} tokens"
            message = (
                f"Generation stopped early{after}: another client or the server's own limit (--genlimit) ended it."
            )
            severity = Severity.SUSPECT if is_visible(answer.text) else Severity.FAILED
            return Finding(FindingKind.INTERRUPTED, message, severity)
    return None


def _find_unused_image(answer: Answer) -> Finding | None:
    whole, words = answer.completion.prompt_tokens, answer.completion.text_tokens
    images = len(answer.request.prompt.images)
    if not images or whole is None or words is None:
        return None
    observed, expected = whole - words, LEAST_IMAGE_TOKENS * images
    if observed >= expected:
        return None
    if observed < 0:
        message = (
            f"The prompt was cut at the front: the server processed {whole} tokens, its text alone has {words}. "
            "The context is too small."
        )
    else:
        message = (
            f"The server did not use the picture: {whole} prompt tokens less {words} of text leave {observed}, "
            f"at least {expected} were expected for {images} image{'s' if images > 1 else ''}."
        )
    return Finding(FindingKind.IMAGE_NOT_USED, message, Severity.FAILED)


def _find_speech(answer: Answer) -> Finding | None:
    """Whether the answer speaks of the page, in whatever way, instead of giving its text."""
    if is_refusal(answer.text):
        message = "The model says that it cannot or will not read the picture."
        return Finding(FindingKind.REFUSAL, message, Severity.FAILED)
    if answer.may_describe:
        return None
    if says_nothing_there(answer.text):
        return Finding(FindingKind.REFUSAL, "The model says that there is no text, instead of giving text.")
    if is_description(answer.text):
        message = "The answer describes the page instead of giving its text."
        return Finding(FindingKind.NOT_A_TRANSCRIPTION, message)
    return None


def _find_reasoning(answer: Answer) -> Finding | None:
    if has_end_of_reasoning(answer.text):
        message = (
            "The answer holds the end of a model's reasoning, but the preset does not say that the model thinks: "
            "what stands before it may not be on the page."
        )
        return Finding(FindingKind.NOT_A_TRANSCRIPTION, message)
    return None


def _find_prompt_echo(answer: Answer) -> Finding | None:
    prompt, text = answer.request.prompt, _words(answer.text)
    sentences = re.split(r"(?<=[.!?:;。！？])\s+|\n+", f"{prompt.system}\n{prompt.text}")
    # Shorter ones cannot be told from the page's own text.
    long_ones = {plain for sentence in sentences if len(plain := _words(sentence)) >= SHORTEST_ECHO}
    echoed = [sentence for sentence in long_ones if sentence in text]
    whole = _words(prompt.text)
    if len(whole) >= 10 and text == whole:
        echoed = [whole]
    if not echoed:
        return None
    if sum(len(sentence) * text.count(sentence) for sentence in echoed) * 2 >= len(text):
        message = "The answer repeats the instruction instead of the page."
        return Finding(FindingKind.PROMPT_ECHO, message, Severity.FAILED)
    return Finding(FindingKind.PROMPT_ECHO, "The answer repeats the instruction.")


def _words(text: str) -> str:
    """Letters and digits only: a model changes marks and line breaks when it repeats something."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def _find_repetition(answer: Answer) -> Finding | None:
    reason, count = answer.completion.finish_reason, answer.completion.completion_tokens or 0
    # Without a finish reason the model is assumed to have ended by itself, unless the limit was reached.
    unknown = reason is FinishReason.UNKNOWN and count < answer.request.max_length
    loop = find_loop(answer.text, ended=reason is FinishReason.STOP or unknown)
    if loop is None:
        return None
    message = f"The answer repeats itself: {loop.repeats} times the same {loop.unit}, {_quote(loop.period)}."
    return Finding(FindingKind.REPETITION, message)


def _find_low_confidence(answer: Answer) -> Finding | None:
    confidence = answer.completion.confidence
    if confidence is None or confidence >= LEAST_CONFIDENCE:
        return None
    return Finding(FindingKind.LOW_CONFIDENCE, f"The engine's confidence in its reading is low: {confidence:.2f} of 1.")


def _find_noise(answer: Answer) -> Finding | None:
    dropped = answer.completion.dropped
    if not dropped:
        return None
    count = "1 line was" if len(dropped) == 1 else f"{len(dropped)} lines were"
    message = f"{count} left out that look like halftone or specks, not like print: {_quote(dropped[0])}."
    letters, kept = sum(map(len, dropped)), sum(len(line.text) for line in answer.completion.lines)
    is_much = letters >= LEAST_NOISE and letters > MOST_NOISE * kept
    return Finding(FindingKind.NOISE, message, Severity.SUSPECT if is_much else Severity.INFO)


def _report_removal(removal: Removal) -> Finding:
    match removal.kind:
        case RemovalKind.REASONING:
            what = f"Reasoning of {removal.words} words before the text was taken out"
            what += "" if removal.is_expected else ", though the preset does not say that the model thinks"
        case RemovalKind.TURN:
            what = f"{removal.words} words from a chat marker on were taken out"
        case RemovalKind.REMARK:
            what = "A remark of the model's own was taken out"
    severity = Severity.INFO if removal.is_expected else Severity.SUSPECT
    return Finding(FindingKind.REMOVED_TEXT, f"{what}: {_quote(removal.text)}.", severity)


def _quote(text: str) -> str:
    """The beginning of *text* on one line, in quotation marks."""
    line = " ".join(text[: LONGEST_QUOTE * 4].split()) or "blanks"
    return f"“{line}”" if len(line) <= LONGEST_QUOTE else f"“{line[: LONGEST_QUOTE - 3]}…”"


JUDGES: tuple[Judge, ...] = (
    _find_empty,
    _find_early_end,
    _find_unused_image,
    _find_speech,
    _find_reasoning,
    _find_prompt_echo,
    _find_repetition,
    _find_low_confidence,
    _find_noise,
)
"""Every judge, in the order in which their findings are reported."""

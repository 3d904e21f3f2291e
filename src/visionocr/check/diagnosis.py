"""Diagnoses a server by its answer to the eye chart: from symptoms to causes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from visionocr.prompting.chat_families import FAMILIES
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import ChatMarkers, Completion, Finding, FindingKind, FinishReason


class Cause(StrEnum):
    """Why a server does not do the work. The values are part of the JSON output."""

    UNREACHABLE = "unreachable"
    KEY = "key"
    SERVER = "server"
    """It answers, but the answer is no completion."""
    NO_VISION = "no-vision"
    IMAGE_IGNORED = "image-ignored"
    CONTEXT = "context"
    TEMPLATE = "template"
    PROJECTOR = "projector"
    THINKING = "thinking"
    """It thinks for longer than an answer may be."""
    DESCRIBES = "describes"
    """It describes the text instead of transcribing it."""
    ENCODER = "encoder"
    """Pictures reach the model too small for the print of a page."""
    PRINT = "print"
    """The picture reaches the model large enough, but is not read."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong: one sentence each."""

    cause: Cause
    symptom: str
    """What was seen, and what it means."""
    remedy: str


PRESET_REMEDY = "Choose the preset of the model's family with --preset (visionocr presets lists them)."
_ANOTHER_TASK = "Try --task text; if that does not help, use a model that was trained to read, such as an OCR model."

_TOLD_BY_TOKENS = [family for family in FAMILIES if family.tokens]
_TOKEN = re.compile(
    "|".join([*(f"({family.tokens})" for family in _TOLD_BY_TOKENS), r"<\|endoftext\|>|</s>"]), re.MULTILINE
)
"""A chat template token; its group names the template's family, if there is one."""
_WRITING = re.compile(
    r"\b(?:words|text|letters|lettering|writing|typography|fonts?|eye chart|handwrit\w+)\b", re.IGNORECASE
)
_MOST = 20_000
"""Characters of an answer that are looked at."""


def diagnose(
    completion: Completion | None,
    findings: Iterable[Finding],
    chat: ChatMarkers,
    *,
    read: bool,
    vision_remedy: str = PROJECTOR_REMEDY,
    context_remedy: str = "Start the server with a larger context",
) -> Diagnosis | None:
    """Say what is wrong with an answer to the chart; ``None`` when it was read and the answer ended where it should.

    *completion* is the answer as it came (``None``: there was none), *findings* are what the judges said of it, *read*
    is whether it shows that the chart was seen, however small the print. The remedies are the server's (see
    ``Server``).
    """
    found = {finding.kind: finding.message for finding in findings}
    if completion is None:
        why = found.get(FindingKind.SERVER, "the server gave no answer")
        return Diagnosis(
            Cause.SERVER, f"no answer: {why}", "Look at the server's console; a smaller --max-side may help."
        )
    if FindingKind.INTERRUPTED in found:
        return Diagnosis(
            Cause.SERVER,
            found[FindingKind.INTERRUPTED],
            "Make sure that nobody else uses the server, start it without --genlimit, or give a larger --max-time.",
        )
    if read:
        return _diagnose_template(completion, chat, found, read=True)
    return (
        _diagnose_lost_image(completion, found, vision_remedy, context_remedy)
        or _diagnose_thinking(completion, found)
        or _diagnose_template(completion, chat, found, read=False)
        or _diagnose_reading(completion, found, vision_remedy)
    )


def _diagnose_lost_image(
    completion: Completion, found: dict[FindingKind, str], vision_remedy: str, context_remedy: str
) -> Diagnosis | None:
    """The picture did not reach the model, as the token counts show."""
    if FindingKind.IMAGE_NOT_USED not in found:
        return None
    whole, words = completion.prompt_tokens or 0, completion.text_tokens or 0
    if whole < words:
        return Diagnosis(Cause.CONTEXT, found[FindingKind.IMAGE_NOT_USED], f"{context_remedy}.")
    return Diagnosis(
        Cause.IMAGE_IGNORED,
        f"the picture did not reach the model: {whole} tokens were processed, the question alone has {words}",
        f"{vision_remedy} If it has that: the picture did not fit into its context, or could not be decoded; see its "
        f"console. {context_remedy}.",
    )


def _diagnose_thinking(completion: Completion, found: dict[FindingKind, str]) -> Diagnosis | None:
    """The model did not finish its reasoning."""
    if FindingKind.EMPTY not in found or not completion.text.lstrip().startswith("<think"):
        return None
    count = f" after {completion.completion_tokens} tokens" if completion.completion_tokens else ""
    return Diagnosis(
        Cause.THINKING,
        f"the model was still thinking{count}, and had read nothing of the chart",
        "Use the model's variant without thinking, or its preset; otherwise pages need a large --max-length.",
    )


def _diagnose_template(
    completion: Completion, chat: ChatMarkers, found: dict[FindingKind, str], *, read: bool
) -> Diagnosis | None:
    """The model does not know where its turn begins or ends."""
    seen = "the chart was read, but " if read else "nothing of the chart was read, and "
    if leaked := _find_template_token(completion.text, chat):
        token, family = leaked
        of_family = f", of {family} templates" if family else ""
        return Diagnosis(
            Cause.TEMPLATE,
            f"{seen}the answer holds chat template tokens ({token}{of_family}): wrong chat template",
            PRESET_REMEDY,
        )
    if FindingKind.REPETITION in found and not read:
        what = "the answer only repeats itself"
    elif completion.finish_reason in {FinishReason.LENGTH, FinishReason.LOOP}:
        what = "the answer does not end"
    elif FindingKind.PROMPT_ECHO in found and not read:
        what = "the answer repeats the question"
    elif FindingKind.EMPTY in found:
        what = "the answer is empty"
    else:
        return None
    also = "" if read else " If that does not help: the projector may belong to another model."
    return Diagnosis(Cause.TEMPLATE, f"{seen}{what}: most likely the wrong chat template", PRESET_REMEDY + also)


def _find_template_token(text: str, chat: ChatMarkers) -> tuple[str, str] | None:
    """A chat template token inside an answer, with its family where one has it: of several the first that tells one.

    The model's own end marker at the end of the answer is none.
    """
    own = chat.assistant_end.strip()
    body = text[:_MOST].strip()
    while own and body.endswith(own):
        body = body[: -len(own)].rstrip()
    tokens = [
        (match[0], _TOLD_BY_TOKENS[match.lastindex - 1].name if match.lastindex else "")
        for match in _TOKEN.finditer(body)
    ]
    return next((token for token in tokens if token[1]), tokens[0] if tokens else None)


def _diagnose_reading(completion: Completion, found: dict[FindingKind, str], vision_remedy: str) -> Diagnosis:
    """The answer is well-formed, but holds nothing of the chart."""
    refused = FindingKind.REFUSAL in found
    counted = completion.prompt_tokens is not None and completion.text_tokens is not None
    if refused and not counted:
        return Diagnosis(
            Cause.IMAGE_IGNORED, "the model says that there is no picture or that it cannot see it", vision_remedy
        )
    if not refused and _WRITING.search(completion.text[:_MOST]):
        return Diagnosis(
            Cause.DESCRIBES, "the model describes the text on the chart instead of transcribing it", _ANOTHER_TASK
        )
    says = "the model says that it sees no picture" if refused else "fluent text without a word"
    return Diagnosis(
        Cause.PROJECTOR,
        f"{says} of the chart, although the picture was processed: most likely the projector belongs to another model",
        "Give --mmproj the projector that was made for this very model; then try another --preset.",
    )

"""From symptoms to causes: every answer that a server may give to the eye chart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from visionocr.answers.clean import clean
from visionocr.answers.judge import judge
from visionocr.check.chart_image import PAGE, WORDS, Line
from visionocr.check.diagnosis import Cause, diagnose
from visionocr.check.eye_chart import score
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question, build_request
from visionocr.types import ChatMarkers, Completion, Finding, FindingKind, FinishReason, PageImage, Severity

LINES = tuple(Line(20.0 - n, WORDS[4 * n : 4 * n + 4]) for n in range(10))
READ = "\n".join(" ".join(line.words) for line in LINES)
FLUENT = "A wide green meadow lies under a stormy sky. Two horses stand near a broken fence and look at the road."
LIBRARY = Library()


def cause_of(completion: Completion | None, preset: str = "qwen2.5-vl", *findings: Finding) -> Cause | None:
    """What is found out from a completion, judged as a page's is."""
    chosen = LIBRARY.preset(preset)
    question = Question(chosen, LIBRARY.task("transcribe"), chosen.sampler, 1024)
    text = ""
    if completion is not None:
        request = build_request(question, [PageImage(PAGE, "image/png", b"", 724, 1024)])
        text = clean(completion.text, stop_sequences=request.stop_sequences, chat=request.prompt.chat).text
        findings = judge(completion, text, request)
    failed = any(finding.severity is Severity.FAILED for finding in findings)
    shown = completion.text if completion and failed else text
    found = diagnose(completion, findings, chosen.chat, read=score(LINES, shown).seen)
    assert found is None or (found.symptom and found.remedy)
    return found.cause if found else None


def says(text: str, reason: FinishReason = FinishReason.STOP, whole: int | None = 1100) -> Completion:
    """An answer whose picture took 1,000 tokens, unless said otherwise."""
    words = None if whole is None else 100
    return Completion(text, reason, prompt_tokens=whole, text_tokens=words, completion_tokens=len(text) // 4)


@pytest.mark.parametrize(
    "text",
    [READ, f"```markdown\n{READ}\n```", f"<think>\nLet me see.\n</think>\n\n{READ}", f"Here is the text:\n\n{READ}"],
)
def test_good(text: str) -> None:
    """What a good model says, whatever it wraps around it."""
    assert cause_of(says(text)) is None
    assert cause_of(says(text, whole=None)) is None


def test_good_with_its_own_end_mark() -> None:
    """A server that does not take the end mark away is no wrong template."""
    assert cause_of(says(f"{READ}<|im_end|>")) is None


def test_words_prove_sight() -> None:
    """A server that counts wrongly has shown the picture all the same, when its words were read."""
    assert cause_of(says(READ, whole=100)) is None


def test_picture_ignored() -> None:
    """Fluent text, and no tokens for the picture."""
    assert cause_of(says(FLUENT, whole=102)) is Cause.IMAGE_IGNORED
    assert cause_of(says("I'm sorry, I cannot see any image.", whole=None)) is Cause.IMAGE_IGNORED


def test_prompt_cut() -> None:
    """Fewer tokens than the question has: the context is too small."""
    assert cause_of(says(FLUENT, whole=60)) is Cause.CONTEXT


@pytest.mark.parametrize(
    ("token", "family"),
    [
        ("<|im_start|>user", "ChatML"),
        ("</s> [INST]", "Mistral"),
        ("<end_of_turn>", "Gemma"),
        ("\nUSER: next", "Vicuna"),
        ("\n### Instruction:", "Alpaca"),
        ("<|eot_id|>", "Llama 3"),
        ("<｜User｜>", "DeepSeek"),
        ("<|end|><|user|>", "Phi or GLM"),
        ("<|end_of_role|>", "Granite"),
        ("<|endoftext|> more", ""),
    ],
)
@pytest.mark.parametrize("text", [READ, FLUENT], ids=["read", "not read"])
def test_template_tokens(token: str, family: str, text: str) -> None:
    """Tokens of another template tell that the template is wrong, and whose they are."""
    chosen = LIBRARY.preset("kimi-vl")
    completion = says(f"{text} {token} and so on")
    found = diagnose(completion, (), chosen.chat, read=score(LINES, completion.text).seen)
    assert found is not None
    assert found.cause is Cause.TEMPLATE
    assert (f"{family} templates" in found.symptom) is bool(family)
    assert "--preset" in found.remedy


@pytest.mark.parametrize("reason", [FinishReason.LENGTH, FinishReason.LOOP])
@pytest.mark.parametrize("text", [READ, FLUENT], ids=["read", "not read"])
def test_endless(reason: FinishReason, text: str) -> None:
    """An answer that does not end, or had to be stopped, comes of a wrong template."""
    assert cause_of(replace(says(text), finish_reason=reason)) is Cause.TEMPLATE


@pytest.mark.parametrize("text", ["", "and once more comes the same dull thing, " * 100], ids=["empty", "loop"])
def test_no_answer_to_the_question(text: str) -> None:
    """An empty answer and a loop come of a wrong template."""
    assert cause_of(says(text)) is Cause.TEMPLATE


def test_echo() -> None:
    """A model that repeats the question was not asked in its own template."""
    assert cause_of(says(LIBRARY.task("transcribe").prompt)) is Cause.TEMPLATE


@pytest.mark.parametrize("whole", [1100, None], ids=["counted", "not counted"])
def test_projector(whole: int | None) -> None:
    """Fluent text about something else, though the picture was processed: another model's projector."""
    assert cause_of(says(FLUENT, whole=whole)) is Cause.PROJECTOR


def test_blind_though_processed() -> None:
    """A model that got picture tokens and says that it sees no picture cannot make sense of them."""
    assert cause_of(says("I'm sorry, I cannot see any image.")) is Cause.PROJECTOR


@pytest.mark.parametrize(
    "text",
    ["The image shows a list of words in a black font on white paper.", "This is a typical eye chart."],
)
def test_describes(text: str) -> None:
    """A model that speaks about the writing has seen it."""
    assert cause_of(says(text)) is Cause.DESCRIBES


def test_thinking() -> None:
    """A model that thinks up to the limit is no wrong template."""
    long = "<think>\n" + " ".join(f"The word number {n} may be {word}." for n, word in enumerate(WORDS[80:]))
    assert cause_of(says(long, FinishReason.LENGTH)) is Cause.THINKING


@pytest.mark.parametrize("text", [READ[:100], "", FLUENT])
def test_interrupted(text: str) -> None:
    """What somebody stopped says nothing about the model."""
    assert cause_of(says(text, FinishReason.ABORTED)) is Cause.SERVER


def test_no_completion() -> None:
    """The server's own words are the symptom."""
    gone = Finding(FindingKind.SERVER, "the engine failed", Severity.FAILED)
    assert cause_of(None, "qwen2.5-vl", gone) is Cause.SERVER
    found = diagnose(None, (gone,), ChatMarkers(), read=False)
    assert found is not None
    assert "the engine failed" in found.symptom

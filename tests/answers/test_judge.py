"""Every way in which an answer can be bad is found, and a good answer is left in peace."""

from __future__ import annotations

from itertools import pairwise

import pytest

from visionocr.answers.clean import Removal, RemovalKind
from visionocr.answers.judge import JUDGES, judge, score, status_of
from visionocr.boxes import Box, TextLine
from visionocr.types import (
    ChatMarkers,
    Completion,
    Finding,
    FindingKind,
    FinishReason,
    PageImage,
    PageRef,
    Prompt,
    Request,
    Sampler,
    Severity,
    Status,
)

INSTRUCTION = (
    "Transcribe all text of this page as Markdown, in reading order and in its own language. "
    "Do not describe, summarise or complete anything. Write tables as Markdown tables."
)
TEXT = "# Minutes\n\nThe committee met on Tuesday in the old town hall and approved the accounts."
IMAGE = PageImage(PageRef("a.pdf", 1), "image/png", b"", 100, 100)


def request(text: str = INSTRUCTION, *, system: str = "", images: int = 1, max_length: int = 4096) -> Request:
    """A request as the pipeline makes it."""
    return Request(Prompt(system, (*[IMAGE] * images, text), ChatMarkers()), Sampler(), max_length)


def found(
    text: str = TEXT,
    *,
    raw: str | None = None,
    reason: FinishReason = FinishReason.STOP,
    prompt: tuple[int | None, int | None] = (300, 40),
    tokens: int | None = 100,
    asked: Request | None = None,
) -> list[tuple[FindingKind, Severity, str]]:
    """What the judges say of an answer."""
    completion = Completion(text if raw is None else raw, reason, prompt[0], prompt[1], tokens)
    return [(f.kind, f.severity, f.message) for f in judge(completion, text, asked or request())]


def kinds(*args: str, **kwargs: object) -> list[tuple[FindingKind, Severity]]:
    """The same without the messages."""
    return [finding[:2] for finding in found(*args, **kwargs)]  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.UNKNOWN])
def test_a_good_answer(reason: FinishReason) -> None:
    """There is nothing to say against a good answer, also when the server tells little."""
    assert found(reason=reason) == []
    assert found(reason=reason, prompt=(None, None), tokens=None) == []


@pytest.mark.parametrize(
    ("raw", "tokens", "words"),
    [
        ("", 0, "0 tokens"),
        ("", 1, "is empty"),
        ("", None, "is empty"),
        ("<think>Let me see.</think>", 30, "only reasoning"),
        ("Here is the transcription:", 8, "chatter"),
    ],
)
def test_empty(raw: str, tokens: int | None, words: str) -> None:
    """An empty answer failed, and it is said what it was made of."""
    [(kind, severity, message)] = found("", raw=raw, tokens=tokens)
    assert (kind, severity) == (FindingKind.EMPTY, Severity.FAILED)
    assert words in message


@pytest.mark.parametrize("text", ["\u200b", "&nbsp;", "<br>", "| | |\n|---|---|", "null", ".", "![](a.png)"])
def test_an_answer_that_shows_nothing(text: str) -> None:
    """An answer in which a reader sees nothing failed, and its characters are quoted."""
    [(kind, severity, message)] = found(text)
    assert (kind, severity) == (FindingKind.EMPTY, Severity.FAILED)
    assert "shows a reader nothing" in message
    [(kind, severity, _)] = found(text, reason=FinishReason.ABORTED)
    assert (kind, severity) == (FindingKind.INTERRUPTED, Severity.FAILED)


DESCRIPTION = "The image shows a printed letter with a heading. It is set in two columns."


def test_a_description_is_no_transcription() -> None:
    """An answer that says what the page looks like is suspect."""
    assert kinds(DESCRIPTION) == [(FindingKind.NOT_A_TRANSCRIPTION, Severity.SUSPECT)]


@pytest.mark.parametrize("text", [DESCRIPTION, "There is no text in this picture, only a cat.", "The image is blank."])
def test_captions_may_describe(text: str) -> None:
    """What was asked to describe a picture is not accused of it; a refusal is one all the same."""
    completion = Completion(text, FinishReason.STOP, 300, 40, 100)
    assert judge(completion, text, request(), may_describe=True) == ()
    sorry = "I'm sorry, but I can't help with that image."
    assert [finding.kind for finding in judge(completion, sorry, request(), may_describe=True)] == [FindingKind.REFUSAL]


def test_an_end_of_reasoning_in_the_text() -> None:
    """A text with an end of reasoning in it may be reasoning; one that quotes it within a sentence is not."""
    assert kinds(f"{TEXT}\n</think>\n{TEXT}") == [(FindingKind.NOT_A_TRANSCRIPTION, Severity.SUSPECT)]
    assert found(f"{TEXT} The tag </think> ends it.") == []


@pytest.mark.parametrize(
    ("kind", "expected", "severity", "words"),
    [
        (RemovalKind.REASONING, True, Severity.INFO, "Reasoning of 6 words"),
        (RemovalKind.REASONING, False, Severity.SUSPECT, "does not say that the model thinks"),
        (RemovalKind.TURN, False, Severity.SUSPECT, "6 words from a chat marker on"),
        (RemovalKind.REMARK, True, Severity.INFO, "A remark of the model's own"),
    ],
)
def test_removed_text_is_reported(kind: RemovalKind, expected: bool, severity: Severity, words: str) -> None:
    """What cleaning took out is told with its first words; it is a reason for doubt unless it was expected."""
    removal = Removal(kind, "one two three four five six", expected)
    completion = Completion(TEXT, FinishReason.STOP, 300, 40, 100)
    (finding,) = judge(completion, TEXT, request(), removed=[removal])
    assert (finding.kind, finding.severity) == (FindingKind.REMOVED_TEXT, severity)
    assert words in finding.message
    assert "“one two three" in finding.message
    assert FindingKind.REMOVED_TEXT not in {found.kind for found in judge(completion, "", request(), removed=[removal])}


def test_truncated() -> None:
    """An answer that reached its limit is suspect, and the limit is named."""
    [(kind, severity, message)] = found(reason=FinishReason.LENGTH, asked=request(max_length=777))
    assert (kind, severity) == (FindingKind.TRUNCATED, Severity.SUSPECT)
    assert "777" in message


def test_interrupted() -> None:
    """An answer that someone stopped is suspect, or failed when nothing came; both causes are named."""
    [(kind, severity, message)] = found(reason=FinishReason.ABORTED)
    assert (kind, severity) == (FindingKind.INTERRUPTED, Severity.SUSPECT)
    assert "100 of 4096" in message
    assert "another client" in message
    assert "--genlimit" in message
    [(kind, severity, message)] = found("", reason=FinishReason.ABORTED, tokens=None)
    assert (kind, severity) == (FindingKind.INTERRUPTED, Severity.FAILED)


@pytest.mark.parametrize(
    ("reason", "tokens", "loops"),
    [
        (FinishReason.LENGTH, 4096, True),
        (FinishReason.ABORTED, 500, True),
        (FinishReason.STOP, 500, False),
        (FinishReason.UNKNOWN, 500, False),
        (FinishReason.UNKNOWN, None, False),
        (FinishReason.UNKNOWN, 4096, True),
    ],
)
def test_repetition_depends_on_the_end(reason: FinishReason, tokens: int | None, loops: bool) -> None:
    """A hundred equal rows are a loop when the answer was cut there, and a table when the model ended it."""
    text = TEXT + "\n" + "| 0 | 0 | 0 |\n" * 110
    assert (FindingKind.REPETITION in [kind for kind, _ in kinds(text, reason=reason, tokens=tokens)]) is loops


def test_repetition_message() -> None:
    """The message shows what is repeated and how often."""
    findings = found(TEXT + "\n" + "1 girl, " * 200, reason=FinishReason.LENGTH)
    [(_, severity, message)] = [finding for finding in findings if finding[0] is FindingKind.REPETITION]
    assert severity is Severity.SUSPECT
    assert "1 girl," in message
    assert "200 times" in message or "199 times" in message
    long = ("The treasurer presented the accounts for the whole of the year to the committee of the library. ") * 50
    assert max(len(finding[2]) for finding in found(long, reason=FinishReason.LENGTH)) < 160


def test_echo_only() -> None:
    """An answer that is the instruction failed."""
    assert kinds(INSTRUCTION) == [(FindingKind.PROMPT_ECHO, Severity.FAILED)]
    assert kinds(f"## {INSTRUCTION.upper()}\n\nOK") == [(FindingKind.PROMPT_ECHO, Severity.FAILED)]
    assert kinds("Table  recognition", asked=request("Table Recognition:")) == [
        (FindingKind.PROMPT_ECHO, Severity.FAILED)
    ]


def test_echo_within() -> None:
    """An answer with the instruction in it is suspect."""
    first = INSTRUCTION.split(". ")[0].replace(", ", ",\n")
    assert kinds(f"{TEXT * 3}\n{first}") == [(FindingKind.PROMPT_ECHO, Severity.SUSPECT)]


def test_echo_of_the_system_text() -> None:
    """The system text counts as instruction."""
    system = "You are a precise transcriber of historical documents."
    assert kinds(f"{system}\n{TEXT}", asked=request(system=system)) == [(FindingKind.PROMPT_ECHO, Severity.SUSPECT)]


def test_short_sentences_are_no_echo() -> None:
    """A page may say what a short instruction says."""
    assert found("Write tables as Markdown tables. OCR: Read.", asked=request("OCR:", system="Read.")) == []


REFUSALS = (
    "I'm sorry, but I can't assist with that.",
    "I'm sorry, but I can't assist with transcribing this image.",
    "I’m sorry, I can’t help with that request.",
    "I'm sorry, but I cannot view images.",
    "Sorry, I am unable to process the image you provided. Please try again.",
    "I cannot view images directly.",
    "I can't read the text in this image because it is too small.",
    "I'm unable to identify people in images.",
    "**I apologize, but I am not able to transcribe the attached document.**",
    "As an AI language model, I do not have the ability to see pictures.",
    "As a text-based AI model, I can't look at this.",
    "I'm just a language model and can't help you.",
    "There is no image attached.",
    "I don't see an image attached to your message.",
    "I'm sorry, but I don't see any image.",
    "No image was provided.",
    "Please provide the image and I will transcribe it.",
    "Unable to read the text.",
    "The image is too blurry to read.",
    "The text in the image is illegible.",
    "Es tut mir leid, aber ich kann das Bild nicht sehen.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Leider kann ich den Text auf dem Bild nicht lesen.",
    "Ich kann keine Bilder anzeigen oder lesen.",
    "Als KI-Sprachmodell kann ich keine Bilder sehen.",
    "Es ist kein Bild angehängt.",
    "Je suis désolé, mais je ne peux pas voir l'image.",
    "Désolé, mais je ne peux pas vous aider.",
    "En tant qu'IA, je ne peux pas lire les images.",
    "Aucune image n'a été jointe.",
    "Lo siento, pero no puedo ver imágenes.",
    "No puedo ver la imagen.",
    "Como modelo de lenguaje, no puedo leer documentos.",
    "No hay ninguna imagen adjunta.",
    "很抱歉，我无法查看图片。",
    "对不起，我不能识别图像中的文字。",
    "我无法直接查看图片。",
    "作为一个AI，我不能看图。",
    "没有看到图片。",
)
NO_REFUSALS = (
    "I am sorry, but I cannot help with the harvest this year.",
    "I'm sorry, but I can't come to your wedding in June. With love, Anna",
    "I am sorry to hear of your loss. I cannot say how much we miss him.",
    "Unfortunately, I cannot deliver the goods before Monday.",
    "Sorry, we are closed.",
    "As an AI company, we value your trust.",
    "As an aid to memory, the list follows.",
    "Please attach a photo here:",
    "Please provide your documents in triplicate.",
    "No photos, please.",
    "There is no place like home.",
    "There are no seats left.",
    "The text is set in Garamond.",
    "The picture is too expensive.",
    "Es tut mir leid, aber ich kann am Montag nicht kommen.",
    "Leider können wir Ihre Bewerbung nicht berücksichtigen.",
    "Als Kind lebte er in Bonn.",
    "Je suis désolé, mais je ne peux pas venir.",
    "Como siempre, no hay nada nuevo.",
    "Lo siento, pero no puedo ir.",
    "抱歉，今天休息。",
    "I can't assist you at the moment, Miss Bennet, said he, and left the room.",
)


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    """A refusal failed, in five languages."""
    assert kinds(text) == [(FindingKind.REFUSAL, Severity.FAILED)]


@pytest.mark.parametrize("text", NO_REFUSALS)
def test_no_refusals(text: str) -> None:
    """Letters, forms and signs are no refusals."""
    assert found(text) == []


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_is_short_and_stands_first(text: str) -> None:
    """A long answer that begins like a refusal, or quotes one, is none."""
    assert found(f"{text}\n{TEXT * 6}") == []
    assert found(f"Letter:\n\n{text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "There is no text in this image.",
        "The image does not contain any readable text.",
        "The page appears to be blank.",
    ],
)
def test_prose_in_place_of_nothing(text: str) -> None:
    """Prose that says that there is nothing is suspect: the page may well be blank."""
    assert kinds(text) == [(FindingKind.REFUSAL, Severity.SUSPECT)]


@pytest.mark.parametrize(
    ("prompt", "images", "bad"),
    [
        ((300, 40), 1, False),
        ((48, 40), 1, False),
        ((47, 40), 1, True),
        ((40, 40), 1, True),
        ((55, 40), 2, True),
        ((56, 40), 2, False),
        ((30, 40), 1, True),
        ((40, 40), 0, False),
        ((None, 40), 1, False),
        ((40, None), 1, False),
    ],
)
def test_image_not_used(prompt: tuple[int | None, int | None], images: int, bad: bool) -> None:
    """Each image must cost eight tokens at least; without both counts nothing is said."""
    expected = [(FindingKind.IMAGE_NOT_USED, Severity.FAILED)] if bad else []
    assert kinds(prompt=prompt, asked=request(images=images)) == expected


def test_image_not_used_message() -> None:
    """The message names the numbers, and a prompt that was cut is told from an image that was dropped."""
    [(_, _, dropped)] = found(prompt=(42, 40))
    assert all(number in dropped for number in ("42", "40", "2", "8"))
    [(_, _, cut)] = found(prompt=(30, 40))
    assert "cut at the front" in cut


def test_findings_add_up() -> None:
    """All judges speak: an answer can be bad in several ways."""
    findings = kinds(TEXT + "\n" + "1 girl, " * 200, reason=FinishReason.LENGTH, prompt=(40, 40))
    assert [kind for kind, _ in findings] == [
        FindingKind.TRUNCATED,
        FindingKind.IMAGE_NOT_USED,
        FindingKind.REPETITION,
    ]
    assert len(JUDGES) == 9


def finding(severity: Severity, kind: FindingKind = FindingKind.TRUNCATED) -> Finding:
    """A finding that weighs as much as is said."""
    return Finding(kind, "", severity)


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], Status.OK),
        ([Severity.INFO], Status.OK),
        ([Severity.INFO, Severity.SUSPECT], Status.SUSPECT),
        ([Severity.FAILED, Severity.SUSPECT], Status.FAILED),
        ([Severity.SUSPECT, Severity.FAILED, Severity.INFO], Status.FAILED),
    ],
)
def test_status(severities: list[Severity], status: Status) -> None:
    """The heaviest finding decides."""
    assert status_of(finding(severity) for severity in severities) is status


def test_better_answers_score_higher() -> None:
    """Fewer doubts win, then more text; of a loop one copy counts."""
    loop = finding(Severity.SUSPECT, FindingKind.REPETITION)
    answers: list[tuple[list[Finding], str]] = [
        ([finding(Severity.FAILED)], TEXT * 9),
        ([finding(Severity.SUSPECT, FindingKind.NOT_A_TRANSCRIPTION)], DESCRIPTION * 9),
        ([loop], "The accounts. " * 300),
        ([loop], TEXT + "\n" + "The accounts. " * 300),
        ([finding(Severity.SUSPECT)], TEXT * 2),
        ([finding(Severity.INFO)], ""),
        ([finding(Severity.INFO)], TEXT),
        ([], "a"),
        ([], TEXT),
    ]
    scores = [score(findings, text) for findings, text in answers]
    assert all(worse < better for worse, better in pairwise(scores))


@pytest.mark.parametrize(("sure", "doubted"), [(None, False), (0.99, False), (0.93, False), (0.9, True), (0.1, True)])
def test_an_unsure_engine_is_not_believed(sure: float | None, doubted: bool) -> None:
    """Low confidence makes a page suspect; engines that do not say how sure they are, are not judged by it."""
    request = Request(Prompt("", ("Read.",), ChatMarkers()), Sampler(), 100)
    found = judge(Completion("Some text.", FinishReason.STOP, confidence=sure), "Some text.", request)
    assert (FindingKind.LOW_CONFIDENCE in {finding.kind for finding in found}) is doubted


@pytest.mark.parametrize(
    ("kept", "dropped", "severity"),
    [
        ("print " * 100, (), None),
        ("print " * 100, ("8888880888", "·"), Severity.INFO),
        ("", ("8888880888",), Severity.INFO),
        ("print " * 100, ("00000000000000000000",) * 4, Severity.SUSPECT),
    ],
)
def test_lines_that_were_left_out_are_reported(kept: str, dropped: tuple[str, ...], severity: Severity | None) -> None:
    """What an engine takes for halftone is no text, but much of it may have been some."""
    request = Request(Prompt("", ("Read.",), ChatMarkers()), Sampler(), 100)
    lines = (TextLine(kept, Box(0, 0, 1, 1)),) if kept else ()
    completion = Completion("Some text.", FinishReason.STOP, lines=lines, dropped=dropped)
    found = judge(completion, "Some text.", request)
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    assert all(finding.kind is FindingKind.NOISE and dropped[0] in finding.message for finding in found)


def test_an_answer_that_ran_out_of_time_is_doubted() -> None:
    """What was stopped for its time is not taken for the whole page."""
    request = Request(Prompt("", ("Read.",), ChatMarkers()), Sampler(), 100)
    (finding,) = judge(Completion("Half a page", FinishReason.TIME), "Half a page", request)
    assert (finding.kind, finding.severity) == (FindingKind.INTERRUPTED, Severity.SUSPECT)

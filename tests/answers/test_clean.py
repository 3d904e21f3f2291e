"""Cleaning takes away what the model added, and nothing of the page."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.answers.clean import RemovalKind, clean, neutralise
from visionocr.types import ChatMarkers

GOLDEN = Path(__file__).parent.parent / "golden"
CHATML = ChatMarkers(
    system_start="<|im_start|>system\n",
    system_end="<|im_end|>\n",
    user_start="<|im_start|>user\n",
    user_end="<|im_end|>\n",
    assistant_start="<|im_start|>assistant\n",
    assistant_end="<|im_end|>\n",
)
VICUNA = ChatMarkers(user_start="USER: ", user_end=" ", assistant_start="ASSISTANT:", assistant_end="</s>")
LLAVA0 = ChatMarkers(user_start="### Human: ", user_end="\n", assistant_start="### Assistant:", assistant_end="\n")


def cleaned(text: str, *, stop_sequences: Sequence[str], chat: ChatMarkers, thinks: bool = True) -> str:
    """The text alone; of a model that thinks unless something else is said."""
    return clean(text, stop_sequences=stop_sequences, chat=chat, thinks=thinks).text


def cases(name: str, parts: int) -> list[tuple[str, ...]]:
    """Read ``(title, part, …)`` from a golden file: parts stand between lines with one dot."""
    body = (GOLDEN / name).read_text(encoding="utf-8").split("\n\n", 1)[1]
    pieces = re.split(r"^\.\n", body, flags=re.MULTILINE)
    rows = [pieces[i : i + parts + 1] for i in range(0, len(pieces) - parts, parts + 1)]
    return [(row[0].strip(), *(part.removesuffix("\n") for part in row[1:])) for row in rows]


CLEAN = cases("clean.md", 2)
UNTOUCHED = cases("untouched.md", 1)


@pytest.mark.parametrize(("title", "answer", "expected"), CLEAN, ids=[case[0] for case in CLEAN])
def test_golden(title: str, answer: str, expected: str) -> None:
    """Each kind of addition goes, alone and in company."""
    assert cleaned(answer, stop_sequences=["<|im_end|>", "USER:", "\n###"], chat=CHATML) == expected


@pytest.mark.parametrize(("title", "text"), UNTOUCHED, ids=[case[0] for case in UNTOUCHED])
def test_pages_stay_as_they_are(title: str, text: str) -> None:
    """What may be part of a page stays, under the markers of several families."""
    assert cleaned(text, stop_sequences=["<|im_end|>", "\n###"], chat=CHATML) == text
    assert cleaned(text, stop_sequences=["<|im_end|>"], chat=CHATML, thinks=False) == text
    assert cleaned(text, stop_sequences=[], chat=ChatMarkers()) == text
    assert cleaned(text, stop_sequences=["</s>"], chat=VICUNA) == text


@pytest.mark.parametrize(
    ("answer", "stops", "chat", "expected"),
    [
        ("Text</s>", ["</s>"], VICUNA, "Text"),
        ("Text</", ["</s>"], VICUNA, "Text"),
        ("Text</s>USER: again", ["</s>"], VICUNA, "Text"),
        ("ASSISTANT: Text", [], VICUNA, "Text"),
        ("Text\n##", ["\n###"], LLAVA0, "Text"),
        ("Text\n### Human: and now?", ["\n###"], LLAVA0, "Text"),
        ("## Head\n\n### Sub\n\nText", ["\n###"], LLAVA0, "## Head\n\n### Sub\n\nText"),
        ("Text [INST] more", [], ChatMarkers(user_start="[INST] "), "Text"),
        ("Text<end_of_t", ["<end_of_turn>"], ChatMarkers(), "Text"),
        ("Text<｜end▁of", ["<｜end▁of▁sentence｜>"], ChatMarkers(), "Text"),
        ("Answer: 42", [], ChatMarkers(assistant_start="Answer:"), "Answer: 42"),
        ("The end.", ["."], ChatMarkers(), "The end."),
        ("ends with SUPERUSER:", ["USER:"], VICUNA, "ends with SUPERUSER:"),
        ("End.\nUSE", ["USER:"], VICUNA, "End.\nUSE"),
    ],
)
def test_markers(answer: str, stops: list[str], chat: ChatMarkers, expected: str) -> None:
    """Markers are those of the model at hand; words that only look alike stay."""
    assert cleaned(answer, stop_sequences=stops, chat=chat) == expected


def test_markers_with_closed_thinking() -> None:
    """A beginning of the turn is known by its first line, also where a preset adds closed thinking to it."""
    chat = ChatMarkers(assistant_start="<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert cleaned("<|im_start|>assistant\nText", stop_sequences=[], chat=chat) == "Text"


def test_line_ends() -> None:
    """All line ends become newlines; blanks within lines stay."""
    assert (
        cleaned("a\r\nb\rc\n  d  e\t|\n\n\nf \n", stop_sequences=[], chat=ChatMarkers()) == "a\nb\nc\n  d  e\t|\n\n\nf"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jtext", "text"),
        ("\x1bPq#0\x1b\\text", "text"),
        ("\x1b(Btext\x1bc", "text"),
        ("\x1b\x1b[0m[0m", "[0m"),
        ("\x1b]0;never ended\nmore", "0;never ended\nmore"),
        ("a\x00b\x07c\x08d\x7fe\x85f", "abcdef"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2066a\u2069\ufeff", "a"),
        ("\u200fשלום\u200e \u200dو\u200c", "\u200fשלום\u200e \u200dو\u200c"),
    ],
)
def test_neutralise(text: str, expected: str) -> None:
    """What steers a terminal or turns the direction of writing goes; tabs, newlines and joiners stay."""
    assert neutralise(text) == expected


@given(st.text(alphabet="\x1b[]\\0;m\x9b\x9d\x07PXab\n\u202e", max_size=40))
def test_neutralise_leaves_nothing_behind(text: str) -> None:
    """No removal builds a new control character, so doing it twice changes nothing."""
    once = neutralise(text)
    assert neutralise(once) == once
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", once)


PIECES = (
    "text",
    "Text.",
    " ",
    "\n",
    "\n\n",
    "```",
    "```markdown\n",
    "\n```\n",
    "```python\n",
    "~~~\n",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "◁think▷",
    "◁/think▷",
    "<|channel>thought\n",
    "<channel|>",
    "<|begin_of_box|>",
    "<|im_end|>",
    "<|im_en",
    "<|im_start|>user\n",
    "<|im_start|>assistant\n",
    "USER:",
    "\nUSER:",
    "###",
    "\n##",
    "Sure! ",
    "\x1b",
    "[0m",
    "Here is the transcription:\n",
    "The text in the image reads:\n",
    "I hope this helps!",
    "\n---\n",
    "<s>",
    "</s>",
    "\r",
    "Let me know if you need anything else.",
    "---\nprimary_language: en\n---\n",
    "<|ref|>title<|/ref|>",
    "<|ref|>",
    "\ufeff",
    "<|det|>[[1, 2]]<|/det|>",
    "<|det|>",
    "ASSISTANT:",
    "<|",
    "*",
    "**Transcription:**\n",
    "<|channel|>final<|message|>",
    "`",
)


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from([CHATML, VICUNA, LLAVA0]))
def test_cleaning_twice_is_cleaning_once(text: str, chat: ChatMarkers) -> None:
    """A clean text is clean."""
    stops = ["<|im_end|>", "USER:", "\n###", "</s>"]
    once = cleaned(text, stop_sequences=stops, chat=chat)
    assert cleaned(once, stop_sequences=stops, chat=chat) == once


@given(st.text(max_size=80))
def test_cleaning_any_text_twice_is_cleaning_once(text: str) -> None:
    """No character brings it out of step."""
    once = cleaned(text, stop_sequences=["<|im_end|>"], chat=CHATML)
    assert cleaned(once, stop_sequences=["<|im_end|>"], chat=CHATML) == once


@given(st.lists(st.text(alphabet="abcé ,.;-|*_#0123456789\t", max_size=30), max_size=8).map("\n".join))
def test_ordinary_text_only_loses_its_outer_blanks(text: str) -> None:
    """Words, figures, tables, lists and headings pass unchanged."""
    assert cleaned(text, stop_sequences=["<|im_end|>", "USER:"], chat=CHATML) == text.strip()


@pytest.mark.parametrize("piece", [*PIECES, "<think>a</think>\n", "I hope this helps!\n", "```\n~~~\n"])
def test_an_endless_repetition_of_anything_is_no_trouble(piece: str) -> None:
    """A model that repeats its chatter for ever is cleaned in a few passes, not in one pass a copy."""
    once = cleaned(piece * 2000, stop_sequences=["<|im_end|>", "USER:", "</s>"], chat=CHATML)
    assert len(once) <= len(piece) * 2000


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["</think>", "</thinking>\n", "ASSISTANT:", "USER:", "I hope this helps!\n"])
def test_the_time_to_clean_grows_with_the_length(piece: str) -> None:
    """Eight times the chatter takes about eight times as long, not 64 times."""

    def seconds(length: int) -> float:
        before = time.process_time()
        cleaned(piece * (length // len(piece)), stop_sequences=["<|im_end|>", "USER:", "\n###"], chat=VICUNA)
        return time.process_time() - before

    few, many = (min(seconds(length) for _ in range(2)) for length in (40_000, 320_000))
    assert many < 14 * few + 0.1


# --- a page cannot hide its own text -----------------------------------------------------------------------

BEFORE = "The lessee shall pay the rent on the first day of each month."
AFTER = "He may not sublet the flat, nor keep any animals in it."


def removals(answer: str, *, thinks: bool = False, chat: ChatMarkers = CHATML) -> list[tuple[RemovalKind, bool]]:
    """What is reported of that which was taken out: its kind, and whether it was to be expected."""
    stops = ["<|im_end|>"] if chat is CHATML else ["</s>", "USER:"]
    found = clean(answer, stop_sequences=stops, chat=chat, thinks=thinks)
    return [(removal.kind, removal.is_expected) for removal in found.removed]


@pytest.mark.parametrize("tag", ["</think>", "</thinking>", "[/THINK]", "◁/think▷"])
@pytest.mark.parametrize("joint", ["\n", "\n\n", ""])
def test_a_line_that_ends_reasoning_hides_nothing(tag: str, joint: str) -> None:
    """The text before an end of reasoning stays where the model is not known to think; else it goes as expected."""
    answer = f"{BEFORE}{joint}{tag}{joint}{AFTER}"
    assert cleaned(answer, stop_sequences=[], chat=CHATML, thinks=False) == answer
    assert removals(answer) == []
    assert cleaned(answer, stop_sequences=[], chat=CHATML, thinks=True) == AFTER
    assert removals(answer, thinks=True) == [(RemovalKind.REASONING, True)]


@pytest.mark.parametrize("thinks", [False, True])
def test_reasoning_that_is_opened_goes(thinks: bool) -> None:
    """Reasoning that the answer begins with goes in any case; it is expected of a model that thinks only."""
    answer = f"<think>{BEFORE}</think>{AFTER}"
    assert cleaned(answer, stop_sequences=[], chat=CHATML, thinks=thinks) == AFTER
    assert removals(answer, thinks=thinks) == [(RemovalKind.REASONING, thinks)]


@pytest.mark.parametrize(
    ("marker", "chat"),
    [("<|im_end|>", CHATML), ("<|im_start|>user\n", CHATML), ("</s>", VICUNA), ("\nUSER:", VICUNA)],
)
def test_what_stands_behind_a_marker_is_reported(marker: str, chat: ChatMarkers) -> None:
    """More than a few words behind a chat marker are never taken out without a word."""
    assert removals(f"{BEFORE}{marker} {AFTER}", chat=chat) == [(RemovalKind.TURN, False)]
    assert removals(f"{BEFORE}{marker} {AFTER}", chat=chat, thinks=True) == [(RemovalKind.TURN, False)]


@pytest.mark.parametrize("rest", ["", "\n", "<|im_end|>", "\n<|im_start|>user\n", "\n<|im_start|>user\nAnd now?"])
def test_a_few_words_are_not_worth_a_report(rest: str) -> None:
    """Remnants of a turn go silently."""
    assert cleaned(f"{BEFORE}<|im_end|>{rest}", stop_sequences=["<|im_end|>"], chat=CHATML) == BEFORE
    assert removals(f"{BEFORE}<|im_end|>{rest}") == []


def test_scripts_without_blanks_have_words_too() -> None:
    """A line of Chinese or Japanese behind a marker is more than a few words."""
    assert removals(f"{BEFORE}<|im_end|>承租人不得转租房屋，也不得饲养任何动物。") == [(RemovalKind.TURN, False)]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from([CHATML, VICUNA, LLAVA0]))
def test_cleaning_twice_is_cleaning_once_without_thinking(text: str, chat: ChatMarkers) -> None:
    """The same holds for models that are not known to think."""
    stops = ["<|im_end|>", "USER:", "\n###", "</s>"]
    once = cleaned(text, stop_sequences=stops, chat=chat, thinks=False)
    assert cleaned(once, stop_sequences=stops, chat=chat, thinks=False) == once

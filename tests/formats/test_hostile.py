"""Answers that no model should give: any marks in any order, and one mark for ever."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answer_samples import SAMPLES
from visionocr.formats.answer import convert_answer
from visionocr.prompting.library import Library
from visionocr.types import AnswerFormat, Preset

LIBRARY = Library()
TRANSCRIBE, TEXT = LIBRARY.task("transcribe"), LIBRARY.task("text")
PRESETS = [
    LIBRARY.preset(name) for name in ("granite-docling", "chandra-ocr-2", "dots-ocr", "deepseek-ocr", "hunyuanocr")
]
MARKS = sorted({text for sample in SAMPLES.values() for is_mark, text in sample.parts if is_mark})
PLAIN = [
    "\n",
    "\n\n",
    "  ",
    "# ",
    "- ",
    "1. ",
    "> ",
    "**",
    "*",
    "_",
    "`",
    "```\n",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "|",
    "<",
    "\\",
]
WORDS = [f"Word{number}" for number in range(10)]


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([*MARKS, *PLAIN, *WORDS]), max_size=30),
    st.sampled_from(PRESETS),
    st.sampled_from([None, AnswerFormat.JSON, AnswerFormat.SPOTS, AnswerFormat.MARKDOWN]),
    st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_no_word_is_lost_among_any_marks(
    pieces: list[str], preset: Preset, expected: AnswerFormat | None, is_markdown: bool
) -> None:
    """Marks of all formats in any order, with words between them: the words come out."""
    task = TRANSCRIBE if is_markdown else TEXT
    converted = convert_answer("".join(pieces), preset, task, width=500, height=700, expected=expected)
    words = {piece for piece in pieces if piece in WORDS}
    assert not {word for word in words if word not in converted.text}
    in_blocks = " ".join(
        f"{block.text} {block.language} {' '.join(cell.text for row in block.rows for cell in row)}"
        for block in converted.blocks
    )
    assert not converted.blocks or not {word for word in words if word not in in_blocks}


ENDLESS = [
    *(
        "<a foo=",
        "<!--",
        "<b 1><b 2>",
        '<img alt="<img alt=\' alt="',
        "<div>",
        "<td>",
        "<table><tr><td>",
        "<ul><li>",
        "&#",
    ),
    *(
        "<loc_1><loc_2><loc_3><loc_4>",
        "<text><loc_1>",
        "a <title> ",
        "<fcel>a<lcel>",
        "<fcel><ucel><nl>",
        "<list_item>",
    ),
    *(
        '{"bbox": [1, 2, 3, 4], "text": "a"}, ',
        '"',
        "[",
        "\\",
        "<|ref|>",
        "text[[1, 2, 3, 4]]\n",
        "<hy-meta>",
        "<img>",
        "<pFig>",
    ),
    *(
        "`",
        "``` ",
        "```\n",
        "$$",
        "\\(",
        "\\[",
        "$ x",
        "\n",
        " ",
        "> ",
        "  - ",
        "*",
        "a|b\n-|-\n",
        "\\begin{tabular}{l",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("mark", ENDLESS)
def test_time_is_linear(mark: str) -> None:
    """One mark for ever, 300,000 letters of it: four times the answer takes about four times the time."""
    seconds = []
    for size in (75_000, 300_000):
        start = time.process_time()
        for preset in PRESETS[:2]:
            convert_answer("Text. " + mark * (size // len(mark)), preset, TRANSCRIBE, width=500, height=700)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 8 * seconds[0] + 1

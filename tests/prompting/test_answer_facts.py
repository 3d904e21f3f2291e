"""What presets say about the answers of their models."""

from __future__ import annotations

import pytest

from visionocr.errors import ConfigurationError
from visionocr.prompting.library import Library
from visionocr.prompting.presets import parse_preset
from visionocr.types import AnswerFacts, AnswerFormat, BoxScale

LIBRARY = Library()
PRESETS = {preset.name: preset for preset in LIBRARY.presets()}
GOOD = "[image]\nlongest_side = 1024\n[answer]\n"
DOTS = BoxScale(multiple=28, min_pixels=3136, max_pixels=11289600)
QWEN = BoxScale(multiple=28, min_pixels=3136, max_pixels=3211264)

FACTS: dict[str, tuple[str, str, BoxScale | None]] = {
    "granite-docling": ("doctags", "markdown", None),
    "smoldocling": ("doctags", "markdown", None),
    "chandra-ocr-2": ("html", "html", BoxScale(1000)),
    "deepseek-ocr": ("grounded", "markdown", BoxScale(999)),
    "deepseek-ocr-2": ("grounded", "markdown", BoxScale(999)),
    "dots-ocr": ("markdown", "markdown", DOTS),
    "hunyuanocr": ("markdown", "markdown", BoxScale(1000)),
    "lightonocr": ("markdown", "markdown", BoxScale(1000)),
    "qwen2-vl": ("markdown", "markdown", BoxScale(1000)),
    "qwen2.5-vl": ("markdown", "markdown", QWEN),
    "qwen3-vl": ("markdown", "markdown", BoxScale(1000)),
    "qwen3.5": ("markdown", "markdown", BoxScale(1000)),
}
"""By preset: the formats of the tasks transcribe and table, and the scale of boxes. Others: Markdown without boxes."""


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(name: str) -> None:
    """Each preset names the format of its model, by task, and what its boxes are measured in."""
    answer = PRESETS[name].answer
    transcribe, table, boxes = FACTS.get(name, ("markdown", "markdown", None))
    assert (answer.format_of("transcribe"), answer.format_of("table"), answer.boxes) == (transcribe, table, boxes)


@pytest.mark.parametrize("name", PRESETS)
def test_prompts_for_boxes(name: str) -> None:
    """A preset with prompts that ask for boxes says in which format they are answered, and how boxes are measured."""
    preset = PRESETS[name]
    tasks = {task.name for task in LIBRARY.tasks()}
    assert {task for task, _ in preset.grounded_prompts} <= tasks
    assert bool(preset.grounded_prompts) == (preset.answer.grounded is not None)
    assert preset.answer.boxes is not None or not preset.grounded_prompts


@pytest.mark.parametrize("name", ["granite-docling", "smoldocling", "deepseek-ocr", "deepseek-ocr-2", "hunyuanocr"])
def test_marks_that_are_special_tokens_are_asked_for(name: str) -> None:
    """Servers leave special tokens out unless they are told otherwise, and with them the marks of these formats."""
    assert PRESETS[name].special_tokens


def test_whole_prompts() -> None:
    """Models that were trained with rules in their prompts get them whole."""
    for task in ("transcribe", "text"):
        prompt = dict(PRESETS["chandra-ocr-2"].task_prompts)[task]
        assert prompt.startswith("OCR this image to HTML, arranged as layout blocks.")
        assert "- Blank-Page\n\nOnly use these tags ['math'," in prompt
        assert prompt.endswith("Reading order should be correct and natural.")
    layout = dict(PRESETS["dots-ocr"].grounded_prompts)["transcribe"]
    assert layout.startswith("Please output the layout information from the PDF image")
    assert layout.endswith("5. Final Output: The entire output must be a single JSON object.\n")


def test_own_facts() -> None:
    """A user's preset may say all of it."""
    text = (
        GOOD + 'format = "html"\ntasks = { table = "markdown" }\ngrounded = "json"\nboxes = 1024\norder = "yxyx"\n'
        '[grounded]\ntranscribe = "With boxes."\n'
    )
    preset = parse_preset("p", text, "here")
    assert preset.grounded_prompts == (("transcribe", "With boxes."),)
    assert preset.answer == AnswerFacts(
        AnswerFormat.HTML,
        (("table", AnswerFormat.MARKDOWN),),
        AnswerFormat.JSON,
        BoxScale(1024, is_y_first=True),
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('format = "docx"', r"\[answer\] format is not one of markdown, doctags"),
        ('tasks = { table = "x" }', r"\[answer\] tasks.table is not one of"),
        ('grounded = "x"', r"\[answer\] grounded is not one of"),
        ('order = "xxyy"', r"\[answer\] order is not one of xyxy, yxyx"),
        ("boxes = 0", r"\[answer\] boxes must be at least 1"),
        ("boxes = 5\npixel_multiple = 28", "both boxes and pixel_multiple"),
        ("box = 5", "unknown key 'box'"),
    ],
)
def test_bad_facts(line: str, words: str) -> None:
    """What cannot be right is named, with the preset and the key."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        parse_preset("p", GOOD + line, "here")
    assert "preset 'p' (here)" in caught.value.message

"""No letter of a page is lost, whatever happens to the marks of its format."""

from __future__ import annotations

import pytest

from answer_samples import SAMPLES, Sample
from visionocr.blocks import Block
from visionocr.formats.answer import Converted, convert_answer
from visionocr.prompting.library import Library

LIBRARY = Library()
TRANSCRIBE, TEXT = LIBRARY.task("transcribe"), LIBRARY.task("text")
PRESETS = {preset.name: preset for preset in LIBRARY.presets()}
EVERY = pytest.mark.parametrize("name", SAMPLES)


def convert(sample: Sample, text: str, is_markdown: bool = True) -> Converted:
    """The answer *text* of a sample's model, converted."""
    preset, task = PRESETS[sample.preset], TRANSCRIBE if is_markdown else TEXT
    expected = sample.expected or preset.answer.format_of("transcribe")
    return convert_answer(text, preset, task, width=1000, height=1000, expected=expected)


def letters(text: str) -> str:
    """Letters and digits only."""
    return "".join(filter(str.isalnum, text))


def text_of(block: Block) -> str:
    """All words of a block."""
    return " ".join([block.marker, block.language, block.text, *(cell.text for row in block.rows for cell in row)])


def missing(parts: list[tuple[bool, str]], output: str) -> list[str]:
    """The texts between the marks that are not in the output."""
    found = letters(output)
    return [text for is_mark, text in parts if not is_mark and letters(text) not in found]


def damaged(sample: Sample) -> list[list[tuple[bool, str]]]:
    """The parts of a sample with each mark missing, and with each one twice."""
    parts = sample.parts
    marks = [number for number, (is_mark, _) in enumerate(parts) if is_mark]
    return [
        changed
        for number in marks
        for changed in (parts[:number] + parts[number + 1 :], [*parts[:number], parts[number], *parts[number:]])
    ]


@pytest.mark.slow
@EVERY
def test_a_cut_answer_keeps_its_text(name: str) -> None:
    """An answer that ends at any letter at all, within a mark or without, keeps all text in front of it."""
    sample = SAMPLES[name]
    whole: list[tuple[bool, str]] = []
    for is_mark, text in sample.parts:
        for length in range(len(text)):
            parts = [*whole, (is_mark, text[:length])]
            converted = convert(sample, "".join(text for _, text in parts))
            assert not missing(parts, converted.text), parts[-1]
            if converted.blocks:
                assert not missing(parts, " ".join(map(text_of, converted.blocks))), parts[-1]
        whole.append((is_mark, text))


@EVERY
@pytest.mark.parametrize("is_markdown", [True, False])
def test_a_lost_or_doubled_mark_costs_no_text(name: str, is_markdown: bool) -> None:
    """Any mark may be missing, or stand there twice: the text is in the Markdown, the plain text and the blocks."""
    sample = SAMPLES[name]
    for parts in damaged(sample):
        answer = "".join(text for _, text in parts)
        converted = convert(sample, answer, is_markdown)
        assert not missing(parts, converted.text), answer
        if converted.blocks:
            assert not missing(parts, " ".join(map(text_of, converted.blocks))), answer

"""Families of chat templates, told by the template in a model file or by the markers of a preset."""

from __future__ import annotations

import pytest

import weights
from visionocr.gguf.templates import family, family_of
from visionocr.prompting.library import Library


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("", ""),
        ("{{ messages }}", "other"),
        (weights.CHATML, "ChatML"),
        (weights.LLAMA_3, "Llama 3"),
        ("<|im_start|>{{ role }}: <end_of_utterance>", "SmolVLM"),
        ("<start_of_turn>user <start_of_image>", "Gemma"),
        ("<|turn>model", "Gemma 4"),
        ("[SYSTEM_PROMPT] [INST] [/INST]", "Mistral Tekken"),
        ("<s>[INST] {{ x }} [/INST]", "Mistral"),
        ("<|system|> <|user|> <|endofuser|> <|assistant|>", "dots.ocr"),
        ("<|user|>\n<|end|> <|assistant|>", "Phi 3"),
        ("[gMASK]<sop><|user|>", "GLM 4"),
    ],
)
def test_template_families(template: str, name: str) -> None:
    """Templates are told by what only they write, also those that look like others."""
    assert family(template) == name


def test_families_of_presets() -> None:
    """The markers of a preset are of the family that its models' templates are."""
    for preset, name in {
        "qwen3-vl": "ChatML",
        "smolvlm": "SmolVLM",
        "gemma-3": "Gemma",
        "xtuner-llava-llama-3-8b": "Llama 3",
        "llava-1.5-vicuna": "Vicuna",
        "dots-ocr": "dots.ocr",
        "mistral-small-3": "Mistral Tekken",
        "glm-ocr": "GLM 4",
    }.items():
        assert family_of(Library().preset(preset).chat) == name, preset

"""Chat template families, told by what only they write.

Source: KoboldCpp's kcpp_adapters/AutoGuess.json, with the families whose marks it takes for others' put first.
"""

from __future__ import annotations

from dataclasses import astuple

from visionocr.types import ChatMarkers

_FAMILIES = (
    ("SmolVLM", ("<end_of_utterance>",)),  # begins as ChatML does
    ("ChatML (Phi 4)", ("<|im_start|>", "<|im_end|>", "<|im_sep|>")),
    ("ChatML (Kimi)", ("<|im_user|>", "<|im_end|>")),
    ("ChatML", ("<|im_start|>", "<|im_end|>")),
    ("Gemma 4", ("<|turn>",)),
    ("Gemma", ("<start_of_turn>",)),
    ("Llama 4", ("<|header_start|>",)),
    ("Llama 3", ("<|start_header_id|>",)),
    ("Granite", ("<|start_of_role|>",)),
    ("Mistral Tekken", ("[/INST]", "[SYSTEM_PROMPT]")),
    ("Mistral", ("[/INST]",)),
    ("GLM 4", ("[gMASK]<sop>",)),
    ("dots.llm1", ("<|endofuserprompt|>",)),
    ("dots.ocr", ("<|endofuser|>",)),  # has Phi's roles
    ("Phi 3", ("<|user|>", "<|end|>")),
    ("Granite Vision 3", ("<|user|>", "<|assistant|>")),
    ("HunyuanOCR", ("<｜hy_User｜>",)),
    ("DeepSeek", ("<｜User｜>",)),
    ("Vicuna", ("USER:", "ASSISTANT:")),
    ("Alpaca", ("### Instruction",)),
    ("Moondream", ("Question:", "Answer:")),
)
"""Name and substrings; the first family whose substrings are all there is meant."""
OTHER = "other"


def family(template: str) -> str:
    """The family of a chat *template* (Jinja); empty when there is none, ``other`` when no family is known."""
    if not template.strip():
        return ""
    return next((name for name, marks in _FAMILIES if all(mark in template for mark in marks)), OTHER)


def family_of(chat: ChatMarkers) -> str:
    """The family of a preset's markers."""
    return family("".join(astuple(chat)))

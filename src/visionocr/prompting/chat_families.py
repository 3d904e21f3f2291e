"""Families of chat templates, recognised by the markers that only they use.

Source: KoboldCpp's kcpp_adapters/AutoGuess.json, with the families whose markers it takes for others' put first.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatFamily:
    """One family of chat templates."""

    name: str
    template: tuple[str, ...] = ()
    """Substrings of its templates; the first family whose substrings are all there is meant. Empty: see the others."""
    tokens: str = ""
    """Pattern of the template tokens that tell it by themselves, where they leak into an answer."""


FAMILIES = (
    ChatFamily("SmolVLM", ("<end_of_utterance>",)),  # begins as ChatML does
    ChatFamily("ChatML (Phi 4)", ("<|im_start|>", "<|im_end|>", "<|im_sep|>")),
    ChatFamily("ChatML (Kimi)", ("<|im_user|>", "<|im_end|>")),
    ChatFamily("ChatML", ("<|im_start|>", "<|im_end|>"), r"<\|im_(?:start|end|sep)\|>"),
    ChatFamily("Gemma 4", ("<|turn>",)),
    ChatFamily("Gemma", ("<start_of_turn>",), r"<(?:start|end)_of_turn>|<turn\|>|<\|turn>"),
    ChatFamily("Llama 4", ("<|header_start|>",), r"<\|header_(?:start|end)\|>|<\|eot\|>"),
    ChatFamily(
        "Llama 3",
        ("<|start_header_id|>",),
        r"<\|(?:start_header_id|end_header_id|eot_id|begin_of_text)\|>",
    ),
    ChatFamily("Granite", ("<|start_of_role|>",), r"<\|(?:start|end)_of_role\|>"),
    ChatFamily("Mistral Tekken", ("[/INST]", "[SYSTEM_PROMPT]")),
    ChatFamily("Mistral", ("[/INST]",), r"\[/?INST\]|\[/?SYSTEM_PROMPT\]"),
    ChatFamily("GLM 4", ("[gMASK]<sop>",)),
    ChatFamily("dots.llm1", ("<|endofuserprompt|>",)),
    ChatFamily("dots.ocr", ("<|endofuser|>",)),  # has Phi's roles
    ChatFamily("Phi 3", ("<|user|>", "<|end|>")),
    ChatFamily("Granite Vision 3", ("<|user|>", "<|assistant|>")),
    ChatFamily("Phi or GLM", tokens=r"<\|(?:system|user|assistant|end)\|>"),
    ChatFamily("HunyuanOCR", ("<｜hy_User｜>",)),
    ChatFamily("DeepSeek", ("<｜User｜>",), r"<｜(?:User|Assistant)｜>"),
    ChatFamily("Vicuna", ("USER:", "ASSISTANT:"), r"^(?:USER|ASSISTANT|Human) ?:"),
    ChatFamily("Alpaca", ("### Instruction",), r"^### ?(?:Instruction|Response|Human|Assistant)\b"),
    ChatFamily("Moondream", ("Question:", "Answer:")),
)

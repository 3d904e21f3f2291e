"""Every wire language with the server that speaks it here: what a test goes through to hold for all of them.

A new dialect is a new line in ``WIRES``, or in ``SERVED`` when its server misbehaves in ways of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fakes.koboldcpp import FakeKoboldCpp
from fakes.llamacpp import FakeLlama
from fakes.loopback import Loopback
from fakes.ollama import FakeOllama
from fakes.openai import FLAVOURS, FakeOpenAI
from fakes.textgen import FakeTextgen


@dataclass(frozen=True)
class Wire:
    """A server and the language it is spoken to in."""

    dialect: str
    kind: str
    """What the probe calls it."""
    fake: Callable[..., Any]
    """Starts the server; takes ``model``, ``vision``, ``context``, ``key``."""
    auto: bool = True
    """A probe that is told nothing finds this language; else another one that the server speaks too."""
    preset: str = "qwen2.5-vl"
    model: str = "qwen2.5-vl-7b"
    busy: int = 503
    """Status of a server that has no time."""


def _koboldcpp(*, key: str = "", **options: Any) -> Loopback:
    return FakeKoboldCpp(password=key, **options)


def _openai(flavour: str) -> Callable[..., Any]:
    return lambda **options: FakeOpenAI(flavour, **options)


_KINDS = {
    "vllm": "vLLM",
    "lmstudio": "LM Studio",
    "llamacpp": "llama.cpp",
    "webui": "text-generation-webui",
    "ollama": "Ollama",
    "koboldcpp": "KoboldCpp",
    "plain": "OpenAI-compatible server",
}
LLAVA = "wojtab_llava-13b-v0-4bit-128g"
WIRES = {
    "koboldcpp": Wire("koboldcpp", "KoboldCpp", _koboldcpp),
    "ollama": Wire("ollama", "Ollama", FakeOllama),
    "textgen": Wire("textgen", "text-generation-webui", FakeTextgen, preset="llava-v0", model=LLAVA),
    **{
        f"openai-{flavour}": Wire(
            "openai",
            _KINDS[flavour],
            _openai(flavour),
            auto=flavour not in {"ollama", "koboldcpp", "llamacpp"},
            busy=429 if flavour == "vllm" else 503,
        )
        for flavour in FLAVOURS
    },
}
SERVED = {
    **WIRES,
    "llamacpp": Wire("llamacpp", "llama-server", lambda model="qwen2.5-vl-7b", **rest: FakeLlama(alias=model, **rest)),
}
"""The servers that can be asked for a page; ``test_llamacpp`` has the rest of the table for the last."""

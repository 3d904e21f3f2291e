"""Every dialect with a fake server that speaks it: the parameters of tests that hold for all dialects.

A new dialect is a new line in ``WIRES``, or in ``SERVED`` when its server needs tests of its own.
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
    """A fake server and the dialect to use with it."""

    dialect: str
    kind: str
    """The product's name in the probe's result."""
    fake: Callable[..., Any]
    """Starts the server; takes ``model``, ``vision``, ``context``, ``key``."""
    auto: bool = True
    """Whether an automatic probe chooses this dialect; otherwise it prefers another that the server speaks too."""
    preset: str = "qwen2.5-vl"
    model: str = "qwen2.5-vl-7b"
    busy: int = 503
    """Status of an overloaded server."""


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
"""``WIRES`` and llama-server, whose request bodies are tested in ``test_llamacpp``."""

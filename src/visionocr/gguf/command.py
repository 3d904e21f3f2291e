"""The command that starts KoboldCpp with a model and its projector."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from visionocr.gguf.compatibility import Verdict
from visionocr.gguf.cost import SERVER_SIDE, SERVER_SIDE_MOST, Cost, cost, limit_hampers
from visionocr.prompting.budget import RESERVE

_CONTEXTS = (4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536)
_PROMPT = 512
"""Tokens that a prompt has at the most, the user's own apart."""
_ANSWER = 4096
"""Tokens of a page full of print."""
_ANSWER_MOST = 8192
"""More is not reserved, however much a model's maker allows."""


@dataclass(frozen=True, slots=True)
class Start:
    """How to start a server for a pair."""

    command: tuple[str, ...]
    notes: tuple[str, ...]
    """What to know about it, one sentence each."""


def start(verdict: Verdict) -> Start:
    """The command for KoboldCpp, with a context that holds picture, prompt and answer."""
    assert verdict.projector is not None
    preset = verdict.choice.preset if verdict.choice else None
    tokens = cost(verdict.projector, preset)
    wanted = max(_ANSWER, min((preset.max_length if preset else 0) or 0, _ANSWER_MOST))
    context, notes = _context(verdict.model.context_length, tokens, wanted)
    command = ["koboldcpp", "--model", _argument(verdict.model.path), "--mmproj", _argument(verdict.projector.path)]
    command += ["--contextsize", str(context)]
    longest = (preset.image.koboldcpp_longest_side or preset.image.longest_side) if preset else SERVER_SIDE_MOST
    raised = preset is not None and limit_hampers(preset.image)
    if tokens.grows and (longest > SERVER_SIDE or raised):
        command += ["--visionmaxres", str(SERVER_SIDE_MOST)]
    if preset and raised:
        least, most = preset.image.min_tokens or 1, preset.image.max_tokens
        command += ["--visionmintokens", str(least), "--visionmaxtokens", str(most)]
        side = min(SERVER_SIDE_MOST, preset.image.longest_side)
        notes.append(
            f"KoboldCpp's own limit leaves a page {preset.image.koboldcpp_longest_side} px with this encoder; raising "
            f"it needs version 1.112.1 or newer, and then visionocr must be told: --max-side {side}"
        )
    if preset and preset.recognition.koboldcpp_since:
        notes.append(f"needs KoboldCpp {preset.recognition.koboldcpp_since} or newer")
    return Start(tuple(command), tuple(notes))


def _context(trained: int | None, tokens: Cost, answer: int) -> tuple[int, list[str]]:
    """Tokens of context to ask for, and what there is to say about them."""
    needed = (tokens.most or 0) + RESERVE + _PROMPT + answer
    context = next((size for size in _CONTEXTS if size >= needed), _CONTEXTS[-1])
    if not trained or context <= trained:
        return context, []
    left = max(0, trained - (tokens.most or 0) - RESERVE - _PROMPT)
    return trained, [f"the model's context of {trained} tokens leaves about {left} for the answer beside a picture"]


def quoted(command: tuple[str, ...]) -> str:
    """A command for the shell at hand, on one harmless line."""
    if os.name == "nt":
        return subprocess.list2cmdline(command)
    return " ".join(shlex.quote(word) if word.isprintable() else _escaped(word) for word in command)


def _escaped(word: str) -> str:
    """A word with bytes that would steer a terminal, in the quotes of bash, zsh and the newest POSIX."""
    data = os.fsencode(word)
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in data) + "'"


def _argument(path: Path) -> str:
    """A path that cannot be taken for an option."""
    text = str(path)
    return os.path.join(os.curdir, text) if text.startswith("-") else text

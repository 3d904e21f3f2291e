"""The command that starts KoboldCpp with a model and its projector."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from visionocr.gguf.compatibility import Verdict
from visionocr.gguf.cost import estimate_cost, is_limit_too_low
from visionocr.prompting.budget import KOBOLDCPP_DEFAULT_SIDE, KOBOLDCPP_MAX_SIDE, RESERVE

_CONTEXTS = (4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536)
_PROMPT = 512
"""Maximum tokens of a prompt, not counting the user's own."""
_ANSWER = 4096
"""Tokens of a page full of print."""
_ANSWER_MOST = 8192
"""Maximum tokens reserved for an answer, whatever the model's maker allows."""


@dataclass(frozen=True, slots=True)
class StartCommand:
    """How to start a server for a pair."""

    arguments: tuple[str, ...]
    """The program first."""
    notes: tuple[str, ...]
    """What to know about it, one sentence each."""


def build_command(verdict: Verdict) -> StartCommand:
    """The command for KoboldCpp, with a context that holds picture, prompt and answer."""
    assert verdict.projector is not None
    preset, trained = verdict.preset, verdict.model.context_length
    cost = estimate_cost(verdict.projector, preset)
    answer = max(_ANSWER, min((preset.max_length if preset else 0) or 0, _ANSWER_MOST))
    input_tokens = (cost.most or 0) + RESERVE + _PROMPT
    context = next((size for size in _CONTEXTS if size >= input_tokens + answer), _CONTEXTS[-1])
    notes = []
    if trained and context > trained:
        context, left = trained, max(0, trained - input_tokens)
        notes.append(f"the model's context of {trained} tokens leaves about {left} for the answer beside a picture")
    arguments = ["koboldcpp", "--model", _argument(verdict.model.path), "--mmproj", _argument(verdict.projector.path)]
    arguments += ["--contextsize", str(context)]
    image = preset.image if preset else None
    longest = (image.koboldcpp_longest_side or image.longest_side) if image else KOBOLDCPP_MAX_SIDE
    raised = image is not None and is_limit_too_low(image)
    if cost.grows and (longest > KOBOLDCPP_DEFAULT_SIDE or raised):
        arguments += ["--visionmaxres", str(KOBOLDCPP_MAX_SIDE)]
    if image and raised:
        arguments += ["--visionmintokens", str(image.min_tokens or 1), "--visionmaxtokens", str(image.max_tokens)]
        side = min(KOBOLDCPP_MAX_SIDE, image.longest_side)
        notes.append(
            f"KoboldCpp's own limit leaves a page {image.koboldcpp_longest_side} px with this encoder; raising "
            f"it needs version 1.112.1 or newer, and then visionocr needs --max-side {side}"
        )
    if preset and preset.recognition.koboldcpp_since:
        notes.append(f"needs KoboldCpp {preset.recognition.koboldcpp_since} or newer")
    return StartCommand(tuple(arguments), tuple(notes))


def quote_command(arguments: tuple[str, ...]) -> str:
    """A command for the shell at hand, on one harmless line."""
    if os.name == "nt":
        return subprocess.list2cmdline(arguments)
    return " ".join(shlex.quote(word) if word.isprintable() else _escape(word) for word in arguments)


def _escape(word: str) -> str:
    """A word with bytes that would steer a terminal, in the quotes of bash, zsh and the newest POSIX."""
    data = os.fsencode(word)
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in data) + "'"


def _argument(path: Path) -> str:
    """A path that cannot be taken for an option."""
    text = str(path)
    return os.path.join(os.curdir, text) if text.startswith("-") else text

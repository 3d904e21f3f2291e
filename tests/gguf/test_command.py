"""The command that starts KoboldCpp with a pair."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import weights
from visionocr.gguf.command import build_command, quote_command
from visionocr.gguf.compatibility import examine_pair
from visionocr.prompting.library import Library


def test_a_small_context(tmp_path: Path) -> None:
    """No more context is asked for than the model was trained for, and what that leaves is said."""
    model = weights.model(tmp_path / "moondream2.gguf", "phi2", 2048, ARCH__context_length=2048)
    begin = build_command(examine_pair(model, weights.mlp(tmp_path / "p.gguf", 2048), Library().presets()))
    assert begin.arguments[5:7] == ("--contextsize", "2048")
    assert "--visionmaxres" not in begin.arguments
    assert any("leaves about 896 for the answer" in note for note in begin.notes), begin.notes


@pytest.mark.parametrize("name", ["plain.gguf", "with blank.gguf", "it's; rm -rf $HOME.gguf", "-dash.gguf", "ä.gguf"])
def test_the_command_survives_a_shell(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell makes of the command's line the words that were meant, and no name is taken for an option."""
    monkeypatch.chdir(tmp_path)
    weights.model(Path(name).absolute())
    weights.mlp(tmp_path / "p.gguf")
    command = build_command(examine_pair(Path(name), Path("p.gguf"))).arguments
    if quote_command(command).startswith("koboldcpp --model"):
        assert tuple(shlex.split(quote_command(command))) == command
    assert not command[2].startswith("-")

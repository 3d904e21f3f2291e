"""Facts of a single model file: the width of projectors, names, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import weights
from visionocr.gguf import projectors
from visionocr.gguf.facts import ModelFacts, load_facts, load_projector, name_quantization
from visionocr.gguf.header import Header, Tensor


@pytest.mark.parametrize("kind", sorted(projectors.KINDS))
def test_width_of_every_type(kind: str, tmp_path: Path) -> None:
    """The width of each type that tells it is read from the tensor and the dimension that engines use."""
    rule = projectors.KINDS[kind]
    if not rule.tensor:
        assert load_projector(weights.projector(tmp_path / "p.gguf", kind)).width is None
        return
    shape = tuple(96 if dimension == rule.dimension else 32 for dimension in range(1 + rule.dimension))
    assert load_projector(weights.projector(tmp_path / "p.gguf", kind, {rule.tensor: shape})).width == 96


def test_facts_are_bounded_and_harmless(tmp_path: Path) -> None:
    """Names in a header that steer terminals or never end become short lines."""
    evil = "\x1b[31mred\x07\u202e" + "x" * 10_000
    facts = load_facts(weights.model(tmp_path / "m.gguf", evil, general__name=evil, general__basename=evil))
    assert isinstance(facts, ModelFacts)
    for text in (facts.name, facts.architecture, *facts.names):
        assert text.isprintable()
        assert len(text) <= 121
    projector = load_projector(weights.projector(tmp_path / "p.gguf", evil, general__name=evil))
    assert projector.name.isprintable()
    assert projector.type.isprintable()


@pytest.mark.parametrize(
    ("said", "types", "name"),
    [(15, [0], "Q4_K_M"), (None, [0, 0, 0, 12, 12, 14], "mostly Q4_K"), (9999, [0], "mostly F32"), (None, [777], "")],
)
def test_quantization(said: int | None, types: list[int], name: str) -> None:
    """A file's own word counts; without it the commonest type, norms apart; nothing where nothing is known."""
    tensors = {str(number): Tensor((1,), kind, 0) for number, kind in enumerate(types)}
    values = {} if said is None else {"general.file_type": said}
    assert name_quantization(Header(Path(), 0, values, {}, tensors)) == name

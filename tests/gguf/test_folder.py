"""Folders of model files: which projector each model gets."""

from __future__ import annotations

from pathlib import Path

import pytest

import weights
from visionocr.errors import ConfigurationError
from visionocr.gguf.folder import examine_folder
from visionocr.prompting.library import Library

PRESETS = Library().presets()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of two models with their projectors, one projector of neither, a split model and a broken file."""
    weights.model(tmp_path / "Qwen2.5-VL-7B-Q4_K_M.gguf", "qwen2vl", 3584)
    weights.projector(tmp_path / "mmproj-Qwen2.5-VL-7B.gguf", "qwen2.5vl_merger", {"mm.2.bias": (3584,)})
    weights.projector(tmp_path / "mmproj-Qwen2-VL-7B.gguf", "qwen2vl_merger", {"mm.2.bias": (3584,)})
    weights.model(tmp_path / "llava-v1.6-mistral-7b.gguf", **{**weights.MISTRAL_KEYS, "parts": 2})
    weights.mlp(tmp_path / "mmproj-mistral.gguf")
    weights.model(tmp_path / "alone.gguf", width=777)
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    (tmp_path / "notes.txt").write_text("no model")
    return tmp_path


def test_folder(models: Path) -> None:
    """Every model gets the projector that suits it best; what cannot be read is told; parts are one model."""
    found = examine_folder(models, PRESETS)
    best = {model.path.name: found.best(model) for model in found.models}
    assert {name: pair and pair.projector and pair.projector.path.name for name, pair in best.items()} == {
        "Qwen2.5-VL-7B-Q4_K_M.gguf": "mmproj-Qwen2.5-VL-7B.gguf",
        "alone.gguf": None,
        "llava-v1.6-mistral-7b-00001-of-00002.gguf": "mmproj-mistral.gguf",
    }
    assert len(found.projectors) == 3
    assert len(found.pairs) == 9
    assert [path.name for path in found.unreadable] == ["broken.gguf"]


def test_orphaned_part(tmp_path: Path) -> None:
    """A part whose first one is not there is told as unreadable instead of being passed over."""
    weights.model(tmp_path / "big.gguf", parts=2).unlink()
    (error,) = examine_folder(tmp_path, PRESETS).unreadable.values()
    assert "part 2 of 2" in error.message


def test_ties_prefer_the_same_folder_then_a_similar_name(tmp_path: Path) -> None:
    """Of projectors that do as well, the one in the model's folder, then the one named like it, is the best."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        weights.model(tmp_path / folder / f"L3-{folder}.gguf", **weights.LLAMA_3_KEYS)
        weights.mlp(tmp_path / folder / "mmproj-other.gguf")
        weights.mlp(tmp_path / folder / f"mmproj-L3-{folder}.gguf")
    found = examine_folder(tmp_path, PRESETS, recursive=True)
    for model in found.models:
        best = found.best(model)
        assert best is not None
        assert best.projector is not None
        assert best.projector.path == model.path.with_name(f"mmproj-{model.path.name}")
    with pytest.raises(ConfigurationError, match="no GGUF files") as caught:
        examine_folder(tmp_path, PRESETS)
    assert "-r" in caught.value.hint

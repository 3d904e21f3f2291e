"""Which projector works with which model, and which preset belongs to the pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import weights
from visionocr.errors import ConfigurationError
from visionocr.gguf import projectors
from visionocr.gguf.command import build_command
from visionocr.gguf.compatibility import Fit, Verdict, examine_pair, judge_pair
from visionocr.gguf.facts import load_model
from visionocr.prompting.library import Library

PRESETS = Library().presets()
BY_NAME = {preset.name: preset for preset in PRESETS}
SLICES = ["<image>", "</image>", "<slice>", "</slice>"]


@dataclass(frozen=True)
class Pair:
    """Two files, and what is to be said of them."""

    model: dict[str, Any]
    projector: dict[str, Any]
    fit: Fit
    words: str
    preset: str = ""
    notes: str = ""
    names: tuple[str, str] = ("model", "mmproj")
    flags: list[str] = field(default_factory=list)


def resampler(width: int, version: int | None) -> dict[str, Any]:
    """The projector of a MiniCPM-V; very old ones have neither type nor version."""
    extra = {} if version is None else {"clip__minicpmv_version": version}
    kind = None if version is None else "resampler"
    legacy = {"clip__has_minicpmv_projector": True, "general__description": "image encoder for MiniCPM-V"}
    return {"kind": kind, "tensors": {"resampler.proj.weight": (width, 1)}, **legacy, **extra}


PAIRS = {
    "a good pair": Pair(
        {"architecture": "qwen2vl", "width": 3584, "template": weights.CHATML},
        {"kind": "qwen2.5vl_merger", "tensors": {"mm.2.bias": (3584,)}},
        Fit.FITS,
        "width and kind agree",
        "qwen2.5-vl",
        names=("Qwen2.5-VL-7B-Instruct-Q4_K_M", "mmproj-Qwen2.5-VL-7B"),
        flags=["--contextsize", "8192", "--visionmaxres", "2048"],
    ),
    "the older sister's projector": Pair(
        {"architecture": "qwen2vl", "width": 3584},
        {"kind": "qwen2vl_merger", "tensors": {"mm.2.bias": (3584,)}},
        Fit.DOUBTFUL,
        "that of Qwen2.5-VL",
        "qwen2.5-vl",
        names=("Qwen2.5-VL-7B-Instruct", "mmproj-Qwen2-VL-7B"),
    ),
    "another size of model": Pair(
        {"width": 5120, **weights.VICUNA_KEYS},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.CANNOT_LOAD,
        "puts out 4096 numbers a token, the model takes 5120",
        "llava-1.5-vicuna",
        names=("llava-v1.5-13b", "mmproj"),
    ),
    "deepstack": Pair(
        {"architecture": "qwen3vl", "ARCH__n_deepstack_layers": 3, "words": ["<|vision_start|>", "<|vision_end|>"]},
        {"kind": "qwen3vl_merger", "tensors": {"mm.2.bias": (4096,), **weights.DEEPSTACK_TENSORS}},
        Fit.FITS,
        "width and kind agree",
        "qwen3-vl",
        names=("Qwen3-VL-8B-Instruct", "mmproj-Qwen3-VL-8B"),
    ),
    "deepstack missing in the projector": Pair(
        {"architecture": "qwen3vl", "ARCH__n_deepstack_layers": 3},
        {"kind": "qwen3vl_merger", "tensors": {"mm.2.bias": (4096,)}},
        Fit.CANNOT_LOAD,
        "4096 numbers a token, the model takes 16384 (with 3 deepstack layers)",
    ),
    "the same merger without deepstack": Pair(
        {"architecture": "qwen35"},
        {"kind": "qwen3vl_merger", "tensors": {"mm.2.bias": (4096,)}},
        Fit.FITS,
        "width and kind agree",
        "qwen3.5",
    ),
    "old keys, made for it": Pair(
        {"width": 4096, **weights.MISTRAL_KEYS},
        {"kind": None, "tensors": {"mm.2.weight": (1, 4096)}, "clip__vision__projection_dim": 768},
        Fit.FITS,
        "name says that it is LLaVA 1.6 Mistral",
        "llava-1.6-mistral-7b",
        names=("llava-v1.6-mistral-7b.Q4_K_M", "mmproj-model-f16"),
    ),
    "any-resolution grids": Pair(
        {"width": 4096, **weights.MISTRAL_KEYS},
        {
            "tensors": {"mm.2.weight": (1, 4096)},
            "clip__vision__image_grid_pinpoints": weights.GRIDS,
            "general__name": "vit-large336-custom",
        },
        Fit.FITS,
        "width and kind agree",
        "llava-1.6-mistral-7b",
        names=("llava-v1.6-mistral-7b", "mmproj"),
    ),
    "a tune with its base's projector": Pair(
        {"width": 4096, "template": weights.LLAMA_3, **weights.LLAMA_3_KEYS},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.FITS,
        "of the kind that XTuner LLaVA Llama 3 8B",
        "xtuner-llava-llama-3-8b",
        names=("L3-8B-Stheno-v3.2-Q5_K_M", "llava-llama-3-8b-v1_1-mmproj-f16"),
    ),
    "another base of the same width": Pair(
        {"width": 4096, **weights.MISTRAL_KEYS},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.DOUBTFUL,
        "based on llama-3, and the model is mistral",
        names=("mistral-7b-instruct-v0.2", "llava-llama-3-8b-v1_1-mmproj-f16"),
    ),
    "another architecture of the same width": Pair(
        {"architecture": "llama", "width": 3072, **weights.LLAMA_3_KEYS},
        {"tensors": {"mm.2.weight": (1, 3072)}},
        Fit.DOUBTFUL,
        "of another architecture",
        names=("Llama-3.2-3B-Instruct", "llava-phi-3-mini-mmproj-f16"),
    ),
    "a projector that says nothing": Pair(
        {"width": 4096, **weights.LLAMA_3_KEYS},
        {"kind": None, "tensors": {"mm.2.weight": (1, 4096)}},
        Fit.UNKNOWN,
        "nothing says which model the projector was made for",
        names=("L3-8B-Stheno-v3.2", "mmproj-model-f16"),
    ),
    "a specialist's projector on its bare base": Pair(
        {"architecture": "qwen3", "width": 1024},
        {"kind": "lightonocr", "tensors": {"mm.2.weight": (1, 1024)}},
        Fit.UNKNOWN,
        "nothing says which model",
        names=("Qwen3-0.6B", "mmproj-LightOnOCR-1B"),
    ),
    "the wrong kind of model": Pair(
        {"architecture": "qwen2", "width": 2560},
        {"kind": "gemma3", "tensors": {"mm.input_projection.weight": (2560, 1)}},
        Fit.DOUBTFUL,
        "belong to models of architecture gemma3, not qwen2",
    ),
    "MiniCPM-V on a tune of its base": Pair(
        {"architecture": "qwen2", "width": 3584, "template": weights.CHATML},
        resampler(3584, 3),
        Fit.FITS,
        "of the kind that MiniCPM-V 2.6",
        "minicpm-v-2.6",
        "lacks <image>, </image>, <slice>, </slice>",
        names=("dolphin-2.9.2-qwen2-7b", "mmproj-model-f16"),
        flags=["--contextsize", "8192", "--visionmaxres", "2048"],
    ),
    "MiniCPM-V from before types and versions": Pair(
        {"width": 4096, "words": SLICES, **weights.LLAMA_3_KEYS},
        resampler(4096, None),
        Fit.FITS,
        "of the kind that MiniCPM-Llama3-V 2.5",
        "minicpm-v-2.5",
        names=("ggml-model-Q4_K_M", "mmproj-model-f16"),
    ),
    "MiniCPM-V for another base": Pair(
        {"width": 4096, **weights.MISTRAL_KEYS},
        resampler(4096, 2),
        Fit.DOUBTFUL,
        "based on llama-3, and the model is mistral",
    ),
    "another version of MiniCPM-V": Pair(
        {"architecture": "qwen2", "width": 3584, "words": SLICES},
        resampler(3584, 4),
        Fit.DOUBTFUL,
        "MiniCPM-V (version 4), and that of MiniCPM-V 2.6",
        names=("MiniCPM-V-2_6-Q6_K_L", "mmproj"),
    ),
    "MiniCPM-V of another architecture": Pair(
        {"architecture": "llama", "width": 3584},
        resampler(3584, 3),
        Fit.DOUBTFUL,
        "belong to models of architecture qwen2, not llama",
    ),
    "a projector for sound": Pair(
        {"architecture": "llama"},
        {"kind": "ultravox", "clip__has_audio_encoder": True, "clip__has_vision_encoder": False},
        Fit.CANNOT_LOAD,
        "for sound, not for pictures",
    ),
    "sound by its mixed key": Pair(
        {"architecture": "llama"},
        {"kind": None, "clip__has_vision_encoder": None, "clip__audio__projector_type": "qwen2a"},
        Fit.CANNOT_LOAD,
        "type qwen2a",
    ),
    "sight and sound": Pair(
        {"architecture": "gemma4", "width": 2560, "words": ["<|image>", "<image|>"]},
        {
            "kind": None,
            "clip__vision__projector_type": "gemma4v",
            "clip__audio__projector_type": "gemma4a",
            "tensors": {"mm.input_projection.weight": (1, 2560)},
        },
        Fit.FITS,
        "type gemma4v",
        "gemma-4",
        flags=["--visionmaxres", "2048", "--visionmintokens", "70", "--visionmaxtokens", "1120"],
    ),
    "a type to come": Pair({}, {"kind": "holo9"}, Fit.UNKNOWN, "type holo9 are not known"),
    "no tensor to tell by": Pair({}, {"kind": "mlp"}, Fit.UNKNOWN, "does not give its width"),
    "a model without a width": Pair(
        {"width": None}, {"tensors": {"mm.2.weight": (1, 4096)}}, Fit.UNKNOWN, "does not give its width"
    ),
    "the mlp with a norm": Pair(
        {"width": 2048, "architecture": "llama"},
        {"tensors": {"mm.2.weight": (1, 64), "mm.3.weight": (2, 2), "mm.3.bias": (2048,)}},
        Fit.UNKNOWN,
        "nothing says",
    ),
    "several blocks": Pair(
        {"architecture": "granite", "width": 2560, "ARCH__n_deepstack_layers": 3},
        {"kind": "granite4_vision", "clip__vision__feature_layer": [1, 5, 9, 13], "clip__vision__projection_dim": 2560},
        Fit.FITS,
        "Granite",
        "granite-4-vision",
        names=("granite-4.0-3b-vision-Q4_K_M", "mmproj"),
    ),
}


def judge_case(pair: Pair, folder: Path) -> Verdict:
    """The verdict on the pair's files, written below *folder*."""
    model = weights.model(folder / f"{pair.names[0]}.gguf", **pair.model)
    return examine_pair(model, weights.projector(folder / f"{pair.names[1]}.gguf", **pair.projector), PRESETS)


@pytest.mark.parametrize("case", PAIRS)
def test_pairs(case: str, tmp_path: Path) -> None:
    """Each pair gets its verdict, with the reason, its preset, and a command that names both files."""
    pair = PAIRS[case]
    verdict = judge_case(pair, tmp_path)
    assert (verdict.fit, pair.words in verdict.reason) == (pair.fit, True), verdict.reason
    if pair.preset:
        assert verdict.choice is not None
        assert verdict.choice.preset.name == pair.preset, verdict.choice.why
    assert pair.notes in " ".join(verdict.notes)
    command = build_command(verdict).arguments
    assert command[:5:2] == (
        "koboldcpp",
        str(tmp_path / f"{pair.names[0]}.gguf"),
        str(tmp_path / f"{pair.names[1]}.gguf"),
    )
    assert " ".join(pair.flags) in " ".join(command)


def test_no_note_about_a_vocabulary_with_image_markup(tmp_path: Path) -> None:
    """A model that has the marks around pictures gets no note about missing ones."""
    pair = PAIRS["MiniCPM-V from before types and versions"]
    assert judge_case(pair, tmp_path).notes == ()


@pytest.mark.parametrize("name", [preset.name for preset in PRESETS if preset.recognition.projector_types])
def test_presets_and_projector_types_agree(name: str) -> None:
    """What presets say of model files is what the table of projector types allows."""
    known = BY_NAME[name].recognition
    for kind in known.projector_types:
        assert kind in projectors.KINDS
        assert set(known.architectures) <= set(projectors.KINDS[kind].architectures)
    for version in known.minicpmv_versions:
        assert set(known.architectures) <= set(projectors.MINICPMV_ARCHITECTURES[version])
    assert not known.base or set(known.architectures) <= {"llama", "mistral3"}


def test_a_file_without_a_name(tmp_path: Path) -> None:
    """A model file called only ``.gguf`` is judged as any other."""
    verdict = examine_pair(weights.model(tmp_path / ".gguf"), weights.mlp(tmp_path / "p.gguf"), PRESETS)
    assert verdict.fit is Fit.UNKNOWN


def test_without_presets(tmp_path: Path) -> None:
    """Widths and architectures are judged without any preset; what needs names stays open."""
    judged = {
        case: examine_pair(
            weights.model(tmp_path / "m.gguf", **PAIRS[case].model),
            weights.projector(tmp_path / "p.gguf", **PAIRS[case].projector),
        ).fit
        for case in ("a good pair", "another size of model", "the wrong kind of model", "old keys, made for it")
    }
    assert list(judged.values()) == [Fit.FITS, Fit.CANNOT_LOAD, Fit.DOUBTFUL, Fit.UNKNOWN]


def test_without_projector(tmp_path: Path) -> None:
    """A model alone has its facts, and no verdict."""
    verdict = judge_pair(load_model(weights.model(tmp_path / "m.gguf", general__name="Me"), PRESETS), None, PRESETS)
    assert (verdict.fit, verdict.projector, verdict.model.name) == (Fit.UNKNOWN, None, "Me")
    assert verdict.model.quantization == "Q4_K_M"
    assert verdict.model.context_length == 32768


def test_what_is_no_pair(tmp_path: Path) -> None:
    """Two files the wrong way round, an adapter, and a file of no architecture are refused with what to do."""
    model, projector = weights.model(tmp_path / "m.gguf"), weights.mlp(tmp_path / "p.gguf")
    with pytest.raises(ConfigurationError, match="is a projector, not a language model") as caught:
        examine_pair(projector, model)
    assert "language model first" in caught.value.hint
    with pytest.raises(ConfigurationError, match="is not a projector"):
        examine_pair(model, model)
    with pytest.raises(ConfigurationError, match="a LoRA adapter"):
        load_model(weights.model(tmp_path / "a.gguf", general__type="adapter"))


def test_a_users_preset_knows_a_new_model(tmp_path: Path) -> None:
    """A preset of the user's own is enough for an architecture that nobody else knows."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.toml").write_text(
        '[image]\nlongest_side = 900\n[recognition]\narchitecture = ["novel"]\nprojector_type = ["mlp"]\n'
    )
    model, projector = weights.model(tmp_path / "x.gguf", "novel"), weights.mlp(tmp_path / "p.gguf")
    assert examine_pair(model, projector, PRESETS).fit is Fit.DOUBTFUL
    verdict = examine_pair(model, projector, Library(tmp_path).presets())
    assert verdict.fit is Fit.FITS
    assert verdict.choice is not None
    assert verdict.choice.preset.name == "mine"


def choose(folder: Path, projector: Path, **keys: Any) -> str:
    """The preset that is chosen for a model that no name tells, or nothing."""
    choice = examine_pair(weights.model(folder / "ggml-model.gguf", **keys), projector, PRESETS).choice
    return choice.preset.name if choice else ""


def test_presets_without_names(tmp_path: Path) -> None:
    """Architecture, type, width, base and template lead to a preset, but not for a size that no family has."""
    mlp = weights.mlp(tmp_path / "mlp.gguf")
    assert choose(tmp_path, mlp, template=weights.LLAMA_3, **weights.LLAMA_3_KEYS) == "llava-1.6-llama-3-8b"
    assert choose(tmp_path, mlp, **weights.MISTRAL_KEYS).endswith("mistral-7b")
    assert choose(tmp_path, mlp, width=64, template=weights.CHATML) == ""
    merger = weights.projector(tmp_path / "merger.gguf", "qwen2.5vl_merger")
    assert choose(tmp_path, merger, architecture="qwen2vl", width=12345) == "qwen2.5-vl"
    assert choose(tmp_path, weights.projector(tmp_path / "o.gguf", "dots_ocr"), architecture="qwen2", width=1536) == ""

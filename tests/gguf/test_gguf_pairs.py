"""Which projector works with which model: verdicts, presets, tokens, and the command that starts a pair."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import weights
from visionocr.errors import ConfigurationError
from visionocr.gguf import projectors
from visionocr.gguf.command import build_command, quote_command
from visionocr.gguf.compatibility import Fit, Verdict, examine_pair, judge_pair
from visionocr.gguf.cost import count_page_tokens, estimate_cost
from visionocr.gguf.facts import ModelFacts, ProjectorFacts, load_facts, load_model
from visionocr.gguf.folder import examine_folder
from visionocr.gguf.templates import family, family_of
from visionocr.prompting.library import Library

PRESETS = Library().presets()
BY_NAME = {preset.name: preset for preset in PRESETS}
SLICES = ["<image>", "</image>", "<slice>", "</slice>"]
LLAMA_3: dict[str, Any] = {"tokenizer__ggml__pre": "llama-bpe"}
MISTRAL: dict[str, Any] = {"words": [f"w{n}" for n in range(32_000)], "ARCH__feed_forward_length": 14_336}
VICUNA: dict[str, Any] = {"words": [f"w{n}" for n in range(32_000)], "ARCH__feed_forward_length": 11_008}
GRIDS = [336, 672, 672, 336, 672, 672, 1008, 336, 336, 1008]
DEEP = {weights.DEEP.format(layer): (2, 2) for layer in (5, 11, 17)}


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
        {"width": 5120, **VICUNA},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.CANNOT_LOAD,
        "puts out 4096 numbers a token, the model takes 5120",
        "llava-1.5-vicuna",
        names=("llava-v1.5-13b", "mmproj"),
    ),
    "deepstack": Pair(
        {"architecture": "qwen3vl", "ARCH__n_deepstack_layers": 3, "words": ["<|vision_start|>", "<|vision_end|>"]},
        {"kind": "qwen3vl_merger", "tensors": {"mm.2.bias": (4096,), **DEEP}},
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
        {"width": 4096, **MISTRAL},
        {"kind": None, "tensors": {"mm.2.weight": (1, 4096)}, "clip__vision__projection_dim": 768},
        Fit.FITS,
        "name says that it is LLaVA 1.6 Mistral",
        "llava-1.6-mistral-7b",
        names=("llava-v1.6-mistral-7b.Q4_K_M", "mmproj-model-f16"),
    ),
    "any-resolution grids": Pair(
        {"width": 4096, **MISTRAL},
        {
            "tensors": {"mm.2.weight": (1, 4096)},
            "clip__vision__image_grid_pinpoints": GRIDS,
            "general__name": "vit-large336-custom",
        },
        Fit.FITS,
        "width and kind agree",
        "llava-1.6-mistral-7b",
        names=("llava-v1.6-mistral-7b", "mmproj"),
    ),
    "a tune with its base's projector": Pair(
        {"width": 4096, "template": weights.LLAMA_3, **LLAMA_3},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.FITS,
        "of the kind that XTuner LLaVA Llama 3 8B",
        "xtuner-llava-llama-3-8b",
        names=("L3-8B-Stheno-v3.2-Q5_K_M", "llava-llama-3-8b-v1_1-mmproj-f16"),
    ),
    "another base of the same width": Pair(
        {"width": 4096, **MISTRAL},
        {"tensors": {"mm.2.weight": (1, 4096)}},
        Fit.DOUBTFUL,
        "llama-3 within, and the model is mistral",
        names=("mistral-7b-instruct-v0.2", "llava-llama-3-8b-v1_1-mmproj-f16"),
    ),
    "another architecture of the same width": Pair(
        {"architecture": "llama", "width": 3072, **LLAMA_3},
        {"tensors": {"mm.2.weight": (1, 3072)}},
        Fit.DOUBTFUL,
        "of another architecture",
        names=("Llama-3.2-3B-Instruct", "llava-phi-3-mini-mmproj-f16"),
    ),
    "a projector that says nothing": Pair(
        {"width": 4096, **LLAMA_3},
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
        {"width": 4096, "words": SLICES, **LLAMA_3},
        resampler(4096, None),
        Fit.FITS,
        "of the kind that MiniCPM-Llama3-V 2.5",
        "minicpm-v-2.5",
        names=("ggml-model-Q4_K_M", "mmproj-model-f16"),
    ),
    "MiniCPM-V for another base": Pair(
        {"width": 4096, **MISTRAL},
        resampler(4096, 2),
        Fit.DOUBTFUL,
        "llama-3 within, and the model is mistral",
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
    "no tensor to tell by": Pair({}, {"kind": "mlp"}, Fit.UNKNOWN, "lacks what tells its width"),
    "a model without a width": Pair(
        {"width": None}, {"tensors": {"mm.2.weight": (1, 4096)}}, Fit.UNKNOWN, "does not say its width"
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


def written(pair: Pair, folder: Path) -> Verdict:
    """The verdict on the pair's files, written below *folder*."""
    model = weights.model(folder / f"{pair.names[0]}.gguf", **pair.model)
    return examine_pair(model, weights.projector(folder / f"{pair.names[1]}.gguf", **pair.projector), PRESETS)


@pytest.mark.parametrize("case", PAIRS)
def test_pairs(case: str, tmp_path: Path) -> None:
    """Each pair gets its verdict, with the reason, its preset, and a command that names both files."""
    pair = PAIRS[case]
    verdict = written(pair, tmp_path)
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


def test_the_vocabulary_is_looked_at(tmp_path: Path) -> None:
    """A model that has the marks around pictures gets no note about missing ones."""
    pair = PAIRS["MiniCPM-V from before types and versions"]
    assert written(pair, tmp_path).notes == ()


@pytest.mark.parametrize("kind", sorted(projectors.KINDS))
def test_width_of_every_type(kind: str, tmp_path: Path) -> None:
    """The width of each type that tells it is read from the tensor and the dimension that engines use."""
    rule = projectors.KINDS[kind]
    if not rule.tensor:
        assert inspected(weights.projector(tmp_path / "p.gguf", kind)).width is None
        return
    shape = tuple(96 if dimension == rule.dimension else 32 for dimension in range(1 + rule.dimension))
    assert inspected(weights.projector(tmp_path / "p.gguf", kind, {rule.tensor: shape})).width == 96


def inspected(path: Path) -> ProjectorFacts:
    """A projector's facts."""
    facts = load_facts(path)
    assert isinstance(facts, ProjectorFacts)
    return facts


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


def chosen(folder: Path, projector: Path, **keys: Any) -> str:
    """The preset that is chosen for a model that no name tells, or nothing."""
    choice = examine_pair(weights.model(folder / "ggml-model.gguf", **keys), projector, PRESETS).choice
    return choice.preset.name if choice else ""


def test_presets_without_names(tmp_path: Path) -> None:
    """Architecture, type, width, base and template lead to a preset, but not for a size that no family has."""
    mlp = weights.mlp(tmp_path / "mlp.gguf")
    assert chosen(tmp_path, mlp, template=weights.LLAMA_3, **LLAMA_3) == "llava-1.6-llama-3-8b"
    assert chosen(tmp_path, mlp, **MISTRAL).endswith("mistral-7b")
    assert chosen(tmp_path, mlp, width=64, template=weights.CHATML) == ""
    merger = weights.projector(tmp_path / "merger.gguf", "qwen2.5vl_merger")
    assert chosen(tmp_path, merger, architecture="qwen2vl", width=12345) == "qwen2.5-vl"
    assert chosen(tmp_path, weights.projector(tmp_path / "o.gguf", "dots_ocr"), architecture="qwen2", width=1536) == ""


# --- templates, tokens, commands ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("", ""),
        ("{{ messages }}", "other"),
        (weights.CHATML, "ChatML"),
        (weights.LLAMA_3, "Llama 3"),
        ("<|im_start|>{{ role }}: <end_of_utterance>", "SmolVLM"),
        ("<start_of_turn>user <start_of_image>", "Gemma"),
        ("<|turn>model", "Gemma 4"),
        ("[SYSTEM_PROMPT] [INST] [/INST]", "Mistral Tekken"),
        ("<s>[INST] {{ x }} [/INST]", "Mistral"),
        ("<|system|> <|user|> <|endofuser|> <|assistant|>", "dots.ocr"),
        ("<|user|>\n<|end|> <|assistant|>", "Phi 3"),
        ("[gMASK]<sop><|user|>", "GLM 4"),
    ],
)
def test_template_families(template: str, name: str) -> None:
    """Templates are told by what only they write, also those that look like others."""
    assert family(template) == name


def test_families_of_presets() -> None:
    """The markers of a preset are of the family that its models' templates are."""
    for preset, name in {
        "qwen3-vl": "ChatML",
        "smolvlm": "SmolVLM",
        "gemma-3": "Gemma",
        "xtuner-llava-llama-3-8b": "Llama 3",
        "llava-1.5-vicuna": "Vicuna",
        "dots-ocr": "dots.ocr",
        "mistral-small-3": "Mistral Tekken",
        "glm-ocr": "GLM 4",
    }.items():
        assert family_of(BY_NAME[preset].chat) == name, preset


@pytest.mark.parametrize(
    ("side", "long_side", "limit", "tokens"),
    [(28, 2128, 4096, 53 * 76), (28, 2048, 2048, 38 * 53), (32, 2432, 4096, 53 * 76), (48, 1872, 1120, 28 * 39)],
)
def test_page_tokens(side: int, long_side: int, limit: int, tokens: int) -> None:
    """An A4 page costs what the engines' rule makes of it."""
    assert count_page_tokens(side, long_side, limit) == tokens


COSTS: dict[str, tuple[dict[str, Any], str, int | None]] = {
    "llava": ({}, "", 576),
    "llava next": ({"clip__vision__image_grid_pinpoints": GRIDS}, "", 2880),
    "mobilevlm": ({"kind": "ldpv2"}, "", 144),
    "minicpm 2.5": ({"kind": "resampler"}, "", 960),
    "minicpm 2.6": ({"kind": "resampler", "clip__minicpmv_version": 3}, "", 640),
    "minicpm that says": ({"kind": "resampler", "clip__minicpmv_query_num": 32}, "", 320),
    "gemma 3": ({"kind": "gemma3", "clip__vision__image_size": 896}, "", 256),
    "internvl": ({"kind": "internvl", "clip__vision__image_size": 448}, "internvl", 3328),
    "internvl that says": (
        {"kind": "internvl", "clip__vision__image_size": 448, "clip__vision__preproc_max_tiles": 12},
        "",
        3328,
    ),
    "a file's own limit": ({"kind": "paddleocr", "clip__vision__image_max_pixels": 1_003_520}, "paddleocr-vl", 30 * 42),
    "KoboldCpp's limit": ({"kind": "qwen2.5vl_merger"}, "qwen2.5-vl", 38 * 53),
    "deepseek": ({"kind": "deepseekocr"}, "deepseek-ocr", 1263),
    "unknown": ({"kind": "cogvlm"}, "", None),
    "no patches": ({"clip__vision__patch_size": 0}, "", None),
}


@pytest.mark.parametrize("case", COSTS)
def test_tokens_of_a_picture(case: str, tmp_path: Path) -> None:
    """The most that a picture costs follows from the projector's own numbers, else from the preset."""
    keys, preset, most = COSTS[case]
    facts = inspected(weights.projector(tmp_path / "p.gguf", **keys))
    assert estimate_cost(facts, BY_NAME.get(preset)).most == most


def test_a_small_context(tmp_path: Path) -> None:
    """No more context is asked for than the model was trained for, and what that leaves is said."""
    model = weights.model(tmp_path / "moondream2.gguf", "phi2", 2048, ARCH__context_length=2048)
    begin = build_command(examine_pair(model, weights.mlp(tmp_path / "p.gguf", 2048), PRESETS))
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


# --- folders -----------------------------------------------------------------------------------------------


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of two models with their projectors, one projector of neither, a split model and a broken file."""
    weights.model(tmp_path / "Qwen2.5-VL-7B-Q4_K_M.gguf", "qwen2vl", 3584)
    weights.projector(tmp_path / "mmproj-Qwen2.5-VL-7B.gguf", "qwen2.5vl_merger", {"mm.2.bias": (3584,)})
    weights.projector(tmp_path / "mmproj-Qwen2-VL-7B.gguf", "qwen2vl_merger", {"mm.2.bias": (3584,)})
    weights.model(tmp_path / "llava-v1.6-mistral-7b.gguf", **{**MISTRAL, "parts": 2})
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


def test_of_equals_the_neighbour_is_first(tmp_path: Path) -> None:
    """Of projectors that do as well, the one in the model's folder, then the one named like it, is the best."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        weights.model(tmp_path / folder / f"L3-{folder}.gguf", **LLAMA_3)
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


def test_facts_are_bounded_and_harmless(tmp_path: Path) -> None:
    """Names in a header that steer terminals or never end become short lines."""
    evil = "\x1b[31mred\x07\u202e" + "x" * 10_000
    facts = load_facts(weights.model(tmp_path / "m.gguf", evil, general__name=evil, general__basename=evil))
    assert isinstance(facts, ModelFacts)
    for text in (facts.name, facts.architecture, *facts.names):
        assert text.isprintable()
        assert len(text) <= 121
    projector = inspected(weights.projector(tmp_path / "p.gguf", evil, general__name=evil))
    assert projector.name.isprintable()
    assert projector.type.isprintable()

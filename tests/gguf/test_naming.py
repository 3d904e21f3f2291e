"""Names of projectors: which say nothing, what they should be, and when nothing can be told."""

from __future__ import annotations

from pathlib import Path

import pytest

import weights
from visionocr.gguf.facts import load_model
from visionocr.gguf.folder import examine_folder
from visionocr.gguf.naming import is_nameless, name_model, propose_names
from visionocr.prompting.library import Library

PRESETS = Library().presets()


def qwen(path: Path, **keys: object) -> Path:
    """A model of Qwen2.5-VL."""
    return weights.model(path, "qwen2vl", 3584, **keys)  # type: ignore[arg-type]


def merger(path: Path, **keys: object) -> Path:
    """The projector of Qwen2.5-VL."""
    return weights.projector(path, "qwen2.5vl_merger", {"mm.2.bias": (3584,)}, **keys)


def proposed(folder: Path) -> dict[str, tuple[str, str]]:
    """The proposals for a folder and those below it: name and reason by file name."""
    found = examine_folder(folder, PRESETS, recursive=True)
    return {one.projector.path.name: (one.name, one.reason) for one in propose_names(found)}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "mmproj",
            "mmproj-model-f16",
            "mmproj-model-Q8_0",
            "MMPROJ-F16",
            "mmproj-BF16",
            "mmproj.f32",
            "ggml-mmproj-f16",
        ),
        *("model-mmproj-UD-Q4_K_XL", "vision_encoder-fp16", "mmproj-model-f16 (1)", "mmproj_model_MXFP4_MOE", "clip"),
    ],
)
def test_names_that_say_nothing(name: str) -> None:
    """Words of the conversion, quantizations and a browser's number for a copy do not tell a model."""
    assert is_nameless(Path(f"{name}.gguf"))


@pytest.mark.parametrize(
    "name",
    ["mmproj-Qwen2.5-VL-7B-f16", "llava-mmproj-f16", "gemma3-27b-mmproj", "mmproj-pixtral", "tiny", "mmproj-größe-f16"],
)
def test_names_that_say_something(name: str) -> None:
    """One word of another kind is a name, and such a file is left alone."""
    assert not is_nameless(Path(f"{name}.gguf"))


@pytest.mark.parametrize(
    ("file", "header", "name"),
    [
        ("Qwen2.5-VL-7B-Instruct-Q4_K_M", "", "Qwen2.5-VL-7B-Instruct"),
        ("Qwen3-VL-8B-UD-Q4_K_XL", "", "Qwen3-VL-8B"),
        ("pixtral-12b.i1-IQ3_XXS", "", "pixtral-12b"),
        ("gemma-3-4b-it-qat-q4_0", "", "gemma-3-4b-it-qat"),
        ("InternVL3-8B", "", "InternVL3-8B"),
        ("ggml-model-Q4_K_M", "LLaVA v1.5 7B", "LLaVA-v1.5-7B"),
        ("ggml-model-Q4_K_M", "../../x/y", "x-y"),
        ("ggml-model-f16", "model", ""),
    ],
)
def test_names_of_models(tmp_path: Path, file: str, header: str, name: str) -> None:
    """The file's name without its quantization; where that says nothing, the header's, as a name for a file."""
    path = weights.model(tmp_path / f"{file}.gguf", general__name=header)
    assert name_model(load_model(path)) == name


def test_a_split_model_is_named_without_its_part(tmp_path: Path) -> None:
    """Of ``NAME-Q4_K_M-00001-of-00002.gguf`` the name is NAME."""
    path = weights.model(tmp_path / "Big-VL-Q4_K_M.gguf", parts=2)
    assert name_model(load_model(path)) == "Big-VL"


def test_a_projector_is_named_after_its_model(tmp_path: Path) -> None:
    """One model that fits, in any quantization, gives the name; the type is that of the projector's own weights."""
    qwen(tmp_path / "Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf")
    qwen(tmp_path / "Qwen2.5-VL-7B-Instruct-Q8_0.gguf")
    weights.model(tmp_path / "Llama-3.gguf", **weights.LLAMA_3_KEYS)
    merger(tmp_path / "mmproj-model-f16.gguf", general__file_type=32)
    assert proposed(tmp_path) == {
        "mmproj-model-f16.gguf": (
            "mmproj-Qwen2.5-VL-7B-Instruct-BF16.gguf",
            "it belongs to Qwen2.5-VL-7B-Instruct",
        )
    }


def test_the_model_in_the_same_folder_comes_first(tmp_path: Path) -> None:
    """With a folder for each model, every projector is named after its neighbour."""
    for name in ("Qwen2.5-VL-7B-Instruct", "olmOCR-7B"):
        (tmp_path / name).mkdir()
        qwen(tmp_path / name / f"{name}-Q4_K_M.gguf")
        merger(tmp_path / name / "mmproj-F16.gguf", general__file_type=1)
    names = sorted(one.name for one in propose_names(examine_folder(tmp_path, PRESETS, recursive=True)))
    assert names == ["mmproj-Qwen2.5-VL-7B-Instruct-F16.gguf", "mmproj-olmOCR-7B-F16.gguf"]


def test_several_models_that_fit(tmp_path: Path) -> None:
    """Where a projector fits two models nothing is guessed, and both are told; unless its header has one's name."""
    qwen(tmp_path / "Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf", general__name="Qwen2.5 VL 7B Instruct")
    qwen(tmp_path / "olmOCR-7B-0825-Q4_K_M.gguf", general__name="Olmocr 7B")
    merger(tmp_path / "mmproj.gguf", general__file_type=1)
    expected = "it fits several models: Qwen2.5-VL-7B-Instruct, olmOCR-7B-0825"
    assert proposed(tmp_path) == {"mmproj.gguf": ("", expected)}
    merger(tmp_path / "mmproj.gguf", general__file_type=1, general__name="qwen2.5-vl-7b-instruct")
    assert proposed(tmp_path)["mmproj.gguf"][0] == "mmproj-Qwen2.5-VL-7B-Instruct-F16.gguf"


def test_projectors_that_nothing_is_known_to_fit(tmp_path: Path) -> None:
    """Without a pair that surely works, and where the pair is only not excluded, there is no name."""
    weights.model(tmp_path / "mystery-Q4_K_M.gguf", "llama", 4096)
    weights.mlp(tmp_path / "mmproj.gguf")
    assert proposed(tmp_path) == {"mmproj.gguf": ("", "no model here is known to fit it")}


def test_names_that_are_taken(tmp_path: Path) -> None:
    """No proposal would replace a file, whatever the case of its letters, nor give two files one name."""
    qwen(tmp_path / "Qwen2.5-VL-7B-Q4_K_M.gguf")
    merger(tmp_path / "mmproj.gguf", general__file_type=1)
    merger(tmp_path / "mmproj (1).gguf", general__file_type=1)
    assert {reason for _, reason in proposed(tmp_path).values()} == {
        "several projectors here would be called mmproj-Qwen2.5-VL-7B-F16.gguf"
    }
    (tmp_path / "mmproj (1).gguf").rename(tmp_path / "mmproj-Qwen2.5-VL-7B-f16.gguf")
    assert proposed(tmp_path)["mmproj.gguf"] == ("", "there is a file mmproj-Qwen2.5-VL-7B-f16.gguf already")


def test_links_and_other_names_are_left_alone(tmp_path: Path) -> None:
    """A link belongs to the program that made it, as in the cache of a hub; a name that says something is kept."""
    qwen(tmp_path / "Qwen2.5-VL-7B-Q4_K_M.gguf")
    (tmp_path / "blobs").mkdir()
    merger(tmp_path / "blobs" / "abc.gguf")
    (tmp_path / "mmproj-F16.gguf").symlink_to(tmp_path / "blobs" / "abc.gguf")
    assert list(proposed(tmp_path)) == ["mmproj-F16.gguf"]
    assert proposed(tmp_path)["mmproj-F16.gguf"][1].startswith("it is a link")

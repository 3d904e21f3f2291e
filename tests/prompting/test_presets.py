"""The preset and task files that ship, which preset a model's name picks, and what is said about bad files."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionocr.engines.dialects.koboldcpp import KoboldCpp
from visionocr.errors import ConfigurationError
from visionocr.prompting import placeholders
from visionocr.prompting.library import BUILTIN, Library
from visionocr.prompting.presets import FALLBACK, match_preset, parse_preset
from visionocr.prompting.render import Question, build_request, wrap
from visionocr.prompting.tasks import parse_task
from visionocr.types import ImageFacts, PageImage, PageRef, Preset, Recognition, Sampler, Server, Task

LIBRARY = Library()
PRESETS = {preset.name: preset for preset in LIBRARY.presets()}
TASKS = {task.name: task for task in LIBRARY.tasks()}
FILES = {name: resources.files("visionocr.prompts").joinpath("models", f"{name}.toml") for name in PRESETS}
IMAGE = PageImage(PageRef("scan 1.pdf", 3, 12), "image/jpeg", b"...", 700, 1000)
GOOD = '[image]\nlongest_side = 1024\n[chat]\nuser_start = "U:"\n'


# --- what ships ----------------------------------------------------------------------------------------


def test_count() -> None:
    """All presets and tasks are there, and the fallback is one of them."""
    assert len(PRESETS) >= 53
    assert FALLBACK in PRESETS
    assert set(TASKS) >= {"transcribe", "text", "table", "describe", "describe-short", "tags"}
    assert {preset.origin for preset in PRESETS.values()} | {task.origin for task in TASKS.values()} == {BUILTIN}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("preset", PRESETS)
def test_renders(preset: str, task: str) -> None:
    """Every preset renders with every task, alone and in a batch, to a body without unfilled placeholders."""
    chosen = PRESETS[preset]
    question = Question(chosen, TASKS[task], chosen.sampler, 500, language="Latin", batch_prompt=LIBRARY.batch_prompt())
    for images in ([IMAGE], [IMAGE] * 3):
        request = build_request(question, images)
        body = KoboldCpp().encode(Server("http://x", "koboldcpp"), request, "k")
        assert len(body["images"]) == len(images)
        assert body["prompt"] == wrap(request.prompt)
        assert not re.search(r"\{\{|\}\}", body["prompt"])
        assert body["prompt"].endswith(chosen.chat.assistant_start)
        assert body["prompt"].startswith(chosen.chat.prefix)
        json.dumps(body)


@pytest.mark.parametrize("name", PRESETS)
def test_values_make_sense(name: str) -> None:
    """No preset holds a number, stop or marker that cannot be right."""
    preset = PRESETS[name]
    image = preset.image
    assert 224 <= image.longest_side <= 4096
    assert (image.koboldcpp_longest_side or 1) <= 2048
    assert (image.koboldcpp_max_tokens or 0) <= (image.max_tokens or image.koboldcpp_max_tokens or 0)
    assert (image.min_tokens or 0) <= (image.max_tokens or 10**6)
    assert image.fixed_tokens is None or 1 <= image.fixed_tokens <= 4096
    assert image.px_per_token_side is None or 8 <= image.px_per_token_side <= 64
    for sampler in (preset.sampler, preset.reading_sampler):
        assert 0 <= sampler.temperature <= 1.5
        assert 0 < sampler.top_p <= 1
        assert 1 <= sampler.rep_pen <= 1.2
        assert sampler.seed >= 1
    assert preset.context_length == 0 or preset.context_length >= 2048
    assert all(preset.stop_sequences)
    assert len(preset.stop_sequences) <= 32
    assert preset.title != name
    assert {task for task, _ in preset.task_prompts} <= {*TASKS, "other"}


@pytest.mark.parametrize("name", PRESETS)
def test_no_marker_for_the_picture(name: str) -> None:
    """No template writes a placeholder for the image, nor a begin-of-text token: KoboldCpp does both itself."""
    chat = PRESETS[name].chat
    whole = "".join((chat.prefix, chat.system_start, chat.user_start, chat.user_end, chat.assistant_start))
    assert "<image" not in whole
    assert "image_pad" not in whole
    assert not whole.startswith(("<s>", "<bos>", "<|begin_of_text|>"))


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {FALLBACK}))
def test_sources(name: str) -> None:
    """Every preset says where its template, its stop sequences and its size were read."""
    source: dict[str, str] = tomllib.loads(FILES[name].read_text("utf-8"))["source"]
    for fact in ("chat", "stop_sequences", "image.longest_side"):
        kind, _, where = source[fact].partition(": ")
        assert kind in {"source code", "model card", "issue thread", "notes", "inferred"}, source[fact]
        assert len(where) > 3


def test_fallback_says_what_it_is() -> None:
    """The fallback names the source of its template and has no pattern: it is for models that none knows."""
    assert "chat" in tomllib.loads(FILES[FALLBACK].read_text("utf-8"))["source"]
    assert not PRESETS[FALLBACK].name_patterns


# --- which model takes which ---------------------------------------------------------------------------

MODELS = {
    "MiniCPM-V-2_6": "minicpm-v-2.6",
    "minicpm-v-2.6": "minicpm-v-2.6",
    "MiniCPM-V-2_6-abliterated": "minicpm-v-2.6",
    "MiniCPM-Llama3-V-2_5": "minicpm-v-2.5",
    "MiniCPM-V-4": "minicpm-v-4",
    "minicpm-v4": "minicpm-v-4",
    "MiniCPM-V-4_5": "minicpm-v-4.5",
    "minicpm-v4.5": "minicpm-v-4.5",
    "MiniCPM-V-4.6": "minicpm-v-4.6",
    "MiniCPM-o-2_6": "minicpm-o-2.6",
    "MiniCPM-o-4_5": "minicpm-v-4.5",
    "Qwen2-VL-7B-Instruct": "qwen2-vl",
    "qwen2-vl-2b-instruct": "qwen2-vl",
    "Qwen2.5-VL-7B-Instruct": "qwen2.5-vl",
    "Qwen_Qwen2.5-VL-72B-Instruct": "qwen2.5-vl",
    "qwen2.5vl-3b": "qwen2.5-vl",
    "Qwen3-VL-8B-Instruct": "qwen3-vl",
    "Qwen3-VL-30B-A3B-Thinking": "qwen3-vl",
    "Qwen3VL-4B-Instruct": "qwen3-vl",
    "Qwen3.5-9B": "qwen3.5",
    "Qwen3.5-VL-9B": "qwen3.5",
    "gemma-3-4b-it": "gemma-3",
    "gemma-3-27b-it-qat": "gemma-3",
    "google_gemma-3-12b-it": "gemma-3",
    "gemma3-12b": "gemma-3",
    "gemma-4-E4B-it": "gemma-4",
    "gemma-4-31b-it": "gemma-4",
    "Llama-4-Scout-17B-16E-Instruct": "llama-4",
    "llava-llama-3-8b-v1_1": "xtuner-llava-llama-3-8b",
    "llava-llama-3.1-8b": "unhinged-llama-3.1-8b",
    "Unhinged_Author_8B": "unhinged-llama-3.1-8b",
    "llama3-llava-next-8b": "llava-1.6-llama-3-8b",
    "wojtab_llava-13b-v0-4bit-128g": "llava-v0",
    "llava-7b-v0": "llava-v0",
    "LLaVA-13b-delta-v0": "llava-v0",
    "llava-v1.5-7b": "llava-1.5-vicuna",
    "llava-v1.5-13b": "llava-1.5-vicuna",
    "llava-v1.6-mistral-7b": "llava-1.6-mistral-7b",
    "llava-1.6-mistral-7b-gguf": "llava-1.6-mistral-7b",
    "llava-v1.6-vicuna-13b": "llava-1.6-vicuna",
    "llava-v1.6-7b": "llava-1.6-vicuna",
    "llava-v1.6-34b": "llava-1.6-34b",
    "LLaVA-NeXT-Video-7B-DPO": "llava-next-video-7b",
    "llava-phi-3-mini": "llava-phi-3-mini",
    "llava-phi-2": "llava-1.5-phi-2",
    "BakLLaVA-1": "llava-1.5-mistral-7b",
    "ggml-bakllava-7b": "llava-1.5-mistral-7b",
    "MobileVLM-1.7B": "mobilevlm-v1",
    "MobileVLM_V2-1.7B": "mobilevlm-v2",
    "ShareGPT4V-7B": "sharegpt4v",
    "moondream2-text-model": "moondream2",
    "Bunny-Llama-3-8B-V": "bunny-llama-3",
    "Bunny-v1_0-4B": "bunny-phi-3",
    "Pixtral-12B-2409": "pixtral-12b",
    "mistral-community_pixtral-12b": "pixtral-12b",
    "Mistral-Small-3.1-24B-Instruct-2503": "mistral-small-3",
    "Mistral-Small-3.2-24B-Instruct-2506": "mistral-small-3",
    "Ministral-3-8B-Instruct-2512": "mistral-small-3",
    "InternVL3-8B-Instruct": "internvl",
    "InternVL3_5-14B": "internvl",
    "SmolVLM2-2.2B-Instruct": "smolvlm",
    "Idefics3-8B-Llama3": "idefics3",
    "granite-vision-3.3-2b": "granite-vision-3",
    "granite-4.0-3b-vision": "granite-4-vision",
    "granite-docling-258M": "granite-docling",
    "SmolDocling-256M-preview": "smoldocling",
    "Kimi-VL-A3B-Thinking-2506": "kimi-vl",
    "GLM-4.1V-9B-Thinking": "glm-4.1v",
    "GLM-4.6V-Flash": "glm-4.1v",
    "GLM-OCR": "glm-ocr",
    "DeepSeek-OCR": "deepseek-ocr",
    "deepseek_ocr": "deepseek-ocr",
    "DeepSeek-OCR-2": "deepseek-ocr-2",
    "deepseek-ocr2": "deepseek-ocr-2",
    "dots.ocr": "dots-ocr",
    "dots.mocr": "dots-ocr",
    "olmOCR-2-7B-1025": "olmocr",
    "allenai_olmOCR-7B-0725": "olmocr",
    "Nanonets-OCR-s": "nanonets-ocr",
    "Nanonets-OCR2-3B": "nanonets-ocr",
    "PaddleOCR-VL-0.9B": "paddleocr-vl",
    "LightOnOCR-1B-1025": "lightonocr",
    "HunyuanOCR": "hunyuanocr",
    "chandra-ocr-2": "chandra-ocr-2",
}

STRANGERS = [
    "gemma-3n-E4B-it",
    "gemma-3n-E2B-it",
    "gemma-2-9b-it",
    "Llama-3.2-11B-Vision-Instruct",
    "Meta-Llama-3.1-8B-Instruct",
    "L3-8B-Stheno-v3.2",
    "Mistral-Small-24B-Instruct-2501",
    "mistral-7b-instruct-v0.2",
    "Qwen2.5-7B-Instruct",
    "Qwen2.5-Omni-7B",
    "GLM-4.5-Air",
    "Phi-3.5-vision-instruct",
    "GOT-OCR2",
    "ggml-model",
    "tiny-llama",
    "protected-model",
    "",
]

SUFFIXES = ["", "-Q2_K", "-Q4_K_M", ".Q5_K_S", "-Q6_K_L", "-Q8_0", "-IQ2_XXS", ".i1-IQ4_XS", "-UD-Q4_K_XL"]
SUFFIXES += ["-f16", "-bf16", "-int4", "_Q4_0_4_4", "-00001-of-00003", "-Q4_K_M.gguf"]


@pytest.mark.parametrize(("model", "preset"), MODELS.items())
def test_models(model: str, preset: str) -> None:
    """A model's file name picks its preset, whatever its case, its quantisation or the server's prefix."""
    for suffix in SUFFIXES:
        for name in (model + suffix, f"koboldcpp/{model}{suffix}", (model + suffix).upper(), (model + suffix).lower()):
            match = match_preset(name, PRESETS.values())
            assert match is not None, name
            assert (match.preset.name, match.known) == (preset, True), name


@pytest.mark.parametrize("model", STRANGERS)
def test_strangers(model: str) -> None:
    """A model that looks like a known family, and is none, is picked by no pattern."""
    assert [suffix for suffix in SUFFIXES if match_preset(model + suffix, PRESETS.values())] == []


def test_fallback() -> None:
    """The library gives a model that no pattern knows the fallback, and says that it is one."""
    match = LIBRARY.match("gemma-3n-E4B-it")
    assert (match.preset.name, match.known, match.pattern) == (FALLBACK, False, "")
    assert LIBRARY.match("gemma-3-4b-it").known


def test_every_preset_can_be_picked() -> None:
    """Every preset but the fallback is picked by one of the names above."""
    assert {*MODELS.values(), FALLBACK} == set(PRESETS)


def test_longest_match_wins() -> None:
    """Of several patterns the one that explains most of the name wins, in whatever order they stand."""
    short = replace(PRESETS["qwen2-vl"], name="short", name_patterns=("qwen",))
    long = replace(PRESETS["qwen2-vl"], name="long", name_patterns=("nothing", "qwen2-vl"))
    for presets in ([short, long], [long, short]):
        match = match_preset("my-QWEN2-VL-7b", presets)
        assert match is not None
        assert (match.preset.name, match.pattern) == ("long", "qwen2-vl")
    assert match_preset("llama", [short, long]) is None


# --- the user's own ------------------------------------------------------------------------------------


def library(folder: Path, **models: str) -> Library:
    """A library with presets of a user; ``_`` in a name stands for a hyphen."""
    (folder / "models").mkdir(exist_ok=True)
    for name, text in models.items():
        (folder / "models" / f"{name.replace('_', '-')}.toml").write_text(text, "utf-8")
    return Library(folder)


def test_own_preset_wins(tmp_path: Path) -> None:
    """A user's preset is taken for its pattern even where one of ours explains more of the name."""
    own = library(tmp_path, mine=f'name_patterns = ["qwen"]\n{GOOD}')
    match = own.match("Qwen2.5-VL-7B-Instruct-Q4_K_M")
    assert (match.preset.name, match.pattern) == ("mine", "qwen")
    assert match.preset.origin == str(tmp_path / "models" / "mine.toml")
    assert own.match("gemma-3-4b-it").preset.name == "gemma-3"


def test_own_preset_replaces_ours(tmp_path: Path) -> None:
    """A user's file with the name of one of ours stands in its place, also as the fallback."""
    own = library(tmp_path, gemma_3=GOOD, chatml=GOOD)
    assert own.preset("gemma-3").chat.user_start == "U:"
    assert own.match("nobody-knows-me").preset.chat.user_start == "U:"
    assert len(own.presets()) == len(PRESETS)


def test_a_file_is_parsed_once(tmp_path: Path) -> None:
    """Documents that are read one after the other need not wait for it; a file that was changed is read again."""
    once = library(tmp_path, mine=GOOD).preset("mine")
    assert Library(tmp_path).preset("mine") is once
    assert library(tmp_path, mine=f'title = "Changed"\n{GOOD}').preset("mine").title == "Changed"


def test_own_task(tmp_path: Path) -> None:
    """A user's task is found, and ours are still there."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "haiku.md").write_text("Write a haiku about {{document}}.\n")
    own = Library(tmp_path)
    assert own.task("haiku").prompt == "Write a haiku about {{document}}."
    assert {"haiku", "transcribe"} <= {task.name for task in own.tasks()}


def test_recognition(tmp_path: Path) -> None:
    """What a preset says of model files is there under our names; what it leaves out is empty."""
    text = GOOD + "[recognition]\narchitecture = ['llama']\nembedding_length = [64, 128]\nbase = 'llama-2'\n"
    known = library(tmp_path, mine=text).preset("mine").recognition
    assert known == Recognition(architectures=("llama",), embedding_lengths=(64, 128), base="llama-2")


def test_no_folder(tmp_path: Path) -> None:
    """A config folder that does not exist, or is a file, is as good as none."""
    file = tmp_path / "file"
    file.write_text("")
    for folder in (tmp_path / "nowhere", file):
        assert len(Library(folder).presets()) == len(PRESETS)


def test_byte_order_mark(tmp_path: Path) -> None:
    """Files that an editor on Windows began with a mark, with its line ends, are read like any other."""
    own = library(tmp_path, mine="\ufeff" + GOOD.replace("\n", "\r\n"))
    assert own.preset("mine").image.longest_side == 1024
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "t.md").write_bytes('\ufeff+++\r\ntitle = "T"\r\n+++\r\nRead.\r\n'.encode())
    assert (own.task("t").title, own.task("t").prompt) == ("T", "Read.")


@pytest.mark.parametrize(
    "name",
    ["../models/gemma-3", "models/gemma-3", "/etc/passwd", "..", "", ".", "gemma-3.toml", "gemma-3\x00", "GEMMA-3"],
)
def test_names_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    """A name is a name: it cannot walk out of the folder, and nothing is read for one that is not listed."""
    (tmp_path / "secret.toml").write_text(GOOD)
    (tmp_path / "secret.md").write_text("Secret")
    own = library(tmp_path)
    for load in (own.preset, own.task):
        with pytest.raises(ConfigurationError, match="there is no"):
            load(name)
    with pytest.raises(ConfigurationError):
        own.preset("../secret")
    with pytest.raises(ConfigurationError):
        own.task("../secret")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gemma-33", "gemma-3"), ("qwen25-vl", "qwen2.5-vl"), ("transcribe", "Known: bunny")],
)
def test_misspelt_preset(name: str, hint: str) -> None:
    """A misspelt preset is answered with the nearest, or with all there are."""
    with pytest.raises(ConfigurationError, match="no preset") as caught:
        LIBRARY.preset(name)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"), [("trascribe", "transcribe"), ("tabel", "table"), ("xyz", "Known: alt-text, describe")]
)
def test_misspelt_task(name: str, hint: str) -> None:
    """A misspelt task is answered with the nearest, or with all there are."""
    with pytest.raises(ConfigurationError, match="no task") as caught:
        LIBRARY.task(name)
    assert hint in caught.value.hint


# --- bad files -----------------------------------------------------------------------------------------

BAD_PRESETS = [
    ("title = ", "not valid TOML", ""),
    ("", "[image] longest_side is missing", ""),
    ('[chat]\nuser_start = "U"\n', "[image] longest_side is missing", ""),
    (f'titel = "x"\n{GOOD}', "unknown key 'titel'", "title"),
    (f'stop_sequence = ["x"]\n{GOOD}', "unknown key 'stop_sequence'", "stop_sequences"),
    (GOOD + 'user_strat = "x"\n', "unknown key 'user_strat'", "user_start"),
    (GOOD + "[image2]\n", "unknown key 'image2'", ""),
    ("[image]\nlongest_side = 1024\nlongestside = 3\n", "unknown key 'longestside'", "longest_side"),
    (GOOD + "[sampler]\ntemp = 0.0\n", "unknown key 'temp'", "temperature"),
    (GOOD + "[reading_sampler]\ntemp = 0.0\n", "unknown key 'temp'", "temperature"),
    (GOOD + "[sampler]\nxyzzy = 0.0\n", "unknown key 'xyzzy'", "Known: min_p"),
    (GOOD + "[sampler]\ntemperature = '0'\n", "[sampler] temperature is not a number", ""),
    (GOOD + "[sampler]\ntop_k = 1.0\n", "[sampler] top_k is not a whole number", ""),
    (GOOD + "[sampler]\ntop_k = true\n", "[sampler] top_k is not a whole number", ""),
    (GOOD + "[sampler]\nseed = 0\n", "[sampler] seed must be at least 1", ""),
    (GOOD + "[sampler]\ntop_k = -1\n", "[sampler] top_k must be at least 0", ""),
    (f"title = 5\n{GOOD}", ": title is not a text", ""),
    (f'stop_sequences = "</s>"\n{GOOD}', "stop_sequences is not a list", ""),
    (f"stop_sequences = [1]\n{GOOD}", "stop_sequences[0] is not a text", ""),
    (f"special_tokens = 1\n{GOOD}", "special_tokens is not true or false", ""),
    (f"name_patterns = ['(']\n{GOOD}", "no valid regular expression", ""),
    (f"max_length = 0\n{GOOD}", "max_length must be at least 1", ""),
    (f"context_length = {'9' * 5000}\n{GOOD}", "a number with too many digits", ""),
    (f"context_length = 0x{'f' * 5000}\n{GOOD}", "a number with too many digits", ""),
    (f"caveats = {'[' * 5000}\n{GOOD}", "nested too deeply", ""),
    (f"context_length = -1\n{GOOD}", "context_length must be at least 0", ""),
    ("[image]\nlongest_side = 0\n", "[image] longest_side must be at least 1", ""),
    ("[image]\nlongest_side = '1024'\n", "[image] longest_side is not a whole number", ""),
    ("[image]\nlongest_side = 1024\npx_per_token_side = 0\n", "[image] px_per_token_side must be at least 1", ""),
    ("image = 5\n", ": image is not a table", ""),
    ("image = [1]\n", ": image is not a table", ""),
    (GOOD + "[recognition]\narchitectures = ['x']\n", "unknown key 'architectures'", "architecture"),
    (
        GOOD + "[recognition]\nembedding_length = ['4096']\n",
        "[recognition] embedding_length[0] is not a whole number",
        "",
    ),
    (
        GOOD + "[recognition]\nembedding_length = [true]\n",
        "[recognition] embedding_length[0] is not a whole number",
        "",
    ),
    (GOOD + "[recognition]\nbase = ['llama-2']\n", "[recognition] base is not a text", ""),
    (GOOD + "source = 5\n", "[chat] has an unknown key 'source'", ""),
    (f"source = 5\n{GOOD}", ": source is not a table", ""),
    (GOOD + "[prompts]\ntranscribe = 5\n", "[prompts] transcribe is not a text", ""),
    (GOOD + "[prompts]\ntranscribe = 'Read in {{langauge}}.'\n", "unknown placeholder {{langauge}}", "{{language}}"),
    (f"system = 'You read {{{{documnet}}}}.'\n{GOOD}", "unknown placeholder {{documnet}}", "{{document}}"),
]


@pytest.mark.parametrize(("text", "words", "hint"), BAD_PRESETS, ids=[words for _, words, _ in BAD_PRESETS])
def test_bad_preset(text: str, words: str, hint: str, tmp_path: Path) -> None:
    """A bad preset file is named, with what is wrong in it and the nearest key that exists."""
    own = library(tmp_path, mine=text)
    with pytest.raises(ConfigurationError) as caught:
        own.preset("mine")
    assert words in caught.value.message
    assert "preset 'mine'" in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert hint in caught.value.hint
    with pytest.raises(ConfigurationError):
        own.match("any")


def test_unreadable_files(tmp_path: Path) -> None:
    """A file that is no UTF-8, and a folder that is called like a file, are clear errors."""
    own = library(tmp_path)
    (tmp_path / "models" / "latin.toml").write_bytes(b'title = "caf\xe9"\n')
    (tmp_path / "models" / "folder.toml").mkdir()
    for name in ("latin", "folder"):
        with pytest.raises(ConfigurationError, match=f"cannot read preset '{name}'"):
            own.preset(name)


BAD_TASKS = [
    ("+++\ntitle = \n+++\nRead.", "not valid TOML", ""),
    ("+++\ntitel = 'x'\n+++\nRead.", "unknown key 'titel'", "title"),
    ("+++\nzzz = 'x'\n+++\nRead.", "unknown key 'zzz'", "Known: caption"),
    ("+++\nmarkdown = 'yes'\n+++\nRead.", "markdown is not true or false", ""),
    ("+++\nmax_length = true\n+++\nRead.", "max_length is not a whole number", ""),
    ("+++\nmax_length = 0\n+++\nRead.", "max_length must be at least 1", ""),
    (f"+++\nmax_length = {'9' * 5000}\n+++\nRead.", "a number with too many digits", ""),
    (f"+++\ndefaults = {'{x = ' * 5000}\n+++\nRead.", "nested too deeply", ""),
    ("+++\n[defaults]\nlanguage = 5\n+++\nRead.", "[defaults] language is not a text", ""),
    ("+++\n[defaults]\nlangauge = 'x'\n+++\nRead.", "[defaults] has an unknown key 'langauge'", "language"),
    ("Read in {{langauge}}.", "unknown placeholder {{langauge}}", "{{language}}"),
    ("Read {{}}.", "unknown placeholder {{}}", "Known: language"),
    ("+++\nsystem = 'For {{who}}'\n+++\nRead.", "unknown placeholder {{who}}", ""),
]


@pytest.mark.parametrize(("text", "words", "hint"), BAD_TASKS, ids=[words for _, words, _ in BAD_TASKS])
def test_bad_task(text: str, words: str, hint: str) -> None:
    """A bad task file is named, with what is wrong in it."""
    with pytest.raises(ConfigurationError) as caught:
        parse_task("mine", text, "/etc/tasks")
    assert words in caught.value.message
    assert "task 'mine' (/etc/tasks)" in caught.value.message
    assert hint in caught.value.hint


def test_task_forms() -> None:
    """Front matter is optional, a ``+++`` further down belongs to the prompt, and defaults are the type's own."""
    assert parse_task("t", "Read.\n", "x") == Task("t", "t", "Read.", origin="x")
    assert parse_task("t", "Read.\n+++\nx = 1\n+++\n", "x").prompt == "Read.\n+++\nx = 1\n+++"
    full = parse_task(
        "t",
        "+++\ntitle='T'\nsystem='S {{page}}'\nmarkdown=false\ncaption=true\nmax_length=9\n"
        "[defaults]\nlanguage='Latin'\n+++\n\nRead {{language}}.\n+++\n",
        "x",
    )
    assert full == Task(
        "t", "T", "Read {{language}}.\n+++", "S {{page}}", False, True, 9, (("language", "Latin"),), "x"
    )


def test_full_preset() -> None:
    """Every key of a preset file arrives in its field, numbers as the type that servers want."""
    preset = parse_preset(
        "p",
        """
        title = "T"
        group = "g"
        runs_in = ["koboldcpp"]
        name_patterns = ["p.x"]
        system = "S"
        special_tokens = true
        stop_sequences = ["</s>"]
        context_length = 4096
        max_length = 99
        caveats = ["c"]
        [chat]
        prefix = "1"
        system_start = "2"
        system_end = "3"
        user_start = "4"
        user_end = "5"
        assistant_start = "6"
        assistant_end = "7"
        [image]
        longest_side = 1000
        fixed_tokens = 5
        position = "after prompt"
        text = "<image>"
        tokens = "5"
        markup = ["<i>"]
        [sampler]
        temperature = 1
        top_k = 40
        [prompts]
        transcribe = ""
        """,
        "here",
    )
    assert (preset.name, preset.title, preset.group, preset.origin) == ("p", "T", "g", "here")
    assert (preset.system, preset.context_length, preset.max_length) == ("S", 4096, 99)
    assert preset.special_tokens is True
    assert (preset.runs_in, preset.name_patterns, preset.caveats) == (("koboldcpp",), ("p.x",), ("c",))
    assert (preset.stop_sequences, preset.task_prompts) == (("</s>",), (("transcribe", ""),))
    assert "".join(getattr(preset.chat, name) for name in preset.chat.__slots__) == "1234567"
    assert type(preset.image) is ImageFacts
    assert (preset.image.longest_side, preset.image.fixed_tokens, preset.image_text) == (1000, 5, "<image>")
    assert preset.image_after_prompt is True
    assert (preset.sampler.temperature, type(preset.sampler.temperature)) == (1.0, float)
    assert (preset.sampler.top_k, type(preset.sampler.top_k)) == (40, int)


def test_reading_sampler() -> None:
    """Reading is greedy unless the file has a table for it, which is also the general one where that is missing."""
    chat = parse_preset("p", GOOD + "[sampler]\ntemperature = 0.7\ntop_k = 9\n", "x")
    assert chat.sampler == Sampler(temperature=0.7, top_k=9)
    assert chat.reading_sampler == Sampler(temperature=0.0, top_k=9)
    both = parse_preset("p", GOOD + "[sampler]\ntemperature = 0.7\n[reading_sampler]\ntemperature = 0.1\n", "x")
    assert (both.sampler.temperature, both.reading_sampler.temperature) == (0.7, 0.1)
    ocr = parse_preset("p", GOOD + "[reading_sampler]\ntemperature = 0.1\n", "x")
    assert ocr.sampler == ocr.reading_sampler == Sampler(temperature=0.1)
    assert parse_preset("p", GOOD, "x").reading_sampler == Sampler()


TOML_VALUES = st.sampled_from(["0", "-1", "1.5", "nan", "true", "''", "'x'", "[]", "['']", "[1]", "{}", "{a=1}"])
TOML_KEYS = st.sampled_from(
    ["title", "name_patterns", "image", "chat", "sampler", "prompts", "source", "stop_sequences", "max_length", "zz"]
)


@given(st.dictionaries(TOML_KEYS, TOML_VALUES, max_size=4))
@settings(deadline=None)
def test_any_preset(table: dict[str, Any]) -> None:
    """Any table at all becomes a preset or a configuration error."""
    text = "".join(f"{key} = {value}\n" for key, value in table.items())
    if "image" not in table:
        text += "[image]\nlongest_side = 1024\n"
    message = ""
    try:
        assert isinstance(parse_preset("p", text, "x"), Preset)
    except ConfigurationError as error:
        message = error.message
    assert not message or "preset 'p' (x)" in message


def test_placeholders_of_what_ships() -> None:
    """Nothing that ships asks for a placeholder that nobody fills."""
    for task in TASKS.values():
        placeholders.check(task.prompt + task.system, task.name)
    placeholders.check(LIBRARY.batch_prompt(), "batch", ("count", "marks"))
    assert {"{{count}}", "{{marks}}"} <= set(re.findall(r"\{\{\w+\}\}", LIBRARY.batch_prompt()))

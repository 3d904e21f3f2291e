"""What a run asks with: a transcript is read greedily, a caption as the model's maker wants it."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from itertools import product
from typing import Any

import pytest

from fakes.stand_ins import FakeEngine
from visionocr.choices import Rotate
from visionocr.job import Job, choose_sampler, decide
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.types import Sampler

LIBRARY = Library()
PRESETS = {preset.name: preset for preset in LIBRARY.presets()}
TASKS = {task.name: task for task in LIBRARY.tasks()}
READING = ("transcribe", "text", "table")
CAPTIONS = ("describe", "describe-short", "tags")
SAMPLES_FOR_OCR = {"dots-ocr": 0.1, "olmocr": 0.1, "lightonocr": 0.2}
"""Temperatures that makers name for reading pages; all others read greedily."""


def table(preset: str) -> dict[str, dict[str, float]]:
    """The preset's file."""
    file = resources.files("visionocr.prompts").joinpath("models", f"{preset}.toml")
    return tomllib.loads(file.read_text("utf-8"))


@pytest.mark.parametrize(("preset", "task"), [*product(PRESETS, READING)])
def test_reading_is_greedy(preset: str, task: str) -> None:
    """Every task that reads asks at temperature 0, unless the model's maker names another one for OCR."""
    sampler = choose_sampler(Settings(), PRESETS[preset], TASKS[task])
    assert sampler.temperature == SAMPLES_FOR_OCR.get(preset, 0.0)


@pytest.mark.parametrize(("preset", "task"), [*product(PRESETS, CAPTIONS)])
def test_captions_are_sampled_as_their_maker_says(preset: str, task: str) -> None:
    """A task that describes asks with the general settings in the preset's file."""
    file = table(preset)
    expected = Sampler(**file.get("sampler", file.get("reading_sampler", {})))  # type: ignore[arg-type]
    assert choose_sampler(Settings(), PRESETS[preset], TASKS[task]) == expected


@pytest.mark.parametrize("preset", sorted(name for name in PRESETS if "reading_sampler" in table(name)))
def test_settings_for_ocr_have_a_source(preset: str) -> None:
    """Settings that are said to be for OCR say where they were read."""
    assert "reading_sampler" in table(preset)["source"]


@pytest.mark.parametrize("task", [*READING, *CAPTIONS])
def test_flags_beat_the_preset(task: str) -> None:
    """What the user gives is used for every kind of task; the rest stays the preset's."""
    preset = PRESETS["minicpm-v-2.6"]
    sampler = choose_sampler(Settings(temperature=0.3, seed=7), preset, TASKS[task])
    assert (sampler.temperature, sampler.seed) == (0.3, 7)
    assert (sampler.top_p, sampler.top_k, sampler.rep_pen) == (0.8, 100, 1.05)


@pytest.mark.parametrize("task", ["transcribe", "describe"])
def test_a_temperature_is_not_cancelled_by_a_greedy_preset(task: str) -> None:
    """A preset's ``top_k`` of 1 gives way to the user's temperature."""
    assert PRESETS["qwen2.5-vl"].reading_sampler.top_k == 1
    assert choose_sampler(Settings(temperature=0.5), PRESETS["qwen2.5-vl"], TASKS[task]).top_k == 0


def decided(*, reads_only: bool = True, task: str = "transcribe", **settings: Any) -> Job:
    """The job of a run with the embedded engine, or with a server."""
    engine = FakeEngine()
    engine.server = replace(engine.server, reads_only=reads_only)
    return decide(engine, Settings(**settings), LIBRARY, TASKS[task])


@pytest.mark.parametrize(("rotate", "turn", "is_found"), [("auto", 0, True), ("off", 0, False), ("90", 90, False)])
def test_pages_are_turned_as_the_setting_says(rotate: str, turn: int, is_found: bool) -> None:
    """All by the same angle, or each as it needs, or none."""
    job = decided(rotate=Rotate(rotate))
    assert (job.plan.spec.turn, job.checks.turn_pages) == (turn, is_found)


def test_answers_to_turned_pages_are_others() -> None:
    """A journal of another setting is not gone on with; one of a version that turned nothing is."""
    prints = [decided(rotate=rotate).fingerprint for rotate in Rotate]
    assert all(prints.count(one) == 1 for one in prints)
    usual = decided().fingerprint
    assert usual == prints[0]
    assert "rotate" not in usual
    assert "turn" not in usual["raster"]


@pytest.mark.parametrize(
    ("changes", "fit", "strips"),
    [
        ({}, True, None),
        ({"max_side": 1200}, False, 1),
        ({"dpi": 150.0}, False, 1),
        ({"strips": 3}, True, 3),
        ({"strips": 1}, True, 1),
        ({"max_side": 1200, "strips": 3}, False, 3),
        ({"prompt": "What is this?"}, True, 1),
        ({"preset": "llava-1.5-vicuna"}, False, None),
    ],
)
def test_pages_are_sized_by_their_print_unless_told(changes: dict[str, Any], fit: bool, strips: int | None) -> None:
    """A size that is given is kept; strips are cut of pages to be transcribed; equal tokens are no reason to shrink."""
    spec = decided(reads_only=False, **{"preset": "qwen2.5-vl"} | changes).plan.spec
    assert (spec.fit_print, spec.strips) == (fit, strips)


def test_pictures_to_be_described_keep_their_size() -> None:
    """A photo is sent as large as the model can use, and never cut."""
    settings: tuple[dict[str, Any], ...] = ({}, {"strips": 3})
    for changes in settings:
        spec = decided(reads_only=False, task="describe", preset="qwen2.5-vl", **changes).plan.spec
        assert (spec.fit_print, spec.strips, spec.split) == (False, 1, False)


def test_results_of_a_fixed_size_are_known_again() -> None:
    """What earlier versions read in a size that was given is not read again."""
    raster = decided(reads_only=False, max_side=1200).fingerprint["raster"]
    assert not {"fit_print", "strips", "turn", "find_evidence"} & set(raster)
    assert {"fit_print", "strips"} <= set(decided(reads_only=False, preset="qwen2.5-vl").fingerprint["raster"])


def test_the_embedded_engine_keeps_its_size() -> None:
    """It pays for no tokens: its pages are neither shrunk nor cut unless that is asked for."""
    assert (decided().plan.spec.fit_print, decided().plan.spec.strips) == (False, 1)
    assert decided(strips=2).plan.spec.strips == 2

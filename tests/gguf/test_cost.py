"""Tokens that pictures cost with a projector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import weights
from visionocr.gguf.cost import count_page_tokens, estimate_cost
from visionocr.gguf.facts import load_projector
from visionocr.prompting.library import Library


@pytest.mark.parametrize(
    ("side", "long_side", "limit", "tokens"),
    [(28, 2128, 4096, 53 * 76), (28, 2048, 2048, 38 * 53), (32, 2432, 4096, 53 * 76), (48, 1872, 1120, 28 * 39)],
)
def test_page_tokens(side: int, long_side: int, limit: int, tokens: int) -> None:
    """An A4 page costs what the engines' rule makes of it."""
    assert count_page_tokens(side, long_side, limit) == tokens


COSTS: dict[str, tuple[dict[str, Any], str, int | None]] = {
    "llava": ({}, "", 576),
    "llava next": ({"clip__vision__image_grid_pinpoints": weights.GRIDS}, "", 2880),
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
    facts = load_projector(weights.projector(tmp_path / "p.gguf", **keys))
    assert estimate_cost(facts, Library().preset(preset) if preset else None).most == most

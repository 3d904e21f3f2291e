"""How many tokens pictures cost with a projector."""

from __future__ import annotations

import math
from dataclasses import dataclass

from visionocr.gguf import projectors
from visionocr.gguf.facts import ProjectorFacts
from visionocr.types import ImageFacts, Preset

SERVER_SIDE = 1024
"""Pixels: to this long side KoboldCpp shrinks pictures unless it is told otherwise."""
SERVER_SIDE_MOST = 2048
"""The most that it can be told."""
_SLICES = 10
"""Of MiniCPM-V: at most 9, and the overview. Source: llama.cpp tools/mtmd/clip.cpp."""
_SLICE_SIDE = 448
_QUERIES = {projectors.MINICPMV_OLDEST: 96}
"""Tokens of a slice by version, where files do not say; all others have 64."""
_POOLED = {"ldp": 4, "ldpv2": 4, "gemma3": 16, "internvl": 4, "llama4": 4}
"""Patches that become one token. Source: the same."""
_FIXED = {projectors.LEGACY, "ldp", "ldpv2", "gemma3"}
"""Types that turn every picture into the same number of tokens, unless the file has a list of grids."""
_MERGED = {
    **dict.fromkeys(("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger", "glm4v", "kimivl", "paddleocr"), 2),
    **dict.fromkeys(("dots_ocr", "lightonocr", "hunyuanvl", "hunyuanocr"), 2),
    "gemma4v": 3,
    "gemma4uv": 3,
    "pixtral": 1,
}
"""Types whose tokens follow the picture's size: patches a side that become one token, where files do not say."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of pictures."""

    words: str
    """For people."""
    most: int | None
    """Of an A4 page with KoboldCpp's clamp opened, or of any picture; ``None``: not known."""
    page: int | None = None
    """Of an A4 page in KoboldCpp as it starts by itself."""
    grows: bool = False
    """More pixels make more tokens, and smaller print readable."""


def cost(projector: ProjectorFacts, preset: Preset | None) -> Cost:
    """What a picture costs, by the projector's own numbers, else by what the *preset* says."""
    image = preset.image if preset else None
    grid = _grid(projector)
    if projector.type == projectors.RESAMPLER:
        each = projector.query_tokens or _QUERIES.get(projector.minicpmv_version or 0, 64)
        side = projector.image_size or _SLICE_SIDE
        return Cost(f"{each} a slice of {side} px, {each * _SLICES} at the most", each * _SLICES, grows=True)
    if grid and projector.type in _FIXED:
        return _tiled(grid // _POOLED.get(projector.type, 1), projector)
    if projector.type in _MERGED and (side := _token_side(projector, image)):
        return _dynamic(side, projector, image)
    if grid and projector.tiles and projector.type in _POOLED:
        return _tiled(grid // _POOLED[projector.type], projector)
    if image and image.fixed_tokens:
        return Cost(f"{image.fixed_tokens}, whatever the picture", image.fixed_tokens)
    if image and image.max_tokens:
        return Cost(f"{image.max_tokens} at the most ({image.input})", image.max_tokens, grows=True)
    return Cost("not known", None)


def page_tokens(side: int, long_side: int, limit: int | None) -> int:
    """Tokens of an A4 page of *long_side* pixels when one token covers *side* pixels squared, at most *limit*.

    Source: llama.cpp; both sides are rounded to whole tokens, and shrunk alike where these are too many.
    """
    across, down = long_side / math.sqrt(2) / side, long_side / side
    tokens = max(1, round(across)) * max(1, round(down))
    if limit and tokens > limit:
        factor = math.sqrt(limit / (across * down))
        tokens = max(1, math.floor(across * factor)) * max(1, math.floor(down * factor))
    return tokens


def _grid(projector: ProjectorFacts) -> int:
    """Patches of the encoder's input; 0 when not known."""
    if not projector.image_size or not projector.patch_size:
        return 0
    return (projector.image_size // projector.patch_size) ** 2


def _tiled(each: int, projector: ProjectorFacts) -> Cost:
    if not projector.tiles:
        return Cost(f"{each}, whatever the picture", each)
    most = each * (projector.tiles + 1)
    return Cost(f"{each} a tile of {projector.image_size} px, {most} at the most", most, grows=True)


def _token_side(projector: ProjectorFacts, image: ImageFacts | None) -> int:
    if image and image.px_per_token_side:
        return image.px_per_token_side
    return (projector.patch_size or 0) * (projector.merge or _MERGED[projector.type])


def _dynamic(side: int, projector: ProjectorFacts, image: ImageFacts | None) -> Cost:
    own = projector.max_pixels // side**2 if projector.max_pixels else None
    limit = _least(own, image.max_tokens if image else None)
    in_server = _least(limit, image.koboldcpp_max_tokens if image else None)
    longest = min(SERVER_SIDE_MOST, image.longest_side if image else SERVER_SIDE_MOST)
    page = page_tokens(side, min(SERVER_SIDE, longest), in_server)
    most = page_tokens(side, longest, limit if limit_hampers(image) else in_server)
    return Cost(f"one for {side} × {side} px, {most} for an A4 page at the most", most, page, grows=True)


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit), default=None)


def limit_hampers(image: ImageFacts | None) -> bool:
    """Whether it pays to raise KoboldCpp's own token limit, which leaves less than even its clamp would."""
    return bool(
        image
        and image.koboldcpp_max_tokens
        and image.koboldcpp_longest_side
        and image.koboldcpp_longest_side < SERVER_SIDE
        and (image.max_tokens or 0) > image.koboldcpp_max_tokens
    )

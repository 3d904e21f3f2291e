"""How many tokens pictures cost with a projector."""

from __future__ import annotations

import math
from dataclasses import dataclass

from visionocr.gguf import projectors
from visionocr.gguf.facts import ProjectorFacts
from visionocr.prompting.budget import KOBOLDCPP_DEFAULT_SIDE, KOBOLDCPP_MAX_SIDE
from visionocr.types import ImageFacts, Preset

_SLICES = 10
"""Of MiniCPM-V: at most 9, and the overview. Source: llama.cpp tools/mtmd/clip.cpp."""
_SLICE_SIDE = 448


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens of pictures."""

    description: str
    """For people."""
    most: int | None
    """Of an A4 page with KoboldCpp's clamp opened, or of any picture; ``None``: not known."""
    page: int | None = None
    """Of an A4 page in KoboldCpp as it starts by itself."""
    grows: bool = False
    """More pixels make more tokens, and smaller print readable."""


def estimate_cost(projector: ProjectorFacts, preset: Preset | None) -> Cost:
    """What a picture costs, by the projector's own numbers, else by what the *preset* says."""
    image = preset.image if preset else None
    kind = projectors.KINDS.get(projector.type, projectors.Kind())
    size, patch = projector.image_size or 0, projector.patch_size or 0
    patches = (size // patch) ** 2 if patch else 0
    if projector.type == projectors.RESAMPLER:
        each = projector.query_tokens or (96 if projector.minicpmv_version == projectors.MINICPMV_OLDEST else 64)
        most = each * _SLICES
        return Cost(f"{each} a slice of {size or _SLICE_SIDE} px, {most} at most", most, grows=True)
    if patches and kind.patches_per_token and (kind.fixed or projector.tiles):
        each = patches // kind.patches_per_token
        if not projector.tiles:
            return Cost(f"{each}, whatever the picture", each)
        most = each * (projector.tiles + 1)
        return Cost(f"{each} a tile of {size} px, {most} at most", most, grows=True)
    own_side = image.px_per_token_side if image else None
    if kind.merge and (side := own_side or patch * (projector.merge or kind.merge)):
        return _dynamic(side, projector, image)
    if image and image.fixed_tokens:
        return Cost(f"{image.fixed_tokens}, whatever the picture", image.fixed_tokens)
    if image and image.max_tokens:
        return Cost(f"{image.max_tokens} at most ({image.input})", image.max_tokens, grows=True)
    return Cost("not known", None)


def count_page_tokens(side: int, long_side: int, limit: int | None) -> int:
    """Tokens of an A4 page of *long_side* pixels when one token covers *side* pixels squared, at most *limit*.

    Source: llama.cpp; both sides are rounded to whole tokens, and shrunk alike where these are too many.
    """
    across, down = long_side / math.sqrt(2) / side, long_side / side
    tokens = max(1, round(across)) * max(1, round(down))
    if limit and tokens > limit:
        factor = math.sqrt(limit / (across * down))
        tokens = max(1, math.floor(across * factor)) * max(1, math.floor(down * factor))
    return tokens


def is_limit_too_low(image: ImageFacts) -> bool:
    """Whether KoboldCpp's own token limit leaves less of a page than even its clamp would, and can be raised."""
    return bool(
        image.koboldcpp_max_tokens
        and image.koboldcpp_longest_side
        and image.koboldcpp_longest_side < KOBOLDCPP_DEFAULT_SIDE
        and (image.max_tokens or 0) > image.koboldcpp_max_tokens
    )


def _dynamic(side: int, projector: ProjectorFacts, image: ImageFacts | None) -> Cost:
    """The cost where one token covers *side* pixels squared."""
    image = image or ImageFacts(KOBOLDCPP_MAX_SIDE)
    limits = [(projector.max_pixels or 0) // side**2, image.max_tokens]
    limit = min(filter(None, limits), default=None)
    in_koboldcpp = min(filter(None, [*limits, image.koboldcpp_max_tokens]), default=None)
    longest = min(KOBOLDCPP_MAX_SIDE, image.longest_side)
    most = count_page_tokens(side, longest, limit if is_limit_too_low(image) else in_koboldcpp)
    page = count_page_tokens(side, min(KOBOLDCPP_DEFAULT_SIDE, longest), in_koboldcpp)
    return Cost(f"one for {side} × {side} px, {most} for an A4 page at most", most, page, grows=True)

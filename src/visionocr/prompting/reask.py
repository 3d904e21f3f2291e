"""The re-ask ladder: how the request for a page changes after a bad answer.

The same request with the same settings brings the same bad answer again, so each step changes it:

1. the preset's own sampler, all pages of a batch together
2. the page alone; another seed and a little temperature, which breaks most loops; after a loop also a light
   repetition penalty
3. the same with more temperature, and a smaller image: too many image tokens make models loop and skip
4. and on: more temperature each time, the image in turn a little and much smaller

A repetition penalty damages tables and ruled lines, so only a loop brings one. The image gets larger only in step 2,
where it was made smaller because the page's print seemed to need no more: it is then the largest that model, server
and context can use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from visionocr.errors import DocumentError
from visionocr.prompting.budget import LEAST_SIDE
from visionocr.types import Finding, FindingKind, PageImage, RasterSpec, Sampler

Redraw = Callable[[PageImage, float], tuple[PageImage, ...]]
"""Makes the images of an image's page again with its turn, at another scale, or at 1 as before. Raises
``DocumentError``."""

_STEP = 0.2
"""Temperature added by each step."""
_MAX_TEMPERATURE = 0.8
"""Where the temperature stops rising: beyond it, models invent text."""
_REPETITION_PENALTY = 1.08
_SEED_STRIDE = 1009
_MOST_ASKS = 20
"""Asks of a page that the settings allow at the most."""
_VARIED_ASK = 3
"""The step of the ladder whose temperature further captions of a picture have."""
_MAX_SEED = 999_999
"""Servers take seeds modulo a million."""
_SCALES = (0.75, 0.87, 0.6)
"""Scales of the image from the third ask on, in turn."""


def respecify(spec: RasterSpec, image: PageImage, scale: float) -> RasterSpec:
    """What is required of *image*, which was made as *spec* says, at another *scale* or turn.

    At another scale the page is one picture of that size, whatever its print needs.
    """
    spec = replace(spec, turn=image.turn)
    if scale != 1.0:
        side = min(spec.max_side, max(1, round(max(image.width, image.height) * scale)))
        spec = replace(spec, dpi=None, max_side=side, fit_print=False, strips=1)
    return spec


def rescale(ask: int) -> float:
    """The scale of the image in the *ask*-th ask (1-based), relative to the first."""
    return 1.0 if ask <= 2 else _SCALES[ask % len(_SCALES)]


def resample(sampler: Sampler, ask: int, findings: Iterable[Finding]) -> Sampler:
    """The sampler of the *ask*-th ask (1-based), given the *findings* about the answer before."""
    if ask <= 1:
        return sampler
    looped = any(finding.kind is FindingKind.REPETITION for finding in findings)
    return replace(
        sampler,
        seed=(sampler.seed + _SEED_STRIDE * (ask - 1) - 1) % _MAX_SEED + 1,
        temperature=max(sampler.temperature, min(_MAX_TEMPERATURE, sampler.temperature + _STEP * (ask - 1))),
        top_p=min(sampler.top_p, 0.95),
        top_k=0 if sampler.top_k == 1 else sampler.top_k,  # 1 is greedy whatever the temperature
        rep_pen=max(sampler.rep_pen, _REPETITION_PENALTY) if looped else sampler.rep_pen,
    )


def vary(sampler: Sampler, number: int) -> Sampler:
    """The sampler of a picture's *number*-th caption (1-based): another seed, and warm enough for it to matter."""
    if number <= 1:
        return sampler
    stride = _MOST_ASKS * _SEED_STRIDE  # so that no caption is asked for with the seed of another one's re-ask
    warm = resample(sampler, _VARIED_ASK, ())
    return replace(warm, seed=(sampler.seed + stride * (number - 1) - 1) % _MAX_SEED + 1)


def choose_image(image: PageImage, redraw: Redraw | None, ask: int) -> PageImage:
    """The image for the *ask*-th ask: rendered in another size where the ladder says so and the page is one image."""
    scale = rescale(ask)
    if scale == 1.0 and ask > 1 and image.reduction < 1.0:
        scale = 1.0 / image.reduction
    return image if scale == 1.0 else _redraw(image, redraw, scale)


def shrink(image: PageImage, redraw: Redraw | None, scale: float) -> PageImage | None:
    """The image rendered smaller, for a server that takes no larger one; ``None`` where no legible one can be had."""
    smaller = _redraw(image, redraw, scale)
    return smaller if LEAST_SIDE <= max(smaller.width, smaller.height) < max(image.width, image.height) else None


def _redraw(image: PageImage, redraw: Redraw | None, scale: float) -> PageImage:
    """The image at another *scale*; the same one where the page cannot be rendered as one image."""
    if redraw is None:
        return image
    try:
        images = redraw(image, scale)
    except DocumentError:
        return image
    return images[0] if len(images) == 1 else image

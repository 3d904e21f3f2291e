"""The re-ask ladder: how the request for a page changes after a bad answer.

The same request with the same settings brings the same bad answer again, so each step changes it:

1. the preset's own sampler, all pages of a batch together
2. the page alone; another seed and a little temperature, which breaks most loops; after a loop also a light
   repetition penalty
3. the same with more temperature, and a smaller image: too many image tokens make models loop and skip
4. and on: more temperature each time, the image in turn a little and much smaller

A repetition penalty damages tables and ruled lines, so only a loop brings one. The image never gets larger: what was
sent first is the largest that model, server and context can use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from visionocr.types import Finding, FindingKind, Sampler

_STEP = 0.2
"""Temperature added by each step."""
_MAX_TEMPERATURE = 0.8
"""Where the temperature stops rising: beyond it, models invent text."""
_REPETITION_PENALTY = 1.08
_SEED_STRIDE = 1009
_MAX_SEED = 999_999
"""Servers take seeds modulo a million."""
_SCALES = (0.75, 0.87, 0.6)
"""Scales of the image from the third ask on, in turn."""


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

"""The re-ask ladder: how a question is put differently when its answer was bad.

A bad answer comes back word for word when it is asked for again with the same settings, so each step changes them:

1. the preset's own sampler
2. another seed and a little temperature, which breaks most loops; after a loop also a light repetition penalty
3. and on: more temperature each time

A repetition penalty damages tables and ruled lines, so only a loop brings one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from visionocr.types import Finding, FindingKind, Sampler

_STEP = 0.2
"""Temperature added by each step."""
_MOST = 0.8
"""Where the temperature stops rising: beyond it, text is invented."""
_PENALTY = 1.08
_SEED_STRIDE = 1009
_MOST_SEED = 999_999
"""Servers take seeds modulo a million."""


def resample(sampler: Sampler, ask: int, findings: Iterable[Finding]) -> Sampler:
    """The sampler of the *ask*-th ask (1-based), after the *findings* against the one before."""
    if ask <= 1:
        return sampler
    looped = any(finding.kind is FindingKind.REPETITION for finding in findings)
    return replace(
        sampler,
        seed=(sampler.seed + _SEED_STRIDE * (ask - 1) - 1) % _MOST_SEED + 1,
        temperature=max(sampler.temperature, min(_MOST, sampler.temperature + _STEP * (ask - 1))),
        top_p=min(sampler.top_p, 0.95),
        top_k=0 if sampler.top_k == 1 else sampler.top_k,  # 1 is greedy whatever the temperature
        rep_pen=max(sampler.rep_pen, _PENALTY) if looped else sampler.rep_pen,
    )

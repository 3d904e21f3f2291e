"""The limits that hold for several servers together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from visionocr.types import Server


def merge_limits(servers: Sequence[Server]) -> Server:
    """One description of several servers: the strictest of their limits, the sum of what they work on.

    It has no address. Model and dialect are the first one's.
    """
    sights = {one.vision for one in servers}
    return replace(
        servers[0],
        url="",
        vision=False if False in sights else sights.pop() if len(sights) == 1 else None,
        context_length=_least(one.context_length for one in servers),
        max_images=min(one.max_images for one in servers),
        max_side=_least(one.max_side for one in servers),
        assumed_side=_least(one.assumed_side for one in servers),
        max_body=_least(one.max_body for one in servers),
        counts_tokens=all(one.counts_tokens for one in servers),
        slots=sum(one.slots for one in servers),
        ahead=sum(one.ahead for one in servers),
        warnings=tuple(dict.fromkeys(warning for one in servers for warning in one.warnings)),
    )


def missing_capability(pool: Server, new: Server, *, strict: bool) -> str:
    """What *new* lacks to do what was planned for *pool*; empty when it can do it."""
    if new.vision is False:
        return "no projector is loaded, so it cannot see pictures"
    if strict and new.model != pool.model:
        return f"it runs the model {new.model!r}, not {pool.model!r}"
    for name, words in _LIMITS.items():
        planned, there = getattr(pool, name), getattr(new, name)
        if there is not None and (planned is None or there < planned):
            return f"{words} is {there}, but the run was planned for {'more' if planned is None else planned}"
    if pool.counts_tokens and not new.counts_tokens:
        return "its answers do not show whether they used the picture"
    return ""


_LIMITS = {
    "context_length": "its context",
    "max_images": "the number of images in a request",
    "max_side": "the longest side of an image",
    "max_body": "the largest request",
}


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)

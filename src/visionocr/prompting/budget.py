"""What fits into a request: the raster a model can use, the tokens it costs, the answer that is left room for.

Servers fit what is too large silently, by dropping images or the front of the prompt; so nothing may be too large.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from visionocr.errors import ContextTooSmall
from visionocr.types import ImageFacts, Preset, RasterSpec, Server, Task

KOBOLDCPP_DEFAULT_SIDE = 1024
"""Pixels: KoboldCpp shrinks pictures to this long side unless it is told otherwise: the default of its
``--visionmaxres``, since 1.83."""
KOBOLDCPP_MAX_SIDE = 2048
"""Pixels: the most that ``--visionmaxres`` takes; up to 1.82 this side was fixed."""
RESERVE = 64
"""Tokens kept free for the text and separators that servers put around an image.
Source: KoboldCpp's own overhead measured live at 35 to 50 tokens for one image."""
OVERHEAD = 30
"""What such text and separators cost on average, where an estimate is better than an upper limit."""
LEAST_CONTEXT_TO_MEASURE = 3072
"""Tokens: in a smaller context a server would drop the picture that measures its clamp."""
_SIDE_STEP = 256
"""Pixels: clamps are round numbers, and token counts tell them no finer than this."""
RESERVE_PER_IMAGE = 24
"""The same for each further image (19 measured live)."""
ANSWER_SHARE = 0.8
"""KoboldCpp clamps an answer to the context less 20 %, silently."""
LEAST_ANSWER = 256
"""An answer shorter than this many tokens is not worth asking for."""
LEAST_SIDE = 640
"""A page is never shrunk below this long side in pixels to make room: print would be gone."""
UNKNOWN_PX_PER_TOKEN = 28
"""What a token covers when nothing is known of the encoder: the commonest value."""
A4_LENGTH = 11.69
"""Inches."""
LEAST_PAGE_SIDE = 700
"""Pixels: an encoder that sees less of a page's long side (60 dpi) cannot read its print, and one that makes the same
few tokens of every picture cannot below ``LEAST_FIXED_SIDE`` (85 dpi)."""
LEAST_FIXED_SIDE = 1000
MAX_SIDE_ANY = 2048
"""The long side when a preset names none larger: more is wasted on today's encoders."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every request of a run looks like."""

    spec: RasterSpec
    max_length: int
    """Most tokens of an answer."""
    batch: int
    """Pages per request."""
    notes: tuple[str, ...] = ()
    """What had to be made smaller than asked for, one sentence each."""


def plan(
    preset: Preset,
    server: Server,
    task: Task,
    *,
    text_tokens: int = 0,
    max_length: int | None = None,
    batch: int = 1,
    dpi: float | None = None,
    max_side: int | None = None,
    clamped_side: int | None = None,
) -> Plan:
    """The raster, the answer's limit and the batch that fit the model, the server and its context.

    ``text_tokens`` is what the prompt's text costs. ``max_length``, ``dpi`` and ``max_side`` are the user's wishes.
    ``clamped_side`` is the long side in pixels to which a measurement showed the server to shrink larger pictures;
    without it the server's assumed clamp counts. What does not fit is made smaller in this order: the batch, the
    image, the answer; each time with a note.

    Raises ``ContextTooSmall`` when even one small image and a short answer do not fit the context.
    """
    spec = _spec(preset.image, server, task, dpi, max_side, clamped_side)
    notes = []
    if batch > server.max_images:
        notes.append(f"the server takes {server.max_images} images a request, so that many pages share one")
        batch = server.max_images
    wanted = max_length or default_max_length(task, preset, server)
    context = server.context_length
    if context is None:
        return Plan(spec, wanted, batch, tuple(notes))
    length = min(wanted, int(context * ANSWER_SHARE))
    room = context - text_tokens - RESERVE
    cost = _most_tokens(preset.image, server, spec)
    asked, cost_asked = batch, cost
    while batch > 1 and batch * (cost + RESERVE_PER_IMAGE) + length > room:
        batch -= 1
    if batch < asked:
        notes.append(f"the context of {context} tokens holds {batch} instead of {asked} pages a request")
    if cost + length > room and preset.image.px_per_token_side and preset.image.fixed_tokens is None:
        spec = _shrink(preset.image, server, spec, room - length)
        cost = _most_tokens(preset.image, server, spec)
        if cost < cost_asked:
            notes.append(
                f"the context of {context} tokens has room for {cost} image tokens, not {cost_asked}: "
                "pages are sent smaller; start the server with a larger context to read small print"
            )
    if cost + length > room:
        length = room - cost
    if length < min(LEAST_ANSWER, wanted):
        prompt = f"the prompt {text_tokens}, " if text_tokens else ""
        raise ContextTooSmall(
            f"the context of {context} tokens is too small: an image costs about {cost}, {prompt}"
            f"the shortest useful answer {min(LEAST_ANSWER, wanted)}",
            f"{server.context_remedy}, or give a smaller --max-side.",
        )
    if length < wanted:
        notes.append(f"the context of {context} tokens leaves room for answers of {length} tokens, not {wanted}")
    return Plan(spec, length, batch, tuple(notes))


def _spec(
    facts: ImageFacts, server: Server, task: Task, dpi: float | None, max_side: int | None, kept: int | None
) -> RasterSpec:
    side, tokens = _encoder_limits(facts, server)
    split = not task.caption
    if max_side is not None or dpi is not None:
        return RasterSpec(max_side=max_side or _unbounded_side(dpi), dpi=dpi, split=split)
    side = min(value for value in (side, server.max_side, kept or server.assumed_side) if value)
    pixels = tokens * facts.px_per_token_side**2 if tokens and facts.px_per_token_side else None
    return RasterSpec(max_side=side, max_pixels=pixels, split=split)


def _most_tokens(facts: ImageFacts, server: Server, spec: RasterSpec) -> int:
    """Tokens of the costliest picture that *spec* allows, whatever its shape."""
    most = spec.max_side
    if spec.max_pixels is None or spec.max_pixels >= most * most:
        return image_tokens(facts, server, most, most)
    # Of two pictures with as many pixels the taller has more rows, and what is begun of a row costs a whole one.
    side = facts.px_per_token_side or UNKNOWN_PX_PER_TOKEN
    costs = []
    for rows in range(1, math.ceil(min(most, math.sqrt(spec.max_pixels * spec.max_aspect)) / side) + 1):
        height = (rows - 1) * side + 1
        width = min(most, spec.max_pixels // height, int(rows * side * spec.max_aspect))
        costs.append(image_tokens(facts, server, max(width, 1), height))
    return max(costs)


def _shrink(facts: ImageFacts, server: Server, spec: RasterSpec, tokens: int) -> RasterSpec:
    """*spec* with the most ``max_pixels`` that cost no more than *tokens*, but no page under ``LEAST_SIDE``."""
    least = int(LEAST_SIDE * LEAST_SIDE * 0.7)  # an A4 page of that height
    pixels = range(least, (spec.max_pixels or spec.max_side**2) + 1)
    fitting = bisect_right(
        pixels, tokens, key=lambda count: _most_tokens(facts, server, replace(spec, max_pixels=count))
    )
    return replace(spec, max_pixels=pixels[max(fitting - 1, 0)]) if pixels else spec


def too_coarse(preset: Preset, server: Server) -> tuple[str, str] | None:
    """What is to be said where a model's encoder is too small for a whole page, and what to do; else ``None``."""
    side, _ = _encoder_limits(preset.image, server)
    fixed = preset.image.fixed_tokens is not None
    if server.reads_only or side >= (LEAST_FIXED_SIDE if fixed else LEAST_PAGE_SIDE):
        return None
    how = "every picture" if fixed else "a page"
    message = (
        f"a whole page cannot be read with this model: preset {preset.name} sees {how} at {side} px, "
        f"which is {side / A4_LENGTH:.0f} dpi for A4"
    )
    remedy = (
        "It can read large print, crops of a page and photos of signs, and describe pictures. For pages use a model "
        "with a finer encoder (visionocr presets), or the embedded engine: --api-url local:"
    )
    return message, remedy


def lost_side(preset: Preset, kept: int | None) -> int | None:
    """The long side in pixels that a model can use of a page, where a server was seen to keep clearly less."""
    useful = preset.image.koboldcpp_longest_side or preset.image.longest_side
    return useful if kept is not None and kept < useful * 0.9 else None


def worth_measuring(preset: Preset, server: Server) -> bool:
    """Whether it pays to find out how far the server shrinks pictures: the model could use clearly more."""
    side, _ = _encoder_limits(preset.image, server)
    dynamic = preset.image.px_per_token_side is not None and preset.image.fixed_tokens is None
    if server.context_length is not None and server.context_length < LEAST_CONTEXT_TO_MEASURE:
        return False
    return dynamic and server.assumed_side is not None and side > server.assumed_side * 1.1


def clamped_side(facts: ImageFacts, width: int, height: int, tokens: int) -> int:
    """The long side in pixels that a server must have shrunk a picture to, given the *tokens* it cost.

    Only for dynamic encoders, and for a picture within the encoder's own token limit.
    """
    assert facts.px_per_token_side is not None
    full = width * height / facts.px_per_token_side**2
    side = max(width, height) * min(1.0, math.sqrt(max(tokens, 1) / full))
    return max(_SIDE_STEP, round(side / _SIDE_STEP) * _SIDE_STEP)


def image_tokens(facts: ImageFacts, server: Server, width: int, height: int) -> int:
    """Tokens that a picture will cost, rounded up where in doubt."""
    if facts.fixed_tokens is not None:
        return facts.fixed_tokens
    _, limit = _encoder_limits(facts, server)
    side = facts.px_per_token_side
    if side is None and limit is not None:
        return limit
    side = side or UNKNOWN_PX_PER_TOKEN
    rows = math.ceil(height / side)
    tokens = math.ceil(width / side) * rows
    tokens = max(tokens, facts.min_tokens or 0)
    if limit is not None:
        tokens = min(tokens, limit)
    return tokens + rows  # some encoders add a break after each row


def default_max_length(task: Task, preset: Preset, server: Server) -> int:
    """Most tokens of an answer when the user names no number: what the task needs, within 40 % of the context."""
    wanted = task.max_length
    if preset.max_length and not task.caption:
        wanted = max(wanted, preset.max_length)
    if server.context_length:
        wanted = min(wanted, max(LEAST_ANSWER, server.context_length * 2 // 5))
    return wanted


def _encoder_limits(facts: ImageFacts, server: Server) -> tuple[int, int | None]:
    """Longest useful side in pixels and most tokens, as the engine behind *server* has them."""
    if "koboldcpp" in {server.dialect, server.kind.casefold()}:  # whichever language it is spoken to in
        return facts.koboldcpp_longest_side or facts.longest_side, facts.koboldcpp_max_tokens or facts.max_tokens
    return facts.longest_side, facts.max_tokens


def _unbounded_side(dpi: float | None) -> int:
    """A side that no sensible page exceeds at *dpi*: 20 inches."""
    return max(MAX_SIDE_ANY, int(20 * (dpi or 0)))

"""What fits into a request: the raster that a model can use, the tokens it costs, and the room left for the answer.

Servers silently drop images or the beginning of the prompt where a request is too large, so none may be.
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
RESERVE_PER_IMAGE = 24
"""The same for each further image (19 measured live)."""
OVERHEAD = 30
"""Tokens that such text and separators cost on average, for estimates rather than upper limits."""
ANSWER_SHARE = 0.8
"""KoboldCpp cuts the limit of an answer to this share of the context, silently."""
LEAST_ANSWER = 256
"""Tokens of the shortest answer worth asking for."""
LEAST_SIDE = 640
"""Pixels: a page is never shrunk below this long side to make room, because its print would become illegible."""
LEAST_CONTEXT_TO_MEASURE = 3072
"""Tokens: in a smaller context a server would drop the image that is sent to measure its clamp."""
UNKNOWN_PX_PER_TOKEN = 28
"""Pixels a side that one token covers when nothing is known of the encoder: the commonest value."""
A4_WIDTH, A4_LENGTH = 8.27, 11.69
"""Inches."""
LEAST_PAGE_SIDE = 700
"""Pixels: an encoder that sees less of a page's long side (60 dpi for A4) cannot read its print."""
LEAST_FIXED_SIDE = 1000
"""The same for encoders that turn every picture into the same few tokens (85 dpi)."""
DEFAULT_MAX_SIDE = 2048
"""Pixels: limit of the long side where the user gives a resolution only; today's encoders cannot use more."""
_SIDE_STEP = 256
"""Pixels: servers shrink pictures to round numbers, and token counts cannot tell them apart any finer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What every request of a run looks like."""

    spec: RasterSpec
    max_length: int
    """Maximum tokens per answer."""
    batch: int
    """Pages per request."""
    notes: tuple[str, ...] = ()
    """What had to be made smaller than requested, one sentence each."""


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
    """Fit the raster, the limit of the answer and the batch to the model, the server and its context.

    ``text_tokens`` is what the prompt's text costs. ``max_length``, ``dpi`` and ``max_side`` are what the user asked
    for. ``clamped_side`` is the long side in pixels to which the server was measured to shrink larger pictures;
    without it, ``server.assumed_side`` counts. What does not fit is made smaller in this order: the batch, the image,
    the answer; each time with a note.

    Raises ``ContextTooSmall`` when even one small image and a short answer do not fit the context.
    """
    spec = _choose_spec(preset.image, server, task, dpi, max_side, clamped_side)
    notes = []
    if batch > server.max_images:
        notes.append(f"the server accepts {server.max_images} images per request, so --batch is reduced to that")
        batch = server.max_images
    wanted = max_length or default_max_length(task, preset, server)
    context = server.context_length
    if context is None:
        return Plan(spec, wanted, batch, tuple(notes))
    length = min(wanted, int(context * ANSWER_SHARE))
    room = context - text_tokens - RESERVE
    cost = largest_cost = _count_most_tokens(preset.image, server, spec)
    wanted_batch = batch
    while batch > 1 and batch * (cost + RESERVE_PER_IMAGE) + length > room:
        batch -= 1
    if batch < wanted_batch:
        notes.append(f"the context of {context} tokens holds {batch} instead of {wanted_batch} pages per request")
    if cost + length > room and preset.image.px_per_token_side and preset.image.fixed_tokens is None:
        spec = _shrink(preset.image, server, spec, room - length)
        cost = _count_most_tokens(preset.image, server, spec)
        if cost < largest_cost:
            notes.append(
                f"the context of {context} tokens has room for {cost} image tokens, not {largest_cost}: "
                "pages are sent smaller; start the server with a larger context to read small print"
            )
    if cost + length > room:
        length = room - cost
    if length < min(LEAST_ANSWER, wanted):
        prompt = f"the prompt {text_tokens}, " if text_tokens else ""
        shrinks = count_image_tokens(preset.image, server, 1, 1) < cost
        raise ContextTooSmall(
            f"the context of {context} tokens is too small: an image costs about {cost}, {prompt}"
            f"the shortest useful answer {min(LEAST_ANSWER, wanted)}",
            f"{server.context_remedy}{', or give a smaller --max-side' if shrinks else ''}.",
        )
    if length < wanted:
        notes.append(f"the context of {context} tokens leaves room for answers of {length} tokens, not {wanted}")
    return Plan(spec, length, batch, tuple(notes))


def _choose_spec(
    facts: ImageFacts, server: Server, task: Task, dpi: float | None, max_side: int | None, clamped_side: int | None
) -> RasterSpec:
    split = not task.caption
    if max_side is not None or dpi is not None:
        longest_page = 20 * (dpi or 0)  # a page of 20 inches: hardly any is longer
        return RasterSpec(max_side=max_side or max(DEFAULT_MAX_SIDE, int(longest_page)), dpi=dpi, split=split)
    side, tokens = _encoder_limits(facts, server)
    side = min(value for value in (side, server.max_side, clamped_side or server.assumed_side) if value)
    pixels = tokens * facts.px_per_token_side**2 if tokens and facts.px_per_token_side else None
    return RasterSpec(max_side=side, max_pixels=pixels, split=split)


def _count_most_tokens(facts: ImageFacts, server: Server, spec: RasterSpec) -> int:
    """Tokens of the costliest picture that *spec* allows, whatever its shape."""
    most = spec.max_side
    if spec.max_pixels is None or spec.max_pixels >= most * most:
        return count_image_tokens(facts, server, most, most)
    # Of two pictures with as many pixels the taller has more rows, and a row that is only begun costs a whole one.
    side = facts.px_per_token_side or UNKNOWN_PX_PER_TOKEN
    costs = []
    for rows in range(1, math.ceil(min(most, math.sqrt(spec.max_pixels * spec.max_aspect)) / side) + 1):
        height = (rows - 1) * side + 1
        width = min(most, spec.max_pixels // height, int(rows * side * spec.max_aspect))
        costs.append(count_image_tokens(facts, server, max(width, 1), height))
    return max(costs)


def _shrink(facts: ImageFacts, server: Server, spec: RasterSpec, tokens: int) -> RasterSpec:
    """*spec* with the most ``max_pixels`` that cost no more than *tokens*, but no page under ``LEAST_SIDE``."""
    least = int(LEAST_SIDE * LEAST_SIDE * 0.7)  # an A4 page of that height
    pixels = range(least, (spec.max_pixels or spec.max_side**2) + 1)
    fitting = bisect_right(
        pixels, tokens, key=lambda count: _count_most_tokens(facts, server, replace(spec, max_pixels=count))
    )
    return replace(spec, max_pixels=pixels[max(fitting - 1, 0)]) if pixels else spec


def explain_coarse_encoder(preset: Preset, server: Server) -> tuple[str, str] | None:
    """Message and remedy where a model's encoder is too coarse to read a whole page; else ``None``."""
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


def find_better_side(preset: Preset, clamped_side: int | None) -> int | None:
    """The long side in pixels that the model can use, where the server shrinks pictures to clearly less."""
    useful = preset.image.koboldcpp_longest_side or preset.image.longest_side
    return useful if clamped_side is not None and clamped_side < useful * 0.9 else None


def grows_with_picture(facts: ImageFacts) -> bool:
    """Whether a larger picture is known to cost more tokens."""
    return facts.px_per_token_side is not None and facts.fixed_tokens is None


def is_clamp_worth_measuring(preset: Preset, server: Server) -> bool:
    """Whether the model could use clearly larger pictures than the server is assumed to pass on to it."""
    side, _ = _encoder_limits(preset.image, server)
    if server.context_length is not None and server.context_length < LEAST_CONTEXT_TO_MEASURE:
        return False
    return grows_with_picture(preset.image) and server.assumed_side is not None and side > server.assumed_side * 1.1


def estimate_clamped_side(facts: ImageFacts, width: int, height: int, tokens: int) -> int:
    """The long side in pixels to which a server shrank a picture of *width* x *height*, given the *tokens* it cost.

    Only for dynamic encoders, and for a picture within the encoder's own token limit.
    """
    assert facts.px_per_token_side is not None
    full = width * height / facts.px_per_token_side**2
    side = max(width, height) * min(1.0, math.sqrt(max(tokens, 1) / full))
    return max(_SIDE_STEP, round(side / _SIDE_STEP) * _SIDE_STEP)


def count_image_tokens(facts: ImageFacts, server: Server, width: int, height: int) -> int:
    """Tokens that a picture of *width* x *height* pixels costs at the most."""
    if facts.fixed_tokens is not None:
        return facts.fixed_tokens
    _, limit = _encoder_limits(facts, server)
    if facts.px_per_token_side is None and limit is not None:
        return limit
    side = facts.px_per_token_side or UNKNOWN_PX_PER_TOKEN
    rows = math.ceil(height / side)
    tokens = max(math.ceil(width / side) * rows, facts.min_tokens or 0)
    if limit is not None:
        tokens = min(tokens, limit)
    return tokens + rows  # some encoders add a break after each row


def default_max_length(task: Task, preset: Preset, server: Server) -> int:
    """Maximum tokens per answer where the user gives no number: what the task needs, within 40 % of the context."""
    wanted = task.max_length
    if preset.max_length and not task.caption:
        wanted = max(wanted, preset.max_length)
    if server.context_length:
        wanted = min(wanted, max(LEAST_ANSWER, server.context_length * 2 // 5))
    return wanted


def _encoder_limits(facts: ImageFacts, server: Server) -> tuple[int, int | None]:
    """The encoder's longest useful side in pixels and its maximum tokens, in the engine behind *server*."""
    if "koboldcpp" in {server.dialect, server.kind.casefold()}:  # through whichever API it is used
        return facts.koboldcpp_longest_side or facts.longest_side, facts.koboldcpp_max_tokens or facts.max_tokens
    return facts.longest_side, facts.max_tokens

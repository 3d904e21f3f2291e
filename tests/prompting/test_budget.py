"""What fits into a request: tokens of a picture, and the plan of raster, answer and batch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionocr.errors import ServerError
from visionocr.prompting import budget
from visionocr.prompting.budget import (
    LEAST_ANSWER,
    LEAST_SIDE,
    RESERVE,
    RESERVE_PER_IMAGE,
    Plan,
    count_image_tokens,
    plan,
)
from visionocr.prompting.library import Library
from visionocr.types import ChatMarkers, ImageFacts, Preset, Server, Task

LIBRARY = Library()
PRESETS = {preset.name: preset for preset in LIBRARY.presets()}
TASKS = LIBRARY.tasks()
TRANSCRIBE = LIBRARY.task("transcribe")
KOBOLD = Server("http://ocr", "koboldcpp", max_images=16, max_side=2048, assumed_side=1024)
OTHER = Server("http://ocr", "other")
DYNAMIC = ImageFacts(longest_side=2048, px_per_token_side=28, max_tokens=4096)
FIXED = ImageFacts(longest_side=896, fixed_tokens=256, px_per_token_side=56)
A4 = math.sqrt(2)


def preset(image: ImageFacts, **changes: Any) -> Preset:
    """A preset with an encoder."""
    return Preset("p", "P", ChatMarkers(), image, **changes)


def task(max_length: int = 4096, **changes: Any) -> Task:
    """A task with a limit."""
    return Task("t", "T", "Read.", max_length=max_length, **changes)


# --- tokens of a picture -------------------------------------------------------------------------------

# Preset, pixels after resizing, tokens by the family's formula.
FORMULAS = [
    ("gemma-3", 896, 896, 256),
    ("gemma-3", 400, 2000, 256),
    ("llava-1.5-vicuna", 336, 336, 576),
    ("mobilevlm-v2", 336, 336, 144),
    ("qwen2.5-vl", 1484, 2128, 1484 // 28 * 2128 // 28),
    ("qwen2.5-vl", 1064, 1484, 38 * 53),
    ("qwen2.5-vl", 728, 1064, 26 * 38),
    ("olmocr", 1064, 1484, 38 * 53),
    ("qwen3-vl", 1216, 1696, 38 * 53),
    ("qwen3-vl", 1696, 2432, 53 * 76),
    ("hunyuanocr", 1216, 1696, 38 * 53),
    ("gemma-4", 1344, 1872, 28 * 39),
    ("gemma-4", 672, 912, 14 * 19),
    ("pixtral-12b", 416, 608, 26 * 38),
    ("glm-ocr", 1064, 1484, 38 * 53),
]


@pytest.mark.parametrize(("name", "width", "height", "tokens"), FORMULAS)
def test_formulas(name: str, width: int, height: int, tokens: int) -> None:
    """The estimate is the formula's number, plus at most one token a row for encoders that break rows."""
    facts = PRESETS[name].image
    estimate = count_image_tokens(facts, OTHER, width, height)
    if facts.fixed_tokens is not None:
        assert estimate == tokens
    else:
        assert facts.px_per_token_side is not None
        assert estimate == tokens + math.ceil(height / facts.px_per_token_side)


@pytest.mark.parametrize(
    ("name", "limit"), [("qwen2.5-vl", 4096), ("qwen2-vl", 4096), ("gemma-4", 1120), ("lightonocr", 3025)]
)
def test_limits(name: str, limit: int) -> None:
    """However large a picture, the encoder's limit holds."""
    facts = PRESETS[name].image
    rows = math.ceil(9000 / (facts.px_per_token_side or 1))
    assert count_image_tokens(facts, OTHER, 9000, 9000) == limit + rows


@pytest.mark.parametrize(("name", "limit"), [("qwen2.5-vl", 2048), ("qwen3-vl", 2048), ("gemma-4", 280)])
def test_koboldcpp_limits(name: str, limit: int) -> None:
    """KoboldCpp's own, lower limit counts where it is the server."""
    facts = PRESETS[name].image
    rows = math.ceil(2000 / (facts.px_per_token_side or 1))
    assert count_image_tokens(facts, KOBOLD, 2000, 2000) == limit + rows


def test_small_pictures() -> None:
    """A small picture costs at least the encoder's minimum."""
    facts = replace(DYNAMIC, min_tokens=64)
    assert count_image_tokens(facts, OTHER, 28, 28) == 64 + 1


def test_unknown_encoder() -> None:
    """An encoder without a formula costs its limit; without that, what the commonest one would take."""
    assert count_image_tokens(ImageFacts(1600, max_tokens=640), OTHER, 100, 100) == 640
    assert count_image_tokens(ImageFacts(1600), OTHER, 280, 560) == 10 * 20 + 20


@given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from(sorted(PRESETS)))
def test_never_less_than_the_formula(width: int, height: int, name: str) -> None:
    """The estimate is never below what the encoder's formula gives, and never zero."""
    facts = PRESETS[name].image
    tokens = count_image_tokens(facts, OTHER, width, height)
    assert tokens >= 1
    side = facts.px_per_token_side
    if facts.fixed_tokens is None and side is not None:
        exact = max(round(width / side), 1) * max(round(height / side), 1)
        assert tokens >= min(exact, facts.max_tokens or exact)


# --- the raster ----------------------------------------------------------------------------------------


def test_side_of_the_model() -> None:
    """A model that needs less than the server passes on gets its own size."""
    assert plan(preset(FIXED), KOBOLD, task()).spec.max_side == 896


def test_side_of_the_server() -> None:
    """A model that could use more gets what the server passes on: assumed, or measured."""
    assert plan(preset(DYNAMIC), KOBOLD, task()).spec.max_side == 1024
    assert plan(preset(DYNAMIC), KOBOLD, task(), clamped_side=1536).spec.max_side == 1536
    assert plan(preset(DYNAMIC), KOBOLD, task(), clamped_side=4096).spec.max_side == 2048
    assert plan(preset(DYNAMIC), OTHER, task()).spec.max_side == 2048


def test_pixels_of_the_encoder() -> None:
    """The encoder's token limit becomes a limit on pixels, KoboldCpp's own where it is the server."""
    facts = replace(DYNAMIC, koboldcpp_max_tokens=2048, koboldcpp_longest_side=1484)
    assert plan(preset(facts), OTHER, task()).spec.max_pixels == 4096 * 28 * 28
    with_more = replace(KOBOLD, assumed_side=2048)
    assert plan(preset(facts), with_more, task()).spec.max_pixels == 2048 * 28 * 28
    assert plan(preset(facts), with_more, task()).spec.max_side == 1484
    assert plan(preset(FIXED), KOBOLD, task()).spec.max_pixels is None


def test_the_users_wishes() -> None:
    """A side or a resolution that the user names is taken as it is, whatever the server is assumed to pass on."""
    spec = plan(preset(DYNAMIC), KOBOLD, task(), max_side=3000).spec
    assert (spec.max_side, spec.dpi) == (3000, None)
    spec = plan(preset(DYNAMIC), KOBOLD, task(), dpi=300).spec
    assert (spec.max_side, spec.dpi) == (6000, 300)
    spec = plan(preset(DYNAMIC), KOBOLD, task(), dpi=72).spec
    assert (spec.max_side, spec.dpi) == (2048, 72)
    assert plan(preset(DYNAMIC), KOBOLD, task(), dpi=300, max_side=1000).spec.max_side == 1000


def test_captions_are_not_split() -> None:
    """A page to read may be split, a picture to describe not."""
    assert plan(preset(FIXED), KOBOLD, task()).spec.split is True
    assert plan(preset(FIXED), KOBOLD, task(caption=True)).spec.split is False


# --- the answer ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "model", "caption", "context", "expected"),
    [
        (4096, None, False, None, 4096),
        (4096, 8192, False, None, 8192),
        (4096, 2048, False, None, 4096),
        (512, 8192, True, None, 512),
        (4096, None, False, 8192, 3276),
        (4096, None, False, 16384, 4096),
        (4096, None, False, 400, LEAST_ANSWER),
    ],
)
def test_default_length(asked: int, model: int | None, caption: bool, context: int | None, expected: int) -> None:
    """An answer's default limit: the task's or the model's, within 40 % of the context."""
    server = replace(KOBOLD, context_length=context)
    length = budget.default_max_length(task(asked, caption=caption), preset(FIXED, max_length=model), server)
    assert length == expected


def test_length_within_the_clamp() -> None:
    """An answer is never longer than what the server would clamp it to in silence: four fifths of the context."""
    made = plan(
        preset(ImageFacts(336, fixed_tokens=144)), replace(KOBOLD, context_length=2048), task(), max_length=4096
    )
    assert made.max_length == int(2048 * 0.8)
    assert "1638 tokens, not 4096" in made.notes[0]


def test_no_context() -> None:
    """A server that does not tell its context gets what was asked for."""
    made = plan(preset(FIXED), KOBOLD, task(), max_length=100_000, batch=4)
    assert (made.max_length, made.batch, made.notes) == (100_000, 4, ())


# --- what gives way, in order --------------------------------------------------------------------------


def planned(context: int, **wishes: Any) -> Plan:
    """A plan for an encoder that costs 1,406 tokens at most with 1024 px a side."""
    server = replace(KOBOLD, context_length=context)
    return plan(preset(DYNAMIC), server, task(), **{"text_tokens": 100, "max_length": 1000, **wishes})


SQUARE = 37 * 37 + 37
"""Tokens of the costliest picture of 1024 px a side: 37 rows of 37 and their breaks."""


def test_everything_fits() -> None:
    """Where everything fits, nothing is changed and nothing is said."""
    made = planned(16_384, batch=4)
    assert (made.batch, made.max_length, made.spec.max_side) == (4, 1000, 1024)
    assert not made.notes


def test_servers_image_limit() -> None:
    """More pages than the server takes images are never put into a request, and that is said."""
    server = replace(KOBOLD, max_images=2, context_length=None)
    made = plan(preset(DYNAMIC), server, task(), batch=4)
    assert made.batch == 2
    assert "accepts 2 images per request" in made.notes[0]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_batch_gives_way_first(batch: int) -> None:
    """The batch shrinks to the very last page that fits, before picture and answer suffer."""
    context = batch * (SQUARE + RESERVE_PER_IMAGE) + 1000 + 100 + RESERVE
    made = planned(context, batch=4)
    assert (made.batch, made.max_length) == (batch, 1000)
    assert made.spec == planned(16_384).spec
    assert [note for note in made.notes if f"holds {batch} instead of 4" in note]
    assert len(made.notes) == 1
    if batch > 1:
        assert planned(context - 1, batch=4).batch == batch - 1


def test_picture_gives_way_second() -> None:
    """With one page left, the picture is made smaller, and the answer stays as it was."""
    made = planned(SQUARE + 1000 + 100 + RESERVE - 1, batch=2)
    assert made.batch == 1
    assert made.max_length == 1000
    assert made.spec.max_pixels is not None
    assert made.spec.max_pixels < 1024 * 1024
    assert len(made.notes) == 2
    assert "pages are sent smaller" in made.notes[1]


def test_answer_gives_way_third() -> None:
    """A picture that must not become smaller takes its room from the answer."""
    made = planned(1800, max_length=1200)
    assert made.spec.max_pixels == int(LEAST_SIDE**2 * 0.7)
    assert LEAST_ANSWER <= made.max_length < 1200
    assert "pages are sent smaller" in made.notes[0]
    assert f"answers of {made.max_length} tokens, not 1200" in made.notes[1]


def test_fixed_encoders_cannot_shrink() -> None:
    """An encoder that always costs the same is not sent smaller pictures: the answer gives way at once."""
    server = replace(KOBOLD, context_length=1000)
    made = plan(preset(FIXED), server, task(), max_length=900, text_tokens=100)
    assert made.spec == plan(preset(FIXED), replace(server, context_length=None), task()).spec
    assert made.max_length == 1000 - 100 - RESERVE - 256
    assert len(made.notes) == 1


def test_nothing_fits() -> None:
    """When even a short answer has no room, that is an error with numbers and a remedy."""
    with pytest.raises(ServerError, match="context of 600 tokens is too small") as caught:
        planned(600)
    assert caught.value.hint == "Start the server with a larger context, or give a smaller --max-side."


def test_short_answers_may_be_short() -> None:
    """An answer that was to be short anyway needs no more room than that."""
    server = replace(KOBOLD, context_length=256 + 100 + RESERVE + 20)
    assert plan(preset(FIXED), server, task(), max_length=20, text_tokens=100).max_length == 20
    with pytest.raises(ServerError, match="answer 20"):
        plan(preset(FIXED), server, task(), max_length=20, text_tokens=101)


def shapes(made: Plan) -> list[tuple[int, int]]:
    """Pictures of every shape, as large as the plan's raster allows."""
    result = []
    for aspect in (0.25, 0.3, 0.5, 1 / A4, 0.9, 1.0, 1.1, A4, 2.0, 3.3, 4.0):
        width = height = float(made.spec.max_side)
        width, height = (width, width / aspect) if aspect > 1 else (height * aspect, height)
        if made.spec.max_pixels is not None and width * height > made.spec.max_pixels:
            scale = math.sqrt(made.spec.max_pixels / (width * height))
            width, height = width * scale, height * scale
        result.append((max(1, int(width)), max(1, int(height))))
    return result


ENCODERS = st.builds(
    ImageFacts,
    longest_side=st.integers(224, 4096),
    fixed_tokens=st.none() | st.integers(1, 3000),
    min_tokens=st.none() | st.integers(1, 64),
    max_tokens=st.none() | st.integers(64, 16_384),
    px_per_token_side=st.none() | st.integers(8, 64),
    koboldcpp_max_tokens=st.none() | st.integers(64, 4096),
)


@pytest.mark.slow
@given(
    image=ENCODERS | st.sampled_from([preset.image for preset in PRESETS.values()]),
    context=st.integers(1, 40_000),
    text_tokens=st.integers(0, 3000),
    max_length=st.none() | st.integers(1, 20_000),
    batch=st.integers(1, 4),
    dpi=st.none() | st.integers(10, 1200),
    max_side=st.none() | st.integers(28, 16_384),
    clamped_side=st.none() | st.sampled_from([512, 1024, 1536, 2048]),
    chosen=st.sampled_from(TASKS),
    max_images=st.integers(1, 16),
    dialect=st.sampled_from(["koboldcpp", "other"]),
)
@settings(deadline=None, max_examples=300)
def test_the_worst_case_fits(
    image: ImageFacts, context: int, text_tokens: int, chosen: Task, max_images: int, dialect: str, **wishes: Any
) -> None:
    """Whatever is planned, the costliest pictures, the text, the answer and the reserve fit; or it is an error."""
    server = replace(KOBOLD, context_length=context, max_images=max_images, dialect=dialect)
    try:
        made = plan(preset(image), server, chosen, text_tokens=text_tokens, **wishes)
    except ServerError:
        return
    assert 1 <= made.batch <= min(wishes["batch"], max_images)
    for width, height in shapes(made):
        cost = count_image_tokens(image, server, width, height)
        between = RESERVE_PER_IMAGE * (made.batch - 1)
        assert made.batch * cost + between + text_tokens + made.max_length + RESERVE <= context, (width, height)
    wanted = wishes["max_length"] or budget.default_max_length(chosen, preset(image), server)
    assert min(LEAST_ANSWER, wanted) <= made.max_length <= wanted
    assert made.max_length <= context * 0.8


@given(
    image=st.sampled_from([preset.image for preset in PRESETS.values()]),
    context=st.integers(600, 20_000),
    max_length=st.integers(1, 9000),
    batch=st.integers(1, 4),
)
@settings(deadline=None, max_examples=200)
def test_never_in_silence(image: ImageFacts, context: int, max_length: int, batch: int) -> None:
    """Whatever is made smaller than it would be with endless context, a note says so; and only then."""
    free = plan(preset(image), KOBOLD, TRANSCRIBE, max_length=max_length, batch=batch)
    try:
        made = plan(
            preset(image), replace(KOBOLD, context_length=context), TRANSCRIBE, max_length=max_length, batch=batch
        )
    except ServerError:
        return
    changes = {
        "pages per request": made.batch < free.batch,
        "pages are sent smaller": made.spec != free.spec,
        "room for answers": made.max_length < free.max_length,
    }
    for words, changed in changes.items():
        assert any(words in note for note in made.notes) == changed, (words, made)


@given(
    context=st.integers(1200, 6000),
    less=st.integers(1, 500),
    image=st.sampled_from([p.image for p in PRESETS.values()]),
)
@settings(deadline=None, max_examples=100)
def test_more_context_is_never_worse(context: int, less: int, image: ImageFacts) -> None:
    """A larger context never gives a smaller picture."""
    try:
        small = plan(preset(image), replace(KOBOLD, context_length=context - less), task(), max_length=500)
    except ServerError:
        return
    large = plan(preset(image), replace(KOBOLD, context_length=context), task(), max_length=500)
    assert (large.spec.max_pixels or 10**9) >= (small.spec.max_pixels or 10**9)


# --- measuring -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [512, 768, 1024, 1280, 1536, 1792, 2048])
@pytest.mark.parametrize("px", [28, 32])
def test_clamped_side(side: int, px: int) -> None:
    """The tokens of a 4:1 picture tell to which side a server shrinks pictures, within a noise of a few tokens."""
    facts = replace(DYNAMIC, px_per_token_side=px)
    exact = math.ceil(side / px) * math.ceil(side / 4 / px)
    for noise in (-12, 0, 12):
        assert budget.estimate_clamped_side(facts, 2048, 512, exact + noise) == side


def test_worth_measuring() -> None:
    """A measurement is made where the model could use clearly more than the server is assumed to pass on."""
    assert budget.is_clamp_worth_measuring(preset(DYNAMIC), KOBOLD)
    assert not budget.is_clamp_worth_measuring(preset(FIXED), KOBOLD)
    assert not budget.is_clamp_worth_measuring(preset(replace(FIXED, longest_side=2048)), KOBOLD)
    assert not budget.is_clamp_worth_measuring(preset(replace(DYNAMIC, longest_side=1100)), KOBOLD)
    assert not budget.is_clamp_worth_measuring(preset(DYNAMIC), replace(KOBOLD, assumed_side=2048))
    assert not budget.is_clamp_worth_measuring(preset(DYNAMIC), replace(KOBOLD, assumed_side=None))
    assert not budget.is_clamp_worth_measuring(preset(DYNAMIC), replace(KOBOLD, context_length=2048))


@pytest.mark.parametrize("name", [name for name in PRESETS if budget.is_clamp_worth_measuring(PRESETS[name], KOBOLD)])
def test_the_measurement_fits(name: str) -> None:
    """Wherever a measurement is made, its picture fits the smallest context and the encoder's own limit."""
    facts = PRESETS[name].image
    side = facts.px_per_token_side
    assert side is not None
    assert count_image_tokens(facts, KOBOLD, 2048, 512) + 500 + RESERVE < budget.LEAST_CONTEXT_TO_MEASURE
    cut = min(2048 * 512 // side**2, facts.koboldcpp_max_tokens or facts.max_tokens or 10**6)
    assert budget.estimate_clamped_side(facts, 2048, 512, cut) == 2048

"""How the request for a page changes after a bad answer."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionocr.prompting.library import Library
from visionocr.prompting.reask import choose_image, resample, rescale, respecify
from visionocr.types import Finding, FindingKind, PageImage, PageRef, Preset, RasterSpec, Sampler

GREEDY = Sampler(temperature=0.0, top_k=1)
LOOP = Finding(FindingKind.REPETITION, "it repeats itself")
REFUSED = Finding(FindingKind.REFUSAL, "it will not")


@pytest.mark.parametrize("findings", [[], [LOOP], [REFUSED]])
def test_first_ask(findings: list[Finding]) -> None:
    """The first ask uses the preset's own sampler, untouched."""
    assert resample(GREEDY, 1, findings) is GREEDY


def test_steps() -> None:
    """The steps as they are written down: more temperature each time, another seed, and no more than the limit."""
    steps = [resample(GREEDY, ask, [REFUSED]) for ask in range(1, 8)]
    assert [round(step.temperature, 6) for step in steps] == [0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8]
    assert len({step.seed for step in steps}) == 7
    assert {step.top_p for step in steps[1:]} == {0.95}
    assert {step.rep_pen for step in steps} == {1.0}


def test_greedy_is_lifted() -> None:
    """A ``top_k`` of 1 would make the temperature void; any other is kept."""
    assert resample(GREEDY, 2, []).top_k == 0
    assert resample(Sampler(top_k=40), 2, []).top_k == 40
    assert resample(Sampler(top_k=0), 2, []).top_k == 0


def test_only_a_loop_brings_a_penalty() -> None:
    """A repetition penalty damages tables, so only an answer that loops brings one."""
    kinds = {kind for kind in FindingKind if resample(GREEDY, 2, [Finding(kind, "x")]).rep_pen > 1}
    assert kinds == {FindingKind.REPETITION}
    assert resample(GREEDY, 2, [REFUSED, LOOP]).rep_pen == 1.08
    assert resample(Sampler(rep_pen=1.1), 2, [LOOP]).rep_pen == 1.1


def test_scales() -> None:
    """The first two asks keep the image's size; later ones make it smaller, in turn, and never larger."""
    scales = [rescale(ask) for ask in range(1, 21)]
    assert scales[:2] == [1.0, 1.0]
    assert all(0.5 <= scale < 1 for scale in scales[2:])
    assert all(one != other for one, other in itertools.pairwise(scales[2:]))


IMAGE = PageImage(PageRef("a", 1), "image/png", b"", 700, 1000, reduction=0.5)
"""Of a page that the model could use twice as large."""


def test_a_page_that_was_sent_smaller_gets_its_full_size() -> None:
    """The second ask has the largest useful image where the first had a smaller one, and only there."""
    asked: list[float] = []

    def redraw(image: PageImage, scale: float) -> tuple[PageImage, ...]:
        asked.append(scale)
        return (replace(image, width=1400, height=2000, reduction=1.0),)

    assert choose_image(IMAGE, redraw, 1) is IMAGE
    full = choose_image(IMAGE, redraw, 2)
    assert (full.width, full.height, asked) == (1400, 2000, [2.0])
    assert choose_image(full, redraw, 2) is full
    assert choose_image(IMAGE, None, 2) is IMAGE


@pytest.mark.parametrize(("scale", "side"), [(2.0, 2000), (0.5, 500), (3.0, 2000)])
def test_another_size_is_one_picture(scale: float, side: int) -> None:
    """At another scale a page is one picture of that size, within the first limit; turned, it is made as before."""
    spec = RasterSpec(2000, fit_print=True, strips=None)
    assert respecify(spec, IMAGE, scale) == RasterSpec(side)
    assert respecify(spec, replace(IMAGE, turn=90), 1.0) == replace(spec, turn=90)


SAMPLERS = st.builds(
    Sampler,
    temperature=st.floats(0, 5),
    top_p=st.floats(0, 1),
    top_k=st.integers(0, 200),
    min_p=st.floats(0, 1),
    rep_pen=st.floats(0.5, 3),
    seed=st.integers(1, 999_999),
)


@given(SAMPLERS, st.booleans())
def test_every_ask_is_another(sampler: Sampler, looped: bool) -> None:
    """Over as many asks as there may be, no seed comes twice and all are ones that a server takes."""
    steps = [resample(sampler, ask, [LOOP] if looped else []) for ask in range(1, 21)]
    assert len({step.seed for step in steps}) == 20
    assert all(1 <= step.seed <= 999_999 for step in steps)


@given(SAMPLERS, st.integers(2, 20))
def test_bounds(sampler: Sampler, ask: int) -> None:
    """A step warms up and never cools down, does not go beyond its limit, and leaves the rest alone."""
    step = resample(sampler, ask, [LOOP])
    assert step.temperature >= sampler.temperature
    assert step.temperature <= max(sampler.temperature, 0.8)
    assert step.temperature > 0
    assert step.top_p == min(sampler.top_p, 0.95)
    assert step.rep_pen == max(sampler.rep_pen, 1.08)
    assert step.min_p == sampler.min_p


@pytest.mark.parametrize("preset", Library().presets(), ids=lambda preset: preset.name)
def test_presets(preset: Preset) -> None:
    """With every preset the second ask really samples: it is not greedy any more."""
    step = resample(preset.sampler, 2, [])
    assert step.temperature >= 0.2
    assert step.top_k != 1
    assert step.seed != preset.sampler.seed

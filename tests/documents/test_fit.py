"""Pictures are made to fit the request."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from drawing import colour, dark_rows, decoded, lines_strip, near
from visionocr.documents.fit import compute_layout, fit_size, make_images
from visionocr.types import FindingKind, PageRef, RasterSpec, Severity

SPEC = RasterSpec(1000)
PAGE = PageRef("picture", 1, 1)


def test_pictures_are_never_enlarged() -> None:
    """A picture within the limits is sent as it is, pixel for pixel, without a remark."""
    (image,) = make_images(Image.linear_gradient("L").rotate(90).resize((300, 200)).convert("RGB"), PAGE, SPEC)
    assert (image.width, image.height, image.part, image.parts, image.findings) == (300, 200, 1, 1, ())


@pytest.mark.parametrize(
    ("size", "spec", "expected"),
    [
        ((3000, 2000), RasterSpec(1024), (1024, 683)),
        ((2000, 3000), RasterSpec(1024), (683, 1024)),
        ((3000, 2000), RasterSpec(1024, max_pixels=262144), (627, 418)),
        ((4000, 1000), RasterSpec(1000), (1000, 250)),
        ((1000, 100), RasterSpec(1000), (1000, 250)),
        ((100, 1000), RasterSpec(1000), (250, 1000)),
        ((2000, 200), RasterSpec(1000, split=False), (1000, 250)),
        ((1, 1), RasterSpec(1000), (28, 28)),
        ((3, 90), RasterSpec(1000), (28, 90)),
        ((500, 400), RasterSpec(1), (28, 28)),
    ],
)
def test_sizes(size: tuple[int, int], spec: RasterSpec, expected: tuple[int, int]) -> None:
    """Pictures are shrunk to the limits and padded to a shape that encoders take."""
    (image,) = make_images(Image.new("RGB", size, "blue"), PAGE, spec)
    assert (image.width, image.height) == expected


def test_padding_is_white_and_reported() -> None:
    """The padding around a narrow picture is white, and is reported as information."""
    (image,) = make_images(Image.new("RGB", (400, 20), "black"), PAGE, SPEC)
    picture = decoded(image)
    assert near(colour(picture, 0.5, 0.05), (255, 255, 255))
    assert near(colour(picture, 0.5, 0.5), (0, 0, 0))
    assert [(f.kind, f.severity) for f in image.findings] == [(FindingKind.ADJUSTED, Severity.INFO)]


_sizes = st.tuples(st.integers(1, 4000), st.integers(1, 4000))
_specs = st.builds(
    RasterSpec,
    max_side=st.integers(28, 2000),
    max_pixels=st.none() | st.integers(784, 500_000),
    split=st.booleans(),
)


@given(_sizes, _specs)
def test_layout_keeps_every_limit(size: tuple[int, int], spec: RasterSpec) -> None:
    """For any size and limits: never enlarged, never over a limit or too small, shape kept."""
    inner, outer = compute_layout(size, spec)
    assert inner[0] <= size[0]
    assert inner[1] <= size[1]
    assert inner[0] <= outer[0]
    assert inner[1] <= outer[1]
    assert max(outer) <= spec.max_side
    assert spec.max_pixels is None or outer[0] * outer[1] <= spec.max_pixels
    assert max(outer) <= 4 * min(outer)
    assert min(outer) >= 28
    scale = max(inner) / max(size)
    assert abs(min(inner) - min(size) * scale) <= 1.5


@given(_sizes, st.integers(1, 3000), st.none() | st.integers(784, 10**7))
def test_fit_is_as_large_as_possible(size: tuple[int, int], side: int, pixels: int | None) -> None:
    """Nothing is shrunk that fits; what does not fit reaches a limit."""
    fitted = fit_size(size, side, pixels)
    side = max(side, 28)
    if max(size) <= side and (pixels is None or size[0] * size[1] <= pixels):
        assert fitted == size
    elif pixels is None:
        assert max(fitted) == side
    else:
        assert max(fitted) <= side
        assert fitted[0] * fitted[1] <= pixels


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 3000), _specs, st.booleans())
def test_finished_images_keep_every_limit(short: int, long: int, spec: RasterSpec, upright: bool) -> None:
    """Strips of any shape give parts that keep every limit, and together hold every line."""
    long = max(short, long)
    picture = Image.new("RGB", (short, long) if upright else (long, short), "gray")
    parts = make_images(picture, PAGE, spec)
    assert 1 <= len(parts) <= 64
    for number, image in enumerate(parts, 1):
        assert (image.part, image.parts) == (number, len(parts))
        assert max(image.width, image.height) <= min(spec.max_side, max(28, long))
        assert spec.max_pixels is None or image.width * image.height <= spec.max_pixels
        assert max(image.width, image.height) <= 4 * min(image.width, image.height)


@pytest.mark.slow
@pytest.mark.parametrize("colours", ["black on white", "white on black", "grey on blue"])
@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(("height", "gap"), [(20, 10), (17, 3), (40, 60)])
def test_no_line_is_cut(colours: str, down: bool, height: int, gap: int) -> None:
    """A long screenshot is cut between its lines: each line is whole in one part, and none is lost."""
    strip = lines_strip(120, height=height, gap=gap)
    lines = dark_rows(strip)
    assert len(lines) == 120
    ink, paper = {"black on white": (0, 255), "white on black": (255, 0), "grey on blue": (150, 60)}[colours]
    tones = strip.convert("L").point([ink if value < 128 else paper for value in range(256)])
    shown = tones.convert("RGB") if down else tones.transpose(Image.Transpose.TRANSPOSE).convert("RGB")
    found = []
    for image in make_images(shown, PAGE, RasterSpec(800)):
        picture = decoded(image)
        picture = picture if down else picture.transpose(Image.Transpose.TRANSPOSE)
        middle = (ink + paper) // 2
        dark = picture.convert("L").point([0 if (value < middle) == (ink < paper) else 255 for value in range(256)])
        found += [stop - start for start, stop in dark_rows(dark.convert("RGB"))]
        assert image.findings
        assert picture.height < (2.2 if down else 4) * picture.width
    assert len(found) == 120
    assert max(found) - min(found) <= 1 + height // 5


def test_words_of_a_long_line_are_not_cut() -> None:
    """A single long line is cut between words rather than between letters."""
    line = Image.new("RGB", (4000, 60), "white")
    draw = ImageDraw.Draw(line)
    words = []
    x = 10
    for _ in range(60):
        start = x
        for _ in range(4):
            draw.rectangle((x, 10, x + 8, 50), fill="black")
            x += 12
        words.append((start, x))
        x += 16
    cuts = [0]
    for image in make_images(line.crop((0, 0, x, 60)), PAGE, RasterSpec(1000)):
        cuts.append(cuts[-1] + image.width)
    assert len(cuts) > 10
    assert not [(cut, word) for cut in cuts for word in words if word[0] < cut < word[1]]


def test_table_rules_do_not_hide_gaps() -> None:
    """Between two lines of a table, crossed by upright rules, there is still the emptiest place."""
    strip = lines_strip(100)
    draw = ImageDraw.Draw(strip)
    for x in (2, 150, 297):
        draw.line((x, 0, x, strip.height), fill="black", width=2)
    parts = make_images(strip, PAGE, RasterSpec(800))
    assert len(parts) > 3
    rows = 0
    for image in parts:
        letters = decoded(image).crop((8, 0, 145, image.height))
        rows += len(dark_rows(letters))
    assert rows == 100


def test_number_of_parts_is_limited() -> None:
    """A strip is split into at most 64 parts, and a finding says so."""
    parts = make_images(Image.new("RGB", (10, 30000), "white"), PAGE, RasterSpec(500))
    assert len(parts) == 64
    assert "the maximum" in parts[0].findings[0].message


def test_line_art_is_png_and_photos_are_jpeg() -> None:
    """Small drawings of few colours are sent without loss; photographs as baseline JPEG."""
    drawing = Image.new("RGB", (600, 400), "white")
    ImageDraw.Draw(drawing).line((0, 0, 600, 400), fill="black", width=2)
    photo = Image.effect_noise((600, 400), 80).convert("RGB")
    assert make_images(drawing, PAGE, SPEC)[0].media_type == "image/png"
    assert make_images(photo, PAGE, SPEC)[0].media_type == "image/jpeg"


def test_quality_is_used() -> None:
    """A lower JPEG quality gives fewer bytes."""
    photo = Image.effect_noise((600, 400), 80).convert("RGB")
    low, high = (make_images(photo, PAGE, RasterSpec(1000, jpeg_quality=quality))[0] for quality in (30, 90))
    assert len(low.data) < len(high.data) / 2


@pytest.mark.parametrize("turned", [False, True])
def test_parts_know_their_places(turned: bool) -> None:
    """The regions of the parts of a strip follow each other and make up the page; each shows what is there."""
    strip = Image.new("RGB", (100, 2000), "white")
    brush = ImageDraw.Draw(strip)
    for row in range(20):
        brush.rectangle((20, 100 * row + 40, 80, 100 * row + 60), fill=(0, 12 * row, 250 - 12 * row))
    parts = make_images(strip.transpose(Image.Transpose.ROTATE_90) if turned else strip, PAGE, RasterSpec(300))
    assert len(parts) > 2
    ends = [0.0]
    for part in parts:
        region = part.region
        across = (region.left, region.right) if not turned else (region.top, region.bottom)
        start, stop = (region.top, region.bottom) if not turned else (region.left, region.right)
        assert across == (0.0, 1.0)
        assert start == ends[-1]
        ends.append(stop)
        picture = decoded(part)
        length = picture.width if turned else picture.height
        assert length == pytest.approx((stop - start) * 2000, abs=1)
    assert ends[-1] == 1.0


@pytest.mark.parametrize("size", [(1000, 40), (40, 1000), (24, 20)])
def test_regions_of_padded_pictures_reach_over_the_page(size: tuple[int, int]) -> None:
    """A place on the page is where the region says in the image, though that has white around it."""
    picture = Image.new("RGB", size, (200, 0, 0))
    (image,) = make_images(picture, PAGE, RasterSpec(600, split=False))
    region = image.region
    shown = decoded(image)
    for x, y in ((0.02, 0.1), (0.5, 0.5), (0.98, 0.9)):
        across = (x - region.left) / (region.right - region.left)
        down = (y - region.top) / (region.bottom - region.top)
        assert near(colour(shown, across, down), (200, 0, 0), 30)
    # Just outside of the page there is white.
    sides = [(region.left < 0, (-0.08, 0.5)), (region.top < 0, (0.5, -0.15))]
    for is_padded, (x, y) in sides:
        across = (x - region.left) / (region.right - region.left)
        down = (y - region.top) / (region.bottom - region.top)
        assert not is_padded or near(colour(shown, across, down), (255, 255, 255), 30)
    assert any(is_padded for is_padded, _ in sides)

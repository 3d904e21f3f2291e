"""The eye chart: how it is drawn, and what an answer shows of it."""

from __future__ import annotations

import difflib
import itertools

import pytest

from drawing import decoded
from fakes.stand_ins import QUESTION, TASK, FakeEngine, answer
from visionocr import job
from visionocr.check import chart_image
from visionocr.check.chart_image import WORDS, Line
from visionocr.check.diagnosis import Cause
from visionocr.check.eye_chart import (
    LONGEST_ANSWER,
    PAGE_CHARACTERS,
    ImageTimer,
    dpi_for,
    points_at,
    read_chart,
    score,
)
from visionocr.choices import LocalModel
from visionocr.errors import ConfigurationError, ServerUnreachable
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.prompting.presets import Match
from visionocr.settings import Settings
from visionocr.types import Completion, Event, FinishReason, Progress, RasterSpec, Request

LINES = (
    Line(20.0, ("acorn", "almond")),
    Line(10.0, ("bamboo", "banjo", "barley", "beetle")),
    Line(5.0, ("cactus", "candle", "canoe", "cargo")),
    Line(3.0, ("daisy", "denim", "diesel", "dragon")),
)
ALL = "\n".join(" ".join(line.words) for line in LINES)


# --- the rules -------------------------------------------------------------------------------------------


def test_words_are_told_from_each_other() -> None:
    """No word of the chart can be taken for another, misread or cut."""
    assert len(set(WORDS)) == len(WORDS) > 160
    for one, other in itertools.permutations(WORDS, 2):
        assert difflib.SequenceMatcher(None, one, other).ratio() < 0.8, (one, other)
        assert one not in other


@pytest.mark.parametrize(
    "text",
    [
        ALL,
        f"# {ALL.upper()}",
        ALL.replace(" ", ""),
        ALL.replace("a", "a-\n"),
        "\n".join(f"| {line} |" for line in ALL.replace(" ", " | ").splitlines()),
    ],
    ids=["plain", "heading", "run together", "broken", "table"],
)
def test_everything_read(text: str) -> None:
    """Markdown, capitals, lost blanks and line ends do not count against an answer."""
    marks = score(LINES, text)
    assert (marks.read, marks.words, marks.legible, marks.smallest, marks.seen) == (14, 14, 3.0, 3.0, True)


@pytest.mark.parametrize(
    ("text", "read", "legible"),
    [
        ("acorn almond bamboo banjo barley beetle", 6, 10.0),
        ("acorn almond bamboo banjo barley nothing cactus candle canoe cargo", 9, 5.0),
        ("acorn almond bamboo banjo cactus candle canoe cargo", 8, 5.0),
        ("acorn almond cactus canddle daisy denim diesel dragon", 8, 20.0),
        ("akorn almond", 2, None),
        ("acorn", 1, None),
        ("", 0, None),
    ],
    ids=["two lines", "a slip", "a weak line", "two lines missing", "a letter wrong", "half a line", "nothing"],
)
def test_partly_read(text: str, read: int, legible: float | None) -> None:
    """A line counts with three words of four; what stands under two lines that were not read is luck."""
    marks = score(LINES, text)
    assert (marks.read, marks.legible) == (read, legible)


def test_chance_is_not_sight() -> None:
    """One word of a chart may stand in any text; that two do is no chance. A long chart wants more."""
    assert not score(LINES, "The dragon of the mountain slept under its gold.").seen
    assert score(LINES, "dragon almond").seen
    long = tuple(Line(30.0 - n, WORDS[5 * n : 5 * n + 5]) for n in range(12))
    assert not score(long, " ".join(WORDS[:5])).seen
    assert score(long, " ".join(WORDS[:6])).seen


def test_a_huge_answer_takes_no_time() -> None:
    """Only the beginning of an answer without end is looked at."""
    assert score(LINES, "xyz " * 1_000_000 + ALL).read == 0


def test_resolutions() -> None:
    """Smaller print and worse eyes want more dots; the resolution that is named suffices for the print."""
    assert dpi_for(5.0, 12) < dpi_for(5.0, 10) < dpi_for(5.0, 8) < dpi_for(8.0, 8)
    for x_height, points in itertools.product((3.2, 5.2, 9.5, 14.0), (8, 10, 12)):
        dpi = dpi_for(x_height, points)
        assert dpi % 10 == 0
        assert points_at(x_height, dpi) <= points < points_at(x_height, dpi - 10)


# --- the drawing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [160, 336, 672, 1024, 1484, 2432])
def test_a_chart_is_a_page(side: int) -> None:
    """It has the size of an A4 page within the limits, is sent in one piece, and is never taken for blank."""
    drawn = chart_image.draw(RasterSpec(max_side=side), 7)
    (image,) = drawn.images
    assert (image.width, image.height) == chart_image.page_size(RasterSpec(max_side=side))
    assert image.height == side
    assert image.height / image.width == pytest.approx(2**0.5, rel=0.02)
    assert not image.blank
    assert not image.findings
    assert decoded(image).size == (image.width, image.height)


@pytest.mark.parametrize("side", [160, 336, 1024, 2432])
def test_sizes_fall(side: int) -> None:
    """Each line is smaller than the one before, down to three pixels; no word comes twice."""
    lines = chart_image.layout(chart_image.page_size(RasterSpec(max_side=side)), 3)
    heights = [line.x_height for line in lines]
    assert heights == sorted(set(heights), reverse=True)
    assert heights[-1] < 3.5
    assert len(lines) > 6
    words = [word for line in lines for word in line.words]
    assert len(set(words)) == len(words)


def test_a_seed_makes_a_chart() -> None:
    """The same seed gives the same picture, another other words: nobody can know them beforehand."""
    spec = RasterSpec(max_side=600)
    assert chart_image.draw(spec, 1) == chart_image.draw(spec, 1)
    assert chart_image.draw(spec, 1).lines != chart_image.draw(spec, 2).lines
    assert chart_image.draw(spec, 1).images[0].data != chart_image.draw(spec, 2).images[0].data


def test_letters_have_the_height_that_is_said() -> None:
    """Measured in the picture: the ink of a line whose letters are all of x-height is as high as the line says."""
    for type_size in (12, 30, 72):
        strip = chart_image.draw_line(Line(type_size * 0.525, ("zoom", "maze"))).convert("L")
        box = strip.point([255 if value < 128 else 0 for value in range(256)]).getbbox()
        assert box is not None
        assert box[3] - box[1] == pytest.approx(type_size * 0.525, abs=1.5)
        assert box[2] < strip.width


def test_limits_of_the_raster_hold() -> None:
    """Pixels, and a resolution that the user chose, limit a chart as they limit a page."""
    assert chart_image.page_size(RasterSpec(max_side=9999)) == (2481, 3507)
    assert chart_image.page_size(RasterSpec(max_side=9999, dpi=100)) == (827, 1169)
    width, height = chart_image.page_size(RasterSpec(max_side=2000, max_pixels=500_000))
    assert 480_000 < width * height <= 500_000


def test_a_pillow_without_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what is missing, and how to do without."""

    def missing(size: float) -> object:
        raise ImportError("The _imagingft C module is not installed")

    monkeypatch.setattr("PIL.ImageFont.load_default", missing)
    with pytest.raises(ConfigurationError, match="cannot draw letters") as caught:
        chart_image.draw(RasterSpec(max_side=500), 1)
    assert "--no-chart" in caught.value.hint


# --- reading it ------------------------------------------------------------------------------------------


def work(engine: FakeEngine, side: int = 1024) -> job.Job:
    """A job whose engine is a double."""
    plan = budget.Plan(RasterSpec(max_side=side), 4096, 1)
    return job.Job(engine, QUESTION, plan, Match(QUESTION.preset, "x"), 3)


def words_of(side: int, seed: int) -> str:
    """What a good model says of a chart."""
    lines = chart_image.layout(chart_image.page_size(RasterSpec(max_side=side)), seed)
    return "\n".join(" ".join(line.words) for line in lines)


def test_any_engine_reads_a_chart() -> None:
    """The chart goes to an engine once, with the page's prompt and sampler, and its answer is judged."""
    engine = FakeEngine(slots=2)
    engine.says[1] = [words_of(1024, 5)]
    result = read_chart(work(engine), 5)
    assert result is not None
    (request,) = engine.asked
    assert request.prompt.text == TASK.prompt
    assert request.sampler == QUESTION.sampler
    assert request.max_length == LONGEST_ANSWER
    assert request.prompt.images == chart_image.draw(RasterSpec(max_side=1024), 5).images
    assert result.diagnosis is None
    assert result.score.read == result.score.words
    assert (result.image_tokens, result.completion_tokens, result.seconds) == (100, 10, 0.5)
    assert result.page_seconds == pytest.approx(0.5 * PAGE_CHARACTERS / len(words_of(1024, 5)))
    assert result.page_seconds
    assert result.pages_per_hour == int(2 * 3600 / result.page_seconds)


def test_time_to_look_is_not_multiplied() -> None:
    """What an engine needs to look at the picture is the same for a page with more text; everybody hears of it."""
    seen: list[Event] = []
    timer = ImageTimer(seen.append)
    events = [Progress(chart_image.PAGE, characters, at) for characters, at in ((0, 2.0), (0, 30.0), (40, 33.0))]
    engine = FakeEngine()
    engine.says[1] = [Completion("word " * 300, FinishReason.STOP, 120, 20, 300, seconds=50.0)]

    def tell(request: Request) -> None:
        for event in events:
            timer(event)

    engine.before = tell
    timer.seconds = 99.0  # of another request
    result = read_chart(work(engine), 1, timer)
    assert result is not None
    assert result.page_seconds == pytest.approx(30 + 20 * 3000 / 1500)
    assert seen == events


def test_no_answer() -> None:
    """A server that fails on the chart is a diagnosis; one that is gone is an error."""
    engine = FakeEngine()
    engine.says[1] = [answer("")]
    empty = read_chart(work(engine), 5)
    assert empty is not None
    assert empty.diagnosis is not None
    assert empty.diagnosis.cause is Cause.TEMPLATE
    assert (empty.page_seconds, empty.pages_per_hour) == (None, None)
    engine.says[1] = [ServerUnreachable("gone")]
    with pytest.raises(ServerUnreachable):
        read_chart(work(engine), 5)


def test_pages_too_small_for_a_chart() -> None:
    """Where a page has no room for letters nothing is asked."""
    engine = FakeEngine()
    engine.says[1] = [""]
    assert read_chart(work(engine, chart_image.SMALLEST_PAGE - 1), 5) is None
    assert not engine.asked
    assert read_chart(work(engine, chart_image.SMALLEST_PAGE), 5) is not None


@pytest.mark.slow
def test_the_embedded_engine_reads_the_chart() -> None:
    """Real eyes on the real picture: nearly every word is read, and the smallest print is found."""
    pytest.importorskip("faster_paddle")
    prepared = job.prepare(
        Settings(api_url=("local:",), local_model=LocalModel.TINY, max_side=1000), Library(), task="transcribe"
    )
    try:
        result = read_chart(prepared, 7)
    finally:
        prepared.close()
    assert result is not None
    assert result.diagnosis is None
    assert result.score.read >= result.score.words * 0.85
    assert result.score.legible is not None
    assert 3.0 < result.score.legible < 7.0

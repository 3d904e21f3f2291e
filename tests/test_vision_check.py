"""Requests before the first page that find out how far a server shrinks pictures, and whether it uses them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import faults
from fakes.koboldcpp import ANY, FakeKoboldCpp, fixed, squares
from fakes.requests import NoWaitStop
from visionocr.engines.dialects import probe
from visionocr.engines.http import Http
from visionocr.engines.retry_policy import RetryPolicy
from visionocr.engines.server import ServerEngine
from visionocr.errors import ServerBusy, ServerRefused
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.prompting.render import Question
from visionocr.vision_check import measure_clamped_side, picture, require_vision

LIBRARY = Library()
CONTEXT = 8192


def question(preset: str = "qwen2.5-vl", task: str = "transcribe") -> Question:
    """What is asked of the pages."""
    chosen = LIBRARY.preset(preset)
    return Question(chosen, LIBRARY.task(task), chosen.sampler, 2000)


def engine(fake: FakeKoboldCpp) -> ServerEngine:
    """An engine for a fake server, which does not wait."""
    http = Http(fake.url)
    server, dialect = probe(http)
    return ServerEngine(http, server, dialect, policy=RetryPolicy(busy=0), stop=NoWaitStop())


# --- the maximum side ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.83", "1.104", "1.115.1"])
@pytest.mark.parametrize("side", [512, 1024, 1536, 2048])
@pytest.mark.parametrize(("preset", "px"), [("qwen2.5-vl", 28), ("qwen3-vl", 32), ("olmocr", 28)])
def test_maximum_side_is_measured(version: str, side: int, preset: str, px: int) -> None:
    """The operator's ``--visionmaxres`` is measured with two short requests, on every version and encoder."""
    with FakeKoboldCpp(version=version, visionmaxres=side, context=CONTEXT, image_tokens=squares(px)) as fake:
        assert measure_clamped_side(engine(fake), question(preset)) == side
        asks = fake.generated
    assert [arrival.body["max_length"] for arrival in asks] == [1, 1]
    assert [len(arrival.body["images"]) for arrival in asks] == [1, 1]


@pytest.mark.parametrize("side", [512, 1024, 1536, 2048])
def test_an_encoder_that_enlarges_shows_no_maximum_side(side: int) -> None:
    """Where every picture is enlarged to the same size, tokens tell nothing of the clamp: it is not known."""

    def enlarged(width: int, height: int) -> int:
        scale = 1540 / max(width, height)
        return squares(28)(int(width * scale), int(height * scale))

    with FakeKoboldCpp(visionmaxres=side, context=CONTEXT, image_tokens=enlarged) as fake:
        assert measure_clamped_side(engine(fake), question("lightonocr")) is None


@pytest.mark.parametrize("side", [512, 1024, 2048])
def test_an_encoder_with_a_small_minimum_is_measured(side: int) -> None:
    """Tokens that only tiny pictures do not fall below do not hide the clamp."""

    def tokens(width: int, height: int) -> int:
        return max(64, squares(28)(width, height))

    with FakeKoboldCpp(visionmaxres=side, context=CONTEXT, image_tokens=tokens) as fake:
        assert measure_clamped_side(engine(fake), question()) == side


@pytest.mark.parametrize("version", ["1.77", "1.82"])
def test_maximum_side_of_old_versions(version: str) -> None:
    """The fixed 2048 px of versions before the flag are measured."""
    with FakeKoboldCpp(version=version, context=CONTEXT) as fake:
        assert measure_clamped_side(engine(fake), question()) == 2048


def test_no_measurement_without_token_counts() -> None:
    """A server that counts no tokens cannot be measured."""
    with FakeKoboldCpp(version="1.76", context=CONTEXT) as fake:
        assert measure_clamped_side(engine(fake), question()) is None


def test_no_measurement_without_a_text_count() -> None:
    """Without the tokens of the text alone there is no measurement, rather than a wrong one."""
    with FakeKoboldCpp(context=CONTEXT) as fake:
        fake.plan["/api/extra/tokencount"] = faults.Html(500)
        assert measure_clamped_side(engine(fake), question()) is None


def test_ignored_pictures_are_detected() -> None:
    """A server that counts no more tokens than the text has ignores pictures, and is refused."""
    with FakeKoboldCpp(context=CONTEXT) as fake:
        fake.plan[ANY] = faults.ImageIgnored()
        with pytest.raises(ServerRefused, match="ignores pictures") as caught:
            measure_clamped_side(engine(fake), question())
    assert "--mmproj" in caught.value.hint


@pytest.mark.parametrize("version", ["1.104", "1.115.1"])
def test_missing_projector_is_detected(version: str) -> None:
    """A server without a projector is detected by the same request."""
    with FakeKoboldCpp(version=version, context=CONTEXT, vision=False) as fake, pytest.raises(ServerRefused):
        measure_clamped_side(engine(fake), question())


def test_context_too_small_for_the_picture() -> None:
    """A server that drops the picture because it does not fit is refused, with the flag that makes room."""
    large = FakeKoboldCpp(context=CONTEXT, image_tokens=fixed(CONTEXT))
    with large as fake, pytest.raises(ServerRefused) as caught:
        measure_clamped_side(engine(fake), question())
    assert "--contextsize" in caught.value.hint


@pytest.mark.parametrize("kind", [faults.Null(), faults.EngineError(), faults.Closed(), faults.Json({}, 400)], ids=repr)
def test_failed_request_changes_nothing(kind: faults.Fault) -> None:
    """After a failed request the run continues with the assumed values."""
    with FakeKoboldCpp(context=CONTEXT) as fake:
        fake.plan[ANY] = kind
        assert measure_clamped_side(engine(fake), question()) is None


def test_busy_server_ends_the_run() -> None:
    """A server that stays busy is an error here as it is in the run."""
    with FakeKoboldCpp(context=CONTEXT) as fake:
        fake.plan[ANY] = faults.Busy()
        with pytest.raises(ServerBusy):
            measure_clamped_side(engine(fake), question())


def test_measured_side_is_used_for_the_raster() -> None:
    """The raster is as large as server and model can use, and the request still fits."""
    with FakeKoboldCpp(visionmaxres=2048, context=CONTEXT) as fake:
        asker = engine(fake)
        asked = question()
        kept = measure_clamped_side(asker, asked)
        made = budget.plan(asked.preset, asker.server, asked.task, clamped_side=kept)
    assert made.spec.max_side == asked.preset.image.koboldcpp_longest_side
    assert made.max_length < CONTEXT


# --- vision --------------------------------------------------------------------------------------------


def test_old_server_with_vision_is_accepted() -> None:
    """An old server that answers differently with and without a picture is accepted."""
    with FakeKoboldCpp(version="1.76", context=CONTEXT) as fake:
        require_vision(engine(fake), question())
        asks = fake.generated
    assert [len(arrival.body.get("images", [])) for arrival in asks] == [0, 1, 1]
    assert asks[1].body["images"] != asks[2].body["images"]
    assert {arrival.body["prompt"] for arrival in asks} == {asks[0].body["prompt"]}
    assert all(arrival.body["temperature"] == 0 and arrival.body["max_length"] <= 16 for arrival in asks)


def test_old_server_that_ignores_pictures() -> None:
    """An old server that ignores pictures is refused before the first page, with the flag that is missing."""
    blind = FakeKoboldCpp(version="1.76", context=CONTEXT, vision=False)
    with blind as fake, pytest.raises(ServerRefused, match="ignores pictures") as caught:
        require_vision(engine(fake), question())
    assert "--mmproj" in caught.value.hint


def test_old_server_with_too_little_context() -> None:
    """An old server whose context has no room for a picture is refused as well."""
    with FakeKoboldCpp(version="1.76", context=2048, image_tokens=fixed(2100)) as fake, pytest.raises(ServerRefused):
        require_vision(engine(fake), question())


@pytest.mark.parametrize("version", ["1.77", "1.104", "1.115.1"])
def test_newer_servers_get_no_request(version: str) -> None:
    """A server whose answers prove the picture's use gets no request here."""
    with FakeKoboldCpp(version=version) as fake:
        require_vision(engine(fake), question())
        assert not fake.generated


@pytest.mark.parametrize("at", [1, 2, 3])
def test_vision_unknown_after_a_failed_request(at: int) -> None:
    """After a failed request it is not known whether the server has vision."""
    with FakeKoboldCpp(version="1.76", context=CONTEXT, vision=False) as fake:
        fake.plan[ANY] = lambda arrival: faults.Null() if len(fake.generated) == at else None
        require_vision(engine(fake), question())
        assert len(fake.generated) == at


@pytest.mark.parametrize("preset", ["chatml", "deepseek-ocr", "glm-ocr", "granite-docling", "olmocr", "pixtral-12b"])
def test_any_preset(preset: str) -> None:
    """The check works with presets that have text before the picture, or none at all."""
    with FakeKoboldCpp(version="1.76", context=CONTEXT) as fake:
        require_vision(engine(fake), question(preset))
        assert len(fake.generated) == 3


def test_check_pictures() -> None:
    """The check's pictures are RGB, of the requested size, and differ in shade."""
    white, black = picture(64, 32), picture(64, 32, 0)
    assert (white.width, white.height) == (64, 32)
    assert white.media_type in {"image/png", "image/jpeg"}
    assert white.data != black.data
    assert replace(white, data=b"") == replace(black, data=b"", media_type=white.media_type)

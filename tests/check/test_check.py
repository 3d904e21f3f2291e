"""``visionocr check``: each server with a fault is told its true cause, and a good one what it can read."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fakes import faults
from fakes.answers import json_answer
from fakes.charts import chart_reader
from fakes.koboldcpp import ANY, FakeKoboldCpp
from fakes.openai import FakeOpenAI
from visionocr import job
from visionocr.check import chart_image, examine
from visionocr.check.diagnosis import Cause
from visionocr.cli.app import app
from visionocr.engines.connect import connect
from visionocr.errors import Interrupted
from visionocr.prompting import budget
from visionocr.prompting.library import Library
from visionocr.settings import Settings
from visionocr.stop import Stop
from visionocr.types import Event, Notice, RasterSpec

MODEL = "Qwen2.5-VL-7B-Instruct-Q4_K_M"
SEED = 20_240_607
LIBRARY = Library()
FLUENT = "A wide green meadow lies under a stormy sky. Two horses stand near a broken fence and look at the road."


@dataclass(frozen=True)
class Ran:
    """How a check of one server ended, from its JSON."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """What was found out about the server."""
        (report,) = json.loads(self.out)["servers"]
        assert report["good"] is (self.code == 0)
        return report

    @property
    def failures(self) -> dict[str, tuple[str, str]]:
        """What is red, with its remedy, by topic."""
        red = [line for line in self.report["statements"] if not line["good"]]
        assert all(line["remedy"] and line["cause"] for line in red)
        return {line["topic"]: (line["text"], line["remedy"]) for line in red}

    @property
    def causes(self) -> list[str]:
        """The causes of everything red."""
        return [line["cause"] for line in self.report["statements"] if not line["good"]]

    @property
    def good(self) -> dict[str, str]:
        """What is green, by topic."""
        return {line["topic"]: line["text"] for line in self.report["statements"] if line["good"]}


Check = Callable[..., Ran]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """Run ``visionocr check`` with a chart whose words the fake server knows; for programs, or as *text*."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(secrets, "randbits", lambda bits: SEED)
    monkeypatch.setattr("visionocr.cli.check.Library", lambda folder: LIBRARY)  # parsing its presets takes longest

    def run(*arguments: str, text: bool = False) -> Ran:
        result = CliRunner().invoke(app, ["check", *([] if text else ["--json"]), *arguments], prog_name="visionocr")
        assert isinstance(result.exception, SystemExit | None), result.exc_info
        return Ran(result.exit_code, result.stdout_bytes.decode(), result.stderr_bytes.decode())

    return run


def fake(**options: Any) -> FakeKoboldCpp:
    """A server of a model that has a preset."""
    return FakeKoboldCpp(**{"model": MODEL, **options})


# --- the good one ----------------------------------------------------------------------------------------


def test_a_good_server(check: Check) -> None:
    """Everything is green: sight, template, print, resolution, speed; the chart is asked for once, as a page is."""
    with fake(visionmaxres=2048) as server:
        server.plan[None] = chart_reader(SEED, legible=5)
        ran = check(server.url)
        *vision_check, arrival = server.generated
    assert (ran.code, ran.failures) == (0, {})
    assert list(ran.good)[-7:] == ["clamp", "images", "chart", "template", "print", "dpi", "speed"]
    assert "dialect koboldcpp" in ran.good["server"]
    assert "2048 px" in ran.good["clamp"]
    assert "at most 1484 px" in ran.good["images"]
    assert re.match(r"\d+ of the chart's \d+ words were read; the picture takes 20\d\d tokens", ran.good["chart"])
    assert ran.good["print"].startswith("print of 9 pt and larger can be read (x-height 5.2 px)")
    assert ran.good["dpi"].startswith(
        "12 pt: --dpi 90 is enough; 10 pt: --dpi 110 is enough; 8 pt: needs 130 dpi, so cut"
    )
    assert ran.err == "reading the eye chart takes about as long as a page\n"
    assert [before.body["max_length"] for before in vision_check] == [1, 1]
    assert arrival.body["max_length"] == 1024
    assert arrival.body["prompt"].startswith("<|im_start|>system\n")
    assert "Transcribe this page" in arrival.body["prompt"]


def test_an_old_server(check: Check) -> None:
    """A server that counts no tokens proves by the words alone that it sees."""
    with fake(version="1.76") as server:
        server.plan[None] = chart_reader(SEED, legible=4)
        ran = check(server.url)
    assert (ran.code, ran.report["chart"]["image_tokens"]) == (0, None)
    assert "were read" in ran.good["chart"]


def test_the_picture_is_the_chart(check: Check) -> None:
    """What is sent is the chart of the seed, drawn for the raster of the run."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED)
        assert check(server.url, "--max-side", "640").code == 0
        (sent,) = server.generated[-1].body["images"]
    assert base64.b64decode(sent) == chart_image.draw(RasterSpec(max_side=640), SEED).images[0].data


def test_nobody_knows_the_words(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a test's help each check has a chart of its own."""
    monkeypatch.setattr(secrets, "randbits", secrets.SystemRandom().getrandbits)
    with fake() as server:
        for _ in range(2):
            check(server.url, "--max-side", "640")
        one, other = server.generated
    assert one.body["images"] != other.body["images"]


def test_the_same_for_people(check: Check) -> None:
    """Each result is a line with ``ok`` or ``FAIL``, a remedy stands below it; no colours in a pipe."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, legible=12)
        as_json, as_text = check(server.url), check(server.url, text=True)
    lines = []
    for line in as_json.report["statements"]:
        lines.append(f"{'ok  ' if line['good'] else 'FAIL'} {line['topic']:8} {line['text']}")
        lines += [f"{'':14}{line['remedy']}"] if line["remedy"] else []
    assert [line for line in as_text.out.splitlines() if " speed " not in line] == lines[:-1]
    assert as_text.code == as_json.code == 5


def test_figures(check: Check) -> None:
    """For programs: the figures of the chart, and nothing but JSON on standard output."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, legible=5)
        report = check(server.url).report
    assert report["preset"] == "qwen2.5-vl"
    assert report["chart"]["seen"] is True
    assert report["chart"]["score"]["legible"] == pytest.approx(5.25)
    assert report["chart"]["height"] == 1024
    assert report["chart"]["diagnosis"] is None
    assert report["chart"]["pages_per_hour"] > 0
    assert report["chart"]["image_tokens"] > 900


# --- the bad ones: each has its true cause ---------------------------------------------------------------


def test_nothing_there(check: Check, koboldcpp: FakeKoboldCpp) -> None:
    """Nobody answers: where it was looked for, and what to do."""
    koboldcpp.close()
    ran = check(koboldcpp.url)
    ((text, remedy),) = ran.failures.values()
    assert (ran.code, ran.err) == (5, "")
    assert koboldcpp.url in text
    assert "Start the server" in remedy
    assert ran.causes == [Cause.UNREACHABLE]


@pytest.mark.parametrize("arguments", [[], ["--api-key", "wrong"]], ids=["none", "another"])
def test_wrong_key(check: Check, arguments: list[str]) -> None:
    """The key is named as the cause, not the server."""
    with fake(password="right") as server:
        ran = check(server.url, *arguments)
        assert (ran.code, list(ran.failures)) == (5, ["key"])
        assert "VISIONOCR_API_KEY" in ran.failures["key"][1]
        assert ran.causes == [Cause.KEY]
        server.plan[None] = chart_reader(SEED)
        assert check(server.url, "--api-key", "right").good["key"] == "the key was accepted"


def test_not_a_server_of_ours(check: Check) -> None:
    """Something else answers there."""
    with fake() as server:
        server.plan["/api/extra/version"] = faults.Html()
        server.plan["/"] = faults.Html()
        assert check(server.url).causes == [Cause.SERVER]


def test_no_vision(check: Check) -> None:
    """No projector: told by the server itself, nothing is asked."""
    with fake(vision=False) as server:
        ran = check(server.url)
        assert (ran.code, list(ran.failures)) == (5, ["vision"])
        assert "--mmproj" in ran.failures["vision"][1]
        assert ran.causes == [Cause.NO_VISION]
        assert not server.generated


def test_tiny_context(check: Check) -> None:
    """A context without room for a picture: told by numbers, nothing is asked."""
    with fake(context=700) as server:
        ran = check(server.url)
        assert (ran.code, list(ran.failures)) == (5, ["context"])
        assert "700 tokens" in ran.failures["context"][0]
        assert "--contextsize" in ran.failures["context"][1]
        assert ran.causes == [Cause.CONTEXT]
        assert not server.generated


@pytest.mark.parametrize("version", ["1.76", "1.104", "1.115.1"])
def test_image_ignored(check: Check, version: str) -> None:
    """A server that drops every picture is found out, whether it counts tokens or not."""
    with fake(version=version, context=8192) as server:
        server.plan[ANY] = faults.ImageIgnored()
        ran = check(server.url)
        assert (ran.code, list(ran.failures)) == (5, ["chart"])
        assert "--mmproj" in ran.failures["chart"][1]
        assert "--contextsize" in ran.failures["chart"][1]
        assert ran.causes == [Cause.IMAGE_IGNORED]


def test_the_chart_alone_ignored(check: Check) -> None:
    """A picture that only the page's size makes it drop is found out by the chart."""
    with fake() as server:
        server.plan[None] = lambda arrival: faults.ImageIgnored() if arrival.body["max_length"] > 1 else None
        assert check(server.url).causes == [Cause.IMAGE_IGNORED]


TEMPLATES: dict[str, tuple[Callable[[str], Any], str]] = {
    "read, then the next turn": (lambda text: f"{text}</s> [INST] Go on.", "Mistral"),
    "read, then endless": (lambda text: faults.Truncated(of=faults.FixedText(text)), "does not end"),
    "endless": (lambda text: faults.Truncated(of=faults.FixedText(FLUENT)), "does not end"),
    "loop": (lambda text: faults.Loop("words", of=faults.FixedText(FLUENT)), "repeats itself"),
    "empty": (lambda text: faults.Empty(), "empty"),
    "echo": (lambda text: faults.Echo(), "repeats the question"),
    "not read, roles": (lambda text: f"{FLUENT}\nUSER: And now?\nASSISTANT: {FLUENT}", "Vicuna"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TEMPLATES)
def test_wrong_template(check: Check, case: str) -> None:
    """Stray chat marks and answers that do not end: another preset is the remedy."""
    says, words = TEMPLATES[case]
    with fake() as server:
        server.plan[None] = chart_reader(SEED, says=says)
        ran = check(server.url)
        assert ran.code == 5
        text, remedy = ran.failures["chart"]
        assert words in text
        assert "--preset" in remedy
        assert ran.causes == [Cause.TEMPLATE]


def test_wrong_projector(check: Check) -> None:
    """Fluent text about something else, though the picture took its tokens."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, says=lambda text: FLUENT)
        ran = check(server.url)
        assert (ran.code, list(ran.failures)) == (5, ["chart"])
        assert "projector belongs to another model" in ran.failures["chart"][0]
        assert ran.causes == [Cause.PROJECTOR]


def test_describes(check: Check) -> None:
    """A model that tells of the writing is not accused of a wrong projector."""
    with fake() as server:
        server.plan[None] = chart_reader(
            SEED, says=lambda text: "The image shows words in black letters on white paper."
        )
        assert check(server.url).causes == [Cause.DESCRIBES]


def test_engine_failure(check: Check) -> None:
    """A server that fails on the picture is told in its own words."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, says=lambda text: faults.EngineError())
        ran = check(server.url)
        assert "engine failed" in ran.failures["chart"][0]
        assert ran.causes == [Cause.SERVER]


def test_small_print(check: Check) -> None:
    """A page's print that does not reach the model: green down to 12 pt, red above, with the clamp as the cause."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, legible=12)
        ran = check(server.url)
        assert list(ran.failures) == ["print"]
        assert "--visionmaxres 2048" in ran.failures["print"][1]
        assert "cut the page into 3 x 3" in ran.good["dpi"]
        assert ran.causes == [Cause.PRINT]
        assert check(server.url, "--task", "describe").failures == {}


def test_a_clamp_that_nobody_announced(check: Check) -> None:
    """What a server shrinks silently shows in what can be read of the chart."""
    with fake() as server:
        server.plan[None] = chart_reader(SEED, legible=5, kept=512)
        (wrong,) = check(server.url, "--max-side", "1484").failures.values()
    assert re.search(r"x-height 1[4-9]\.\d px", wrong[0])


def test_fixed_encoder(check: Check) -> None:
    """A 336 px encoder cannot read pages; for captions it is good."""
    with fake(model="llava-v1.5-7b") as server:
        server.plan[None] = chart_reader(SEED, legible=5)
        ran = check(server.url)
        assert list(ran.failures) == ["encoder", "print"]
        assert "336 px" in ran.failures["encoder"][0]
        assert check(server.url, "--no-chart").causes == [Cause.ENCODER]
        assert check(server.url, "--task", "describe").code == 0


@pytest.mark.parametrize("arguments", [(), ("--no-chart",)])
def test_a_context_that_the_prompt_overfills(arguments: tuple[str, ...], check: Check, tmp_path: Path) -> None:
    """The prompt counts too: what a run would refuse is no good server, with or without a chart."""
    (tmp_path / "visionocr").mkdir()
    (tmp_path / "visionocr" / "config.toml").write_text(f'prompt = "{"word " * 1400}"')
    with fake(context=2048) as server:
        ran = check(server.url, *arguments)
    assert ran.causes == [Cause.CONTEXT]
    assert "the prompt 14" in ran.failures["context"][0]


def test_a_smaller_picture_is_no_remedy_for_fixed_tokens(check: Check) -> None:
    """An encoder whose pictures all cost the same needs a larger context, whatever the size of pages."""
    with fake(model="llava-v1.5-7b", context=800) as server:
        ran = check(server.url, "--no-chart")
    message, remedy = ran.failures["context"]
    assert "576" in message
    assert "--max-side" not in remedy
    assert "--contextsize" in remedy


def test_a_clamp_that_cannot_be_measured(check: Check) -> None:
    """Where an encoder enlarges every picture, the check says that the clamp is not known, and what is assumed."""
    with fake(model="LightOnOCR-1B", image_tokens=lambda width, height: 600, visionmaxres=2048) as server:
        server.plan[None] = chart_reader(SEED, legible=5)
        ran = check(server.url)
    assert "not known" in ran.good["clamp"]
    assert "1024" in ran.good["clamp"]
    assert "at most 1024 px" in ran.good["images"]


def test_a_preset_that_was_named(check: Check) -> None:
    """The reason for a preset is a sentence, whoever chose it."""
    with fake() as server:
        assert "; given by --preset)" in check(server.url, "--no-chart", "--preset", "chatml").good["preset"]
        assert "; matched by qwen" in check(server.url, "--no-chart").good["preset"]


def test_a_gateway_that_does_not_take_the_key(check: Check) -> None:
    """LiteLLM answers a wrong key with 400 and words about a database: they are quoted, and the key is named."""
    said = {"error": {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}}
    with FakeOpenAI(key="sk-1234", refusal=json_answer(said, 400)) as server:
        ran = check(server.url, "--api-key", "wrong")
    assert ran.causes == [Cause.KEY]
    assert "No connected db." in ran.failures["key"][0]
    assert "--api-key" in ran.failures["key"][1]


def test_a_complaint_of_an_unknown_server_is_quoted(check: Check) -> None:
    """A server that answers every question with an error says why itself."""
    refusal = json_answer({"error": {"message": "the database of keys is closed"}}, 500)
    with FakeOpenAI(key="sk-1234", refusal=refusal) as server:
        ran = check(server.url)
    assert "the database of keys is closed" in ran.failures["server"][1]


def test_no_room_for_a_chart(check: Check) -> None:
    """Pictures as small as a stamp are refused before anything is asked."""
    with fake() as server:
        ran = check(server.url, "--max-side", "100")
        assert "too small for any print" in ran.failures["chart"][0]
        assert not server.generated


def test_died_meanwhile(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dies over the chart is not waited for as long as a run would."""
    monkeypatch.setattr(examine, "_WAIT_SERVER", 0.0)
    with fake() as server:
        server.plan[None] = [None, faults.Die()]
        ran = check(server.url)
    assert ran.code == 5
    assert "Traceback" not in ran.err + ran.out
    assert len(ran.failures) == 1


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_stopped_over_the_chart() -> None:
    """Ctrl-C while the chart is read ends the command at once, and the server's work as well."""
    with fake() as server:
        server.plan[ANY] = faults.Hang()
        command = [sys.executable, "-m", "visionocr", "check", server.url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        server.wait_for(lambda: server.running is not None)
        key = server.running
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
        assert (process.returncode, stderr.decode().splitlines()[-1]) == (130, "stopped")
        assert set(server.abort_keys) == {key}


def test_a_requested_stop_ends_the_server_s_work() -> None:
    """Whoever requests the stop while the chart is read has its request aborted, and the examination ends."""
    stop = Stop()
    with fake() as server:
        server.plan[ANY] = faults.Hang()
        with ThreadPoolExecutor(1) as pool:
            examination = pool.submit(examine.examine, Settings(api_url=(server.url,)), LIBRARY, seed=SEED, stop=stop)
            server.wait_for(lambda: server.running is not None)
            key = server.running
            stop.request()
            with pytest.raises(Interrupted):
                examination.result(20)
        assert set(server.abort_keys) == {key}


@pytest.mark.parametrize("mistake", [["not an address"], ["--preset", "none"], ["--task", "none"]])
def test_mistakes_come_first(check: Check, mistake: list[str]) -> None:
    """What is wrong on our side is told before the first of several servers is asked."""
    with fake() as server:
        ran = check(server.url, *mistake, text=True)
        assert (ran.code in {2, 3}, ran.out) == (True, "")
        assert ran.err.startswith("error: ")
        assert not server.requests


# --- several ---------------------------------------------------------------------------------------------


def test_several_servers(check: Check) -> None:
    """Each is examined; a table sums up; different models are warned of; one that is bad makes the code 5."""
    with fake() as one, fake(model="gemma-4-12b") as two, fake(vision=False) as three:
        one.plan[None] = two.plan[None] = chart_reader(SEED, legible=4)
        ran = check(one.url, two.url, three.url, text=True)
        report = json.loads(check(one.url, two.url, three.url, "--json").out)
        alike = check(one.url, three.url, text=True)
    table = ran.out[ran.out.index("SERVER") :].splitlines()
    assert ran.code == 5
    assert [line.split()[0] for line in table[1:4]] == [one.url, two.url, three.url]
    assert table[1].split()[1:4] == ["ok", MODEL, "qwen2.5-vl"]
    assert table[3].split()[1] == "no-vision"
    assert "different models" in table[-1]
    assert [line["good"] for line in report["servers"]] == [True, True, False]
    assert (report["good"], len(report["warnings"])) == (False, 1)
    assert "different models" not in alike.out


def test_several_good_servers_are_good(check: Check) -> None:
    """With all of them good the code is 0; without the chart nothing is asked."""
    with fake() as one, fake() as two:
        ran = check(one.url, two.url, "--no-chart", text=True)
        assert (ran.code, ran.err) == (0, "")
        assert not one.generated + two.generated
        assert ran.out.count("ok   images") == 2


# --- the same in a run -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "task", "warned"),
    [
        ("llava-v1.5-7b", "transcribe", True),
        ("llava-v1.5-7b", "describe", False),
        ("gemma-3-12b", "transcribe", True),
        (MODEL, "transcribe", False),
    ],
)
def test_a_run_warns_of_a_coarse_encoder(model: str, task: str, warned: bool) -> None:
    """Whoever reads pages with an encoder that cannot see them is warned before the first page, once."""
    seen: list[Event] = []
    with fake(model=model) as server:
        job.prepare(Settings(api_url=(server.url,)), LIBRARY, task=task, observer=seen.append).close()
    notices = [event for event in seen if isinstance(event, Notice) and "a whole page cannot be read" in event.message]
    assert len(notices) == warned
    assert all(notice.warning and "embedded engine" in notice.message for notice in notices)


def test_which_encoders_are_coarse() -> None:
    """Those of fixed size, and those that see less than 60 dpi; none of the models that were made for reading."""
    with fake() as server:
        engine = connect(Settings(), server.url)
    coarse = {preset.name for preset in LIBRARY.presets() if budget.explain_coarse_encoder(preset, engine.server)}
    assert {"llava-1.5-vicuna", "llava-1.6-mistral-7b", "moondream2", "gemma-3"} <= coarse
    assert not coarse & {preset.name for preset in LIBRARY.presets() if preset.group == "ocr"}
    assert not coarse & {"chatml", "qwen2.5-vl", "qwen3-vl", "minicpm-v-2.6"}

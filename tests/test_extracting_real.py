"""Records from the real llama.cpp with random weights: whatever such a model says, the grammar must hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.stand_ins import QUESTION
from schemas import FIVE
from visionocr.engines.http import Http
from visionocr.engines.llama import Launch
from visionocr.extraction.grammar import write_grammar
from visionocr.extraction.schema import parse_schema, relax, strict_schema
from visionocr.extraction.validate import Validator
from visionocr.shape_check import Obedience, find_obedience
from visionocr.types import ChatMarkers, FinishReason, Prompt, Request, Sampler, Shape

pytest.importorskip("xllamacpp", reason="needs the extra [llama]")
pytest.importorskip("gguf", reason="needs the package gguf to write a model")

import tiny_vlm
from real_llama import engine_at, picture, serve

pytestmark = pytest.mark.slow

CHAT = ChatMarkers(user_start="<|im_start|>user\n", user_end="<|im_end|>\n", assistant_start="<|im_start|>assistant\n")
SEEDS = 8
EXAMPLES = Path(__file__).parent.parent / "examples" / "records"


@pytest.fixture(scope="module", params=[True, False], ids=["space prefix", "no space prefix"])
def server(request: pytest.FixtureRequest, tiny_pair: tiny_vlm.Pair) -> Iterator[Http]:
    """A server for each of the two kinds of tokenizers."""
    model = tiny_pair.model.with_name(f"prefix-{request.param}.gguf")
    tiny_vlm.write_model(model, space_prefix=request.param)
    yield from serve(Launch(str(model), str(tiny_pair.projector), 4096, threads=1))


@pytest.mark.parametrize("is_part", [False, True], ids=["whole", "part"])
@pytest.mark.parametrize("name", FIVE)
def test_the_grammar_holds(server: Http, name: str, is_part: bool) -> None:
    """Every answer at temperature 1 is a valid record, except for days that do not exist."""
    schema = parse_schema(FIVE[name])
    record = relax(schema.record) if is_part else schema.record
    validator = Validator(strict_schema(record) if is_part else FIVE[name])
    shape = Shape(write_grammar(record), json.dumps(strict_schema(record)))
    engine = engine_at(server, "llamacpp")
    for seed in range(1, SEEDS + 1):
        prompt = Prompt("", (picture("red"), "Fill in the record."), CHAT)
        completion = engine.complete(Request(prompt, Sampler(temperature=1.0, seed=seed), 2500, shape=shape))
        assert completion.finish_reason is FinishReason.STOP
        errors = validator.find_errors(json.loads(completion.text))
        assert not [error for error in errors if "date that exists" not in error.problem], completion.text


def test_obedience(server: Http) -> None:
    """The test request is obeyed, with the rules of any schema behind it; a grammar that is none is refused."""
    engine = engine_at(server, "llamacpp")
    for schema in FIVE.values():
        assert find_obedience(engine, QUESTION, parse_schema(schema).record) is Obedience.OBEYS
    request = Request(Prompt("", ("Say hello.",), CHAT), Sampler(), 10, shape=Shape("root ::= nothing", "{}"))
    with pytest.raises(Exception, match="grammar"):
        engine.complete(request)
    assert engine.complete(replace(request, shape=None)).text


def test_the_command_with_random_weights(tiny_pair: tiny_vlm.Pair) -> None:
    """``extract --gguf`` writes records that are valid, or says that there are none, and never breaks."""
    command = [
        *(sys.executable, "-m", "visionocr", "extract", str(EXAMPLES / "receipt-1.png"), str(EXAMPLES / "invoice.pdf")),
        *("--gguf", str(tiny_pair.model), "--mmproj", str(tiny_pair.projector), "--threads", "1"),
        *("--fields", "shop, day date, total number, kind A|B", "--max-asks", "1", "--cross-check", "off"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 7), done.stderr
    assert "the grammar: records are only asked for" not in done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 2
    for line in found:
        assert line["record"] is None or list(line["record"]) == ["shop", "day", "total", "kind"]
        assert (line["record"] is None) is (line["status"] == "failed")
    assert found[1]["status"] != "ok"  # what random weights say does not stand in the text layer

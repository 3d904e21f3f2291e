"""Asking a model again from the review page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import faults
from fakes.koboldcpp import FakeKoboldCpp, page_text
from fakes.pictures import make_pdf
from result_files import result, write_results
from review_client import Client, serving
from visionocr.review.questions import mark_changes
from visionocr.settings import Settings, load_settings
from visionocr.types import Status


@pytest.fixture
def outputs(tmp_path: Path) -> list[Path]:
    """The results of a document with two pages."""
    make_pdf(tmp_path / "a.pdf", 2)
    return [write_results(tmp_path / "out.md", [result(1, "old text", Status.SUSPECT), result(2, "", Status.FAILED)])]


@pytest.fixture
def client(outputs: list[Path], koboldcpp: FakeKoboldCpp) -> Iterator[Client]:
    """A client whose server has a model."""
    flags = {"api_url": [koboldcpp.url], "max_side": "500", "wait_server": "0"}
    with serving(outputs, settings=load_settings(flags, environment={})) as made:
        yield made


def answer_to(client: Client, page: int, **values: Any) -> dict[str, Any]:
    """Ask, and wait for the answer."""
    begun = client.ask(f"pages/{page}/ask", "POST", values)
    assert begun.status == 200, begun.json
    while True:
        reply = client.ask(f"answers/{begun.json['answer']}")
        if not reply.json.get("waiting"):
            return dict(reply.json)


def test_an_answer_is_shown_and_replaces_nothing(client: Client, koboldcpp: FakeKoboldCpp, outputs: list[Path]) -> None:
    """The page's new text, with what it has otherwise than the old one; the file stays."""
    before = outputs[0].read_bytes()
    answer = answer_to(client, 0)
    assert answer["text"] == page_text(1)
    assert (answer["status"], answer["model"]) == ("ok", "tiny-vision")
    assert "".join(piece for _, piece in answer["parts"]) == page_text(1)
    assert outputs[0].read_bytes() == before
    assert koboldcpp.asked[1] == 1


def test_each_answer_is_asked_for_in_another_way(client: Client, koboldcpp: FakeKoboldCpp) -> None:
    """Other seeds and more temperature, unless a seed is chosen; sizes are as chosen."""
    answer_to(client, 0)
    answer_to(client, 0)
    answer_to(client, 0, seed=77, max_side=300)
    first, second, third = (arrival.body for arrival in koboldcpp.generated[-3:])
    assert first["sampler_seed"] != second["sampler_seed"]
    assert 0 < first["temperature"] < second["temperature"]
    assert third["sampler_seed"] == 77
    assert [len(each["images"]) for each in (first, second, third)] == [1, 1, 1]
    assert len(third["images"][0]) < len(first["images"][0])


def test_another_preset_and_task(client: Client, koboldcpp: FakeKoboldCpp) -> None:
    """Both reach the prompt; those that do not exist are refused before anything is asked."""
    answer_to(client, 1, preset="qwen2.5-vl", task="text")
    prompt = koboldcpp.generated[-1].body["prompt"]
    assert "<|im_start|>" in prompt
    count = len(koboldcpp.generated)
    for values in ({"preset": "none"}, {"task": "none"}, {"seed": 0}, {"max_side": 1}):
        assert client.ask("pages/0/ask", "POST", values).status == 400
    assert len(koboldcpp.generated) == count


def test_a_bad_answer_is_shown_with_its_findings(client: Client, koboldcpp: FakeKoboldCpp) -> None:
    """The person decides; it is not asked again by itself."""
    koboldcpp.plan[1] = faults.Refusal()
    answer = answer_to(client, 0)
    assert answer["status"] == "failed"
    assert answer["findings"]
    assert koboldcpp.asked[1] == 1


def test_without_a_server_only_asking_fails(outputs: list[Path]) -> None:
    """With the reason; everything else works."""
    settings = Settings(api_url=("http://127.0.0.1:9",), wait_server=0)
    with serving(outputs, settings=settings) as client:
        answer = answer_to(client, 0)
        assert "127.0.0.1:9" in answer["error"]
        assert client.ask("pages/0/picture").status == 200
        assert client.ask("answers/99").status == 400


def test_changes_are_marked_by_words() -> None:
    """White space behind a word is not marked, and all pieces together are the new text."""
    assert mark_changes("one two three", " one 2 three\n\nfour") == [
        (False, " "),
        (False, "one "),
        (True, "2"),
        (False, " "),
        (False, "three\n\n"),
        (True, "four"),
    ]
    new = "the " * 4000
    assert "".join(piece for _, piece in mark_changes("a the b " * 2000, new)) == new

"""Keywords from the real llama.cpp with random weights: whatever such a model says, the grammar must hold."""

from __future__ import annotations

import json

import pytest

from visionocr.captions.forms import KEYWORDS_SHAPE
from visionocr.captions.keywords import LONGEST, MOST, parse_keywords
from visionocr.engines.http import Http
from visionocr.types import ChatMarkers, FinishReason, Prompt, Request, Sampler

pytest.importorskip("xllamacpp", reason="needs the extra [llama]")
pytest.importorskip("gguf", reason="needs the package gguf to write a model")

from real_llama import engine_at, picture

pytestmark = pytest.mark.slow

CHAT = ChatMarkers(user_start="<|im_start|>user\n", user_end="<|im_end|>\n", assistant_start="<|im_start|>assistant\n")


def test_the_grammar_of_keywords_holds(llama_server: Http) -> None:
    """Every answer at temperature 1 is a list within the limits, of which all that can be read is understood."""
    engine = engine_at(llama_server, "llamacpp")
    for seed in range(1, 9):
        prompt = Prompt("", (picture("red"), "List keywords."), CHAT)
        completion = engine.complete(Request(prompt, Sampler(temperature=1.0, seed=seed), 1500, shape=KEYWORDS_SHAPE))
        assert completion.finish_reason is FinishReason.STOP
        said = json.loads(completion.text)["keywords"]
        assert 1 <= len(said) <= MOST
        assert all(1 <= len(word) <= LONGEST + 1 for word in said)
        assert bool(parse_keywords(completion.text)) == any(any(map(str.isalnum, word)) for word in said)

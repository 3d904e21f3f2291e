"""The API that text-generation-webui had until November 2023: ``/api/v1/generate`` with images inside the prompt.

Facts about the server were read in its source, from April to November 2023. It has no keys, counts no tokens in its
answers, and sends status 200 before it begins: a failure is an empty text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.json_helpers import (
    as_object,
    ask,
    ask_optional,
    encode_image,
    get_context,
    get_count,
    get_name,
    get_object,
    get_objects,
)
from visionocr.engines.http import Http, Reply
from visionocr.errors import AnswerUnusable, ServerError
from visionocr.prompting.render import wrap
from visionocr.types import Completion, FinishReason, PageImage, Prompt, Request, Server

KIND = "text-generation-webui"

CONTEXT = 2048
"""Tokens, where the server does not say: its own default."""
_EXTENSIONS = {"multimodal", "llava"}
"""Those that feed images to the model: ``llava`` until May 2023, then ``multimodal``."""
_TAG_START = re.compile(r'<img(?=\s+src="data:)', re.IGNORECASE)
_VISION_REMEDY = "Start it with --extensions multimodal and a LLaVA model that it has a pipeline for."


class Textgen(Dialect):
    """The dialect; stateless."""

    NAME = "textgen"
    GENERATE = "/api/v1/generate"

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """The answer of ``/api/v1/model`` where tokens are counted as well: KoboldAI has only the first."""
        said = ask(http, "/api/v1/model")
        name = said.get("result")
        if "result" not in said or not isinstance(name, str | None) or (name or "").startswith("koboldcpp"):
            return None
        return said if _count_in(ask(http, "/api/v1/token-count", {"prompt": "a"})) is not None else None

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """The model that is loaded; whether an extension for images is; the context."""
        name = get_name(identity, "result")
        if name in {"", "None"}:
            raise ServerError(
                f"the {KIND} at {http.base} has no model loaded", "Load one with --model NAME, or on its web page."
            )
        choose(f"{KIND} at {http.base}", [Model(name, loaded=True)], model)
        info = get_object(ask_optional(http, "/api/v1/model", {"action": "info"}), "result")  # since June 2023
        extensions = get_object(info, "shared.args").get("extensions")
        vision = bool(_EXTENSIONS.intersection(map(str, extensions))) if isinstance(extensions, list) else None
        warning = f"this {KIND} does not say whether its extension for images is loaded" if vision is None else ""
        return Server(
            url=http.base,
            dialect=self.NAME,
            kind=KIND,
            model=name,
            vision=vision,
            context_length=get_context(get_object(info, "shared.settings"), "truncation_length") or CONTEXT,
            max_images=1,  # of several, only the last one is seen
            counts_tokens=False,
            aborts=False,  # its own call stops whoever is being served
            vision_remedy=_VISION_REMEDY,
            context_remedy="Take a model with a larger context, and set truncation_length in the server's settings",
            warnings=(warning,) if warning else (),
        )

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG002
        """The body. Every setting is sent: the defaults sample and punish repetition."""
        sampler = request.sampler
        greedy = sampler.temperature <= 0
        return {
            "prompt": wrap(_sanitize(request.prompt), _tag),
            "max_new_tokens": request.max_length,
            "truncation_length": request.context_length or server.context_length or CONTEXT,
            "stopping_strings": list(request.stop_sequences),
            "do_sample": not greedy,
            "temperature": 1.0 if greedy else float(sampler.temperature),  # 0 is no number it can divide by
            "top_p": float(sampler.top_p),
            "top_k": int(sampler.top_k),
            "min_p": float(sampler.min_p),
            "typical_p": 1.0,
            "repetition_penalty": float(sampler.rep_pen),
            "encoder_repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0,
            "seed": int(sampler.seed),
            "add_bos_token": True,
            "ban_eos_token": False,
            "skip_special_tokens": not request.special_tokens,
        }

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:
        """The completion. An answer is nothing but its text, so its tokens are counted to see if it was cut off."""
        results = get_objects(as_object(reply.data), "results")
        text = results[0].get("text") if results else None
        if not isinstance(text, str):
            raise AnswerUnusable(f"{KIND} answered without a text")
        if not text:
            raise AnswerUnusable(f"{KIND} answered with an empty text: it failed, and its console says why")
        try:
            tokens = _count_in(ask(http, "/api/v1/token-count", {"prompt": text}))
        except ServerError:
            tokens = None
        return Completion(
            text=text,
            # The count holds a begin-of-text token, in the place of the last one that an answer at its limit has.
            finish_reason=FinishReason.UNKNOWN
            if tokens is None
            else FinishReason.LENGTH
            if tokens >= request.max_length
            else FinishReason.STOP,
            completion_tokens=tokens,
            seconds=reply.seconds,
        )

    def count_tokens(self, http: Http, server: Server, text: str) -> int | None:  # noqa: ARG002
        """Tokens of *text*; a picture in it would be counted as text."""
        return _count_in(ask(http, "/api/v1/token-count", {"prompt": text}))


def _tag(image: PageImage, number: int) -> str:  # noqa: ARG001 - every place says its own image
    """An image in the prompt. The server looks for exactly this, whatever the image is: PNG too is called JPEG.

    Nothing stands around it, so that a prompt whose image was dropped is the same as one without: that shows it.
    """
    return f'<img src="data:image/jpeg;base64,{encode_image(image)}">'


def _sanitize(prompt: Prompt) -> Prompt:
    """The prompt without anything in its texts that the server would take for an image."""

    def sanitize(text: str) -> str:
        return _TAG_START.sub("< img", text)

    parts = tuple(sanitize(part) if isinstance(part, str) else part for part in prompt.parts)
    return replace(prompt, system=sanitize(prompt.system), parts=parts)


def _count_in(said: Mapping[str, Any]) -> int | None:
    results = get_objects(said, "results")
    return get_count(results[0], "tokens") if results else None

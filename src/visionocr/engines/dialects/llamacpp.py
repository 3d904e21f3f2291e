"""llama.cpp's own server, ``llama-server``: ``/completion``.

Facts about it were read in its source of May and August 2025 and of 2026, and tried on the latter. Pictures are taken
since August 2025 as ``multimodal_data``, each standing where the prompt holds a marker. Before, they were ignored
without a word, or taken by the chat endpoint only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote as url_quote

from visionocr.engines.dialects.base import Dialect, ProgressSnapshot
from visionocr.engines.dialects.choice import Model, choose
from visionocr.engines.dialects.json_helpers import (
    LONGEST_NAME,
    as_object,
    ask,
    encode_image,
    get_context,
    get_count,
    get_name,
    get_object,
    get_objects,
    get_text,
)
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import ServerChanged, ServerCrowded, TimedOut
from visionocr.errors import AnswerUnusable, RequestRefused, ServerError, ServerRefused, ServerUnreachable
from visionocr.prompting.render import wrap
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Completion, FinishReason, PageImage, Prompt, Request, Server

DEFAULT_MARKER = "<__media__>"
"""What stood for a picture in 2025; since April 2026 each start of a server draws its own."""
NEUTRAL_SAMPLERS: dict[str, float] = {
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "typical_p": 1.0,
    "top_n_sigma": -1.0,
    "xtc_probability": 0.0,
    "dynatemp_range": 0.0,
    "mirostat": 0,
    "adaptive_target": -1.0,
}
"""The samplers that nothing here uses, switched off: flags of the server (``--xtc-probability``) may have switched them
on, and some of them change even a greedy answer."""
MOST_IMAGES = 16
"""A request: the server names no limit, the context does."""
MOST_SLOTS = 64
_MARKERS = re.compile(r"<(?=__(?:media|image)\w*__>)")
"""Where anything begins that some version would take for a picture."""
_REASONS = {"limit": FinishReason.LENGTH, "eos": FinishReason.STOP, "word": FinishReason.STOP}


class LlamaServer(Dialect):
    """The dialect; stateless.

    Answers are asked for in pieces: only so does the server notice that nobody waits for one any more.
    """

    NAME = "llamacpp"
    GENERATE = "/completion"
    STREAMS = True

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """The answer of ``/props`` when a llama-server gave it; KoboldCpp's has neither a build nor names."""
        props = ask(http, "/props")
        known = "build_info" in props or "media_marker" in props or "assistant_name" in props
        return props if known or ("total_slots" in props and "modalities" not in props) else None

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
        """Model, vision, marker, slots and the context of each slot. What ``/props`` does not tell is tried.

        ``/props`` needs the key, except in versions of 2025 and before: there the token count shows that it is right.
        """
        name = ""
        if identity.get("role") == "router":
            name = _choose_routed(http, model)
            identity = _properties(http, name)
        http.post("/tokenize", {"content": "key", "model": name}, quick=True)
        modalities, marker = identity.get("modalities"), identity.get("media_marker")
        if not isinstance(modalities, dict):
            raise ServerRefused(
                f"the llama-server at {http.base} does not accept pictures",
                "Start it with --mmproj PROJECTOR.gguf. Builds before April 2025 cannot: install a newer one.",
            )
        vision = modalities.get("vision") is True
        if vision and not isinstance(marker, str):
            _require_pictures(http)
        return Server(
            url=http.base,
            dialect=self.NAME,
            kind="llama-server",
            version=get_name(identity, "build_info"),
            model=name or _model_name(identity),
            vision=vision,
            context_length=get_context(get_object(identity, "default_generation_settings"), "n_ctx"),
            max_images=MOST_IMAGES,
            slots=min(get_count(identity, "total_slots") or 1, MOST_SLOTS),
            vision_remedy=PROJECTOR_REMEDY,
            context_remedy="Start the server with a larger context (llama-server: -c; with --gguf: --context)",
            marker=get_text(identity, "media_marker") or DEFAULT_MARKER,
        )

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG002
        """The body. Every setting is sent, since an operator may have set others than the defaults."""
        sampler = request.sampler
        prompt: Any = _mark_images(server, request.prompt)
        if request.prompt.images:
            data = [encode_image(image) for image in request.prompt.images]
            prompt = {"prompt_string": prompt, "multimodal_data": data}
        return {
            "prompt": prompt,
            "n_predict": request.max_length,
            "temperature": float(sampler.temperature),
            "top_p": float(sampler.top_p),
            "top_k": int(sampler.top_k),
            "min_p": float(sampler.min_p),
            "repeat_penalty": float(sampler.rep_pen),
            **NEUTRAL_SAMPLERS,
            "seed": int(sampler.seed),
            "stop": list(request.stop_sequences),
            "stream": True,
            "return_progress": True,
            "model": server.model,  # heard only where a server has several
            **({"grammar": request.shape.grammar} if request.shape is not None else {}),
        }

    def event_text(self, event: Any) -> str:
        """The text that an event of the stream brings."""
        return get_text(as_object(event), "content")

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:  # noqa: ARG002
        """The completion. What fails once the stream has begun comes as its last event."""
        events = reply.events or (reply.data,)
        last = events[-1]
        if not isinstance(last, dict):
            raise AnswerUnusable("llama-server ended its answer before the first token")
        if "error" in last:
            raise AnswerUnusable(f"llama-server failed: {http.quote(last['error'])}")
        if last.get("stop") is not True:
            raise AnswerUnusable("llama-server ended its answer in the middle")
        reason = _REASONS.get(get_text(last, "stop_type"), FinishReason.UNKNOWN)
        return Completion(
            text="".join(map(self.event_text, events)),
            finish_reason=FinishReason.LENGTH if last.get("truncated") is True else reason,
            prompt_tokens=get_count(last, "tokens_evaluated"),
            completion_tokens=get_count(last, "tokens_predicted"),
            seconds=reply.seconds,
        )

    def count_tokens(self, http: Http, server: Server, text: str) -> int | None:
        """Tokens of *text* as ``/completion`` counts them: with begin-of-text, and special tokens known as such."""
        body = {"content": text, "add_special": True, "parse_special": True, "model": server.model}
        try:
            tokens = ask(http, "/tokenize", body).get("tokens")
        except TimedOut:
            return None
        return len(tokens) if isinstance(tokens, list) else None

    def poll(self, http: Http, key: str) -> ProgressSnapshot:  # noqa: ARG002 - the slots are nobody's
        """What the slots have done: a request that waits for one makes progress while they work."""
        busy = [slot for slot in _slots(http) if slot.get("is_processing") is True]
        done = 0
        for slot in busy:
            done += (get_count(slot, "id_task") or 0) + (get_count(slot, "n_prompt_tokens_processed") or 0)
            tokens = slot.get("next_token")
            for state in tokens if isinstance(tokens, list) else [tokens]:
                done += get_count(as_object(state), "n_decoded") or 0
        return ProgressSnapshot(waiting=len(busy), generations=done)

    def is_idle(self, http: Http) -> bool:
        """Whether a slot is free; ``True`` where the slots are not shown."""
        try:
            slots = _slots(http)
        except ServerError:
            return True
        return not slots or any(slot.get("is_processing") is not True for slot in slots)

    def explain(self, error: ServerError) -> ServerError:
        """A complaint of the server with what can be done about it; the status codes changed over the years."""
        for words, kind, hint in _COMPLAINTS:
            if words in error.message:
                return kind(error.message, hint)
        return error


_COMPLAINTS: tuple[tuple[str, type[ServerError], str], ...] = (
    (
        "exceeds the available context size",
        RequestRefused,
        "Start the server with a larger context (llama-server: -c), or give a smaller --max-side.",
    ),
    (  # the slots share one memory, whatever each was promised
        "Context size has been exceeded",
        ServerCrowded,
        "The slots share the context: start the server with a larger one (llama-server: -c) or fewer slots (-np).",
    ),
    ("Failed to tokenize prompt", ServerChanged, ""),
    ("Loading model", ServerUnreachable, ""),  # somebody started it again
    ("Failed to load image", RequestRefused, "The server could not decode the picture."),
    ("does not support multimodal", ServerRefused, "Start the server with --mmproj PROJECTOR.gguf."),
)


def _mark_images(server: Server, prompt: Prompt) -> str:
    """The prompt with a marker for each image, and nothing else in it that the server would take for one."""

    def marker(image: PageImage, index: int) -> str:  # noqa: ARG001 - the signature that ``wrap`` calls
        return server.marker

    def sanitize(text: str) -> str:
        return _MARKERS.sub("< ", text).replace(server.marker, "")

    parts = tuple(sanitize(part) if isinstance(part, str) else part for part in prompt.parts)
    return wrap(replace(prompt, system=sanitize(prompt.system), parts=parts), marker)


def _require_pictures(http: Http) -> None:
    """A build of 2025: its ``/completion`` knows the form with pictures, or complains of the form itself."""
    body = {"prompt": {"prompt_string": "", "multimodal_data": ["AAAA"]}, "n_predict": 1}
    try:
        http.post(LlamaServer.GENERATE, body, quick=True)
    except (RequestRefused, AnswerUnusable) as error:
        if '"prompt" must be' not in error.message:
            return
    raise ServerRefused(
        f"the llama-server at {http.base} is from before August 2025 and accepts pictures in chat requests only",
        "Install a newer llama.cpp, or give --dialect openai.",
    )


def _choose_routed(http: Http, wanted: str | None) -> str:
    """The model to ask for, of a server that has several."""
    models = [
        Model(name, get_object(row, "status").get("value") == "loaded")
        for row in get_objects(as_object(http.get("/v1/models").data), "data")
        if (name := get_name(row, "id"))
    ]
    return choose(f"llama-server at {http.base}", models, wanted).name


def _properties(http: Http, name: str) -> Mapping[str, Any]:
    """``/props`` of one model of several. The server loads it for that."""
    try:
        data = http.get(f"/props?model={url_quote(name, safe='')}").data
    except TimedOut:
        raise ServerRefused(f"{http.base} is still loading {name}", "Try again when it is loaded.") from None
    if not isinstance(data, dict):
        raise AnswerUnusable(f"{http.base} reports nothing about its model {name}")
    return data


def _model_name(identity: Mapping[str, Any]) -> str:
    """The model's alias or the name of its file, without folder and ending."""
    path = get_text(identity, "model_alias") or get_text(identity, "model_path")
    return re.split(r"[/\\]", path)[-1].removesuffix(".gguf")[:LONGEST_NAME]


def _slots(http: Http) -> list[dict[str, Any]]:
    return get_objects({"slots": http.get("/slots").data}, "slots")

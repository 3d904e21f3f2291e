"""llama.cpp's own server, ``llama-server``: ``/completion``.

Facts about it were read in its source of late 2023, of May and August 2025 and of 2026, and tried on the latter. It has
taken pictures in two ways: from October 2023 to March 2024 as ``image_data``, named by ``[img-1]`` in the prompt; since
August 2025 as ``multimodal_data``, each standing where the prompt holds a marker. In between a picture was ignored
without a word, or taken by the chat endpoint only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote as url_quote

from visionocr.engines.changes import ServerChanged, ServerCrowded
from visionocr.engines.dialects import json_helpers
from visionocr.engines.http import Http, PathUnknown, Reply, TimedOut, quote
from visionocr.engines.monitor import ProgressSnapshot
from visionocr.errors import AnswerUnusable, RequestRefused, ServerError, ServerRefused
from visionocr.prompting.render import wrap
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Completion, FinishReason, PageImage, Prompt, Request, Server

NAME = "llamacpp"
GENERATE = "/completion"

DEFAULT_MARKER = "<__media__>"
"""What stood for a picture in 2025; since April 2026 each start of a server draws its own."""
OLD_MARKER = "[img-"
"""With the number of a picture and a bracket, what stood for it in 2023."""
MOST_IMAGES = 16
"""A request: the server names no limit, the context does."""
MOST_SLOTS = 64
_MARKERS = re.compile(r"<(?=__(?:media|image)\w*__>)|\[(?=img-\d)")
"""Where anything begins that some version would take for a picture."""


def recognise(http: Http) -> Mapping[str, Any] | None:
    """The answer of ``/props`` when a llama-server gave it; KoboldCpp's has neither a build nor names."""
    try:
        data = http.get("/props").data
    except TimedOut:
        raise
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return None
    if not isinstance(data, dict):
        return None
    known = "build_info" in data or "media_marker" in data or "assistant_name" in data
    return data if known or ("total_slots" in data and "modalities" not in data) else None


def probe(http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:
    """Model, vision, marker, slots and the context of each slot. What ``/props`` does not tell is tried.

    ``/props`` needs the key, except in versions of 2025 and before: there the token count shows that it is right.
    """
    name = ""
    if identity.get("role") == "router":
        name = _routed(http, model)
        identity = _properties(http, name)
    http.post("/tokenize", {"content": "key", "model": name}, quick=True)
    modalities = identity.get("modalities")
    old = not isinstance(modalities, dict)
    vision = _draws_old(http) if not isinstance(modalities, dict) else modalities.get("vision") is True
    marker = identity.get("media_marker")
    if old and not vision:
        raise ServerRefused(
            f"the llama-server at {http.base} takes no pictures",
            "Start it with --mmproj PROJECTOR.gguf; builds from March 2024 to April 2025 cannot: install a newer one.",
        )
    if vision and not old and not isinstance(marker, str):
        _require_pictures(http)
    settings = identity.get("default_generation_settings")
    context = json_helpers.context(settings, "n_ctx") if isinstance(settings, dict) else None
    slots = 1 if old else json_helpers.whole(identity, "total_slots") or 1
    return Server(
        url=http.base,
        dialect=NAME,
        kind="llama-server",
        version=str(identity.get("build_info", "")),
        model=name or _model_name(identity, settings),
        vision=vision,
        context_length=context,
        max_images=MOST_IMAGES,
        counts_tokens=not old,
        slots=min(slots, MOST_SLOTS),
        vision_remedy=PROJECTOR_REMEDY,
        context_remedy="Start the server with a larger context (llama-server: -c, a model of your own: --context)",
        marker=OLD_MARKER if old else marker if isinstance(marker, str) and marker else DEFAULT_MARKER,
    )


def encode(server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG001 - the protocol's
    """The body. Every setting is sent, since an operator may have set others than the defaults.

    The answer is asked for in pieces: only so does the server notice that nobody waits for it any more.
    """
    sampler = request.sampler
    body: dict[str, Any] = {
        "prompt": _marked(server, request.prompt),
        "n_predict": request.max_length,
        "temperature": float(sampler.temperature),
        "top_p": float(sampler.top_p),
        "top_k": int(sampler.top_k),
        "min_p": float(sampler.min_p),
        "repeat_penalty": float(sampler.rep_pen),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "dry_multiplier": 0.0,
        "seed": int(sampler.seed),
        "stop": list(request.stop_sequences),
        "stream": True,
        "return_progress": True,
        "model": server.model,  # heard only where a server has several
    }
    data = [json_helpers.encoded(image) for image in request.prompt.images]
    if data and server.marker == OLD_MARKER:
        body["image_data"] = [{"data": each, "id": number} for number, each in enumerate(data, 1)]
    elif data:
        body["prompt"] = {"prompt_string": body["prompt"], "multimodal_data": data}
    return body


def piece(event: Any) -> str:
    """The text that an event of the stream brings."""
    text = event.get("content") if isinstance(event, dict) else None
    return text if isinstance(text, str) else ""


def decode(http: Http, reply: Reply, request: Request) -> Completion:  # noqa: ARG001 - the protocol's
    """The completion. What fails once the stream has begun comes as its last event."""
    events = reply.events or (reply.data,)
    last = events[-1]
    if not isinstance(last, dict):
        raise AnswerUnusable("llama-server ended its answer before it began")
    if "error" in last:
        raise AnswerUnusable(f"llama-server failed: {http.without_key(_words(last['error']))}")
    if last.get("stop") is not True:
        raise AnswerUnusable("llama-server ended its answer in the middle")
    return Completion(
        text="".join(map(piece, events)),
        finish_reason=_finish(last),
        prompt_tokens=json_helpers.whole(last, "tokens_evaluated")
        if "stop_type" in last
        else None,  # in 2023 without pictures
        completion_tokens=json_helpers.whole(last, "tokens_predicted"),
        seconds=reply.seconds,
    )


def count_tokens(http: Http, server: Server, text: str) -> int | None:
    """Tokens of *text* as ``/completion`` counts them: with begin-of-text, and special tokens known as such."""
    body = {"content": text, "add_special": True, "parse_special": True, "model": server.model}
    try:
        data = http.post("/tokenize", body, quick=True).data
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return None
    tokens = data.get("tokens") if isinstance(data, dict) else None
    return len(tokens) if isinstance(tokens, list) else None


def look(http: Http, key: str) -> ProgressSnapshot:  # noqa: ARG001 - the slots are nobody's
    """What the slots have done: a request that waits for one is alive while they work."""
    slots = _slots(http)
    busy = [slot for slot in slots if slot.get("is_processing") is True]
    done = 0
    for slot in busy:
        tokens = slot.get("next_token")
        for state in tokens if isinstance(tokens, list) else [tokens]:
            done += (json_helpers.whole(state, "n_decoded") or 0) if isinstance(state, dict) else 0
        done += (json_helpers.whole(slot, "id_task") or 0) + (
            json_helpers.whole(slot, "n_prompt_tokens_processed") or 0
        )
    return ProgressSnapshot(waiting=len(busy), generations=done)


def abort(http: Http, key: str) -> None:
    """Nothing: a generation ends when its client hangs up."""


def is_idle(http: Http) -> bool:
    """Whether a slot is free; ``True`` where the slots are not shown."""
    try:
        slots = _slots(http)
    except ServerError:
        return True
    return not slots or any(slot.get("is_processing") is not True for slot in slots)


def explain(error: ServerError) -> ServerError:
    """A complaint of the server with what can be done about it; the status codes changed over the years."""
    words = error.message
    if "exceeds the available context size" in words:
        hint = "Start the server with a larger context (llama-server: -c), or give a smaller --max-side."
        return RequestRefused(words, hint)
    if "Context size has been exceeded" in words:  # the slots share one memory, whatever each was promised
        hint = "Start the server with a larger context (llama-server: -c) or fewer slots (-np)."
        return ServerCrowded(f"{words} Its slots share the context", hint, retry_after=0.0)
    if "Failed to tokenize prompt" in words:
        return ServerChanged(words, retry_after=0.0)
    if "Failed to load image" in words:
        return RequestRefused(words, "The server could not decode the picture.")
    if "does not support multimodal" in words:
        return ServerRefused(words, "Start the server with --mmproj PROJECTOR.gguf.")
    return error


def _marked(server: Server, prompt: Prompt) -> str:
    """The prompt with a marker for each image, and nothing else in it that the server would take for one."""

    def marker(image: PageImage, index: int) -> str:  # noqa: ARG001 - the signature that ``wrap`` calls
        return f"{OLD_MARKER}{index + 1}]" if server.marker == OLD_MARKER else server.marker

    def harmless(text: str) -> str:
        return _MARKERS.sub(lambda match: f"{match[0]} ", text).replace(server.marker, "")

    parts = tuple(harmless(part) if isinstance(part, str) else part for part in prompt.parts)
    return wrap(replace(prompt, system=harmless(prompt.system), parts=parts), marker)


def _draws_old(http: Http) -> bool:
    """Whether a server without ``modalities`` is of 2023 and has a projector: its streams say so."""
    try:
        body = {"prompt": "a", "n_predict": 4, "stream": True}
        events = http.post(GENERATE, body, quick=True, hear=lambda event: None).events  # noqa: ARG005
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return False
    return any(isinstance(event, dict) and event.get("multimodal") is True for event in events)


def _require_pictures(http: Http) -> None:
    """A build of 2025: its ``/completion`` knows the form with pictures, or complains of the form itself."""
    try:
        http.post(GENERATE, {"prompt": {"prompt_string": "", "multimodal_data": ["AAAA"]}, "n_predict": 1}, quick=True)
    except (RequestRefused, AnswerUnusable) as error:
        if '"prompt" must be' not in error.message:
            return
    raise ServerRefused(
        f"the llama-server at {http.base} is from before August 2025 and takes pictures in its chat only",
        "Install a newer llama.cpp, or give --dialect openai.",
    )


def _routed(http: Http, model: str | None) -> str:
    """The model to ask for, of a server that has several."""
    data = http.get("/v1/models").data
    rows = data.get("data") if isinstance(data, dict) else None
    known = {str(row["id"]): row.get("status") for row in rows or () if isinstance(row, dict) and "id" in row}
    if model is not None and model in known:
        return model
    loaded = [name for name, status in known.items() if isinstance(status, dict) and status.get("value") == "loaded"]
    choice = loaded or list(known)
    if model is None and len(choice) == 1:
        return choice[0]
    names = ", ".join(quote(name.encode()) for name in list(known)[:20]) or "none"
    what = "several models" if model is None else f"no model {model!r}"
    raise ServerRefused(f"the llama-server at {http.base} has {what}", f"Choose with --model: {names}.")


def _properties(http: Http, name: str) -> Mapping[str, Any]:
    """``/props`` of one model of several. The server loads it for that."""
    try:
        data = http.get(f"/props?model={url_quote(name, safe='')}").data
    except TimedOut:
        raise ServerRefused(f"{http.base} is still loading {name}", "Try again when it is there.") from None
    if not isinstance(data, dict):
        raise AnswerUnusable(f"{http.base} says nothing of its model {name}")
    return data


def _model_name(identity: Mapping[str, Any], settings: Any) -> str:
    """The model's alias or the name of its file, without folder and ending."""
    old = settings.get("model") if isinstance(settings, dict) else None
    for value in (identity.get("model_alias"), identity.get("model_path"), old):
        if isinstance(value, str) and value:
            return re.split(r"[/\\]", value)[-1].removesuffix(".gguf")
    return ""


def _finish(last: Mapping[str, Any]) -> FinishReason:
    kind = last.get("stop_type")
    if last.get("truncated") is True or kind == "limit" or last.get("stopped_limit") is True:
        return FinishReason.LENGTH
    if kind in ("eos", "word") or last.get("stopped_eos") is True or last.get("stopped_word") is True:
        return FinishReason.STOP
    return FinishReason.UNKNOWN


def _slots(http: Http) -> list[Mapping[str, Any]]:
    data = http.get("/slots").data
    return [slot for slot in data if isinstance(slot, dict)] if isinstance(data, list) else []


def _words(error: Any) -> str:
    message = error.get("message", error) if isinstance(error, dict) else error
    return quote(str(message).encode("utf-8", "replace"))

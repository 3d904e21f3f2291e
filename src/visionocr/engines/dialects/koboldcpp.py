"""KoboldCpp's native API: ``/api/v1/generate``.

Facts about the server were read in its source and seen on live servers of versions 1.76, 1.104 and 1.115.1;
"since" names the version in which a change was first found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from visionocr.engines.dialects import json_helpers
from visionocr.engines.http import Http, PathUnknown, Reply, TimedOut
from visionocr.engines.monitor import ProgressSnapshot
from visionocr.errors import AnswerUnusable, RequestRefused, ServerError
from visionocr.prompting.budget import KOBOLDCPP_DEFAULT_SIDE as DEFAULT_SIDE
from visionocr.prompting.budget import KOBOLDCPP_MAX_SIDE as HARD_SIDE
from visionocr.prompting.render import wrap
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Completion, FinishReason, Request, Server

NAME = "koboldcpp"
GENERATE = "/api/v1/generate"

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request body that the server accepts unless started with another ``--maxrequestsize``."""

AHEAD = 1
"""Its lock is kept for about 50 ms after each answer; a request that waits in its queue meanwhile overlaps that, and
its own upload, with the work. At least six may wait there unless the operator said otherwise (``--multiuser``)."""

Version = tuple[int, ...]


def recognise(http: Http) -> Mapping[str, Any] | None:
    """The answer of ``/api/extra/version`` when a KoboldCpp gave it."""
    try:
        data = http.get("/api/extra/version").data
    except TimedOut:
        raise
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return None
    return data if isinstance(data, dict) and data.get("result") == "KoboldCpp" else None


def probe(http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:  # noqa: ARG001 - it has one
    """Version, model, vision, context; then the key, by the one cheap call that needs it."""
    text = str(identity.get("version", ""))
    version = parse_version(text)
    loaded = json_helpers.text(json_helpers.known(http, "/api/v1/model"), "result").removeprefix("koboldcpp/")
    if identity.get("llm") is False or loaded == "inactive":
        raise ServerError(
            f"the KoboldCpp at {http.base} has no model loaded", "Start it with --model and --mmproj, or in its GUI."
        )
    if identity.get("protected"):
        http.post("/api/extra/tokencount", {"prompt": "key"}, quick=True)  # 401 at once if the key is wrong
    context = json_helpers.context(json_helpers.known(http, "/api/extra/true_max_context_length"), "value")
    vision = identity.get("vision")
    return Server(
        url=http.base,
        dialect=NAME,
        kind="KoboldCpp",
        version=text,
        model=loaded,
        vision=vision if isinstance(vision, bool) else None,
        context_length=context,
        max_images=4 if version < (1, 82) else 8 if version < (1, 111) else 16,
        max_side=HARD_SIDE,
        assumed_side=DEFAULT_SIDE if version >= (1, 83) else HARD_SIDE,
        max_body=MAX_BODY,
        ahead=AHEAD,
        counts_tokens=version >= (1, 77),
        vision_remedy=PROJECTOR_REMEDY,
        context_remedy="Start the server with a larger context (--contextsize)",
        clamp_remedy="start KoboldCpp with --visionmaxres 2048",
        warnings=_warnings(version),
    )


def parse_version(text: str) -> Version:
    """The leading dotted numbers: forks add suffixes (``1.104.yr0-ROCm``)."""
    match = re.match(r"\d{1,9}(\.\d{1,9}){0,5}", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def encode(server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG001 - the protocol's
    """The body. Every setting is sent: defaults differ from version to version and an operator may set others.

    Fields without a value are left out, never ``null``; numbers keep their type; images are bare base64 without
    prefix or line breaks. Anything else is answered with 200 and ignored.
    """
    sampler = request.sampler
    body: dict[str, Any] = {
        "prompt": wrap(request.prompt),
        "max_length": request.max_length,
        "temperature": float(sampler.temperature),
        "top_p": float(sampler.top_p),
        "top_k": int(sampler.top_k),
        "min_p": float(sampler.min_p),
        "rep_pen": float(sampler.rep_pen),
        "sampler_seed": int(sampler.seed),
        "stop_sequence": list(request.stop_sequences[:32]),  # 32 are used up to 1.76, later 256
        "trim_stop": True,  # the default changed in 1.80
        "render_special": request.special_tokens,
        "genkey": key,
        "replace_instruct_placeholders": False,  # since 1.86 "{{[INPUT]}}" in a prompt would be rewritten
    }
    if request.context_length is not None:
        body["max_context_length"] = request.context_length
    if request.prompt.images:
        body["images"] = [json_helpers.encoded(image) for image in request.prompt.images]
    return body


def decode(http: Http, reply: Reply, request: Request) -> Completion:
    """The completion. A failure may come with status 200: body ``null``, an empty text without tokens, "error"."""
    result = _result(reply.data)
    text = result.get("text")
    if not isinstance(text, str):
        raise AnswerUnusable("KoboldCpp answered without a text")
    reason = result.get("finish_reason")
    prompt_tokens, tokens = (
        json_helpers.whole(result, "prompt_tokens"),
        json_helpers.whole(result, "completion_tokens"),
    )  # since 1.77
    if reason == "error":
        raise AnswerUnusable("KoboldCpp's engine failed on this request (finish_reason error)")
    if not text and reason != "stop" and not tokens:
        raise AnswerUnusable(
            "KoboldCpp answered with no text and no tokens: aborted in its queue, or its engine failed"
        )
    return Completion(
        text=text,
        finish_reason=_finish(http, reason, tokens, request.max_length),
        prompt_tokens=prompt_tokens,
        completion_tokens=tokens,
        seconds=reply.seconds,
    )


def count_tokens(http: Http, server: Server, text: str) -> int | None:  # noqa: ARG001 - the protocol's
    """Tokens of *text* by the lock-free ``tokencount``; images are not counted by it."""
    try:
        data = http.post("/api/extra/tokencount", {"prompt": text}, quick=True).data
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return None
    return json_helpers.whole(data, "value") if isinstance(data, dict) else None


def look(http: Http, key: str) -> ProgressSnapshot:
    """The text so far, by a call that needs no lock, and the queue."""
    check = http.post("/api/extra/generate/check", {"genkey": key}, quick=True).data
    perf = http.get("/api/extra/perf").data
    queue = perf if isinstance(perf, dict) else {}
    results = check.get("results") if isinstance(check, dict) else None
    first = results[0] if isinstance(results, list) and results and isinstance(results[0], dict) else {}
    text = first.get("text")
    return ProgressSnapshot(
        text if isinstance(text, str) else "",
        json_helpers.whole(queue, "queue"),
        json_helpers.whole(queue, "total_gens"),
    )


def abort(http: Http, key: str) -> None:
    """Stop the generation called *key*. Without a key the server would stop anybody's, so there is always one."""
    assert key
    http.post("/api/extra/abort", {"genkey": key}, quick=True)


def is_idle(http: Http) -> bool:
    """Whether nothing is generated and nothing waits."""
    data = http.get("/api/extra/perf").data
    return not isinstance(data, dict) or (data.get("idle", 1) == 1 and data.get("queue", 0) == 0)


def _finish(http: Http, reason: object, tokens: int | None, max_length: int) -> FinishReason:
    """Why it ended: "stop" is only the end token; everything else, a matched stop sequence too, is "length"."""
    if reason == "stop":
        return FinishReason.STOP
    if tokens is not None and tokens >= max_length:
        return FinishReason.LENGTH
    try:
        perf = http.get("/api/extra/perf").data
    except ServerError:
        return FinishReason.UNKNOWN
    if not isinstance(perf, dict) or (tokens is not None and perf.get("last_token_count") != tokens):
        return FinishReason.UNKNOWN  # it describes somebody else's generation
    stop_reason = perf.get("stop_reason")
    if stop_reason in (1, 2):
        return FinishReason.STOP
    if stop_reason == 0:
        last = perf.get("last_token_count")
        return FinishReason.LENGTH if isinstance(last, int) and last >= max_length else FinishReason.ABORTED
    return FinishReason.UNKNOWN


def _result(data: object) -> dict[str, Any]:
    if data is None:
        raise AnswerUnusable("KoboldCpp answered null: it could not use a value in the request")
    results = data.get("results") if isinstance(data, dict) else None
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise AnswerUnusable("KoboldCpp's answer holds no results")
    return results[0]


def _warnings(version: Version) -> tuple[str, ...]:
    if version < (1, 61):
        return ("this KoboldCpp is older than 1.61 and takes no images",)
    if version < (1, 77):
        return ("this KoboldCpp is older than 1.77: its answers do not show whether they used the picture",)
    return ()

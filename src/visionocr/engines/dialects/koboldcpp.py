"""KoboldCpp's native API: ``/api/v1/generate``.

Facts about the server were read in its source and seen on live servers of versions 1.76, 1.104 and 1.115.1;
"since" names the version in which a change was first found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from visionocr.engines.dialects.base import Dialect, ProgressSnapshot
from visionocr.engines.dialects.json_helpers import (
    as_object,
    ask,
    ask_optional,
    encode_image,
    get_context,
    get_count,
    get_flag,
    get_name,
    get_objects,
    get_text,
)
from visionocr.engines.http import Http, Reply
from visionocr.engines.http_errors import GenerationFailed, TimedOut
from visionocr.errors import AnswerUnusable, ServerError
from visionocr.prompting.budget import KOBOLDCPP_DEFAULT_SIDE, KOBOLDCPP_MAX_SIDE
from visionocr.prompting.render import wrap
from visionocr.text import PROJECTOR_REMEDY
from visionocr.types import Completion, FinishReason, Request, Server

MAX_BODY = 32 * 1024 * 1024
"""Bytes of a request body that the server accepts unless started with another ``--maxrequestsize``."""

NEUTRAL_SAMPLERS: dict[str, float] = {
    "presence_penalty": 0.0,
    "typical": 1.0,
    "tfs": 1.0,
    "top_a": 0.0,
    "nsigma": 0.0,
    "mirostat": 0,
    "dynatemp_range": 0.0,
    "smoothing_factor": 0.0,
    "dry_multiplier": 0.0,
    "xtc_probability": 0.0,
    "adaptive_target": -1.0,
}
"""The samplers that nothing here uses, switched off: an operator may have switched them on (``--gendefaults``), and
some of them change even a greedy answer."""

AHEAD = 1
"""Its lock is kept for about 50 ms after each answer; a request that waits in its queue meanwhile overlaps that, and
its own upload, with the work. At least six may wait there unless the operator said otherwise (``--multiuser``)."""

Version = tuple[int, ...]


class KoboldCpp(Dialect):
    """The dialect; stateless."""

    NAME = "koboldcpp"
    GENERATE = "/api/v1/generate"
    OUTLIVES = True

    def recognise(self, http: Http) -> Mapping[str, Any] | None:
        """The answer of ``/api/extra/version`` when a KoboldCpp gave it."""
        identity = ask(http, "/api/extra/version")
        return identity if identity.get("result") == "KoboldCpp" else None

    def probe(self, http: Http, identity: Mapping[str, Any], model: str | None = None) -> Server:  # noqa: ARG002
        """Version, model (it has one), vision, context; then the key, by the one cheap call that needs it."""
        text = get_name(identity, "version")
        version = parse_version(text)
        loaded = get_name(ask_optional(http, "/api/v1/model"), "result").removeprefix("koboldcpp/")
        if identity.get("llm") is False or loaded == "inactive":
            raise ServerError(
                f"the KoboldCpp at {http.base} has no model loaded",
                "Start it with --model and --mmproj, or in its GUI.",
            )
        if identity.get("protected"):
            http.post("/api/extra/tokencount", {"prompt": "key"}, quick=True)  # 401 at once if the key is wrong
        return Server(
            url=http.base,
            dialect=self.NAME,
            kind="KoboldCpp",
            version=text,
            model=loaded,
            vision=get_flag(identity, "vision"),
            context_length=get_context(ask_optional(http, "/api/extra/true_max_context_length"), "value"),
            max_images=4 if version < (1, 82) else 8 if version < (1, 111) else 16,
            max_side=KOBOLDCPP_MAX_SIDE,
            assumed_side=KOBOLDCPP_DEFAULT_SIDE if version >= (1, 83) else KOBOLDCPP_MAX_SIDE,
            max_body=MAX_BODY,
            ahead=AHEAD,
            counts_tokens=version >= (1, 77),
            vision_remedy=PROJECTOR_REMEDY,
            context_remedy="Start the server with a larger context (--contextsize)",
            clamp_remedy="start KoboldCpp with --visionmaxres 2048",
            warnings=_warnings(version),
        )

    def encode(self, server: Server, request: Request, key: str) -> dict[str, Any]:  # noqa: ARG002
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
            **NEUTRAL_SAMPLERS,
            "stop_sequence": list(request.stop_sequences[:32]),  # 32 are used up to 1.76, later 256
            "trim_stop": True,  # the default changed in 1.80
            "render_special": request.special_tokens,
            "genkey": key,
            "replace_instruct_placeholders": False,  # since 1.86 "{{[INPUT]}}" in a prompt would be rewritten
        }
        if request.context_length is not None:
            body["max_context_length"] = request.context_length
        if request.shape is not None:
            body["grammar"] = request.shape.grammar  # one that it cannot parse is ignored without a word
        if request.prompt.images:
            body["images"] = [encode_image(image) for image in request.prompt.images]
        return body

    def decode(self, http: Http, reply: Reply, request: Request) -> Completion:
        """The completion. A failure may come with status 200: body ``null``, an empty text without tokens, "error"."""
        if reply.data is None:
            raise AnswerUnusable("KoboldCpp answered null: it could not use a value in the request")
        results = get_objects(as_object(reply.data), "results")
        if not results:
            raise AnswerUnusable("KoboldCpp's answer holds no results")
        result = results[0]
        text, reason = result.get("text"), result.get("finish_reason")
        tokens = get_count(result, "completion_tokens")  # since 1.77
        if not isinstance(text, str):
            raise AnswerUnusable("KoboldCpp answered without a text")
        if reason == "error":
            # Since 1.107.2. In 1.115.1 also what follows an abort while the prompt was processed; not the one after it.
            raise GenerationFailed("KoboldCpp's engine failed on this request (finish_reason error)")
        if not text and reason != "stop" and not tokens:
            raise GenerationFailed(
                "KoboldCpp answered with no text and no tokens: aborted in its queue, or its engine failed"
            )
        return Completion(
            text=text,
            finish_reason=_finish_reason(http, reason, tokens, request.max_length),
            prompt_tokens=get_count(result, "prompt_tokens"),  # since 1.77
            completion_tokens=tokens,
            seconds=reply.seconds,
        )

    def count_tokens(self, http: Http, server: Server, text: str) -> int | None:  # noqa: ARG002
        """Tokens of *text* by the lock-free ``tokencount``; images are not counted by it."""
        try:
            return get_count(ask(http, "/api/extra/tokencount", {"prompt": text}), "value")
        except TimedOut:
            return None

    def poll(self, http: Http, key: str) -> ProgressSnapshot:
        """The text so far, by a call that needs no lock, and the queue."""
        text = _check(http, key)
        queue = as_object(http.get("/api/extra/perf").data)
        return ProgressSnapshot(text, get_count(queue, "queue"), get_count(queue, "total_gens"))

    def fetch(self, http: Http, key: str, request: Request, seen: str) -> Completion | None:
        """The text that the server still has of its last generation, with the figures that it reports of it.

        ``idle`` is asked for before the text, which is complete once the generation has ended. When another generation
        has begun, the text is lost except for what was seen.
        """
        perf = as_object(http.get("/api/extra/perf").data)
        text = _check(http, key)
        if seen and not text:
            return Completion(seen, FinishReason.ABORTED)
        if perf.get("idle") != 1:
            return None
        if not text:
            raise GenerationFailed(f"{http.base} has no answer to the request whose connection was lost")
        for stop in filter(None, request.stop_sequences):
            text = text.partition(stop)[0]  # as ``trim_stop`` would
        result = {
            "text": text,
            "finish_reason": "stop" if perf.get("stop_reason") == 1 else "length",
            "completion_tokens": perf.get("last_token_count"),
            "prompt_tokens": perf.get("last_input_count"),  # since 1.94
        }
        return self.decode(http, Reply(200, {"results": [result]}, 0.0), request)

    def abort(self, http: Http, key: str) -> None:
        """Stop the generation called *key*. Without a key the server would stop anybody's, so there is always one."""
        assert key
        http.post("/api/extra/abort", {"genkey": key}, quick=True)

    def is_idle(self, http: Http) -> bool:
        """Whether nothing is generated and nothing waits."""
        queue = as_object(http.get("/api/extra/perf").data)
        return bool(queue.get("idle", 1) == 1 and queue.get("queue", 0) == 0)


def parse_version(text: str) -> Version:
    """The leading dotted numbers: forks add suffixes (``1.104.yr0-ROCm``)."""
    match = re.match(r"\d{1,9}(\.\d{1,9}){0,5}", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _check(http: Http, key: str) -> str:
    """The text so far of the generation called *key*, or of the last one if that was it; else empty."""
    check = http.post("/api/extra/generate/check", {"genkey": key}, quick=True).data
    results = get_objects(as_object(check), "results")
    return get_text(results[0], "text") if results else ""


def _finish_reason(http: Http, reason: object, tokens: int | None, max_length: int) -> FinishReason:
    """Why it ended: "stop" is only the end token; everything else, a matched stop sequence too, is "length"."""
    if reason == "stop":
        return FinishReason.STOP
    if tokens is not None and tokens >= max_length:
        return FinishReason.LENGTH
    try:
        perf = as_object(http.get("/api/extra/perf").data)
    except ServerError:
        return FinishReason.UNKNOWN
    last = perf.get("last_token_count")
    if tokens is not None and last != tokens:
        return FinishReason.UNKNOWN  # the server describes another client's generation
    if perf.get("stop_reason") in (1, 2):
        return FinishReason.STOP
    if perf.get("stop_reason") == 0:
        return FinishReason.LENGTH if isinstance(last, int) and last >= max_length else FinishReason.ABORTED
    return FinishReason.UNKNOWN


def _warnings(version: Version) -> tuple[str, ...]:
    if version < (1, 61):
        return ("this KoboldCpp is older than 1.61 and takes no images",)
    if version < (1, 77):
        return ("this KoboldCpp is older than 1.77: its answers do not show whether they used the picture",)
    return ()

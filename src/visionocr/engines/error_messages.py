"""What a server's words in an error answer mean, where its status alone does not say it.

The words were read in the sources of llama.cpp, vLLM, Ollama, KoboldCpp and text-generation-webui; a server
whose words are not known here is judged by its status.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from visionocr.errors import RequestRefused, ServerError, ServerRefused

_STATUSES = frozenset({400, 404, 413, 422, 500})
"""Others, such as 401 and 503, say enough themselves."""


@dataclass(frozen=True, slots=True)
class _Meaning:
    words: re.Pattern[str]
    error: type[ServerError]
    message: str
    hint: str


def _meaning(words: str, error: type[ServerError], message: str, hint: str) -> _Meaning:
    return _Meaning(re.compile(words, re.IGNORECASE), error, message, hint)


_MEANINGS = (
    _meaning(
        r"exceed_context_size|context[ _](size|length|window|overflow)|maximum model len|truncation_length",
        RequestRefused,
        "the request does not fit the context of {base}",
        "Start the server with a larger context, or give a smaller --max-side, --max-length or --batch.",
    ),
    _meaning(
        r"At most \d+ (image|multi-?modal)",
        RequestRefused,
        "{base} takes no more images in a request",
        "Give a smaller --batch.",
    ),
    _meaning(
        r"image input is not supported|not a multimodal model|missing data required for image"
        r"|(does not|doesn't|cannot) support (multimodal|images?|vision)|no (vision|image) support"
        r"|not support(ed)? (image|vision) input",
        ServerRefused,
        "the model at {base} cannot see pictures",
        "Load a model that can see pictures, with its projector (mmproj) where the server wants one.",
    ),
    _meaning(
        r"failed to load image|invalid image input|cannot identify image|failed to (decode|process) image",
        RequestRefused,
        "{base} cannot read the picture",
        "",
    ),
    _meaning(
        r"\bmodel\b.{0,300}(not found|does not exist|not exist)|invalid model identifier|no models? (is |are )?loaded",
        ServerRefused,
        "{base} has no such model, or none loaded",
        "Load one, or name one with --model; visionocr check says what is there.",
    ),
    _meaning(
        r"requires more system memory|failed to load model|unable to load model",
        ServerRefused,
        "{base} cannot load the model",
        "Look at the server's console; a smaller model or context may do.",
    ),
    _meaning(
        r"invalid host header",
        ServerRefused,
        "{base} is not reachable under that name",
        "Use localhost or 127.0.0.1 on the same machine, or start text-generation-webui with --listen.",
    ),
)


def meaning(base: str, status: int, words: str) -> ServerError | None:
    """The error that a server's *words* stand for; ``None`` when they say no more than the *status*."""
    if status not in _STATUSES:
        return None
    for known in _MEANINGS:
        if known.words.search(words):
            return known.error(f"{known.message.format(base=base)} ({status}: {words})", known.hint)
    return None

"""The wire languages, and finding out which one a server speaks.

A new dialect is a new module with a subclass of ``Dialect`` and a line in ``ALL``; nothing else changes.
"""

from __future__ import annotations

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.dialects.koboldcpp import KoboldCpp
from visionocr.engines.dialects.llamacpp import LlamaServer
from visionocr.engines.dialects.ollama import Ollama
from visionocr.engines.dialects.openai import OpenAI
from visionocr.engines.dialects.textgen import Textgen
from visionocr.engines.http import Http
from visionocr.engines.http_errors import ConnectionLost, PathUnknown, TimedOut
from visionocr.errors import ServerError, ServerRefused, ServerUnknown
from visionocr.types import Server

ALL: tuple[Dialect, ...] = (KoboldCpp(), LlamaServer(), Ollama(), Textgen(), OpenAI())
"""In the order in which a server is tried: KoboldCpp answers for others too, and ``openai`` is what many speak beside
their own."""


def probe(http: Http, wanted: str | None = None, model: str | None = None) -> tuple[Server, Dialect]:
    """Ask each dialect in turn whether the server speaks it; the first that does finds out the rest.

    *wanted* names the only dialect to try; *model* is the one to ask for, where a server has several.

    Raises ``ServerUnreachable`` when nobody answers, ``ServerUnknown`` when no dialect fits or the key is wrong.
    """
    for dialect in (known for known in ALL if wanted is None or wanted == known.NAME):
        try:
            identity = dialect.recognise(http)
        except (ServerRefused, TimedOut) as error:  # it wants a key, is elsewhere, or says nothing
            raise ServerUnknown(error.message, error.hint) from None
        if identity is not None:
            return dialect.probe(http, identity, model), dialect
    if wanted is not None:
        raise ServerUnknown(
            f"{http.base} answers, but does not speak the {wanted} API", "Leave out --dialect to detect it."
        )
    raise ServerUnknown(
        f"{http.base} answers, but is not a known kind of server ({', '.join(known.NAME for known in ALL)})",
        f"{_words_of(http)}Check the address: KoboldCpp listens on port 5001, Ollama on 11434, LM Studio on 1234, vLLM "
        "on 8000, text-generation-webui on 5000.",
    )


def _words_of(http: Http) -> str:
    """What a server complains of when it is asked for its models, as every server is, as a sentence."""
    try:
        http.get(OpenAI.MODELS)
    except PathUnknown:
        return ""
    except ServerError as error:
        # Nothing else is sent by many servers that expect HTTPS.
        secure = isinstance(error, ConnectionLost) and http.base.startswith("http://")
        hint = "Should the address begin with https://? " if secure else ""
        return f"Asked for its models: {error.message}. {hint}"
    return ""

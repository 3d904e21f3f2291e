"""Finds out what answers at an address."""

from __future__ import annotations

from visionocr.engines.dialects import ALL, Dialect
from visionocr.engines.http import Http, TimedOut
from visionocr.errors import ServerRefused, ServerUnknown
from visionocr.types import Server


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
            f"{http.base} answers, but not in the language {wanted}", "Leave out --dialect to find out."
        )
    raise ServerUnknown(
        f"{http.base} answers, but not as a server that is known here ({', '.join(known.NAME for known in ALL)})",
        "Check the address: KoboldCpp listens on port 5001, Ollama on 11434, LM Studio on 1234, vLLM on 8000, "
        "text-generation-webui on 5000.",
    )

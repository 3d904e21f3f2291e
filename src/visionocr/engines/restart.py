"""Whether a server that was lost for a while is still the one that a run was planned for."""

from __future__ import annotations

from dataclasses import replace

from visionocr.engines.dialects.base import Dialect
from visionocr.engines.http import Http
from visionocr.engines.limits import missing_capability
from visionocr.errors import AnswerUnusable, ServerRefused, ServerUnreachable
from visionocr.types import Server


def probe_again(http: Http, dialect: Dialect, old: Server) -> Server:
    """Probe the server that was *old*: what it is now, with what is only known to us of it.

    Raises ``ServerUnreachable`` when it does not answer as before, or not yet, ``ServerRefused`` when what was planned
    for it does not fit any more.
    """
    try:
        identity = dialect.recognise(http)
        new = None if identity is None else dialect.probe(http, identity, old.model)
    except AnswerUnusable as error:
        raise ServerUnreachable(error.message, error.hint) from None
    if new is None or (old.model and not new.model):  # it is starting, or dying
        raise ServerUnreachable(f"{old.url} does not answer as a {old.kind} any more")
    if lack := missing_capability(old, new, strict=True):
        raise ServerRefused(
            f"the {old.kind} at {old.url} was started again with another model or other settings: {lack}",
            "Repeat the command; pages that are in a journal are not asked for again.",
        )
    # What the run has shown of it so far, what only we know, and what was learnt.
    ours = {name: getattr(old, name) for name in ("url", "kind", "version", "preset", "max_body", "streams")}
    return replace(new, **ours)

"""What dialects share: small questions whose failure is no error, and values out of JSON that may be anything."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from visionocr.engines.http import Http, PathUnknown, TimedOut
from visionocr.errors import AnswerUnusable, RequestRefused, ServerRefused
from visionocr.types import PageImage

MOST_CONTEXT = 2**31
"""Tokens: a larger context length is not believed."""
LONGEST_NAME = 200
"""Characters: what is longer is no model's name."""


def ask(http: Http, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON object at *path*, posted for where there is a *body*; empty where there is none.

    Raises ``ServerUnreachable``, ``ServerBusy``, ``TimedOut``, and ``ServerRefused`` for a wrong key.
    """
    try:
        data = (http.get(path) if body is None else http.post(path, body, quick=True)).data
    except TimedOut:
        raise
    except (PathUnknown, RequestRefused, AnswerUnusable):
        return {}
    return data if isinstance(data, dict) else {}


def known(http: Http, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same for what is only good to know: a refusal, or silence, is no answer either."""
    try:
        return ask(http, path, body)
    except (ServerRefused, TimedOut):
        return {}


def whole(table: Mapping[str, Any], key: str) -> int | None:
    """A count: a whole number that is not negative."""
    value = table.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def context(table: Mapping[str, Any], key: str) -> int | None:
    """A context length that can be believed."""
    value = whole(table, key)
    return value if value is not None and 0 < value < MOST_CONTEXT else None


def text(table: Mapping[str, Any], key: str) -> str:
    """A text; empty where there is none."""
    value = table.get(key)
    return value if isinstance(value, str) else ""


def table(of: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside another; empty where there is none."""
    value = of.get(key)
    return value if isinstance(value, dict) else {}


def tables(of: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list, as many as anybody can want."""
    value = of.get(key)
    return [entry for entry in value[:1000] if isinstance(entry, dict)] if isinstance(value, list) else []


def name(of: Mapping[str, Any], key: str) -> str:
    """A model's name; empty where it cannot be one."""
    value = text(of, key)
    return value if len(value) <= LONGEST_NAME else ""


def encoded(image: PageImage) -> str:
    """The image as base64 without prefix and line breaks."""
    return base64.b64encode(image.data).decode("ascii")

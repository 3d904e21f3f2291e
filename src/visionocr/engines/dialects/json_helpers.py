"""What dialects share: small questions whose failure is no error, and values out of JSON that may be anything."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from visionocr.engines.http import Http
from visionocr.engines.http_errors import PathUnknown, TimedOut
from visionocr.errors import AnswerUnusable, RequestRefused, ServerRefused
from visionocr.types import PageImage

MOST_COUNT = 2**31
"""A larger number of tokens or of anything else is not believed."""
LONGEST_NAME = 200
"""Characters of a name or version that are kept: they are shown, and written beside every page."""


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
    return as_object(data)


def ask_optional(http: Http, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The same for what is only good to know: empty also when the server refuses, or is silent."""
    try:
        return ask(http, path, body)
    except (ServerRefused, TimedOut):
        return {}


def as_object(data: Any) -> dict[str, Any]:
    """*data* when it is a JSON object, else an empty one."""
    return data if isinstance(data, dict) else {}


def get_count(of: Mapping[str, Any], key: str) -> int | None:
    """A whole number that is not negative, and that can be believed."""
    value = of.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_COUNT else None


def get_context(of: Mapping[str, Any], key: str) -> int | None:
    """A context length: a number above 0."""
    return get_count(of, key) or None


def get_flag(of: Mapping[str, Any], key: str) -> bool | None:
    """Yes or no; ``None`` where it is neither."""
    value = of.get(key)
    return value if isinstance(value, bool) else None


def get_text(of: Mapping[str, Any], key: str) -> str:
    """A text; empty where there is none."""
    value = of.get(key)
    return value if isinstance(value, str) else ""


def get_name(of: Mapping[str, Any], key: str) -> str:
    """The name of a model, or a version; of no more than ``LONGEST_NAME`` characters."""
    return get_text(of, key)[:LONGEST_NAME]


def get_object(of: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object inside another; empty where there is none."""
    return as_object(of.get(key))


def get_objects(of: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list, as many as anybody can want."""
    value = of.get(key)
    return [entry for entry in value[:1000] if isinstance(entry, dict)] if isinstance(value, list) else []


def encode_image(image: PageImage) -> str:
    """The image as base64 without prefix and line breaks."""
    return base64.b64encode(image.data).decode("ascii")

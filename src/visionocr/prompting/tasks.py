"""A task file (TOML front matter between ``+++`` lines, then the prompt) becomes a ``Task``."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.prompting import placeholders
from visionocr.text import did_you_mean
from visionocr.types import Task

_FRONT = re.compile(r"\A\+\+\+\r?\n(.*?)^\+\+\+\r?\n", re.DOTALL | re.MULTILINE)
_KEYS: dict[str, type] = {
    "title": str,
    "system": str,
    "markdown": bool,
    "caption": bool,
    "max_length": int,
    "defaults": dict,
}


def parse_task(name: str, text: str, origin: str) -> Task:
    """Read a task file's text; front matter is optional.

    Raises ``ConfigurationError`` for bad TOML, unknown keys, wrong types and unknown placeholders.
    """
    where = f"task {name!r} ({origin})"
    front, body = _split(text, where)
    for key, value in front.items():
        if key not in _KEYS:
            raise ConfigurationError(f"{where} has an unknown key {key!r}", did_you_mean(key, _KEYS))
        if not isinstance(value, _KEYS[key]) or (_KEYS[key] is int and isinstance(value, bool)):
            raise ConfigurationError(f"{where}: {key} has the wrong type: {value!r}")
    defaults = front.get("defaults", {})
    for variable, value in defaults.items():
        if variable not in placeholders.VARIABLES or not isinstance(value, str):
            raise ConfigurationError(
                f"{where}: [defaults] {variable} must be a text for one of {', '.join(placeholders.VARIABLES)}"
            )
    system = front.get("system", "")
    for part in (body, system):
        placeholders.check(part, where)
    if front.get("max_length", 1) < 1:
        raise ConfigurationError(f"{where}: max_length must be at least 1")
    return Task(
        name=name,
        title=front.get("title", name),
        prompt=body.strip(),
        system=system,
        markdown=front.get("markdown", True),
        caption=front.get("caption", False),
        max_length=front.get("max_length", Task.__dataclass_fields__["max_length"].default),
        defaults=tuple(defaults.items()),
        origin=origin,
    )


def _split(text: str, where: str) -> tuple[dict[str, Any], str]:
    match = _FRONT.match(text)
    if match is None:
        return {}, text
    try:
        return tomllib.loads(match[1]), text[match.end() :]
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where}: the part between +++ is not valid TOML: {error}") from None

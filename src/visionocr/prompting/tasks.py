"""Parses task files: TOML front matter between ``+++`` lines, then the prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.prompting import placeholders
from visionocr.text import did_you_mean
from visionocr.types import PositiveInt, Task
from visionocr.validation import convert, parse_toml

_FRONT_MATTER = re.compile(r"\A\+\+\+\r?\n(.*?)^\+\+\+\r?\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _FrontMatter:
    """The part of a task file between the ``+++`` lines."""

    title: str = ""
    system: str = ""
    markdown: bool = True
    caption: bool = False
    max_length: PositiveInt = 4096
    defaults: dict[str, Any] = field(default_factory=dict)
    """Values of placeholders by name."""


def parse_task(name: str, text: str, origin: str) -> Task:
    """Read a task file's text; front matter is optional.

    Raises ``ConfigurationError`` for bad TOML, unknown keys, wrong types and unknown placeholders.
    """
    where = f"task {name!r} ({origin})"
    match = _FRONT_MATTER.match(text)
    table = parse_toml(match[1], f"{where}: the part between +++") if match else {}
    prompt = text[match.end() :] if match else text
    front = convert(table, _FrontMatter, where)
    for variable, value in front.defaults.items():
        if variable not in placeholders.VARIABLES:
            hint = did_you_mean(variable, placeholders.VARIABLES)
            raise ConfigurationError(f"{where} [defaults] has an unknown key {variable!r}", hint)
        convert(value, str, f"{where}: [defaults] {variable}")
    for template in (prompt, front.system):
        placeholders.check(template, where)
    return Task(
        name=name,
        title=front.title or name,
        prompt=prompt.strip(),
        system=front.system,
        markdown=front.markdown,
        caption=front.caption,
        max_length=front.max_length,
        defaults=tuple(front.defaults.items()),
        origin=origin,
    )

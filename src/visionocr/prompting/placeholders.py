"""``{{name}}`` placeholders: single braces and ``$`` stay free, because OCR prompts speak of ``$x^2$``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from visionocr.errors import ConfigurationError
from visionocr.text import did_you_mean

_PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")

VARIABLES = ("language", "document", "page", "pages")
"""What a task's prompt may speak of: the answer's language, the document's name, the page's number, the page count."""


def check(text: str, where: str, known: Iterable[str] = VARIABLES) -> None:
    """Raise ``ConfigurationError`` when *text* holds a placeholder that nobody fills. *where* names the text."""
    known = tuple(known)
    for match in _PLACEHOLDER.finditer(text):
        name = match[1].strip()
        if name not in known:
            hint = did_you_mean(name, known, "{{{{{}}}}}")
            raise ConfigurationError(f"{where} has an unknown placeholder {match[0]}", hint)


def fill(text: str, values: Mapping[str, str]) -> str:
    """*text* with every placeholder replaced; values are not looked through for further placeholders."""
    return _PLACEHOLDER.sub(lambda match: values[match[1].strip()], text)

"""``{{name}}`` placeholders. Single braces and ``$`` have no meaning, because OCR prompts contain ``$x^2$``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from visionocr.errors import ConfigurationError
from visionocr.text import did_you_mean

_PLACEHOLDER = re.compile(r"\{\{([^{}\n]*)\}\}")

VARIABLES = ("language", "document", "page", "pages", "folder", "name", "date", "caption", "keywords")
"""Placeholders of tasks: the answer's language, the document's name, the page's number, the number of pages; the last
folder and the file's name without its ending, the day on which a photo was taken, the caption and the keywords that it
has already."""


def check(text: str, where: str, known: Iterable[str] = VARIABLES) -> None:
    """Raise ``ConfigurationError`` when *text* has a placeholder that is not *known*. *where* names the text."""
    known = tuple(known)
    for match in _PLACEHOLDER.finditer(text):
        name = match[1].strip()
        if name not in known:
            hint = did_you_mean(name, known, "{{{{{}}}}}")
            raise ConfigurationError(f"{where} has an unknown placeholder {match[0]}", hint)


def fill(text: str, values: Mapping[str, str]) -> str:
    """*text* with every placeholder replaced by its value. Placeholders within values are left alone."""
    return _PLACEHOLDER.sub(lambda match: values[match[1].strip()], text)

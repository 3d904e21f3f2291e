"""The chat template family of a model file, and of a preset."""

from __future__ import annotations

from dataclasses import astuple

from visionocr.prompting.chat_families import FAMILIES
from visionocr.types import ChatMarkers

OTHER = "other"


def family(template: str) -> str:
    """The family of a chat *template* (Jinja); empty when there is none, ``other`` when no family is known."""
    if not template.strip():
        return ""
    fitting = (
        known.name for known in FAMILIES if known.template and all(marker in template for marker in known.template)
    )
    return next(fitting, OTHER)


def family_of(chat: ChatMarkers) -> str:
    """The family of a preset's markers."""
    return family("".join(astuple(chat)))

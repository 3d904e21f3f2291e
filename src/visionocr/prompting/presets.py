"""Parses preset files (TOML) and selects a preset by a model's name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.prompting import placeholders
from visionocr.types import (
    AnswerFacts,
    AnswerFormat,
    BoxScale,
    ChatMarkers,
    ImageFacts,
    NonNegativeInt,
    PositiveInt,
    Preset,
    Recognition,
    Sampler,
)
from visionocr.validation import convert, parse_toml

BUILTIN = "builtin"
"""``origin`` of what ships in the package."""
FALLBACK = "chatml"
"""The preset of a model that no pattern knows: the commonest template among vision models."""


@dataclass(frozen=True, slots=True)
class _Image(ImageFacts):
    """The table ``[image]``."""

    text: str = ""
    position: str = ""
    """Where the image stands, beginning with ``before`` or ``after`` (the prompt's text)."""
    tokens: str = ""
    """The encoder's formula, for people."""


@dataclass(frozen=True, slots=True)
class _Recognition:
    """The table ``[recognition]``: the fields of ``Recognition`` in the same order, under the names of GGUF."""

    architecture: tuple[str, ...] = ()
    projector_type: tuple[str, ...] = ()
    mmproj_name: tuple[str, ...] = ()
    embedding_length: tuple[int, ...] = ()
    minicpmv_version: tuple[int, ...] = ()
    base: str = ""
    koboldcpp_since: str = ""


class _Order(StrEnum):
    """The order of the numbers of a box."""

    X_FIRST = "xyxy"
    Y_FIRST = "yxyx"


@dataclass(frozen=True, slots=True)
class _Answer:
    """The table ``[answer]``."""

    format: str = AnswerFormat.MARKDOWN
    tasks: dict[str, Any] = field(default_factory=dict)
    """Formats of single tasks, where they differ."""
    grounded: str | None = None
    """Format of the answers to the prompts under ``[grounded]``."""
    boxes: PositiveInt | None = None
    """The number at the right and lower edge of the picture; or ``pixel_multiple`` instead."""
    pixel_multiple: PositiveInt | None = None
    """Boxes are in pixels of the picture, resized to multiples of this."""
    min_pixels: PositiveInt = 1
    max_pixels: PositiveInt = 10**9
    order: str = _Order.X_FIRST


@dataclass(frozen=True, slots=True)
class _PresetFile:
    """A preset file."""

    image: _Image
    title: str = ""
    group: str = ""
    runs_in: tuple[str, ...] = ()
    name_patterns: tuple[str, ...] = ()
    system: str = ""
    stop_sequences: tuple[str, ...] = ()
    context_length: NonNegativeInt = 0
    max_length: PositiveInt | None = None
    special_tokens: bool = False
    thinks: bool = False
    caveats: tuple[str, ...] = ()
    chat: ChatMarkers = ChatMarkers()
    sampler: Sampler = Sampler()
    """For general use; where it is missing, that for reading pages."""
    reading_sampler: Sampler = Sampler()
    """For reading pages, where its maker names values for OCR; where it is missing, the other one made greedy."""
    recognition: _Recognition = _Recognition()
    prompts: dict[str, Any] = field(default_factory=dict)
    """Prompts by task name."""
    answer: _Answer = _Answer()
    grounded: dict[str, Any] = field(default_factory=dict)
    """Prompts that ask for boxes, by task name."""
    alternatives: dict[str, Any] = field(default_factory=dict)
    """Other templates, for people."""
    source: dict[str, Any] = field(default_factory=dict)
    """Where each fact was read, for people."""


@lru_cache(maxsize=256)  # a program that reads one document after the other parses them once
def parse_preset(name: str, text: str, origin: str) -> Preset:
    """Read a preset file's text. *origin* is its path, or ``builtin``.

    Raises ``ConfigurationError`` for bad TOML, a wrong type, an unknown key (naming the nearest known one)
    or a pattern that does not compile.
    """
    where = f"preset {name!r} ({origin})"
    table = {"image": {}} | parse_toml(text, where)
    file = convert(table, _PresetFile, where)
    placeholders.check(file.system, f"{where} system")
    for heading, prompts in (("prompts", file.prompts), ("grounded", file.grounded)):
        for task, prompt in prompts.items():
            placeholders.check(convert(prompt, str, f"{where}: [{heading}] {task}"), f"{where} [{heading}] {task}")
    for pattern in file.name_patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigurationError(
                f"{where}: name pattern {pattern!r} is no valid regular expression: {error}"
            ) from None
    # Settings for chats sample, but a transcript has one right text.
    sampler = file.sampler if "sampler" in table else file.reading_sampler
    greedy = replace(sampler, temperature=0.0)
    return Preset(
        name=name,
        title=file.title or name,
        chat=file.chat,
        image=ImageFacts(**{fact.name: getattr(file.image, fact.name) for fact in fields(ImageFacts)}),
        stop_sequences=file.stop_sequences,
        system=file.system,
        image_text=file.image.text,
        image_after_prompt=file.image.position.startswith("after"),
        context_length=file.context_length,
        sampler=sampler,
        reading_sampler=file.reading_sampler if "reading_sampler" in table else greedy,
        max_length=file.max_length,
        special_tokens=file.special_tokens,
        thinks=file.thinks,
        task_prompts=tuple(file.prompts.items()),
        answer=_answer_facts(file.answer, f"{where}: [answer]"),
        grounded_prompts=tuple(file.grounded.items()),
        name_patterns=file.name_patterns,
        runs_in=file.runs_in,
        group=file.group,
        caveats=file.caveats,
        recognition=Recognition(*astuple(file.recognition)),
        origin=origin,
    )


def _answer_facts(table: _Answer, where: str) -> AnswerFacts:
    if table.boxes and table.pixel_multiple:
        raise ConfigurationError(f"{where} has both boxes and pixel_multiple", "Keep the one that is true.")
    is_y_first = convert(table.order, _Order, f"{where} order") is _Order.Y_FIRST
    boxes = None
    if table.boxes or table.pixel_multiple:
        boxes = BoxScale(table.boxes, table.pixel_multiple, table.min_pixels, table.max_pixels, is_y_first)
    return AnswerFacts(
        format=convert(table.format, AnswerFormat, f"{where} format"),
        tasks=tuple((task, convert(name, AnswerFormat, f"{where} tasks.{task}")) for task, name in table.tasks.items()),
        grounded=convert(table.grounded, AnswerFormat, f"{where} grounded") if table.grounded is not None else None,
        boxes=boxes,
    )


@dataclass(frozen=True, slots=True)
class Match:
    """Which preset a model name picked, and why."""

    preset: Preset
    pattern: str
    """The pattern that matched; empty when none did and the preset is the fallback."""

    given: bool = False
    """The user named it: then ``pattern`` says where."""

    @property
    def known(self) -> bool:
        """Whether a pattern matched, or somebody chose it."""
        return bool(self.pattern)

    @property
    def reason(self) -> str:
        """Why it was picked, in words."""
        return self.pattern if self.given else f"matched by {self.pattern}"


def match_preset(model: str, presets: Iterable[Preset]) -> Match | None:
    """The preset whose pattern matches most of the *model* name; on a draw the first. ``None``: no pattern matches.

    The user's own presets win over those that ship, whatever matches more of the name.
    """
    matches = [
        (preset.origin != BUILTIN, len(found[0]), Match(preset, pattern))
        for preset in presets
        for pattern in preset.name_patterns
        if (found := re.search(pattern, model, re.IGNORECASE))
    ]
    return max(matches, key=lambda match: match[:2])[2] if matches else None

"""A preset file (TOML) becomes a ``Preset``; a model name picks one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from visionocr.errors import ConfigurationError
from visionocr.prompting import placeholders
from visionocr.text import did_you_mean
from visionocr.types import ChatMarkers, ImageFacts, Preset, Recognition, Sampler

BUILTIN = "builtin"
"""``origin`` of what ships in the package."""
FALLBACK = "chatml"
"""The preset of a model that no pattern knows: the commonest template among vision models."""

_TOP = {
    "title": str,
    "group": str,
    "runs_in": list,
    "name_patterns": list,
    "system": str,
    "stop_sequences": list,
    "context_length": int,
    "max_length": int,
    "special_tokens": bool,
    "caveats": list,
}
_IMAGE = {
    "encoder": str,
    "input": str,
    "tokens": str,
    "text": str,
    "position": str,
    "markup": list,
    "longest_side": int,
    "fixed_tokens": int,
    "min_tokens": int,
    "max_tokens": int,
    "px_per_token_side": int,
    "koboldcpp_max_tokens": int,
    "koboldcpp_longest_side": int,
}
_RECOGNITION = {  # key in the file: type of its items, name of the field
    "architecture": (str, "architectures"),
    "projector_type": (str, "projector_types"),
    "mmproj_name": (str, "projector_names"),
    "embedding_length": (int, "embedding_lengths"),
    "minicpmv_version": (int, "minicpmv_versions"),
    "base": (None, "base"),
    "koboldcpp_since": (None, "koboldcpp_since"),
}
"""``None``: a single text."""
_SAMPLER: dict[str, type] = {f.name: (int if f.name in {"top_k", "seed"} else float) for f in fields(Sampler)}
_SECTIONS: dict[str, dict[str, type] | None] = {
    "chat": {f.name: str for f in fields(ChatMarkers)},
    "image": _IMAGE,
    "sampler": _SAMPLER,
    "prompts": None,  # any task name
    "recognition": {key: str if kind is None else list for key, (kind, _) in _RECOGNITION.items()},
    "alternatives": None,
    "source": None,
}


@lru_cache(maxsize=256)  # a program that reads one document after the other parses them once
def parse_preset(name: str, text: str, origin: str) -> Preset:
    """Read a preset file's text. *origin* is its path, or ``builtin``.

    Raises ``ConfigurationError`` for bad TOML, a wrong type, an unknown key (naming the nearest known one)
    or a pattern that does not compile.
    """
    where = f"preset {name!r} ({origin})"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where} is not valid TOML: {error}") from None
    sections = {key: data.pop(key) for key in list(data) if key in _SECTIONS}
    _check(data, _TOP, where)
    for key, table in sections.items():
        if not isinstance(table, dict):
            raise ConfigurationError(f"{where}: [{key}] must be a table")
        known = _SECTIONS[key]
        if known is not None:
            _check(table, known, f"{where} [{key}]")
    if "image" not in sections or "longest_side" not in sections["image"]:
        raise ConfigurationError(f"{where} lacks longest_side under [image]")
    return _preset(name, data, sections, origin, where)


def _preset(name: str, top: dict[str, Any], sections: dict[str, dict[str, Any]], origin: str, where: str) -> Preset:
    image = dict(sections["image"])
    position = image.pop("position", "")
    image.pop("tokens", None)
    image["markup"] = tuple(image.get("markup", ()))
    image_text = image.pop("text", "")
    prompts = sections.get("prompts", {})
    for task, prompt in prompts.items():
        if not isinstance(prompt, str):
            raise ConfigurationError(f"{where} [prompts] {task} must be a text")
        placeholders.check(prompt, f"{where} [prompts] {task}")
    placeholders.check(top.get("system", ""), f"{where} system")
    patterns = tuple(top.get("name_patterns", ()))
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigurationError(f"{where}: name pattern {pattern!r} does not compile: {error}") from None
    sampler: dict[str, Any] = {
        key: (float(v) if _SAMPLER[key] is float else v) for key, v in sections.get("sampler", {}).items()
    }
    return Preset(
        name=name,
        title=top.get("title", name),
        chat=ChatMarkers(**sections.get("chat", {})),
        image=ImageFacts(**image),
        stop_sequences=tuple(top.get("stop_sequences", ())),
        system=top.get("system", ""),
        image_text=image_text,
        image_after_prompt=position.startswith("after"),
        context_length=top.get("context_length", 0),
        sampler=Sampler(**sampler),
        max_length=top.get("max_length"),
        special_tokens=top.get("special_tokens", False),
        task_prompts=tuple(prompts.items()),
        name_patterns=patterns,
        runs_in=tuple(top.get("runs_in", ())),
        group=top.get("group", ""),
        caveats=tuple(top.get("caveats", ())),
        recognition=_recognition(sections.get("recognition", {})),
        origin=origin,
    )


def _recognition(table: dict[str, Any]) -> Recognition:
    values: dict[str, Any] = {_RECOGNITION[key][1]: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return Recognition(**values)


def _check(table: dict[str, Any], known: Mapping[str, type], where: str) -> None:
    for key, value in table.items():
        if key not in known:
            raise ConfigurationError(f"{where} has an unknown key {key!r}", did_you_mean(key, sorted(known)))
        kind = known[key]
        spoken = _SPOKEN[kind]
        fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) is (kind is bool)
        if fits and kind is list:
            item_kind = _RECOGNITION.get(key, (str, ""))[0] or str
            fits = all(isinstance(item, item_kind) and not isinstance(item, bool) for item in value)
            spoken = f"a list of {_SPOKEN[item_kind].removeprefix('a ')}s"
        if not fits:
            raise ConfigurationError(f"{where}: {key} must be {spoken}, not {value!r}")
        if kind is int and value < _LEAST.get(key, 1):
            raise ConfigurationError(f"{where}: {key} must be at least {_LEAST.get(key, 1)}, not {value}")


_LEAST = {"context_length": 0, "top_k": 0}
"""Where a whole number may be less than 1: 0 says unknown, or off."""
_SPOKEN: dict[type, str] = {
    bool: "true or false",
    str: "a text",
    int: "a whole number",
    float: "a number",
    list: "a list of texts",
}


@dataclass(frozen=True, slots=True)
class Match:
    """Which preset a model name picked, and why."""

    preset: Preset
    pattern: str
    """The pattern that matched; empty when none did and the preset is the fallback."""

    @property
    def known(self) -> bool:
        """Whether a pattern matched."""
        return bool(self.pattern)


def match_preset(model: str, presets: Iterable[Preset]) -> Match | None:
    """The preset whose pattern matches most of the *model* name; on a draw the first. ``None``: no pattern matches."""
    best: tuple[int, Match] | None = None
    for preset in presets:
        for pattern in preset.name_patterns:
            found = re.search(pattern, model, re.IGNORECASE)
            if found and (best is None or len(found[0]) > best[0]):
                best = len(found[0]), Match(preset, pattern)
    return best[1] if best else None


def match_own_first(model: str, presets: Iterable[Preset]) -> Match | None:
    """The same, but the user's own *presets* win over those that ship, whatever matches more of the name."""
    everything = tuple(presets)
    own = [preset for preset in everything if preset.origin != BUILTIN]
    return match_preset(model, own) or match_preset(model, everything)

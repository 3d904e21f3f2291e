"""The settings and where each came from: flag > environment > config file > default.

A preset's values come in later, where a setting is ``None``: the preset depends on the model that a server reports.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from visionocr.errors import ConfigurationError, UsageError
from visionocr.text import did_you_mean

DEFAULT_URL = "http://localhost:5001"
"""Where KoboldCpp listens unless told otherwise."""
ENVIRONMENT_PREFIX = "VISIONOCR_"
CONFIG_NAME = "config.toml"


class Format(StrEnum):
    """Output formats."""

    MD = "md"
    TXT = "txt"
    JSON = "json"
    JSONL = "jsonl"


class PageBreaks(StrEnum):
    """How pages are told apart in Markdown and text."""

    COMMENT = "comment"
    RULE = "rule"
    HEADING = "heading"
    FORMFEED = "formfeed"
    NONE = "none"


class Wire(StrEnum):
    """Wire languages of servers."""

    AUTO = "auto"
    KOBOLDCPP = "koboldcpp"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    TEXTGEN = "textgen"
    OPENAI = "openai"


class LocalModel(StrEnum):
    """Sizes of the embedded engine's model."""

    AUTO = "auto"
    TINY = "tiny"
    SMALL = "small"
    LITE = "lite"


def _setting(default: Any, text: str, *, least: float | None = None, most: float | None = None) -> Any:
    """A field with its help and its limits."""
    return field(default=default, metadata={"help": text, "least": least, "most": most})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a run. ``None`` means: nobody said, so the preset, the task or the server decides."""

    api_url: tuple[str, ...] = _setting(
        (), f"Address of a server (default {DEFAULT_URL}), or local: for the engine inside. Several share the work."
    )
    api_key: str | None = field(default=None, repr=False, metadata={"help": "Key of the server.", "secret": True})
    dialect: Wire = _setting(Wire.AUTO, "Wire language of the server.")
    model: str | None = _setting(None, "Model to ask for, where a server has several.")
    cluster: str | None = _setting(
        None, "Dask cluster to spread the pages over: tcp://SCHEDULER:8786, or local:N for N processes here."
    )
    preset: str | None = _setting(None, "Model preset (default: chosen by the model's name).")
    task: str | None = _setting(None, "What to ask: a file under prompts/tasks, such as transcribe, text, table.")
    prompt: str | None = _setting(None, "Own prompt instead of the task's, or @FILE.")
    system: str | None = _setting(None, "Own system text, or @FILE.")
    language: str | None = _setting(None, "Language of the answer (default: the page's own).")
    dpi: float | None = _setting(
        None, "Resolution of PDF pages (default: what model and server can use).", least=10, most=1200
    )
    max_side: int | None = _setting(
        None, "Longest side of an image in pixels (default: what model and server can use).", least=28, most=16384
    )
    raster_workers: int | None = _setting(
        None, "Processes that draw pages (default: as many as the server keeps busy; 0: none).", least=0, most=64
    )
    batch: int = _setting(1, "Pages per request.", least=1, most=4)
    timeout: float = _setting(
        300.0, "Seconds without any sign of life after which a request is given up.", least=1, most=86_400
    )
    max_asks: int = _setting(3, "How often a page is asked for at the most, while its answer is bad.", least=1, most=20)
    max_time: float | None = _setting(None, "Most seconds for one answer, however lively (default: no limit).", least=1)
    wait_server: float = _setting(600.0, "Seconds to wait for a server that went away.", least=0)
    keep_blank: bool = _setting(False, "Ask for blank pages too.")
    temperature: float | None = _setting(None, "Sampler: 0 is greedy.", least=0, most=5)
    top_p: float | None = _setting(None, "Sampler.", least=0, most=1)
    top_k: int | None = _setting(None, "Sampler: 0 switches it off.", least=0)
    min_p: float | None = _setting(None, "Sampler.", least=0, most=1)
    rep_pen: float | None = _setting(None, "Sampler: repetition penalty, 1 is none.", least=0.5, most=3)
    seed: int | None = _setting(None, "Sampler: positive.", least=1, most=999_999)
    max_length: int | None = _setting(None, "Most tokens of an answer.", least=1)
    format: Format = _setting(Format.MD, "Output format.")
    page_breaks: PageBreaks | None = _setting(None, "How pages are told apart in Markdown and text.")
    strict: bool = _setting(False, "Exit with 7 for suspect pages too.")
    local_model: LocalModel = _setting(LocalModel.AUTO, "Model of the embedded engine.")
    gguf: str | None = _setting(None, "Model to run without any server (needs --mmproj).")
    mmproj: str | None = _setting(None, "Projector that belongs to the model.")
    threads: int | None = _setting(None, "Threads of the model (default: a thread a core).", least=1, most=1024)
    gpu_layers: int | None = _setting(
        None, "Layers of the model that a graphics card computes (default: what fits).", least=0, most=10_000
    )
    context: int = _setting(8192, "Context of the model in tokens.", least=512, most=999_999)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """For each setting that is not a default: the flag, variable or file that it came from."""


FIELDS = {f.name: f for f in fields(Settings) if f.name != "origins"}
"""Every setting by name."""
TYPES: dict[str, Any] = {name: hint for name, hint in typing.get_type_hints(Settings).items() if name in FIELDS}
"""The types of the settings."""


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
    required: bool = False,
) -> Settings:
    """Lay the layers over each other.

    ``flags`` holds what was typed (``None``: not given). ``config`` is a config file; it may be missing unless
    ``required``. Raises ``ConfigurationError`` for an unknown key, a wrong type or a value out of range, with the
    layer's name in the message.
    """
    layers: list[tuple[str, dict[str, Any]]] = []
    if config is not None:
        layers.append((str(config), _from_file(config, required)))
    layers.append(("environment", _from_environment(os.environ if environment is None else environment)))
    layers.append(("flag", {name: value for name, value in (flags or {}).items() if value not in (None, [])}))
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, table in layers:
        for name, value in table.items():
            values[name] = _checked(name, value, _spoken(layer, name))
            origins[name] = _spoken(layer, name)
    for name in ("prompt", "system"):
        if str(values.get(name, "")).startswith("@"):
            values[name] = _read_text(Path(values[name][1:]), origins[name])
    return Settings(**values, origins=types.MappingProxyType(origins))


def _spoken(layer: str, name: str) -> str:
    if layer == "environment":
        return ENVIRONMENT_PREFIX + name.upper()
    return "--" + name.replace("_", "-") if layer == "flag" else layer


def _from_file(path: Path, required: bool) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))  # some editors on Windows begin a file with a mark
    except FileNotFoundError:
        if not required:
            return {}
        raise ConfigurationError(f"there is no config file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read the config file {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the config file {path} is not valid TOML: {error}") from None
    for key in data:
        if key not in FIELDS:
            raise ConfigurationError(f"the config file {path} has an unknown key {key!r}", _nearest(key))
    return data


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in FIELDS:
        value = environment.get(ENVIRONMENT_PREFIX + name.upper())
        if value:
            found[name] = value
    for variable in environment:
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if variable.startswith(ENVIRONMENT_PREFIX) and name not in FIELDS:
            raise ConfigurationError(f"the environment variable {variable} is not known", _nearest(name))
    return found


def _nearest(key: str) -> str:
    return did_you_mean(key.replace("-", "_"), sorted(FIELDS))


def _checked(name: str, value: Any, origin: str) -> Any:
    """*value* as the type of the setting. Texts (from the environment) are read as numbers and words of an enum."""
    kind = _plain(TYPES[name])
    if kind is tuple:
        return _several(value, origin)
    try:
        result = _converted(kind, value)
    except (ValueError, TypeError):
        shown = "it" if "secret" in FIELDS[name].metadata else repr(value)
        raise ConfigurationError(f"{origin}: {shown} is not {_KINDS.get(kind) or _choices(kind)}") from None
    least, most = FIELDS[name].metadata.get("least"), FIELDS[name].metadata.get("most")
    if (least is not None and result < least) or (most is not None and result > most):
        bounds = f"at least {least:g}" if most is None else f"between {least:g} and {most:g}"
        raise ConfigurationError(f"{origin}: {value} must be {bounds}")
    return result


def _plain(hint: Any) -> type[Any]:
    """``int | None`` without the ``None``; a tuple of anything is a tuple."""
    if typing.get_origin(hint) is tuple:
        return tuple
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    plain: type[Any] = options[0] if options else hint
    return plain


def _converted(kind: type[Any], value: Any) -> Any:
    if kind is bool:
        if isinstance(value, str):
            return _WORDS[value.lower()] if value.lower() in _WORDS else _raise(value)
        return value if isinstance(value, bool) else _raise(value)
    if isinstance(value, bool) or (kind is str and not isinstance(value, str)):
        return _raise(value)
    if kind is int and isinstance(value, float):
        return _raise(value)
    result = kind(value)
    return result if kind is not float or math.isfinite(result) else _raise(value)


def _several(value: Any, origin: str) -> tuple[str, ...]:
    """A text with blanks or commas between its parts, or a list of parts."""
    parts = re.split(r"[\s,]+", value) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ConfigurationError(f"{origin}: {value!r} is not a text or a list of texts")
    found = tuple(part for part in parts if part.strip())
    if not found:
        raise ConfigurationError(f"{origin} is given, but empty")
    return found


def _raise(value: Any) -> Any:
    raise ValueError(value)


_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _choices(kind: type[Any]) -> str:
    return "one of " + ", ".join(str(member) for member in kind)


def _read_text(path: Path, origin: str) -> str:
    try:
        return path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{origin}: cannot read {path}: {error}") from None

"""The settings and where each came from: flag > environment > config file > default.

A preset's values come in later, where a setting is ``None``: the preset depends on the model that a server reports.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import EnumType
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, get_args, get_type_hints

from visionocr.choices import PLACED, CrossCheck, Format, LocalModel, PageBreaks, Rotate, TextLayer, Wire
from visionocr.errors import ConfigurationError, UsageError
from visionocr.text import did_you_mean
from visionocr.types import Headers, Tables
from visionocr.validation import convert, parse_toml

DEFAULT_URL = "http://localhost:5001"
"""The address where KoboldCpp listens by default."""
ENVIRONMENT_PREFIX = "VISIONOCR_"
CONFIG_NAME = "config.toml"


def _setting(
    default: Any,
    text: str,
    *,
    least: float | None = None,
    most: float | None = None,
    words: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """A field with its help, its limits, and the words that stand for values."""
    return field(default=default, metadata={"help": text, "least": least, "most": most, "words": words})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of a run. ``None``: not given, so the preset, the task or the server decides."""

    api_url: tuple[str, ...] = _setting(
        (),
        f"Server address (default {DEFAULT_URL}), or local: for the embedded engine. Repeat it to share the work "
        "among several servers.",
    )
    api_key: str | None = field(
        default=None, repr=False, metadata={"help": "API key of the server, or - to be asked for it.", "secret": True}
    )
    dialect: Wire = _setting(Wire.AUTO, "Server API.")
    model: str | None = _setting(None, "Model to request, where a server has several.")
    cluster: str | None = _setting(
        None,
        "Dask cluster to spread the pages over: tcp://SCHEDULER:8786, or local:N for N processes on this machine.",
    )
    preset: str | None = _setting(None, "Model preset (default: chosen by the model's name).")
    task: str | None = _setting(None, "Task, such as transcribe, text or table (a file in prompts/tasks).")
    prompt: str | None = _setting(None, "Use this prompt instead of the task's.")
    system: str | None = _setting(None, "Use this system prompt instead of the task's or the preset's.")
    language: str | None = _setting(None, "Language of the answer (default: the page's own).")
    dpi: float | None = _setting(
        None, "Resolution of PDF pages (default: what the model and the server can use).", least=10, most=1200
    )
    max_side: int | None = _setting(
        None,
        "Longest side of an image in pixels, or auto: what the page's print needs, at most what the model and the "
        "server can use (default auto).",
        least=28,
        most=16384,
        words={"auto": None},
    )
    strips: int | None = _setting(
        None,
        "Cut pages into so many strips that are asked for one by one, or auto: pages whose print would be too small "
        "otherwise, where --max-side and --dpi are not given (default auto).",
        least=1,
        most=8,
        words={"auto": None, "off": 1},
    )
    raster_workers: int | None = _setting(
        None, "Processes that render pages (default: as many as the server keeps busy; 0: none).", least=0, most=64
    )
    batch: int = _setting(1, "Pages per request.", least=1, most=4)
    timeout: float = _setting(
        300.0, "Seconds without progress after which a request is given up.", least=1, most=86_400
    )
    max_asks: int = _setting(3, "Maximum attempts per page.", least=1, most=20)
    max_time: float | None = _setting(None, "Maximum seconds per answer (default: no limit).", least=1)
    wait_server: float = _setting(600.0, "Seconds to wait for a server that has become unreachable.", least=0)
    text_layer: TextLayer = _setting(
        TextLayer.AUTO,
        "What a PDF's text layer is for: answers are compared with it (auto, check), or it is taken as the page's text "
        "without asking the model (use); only where it can be trusted.",
    )
    cross_check: CrossCheck = _setting(
        CrossCheck.AUTO,
        "Compare answers with a second reading by the embedded engine: on every page, or (auto) where it is installed, "
        "a core is to spare and it keeps up with the server.",
    )
    repair_numbers: bool = _setting(False, "Replace numbers that differ from a trusted text layer.")
    rotate: Rotate = _setting(
        Rotate.AUTO,
        "Turn pages that lie on their side or stand on their head (needs a text layer or the embedded engine), or turn "
        "all pages by so many degrees clockwise.",
    )
    keep_blank: bool = _setting(False, "Send blank pages to the model, too.")
    temperature: float | None = _setting(None, "Sampling temperature, 0 to 5; 0 is greedy.", least=0, most=5)
    top_p: float | None = _setting(None, "Nucleus sampling threshold, 0 to 1.", least=0, most=1)
    top_k: int | None = _setting(None, "Number of most likely tokens to sample from; 0: all.", least=0)
    min_p: float | None = _setting(None, "Minimum probability, 0 to 1.", least=0, most=1)
    rep_pen: float | None = _setting(None, "Repetition penalty, 0.5 to 3; 1 is none.", least=0.5, most=3)
    seed: int | None = _setting(None, "Random seed, 1 to 999999.", least=1, most=999_999)
    max_length: int | None = _setting(None, "Maximum tokens per answer.", least=1)
    format: str = _setting(
        "md",
        f"Output format: {', '.join(Format)}; several with commas between them. hocr, alto, page and pdf (searchable) "
        "say where each word stands.",
    )
    tables: Tables = _setting(
        Tables.AUTO, "How to write tables: pipes where they can hold them, else HTML; or HTML always."
    )
    headers: Headers = _setting(
        Headers.KEEP, "Headers, footers and page numbers: keep them in the text, drop them, or make them comments."
    )
    join_pages: bool = _setting(False, "Join paragraphs and tables that go on over the end of a page.")
    boxes: bool = _setting(False, "Ask for the place of everything on the page, where the model's preset can.")
    page_breaks: PageBreaks | None = _setting(None, "How to mark page breaks in Markdown and text.")
    front_matter: bool = _setting(
        False, "Begin Markdown files with source, pages, model, date and status as YAML, as Obsidian reads them."
    )
    replace_layer: bool = _setting(
        False, "With -f pdf: replace the invisible text that another program put on scans. Visible text stays."
    )
    strict: bool = _setting(False, "Exit with code 7 for suspect pages, too.")
    local_model: LocalModel = _setting(LocalModel.AUTO, "Model of the embedded engine.")
    gguf: str | None = _setting(None, "Model to run without a server (needs --mmproj).")
    mmproj: str | None = _setting(None, "Projector that belongs to the model.")
    threads: int | None = _setting(None, "CPU threads for the model (default: one per core).", least=1, most=1024)
    gpu_layers: int | None = _setting(
        None, "Model layers to offload to the GPU (default: as many as fit).", least=0, most=10_000
    )
    context: int = _setting(8192, "Context length of the model in tokens.", least=512, most=999_999)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """For each setting that is not a default: the flag, variable or file that it came from."""

    @property
    def formats(self) -> tuple[Format, ...]:
        """The output formats, each once."""
        return tuple(Format(name) for name in dict.fromkeys(_split_list(self.format)))

    @property
    def needs_places(self) -> bool:
        """Whether an output says where words stand."""
        return not PLACED.isdisjoint(self.formats)


FIELDS = {field.name: field for field in fields(Settings) if field.name != "origins"}
"""Every setting by name."""
TYPES: dict[str, Any] = {
    name: get_args(hint)[0] if isinstance(hint, UnionType) else hint
    for name, hint in get_type_hints(Settings).items()
    if name in FIELDS
}
"""The type of every setting, without the ``None`` of those that need not be given."""
_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    config: Path | None = None,
    required: bool = False,
) -> Settings:
    """Settings from all layers: a flag beats the environment, which beats the config file.

    ``flags`` holds what was typed (``None``: not given). ``config`` is a config file; it may be missing unless
    ``required``. Raises ``ConfigurationError`` for an unknown key, a wrong type or a value out of range, with the
    flag, variable or file in the message.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value, origin in (
        *(_file_entries(config, required) if config is not None else ()),
        *_environment_entries(os.environ if environment is None else environment),
        *_flag_entries(flags or {}),
    ):
        values[name] = _convert(name, value, origin)
        origins[name] = origin
    for name in ("prompt", "system"):
        if str(values.get(name, "")).startswith("@"):
            values[name] = _read_text(Path(values[name][1:]), origins[name])
    if "format" in values:
        _check_formats(values["format"], origins["format"])
    return Settings(**values, origins=MappingProxyType(origins))


def _check_formats(text: str, origin: str) -> None:
    names = _split_list(text)
    for name in names:
        if name not in list(Format):
            raise ConfigurationError(f"{origin}: {name!r} is no output format", did_you_mean(name, list(Format)))
    if not names:
        raise ConfigurationError(f"{origin} is given, but empty")


def _split_list(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def _file_entries(path: Path, required: bool) -> Iterator[tuple[str, Any, str]]:
    """The names, values and origins of the settings in a config file."""
    try:
        text = path.read_text("utf-8-sig")  # some editors on Windows begin a file with a mark
    except FileNotFoundError:
        if not required:
            return
        raise ConfigurationError(f"there is no config file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        if not required and not os.access(path.parent, os.X_OK):
            return  # nobody can have configured anything in a folder that may not be entered
        raise ConfigurationError(f"cannot read the config file {path}: {error}") from None
    for key, value in parse_toml(text, f"the config file {path}").items():
        _check_name(key, f"the config file {path} has an unknown key {key!r}")
        yield key, value, str(path)


def _environment_entries(environment: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """The same of environment variables. An empty one is not set."""
    for variable, value in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            _check_name(name, f"the environment variable {variable} is not known")
            if value:
                yield name, value, variable


def _flag_entries(flags: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """The same of flags."""
    for name, value in flags.items():
        _check_name(name, f"there is no setting {name!r}")
        if value not in (None, []):
            yield name, value, "--" + name.replace("_", "-")


def _check_name(name: str, message: str) -> None:
    if name not in FIELDS:
        raise ConfigurationError(message, did_you_mean(name.replace("-", "_"), sorted(FIELDS)))


def _convert(name: str, value: Any, origin: str) -> Any:
    """*value* as the type of the setting *name*, within its limits."""
    metadata = FIELDS[name].metadata
    where = f"{origin}: {'it' if 'secret' in metadata else repr(value)}"
    kind = TYPES[name]
    words = metadata.get("words", {})
    if isinstance(value, str) and value in words:
        return words[value]
    if words and isinstance(value, str) and isinstance(_parse(value, kind), str):
        raise ConfigurationError(f"{where} is neither a whole number nor {' nor '.join(words)}")
    if isinstance(kind, EnumType) and type(value) is int:
        value = str(value)  # a config file may have a number without quotes
    result = convert(_parse(value, kind) if isinstance(value, str) else value, kind, where)
    if isinstance(result, float) and not math.isfinite(result):
        raise ConfigurationError(f"{where} is not a number")
    if isinstance(result, tuple):
        result = tuple(part for part in result if part.strip())
        if not result:
            raise ConfigurationError(f"{origin} is given, but empty")
    least, most = metadata.get("least"), metadata.get("most")
    if (least is not None and result < least) or (most is not None and result > most):
        bounds = f"at least {least:g}" if most is None else f"between {least:g} and {most:g}"
        raise ConfigurationError(f"{origin}: {value} must be {bounds}")
    return result


def _parse(text: str, kind: Any) -> Any:
    """A text as the number, truth value or list that it stands for; unchanged where it stands for none."""
    if kind is bool:
        return _SWITCH.get(text.lower(), text)
    if kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    if kind == tuple[str, ...]:
        return re.split(r"[\s,]+", text)
    return text


def _read_text(path: Path, origin: str) -> str:
    try:
        return path.read_text("utf-8-sig").strip()
    except (OSError, ValueError) as error:  # no text, or no path: a NUL in it
        raise UsageError(f"{origin}: cannot read {path}: {error}") from None

"""Finds presets and tasks by name: those in the package, and the user's own, which win.

A user's files are ``models/*.toml`` and ``tasks/*.md`` in the config folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Generic, TypeVar

from visionocr.errors import ConfigurationError
from visionocr.prompting.presets import BUILTIN as BUILTIN
from visionocr.prompting.presets import FALLBACK, Match, match_preset, parse_preset
from visionocr.prompting.tasks import parse_task
from visionocr.text import did_you_mean
from visionocr.types import Preset, Task

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class _Kind(Generic[_Item]):
    """A kind of file."""

    noun: str
    folder: str
    suffix: str
    parse: Callable[[str, str, str], _Item]
    """Makes an item of its name, its text and its origin."""


_PRESETS = _Kind("preset", "models", ".toml", parse_preset)
_TASKS = _Kind("task", "tasks", ".md", parse_task)


class Library:
    """Finds presets and tasks by name. ``folder`` is the user's config folder, or ``None``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._builtin = resources.files("visionocr.prompts")
        self._roots: list[Traversable] = [self._builtin] if folder is None else [self._builtin, folder]

    def preset(self, name: str) -> Preset:
        """The preset called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load(_PRESETS, name)

    def task(self, name: str) -> Task:
        """The task called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load(_TASKS, name)

    def presets(self) -> tuple[Preset, ...]:
        """All presets by name. Raises ``ConfigurationError`` when a file is wrong."""
        return tuple(_read(_PRESETS, name, *file) for name, file in self._files(_PRESETS).items())

    def tasks(self) -> tuple[Task, ...]:
        """All tasks by name. Raises ``ConfigurationError`` when a file is wrong."""
        return tuple(_read(_TASKS, name, *file) for name, file in self._files(_TASKS).items())

    def match(self, model: str) -> Match:
        """The preset for a *model* name that a server reports: the user's own first, else the fallback."""
        return match_preset(model, self.presets()) or Match(self.preset(FALLBACK), "")

    def batch_prompt(self) -> str:
        """The text that asks for page marks when several pages share a request."""
        return self._builtin.joinpath("batch.md").read_text("utf-8").strip()

    def extract_prompt(self) -> str:
        """The text that asks for a record, with the placeholder ``{{fields}}``."""
        return self._builtin.joinpath("extract.md").read_text("utf-8").strip()

    def _load(self, kind: _Kind[_Item], name: str) -> _Item:
        files = self._files(kind)
        if name not in files:  # also keeps a name from walking out of the folder
            raise ConfigurationError(f"there is no {kind.noun} {name!r}", did_you_mean(name, files))
        return _read(kind, name, *files[name])

    def _files(self, kind: _Kind[_Item]) -> dict[str, tuple[Traversable, str]]:
        """The files of a kind with their origins, in the order of their names; a user's file replaces ours."""
        files = {
            file.name.removesuffix(kind.suffix): (file, BUILTIN if root is self._builtin else str(file))
            for root in self._roots
            for file in _files_in(root.joinpath(kind.folder))
            if file.name.endswith(kind.suffix)
        }
        return dict(sorted(files.items()))


def _files_in(folder: Traversable) -> list[Traversable]:
    """The files of a folder; none where there is no such folder, or none that may be looked at."""
    try:
        if not folder.is_dir():
            return []
    except OSError:
        return []
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise ConfigurationError(f"cannot read the folder {folder}: {error.strerror}") from None


def _read(kind: _Kind[_Item], name: str, file: Traversable, origin: str) -> _Item:
    try:
        text = file.read_text("utf-8-sig")  # some editors on Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {kind.noun} {name!r} ({file}): {error}") from None
    return kind.parse(name, text, origin)

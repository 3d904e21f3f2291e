"""The presets and tasks at hand: those in the package, and the user's own, which win.

A user's files live in ``models/*.toml`` and ``tasks/*.md`` under the config folder.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from visionocr.errors import ConfigurationError
from visionocr.printable import did_you_mean
from visionocr.prompting.presets import BUILTIN as BUILTIN
from visionocr.prompting.presets import FALLBACK, Match, match_own_first, parse_preset
from visionocr.prompting.tasks import parse_task
from visionocr.types import Preset, Task

_Item = TypeVar("_Item")
_PRESETS = ("models", ".toml", parse_preset, "preset")
_TASKS = ("tasks", ".md", parse_task, "task")


class Library:
    """Finds presets and tasks by name. ``folder`` is the user's config folder, or ``None``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._roots: list[Traversable] = [] if folder is None else [folder]
        self._roots.append(resources.files("visionocr.prompts"))
        self._presets: tuple[Preset, ...] = ()
        """All of them, once they were asked for: parsing them takes longer than many a server's answer."""

    def preset(self, name: str) -> Preset:
        """The preset called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load(*_PRESETS, name)

    def task(self, name: str) -> Task:
        """The task called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load(*_TASKS, name)

    def presets(self) -> tuple[Preset, ...]:
        """All presets by name. Raises ``ConfigurationError`` when a file is wrong."""
        self._presets = self._presets or self._all(*_PRESETS)
        return self._presets

    def tasks(self) -> tuple[Task, ...]:
        """All tasks by name."""
        return self._all(*_TASKS)

    def match(self, model: str) -> Match:
        """The preset for a *model* name that a server reports: the user's own first, else the fallback."""
        return match_own_first(model, self.presets()) or Match(self.preset(FALLBACK), "")

    def batch_prompt(self) -> str:
        """The text that asks for page marks when several pages share a request."""
        return self._roots[-1].joinpath("batch.md").read_text("utf-8").strip()

    def _load(self, kind: str, suffix: str, parse: Callable[[str, str, str], _Item], spoken: str, name: str) -> _Item:
        files = self._files(kind, suffix)
        if name not in files:  # also keeps a name from walking out of the folder
            raise ConfigurationError(f"there is no {spoken} {name!r}", did_you_mean(name, files))
        return _read(name, *files[name], parse, spoken)

    def _all(self, kind: str, suffix: str, parse: Callable[[str, str, str], _Item], spoken: str) -> tuple[_Item, ...]:
        return tuple(_read(name, *found, parse, spoken) for name, found in self._files(kind, suffix).items())

    def _files(self, kind: str, suffix: str) -> dict[str, tuple[Traversable, str]]:
        """The files of a kind, and where each is from, by name and in the order of their names."""
        files = {
            file.name.removesuffix(suffix): (file, BUILTIN if root is self._roots[-1] else str(file))
            for root in reversed(self._roots)
            if root.joinpath(kind).is_dir()
            for file in root.joinpath(kind).iterdir()
            if file.name.endswith(suffix)
        }
        return dict(sorted(files.items()))


def _read(name: str, file: Traversable, origin: str, parse: Callable[[str, str, str], _Item], spoken: str) -> _Item:
    try:
        text = file.read_text("utf-8-sig")  # some editors on Windows begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {spoken} {name!r} ({file}): {error}") from None
    return parse(name, text, origin)

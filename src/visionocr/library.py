"""The presets and tasks at hand: those in the package, and the user's own, which win.

A user's files live in ``models/*.toml`` and ``tasks/*.md`` under the config folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class Library:
    """Finds presets and tasks by name. ``folder`` is the user's config folder, or ``None``."""

    def __init__(self, folder: Path | None = None) -> None:
        self._roots: list[Traversable] = [] if folder is None else [folder]
        self._roots.append(resources.files("visionocr.prompts"))
        self._presets: tuple[Preset, ...] = ()
        """All of them, once they were asked for: parsing them takes longer than many a server's answer."""

    def preset(self, name: str) -> Preset:
        """The preset called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load("models", ".toml", name, parse_preset, "preset")

    def task(self, name: str) -> Task:
        """The task called *name*. Raises ``ConfigurationError``, naming the nearest, when there is none."""
        return self._load("tasks", ".md", name, parse_task, "task")

    def presets(self) -> tuple[Preset, ...]:
        """All presets by name. Raises ``ConfigurationError`` when a file is wrong."""
        self._presets = self._presets or tuple(self.preset(name) for name in self._names("models", ".toml"))
        return self._presets

    def tasks(self) -> tuple[Task, ...]:
        """All tasks by name."""
        return tuple(self.task(name) for name in self._names("tasks", ".md"))

    def match(self, model: str) -> Match:
        """The preset for a *model* name that a server reports: the user's own first, else the fallback."""
        return match_own_first(model, self.presets()) or Match(self.preset(FALLBACK), "")

    def batch_prompt(self) -> str:
        """The text that asks for page marks when several pages share a request."""
        return self._roots[-1].joinpath("batch.md").read_text("utf-8").strip()

    def _load(self, kind: str, suffix: str, name: str, parse: Callable[[str, str, str], _Item], spoken: str) -> _Item:
        names = self._names(kind, suffix)
        if name not in names:  # also keeps a name from walking out of the folder
            raise ConfigurationError(f"there is no {spoken} {name!r}", did_you_mean(name, names))
        root = next(root for root in self._roots if name in set(_stems(root, kind, suffix)))
        file = root.joinpath(kind, name + suffix)
        try:
            text = file.read_text("utf-8-sig")  # some editors on Windows begin a file with a mark
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read {spoken} {name!r} ({file}): {error}") from None
        return parse(name, text, BUILTIN if root is self._roots[-1] else str(file))

    def _names(self, kind: str, suffix: str) -> tuple[str, ...]:
        return tuple(sorted({stem for root in self._roots for stem in _stems(root, kind, suffix)}))


def _stems(root: Traversable, kind: str, suffix: str) -> Iterator[str]:
    folder = root.joinpath(kind)
    if folder.is_dir():
        yield from (item.name.removesuffix(suffix) for item in folder.iterdir() if item.name.endswith(suffix))

"""All model files of a folder, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf.compatibility import Fit, Verdict, judge
from visionocr.gguf.facts import ModelFacts, ProjectorFacts
from visionocr.gguf.files import part_of
from visionocr.gguf.pair import inspect
from visionocr.text import printable
from visionocr.types import Preset

_FILES_MOST = 500
_ORDER = (Fit.FITS, Fit.UNKNOWN, Fit.DOUBTFUL, Fit.CANNOT_LOAD)
"""Best first."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that could not be read, and why."""

    path: Path
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a folder holds."""

    models: tuple[ModelFacts, ...]
    projectors: tuple[ProjectorFacts, ...]
    unreadable: tuple[Unreadable, ...]
    pairs: tuple[Verdict, ...]
    """Every model with every projector, model by model, the best pairs first."""

    def best(self, model: ModelFacts) -> Verdict | None:
        """The best pair of a model that a server would load."""
        return next((p for p in self.pairs if p.model is model and p.fit is not Fit.CANNOT_LOAD), None)


def examine_folder(folder: Path, presets: Sequence[Preset] = (), *, recursive: bool = False) -> Findings:
    """Read the headers of all GGUF files in *folder*, and judge every pair.

    Raises ``ConfigurationError`` when there are none, too many, or the folder cannot be read.
    """
    models: list[ModelFacts] = []
    projectors: list[ProjectorFacts] = []
    unreadable: list[Unreadable] = []
    for path in _files(folder, recursive):
        try:
            facts = inspect(path, presets)
        except ConfigurationError as error:
            unreadable.append(Unreadable(path, error.message, error.hint))
            continue
        (models if isinstance(facts, ModelFacts) else projectors).append(facts)  # type: ignore[arg-type]
    pairs = [
        verdict
        for model in models
        for verdict in sorted((judge(model, projector, presets) for projector in projectors), key=_rank)
    ]
    return Findings(tuple(models), tuple(projectors), tuple(unreadable), tuple(pairs))


def _rank(verdict: Verdict) -> tuple[int, bool, int, str]:
    """Best first; then the neighbour, then the one that shares most of its name's beginning."""
    assert verdict.projector is not None
    model, projector = verdict.model.path, verdict.projector.path
    pairs = zip(_bare(model), _bare(projector), strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return _ORDER.index(verdict.fit), model.parent != projector.parent, -alike, str(projector)


def _bare(path: Path) -> str:
    """A name for comparison, without the word that only projectors have."""
    return path.name.lower().replace("mmproj", "").strip("-_. ")


def _files(folder: Path, recursive: bool) -> list[Path]:
    files = []
    for path in _walk(folder, recursive):
        number, count = part_of(path)
        if path.suffix.lower() != ".gguf" or (number > 1 and _has_first(path, number, count)):
            continue
        files.append(path)
        if len(files) > _FILES_MOST:
            raise ConfigurationError(
                f"{printable(str(folder))} holds more than {_FILES_MOST} model files", "Name a folder further down."
            )
    if not files:
        deeper = "" if recursive else " Folders in it are looked at with -r."
        raise ConfigurationError(
            f"there are no GGUF files in {printable(str(folder))}", f"Their names end in .gguf.{deeper}"
        )
    return sorted(files)


def _has_first(path: Path, number: int, count: int) -> bool:
    return path.with_name(path.name.replace(f"-{number:05}-of-{count:05}", f"-00001-of-{count:05}")).exists()


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise ConfigurationError(f"cannot read {printable(str(error.filename))}: {error.strerror}") from None

    for here, folders, names in os.walk(folder, onerror=fail):
        yield from (Path(here, name) for name in names)
        if not recursive:
            return
        folders.sort()

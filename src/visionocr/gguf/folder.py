"""All model files of a folder, and which of them belong together."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from visionocr.errors import ConfigurationError
from visionocr.gguf.compatibility import Fit, Verdict, judge_pair
from visionocr.gguf.facts import ModelFacts, ProjectorFacts, load_facts
from visionocr.gguf.header import parse_part, part_path
from visionocr.text import printable
from visionocr.types import Preset

_FILES_MOST = 500
_ORDER = (Fit.FITS, Fit.UNKNOWN, Fit.DOUBTFUL, Fit.CANNOT_LOAD)
"""Best first."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a folder holds."""

    models: tuple[ModelFacts, ...]
    projectors: tuple[ProjectorFacts, ...]
    unreadable: Mapping[Path, ConfigurationError]
    """Files that could not be read, and why."""
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
    unreadable: dict[Path, ConfigurationError] = {}
    for path in _find_files(folder, recursive):
        try:
            facts = load_facts(path, presets)
        except ConfigurationError as error:
            unreadable[path] = error
            continue
        if isinstance(facts, ModelFacts):
            models.append(facts)
        else:
            projectors.append(facts)
    pairs = [
        verdict
        for model in models
        for verdict in sorted((judge_pair(model, projector, presets) for projector in projectors), key=_rank)
    ]
    return Findings(tuple(models), tuple(projectors), unreadable, tuple(pairs))


def _rank(verdict: Verdict) -> tuple[int, bool, int, str]:
    """Best first; then the neighbour, then the one that shares most of its name's beginning."""
    assert verdict.projector is not None
    model, projector = verdict.model.path, verdict.projector.path
    # without the word that only projectors have
    names = [path.name.lower().replace("mmproj", "").strip("-_. ") for path in (model, projector)]
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*names, strict=False)))
    return _ORDER.index(verdict.fit), model.parent != projector.parent, -shared, str(projector)


def _find_files(folder: Path, recursive: bool) -> list[Path]:
    """Whole model files and the first parts of split ones; a part whose first is missing stands for its model."""
    files: list[Path] = []
    for here, folders, names in os.walk(folder, onerror=_fail):
        if not recursive:
            folders.clear()
        for path in (Path(here, name) for name in names):
            is_later_part = parse_part(path)[0] > 1 and part_path(path, 1).exists()
            if path.suffix.lower() == ".gguf" and not is_later_part:
                files.append(path)
            if len(files) > _FILES_MOST:
                raise ConfigurationError(
                    f"{printable(str(folder))} holds more than {_FILES_MOST} model files",
                    "Give one of the folders in it.",
                )
    if not files:
        deeper = "" if recursive else " Folders in it are searched with -r."
        raise ConfigurationError(
            f"there are no GGUF files in {printable(str(folder))}", f"Their names end in .gguf.{deeper}"
        )
    return sorted(files)


def _fail(error: OSError) -> None:
    raise ConfigurationError(f"cannot read {printable(str(error.filename))}: {error.strerror}") from None
